"""Adagrad and Adadelta."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nn.optim.optimizer import Optimizer, Parameters, check_setting

__all__ = ["Adadelta", "Adagrad"]


class Adagrad(Optimizer):
    """Gradients divided by the root of the sum of all their squares.

    With the gradient g (to which weight_decay * value is added) in step t of a parameter:

        total = total + g**2
        value = value - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(total) + eps)

    initial: what the total starts with.

    J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", JMLR 12, 2011.

    >>> from nn import Parameter
    >>> x = Parameter([1.0, -2.0])
    >>> optimizer = Adagrad([x], lr=0.1)
    >>> np.sum(x * x).backward()
    >>> optimizer.step()
    >>> x.data
    array([ 0.9, -1.9])
    """

    settings = ("lr", "lr_decay", "initial", "eps", "weight_decay")

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-2,
        *,
        lr_decay: float = 0.0,
        initial: float = 0.0,
        eps: float = 1e-10,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            parameters, lr, lr_decay=lr_decay, initial=initial, eps=eps, weight_decay=weight_decay
        )

    def configure(self, settings: Mapping[str, Any]) -> None:
        super().configure(settings)
        for name in ("lr_decay", "initial", "eps", "weight_decay"):
            check_setting(self, name, settings[name])
        self.lr_decay = float(settings["lr_decay"])
        self.initial = float(settings["initial"])
        self.eps = float(settings["eps"])
        self.weight_decay = float(settings["weight_decay"])

    @property
    def array_names(self) -> tuple[str, ...]:
        """The sum of squares, without what it starts with."""
        return ("total",)

    def factors(self, count: int) -> float:
        """The rate of this step."""
        return self.lr / (1 + (count - 1) * self.lr_decay)

    def update(
        self,
        value: np.ndarray,
        gradient: np.ndarray,
        arrays: list[np.ndarray],
        scratch: np.ndarray,
        factors: float,
    ) -> None:
        (total,) = arrays
        if self.weight_decay:
            spare = self.spare(scratch)
            gradient = np.add(np.multiply(value, self.weight_decay, spare), gradient, spare)
        total += np.multiply(gradient, gradient, scratch)
        np.add(total, self.initial, scratch)
        np.sqrt(scratch, scratch)
        scratch += self.eps
        np.divide(gradient, scratch, scratch)
        scratch *= factors
        value -= scratch


class Adadelta(Optimizer):
    """Steps in units of the recent steps, divided by the gradient in units of the recent ones.

    With the gradient g (to which weight_decay * value is added):

        square = rho * square + (1 - rho) * g**2
        step = sqrt(moved + eps) / sqrt(square + eps) * g
        moved = rho * moved + (1 - rho) * step**2
        value = value - lr * step

    M. D. Zeiler, "ADADELTA: an adaptive learning rate method", 2012, algorithm 1.

    >>> from nn import Parameter
    >>> x = Parameter([1.0, -2.0])
    >>> optimizer = Adadelta([x], rho=0.75, eps=1.0)
    >>> np.sum(x * x).backward()
    >>> optimizer.step()
    >>> x.data.round(6)
    array([-0.414214, -0.211146])
    """

    settings = ("lr", "rho", "eps", "weight_decay")

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1.0,
        *,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, rho=rho, eps=eps, weight_decay=weight_decay)

    def configure(self, settings: Mapping[str, Any]) -> None:
        super().configure(settings)
        check_setting(self, "rho", settings["rho"], below=1)
        for name in ("eps", "weight_decay"):
            check_setting(self, name, settings[name])
        self.rho = float(settings["rho"])
        self.eps = float(settings["eps"])
        self.weight_decay = float(settings["weight_decay"])

    @property
    def array_names(self) -> tuple[str, ...]:
        """The recent mean squares of the gradients and of the steps."""
        return ("square", "moved")

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
        square, moved = arrays
        spare = self.spare(scratch)
        if self.weight_decay:
            gradient = np.add(np.multiply(value, self.weight_decay, spare), gradient, spare)
        square *= self.rho
        np.multiply(gradient, gradient, scratch)
        scratch *= 1 - self.rho
        square += scratch
        np.add(square, self.eps, scratch)
        np.divide(gradient, np.sqrt(scratch, scratch), spare)
        np.add(moved, self.eps, scratch)
        spare *= np.sqrt(scratch, scratch)  # the step
        moved *= self.rho
        np.multiply(spare, spare, scratch)
        scratch *= 1 - self.rho
        moved += scratch
        spare *= self.lr
        value -= spare
