"""Profiles of autodiff's steps: taking them, keeping them as JSON, and writing them as a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import US, Case, Kernel
from benchmarks.measure import Settings, prepare
from benchmarks.pool import Pool
from benchmarks.results import write
from benchmarks.suites import SUITES
from benchmarks.tables import quantity

__all__ = ["PAGE", "Profile", "anchor", "load_profiles", "save_profiles", "take", "write_profiles"]

PAGE = "PROFILES.md"
ROWS = 10  # the others are summed up
LONGEST = 100_000  # operations; a profile keeps every call of a step

ABOUT = f"""# Where the time goes

Written by `python -m benchmarks profile` and `python -m benchmarks report`: one step of every
case of autodiff, taken apart in the process that is timed as autodiff, with the same program
(`contenders/engine.py`).

- "forward", "backward" and "update" are what comes before `backward()`, that call, and the
  optimizer's step, from a clock around each. "Rest" is what comes after.
- "tanh" in "forward" is the forward function of the primitive alone, and "tanh, rule for x" in
  "backward" its rule alone. One step is watched by an observer of the engine; then its calls are
  made again, one after the other with one another's results, without the engine. These are nearly
  all NumPy. "Undoing of broadcasting" and "sums of cotangents" are NumPy's too, on the walk's
  behalf.
- What is left of each phase is the engine's own Python: "recording, layers" and "walk". It is
  found by subtraction, so it holds the errors of all others, and may come out below 0 where
  products take nearly everything.
- The {ROWS} longest rows are shown; the others are summed up.
- The functions below a table are those with the longest time of their own under cProfile, which
  makes short functions look longer than they are, and counts NumPy's time for the caller.
- What the instrument costs stands with every table: a step with its clocks beside one without,
  and how many times as long it took under cProfile. What reading the clock takes in each of the
  repeated calls (in its place, with the same arguments) is subtracted.
- Of several rounds the lower quartile counts. With one thread, steps and phases are timed with the
  clock of the process, which stands still while other programs have the processor.
"""


@dataclass(frozen=True)
class Profile:
    """Where the time of one step goes; all times in seconds.

    rows: (phase, part, number of calls, seconds); they add up to `step`.
    functions: (name, calls, share of the time), under cProfile.
    bare: a step without clocks. slowdown: under cProfile, as a multiple of that.
    """

    case: Case
    environment: Mapping[str, Any]
    bare: float
    step: float
    rows: Sequence[tuple[str, str, int, float]]
    functions: Sequence[tuple[str, int, float]]
    slowdown: float

    @property
    def kernel(self) -> Kernel:
        """Of OpenBLAS."""
        return self.environment["kernel"]

    def lines(self) -> Iterator[str]:
        """A table in Markdown, and what it costs."""
        unit = f", {self.case.per:,} operations" if self.case.per > 1 else ""
        yield f"One step{unit}: {quantity(self.step, 'elapsed')}."
        yield ""
        yield "| | | calls | time | share |"
        yield "|---|---|---:|---:|---:|"
        longest = sorted(self.rows, key=lambda row: -row[3])[:ROWS]
        shown = [row for row in self.rows if row in longest]
        others = [row for row in self.rows if row not in longest]
        if others:
            shown.append(("other", "", 0, sum(seconds for *_, seconds in others)))
        before = ""
        for phase, part, calls, seconds in shown:
            time = f"{'-' if seconds < 0 else ''}{quantity(abs(seconds), 'elapsed')}"
            share = f"{seconds / self.step:.1%}"
            first = phase if phase != before else ""
            yield f"| {first} | {part} | {calls or ''} | {time} | {share} |"
            before = phase
        yield ""
        yield "Python functions: " + ", ".join(
            f"`{name}` {share:.0%}" + (f" ({calls:,} calls)" if calls > 1 else "")
            for name, calls, share in self.functions
        )
        yield (
            f"(with cProfile, {self.slowdown:.1f} times as long). "
            f"Without clocks a step took {quantity(self.bare, 'elapsed')}."
        )


def take(case: Case, pool: Pool, where: Mapping[str, Any], settings: Settings) -> Profile | None:
    """The profile of a case; None if it has no step to take apart. Raises Failed."""
    if case.style != "time" or case.kind == "growth" or case.per > LONGEST:
        return None
    worker = pool.get(US, case.threads)
    prepare(case, worker, settings)
    found = worker.ask(profile=settings.profile_seconds)
    return Profile(case, where, **found)


def anchor(case: Case) -> str:
    """Where a page of profiles has this case.

    >>> anchor(Case("scalars", "MLP(2, [16, 1]), one sample", "", ()))
    'scalars-mlp2-16-1-one-sample'
    """
    return re.sub(r"[^\w\- ]", "", case.title.lower()).replace(" ", "-")


def save_profiles(folder: Path, suite: str, profiles: Sequence[Profile]) -> Path:
    """Write a file, of profiles from the same environment, and return its path."""
    where = profiles[0].environment
    content = {
        "environment": where,
        "profiles": [
            {
                "case": profile.case.name,
                "threads": profile.case.threads,
                "bare": profile.bare,
                "step": profile.step,
                "rows": profile.rows,
                "functions": profile.functions,
                "slowdown": profile.slowdown,
            }
            for profile in profiles
        ],
    }
    return write(folder / f"profile-{suite}-{where['kernel']}.json", content)


def load_profiles(folder: Path) -> list[Profile]:
    """All profiles in a folder, in the order of the suites; those of lost cases are left out."""
    found = []
    for suite, cases in SUITES.items():
        known = {case.key: case for case in cases()}
        for path in sorted(folder.glob(f"profile-{suite}-*.json")):
            content = json.loads(path.read_text(encoding="utf-8"))
            for entry in content["profiles"]:
                case = known.get((suite, entry.pop("case"), entry.pop("threads")))
                if case is not None:
                    found.append(Profile(case, content["environment"], **entry))
    return found


def write_profiles(profiles: Sequence[Profile], folder: Path) -> None:
    """Write the page."""
    places = dict.fromkeys(
        f"revision {place['revision']}, {place['cpu']}, {place['python']}, load {place['load']}"
        for place in (profile.environment for profile in profiles)
    )
    lines = [ABOUT, f"Taken at: {'; '.join(places)}.", ""]
    for profile in profiles:
        kernel = "" if profile.kernel == "default" else f", {profile.kernel} kernel"
        lines += [f"## {profile.case.title}{kernel}", "", *profile.lines(), ""]
    (folder / PAGE).write_text("\n".join(lines), encoding="utf-8")
