"""What layers compute, as functions of arrays or tensors.

Arrays give arrays and tensors give tensors. None of them has a derivative rule here: they are
NumPy code, or functions of the engine.
"""

import math
from typing import Any

import numpy as np

import autodiff as ad
from nn.random import as_generator

__all__ = [
    "dropout",
    "flatten",
    "log_softmax",
    "logsumexp",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]

relu = ad.functions.relu
sigmoid = ad.functions.sigmoid
tanh = np.tanh
softplus = ad.functions.softplus
softsign = ad.functions.softsign
softmax = ad.functions.softmax  # (x, axis=-1)
log_softmax = ad.functions.log_softmax  # (x, axis=-1)
logsumexp = ad.functions.logsumexp  # (x, axis=None, keepdims=False)


def dropout(x: Any, p: float = 0.5, *, rng: np.random.Generator | None = None) -> Any:
    """Each element of `x` is 0 with probability `p` and divided by 1 - p otherwise.

    So the expected value of every element stays the same (inverted dropout; N. Srivastava et al.,
    "Dropout", JMLR 15, 2014, section 10). Raises ValueError unless 0 <= p < 1.

    >>> dropout(np.ones(6), 0.5, rng=np.random.default_rng(0))
    array([2., 2., 2., 0., 0., 0.])
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p is {p}; give the probability of a zero, from 0 to below 1")
    if p == 0:
        return x
    draws = as_generator(rng, "dropout").random(np.shape(x), dtype=np.float32)
    kept = np.multiply(draws >= p, 1 / (1 - p), dtype=np.result_type(x.dtype, np.float16))
    return x * kept


def flatten(x: Any, start_axis: int = 1) -> Any:
    """The axes of `x` from `start_axis` on, joined to one.

    >>> flatten(np.zeros((64, 28, 28))).shape
    (64, 784)
    """
    shape = np.shape(x)
    start = start_axis + len(shape) if start_axis < 0 else start_axis
    if not 0 <= start <= len(shape):
        raise ValueError(
            f"flatten: there is no axis {start_axis} in an array of shape {shape}; "
            "give a start_axis that it has"
        )
    return np.reshape(x, (*shape[:start], math.prod(shape[start:])))
