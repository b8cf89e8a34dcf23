"""Adagrad and Adadelta."""

import numpy as np

from nn.optim.optimizer import Optimizer, Parameters, Piece
from nn.optim.settings import Amount, Fraction

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

    lr_decay: Amount
    initial: Amount
    eps: Amount
    weight_decay: Amount

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

    keeps = ("total",)  # the sum of squares, without what it starts with

    def factors(self, count: int) -> float:
        """The rate of this step."""
        return self.lr / (1 + (count - 1) * self.lr_decay)

    def update(self, piece: Piece, factors: float) -> None:
        (total,) = piece.kept
        scratch = piece.scratch
        gradient = piece.decayed(self.weight_decay, piece.spare)
        total += np.multiply(gradient, gradient, scratch)
        np.add(total, self.initial, scratch)
        np.sqrt(scratch, scratch)
        scratch += self.eps
        np.divide(gradient, scratch, scratch)
        scratch *= factors
        piece.value -= scratch


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

    rho: Fraction
    eps: Amount
    weight_decay: Amount

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

    keeps = ("square", "moved")  # recent mean squares of the gradients and of the steps

    def update(self, piece: Piece, factors: None) -> None:
        square, moved = piece.kept
        scratch, spare = piece.scratch, piece.spare
        gradient = piece.decayed(self.weight_decay, spare)
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
        piece.value -= spare
