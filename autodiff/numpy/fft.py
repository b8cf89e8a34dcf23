"""`numpy.fft`, for lists of tensors too."""

import numpy.fft

from autodiff.numpy.lists import names_of

__getattr__ = names_of(numpy.fft, globals())


def __dir__() -> list[str]:
    return dir(numpy.fft)
