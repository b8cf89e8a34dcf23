"""Measuring a case: the contenders in alternation, one repetition each, round after round."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import median, quantiles

from benchmarks.cases import BY_HAND, US, Case, Clock, Goal, Kernel
from benchmarks.imports import import_seconds
from benchmarks.pool import Failed, Pool, WorkerProcess

__all__ = [
    "Measurement",
    "Settings",
    "Spread",
    "measure",
    "prepare",
    "repetition",
    "rounds_of",
    "spread",
]

Repetition = Callable[[], Mapping[str, float]]  # one number for every metric


@dataclass(frozen=True)
class Settings:
    """How thorough a run is."""

    clock: Clock = "elapsed"  # or that of the processor, which other programs disturb less
    rounds: int = 21
    repetition_seconds: float = 0.02  # as many steps in one repetition as take this long
    warm_up_seconds: float = 0.2
    profile_seconds: float = 2.0
    smoke: bool = False


@dataclass(frozen=True)
class Spread:
    """The median, and the quartiles around it."""

    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Of one number for every round.

    >>> spread([3.0, 1.0, 2.0])
    Spread(median=2.0, low=1.5, high=2.5)
    """
    if len(values) == 1:
        return Spread(values[0], values[0], values[0])
    low, middle, high = quantiles(values, method="inclusive")
    return Spread(middle, low, high)


@dataclass
class Measurement:
    """What came out for a case: per contender and metric, one number for every round."""

    case: Case
    kernel: Kernel
    clock: Clock = "elapsed"  # by which cases with one thread are compared
    rounds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)  # why, by contender

    @property
    def metric(self) -> str:
        """What is compared: a clock, "bytes", or "growth"."""
        if self.case.style in ("traced", "resident"):
            return "bytes"
        if self.case.kind == "growth":
            return "growth"
        measured = self.case.style == "time" and self.case.threads == 1
        return self.clock if measured else "elapsed"

    def metrics(self, contender: str) -> list[str]:
        """What is shown: the compared one, and the parts that a step measured itself."""
        parts = set(self.rounds[contender]) - {"elapsed", "processor", self.metric}
        return [self.metric, *sorted(parts, reverse=True)]

    def value(self, contender: str, metric: str | None = None) -> Spread:
        """Of one operation, if a step holds several."""
        values = self.rounds[contender][metric or self.metric]
        return spread([value / self.case.per for value in values])

    def ratio(self, against: str, metric: str | None = None, of: str = US) -> Spread:
        """What `of` needs as a multiple of what the other needs, pair by pair."""
        metric = metric or self.metric
        ours, theirs = self.rounds[of][metric], self.rounds[against][metric]
        return spread([a / b if b else math.inf for a, b in zip(ours, theirs, strict=True)])

    def reached(self, goal: Goal) -> Spread | None:
        """What is to be compared with the goal, or None if it was not measured."""
        if US not in self.rounds or goal.against not in (None, *self.rounds):
            return None
        return self.ratio(goal.against) if goal.against else self.value(US)

    def by_hand(self, goal: Goal) -> float | None:
        """What NumPy without an engine needs, compared in the same way; the better of its ways."""
        if goal.against not in self.rounds:
            return None
        ratios = (self.ratio(goal.against, of=name) for name in BY_HAND if name in self.rounds)
        return min((ratio.median for ratio in ratios), default=None)


def measure(
    case: Case, pool: Pool, settings: Settings, contenders: Iterable[str] | None = None
) -> Measurement:
    """Measure a case with its contenders, or with those of them that are given."""
    result = Measurement(case, pool.kernel, settings.clock)
    repetitions: dict[str, Repetition] = {}
    for contender in case.contenders:
        if contenders is not None and contender not in contenders:
            continue
        try:
            repetitions[contender] = _prepare(case, contender, pool, settings)
        except Failed as failure:
            result.missing[contender] = str(failure)
    count = min(settings.rounds, case.rounds)
    result.rounds = rounds_of(repetitions, count, result.missing)
    return result


def rounds_of(
    repetitions: Mapping[str, Repetition], count: int, failed: dict[str, str]
) -> dict[str, dict[str, list[float]]]:
    """Each of the repetitions once in every round; who fails is out, and noted in `failed`."""
    rounds: dict[str, dict[str, list[float]]] = {name: {} for name in repetitions}
    for _ in range(count):
        for name in list(rounds):
            try:
                answer = repetitions[name]()
            except Failed as failure:
                failed[name] = str(failure)
                del rounds[name]
                continue
            for metric, value in answer.items():
                rounds[name].setdefault(metric, []).append(value)
    return rounds


def _prepare(case: Case, contender: str, pool: Pool, settings: Settings) -> Repetition:
    """Everything that comes before the first round. Raises Failed."""
    if case.style == "import":
        import_seconds(contender)  # compiles the modules, and brings them into memory
        return lambda: {"elapsed": import_seconds(contender)}
    if case.style == "resident":
        grown = partial(_resident, case, contender, pool, settings)
        grown()
        return grown
    return repetition(case, pool.get(contender, case.threads), settings)


def prepare(case: Case, worker: WorkerProcess, settings: Settings) -> None:
    """Make a worker ready for the case. Raises Failed."""
    worker.ask(
        prepare=case.kind, arguments=_arguments(case, settings.smoke), warm=settings.warm_up_seconds
    )


def repetition(case: Case, worker: WorkerProcess, settings: Settings) -> Repetition:
    """A worker made ready for the case, and what to ask it in every round. Raises Failed."""
    prepare(case, worker, settings)
    if case.style == "traced":
        return partial(worker.ask, traced=case.steps)
    once = median(worker.ask(time=1)["elapsed"] for _ in range(1 if settings.smoke else 3))
    return partial(worker.ask, time=max(1, round(settings.repetition_seconds / once)))


def _resident(case: Case, contender: str, pool: Pool, settings: Settings) -> Mapping[str, float]:
    """How far a process grows that has so far done the same only on a small scale."""
    with pool.fresh(contender, case.threads) as worker:
        worker.ask(
            prepare=case.kind, arguments=_arguments(case, True), warm=settings.warm_up_seconds
        )
        worker.ask(prepare=case.kind, arguments=_arguments(case, settings.smoke), warm=None)
        return worker.ask(resident=case.steps)


def _arguments(case: Case, smoke: bool) -> dict[str, object]:
    return {**case.arguments, **(case.smoke if smoke else {})}
