"""Activations as modules, and by name."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from nn import functional as F
from nn.layers.reshaping import Identity
from nn.module import Module, Parameter
from nn.names import look_up

__all__ = [
    "ACTIVATIONS",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "ReLU",
    "ReLU6",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "activation",
]


class ReLU(Module):
    """max(x, 0), with slope 0 at 0."""

    def forward(self, x: Any) -> Any:
        return F.relu(x)


class Sigmoid(Module):
    """1 / (1 + exp(-x))."""

    def forward(self, x: Any) -> Any:
        return F.sigmoid(x)


class Tanh(Module):
    """The hyperbolic tangent."""

    def forward(self, x: Any) -> Any:
        return F.tanh(x)


class Softplus(Module):
    """log(1 + exp(x)), a smooth ReLU."""

    def forward(self, x: Any) -> Any:
        return F.softplus(x)


class Softsign(Module):
    """x / (1 + |x|)."""

    def forward(self, x: Any) -> Any:
        return F.softsign(x)


class LeakyReLU(Module):
    """x where it is positive, slope * x elsewhere."""

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = slope

    def forward(self, x: Any) -> Any:
        return F.leaky_relu(x, self.slope)

    def extra_repr(self) -> str:
        return f"slope={self.slope}"


class PReLU(Module):
    """A leaky ReLU whose slopes are learned: one for all, or one for each channel.

    slope: (channels,), at first `initial`; the channels are the second axis of the input.
    K. He et al., "Delving deep into rectifiers", ICCV 2015.

    >>> PReLU()(np.array([[-4.0, 4.0]])).numpy()
    array([[-1.,  4.]])
    """

    def __init__(
        self, channels: int = 1, initial: float = 0.25, *, dtype: DTypeLike = np.float32
    ) -> None:
        self.slope = Parameter(np.full(channels, initial, dtype))

    def forward(self, x: Any) -> Any:
        after = np.ndim(x) - 2
        slope = self.slope if after < 1 else np.reshape(self.slope, (-1,) + (1,) * after)
        return F.leaky_relu(x, slope)

    def extra_repr(self) -> str:
        return str(self.slope.size)


class ELU(Module):
    """x where it is positive, alpha * (exp(x) - 1) elsewhere."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        return F.elu(x, self.alpha)

    def extra_repr(self) -> str:
        return f"alpha={self.alpha}"


class SELU(Module):
    """A scaled ELU that keeps mean 0 and variance 1."""

    def forward(self, x: Any) -> Any:
        return F.selu(x)


class GELU(Module):
    """x times the probability that a standard normal variable is below it; see `F.gelu`."""

    def __init__(self, approximate: bool = False) -> None:
        self.approximate = approximate

    def forward(self, x: Any) -> Any:
        return F.gelu(x, self.approximate)

    def extra_repr(self) -> str:
        return "approximate=True" if self.approximate else ""


class SiLU(Module):
    """x * sigmoid(x), also called swish."""

    def forward(self, x: Any) -> Any:
        return F.silu(x)


class Mish(Module):
    """x * tanh(softplus(x))."""

    def forward(self, x: Any) -> Any:
        return F.mish(x)


class Hardtanh(Module):
    """x cut off below `low` and above `high`."""

    def __init__(self, low: float = -1.0, high: float = 1.0) -> None:
        self.low = low
        self.high = high

    def forward(self, x: Any) -> Any:
        return F.hardtanh(x, self.low, self.high)

    def extra_repr(self) -> str:
        return f"{self.low}, {self.high}"


class ReLU6(Module):
    """x cut off below 0 and above 6."""

    def forward(self, x: Any) -> Any:
        return F.relu6(x)


class Hardsigmoid(Module):
    """x / 6 + 1 / 2, cut off below 0 and above 1."""

    def forward(self, x: Any) -> Any:
        return F.hardsigmoid(x)


class Hardswish(Module):
    """x * (x / 6 + 1 / 2), the second factor cut off below 0 and above 1."""

    def forward(self, x: Any) -> Any:
        return F.hardswish(x)


class LogSigmoid(Module):
    """The logarithm of the sigmoid, without overflow."""

    def forward(self, x: Any) -> Any:
        return F.log_sigmoid(x)


class _AlongAxis(Module):
    """An activation that normalises along one axis."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def extra_repr(self) -> str:
        return "" if self.axis == -1 else f"axis={self.axis}"


class Softmax(_AlongAxis):
    """exp(x) / sum(exp(x)) along `axis`, for probabilities.

    `nn.cross_entropy` takes logits: do not put this layer before it.
    """

    def forward(self, x: Any) -> Any:
        return F.softmax(x, self.axis)


class LogSoftmax(_AlongAxis):
    """The logarithm of `Softmax`, without its loss of precision."""

    def forward(self, x: Any) -> Any:
        return F.log_softmax(x, self.axis)


class GLU(_AlongAxis):
    """One half of the input along `axis`, times the sigmoid of the other."""

    def forward(self, x: Any) -> Any:
        return F.glu(x, self.axis)


ACTIVATIONS: dict[str, type[Module]] = {
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "softplus": Softplus,
    "softsign": Softsign,
    "leaky_relu": LeakyReLU,
    "elu": ELU,
    "selu": SELU,
    "gelu": GELU,
    "silu": SiLU,
    "mish": Mish,
    "hardtanh": Hardtanh,
    "relu6": ReLU6,
    "hardsigmoid": Hardsigmoid,
    "hardswish": Hardswish,
    "log_sigmoid": LogSigmoid,
    "softmax": Softmax,
    "log_softmax": LogSoftmax,
    "identity": Identity,
}


def activation(kind: str | Callable[..., Any]) -> Callable[[Any], Any]:
    """An activation from its name, its class, or any function such as np.tanh.

    Raises nn.names.UnknownNameError, which lists the names.

    >>> activation("relu"), activation(Softmax)
    (ReLU(), Softmax())
    >>> activation("tahn")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    nn.names.UnknownNameError: there is no activation named 'tahn' (did you mean tanh?); \
choose one of relu, sigmoid, tanh, ...
    """
    if isinstance(kind, str):
        kind = look_up(ACTIVATIONS, kind, "activation")
    return kind() if isinstance(kind, type) else kind
