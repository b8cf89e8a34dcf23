"""What all losses share: reductions, errors, and the base of loss modules."""

from typing import Any, Literal

import numpy as np

from nn.arrays import floats, numbers
from nn.errors import UserError
from nn.module import Module

__all__ = [
    "Loss",
    "Reduction",
    "TargetError",
    "check_reduction",
    "check_same_shape",
    "matched",
    "reduce",
]

Reduction = Literal["mean", "sum", "none"]


class TargetError(UserError, ValueError):
    """Targets that do not go with the predictions."""


class Loss(Module):
    """A loss with the settings that were chosen when it was made."""

    def __init__(self, reduction: Reduction = "mean") -> None:
        self.reduction: Reduction = reduction
        check_reduction(reduction, type(self).__name__)

    def settings(self) -> dict[str, Any]:
        """The keyword arguments of the loss function, all but those that are as usual."""
        return {} if self.reduction == "mean" else {"reduction": self.reduction}

    def extra_repr(self) -> str:
        return ", ".join(f"{name}={value!r}" for name, value in self.settings().items())


def reduce(losses: Any, reduction: str, caller: str) -> Any:
    """The mean or the sum of all losses, or these themselves."""
    check_reduction(reduction, caller)
    if reduction == "none":
        return losses
    return np.mean(losses) if reduction == "mean" else np.sum(losses)


def check_reduction(reduction: str, caller: str) -> None:
    """Raise ValueError unless `reduction` is one of the three."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{caller}: reduction is {reduction!r}; give 'mean', 'sum' or 'none'")


def check_same_shape(predictions: Any, targets: Any, caller: str) -> None:
    """Raise TargetError if the shapes differ: nothing is broadcast.

    (n, 1) against (n,) would silently compare each with all.
    """
    if np.shape(predictions) != np.shape(targets):
        raise TargetError(
            f"{caller}: predictions have shape {np.shape(predictions)} but targets "
            f"{np.shape(targets)}; reshape one of them, for example targets[:, None]"
        )


def matched(predictions: Any, targets: Any, caller: str) -> tuple[Any, Any]:
    """Both as arrays or tensors of the same shape; raises TargetError if they are not."""
    predictions = floats(predictions, "predictions", caller)
    targets = numbers(targets, "targets", caller)
    check_same_shape(predictions, targets, caller)
    return predictions, targets
