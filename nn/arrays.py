"""What users pass where numbers are wanted."""

from typing import Any

import numpy as np

import autodiff as ad
from nn.errors import UserError

__all__ = ["NumbersError", "floats", "numbers"]


class NumbersError(UserError, TypeError):
    """Something else was passed where numbers are wanted."""


def numbers(values: Any, what: str, caller: object) -> Any:
    """`values` as an array or a tensor; they may be nested lists, with tensors in them too.

    Raises NumbersError if they are no numbers; `what` and `caller` name them and who wants them.

    >>> numbers([[1, 2], [3, 4.5]], "inputs", "f")
    array([[1. , 2. ],
           [3. , 4.5]])
    """
    array = values
    if not isinstance(values, ad.Tensor | np.ndarray | np.generic):
        try:
            array = ad.numpy.asarray(values)
        except (TypeError, ValueError) as error:
            raise NumbersError(f"{caller}: {what} are no array of numbers: {error}") from error
        if isinstance(array, ad.Tensor) and not array.requires_grad:
            array = array.numpy()
    if array.dtype.kind not in "fiubc":
        raise NumbersError(
            f"{caller}: {what} are of class {type(values).__name__} and dtype {array.dtype}; give "
            "numbers"
        )
    return array


def floats(values: Any, what: str, caller: object) -> Any:
    """The same, with whole numbers and truth values as floating-point numbers.

    >>> floats([True, False], "predictions", "f")
    array([1., 0.])
    """
    array = numbers(values, what, caller)
    return array if array.dtype.kind in "fc" else array.astype(np.float64)
