"""What layers compute, as functions of arrays or tensors.

Arrays give arrays and tensors give tensors. None of them has a derivative rule here: they are
NumPy code, or functions of the engine.
"""

import math
from typing import Any

import numpy as np

import autodiff as ad
from nn.arrays import numbers
from nn.random import as_generator

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "affine",
    "attention",
    "avg_pool",
    "convolve",
    "convolve_transpose",
    "dropout",
    "elu",
    "embed",
    "flatten",
    "gelu",
    "glu",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "leaky_relu",
    "log_sigmoid",
    "log_softmax",
    "logsumexp",
    "max_pool",
    "mish",
    "normal_cdf",
    "normalize",
    "relu",
    "relu6",
    "selu",
    "sigmoid",
    "silu",
    "softmax",
    "softplus",
    "softsign",
    "tanh",
]

relu = ad.functions.relu
sigmoid = ad.functions.sigmoid
softplus = ad.functions.softplus
leaky_relu = ad.functions.leaky_relu  # (x, slope=0.01)
elu = ad.functions.elu  # (x, alpha=1.0)
gelu = ad.functions.gelu  # (x, approximate=False)
normal_cdf = ad.functions.normal_cdf
normalize = ad.functions.normalize  # (x, axis=-1, eps=1e-5): the values, mean and variance
softsign = ad.functions.softsign
softmax = ad.functions.softmax  # (x, axis=-1)
log_softmax = ad.functions.log_softmax  # (x, axis=-1)
logsumexp = ad.functions.logsumexp  # (x, axis=None, keepdims=False)

# Images are (n, channels, *size), with any number of spatial axes.
convolve = ad.functions.convolve  # (x, weight, bias=None, *, stride, padding, dilation, groups)
convolve_transpose = ad.functions.convolve_transpose  # the same, and output_padding
max_pool = ad.functions.max_pool  # (x, window, *, stride=None, padding=0, dilation=1)
avg_pool = ad.functions.avg_pool  # (x, window, *, stride=None, padding=0, count_padding=True)
adaptive_avg_pool = ad.functions.adaptive_avg_pool  # (x, size)
adaptive_max_pool = ad.functions.adaptive_max_pool  # (x, size)


affine = ad.functions.affine  # (x, weight, bias): x @ weight + bias
embed = ad.functions.embed  # (table, indices)


