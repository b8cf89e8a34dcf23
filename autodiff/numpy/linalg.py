"""`numpy.linalg` as it is, for ``import autodiff.numpy.linalg``."""

from typing import Any

import numpy.linalg


def __getattr__(name: str) -> Any:
    return getattr(numpy.linalg, name)


def __dir__() -> list[str]:
    return dir(numpy.linalg)
