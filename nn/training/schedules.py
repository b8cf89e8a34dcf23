"""Learning-rate schedules: how the rate changes while a network is trained.

A schedule is a function of the share of the training that is done, from 0 to below 1. It gives the
factor by which the optimizer's learning rate is multiplied for the next step. `Trainer` takes one;
in a loop of one's own, `Scheduler` applies it:

>>> from nn import Parameter, optim
>>> optimizer = optim.SGD([Parameter(1.0)], lr=0.1)
>>> scheduler = Scheduler(optimizer, warmup(0.5, linear), steps=4)
>>> for _ in range(4):
...     print(round(optimizer.lr, 3))
...     optimizer.step()
...     scheduler.step()
0.0
0.05
0.1
0.05
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from nn.optim import Optimizer

__all__ = [
    "SCHEDULES",
    "Schedule",
    "Scheduler",
    "constant",
    "cosine",
    "exponential",
    "linear",
    "one_cycle",
    "restarts",
    "steps",
    "warmup",
]

Schedule = Callable[[float], float]


def constant(progress: float) -> float:
    """The rate as it was given."""
    return 1.0


def linear(progress: float) -> float:
    """From the full rate straight down to zero."""
    return 1.0 - progress


def cosine(progress: float) -> float:
    """From the full rate down to zero along half a cosine wave.

    I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.

    >>> [round(cosine(progress), 3) for progress in (0, 0.5, 0.9)]
    [1.0, 0.5, 0.024]
    """
    return 0.5 * (1.0 + math.cos(math.pi * progress))


def steps(*places: float, factor: float = 0.1) -> Schedule:
    """The rate times `factor` from each of these shares of the training on.

    >>> drop = steps(0.5, 0.75)
    >>> [round(drop(progress), 3) for progress in (0, 0.5, 0.9)]
    [1.0, 0.1, 0.01]
    """
    _check_shares("steps", *places)
    return partial(_stepped, places, factor)


def exponential(last: float) -> Schedule:
    """From the full rate down to the share `last` of it, by the same factor in every step.

    >>> [round(exponential(0.01)(progress), 3) for progress in (0, 0.5, 1)]
    [1.0, 0.1, 0.01]
    """
    if not last > 0:
        raise ValueError(f"exponential: last is {last}; give a positive number")
    return partial(pow, last)


def warmup(share: float, then: Schedule = cosine, *, start: float = 0.0) -> Schedule:
    """First straight up from `start` to 1, in the first `share` of the training; then `then`.

    P. Goyal et al., "Accurate, large minibatch SGD", 2017, section 2.2.

    >>> rate = warmup(0.2, linear)
    >>> [round(rate(progress), 3) for progress in (0, 0.1, 0.2, 0.6)]
    [0.0, 0.5, 1.0, 0.5]
    """
    _check_shares("warmup", share)
    return partial(_warmed_up, share, then, start)


def restarts(count: int, schedule: Schedule = cosine) -> Schedule:
    """A schedule `count` times in a row.

    I. Loshchilov, F. Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", ICLR 2017.

    >>> [restarts(2, linear)(progress) for progress in (0, 0.25, 0.5, 0.75)]
    [1.0, 0.5, 1.0, 0.5]
    """
    if count < 1:
        raise ValueError(f"restarts: count is {count}; give at least 1")
    return partial(_restarted, count, schedule)


def one_cycle(share: float = 0.3, *, start: float = 1 / 25, last: float = 1 / 250_000) -> Schedule:
    """From `start` up to 1 in the first `share` of the training, then down to `last`, by cosines.

    L. N. Smith, N. Topin, "Super-convergence", 2018; the numbers are PyTorch's.

    >>> [round(one_cycle()(progress), 3) for progress in (0, 0.15, 0.3, 0.65, 1)]
    [0.04, 0.52, 1.0, 0.5, 0.0]
    """
    _check_shares("one_cycle", share)
    return partial(_cycled, share, start, last)


# What the schedules with settings compute: functions of a module, so that they can be pickled.


def _stepped(places: tuple[float, ...], factor: float, progress: float) -> float:
    return factor ** sum(progress >= place for place in places)


def _warmed_up(share: float, then: Schedule, start: float, progress: float) -> float:
    if progress < share:
        return start + (1 - start) * progress / share
    return then((progress - share) / (1 - share))


def _restarted(count: int, schedule: Schedule, progress: float) -> float:
    return schedule(progress * count % 1.0)


def _cycled(share: float, start: float, last: float, progress: float) -> float:
    if progress < share:
        return start + (1 - start) * (1 - cosine(progress / share))
    return last + (1 - last) * cosine((progress - share) / (1 - share))


def _check_shares(caller: str, *shares: float) -> None:
    for share in shares:
        if not 0 < share < 1:
            raise ValueError(f"{caller}: {share} is no share of the training; give 0 to 1")


SCHEDULES: dict[str, Schedule] = {"constant": constant, "linear": linear, "cosine": cosine}


class Scheduler:
    """Sets the learning rate of an optimizer by a schedule; for loops of one's own.

    optimizer: its rate, when this is made, is the full one. steps: how many will be taken; call
    `step` after each. After the last one the rate stays.
    """

    def __init__(self, optimizer: Optimizer, schedule: Schedule, steps: int) -> None:
        if steps < 1:
            raise ValueError(f"Scheduler: steps is {steps}; give the number of steps to take")
        self.optimizer = optimizer
        self.schedule = schedule
        self.steps = steps
        self.taken = 0
        self.rate = optimizer.lr
        self._apply()

    def step(self) -> None:
        """One more step was taken."""
        self.taken = min(self.taken + 1, self.steps)
        if self.taken < self.steps:
            self._apply()

    def _apply(self) -> None:
        progress = min(self.taken, self.steps - 1) / self.steps
        self.optimizer.lr = self.rate * self.schedule(progress)

    def state_dict(self) -> dict[str, Any]:
        """The number of steps taken, and the full rate."""
        return {"taken": self.taken, "rate": self.rate}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state: the optimizer gets the rate that it had there.

        It does not matter whether the optimizer's own state was loaded before or after this
        scheduler was made.
        """
        self.taken, self.rate = int(state["taken"]), float(state["rate"])
        self._apply()
