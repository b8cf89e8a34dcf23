"""Learning-rate schedules: how the rate changes while a network is trained.

A schedule is a function of the share of the training that is done, from 0 to below 1. It gives the
factor by which the optimizer's learning rate is multiplied for the next step.
"""

from __future__ import annotations

import math
from collections.abc import Callable

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


SCHEDULES: dict[str, Schedule] = {"constant": constant, "linear": linear, "cosine": cosine}
