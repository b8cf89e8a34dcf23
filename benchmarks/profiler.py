"""Where the time of a step of autodiff goes; runs in the worker that is timed as autodiff.

Three measurements of the same step, and what each of them costs:

1. The step with the clock read around ``backward`` and around the optimizer's step: its phases.
2. The step's `Script`, which does without the engine what the step makes NumPy do. What a phase
   takes beyond that is the engine's own: recording and layers, or the walk back.
3. The step under cProfile, which names the Python functions that this consists of.

Of several rounds the lower quartile counts, which other programs disturb less than the median; and
with one thread, steps and phases are timed with the clock of the process.
"""

from __future__ import annotations

import cProfile
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import repeat
from pathlib import Path
from statistics import quantiles
from time import perf_counter
from types import CodeType
from typing import Any
from unittest import mock

import autodiff as ad
from benchmarks.script import Piece, watched

__all__ = ["profile"]

FUNCTIONS = 5  # so many are named
ROUNDS = 300  # at most
# What a phase takes beyond the calls of the script.
PHASES = {
    "forward": "recording, layers",
    "backward": "walk",
    "update": "optimizer",
    "rest": "results, freeing of the graph",
}

Clock = Callable[[], float]
Row = tuple[str, str, int, float]  # phase, part, number of calls, seconds


def profile(step: Callable[[], Any], seconds: float, clock: Clock = perf_counter) -> dict[str, Any]:
    """The profile of a step that is in its stride; takes about so long, at least three rounds.

    In the result, ``rows`` are (phase, part, number of calls, seconds) and add up to ``step``, the
    seconds of a step with the clocks of its phases; ``bare`` is one without. ``functions`` are
    (name, calls, share of the step), measured with a step that took ``slowdown`` times as long.
    """
    gc.collect()
    script = watched(step)
    start = perf_counter()
    step()
    rounds = min(max(3, round(seconds / 4 / (perf_counter() - start))), ROUNDS)
    bare = [_seconds(step, clock) for _ in repeat(None, rounds)]
    phases, replays, nothings = [], [], []
    with clocks_around_phases(clock) as spent:
        for _ in repeat(None, rounds):
            step()  # after a replay, the caches are the step's again
            spent.clear()
            phases.append(_phases(step, spent, clock))
            replays.append(script.replay())
            nothings.append(script.replay_nothing())
    bare += [_seconds(step, clock) for _ in repeat(None, rounds)]
    times = {name: _typical([phase[name] for phase in phases]) for name in PHASES}
    costs = [
        _typical(full) - _typical(empty)
        for full, empty in zip(zip(*replays, strict=True), zip(*nothings, strict=True), strict=True)
    ]
    functions, slowdown = python_functions(step, rounds, _typical(bare), clock)
    return {
        "bare": _typical(bare),
        "step": sum(times.values()),
        "rows": _rows(script.pieces, costs, times),
        "functions": functions,
        "slowdown": slowdown,
    }


# ---------------------------------------------------------------- the phases


@contextmanager
def clocks_around_phases(clock: Clock) -> Iterator[dict[str, float]]:
    """How long each phase took, in seconds, and when the backward pass began ("began")."""
    spent: dict[str, float] = {}

    def clocked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = clock()
            result = function(*args, **kwargs)
            spent[name] = clock() - start
            if name == "backward":
                spent["began"] = start
            return result

        return call

    with ExitStack() as stack:
        methods = {"backward": (ad.Tensor, "backward")}
        if "nn" in sys.modules:
            methods["update"] = (sys.modules["nn"].optim.Optimizer, "step")
        for name, (owner, method) in methods.items():
            replacement = clocked(name, getattr(owner, method))
            stack.enter_context(mock.patch.object(owner, method, replacement))
        yield spent


def _phases(step: Callable[[], Any], spent: dict[str, float], clock: Clock) -> dict[str, float]:
    start = clock()
    step()
    whole = clock() - start
    result = {
        "forward": spent.get("began", start) - start,
        "backward": spent.get("backward", 0.0),
        "update": spent.get("update", 0.0),
    }
    return {**result, "rest": whole - sum(result.values())}


# ---------------------------------------------------------------- the rows


def _rows(pieces: list[Piece], costs: list[float], times: dict[str, float]) -> list[Row]:
    rows: dict[tuple[str, str], tuple[int, float]] = {}
    for piece, cost in zip(pieces, costs, strict=True):
        number, total = rows.get((piece.phase, piece.part), (0, 0.0))
        rows[piece.phase, piece.part] = number + 1, total + cost
    for phase, part in PHASES.items():
        inside = sum(cost for (of, _), (_, cost) in rows.items() if of == phase)
        if times[phase]:
            rows[phase, part] = 0, times[phase] - inside
    found = [(phase, part, number, cost) for (phase, part), (number, cost) in rows.items()]
    return sorted(found, key=lambda row: [*PHASES].index(row[0]))


# ---------------------------------------------------------------- Python functions


def python_functions(
    step: Callable[[], Any], rounds: int, bare: float, clock: Clock
) -> tuple[list[tuple[str, int, float]], float]:
    """The functions with the longest times of their own, as (name, calls in a step, share).

    Also how many times as long a step takes under cProfile. The time that NumPy computes counts
    for the function that calls it, unless NumPy has a function for it that cProfile can see.
    """
    profiler = cProfile.Profile()
    start = clock()
    profiler.enable()
    for _ in repeat(None, rounds):
        step()
    profiler.disable()
    slowdown = (clock() - start) / rounds / bare
    entries: list[Any] = profiler.getstats()
    total = sum(entry.inlinetime for entry in entries)
    entries.sort(key=lambda entry: -entry.inlinetime)
    return [
        (_name(entry.code), round(entry.callcount / rounds), entry.inlinetime / total)
        for entry in entries[:FUNCTIONS]
    ], slowdown


def _name(code: CodeType | str) -> str:
    """Of a function: where it stands, or that it is generated or built in."""
    if isinstance(code, str):
        return code.strip("<>").removeprefix("built-in method ")
    if code.co_filename.startswith("<autodiff "):
        return f"{code.co_qualname} (generated)"
    return f"{code.co_qualname} ({Path(code.co_filename).name})"


def _typical(values: Sequence[float]) -> float:
    """The lower quartile."""
    return quantiles(values, method="inclusive")[0]


def _seconds(step: Callable[[], Any], clock: Clock) -> float:
    start = clock()
    step()
    return clock() - start
