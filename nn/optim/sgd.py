"""Stochastic gradient descent."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nn.optim.optimizer import Optimizer, Parameters, check_setting

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

    settings = ("lr", "momentum", "nesterov", "weight_decay")

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

    def configure(self, settings: Mapping[str, Any]) -> None:
        super().configure(settings)
        check_setting(self, "momentum", settings["momentum"], below=1)
        check_setting(self, "weight_decay", settings["weight_decay"])
        if settings["nesterov"] and not settings["momentum"]:
            raise ValueError("SGD: nesterov needs a momentum; give one, for example momentum=0.9")
        self.momentum = float(settings["momentum"])
        self.nesterov = settings["nesterov"]
        self.weight_decay = float(settings["weight_decay"])

    @property
    def array_names(self) -> tuple[str, ...]:
        """The velocity, if there is momentum."""
        return ("velocity",) if self.momentum else ()

    def factors(self, count: int) -> None:
        return None

    def update(
        self,
        value: np.ndarray,
        gradient: np.ndarray,
        arrays: list[np.ndarray],
        scratch: np.ndarray,
        factors: None,
    ) -> None:
        direction = gradient
        if arrays:
            (velocity,) = arrays
            velocity *= self.momentum
            velocity += gradient
            if self.weight_decay:
                velocity += np.multiply(value, self.weight_decay, out=scratch)
            direction = velocity
            if self.nesterov:
                direction = np.multiply(velocity, self.momentum, out=scratch)
                direction += gradient
        if self.weight_decay and (self.nesterov or not arrays):
            value *= 1 - self.lr * self.weight_decay
        value -= np.multiply(direction, self.lr, out=scratch)
