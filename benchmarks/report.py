"""The results as a page: the part of README.md between two marks, and a plot beside it."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from autodiff.info import FAST_KERNEL
from benchmarks.cases import US, Case, Goal, Kernel
from benchmarks.contenders import CONTENDERS
from benchmarks.measure import Measurement, Spread
from benchmarks.plot import draw
from benchmarks.profiles import PAGE, Profile, anchor, write_profiles
from benchmarks.results import Results
from benchmarks.suites import SUITES
from benchmarks.tables import quantity, threads

__all__ = ["page", "write_report"]

BEGIN = "<!-- written by `python -m benchmarks report`: begin -->"
END = "<!-- written by `python -m benchmarks report`: end -->"
PLOT = "ratios.svg"
KERNELS: tuple[Kernel, ...] = ("default", "fast")


def write_report(results: Sequence[Results], profiles: Sequence[Profile], folder: Path) -> None:
    """Replace the part between the marks in README.md, draw the plot, and write the profiles."""
    if not results:
        raise SystemExit("There are no results yet: run python -m benchmarks all --kernel both")
    readme = folder / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(BEGIN)
    _, found, after = rest.partition(END)
    if not found:
        raise SystemExit(f"{readme.name} has no lines {BEGIN!r} and {END!r} to write between")
    readme.write_text(
        before + "\n".join([BEGIN, "", *page(results, profiles), "", END]) + after,
        encoding="utf-8",
    )
    draw(results, folder / PLOT)
    if profiles:
        write_profiles(profiles, folder)
    print(f"written: {readme.name}, {PLOT}{f', {PAGE}' if profiles else ''}")


def page(results: Sequence[Results], profiles: Sequence[Profile]) -> Iterator[str]:
    """The lines of the results."""
    yield from _where(results)
    yield ""
    yield f"![Time of the others as a multiple of autodiff's]({PLOT})"
    yield ""
    yield "### Goals"
    yield ""
    yield (
        "What autodiff needs as a multiple of what the other needs: the median over the rounds of "
        'the ratio within a round, and its quartiles. Less is better. "NumPy by hand" is the '
        "same multiple for the better of `numpy` and `numpy-best`: where it lies above the goal, "
        "no engine that calls NumPy as they do can meet it."
    )
    yield ""
    if any(_is_fast(result) and result.kernel == "default" for result in results):
        yield (
            "Here OpenBLAS picks its fast kernel without being asked, so that goals for either "
            "kernel are compared with the same measurement."
        )
        yield ""
    yield from _goals(results, profiles)
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


@dataclass(frozen=True)
class Outcome:
    """A goal and what was measured; without a result, it was not."""

    case: Case
    goal: Goal
    result: Measurement | None
    kernel: Kernel | None  # to be named; None is each

    @property
    def reached(self) -> Spread | None:
        return self.result.reached(self.goal) if self.result else None

    @property
    def by_hand(self) -> float | None:
        return self.result.by_hand(self.goal) if self.result else None

    @property
    def met(self) -> bool:
        return self.reached is not None and self.reached.median <= self.goal.limit

    @property
    def below_hand(self) -> bool:
        """Whether NumPy by hand does not meet the goal either."""
        return self.by_hand is not None and self.by_hand > self.goal.limit

    def row(self, profile: str) -> str:
        """A row of the table; `profile` is a link, or empty."""
        metric, goal = Measurement(self.case, "default").metric, self.goal
        reached, hand = "", "" if self.by_hand is None else f"{self.by_hand:.2f}"
        verdict = "not measured"
        if self.reached is not None:
            ratio = goal.against is not None
            reached = _ratio(self.reached) if ratio else quantity(self.reached.median, metric)
            verdict = "met" if self.met else "**not met**"
            if not self.met:
                verdict += f"; NumPy by hand needs {hand}" if self.below_hand else ""
                verdict += profile
        name = self.case.title + (f", {self.kernel} kernel" if self.kernel else "")
        limit = f"{goal.limit:g}" if goal.against else quantity(goal.limit, metric)
        return f"| {name} | {goal.against or ''} | {limit} | {reached} | {hand} | {verdict} |"


def _outcomes(results: Sequence[Results]) -> Iterator[Outcome]:
    """All goals, in the order of the suites."""
    measured: dict[tuple[tuple[str, str, int], Kernel], Measurement] = {}
    for result in results:
        for m in result.measurements:
            measured[m.case.key, result.kernel] = m
            if _is_fast(result):
                measured.setdefault((m.case.key, "fast"), m)
    for cases in SUITES.values():
        for case in cases():
            for goal in case.goals:
                kernels: tuple[Kernel, ...] = (goal.kernel,) if goal.kernel else KERNELS
                found = {k: measured[case.key, k] for k in kernels if (case.key, k) in measured}
                same = len({id(m) for m in found.values()}) < 2
                if same and not goal.kernel:
                    yield Outcome(case, goal, next(iter(found.values()), None), None)
                    continue
                for kernel in kernels:
                    yield Outcome(case, goal, found.get(kernel), kernel)


def _goals(results: Sequence[Results], profiles: Sequence[Profile]) -> Iterator[str]:
    profiled = {profile.case.key for profile in profiles if profile.kernel == "default"}
    outcomes = list(_outcomes(results))
    measured = [c for c in outcomes if c.reached]
    missed = [c for c in measured if not c.met]
    beyond = sum(c.below_hand for c in missed)
    yield (
        f"{len(measured) - len(missed)} of {len(measured)} are met. Of the {len(missed)} others, "
        f"{beyond} ask for less than NumPy by hand needs."
    )
    yield ""
    yield "| case | against | goal | autodiff | NumPy by hand | |"
    yield "|---|---|---:|---:|---:|---|"
    for outcome in outcomes:
        case = outcome.case
        link = f" ([profile]({PAGE}#{anchor(case)}))" if case.key in profiled else ""
        yield outcome.row(link)


def _is_fast(result: Results) -> bool:
    """Whether OpenBLAS used the kernel that ``--kernel fast`` asks for."""
    return str(result.environment["blas"]["kernel"]).upper() == FAST_KERNEL


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
