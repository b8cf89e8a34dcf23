"""RMSprop."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nn.optim.optimizer import Optimizer, Parameters, check_setting

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """Gradients divided by the root of their recent mean square.

    With the gradient g (to which weight_decay * value is added):

        square = alpha * square + (1 - alpha) * g**2
        mean = alpha * mean + (1 - alpha) * g                 with centered=True, otherwise 0
        velocity = momentum * velocity + g / (sqrt(square - mean**2) + eps)
        value = value - lr * velocity

    T. Tieleman, G. Hinton, "Lecture 6.5: rmsprop", 2012; centered: A. Graves, "Generating sequences
    with recurrent neural networks", 2013, equations 38 to 45.

    >>> from nn import Parameter
    >>> x = Parameter([1.0, -2.0])
    >>> optimizer = RMSprop([x], lr=0.1)
    >>> np.sum(x * x).backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([ 0., -1.])
    """

    settings = ("lr", "alpha", "eps", "momentum", "centered", "weight_decay")

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            alpha=alpha,
            eps=eps,
            momentum=momentum,
            centered=centered,
            weight_decay=weight_decay,
        )

    def configure(self, settings: Mapping[str, Any]) -> None:
        super().configure(settings)
        for name in ("alpha", "momentum"):
            check_setting(self, name, settings[name], below=1)
        for name in ("eps", "weight_decay"):
            check_setting(self, name, settings[name])
        self.alpha = float(settings["alpha"])
        self.eps = float(settings["eps"])
        self.momentum = float(settings["momentum"])
        self.centered = bool(settings["centered"])
        self.weight_decay = float(settings["weight_decay"])

    @property
    def array_names(self) -> tuple[str, ...]:
        """The mean square, and the mean and the velocity where they are used."""
        return (
            "square",
            *(("mean",) if self.centered else ()),
            *(("velocity",) if self.momentum else ()),
        )

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
        spare = self.spare(scratch)
        square, *others = arrays
        if self.weight_decay:
            gradient = np.add(np.multiply(value, self.weight_decay, spare), gradient, spare)
        square *= self.alpha
        np.multiply(gradient, gradient, scratch)
        scratch *= 1 - self.alpha
        square += scratch
        if self.centered:
            mean = others[0]
            mean *= self.alpha
            mean += np.multiply(gradient, 1 - self.alpha, scratch)
            np.multiply(mean, mean, scratch)
            np.subtract(square, scratch, scratch)
            np.maximum(scratch, 0, out=scratch)  # rounding may take it below
            np.sqrt(scratch, scratch)
        else:
            np.sqrt(square, scratch)
        scratch += self.eps
        np.divide(gradient, scratch, scratch)
        if self.momentum:
            velocity = others[-1]
            velocity *= self.momentum
            velocity += scratch
            np.copyto(scratch, velocity)
        scratch *= self.lr
        value -= scratch
