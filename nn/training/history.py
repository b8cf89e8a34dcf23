"""History: what a training run measured, epoch by epoch."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from nn.errors import DataError
from nn.extras import needs
from nn.training.files import write_json

if TYPE_CHECKING:
    from nn.training.curves import Plot

Direction = Literal["min", "max"]  # whether a metric is better when it is smaller or larger


@dataclass(frozen=True)
class Epoch:
    """The measurements of one epoch.

    epoch: 1 for the first.
    train: the mean of the loss and of each metric over the batches, while they were trained on.
    validation: the same of the validation data after the epoch; empty without such data.
    seconds: how long the training part took, the validation not counted.
    samples: how many samples were trained on.
    learning_rate: the rate of the last step.
    """

    epoch: int
    train: dict[str, float]
    validation: dict[str, float]
    seconds: float
    samples: int
    learning_rate: float

    @property
    def samples_per_second(self) -> float:
        """The speed of training."""
        return self.samples / self.seconds if self.seconds else 0.0

    def value(self, metric: str) -> float:
        """The metric on the validation data, or on the training data where there are none."""
        return (self.validation or self.train)[metric]

    def __str__(self) -> str:
        return ", ".join(
            [
                *(show(name, value) for name, value in self.train.items()),
                *(f"validation {show(name, value)}" for name, value in self.validation.items()),
                f"{self.seconds:.1f} s",
                f"{self.samples_per_second:,.0f} samples/s",
            ]
        )


@dataclass
class History:
    """All epochs of a training run.

    >>> history = History([Epoch(1, {"loss": 0.9}, {"loss": 0.8}, 2.0, 1000, 0.1)])
    >>> history
    epoch 1: loss 0.9000, validation loss 0.8000, 2.0 s, 500 samples/s
    >>> history.train("loss"), history.validation("loss")
    ([0.9], [0.8])
    >>> History.from_json(history.to_json()) == history
    True
    """

    epochs: list[Epoch] = field(default_factory=list)

    def __len__(self) -> int:
        """How many epochs there are."""
        return len(self.epochs)

    def __iter__(self) -> Iterator[Epoch]:
        return iter(self.epochs)

    def __repr__(self) -> str:
        return "\n".join(f"epoch {e.epoch}: {e}" for e in self) or "no epochs yet"

    @property
    def metrics(self) -> tuple[str, ...]:
        """The names of what was measured; "loss" is the first."""
        return tuple(self.epochs[0].train) if self.epochs else ()

    def train(self, metric: str) -> list[float]:
        """The metric on the training data, one value per epoch."""
        return [epoch.train[metric] for epoch in self]

    def validation(self, metric: str) -> list[float]:
        """The metric on the validation data, one value per epoch that had such data."""
        return [epoch.validation[metric] for epoch in self if epoch.validation]

    @property
    def seconds(self) -> float:
        """How long all training took, validation not counted."""
        return sum(epoch.seconds for epoch in self)

    @property
    def samples_per_second(self) -> float:
        """The speed of training over all epochs."""
        samples = sum(epoch.samples for epoch in self)
        return samples / self.seconds if self.seconds else 0.0

    def best(self, metric: str = "loss", direction: Direction | None = None) -> Epoch:
        """The first epoch with the best value of `metric`, on validation data where there are any.

        direction: whether "min" or "max" is best; by default "min" for what is called a loss or
            an error, "max" for the rest.

        >>> history = History([Epoch(i, {"loss": 1 / i}, {}, 1, 1, 1) for i in (1, 2)])
        >>> history.best().epoch, history.best("loss", "max").epoch
        (2, 1)
        """
        if not self.epochs:
            raise ValueError("history: there is no best epoch before the first; train first")
        if metric not in self.metrics:
            raise ValueError(
                f"history: there is no metric {metric!r}; choose one of {', '.join(self.metrics)}"
            )
        best = min if (direction or direction_of(metric)) == "min" else max
        return best(self, key=lambda epoch: epoch.value(metric))

    def plot(self, path: str | os.PathLike[str] | None = None) -> Plot:
        """Draw the learning curves: a panel per metric; saved to `path` too, if one is given.

        Returns a matplotlib Figure, which a notebook shows.
        """
        with needs("matplotlib", "drawing learning curves"):
            from nn.training.curves import learning_curves
        figure = learning_curves(self)
        if path is not None:
            figure.save(path)
        return figure

    def to_json(self) -> list[dict[str, Any]]:
        """The epochs as plain data, ready for `json.dump`."""
        return [asdict(epoch) for epoch in self]

    @classmethod
    def from_json(cls, data: list[dict[str, Any]]) -> History:
        """The history that `to_json` gave."""
        return cls([Epoch(**epoch) for epoch in data])

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the history to a JSON file, in full or not at all."""
        write_json(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> History:
        """The history in a file that `save` wrote; raises DataError if it is none."""
        try:
            return cls.from_json(json.loads(Path(path).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise DataError(
                f"{path}: not a history file ({error}); give a file that History.save wrote"
            ) from error


def direction_of(metric: str) -> Direction:
    """Whether a metric of that name is better when it is smaller or larger.

    >>> direction_of("loss"), direction_of("accuracy")
    ('min', 'max')
    """
    return "min" if metric.endswith(("loss", "error")) else "max"


def show(metric: str, value: float) -> str:
    """A metric for people.

    >>> show("loss", 0.0123456), show("accuracy", 0.98765)
    ('loss 0.0123', 'accuracy 98.77 %')
    """
    if metric.endswith("accuracy"):
        return f"{metric} {value:.2%}".replace("%", " %")
    return f"{metric} {value:.4f}" if abs(value) >= 1e-3 or not value else f"{metric} {value:.2e}"
