"""Metrics: numbers beside the loss that say how good a model is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from nn.names import look_up

# (outputs (n, ...), targets (n, ...)) -> the mean over the n samples
Metric = Callable[[np.ndarray, np.ndarray], float]


def accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The share of samples whose largest output is at the target class.

    outputs: (n, classes). targets: (n,) class indices, or (n, classes) one-hot or probabilities.

    Raises ValueError for a single column, whose largest output is always the first.

    >>> accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    0.5
    """
    if outputs.shape[-1] == 1:
        raise ValueError(
            f"accuracy: outputs of shape {outputs.shape} have a single column; for yes or no give "
            "the metric 'binary_accuracy'"
        )
    if targets.ndim == outputs.ndim:
        targets = targets.argmax(axis=-1)
    return int(np.count_nonzero(outputs.argmax(axis=-1) == targets)) / targets.size


def binary_accuracy(outputs: np.ndarray, targets: np.ndarray) -> float:
    """The share of outputs that are on the same side of one half as their targets.

    outputs: any shape, probabilities of yes (a sigmoid, say; not logits, which are divided by 0).
    targets: the same shape, 0 for no and 1 for yes. Raises ValueError if the shapes differ.

    >>> binary_accuracy(np.array([[0.2], [0.6]]), np.array([[1], [1]]))
    0.5
    """
    if outputs.shape != targets.shape:
        raise ValueError(
            f"binary_accuracy: outputs have shape {outputs.shape} but targets {targets.shape}; "
            "give both the same shape"
        )
    return int(np.count_nonzero((outputs > 0.5) == (targets > 0.5))) / targets.size


# What `Trainer(metrics=["accuracy"])` chooses from.
METRICS: dict[str, Metric] = {"accuracy": accuracy, "binary_accuracy": binary_accuracy}


def resolve(metrics: Iterable[str | Metric]) -> dict[str, Metric]:
    """Metrics by name; those that are given as functions are called by their `__name__`."""
    named: dict[str, Metric] = {}
    for metric in metrics:
        if isinstance(metric, str):
            named[metric] = look_up(METRICS, metric, "metric")
        else:
            named[getattr(metric, "__name__", type(metric).__name__)] = metric
    if "loss" in named:
        raise ValueError("metrics: 'loss' is always measured; give the metric another name")
    return named


class Means:
    """Running means over batches of the loss and of the metrics.

    >>> means = Means({"accuracy": accuracy})
    >>> means.add(0.5, np.array([[0.1, 0.9]]), np.array([1]))
    >>> means.add(0.2, np.array([[0.1, 0.9], [0.2, 0.8]]), np.array([1, 0]))
    >>> {name: round(value, 4) for name, value in means.values().items()}
    {'loss': 0.3, 'accuracy': 0.6667}
    """

    __slots__ = ("_functions", "_sums", "samples")

    def __init__(self, metrics: Mapping[str, Metric]) -> None:
        self._functions = {"loss": None, **metrics}
        self._sums = [0.0] * len(self._functions)
        self.samples = 0  # how many have been added

    def add(self, loss: float, outputs: np.ndarray, targets: np.ndarray) -> None:
        """Count a batch. `loss` is its mean; outputs (n, ...); targets (n, ...)."""
        n = len(targets)
        self.samples += n
        sums = self._sums
        for index, function in enumerate(self._functions.values()):
            value = loss if function is None else float(function(outputs, targets))
            sums[index] += value * n

    def values(self) -> dict[str, float]:
        """The means of all samples so far; NaN before the first."""
        n = self.samples
        return {
            name: total / n if n else math.nan
            for name, total in zip(self._functions, self._sums, strict=True)
        }
