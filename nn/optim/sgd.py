"""Stochastic gradient descent."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nn.optim.optimizer import Optimizer, Parameters, Piece
from nn.optim.settings import Amount, Fraction, Switch

__all__ = ["SGD"]


class SGD(Optimizer):
    """Gradient descent, with momentum if wanted.

    With the gradient g (to which weight_decay * value is added):

        velocity = momentum * velocity + g
        value = value - lr * velocity
        value = value - lr * (g + momentum * velocity)      with nesterov=True

    I. Sutskever et al., "On the importance of initialization and momentum in deep learning",
    ICML 2013, in the form of PyTorch, where the learning rate multiplies the velocity.

    >>> from nn import Parameter
    >>> x = Parameter([1.0, -2.0])
    >>> optimizer = SGD([x], lr=0.1, momentum=0.9)
    >>> np.sum(x * x).backward()
    >>> optimizer.step()
    >>> x.data
    array([ 0.8, -1.6])
    """

    momentum: Fraction
    nesterov: Switch
    weight_decay: Amount

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            parameters, lr, momentum=momentum, nesterov=nesterov, weight_decay=weight_decay
        )

    def agree(self, settings: Mapping[str, Any]) -> None:
        if settings["nesterov"] and not settings["momentum"]:
            raise ValueError("SGD: nesterov needs a momentum; give one, for example momentum=0.9")

    @property
    def array_names(self) -> tuple[str, ...]:
        """The velocity, if there is momentum."""
        return ("velocity",) if self.momentum else ()

    def update(self, piece: Piece, factors: None) -> None:
        value, scratch = piece.value, piece.scratch
        direction = piece.gradient
        if self.momentum:
            (velocity,) = piece.kept
            velocity *= self.momentum
            velocity += piece.gradient
            if self.weight_decay:
                velocity += np.multiply(value, self.weight_decay, out=scratch)
            direction = velocity
            if self.nesterov:
                direction = np.multiply(velocity, self.momentum, out=scratch)
                direction += piece.gradient
        if self.weight_decay and (self.nesterov or not self.momentum):
            value *= 1 - self.lr * self.weight_decay
        value -= np.multiply(direction, self.lr, out=scratch)
