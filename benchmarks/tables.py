"""Results as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.cases import US, Kernel
from benchmarks.compare import Comparison
from benchmarks.measure import Measurement, Spread

__all__ = ["comparison", "quantity", "terminal", "threads"]

SCALES = {
    "time": ((1, "s"), (1e-3, "ms"), (1e-6, "µs"), (0, "ns")),
    "bytes": ((2**20, "MiB"), (2**10, "KiB"), (0, "B")),
}


def quantity(value: float, metric: str) -> str:
    """A duration, a size or a plain number, to three digits.

    >>> quantity(1.234e-6, "elapsed"), quantity(5 * 2**20, "bytes"), quantity(1.0, "growth")
    ('1.23 µs', '5 MiB', '1')
    """
    if metric == "growth":
        return f"{value:.3g}"
    scales = SCALES["bytes" if metric == "bytes" else "time"]
    scale, name = next((scale, name) for scale, name in scales if value >= scale)
    return f"{value / (scale or (1 if metric == 'bytes' else 1e-9)):.3g} {name}"


def threads(count: int) -> str:
    """In words."""
    return f"{count} thread{'s' if count > 1 else ''}"


def terminal(result: Measurement) -> Iterator[str]:
    """The lines of a case: what every contender needs, and what autodiff needs beside it."""
    case = result.case
    goals = {goal.against: goal for goal in case.goals if goal.kernel in (None, result.kernel)}
    yield f"{case.suite}: {case.name} ({threads(case.threads)}, {result.kernel} kernel)"
    for contender in case.contenders:
        if contender in result.missing:
            yield f"  {contender:16} missing: {result.missing[contender]}"
        if contender not in result.rounds:
            continue
        for metric in result.metrics(contender):
            own = result.value(contender, metric)
            line = f"  {contender:16} {'' if metric == result.metric else metric:9}"
            line += f"{quantity(own.median, metric):>9}"
            line += f"  [{quantity(own.low, metric)} .. {quantity(own.high, metric)}]"
            if contender != US and US in result.rounds:
                line = f"{line:60} ratio {_ratio(result.ratio(contender, metric))}"
            goal = goals.get(None if contender == US else contender)
            reached = result.reached(goal) if goal else None
            if goal and reached and metric == result.metric:
                verdict = "met" if reached.median <= goal.limit else "NOT MET"
                line = f"{line:60}  goal {goal.limit:g}: {verdict}"
            yield line


def _ratio(ratio: Spread) -> str:
    return f"{ratio.median:.2f} [{ratio.low:.2f} .. {ratio.high:.2f}]"


def comparison(result: Comparison, kernel: Kernel, tolerance: float) -> str:
    """One line: a case of this tree beside another."""
    case = result.case
    name = f"{case.suite}: {case.name} ({threads(case.threads)}, {kernel} kernel)"
    if result.ratio is None:
        return f"{name:64} failed: " + "; ".join(f"{k}: {v}" for k, v in result.failed.items())
    return f"{name:64} {_ratio(result.ratio)}{'  SLOWER' if result.slower(tolerance) else ''}"
