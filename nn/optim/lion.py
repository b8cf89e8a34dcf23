"""Lion."""

import numpy as np

from nn.optim.optimizer import Optimizer, Parameters, Piece
from nn.optim.settings import Amount, Fractions

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

    betas: Fractions
    weight_decay: Amount

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-4,
        *,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, weight_decay=weight_decay)

    keeps = ("mean",)  # the recent mean of the gradients

    def update(self, piece: Piece, factors: None) -> None:
        (mean,) = piece.kept
        b1, b2 = self.betas
        value, gradient, scratch, spare = piece.value, piece.gradient, piece.scratch, piece.spare
        if self.weight_decay:
            value *= 1 - self.lr * self.weight_decay
        np.multiply(gradient, 1 - b1, scratch)
        scratch += np.multiply(mean, b1, spare)
        np.sign(scratch, scratch)
        scratch *= self.lr
        value -= scratch
        mean *= b2
        mean += np.multiply(gradient, 1 - b2, scratch)
