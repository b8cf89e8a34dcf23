"""Losses: how wrong a prediction is, as one number to be minimised."""

from typing import Any, Literal

import numpy as np

import autodiff as ad
from nn.data.dataset import check_labels
from nn.errors import UserError
from nn.module import Module

__all__ = [
    "CrossEntropyLoss",
    "MSELoss",
    "Reduction",
    "TargetError",
    "cross_entropy",
    "mse_loss",
]

Reduction = Literal["mean", "sum", "none"]


class TargetError(UserError, ValueError):
    """Targets that do not go with the predictions."""


def cross_entropy(logits: Any, targets: Any, *, reduction: Reduction = "mean") -> Any:
    """The cross-entropy between `targets` and the softmax of `logits`, in nats.

    logits: (..., classes), any real numbers; stable for large ones.
    targets: either class indices (...), whole numbers from 0 to classes - 1; or (..., classes),
        one-hot rows or probabilities.
    reduction: "mean" or "sum" over all rows, or "none" for the array (...) of their losses.

    Raises TargetError for targets of another shape or kind, nn.errors.DataError for a label out of
    range; the message names it.

    >>> cross_entropy(np.array([[1e4, 0.0], [0.0, 0.0]]), np.array([1, 0]), reduction="none")
    array([1.00000000e+04, 6.93147181e-01])
    >>> float(cross_entropy(np.zeros((2, 4)), np.full((2, 4), 0.25)))  # doctest: +ELLIPSIS
    1.3862943...
    """
    if not isinstance(targets, ad.Tensor):
        targets = np.asarray(targets)
    shape = np.shape(logits)
    if targets.shape == shape[:-1] and targets.dtype.kind in "iu" and shape:
        labels = targets.numpy() if isinstance(targets, ad.Tensor) else targets
        if reduction == "mean" and len(shape) == 2:
            try:
                return ad.functions.cross_entropy(logits, labels)
            except ad.errors.ShapeError:
                check_labels(labels, shape[-1], "cross_entropy")
                raise
        # One pass: a negative label is a large number when read without its sign.
        if labels.size and labels.astype(np.uint64).max() >= shape[-1]:
            check_labels(labels, shape[-1], "cross_entropy")
        labels = labels.ravel()
        rows = np.reshape(logits, (labels.size, shape[-1]))
        if reduction == "mean":
            return ad.functions.cross_entropy(rows, labels)
        picked = ad.functions.log_softmax(rows)[np.arange(labels.size), labels]
        return _reduce(-np.reshape(picked, shape[:-1]), reduction, "cross_entropy")
    if targets.shape != shape or not shape:
        raise TargetError(_explain_targets(shape, targets))
    rows = -np.sum(targets * ad.functions.log_softmax(logits), axis=-1)
    return _reduce(rows, reduction, "cross_entropy")


def mse_loss(predictions: Any, targets: Any, *, reduction: Reduction = "mean") -> Any:
    """The squared differences of `predictions` and `targets`, averaged over all elements.

    Both have the same shape; nothing is broadcast, because (n, 1) against (n,) would silently
    compare each with all. reduction: "mean", "sum", or "none" for the array of squares.

    Raises TargetError if the shapes differ.

    >>> float(mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    if np.shape(predictions) != np.shape(targets):
        raise TargetError(
            f"mse_loss: predictions have shape {np.shape(predictions)} but targets "
            f"{np.shape(targets)}; reshape one of them, for example targets[:, None]"
        )
    return _reduce(np.square(predictions - targets), reduction, "mse_loss")


class _Loss(Module):
    """A loss with the reduction that was chosen when it was made."""

    def __init__(self, reduction: Reduction = "mean") -> None:
        self.reduction: Reduction = reduction
        _check_reduction(reduction, type(self).__name__)

    def extra_repr(self) -> str:
        return "" if self.reduction == "mean" else f"reduction={self.reduction!r}"


class CrossEntropyLoss(_Loss):
    """`cross_entropy` as a module: call it with logits and targets."""

    def forward(self, logits: Any, targets: Any) -> Any:
        return cross_entropy(logits, targets, reduction=self.reduction)


class MSELoss(_Loss):
    """`mse_loss` as a module: call it with predictions and targets."""

    def forward(self, predictions: Any, targets: Any) -> Any:
        return mse_loss(predictions, targets, reduction=self.reduction)


def _reduce(losses: Any, reduction: Reduction, caller: str) -> Any:
    _check_reduction(reduction, caller)
    if reduction == "none":
        return losses
    return np.mean(losses) if reduction == "mean" else np.sum(losses)


def _check_reduction(reduction: str, caller: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{caller}: reduction is {reduction!r}; give 'mean', 'sum' or 'none'")


def _explain_targets(shape: tuple[int, ...], targets: Any) -> str:
    """Why `targets` do not go with logits of this shape, and what would."""
    said = f"cross_entropy: logits have shape {shape} and targets {targets.shape} {targets.dtype}; "
    if not shape:
        return said + "give logits of shape (rows, classes)"
    if targets.shape == shape[:-1]:
        return said + "class indices must be whole numbers, so write targets.astype(int)"
    if targets.shape == (*shape[:-1], 1):
        return said + "class indices have no axis of their own, so write targets[..., 0]"
    return said + f"give class indices of shape {shape[:-1]}, or a row of {shape[-1]} numbers each"
