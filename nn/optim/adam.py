"""Adam and AdamW."""

import math

import numpy as np

from nn.optim.optimizer import Optimizer, Parameters, Piece
from nn.optim.settings import Amount, Fractions

__all__ = ["Adam", "AdamW"]


class Adam(Optimizer):
    """Steps in units of the gradient's own recent size.

    With the gradient g (to which weight_decay * value is added) in step t of a parameter:

        m = b1 * m + (1 - b1) * g
        v = b2 * v + (1 - b2) * g**2
        value = value - lr * (m / (1 - b1**t)) / (sqrt(v / (1 - b2**t)) + eps)

    D. P. Kingma, J. Ba, "Adam: a method for stochastic optimization", ICLR 2015, algorithm 1.

    What is kept is m / (1 - b1) and v / (1 - b2), called `first` and `second`: it saves two of
    twelve passes over the parameters, and the constants go into the step's factors.

    betas: (b1, b2). eps: keeps the step finite where gradients vanish.

    >>> from nn import Parameter
    >>> x = Parameter([1.0, -2.0])
    >>> optimizer = Adam([x], lr=0.1)
    >>> np.sum(x * x).backward()
    >>> optimizer.step()
    >>> x.data
    array([ 0.9, -1.9])
    """

    betas: Fractions
    eps: Amount
    weight_decay: Amount
    decoupled = False  # whether the weights decay by themselves, or through their gradient

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay)

    keeps = ("first", "second")  # sums of gradients and of their squares, fading with age

    def factors(self, count: int) -> tuple[float, float]:
        """The step is length * first / (sqrt(second) + offset)."""
        b1, b2 = self.betas
        # sqrt(v / (1 - b2**t)) = sqrt(second) * spread
        spread = math.sqrt((1 - b2) / (1 - b2**count))
        return self.lr * (1 - b1) / (1 - b1**count) / spread, self.eps / spread

    def update(self, piece: Piece, factors: tuple[float, float]) -> None:
        first, second = piece.kept
        length, offset = factors
        scratch, gradient = piece.scratch, piece.gradient
        if self.weight_decay and self.decoupled:
            piece.value *= 1 - self.lr * self.weight_decay
        else:
            gradient = piece.decayed(self.weight_decay, scratch)
        first *= self.betas[0]
        first += gradient
        second *= self.betas[1]
        second += np.multiply(gradient, gradient, scratch)
        np.sqrt(second, scratch)
        scratch += offset
        np.divide(first, scratch, scratch)
        scratch *= length
        piece.value -= scratch


class AdamW(Adam):
    """Adam, with weights that decay by themselves: value = value - lr * weight_decay * value.

    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, algorithm 2.

    >>> from nn import Parameter
    >>> x = Parameter(1.0)
    >>> optimizer = AdamW([x], lr=0.1, weight_decay=0.5)
    >>> (0 * x).backward()
    >>> optimizer.step()
    >>> x.item()
    0.95
    """

    decoupled = True

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay)
