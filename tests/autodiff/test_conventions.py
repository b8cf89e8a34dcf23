"""Every row of the table of conventions holds, and so do its examples."""

from __future__ import annotations

import doctest
import math
import operator
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
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # log(0), the square root of 0
def test_convention(what: str, expression: str, value: str) -> None:
    names = {
        "ad": ad,
        "np": np,
        "math": math,
        "d": ad.grad,
        "F": ad.functions,
        "w": operator.setitem,
    }
    if "sp." in expression:
        names["sp"] = pytest.importorskip("scipy.special")
    expected = eval(value, names)
    if isinstance(expected, type):
        with pytest.raises(expected):
            eval(expression, names)
        return
    np.testing.assert_allclose(eval(expression, names), expected, rtol=1e-12, atol=1e-15)


def test_the_table_has_rows() -> None:
    assert len(rows()) > 100


def test_the_worked_example() -> None:
    failed, tried = doctest.testfile(str(TABLE), module_relative=False)
    assert (failed, tried) == (0, 11)


def test_the_worked_example_is_pytorchs_convention() -> None:
    torch = pytest.importorskip("torch")
    z = torch.tensor(1 + 2j, requires_grad=True)
    (z.abs() ** 2).backward()
    assert z.grad.item() == pytest.approx(2 + 4j)
