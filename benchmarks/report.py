"""The results as a page: the part of README.md between two marks, and a plot beside it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.cases import US, Goal, Kernel
from benchmarks.contenders import CONTENDERS
from benchmarks.measure import Measurement, Spread
from benchmarks.plot import draw
from benchmarks.results import Results
from benchmarks.suites import SUITES
from benchmarks.tables import quantity, threads

__all__ = ["page", "write_report"]

BEGIN = "<!-- written by `python -m benchmarks report`: begin -->"
END = "<!-- written by `python -m benchmarks report`: end -->"
PLOT = "ratios.svg"


def write_report(results: Sequence[Results], folder: Path) -> None:
    """Replace the part between the marks in README.md, and draw the plot."""
    if not results:
        raise SystemExit("There are no results yet: run python -m benchmarks all --kernel both")
    readme = folder / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{readme.name} has no lines {BEGIN!r} and {END!r} to write between")
    readme.write_text(
        before + "\n".join([BEGIN, "", *page(results), "", END]) + after, encoding="utf-8"
    )
    draw(results, folder / PLOT)
    print(f"written: {readme.name}, {PLOT}")


def page(results: Sequence[Results]) -> Iterator[str]:
    """The lines of the results."""
    yield from _where(results)
    yield ""
    yield f"![Time of the others as a multiple of autodiff's]({PLOT})"
    yield ""
    yield "### Goals"
    yield ""
    yield (
        "What autodiff needs as a multiple of what the other needs: the median over the rounds of "
        "the ratio within a round, and its quartiles. Less is better."
    )
    yield ""
    yield from _goals(results)
    for suite, group in groupby(results, lambda result: result.suite):
        about = inspect.cleandoc(SUITES[suite].__doc__ or "")
        yield ""
        yield f"### {suite}"
        yield ""
        yield about
        for result in group:
            yield from _times(result)
    missing = sorted({line for result in results for line in _missing(result)})
    if missing:
        yield ""
        yield "### Missing"
        yield ""
        yield from missing


def _where(results: Sequence[Results]) -> Iterator[str]:
    """Machine, versions and kernels; what differs between files is listed with all its values."""
    places = [result.environment for result in results]

    def values(key: str) -> str:
        return ", ".join(dict.fromkeys(str(place[key]) for place in places))

    kernels = dict.fromkeys(map(_kernel, places))
    versions = {name: v for place in places for name, v in place["versions"].items()}
    yield "| | |"
    yield "|---|---|"
    yield f"| processor | {values('cpu')}, {values('processors')} cores, {values('system')} |"
    yield f"| load when the suites started | {values('load')} |"
    clocks = {m.clock for result in results for m in result.measurements}
    yield f"| clock | {', '.join(sorted(clocks))} |"
    yield f"| revision | {values('revision')} |"
    yield f"| Python | {values('python')} |"
    packages = ", ".join(f"{name} {v or 'missing'}" for name, v in versions.items())
    yield f"| packages | {packages} |"
    yield f"| BLAS | {'; '.join(kernels)} |"


def _kernel(place: dict[str, Any]) -> str:
    blas, asked = place["blas"], place["OPENBLAS_CORETYPE"]
    text = f"{place['kernel']} kernel: {blas['name']} {blas['version']}, {blas['kernel']}"
    return text + (f" (OPENBLAS_CORETYPE={asked})" if asked else "")


def _goals(results: Sequence[Results]) -> Iterator[str]:
    measured = {(m.case.key, m.kernel): m for r in results for m in r.measurements}
    yield "| case | against | goal | default kernel | fast kernel |"
    yield "|---|---|---|---|---|"
    for cases in SUITES.values():
        for case in cases():
            for against, goals in groupby(case.goals, lambda goal: goal.against):
                row = list(goals)
                cells = [
                    _verdict(measured.get((case.key, kernel)), row, kernel)
                    for kernel in ("default", "fast")
                ]
                limit = " / ".join(
                    _limit(goal, Measurement(case, "default").metric) for goal in row
                )
                name = f"{case.suite}: {case.name}"
                name += f", {threads(case.threads)}" if case.threads > 1 else ""
                yield f"| {name} | {against or ''} | {limit} | {cells[0]} | {cells[1]} |"


def _limit(goal: Goal, metric: str) -> str:
    return f"{goal.limit:g}" if goal.against else quantity(goal.limit, metric)


def _verdict(result: Measurement | None, goals: Iterable[Goal], kernel: Kernel) -> str:
    for goal in goals:
        if goal.kernel in (None, kernel) and result is not None:
            reached = result.reached(goal)
            if reached is None:
                return "missing"
            text = _ratio(reached) if goal.against else quantity(reached.median, result.metric)
            return f"{text} {'met' if reached.median <= goal.limit else '**not met**'}"
    return ""


def _ratio(ratio: Spread) -> str:
    return f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def _times(result: Results) -> Iterator[str]:
    """A table for every number of threads: cases downwards, contenders across."""
    for count, group in groupby(result.measurements, lambda m: m.case.threads):
        found = list(group)
        names = [n for n in CONTENDERS if any(n in m.case.contenders for m in found)]
        yield ""
        yield f"{threads(count).capitalize()}, {result.kernel} kernel:"
        yield ""
        yield f"| | {' | '.join(names)} |"
        yield "|---|" + "---:|" * len(names)
        for measurement in found:
            for metric, name in _metrics(measurement):
                cells = " | ".join(_cell(measurement, n, metric) for n in names)
                yield f"| {name} | {cells} |"


def _metrics(result: Measurement) -> Iterator[tuple[str, str]]:
    """What was measured, with a name for its row."""
    for metric in result.metrics(US) if US in result.rounds else [result.metric]:
        part = "" if metric == result.metric else f", {metric}"
        yield metric, result.case.name + part


def _cell(result: Measurement, contender: str, metric: str) -> str:
    if metric not in result.rounds.get(contender, {}):
        return "missing" if contender in result.missing else ""
    return quantity(result.value(contender, metric).median, metric)


def _missing(result: Results) -> Iterator[str]:
    for measurement in result.measurements:
        for contender, why in measurement.missing.items():
            yield f"- {contender} in {result.suite}, {measurement.case.name}: {why}"
