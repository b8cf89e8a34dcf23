"""What happens beside the training: checkpoints, early stopping, and callbacks of one's own."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nn.training.checkpoints import save_checkpoint
from nn.training.history import Direction

if TYPE_CHECKING:
    from nn.training.trainer import Trainer

__all__ = ["Callback", "Checkpoint", "EarlyStopping"]


class Callback:
    """The base of callbacks: override what is wanted, and read the trainer's attributes there.

    >>> class Report(Callback):
    ...     def on_epoch_end(self, trainer):
    ...         print(trainer.epoch, trainer.history.epochs[-1].train["loss"])
    """

    def on_fit_start(self, trainer: Trainer) -> None:
        """Before the first epoch, after a checkpoint has been loaded."""

    def on_epoch_start(self, trainer: Trainer) -> None:
        """Before the first batch of an epoch."""

    def on_batch_end(self, trainer: Trainer) -> None:
        """After the step of every batch; this one has to be quick."""

    def on_epoch_end(self, trainer: Trainer) -> None:
        """After the validation; the epoch is in the history."""

    def on_fit_end(self, trainer: Trainer) -> None:
        """After the last epoch, and after an error or Ctrl-C too."""


class Checkpoint(Callback):
    """Saves the whole training state after every epoch.

    folder: where `last.safetensors` and `best.safetensors` go; it is made if need be.
    metric, direction: which epoch is the best, as for `History.best`.

    Either file continues the training: `trainer.fit(..., resume=folder)` takes the last.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        metric: str = "loss",
        direction: Direction | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.metric = metric
        self.direction: Direction | None = direction

    @property
    def last(self) -> Path:
        """The checkpoint after the latest epoch."""
        return self.folder / "last.safetensors"

    @property
    def best(self) -> Path:
        """The checkpoint after the best epoch."""
        return self.folder / "best.safetensors"

    def on_epoch_end(self, trainer: Trainer) -> None:
        state = trainer.state_dict()
        # the best first: a run that is killed in between does this epoch, and so this, again
        if trainer.history.best(self.metric, self.direction).epoch == trainer.epoch:
            save_checkpoint(self.best, state)
        save_checkpoint(self.last, state)


class EarlyStopping(Callback):
    """Ends the training when a metric has not improved for `patience` epochs.

    metric, direction: as for `History.best`. It reads the history and has no state of its own, so
    a resumed run stops where an uninterrupted one would.
    """

    def __init__(
        self, patience: int, *, metric: str = "loss", direction: Direction | None = None
    ) -> None:
        if patience < 1:
            raise ValueError(
                f"EarlyStopping: patience is {patience}; give a number of epochs of at least 1"
            )
        self.patience = patience
        self.metric = metric
        self.direction: Direction | None = direction

    def on_fit_start(self, trainer: Trainer) -> None:
        self.on_epoch_end(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        if not trainer.history.epochs:
            return
        best = trainer.history.best(self.metric, self.direction)
        if trainer.history.epochs[-1].epoch - best.epoch >= self.patience:
            kind = "validation " if best.validation else ""
            span = f"{self.patience} epochs" if self.patience > 1 else "1 epoch"
            trainer.stop(
                f"stopped: no better {kind}{self.metric} for {span} (best in epoch {best.epoch})"
            )
