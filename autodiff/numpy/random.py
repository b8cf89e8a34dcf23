"""`numpy.random` as it is, for ``import autodiff.numpy.random``."""

from typing import Any

import numpy.random


def __getattr__(name: str) -> Any:
    return getattr(numpy.random, name)


def __dir__() -> list[str]:
    return dir(numpy.random)
