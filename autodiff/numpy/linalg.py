"""`numpy.linalg`, for lists of tensors too."""

import numpy.linalg

from autodiff.numpy.lists import names_of

__getattr__ = names_of(numpy.linalg, globals())


def __dir__() -> list[str]:
    return dir(numpy.linalg)
