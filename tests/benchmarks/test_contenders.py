"""All contenders compute the same: a benchmark of different work would compare nothing."""

import importlib
from typing import Any

import numpy as np
import pytest

from benchmarks.cases import US, Case
from benchmarks.contenders import CONTENDERS
from benchmarks.plot import LOOKS
from benchmarks.suites import MYGRAD, SUITES

CASES = [case for suite in SUITES.values() for case in suite() if case.style != "import"]
COMPUTING = [case for case in CASES if case.kind not in ("deep", "growth", "graph")]
COMPILED = "torch-compile"  # the same program as torch, but minutes of compiling


def result(case: Case, contender: str) -> list[np.ndarray]:
    """What a step of a small version of the case gives."""
    entry = CONTENDERS[contender]
    pytest.importorskip(entry.imports.partition(".")[0])
    module = importlib.import_module(f"benchmarks.contenders.{entry.module}")
    step = getattr(module, case.kind)(**{**case.arguments, **case.smoke}, **entry.settings)
    found: Any = step()
    return [np.asarray(a) for a in (found if isinstance(found, list | tuple) else [found])]


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def reference(case: Case) -> str:
    return next(name for name in ("numpy", "torch", US) if name in case.contenders)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("case", "contender"),
    [
        pytest.param(case, name, id=f"{case.suite}, {case.name}, {name}")
        for case in COMPUTING
        for name in case.contenders
        if case.threads == 1 and name not in (reference(case), COMPILED)
    ],
)
def test_contenders_compute_the_same(case: Case, contender: str) -> None:
    expected = result(case, reference(case))
    found = result(case, contender)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b.reshape(a.shape), rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.suite}, {case.name}")
def test_every_contender_of_a_case_is_known(case: Case) -> None:
    assert case.contenders[0] == US
    assert {*case.contenders} <= {*CONTENDERS}
    assert {goal.against for goal in case.goals} <= {None, *case.contenders}


def test_every_contender_has_a_look_in_the_plot() -> None:
    assert {*LOOKS} == {*CONTENDERS} - {US}


def test_mygrad_has_the_same_goals_with_memory_guarding_and_without() -> None:
    for case in CASES:
        limits = [{g.limit for g in case.goals if g.against == name} for name in MYGRAD]
        assert limits[0] == limits[1]


def test_cases_have_different_names() -> None:
    assert len({case.key for case in CASES}) == len(CASES)
