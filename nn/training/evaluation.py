"""Models in use: predictions, and how good they are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

import autodiff as ad
from nn.data import DataLoader
from nn.errors import UserError
from nn.module import Module
from nn.training.metrics import Means, Metric

# (outputs, targets) -> a scalar Tensor; `reduction` may say "mean" (assumed otherwise) or "sum"
Loss = Callable[[Any, Any], Any]

EVALUATION_BATCH = 500  # samples at once where nothing has to be kept for a backward pass


class TrainingError(UserError, FloatingPointError):
    """A loss that is not a finite number; the message says where, and what to try."""


def predict(model: Module, inputs: ArrayLike, batch_size: int = EVALUATION_BATCH) -> np.ndarray:
    """The outputs (n, ...) of `model`, in evaluation mode, for inputs (n, ...).

    >>> import nn
    >>> predict(nn.Softsign(), np.array([[1.0], [-3.0]]))
    array([[ 0.5 ],
           [-0.75]])
    """
    inputs = np.asarray(inputs)
    # at least one batch, so that no inputs give an empty array of the right width
    starts = range(0, max(len(inputs), 1), batch_size)
    with evaluating(model):
        return np.concatenate([value_of(model(inputs[i : i + batch_size])) for i in starts])


def evaluate(
    model: Module, loss: Loss, loader: DataLoader, metrics: Mapping[str, Metric]
) -> dict[str, float]:
    """The means over all samples of the loss and the metrics, in evaluation mode.

    Raises TrainingError if the loss is not finite.
    """
    means = Means(metrics)
    with evaluating(model):
        for inputs, targets in loader:
            outputs = model(inputs)
            value = mean_loss(loss, number_of(loss(outputs, targets)), len(targets))
            means.add(value, value_of(outputs), targets)
    values = means.values()
    if not math.isfinite(values["loss"]):
        raise TrainingError(
            f"evaluation: the loss is {values['loss']}; check the data with data.check_finite(), "
            "and train with a lower learning rate if the data are right"
        )
    return values


@contextmanager
def evaluating(model: Module) -> Iterator[None]:
    """Within the block `model` is in evaluation mode and nothing is recorded."""
    training = model.training
    model.eval()
    try:
        with ad.no_grad(), np.errstate(over="ignore", invalid="ignore"):
            yield
    finally:
        model.train(training)


class LossError(UserError, TypeError):
    """What a loss function returned is no loss."""


def number_of(loss: Any, *, trains: bool = False) -> float:
    """The loss that a loss function returned, as a number.

    trains: whether it is to be gone back from.

    Raises LossError unless it is a single number, and if it `trains` a Tensor with a gradient.
    """
    if not isinstance(loss, ad.Tensor):
        number = isinstance(loss, int | float | np.number | np.ndarray) and np.size(loss) == 1
        if trains or not number:
            hint = "; return the Tensor itself, not float(loss) or loss.item()" if number else ""
            raise LossError(
                f"the loss function returned a {type(loss).__name__}, but a Tensor with one number "
                f"is needed{hint}"
            )
        return float(np.reshape(loss, ()))
    if loss.size != 1:
        raise LossError(
            f"the loss function returned a Tensor of shape {loss.shape}, but one number is needed; "
            "take its mean, or give the loss reduction='mean'"
        )
    if loss.dtype.kind == "c":
        raise LossError(
            "the loss function returned a complex number, which has no direction of descent; take "
            "np.real or np.abs of it"
        )
    if trains and not loss.requires_grad:
        raise LossError(
            "the loss function returned a Tensor that no gradient flows from; compute it from the "
            "outputs without detach() and no_grad(), and see that a parameter is trained"
        )
    return loss.item()


def mean_loss(loss: Loss, value: float, samples: int) -> float:
    """The loss per sample of a batch on which `loss` gave `value`."""
    return value / samples if getattr(loss, "reduction", "mean") == "sum" else value


def value_of(result: Any) -> np.ndarray:
    """The array of a Tensor or an array."""
    return result.numpy() if isinstance(result, ad.Tensor) else np.asarray(result)
