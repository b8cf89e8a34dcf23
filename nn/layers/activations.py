"""Activations as modules, and by name."""

from collections.abc import Callable
from typing import Any

from nn import functional as F
from nn.layers.reshaping import Identity
from nn.module import Module
from nn.names import look_up

__all__ = [
    "ACTIVATIONS",
    "LogSoftmax",
    "ReLU",
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


ACTIVATIONS: dict[str, type[Module]] = {
    "relu": ReLU,
    "sigmoid": Sigmoid,
    "tanh": Tanh,
    "softplus": Softplus,
    "softsign": Softsign,
    "softmax": Softmax,
    "log_softmax": LogSoftmax,
    "identity": Identity,
}


def activation(kind: str | Callable[..., Any]) -> Callable[[Any], Any]:
    """An activation from its name, its class, or any function such as np.tanh.

    Raises nn.names.UnknownNameError, which lists the names.

    >>> activation("relu"), activation(Softmax)
    (ReLU(), Softmax())
    >>> activation("tahn")
    Traceback (most recent call last):
    ...
    nn.names.UnknownNameError: there is no activation named 'tahn' (did you mean tanh?); \
choose one of relu, sigmoid, tanh, softplus, softsign, softmax, log_softmax, identity
    """
    if isinstance(kind, str):
        kind = look_up(ACTIVATIONS, kind, "activation")
    return kind() if isinstance(kind, type) else kind
