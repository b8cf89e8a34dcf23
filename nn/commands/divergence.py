"""Trainings that go wrong without a NaN: a loss that runs away, a network that only guesses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from nn.training.callbacks import Callback
from nn.training.evaluation import TrainingError

if TYPE_CHECKING:
    from nn.training.trainer import Trainer

_HOPELESS = 1e3  # times the loss at the start: no training comes back from there
_WORSE = 2.0  # times the loss at the start, at the end of the training


class Divergence(Callback):
    """Raises TrainingError after an epoch whose loss says that the training has run away.

    labels: (n,) of the training images. lr: what --lr was.

    The loss is compared with that at the start: of the first batch, or of a network that always
    gives the classes' shares, if that is larger. A thousand times as much ends the training at
    once; twice as much is an error at its end, since a large loss in between may pass.
    """

    def __init__(self, labels: np.ndarray, lr: float) -> None:
        self.lr = lr
        shares = np.unique(labels, return_counts=True)[1] / len(labels)
        self.start = float(-np.sum(shares * np.log(shares)))

    def on_batch_end(self, trainer: Trainer) -> None:
        if trainer.epoch == 1 and trainer.batch == 1:
            self.start = max(self.start, trainer.means.values()["loss"])

    def on_epoch_end(self, trainer: Trainer) -> None:
        limit = _WORSE if trainer.epoch == trainer.last_epoch else _HOPELESS
        loss = trainer.history.epochs[-1].value("loss")
        if not loss <= limit * max(self.start, math.log(2)):
            raise TrainingError(
                f"epoch {trainer.epoch}: the training diverged, its loss is {loss:.3g} after "
                f"{self.start:.3g} at the start; lower --lr ({self.lr:g}), or scale "
                "the pixels by another --scale"
            )


def no_better_than_guessing(
    classes: Sequence[str], labels: np.ndarray, accuracy: float
) -> str | None:
    """A sentence if an accuracy is no better than that of naming one class for all images.

    >>> no_better_than_guessing(["cat", "dog"], np.array([0, 1, 1]), 0.9)
    """
    counts = np.bincount(labels, minlength=len(classes))
    if accuracy > counts.max() / len(labels):
        return None
    most = classes[int(counts.argmax())]
    return (
        f"the network learned nothing: whoever says {most!r} to every test "
        f"image is right as often ({counts.max() / len(labels):.2%}); change --lr, or train for "
        "more --epochs"
    )
