"""What a measurement is, and what a goal is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["BY_HAND", "US", "Case", "Clock", "Goal", "Kernel", "Style", "at_most"]

US = "autodiff"
BY_HAND = ("numpy", "numpy-best")  # the contenders that do without an engine
Kernel = Literal["default", "fast"]
Clock = Literal["elapsed", "processor"]
Style = Literal["time", "traced", "resident", "import"]


@dataclass(frozen=True)
class Goal:
    """At most `limit` times what `against` needs; without `against`, at most `limit` itself."""

    limit: float
    against: str | None = None
    kernel: Kernel | None = None  # with which it has to be met; None is each


@dataclass(frozen=True)
class Case:
    """One measurement: a kind of work, its arguments, who does it, and the goals.

    kind: the name of a function in the module of every contender; see `contenders`.
    style: "time" is the duration of a step, elapsed; "traced" is the peak of what tracemalloc
        sees; "resident" is how far the process grows, each round in a process of its own;
        "import" is the duration of importing the library after NumPy, in a process of its own.
    per: a step holds so many operations, and results are given for one.
    rounds: at most so many, because one takes long.
    steps: how many a measurement of memory runs.
    smoke: arguments that replace others in a short run; also to warm up before "resident".
    """

    suite: str
    name: str
    kind: str
    contenders: tuple[str, ...]
    arguments: Mapping[str, Any] = field(default_factory=dict)
    goals: tuple[Goal, ...] = ()
    threads: int = 1
    style: Style = "time"
    per: int = 1
    rounds: int = 1_000
    steps: int = 3
    smoke: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells this case from all others."""
        return self.suite, self.name, self.threads

    @property
    def title(self) -> str:
        """Its name for a reader; one thread is not worth a word."""
        several = f", {self.threads} threads" if self.threads > 1 else ""
        return f"{self.suite}: {self.name}{several}"


def at_most(limits: Mapping[str, float | None], kernel: Kernel | None = None) -> tuple[Goal, ...]:
    """A goal for every contender with a number.

    >>> at_most({"torch": 0.5, "numpy": None})
    (Goal(limit=0.5, against='torch', kernel=None),)
    """
    return tuple(Goal(limit, name, kernel) for name, limit in limits.items() if limit is not None)