def attention(
    q: Any,
    k: Any,
    v: Any,
    *,
    mask: Any = None,
    causal: bool = False,
    dropout_p: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Any:
    """Means of the values, weighted by the softmax of how queries and keys agree.

    q: (..., queries, dim). k: (..., keys, dim). v: (..., keys, width).
    mask: broadcast to (..., queries, keys); truth values, True where a query may look at a key, or
        numbers that are added to their agreement. A query without any key gets the plain mean.
    causal: whether query i may look at the keys up to i alone (for as many queries as keys, and
        counted from the end otherwise).
    dropout_p: the probability with which a weight is dropped.

    Returns shape (..., queries, width).
    A. Vaswani et al., "Attention is all you need", NeurIPS 2017, equation 1.

    >>> q = k = np.array([[100.0, 0.0], [0.0, 100.0]])
    >>> attention(q, k, np.array([[1.0], [2.0]]))
    array([[1.],
           [2.]])
    >>> attention(q * 0, k, np.array([[1.0], [2.0]]), causal=True)
    array([[1. ],
           [1.5]])
    """
    q, k, v = (numbers(x, name, "attention") for x, name in ((q, "q"), (k, "k"), (v, "v")))
    scores = (q * (1 / math.sqrt(np.shape(q)[-1]))) @ np.swapaxes(k, -1, -2)
    queries, keys = np.shape(scores)[-2:]
    seen = np.tri(queries, keys, keys - queries, dtype=bool) if causal else None
    if mask is not None:
        mask = mask if hasattr(mask, "dtype") else np.asarray(mask)
        if mask.dtype.kind == "f":  # not -inf, as below
            scores = scores + np.where(mask == -np.inf, np.finfo(mask.dtype).min / 2, mask)
        else:
            seen = mask if seen is None else np.logical_and(seen, mask)
    if seen is not None:  # not -inf, of which a whole row would be NaN
        scores = scores + np.where(seen, 0, np.finfo(scores.dtype).min / 2).astype(scores.dtype)
    weights = softmax(scores)
    if dropout_p:
        weights = dropout(weights, dropout_p, rng=rng)
    return weights @ v


def tanh(x: Any) -> Any:
    """`numpy.tanh`, also of nested lists."""
    return np.tanh(x if isinstance(x, ad.Tensor) else numbers(x, "inputs", "tanh"))


def silu(x: Any) -> Any:
    """``x * sigmoid(x)``, also called swish."""
    x = numbers(x, "inputs", "silu")
    return x * sigmoid(x)


def mish(x: Any) -> Any:
    """``x * tanh(softplus(x))``; D. Misra, "Mish", BMVC 2020."""
    x = numbers(x, "inputs", "mish")
    return x * np.tanh(softplus(x))


def selu(x: Any) -> Any:
    """An ELU whose outputs keep mean 0 and variance 1 from layer to layer.

    G. Klambauer et al., "Self-normalizing neural networks", NeurIPS 2017, equation 2; the constants
    are those of its appendix.
    """
    return 1.0507009873554804934 * elu(numbers(x, "inputs", "selu"), 1.6732632423543772848)


def hardtanh(x: Any, low: float = -1.0, high: float = 1.0) -> Any:
    """`x` cut off below `low` and above `high`; the slope at these is one half."""
    return np.clip(numbers(x, "inputs", "hardtanh"), low, high)


def relu6(x: Any) -> Any:
    """`x` cut off below 0 and above 6."""
    return np.clip(numbers(x, "inputs", "relu6"), 0.0, 6.0)


def hardsigmoid(x: Any) -> Any:
    """``x / 6 + 1 / 2``, cut off below 0 and above 1."""
    return np.clip(numbers(x, "inputs", "hardsigmoid") * (1 / 6) + 0.5, 0.0, 1.0)


def hardswish(x: Any) -> Any:
    """``x * hardsigmoid(x)``; A. Howard et al., "Searching for MobileNetV3", ICCV 2019."""
    x = numbers(x, "inputs", "hardswish")
    return x * hardsigmoid(x)


def log_sigmoid(x: Any) -> Any:
    """The logarithm of the sigmoid, without overflow."""
    return -softplus(-1.0 * numbers(x, "inputs", "log_sigmoid"))  # truth values cannot be negated


def glu(x: Any, axis: int = -1) -> Any:
    """One half of `x` along `axis`, times the sigmoid of the other.

    Y. Dauphin et al., "Language modeling with gated convolutional networks", ICML 2017.

    >>> glu(np.array([1.0, 2.0, 0.0, 1000.0]))
    array([0.5, 2. ])
    """
    x = numbers(x, "inputs", "glu")
    if not -x.ndim <= axis < x.ndim or x.shape[axis] % 2:
        raise ValueError(
            f"glu: axis {axis} of an array of shape {np.shape(x)} has no two halves; give it an "
            "even length"
        )
    values, gates = np.split(x, 2, axis=axis)
    return values * sigmoid(gates)


def dropout(x: Any, p: float = 0.5, *, rng: np.random.Generator | None = None) -> Any:
    """Each element of `x` is 0 with probability `p` and divided by 1 - p otherwise.

    So the expected value of every element stays the same (inverted dropout; N. Srivastava et al.,
    "Dropout", JMLR 15, 2014, section 10). Raises ValueError unless 0 <= p < 1.

    >>> dropout(np.ones(6), 0.5, rng=np.random.default_rng(0))
    array([2., 2., 2., 0., 0., 0.])
    """
    if not 0 <= p < 1:
        raise ValueError(f"dropout: p is {p}; give the probability of a zero, from 0 to below 1")
    x = numbers(x, "inputs", "dropout")
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
    x = numbers(x, "inputs", "flatten")
    shape = x.shape
    start = start_axis + len(shape) if start_axis < 0 else start_axis
    if not 0 <= start <= len(shape):
        raise ValueError(
            f"flatten: there is no axis {start_axis} in an array of shape {shape}; "
            "give a start_axis that it has"
        )
    return np.reshape(x, (*shape[:start], math.prod(shape[start:])))
