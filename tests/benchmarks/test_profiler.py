"""A profile takes a step apart without losing anything of it."""

from typing import Any

import numpy as np
import pytest

import autodiff as ad
from autodiff.engine.graph import Parts
from autodiff.engine.modes import observing
from benchmarks.cases import Case
from benchmarks.contenders import engine
from benchmarks.profiler import profile
from benchmarks.profiles import LONGEST
from benchmarks.script import Script, Watcher
from benchmarks.suites import SUITES

CASES = [
    case
    for suite in SUITES.values()
    for case in suite()
    if case.style == "time" and case.kind != "growth" and case.per <= LONGEST and case.threads == 1
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_script_computes_the_gradients_of_the_step(case: Case) -> None:
    step = getattr(engine, case.kind)(**{**case.arguments, **case.smoke})
    watcher = Watcher()
    with observing(watcher):
        step()
    expected = {n: g for n, g in watcher.cotangents.items() if not isinstance(g, Parts)}
    script = Script(watcher.calls, watcher.cotangents)
    root = next(iter(expected), None)
    assert {*script.arrived} == {*expected} - {root}
    for node, (g, _) in script.arrived.items():
        np.testing.assert_allclose(g, expected[node], rtol=1e-5, atol=1e-6)
    assert len(script.replay()) == len(script.replay_nothing()) == len(script.pieces)


def test_the_same_function_is_called_as_often_as_in_the_step() -> None:
    rows = profile(engine.chain("muladd", 3, 10), 0)["rows"]
    calls = {(phase, part): number for phase, part, number, _ in rows}
    assert calls["forward", "multiply"] == calls["backward", "multiply, rule for b"] == 5
    assert calls["backward", "sums of cotangents"] == 8  # 4 for each of w and b
    assert calls["backward", "undoing of broadcasting"] == 1  # of the sum


def test_rows_add_up_to_the_step() -> None:
    found = profile(engine.mlp(2, "sgd"), 0)
    assert sum(seconds for *_, seconds in found["rows"]) == pytest.approx(found["step"])
    assert {phase for phase, *_ in found["rows"]} == {"forward", "backward", "update", "rest"}


def test_several_results_and_sequences_are_followed() -> None:
    x = ad.tensor(np.arange(6.0), requires_grad=True)

    def step() -> Any:
        x.grad = None
        parts = np.split(x * x, 3)
        np.concatenate([parts[2], parts[0], parts[2]]).sum().backward()
        return x.grad

    watcher = Watcher()
    with observing(watcher):
        gradient = step()
    script = Script(watcher.calls, watcher.cotangents)
    np.testing.assert_array_equal(script.arrived[x.node][0], gradient)
    script.replay()
