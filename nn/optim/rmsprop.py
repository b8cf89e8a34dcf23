"""RMSprop."""

import numpy as np

from nn.optim.optimizer import Optimizer, Parameters, Piece
from nn.optim.settings import Amount, Fraction, Switch

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

    alpha: Fraction
    eps: Amount
    momentum: Fraction
    centered: Switch
    weight_decay: Amount

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

    @property
    def array_names(self) -> tuple[str, ...]:
        """The mean square, and the mean and the velocity where they are used."""
        return (
            "square",
            *(("mean",) if self.centered else ()),
            *(("velocity",) if self.momentum else ()),
        )

    def update(self, piece: Piece, factors: None) -> None:
        square, *others = piece.kept
        scratch = piece.scratch
        gradient = piece.decayed(self.weight_decay, piece.spare)
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
        piece.value -= scratch
