"""Lion."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from nn.optim.optimizer import Optimizer, Parameters, check_betas, check_setting

__all__ = ["Lion"]


class Lion(Optimizer):
    """Steps of one length in every coordinate, in the direction of a smoothed gradient.

    With the gradient g:

        value = value - lr * (sign(b1 * mean + (1 - b1) * g) + weight_decay * value)
        mean = b2 * mean + (1 - b2) * g

    X. Chen et al., "Symbolic discovery of optimization algorithms", NeurIPS 2023, algorithm 2. Its
    rate wants to be three to ten times smaller than Adam's, and its decay as much larger.

    >>> from nn import Parameter
    >>> x = Parameter([1.0, -2.0])
    >>> optimizer = Lion([x], lr=0.1)
    >>> np.sum(x * x).backward()
    >>> optimizer.step()
    >>> x.data
    array([ 0.9, -1.9])
    """

    settings = ("lr", "betas", "weight_decay")

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, weight_decay=weight_decay)

    def configure(self, settings: Mapping[str, Any]) -> None:
        super().configure(settings)
        check_setting(self, "weight_decay", settings["weight_decay"])
        self.betas = check_betas(self, settings["betas"])
        self.weight_decay = float(settings["weight_decay"])

    @property
    def array_names(self) -> tuple[str, ...]:
        """The recent mean of the gradients."""
        return ("mean",)

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
        (mean,) = arrays
        b1, b2 = self.betas
        if self.weight_decay:
            value *= 1 - self.lr * self.weight_decay
        spare = self.spare(scratch)
        np.multiply(gradient, 1 - b1, scratch)
        scratch += np.multiply(mean, b1, spare)
        np.sign(scratch, scratch)
        scratch *= self.lr
        value -= scratch
        mean *= b2
        mean += np.multiply(gradient, 1 - b2, scratch)
