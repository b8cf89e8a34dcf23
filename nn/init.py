"""Initial values for parameters, as arrays.

All are called as `init(shape, rng=..., dtype=...)` besides settings of their own, so a layer takes
any of them, or a `functools.partial` of one, or a function of the user's. Numbers are drawn in
float64 and then converted: the same seed gives the same values, rounded, in every dtype.

The fan-in of a matrix (inputs, outputs) is the number of its rows, its fan-out that of its columns.
For a convolution kernel (outputs, inputs, *window) both are multiplied by the size of the window.

K. He et al., "Delving Deep into Rectifiers", ICCV 2015: the Kaiming formulas.
X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural networks",
AISTATS 2010: the Xavier formulas.
"""

import math
from collections.abc import Sequence
from typing import Literal, Protocol

import numpy as np
from numpy.typing import DTypeLike

from nn.random import as_generator

__all__ = [
    "Initializer",
    "constant",
    "fans",
    "kaiming_normal",
    "kaiming_uniform",
    "normal",
    "uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

Shape = int | Sequence[int]
Generator = np.random.Generator | None
Mode = Literal["fan_in", "fan_out"]


class Initializer(Protocol):
    """What a layer asks of an initialiser: an array of the shape and dtype."""

    def __call__(self, shape: Shape, /, *, rng: Generator, dtype: DTypeLike) -> np.ndarray: ...


def zeros(shape: Shape, *, rng: Generator = None, dtype: DTypeLike = np.float32) -> np.ndarray:
    """Zeros; `rng` is not used."""
    return np.zeros(shape, dtype)


def constant(
    shape: Shape, *, value: float, rng: Generator = None, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """One value everywhere; `rng` is not used.

    >>> constant(3, value=0.5)
    array([0.5, 0.5, 0.5], dtype=float32)
    """
    return np.full(shape, value, dtype)


def uniform(
    shape: Shape, *, bound: float, rng: Generator = None, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Values drawn evenly from -bound to bound.

    >>> uniform(2, bound=0.1, rng=np.random.default_rng(0))
    array([ 0.02739234, -0.04604266], dtype=float32)
    """
    return as_generator(rng, "uniform").uniform(-bound, bound, shape).astype(dtype)


def normal(
    shape: Shape, *, std: float, rng: Generator = None, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Values drawn from the normal distribution of mean 0 and standard deviation `std`."""
    return as_generator(rng, "normal").normal(0.0, std, shape).astype(dtype)


def kaiming_uniform(
    shape: Shape,
    *,
    gain: float = math.sqrt(2),
    mode: Mode = "fan_in",
    rng: Generator = None,
    dtype: DTypeLike = np.float32,
) -> np.ndarray:
    """Uniform with bound gain * sqrt(3 / fan); the default gain is the one for ReLU.

    With mode="fan_in" the scale of the values is kept from layer to layer on the way forward, with
    "fan_out" the scale of the gradients on the way back.
    """
    fan = _fan("kaiming_uniform", shape, mode)
    return uniform(shape, bound=gain * math.sqrt(3 / fan), rng=rng, dtype=dtype)


def kaiming_normal(
    shape: Shape,
    *,
    gain: float = math.sqrt(2),
    mode: Mode = "fan_in",
    rng: Generator = None,
    dtype: DTypeLike = np.float32,
) -> np.ndarray:
    """Normal with standard deviation gain / sqrt(fan); otherwise as `kaiming_uniform`.

    >>> weights = kaiming_normal((200, 300), rng=np.random.default_rng(0))
    >>> bool(abs(weights.std() - 0.1) < 0.001)
    True
    """
    fan = _fan("kaiming_normal", shape, mode)
    return normal(shape, std=gain / math.sqrt(fan), rng=rng, dtype=dtype)


def xavier_uniform(
    shape: Shape, *, gain: float = 1.0, rng: Generator = None, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Uniform with bound gain * sqrt(6 / (fan_in + fan_out))."""
    bound = gain * math.sqrt(6 / sum(fans(shape, "xavier_uniform")))
    return uniform(shape, bound=bound, rng=rng, dtype=dtype)


def xavier_normal(
    shape: Shape, *, gain: float = 1.0, rng: Generator = None, dtype: DTypeLike = np.float32
) -> np.ndarray:
    """Normal with standard deviation gain * sqrt(2 / (fan_in + fan_out))."""
    std = gain * math.sqrt(2 / sum(fans(shape, "xavier_normal")))
    return normal(shape, std=std, rng=rng, dtype=dtype)


def fans(shape: Shape, caller: str = "fans") -> tuple[int, int]:
    """The fan-in and the fan-out of a weight of this shape; see the head of this module.

    >>> fans((784, 512)), fans((16, 3, 5, 5))
    ((784, 512), (75, 400))
    >>> fans((10,))
    Traceback (most recent call last):
    ...
    ValueError: fans: a weight of shape (10,) has no inputs and outputs to count; give two or \
more dimensions, all of them positive, or use zeros, constant, uniform or normal
    """
    sides = (shape,) if isinstance(shape, int) else tuple(shape)
    if len(sides) < 2 or min(sides) < 1:
        raise ValueError(
            f"{caller}: a weight of shape {sides} has no inputs and outputs to count; give two or "
            "more dimensions, all of them positive, or use zeros, constant, uniform or normal"
        )
    if len(sides) == 2:
        return sides
    window = math.prod(sides[2:])
    return sides[1] * window, sides[0] * window


def _fan(caller: str, shape: Shape, mode: Mode) -> int:
    fan_in, fan_out = fans(shape, caller)
    if mode not in ("fan_in", "fan_out"):
        raise ValueError(f"{caller}: mode is {mode!r}; give 'fan_in' or 'fan_out'")
    return fan_in if mode == "fan_in" else fan_out
