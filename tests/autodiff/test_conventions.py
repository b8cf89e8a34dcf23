"""Every row of the table of conventions holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import autodiff as ad

TABLE = Path(ad.__file__).with_name("CONVENTIONS.md")


def rows() -> list[tuple[str, str, str]]:
    lines = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if "| `" in line]
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    return [
        (what, expression.strip("`"), value.strip("`")) for what, expression, value, *_ in cells
    ]


@pytest.mark.parametrize(("what", "expression", "value"), rows(), ids=[row[0] for row in rows()])
def test_convention(what: str, expression: str, value: str) -> None:
    names = {"ad": ad, "np": np, "d": ad.grad, "F": ad.functions}
    with np.errstate(divide="ignore"):  # log(0) in a branch that is not taken
        found = eval(expression, names)
    np.testing.assert_allclose(found, eval(value, names), rtol=1e-12)


def test_the_table_has_rows() -> None:
    assert len(rows()) > 25
