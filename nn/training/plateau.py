"""A lower learning rate when the training makes no progress."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from nn.training.callbacks import Callback
from nn.training.history import direction_of

if TYPE_CHECKING:
    from nn.training.trainer import Trainer

__all__ = ["Plateau", "ReduceOnPlateau"]


class Plateau:
    """Tells from a row of values when the last of them are no better than before.

    patience: how many values in a row may be no better. threshold: by which share of the best value
    so far a value must be better. cooldown: how many values after a plateau are passed over.
    minimize: whether smaller is better.

    >>> plateau = Plateau(patience=1)
    >>> [plateau.reached(loss) for loss in (1.0, 0.5, 0.6, 0.7, 0.7, 0.4)]
    [False, False, False, True, False, False]
    """

    def __init__(
        self,
        patience: int = 10,
        *,
        threshold: float = 1e-4,
        cooldown: int = 0,
        minimize: bool = True,
    ) -> None:
        if isinstance(patience, str):  # a metric, which comes first elsewhere
            raise TypeError(
                f"patience is {patience!r}; give a number of values first, and a metric by name: "
                f"metric={patience!r}"
            )
        if patience < 0 or cooldown < 0 or not threshold >= 0:
            raise ValueError(
                f"Plateau: patience is {patience}, cooldown {cooldown} and threshold {threshold}; "
                "none of them may be negative"
            )
        self.patience = patience
        self.threshold = threshold
        self.cooldown = cooldown
        self.minimize = minimize
        self.reset()

    def reset(self) -> None:
        """Forget all values."""
        self.best = math.inf if self.minimize else -math.inf
        self.bad = 0  # values in a row that were no better
        self.waiting = 0  # values that are still passed over

    def reached(self, value: float) -> bool:
        """Take note of a value; whether it is one too many."""
        if self._is_better(value):
            self.best = value
            self.bad = 0
        else:
            self.bad += 1
        if self.waiting:
            self.waiting -= 1
            self.bad = 0
        if self.bad <= self.patience:
            return False
        self.bad = 0
        self.waiting = self.cooldown
        return True

    def _is_better(self, value: float) -> bool:
        if math.isinf(self.best):
            return not math.isnan(value)
        if self.minimize:
            return value < self.best - self.threshold * abs(self.best)
        return value > self.best + self.threshold * abs(self.best)

    def state_dict(self) -> dict[str, Any]:
        """What has been seen, in numbers."""
        return {"best": self.best, "bad": self.bad, "waiting": self.waiting}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self.best = float(state["best"])
        self.bad, self.waiting = int(state["bad"]), int(state["waiting"])


class ReduceOnPlateau(Callback):
    """Multiplies the learning rate by `factor` when a metric gets no better; for `Trainer`.

    metric: of the validation if there is one, otherwise of the training; see `History.best`.
    factor: below 1. lowest: where the rate stays. minimize: whether smaller is better, by default
    for what is called a loss or an error. Other settings: as for `Plateau`, in epochs.
    Use it without a schedule, which would set the rate again.
    """

    def __init__(
        self,
        patience: int = 10,
        *,
        metric: str = "loss",
        factor: float = 0.1,
        lowest: float = 0.0,
        threshold: float = 1e-4,
        cooldown: int = 0,
        minimize: bool | None = None,
    ) -> None:
        if not 0 < factor < 1:
            raise ValueError(f"ReduceOnPlateau: factor is {factor}; give a number from 0 to 1")
        self.metric = metric
        self.factor = factor
        self.lowest = lowest
        if minimize is None:
            minimize = direction_of(metric) == "min"
        self.plateau = Plateau(
            patience=patience, threshold=threshold, cooldown=cooldown, minimize=minimize
        )

    def on_fit_start(self, trainer: Trainer) -> None:
        """Look at the epochs of a training that is continued."""
        self.plateau.reset()
        epochs = trainer.history.epochs
        for epoch in epochs:
            reached = self.plateau.reached(self._watched(epoch))
            # A checkpoint that was written before this callback's turn has the rate before it.
            if reached and epoch is epochs[-1] and trainer.optimizer.lr == epoch.learning_rate:
                self._reduce(trainer)

    def on_epoch_end(self, trainer: Trainer) -> None:
        if self.plateau.reached(self._watched(trainer.history.epochs[-1])):
            self._reduce(trainer)

    def _reduce(self, trainer: Trainer) -> None:
        rate = trainer.optimizer.lr
        trainer.optimizer.lr = min(rate, max(rate * self.factor, self.lowest))

    def _watched(self, epoch: Any) -> float:
        return (epoch.validation or epoch.train)[self.metric]
