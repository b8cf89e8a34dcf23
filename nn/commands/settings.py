"""Settings: what a training run was asked to do, and the objects that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import nn
from nn.data import Dataset
from nn.errors import UserError
from nn.layers.activations import ACTIVATIONS
from nn.names import look_up
from nn.optim import OPTIMIZERS, Optimizer
from nn.training.schedules import SCHEDULES

HIDDEN = (512, 64)  # units of the hidden layers, where --layers is not given
EPOCHS = {"mnist": 12, "digits": 40}  # where --epochs is not given
RATES = {"sgd": 0.1, "adam": 2e-3, "adamw": 2e-3}  # where --lr is not given
SCALES = {"unit": "0 to 1", "raw": "0 to 255", "standard": "mean 0 and deviation 1"}


class UsageError(UserError, ValueError):
    """A command line that makes no sense; the exit status is 2."""


@dataclass(frozen=True)
class Settings:
    """The flags of `python -m nn train`. None: the default depends on the other settings."""

    dataset: str = "mnist"
    layers: tuple[int, ...] | None = None  # inputs, hidden units, ..., classes
    activation: str = "relu"
    optimizer: str = "adam"
    lr: float | None = None
    schedule: str = "cosine"
    batch_size: int = 128
    epochs: int | None = None
    dropout: float = 0.2
    validation: float = 0.1  # a share of the training images below 1, otherwise a number of them
    scale: str = "unit"
    seed: int = 0

    def complete(self, data: Dataset) -> Settings:
        """With every None replaced, after a check that the layers fit the data.

        >>> Settings(dataset="digits").complete(nn.data.digits()).layers
        (64, 512, 64, 10)
        """
        inputs, classes = int(np.prod(data.inputs.shape[1:])), len(data.classes)
        layers = self.layers or (inputs, *HIDDEN, classes)
        fitting = "-".join(map(str, (inputs, *layers[1:-1], classes)))
        if layers[0] != inputs:
            raise UsageError(
                f"--layers begins with {layers[0]}, but an image of {data.name} has {inputs} "
                f"pixels; write --layers {fitting}"
            )
        if layers[-1] != classes:
            raise UsageError(
                f"--layers ends with {layers[-1]}, but {data.name} has {classes} classes; "
                f"write --layers {fitting}"
            )
        return replace(
            self,
            layers=layers,
            lr=RATES.get(self.optimizer, 1e-3) if self.lr is None else self.lr,
            epochs=EPOCHS.get(self.dataset, 10) if self.epochs is None else self.epochs,
        )

    def split(self, data: Dataset, rng: np.random.Generator) -> tuple[Dataset, Dataset | None]:
        """The images to train on, and those held out for validation, if any."""
        held = round(self.validation * len(data)) if self.validation < 1 else int(self.validation)
        if held >= len(data):
            raise UsageError(
                f"--validation {held} leaves none of the {len(data)} training images of "
                f"{data.name}; write a smaller number"
            )
        train, validation = data.split(len(data) - held, held, rng=rng)
        return train, validation if held else None

    def make_model(self, rng: np.random.Generator | None = None) -> nn.MLP:
        """The network; its initial weights and its dropout are drawn from `rng`."""
        assert self.layers is not None, "complete() has been called"
        return nn.MLP(self.layers, activation=self.activation, dropout=self.dropout, rng=rng)

    def make_optimizer(self, model: nn.Module) -> Optimizer:
        """The optimizer of the network's parameters."""
        assert self.lr is not None, "complete() has been called"
        return OPTIMIZERS[self.optimizer](model.parameters(), lr=self.lr)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Settings:
        """The settings in a config file; raises UserError if there is something wrong with one."""
        settings = cls(**{**data, "layers": tuple(data["layers"])})
        look_up(ACTIVATIONS, settings.activation, "activation")
        look_up(OPTIMIZERS, settings.optimizer, "optimizer")
        look_up(SCHEDULES, settings.schedule, "schedule")
        return settings


@dataclass(frozen=True)
class Scaling:
    """How pixels from 0 to 1 are scaled for the network: (pixel - shift) * factor."""

    shift: float = 0.0
    factor: float = 1.0

    @classmethod
    def fit(cls, kind: str, inputs: np.ndarray) -> Scaling:
        """The scaling of that name: "unit" leaves 0 to 1, "raw" gives 0 to 255, and "standard"
        gives the training inputs a mean of 0 and a standard deviation of 1, over all pixels.

        >>> Scaling.fit("standard", np.array([[0.0, 1.0]]))
        Scaling(shift=0.5, factor=2.0)
        """
        if kind == "raw":
            return cls(factor=255.0)
        if kind == "standard":
            deviation = float(inputs.std(dtype=np.float64))
            return cls(float(inputs.mean(dtype=np.float64)), 1 / deviation if deviation else 1.0)
        return cls()

    def __call__(self, inputs: np.ndarray) -> np.ndarray:
        """The scaled inputs, of the same shape and dtype."""
        if self == Scaling():
            return inputs
        return (inputs - inputs.dtype.type(self.shift)) * inputs.dtype.type(self.factor)

    def apply(self, data: Dataset) -> Dataset:
        """A data set with scaled inputs."""
        return Dataset(
            self(data.inputs),
            data.targets,
            name=data.name,
            classes=data.classes,
            image_shape=data.image_shape,
            source=data.source,
        )


def parse_layers(text: str) -> tuple[int, ...]:
    """Layer sizes from the command line.

    >>> parse_layers("784-512-64-10"), parse_layers("784,10")
    ((784, 512, 64, 10), (784, 10))
    """
    try:
        sizes: Sequence[int] = [int(size) for size in text.replace(",", "-").split("-")]
    except ValueError:
        sizes = ()
    if len(sizes) < 2 or min(sizes) < 1:
        raise UsageError(
            f"{text!r} is no list of layer sizes; write pixels, hidden units and classes, "
            "such as 784-512-64-10"
        )
    return tuple(sizes)
