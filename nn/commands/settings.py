"""Settings: what a training run was asked to do, and the objects that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np

import nn
from nn.commands.preparing import AUGMENTATIONS, SCALES, ImageShape, image_shape
from nn.commands.presets import MODELS, Preset, preset
from nn.data import Dataset
from nn.data.registry import is_folder
from nn.errors import UserError
from nn.layers.activations import ACTIVATIONS
from nn.layers.activations import activation as make_activation
from nn.names import look_up
from nn.optim import OPTIMIZERS, Optimizer
from nn.training.schedules import SCHEDULES

# Where the optimizer is not that of the preset, its rate and weight decay are these.
RATES = {"sgd": 0.1, "adadelta": 1.0, "adam": 2e-3, "adamw": 2e-3}  # others: 1e-3
# For pixels from 0 to 255, times this: their gradients are as many times larger, and sgd goes by
# their size. Others go by their direction, but a weight's step counts for more.
RAW_RATES = {"sgd": 1e-2}  # others: 0.25
WEIGHT_DECAY = {"adamw": 0.01}  # others: 0
KEPT = {"last": "those after the last epoch", "best": "those with the lowest validation loss"}


class UsageError(UserError, ValueError):
    """A command line that makes no sense; the exit status is 2."""


@dataclass(frozen=True)
class Settings:
    """The flags of `python -m nn train`, all of them decided."""

    optimizer: str
    lr: float
    weight_decay: float
    batch_size: int
    epochs: int
    dropout: float
    scale: str
    augment: tuple[str, ...]
    dataset: str = "mnist"
    model: str = "mlp"
    layers: tuple[int, ...] = ()  # of an mlp: inputs, hidden units, ..., classes
    channels: tuple[int, ...] = ()  # of the blocks of a cnn
    activation: str = "relu"
    schedule: str = "cosine"
    validation: float = 0.1  # a share of the training images below 1, otherwise a number of them
    keep: str = "last"  # which weights
    seed: int = 0
    image_size: int = 0  # of the images of a folder; 0 for the data set's own

    @classmethod
    def choose(cls, given: Mapping[str, Any], data: Dataset) -> Settings:
        """Those given, and for the rest the preset; raises UsageError if they do not fit the data.

        >>> Settings.choose({"dataset": "digits"}, nn.data.digits()).layers
        (64, 512, 64, 10)
        """
        model = given.get("model", "mlp")
        standard = preset(data.name, model)
        settings = {k: v for k, v in asdict(standard).items() if k != "sizes"}
        name = given.get("optimizer", standard.optimizer)
        if name != standard.optimizer:
            settings["lr"] = RATES.get(name, 1e-3)
            settings["weight_decay"] = WEIGHT_DECAY.get(name, 0.0)
        if given.get("scale", standard.scale) == "raw":
            settings["lr"] *= RAW_RATES.get(name, 0.25)
        own = is_folder(given.get("dataset", ""))
        if own:  # few images need small batches, or there are hardly any steps
            few = min(max(len(data) // 20, 8), settings["batch_size"])
            settings = {**settings, "batch_size": few}
        name = given["dataset"] if own else data.name
        settings |= {**given, "dataset": name, "model": model}
        _, height, width = image_shape(data)
        if own and height == width:  # as they are now, whatever images are added later
            settings["image_size"] = height
        sizes = _layers if model == "mlp" else _channels
        return cls(**settings | sizes(given, data, standard))

    def load_data(self) -> tuple[Dataset, Dataset]:
        """The images to train on, before any are held out, and those to test on."""
        return nn.data.load(self.dataset, size=self.image_size or None)

    def split(self, data: Dataset, rng: np.random.Generator) -> tuple[Dataset, Dataset | None]:
        """The images to train on, and those held out for validation, if any.

        Copies of an image are always in the same part, and every class has its share in both.
        """
        held = round(self.validation * len(data)) if self.validation < 1 else int(self.validation)
        if held >= len(data):
            raise UsageError(
                f"--validation {held} leaves none of the {len(data)} training images of "
                f"{data.name}; write a smaller number"
            )
        if held == 0:
            return data, None
        copies = nn.data.duplicates(data.inputs)
        train, validation = data.split(
            len(data) - held, held, rng=rng, groups=copies, stratify=True
        )
        return train, validation

    def make_model(
        self, shape: ImageShape, classes: int, rng: np.random.Generator | None = None
    ) -> nn.Sequential:
        """The network; its initial weights and its dropout are drawn from `rng`."""
        if self.model == "mlp":
            return nn.MLP(self.layers, activation=self.activation, dropout=self.dropout, rng=rng)
        return self._make_cnn(shape, classes, rng)

    def _make_cnn(
        self, shape: ImageShape, classes: int, rng: np.random.Generator | None
    ) -> nn.Sequential:
        """Blocks that halve the images, then one linear layer."""
        inputs, height, width = shape
        layers: list[nn.Module] = []
        for outputs in self.channels:
            layers += [
                nn.Conv2d(inputs, outputs, 3, padding=1, bias=False, rng=rng),
                nn.BatchNorm2d(outputs),  # its bias makes that of the convolution needless
                make_activation(self.activation),
                nn.MaxPool2d(2),
            ]
            inputs, height, width = outputs, height // 2, width // 2
        layers.append(nn.Flatten())
        if self.dropout:
            layers.append(nn.Dropout(self.dropout, rng=rng))
        layers.append(nn.Linear(inputs * height * width, classes, rng=rng))
        return nn.Sequential(*layers)

    def make_optimizer(self, model: nn.Module) -> Optimizer:
        """The optimizer of the network's parameters."""
        make: Any = OPTIMIZERS[self.optimizer]
        return make(model.parameters(), lr=self.lr, weight_decay=self.weight_decay)

    def describe_model(self) -> str:
        """The architecture in a few words."""
        sizes = "-".join(map(str, self.layers or self.channels))
        return f"{sizes}{' channels' if self.channels else ''} with {self.activation}"

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Settings:
        """The settings in a config file; raises UserError if there is something wrong with one."""
        lists = {name: tuple(data[name]) for name in ("layers", "channels", "augment")}
        settings = cls(**{**data, **lists})
        for field, table in _NAMED.items():
            look_up(table, getattr(settings, field), field)
        for name in settings.augment:
            look_up(AUGMENTATIONS, name, "augmentation")
        return settings


_NAMED: dict[str, Mapping[str, Any]] = {
    "model": MODELS,
    "activation": ACTIVATIONS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "scale": SCALES,
    "keep": KEPT,
}
FIELDS = frozenset(field.name for field in fields(Settings))


def _layers(given: Mapping[str, Any], data: Dataset, standard: Preset) -> dict[str, Any]:
    """The layers of an mlp: from pixels to classes."""
    if "channels" in given:
        raise UsageError("--channels are those of a cnn; write --model cnn too, or --layers")
    inputs, classes = int(np.prod(data.inputs.shape[1:])), len(data.classes)
    layers = given.get("layers", (inputs, *standard.sizes, classes))
    fitting = "-".join(map(str, (inputs, *layers[1:-1], classes)))
    if layers[0] != inputs:
        raise UsageError(
            f"--layers begins with {layers[0]}, but an image of {data.name} has {inputs} "
            f"{'pixels' if image_shape(data)[0] == 1 else 'values'}; write --layers {fitting}"
        )
    if layers[-1] != classes:
        raise UsageError(
            f"--layers ends with {layers[-1]}, but {data.name} has {classes} classes; "
            f"write --layers {fitting}"
        )
    return {"layers": layers}


def _channels(given: Mapping[str, Any], data: Dataset, standard: Preset) -> dict[str, Any]:
    """The channels of a cnn, whose blocks each halve the image."""
    if "layers" in given:
        raise UsageError("--layers are those of an mlp; leave out --model cnn, or write --channels")
    channels = given.get("channels", standard.sizes)
    _, height, width = image_shape(data)
    most = min(height, width).bit_length() - 1
    if len(channels) > most:
        raise UsageError(
            f"--channels has {len(channels)} blocks, but an image of {width} x {height} pixels can "
            f"only be halved {most} times; write --channels {'-'.join(map(str, channels[:most]))}"
        )
    return {"channels": channels}


def parse_layers(text: str) -> tuple[int, ...]:
    """Layer sizes from the command line.

    >>> parse_layers("784-512-64-10"), parse_layers("784,10")
    ((784, 512, 64, 10), (784, 10))
    """
    sizes = _whole_numbers(text)
    if len(sizes) < 2:
        raise UsageError(
            f"{text!r} is no list of layer sizes; write pixels, hidden units and classes, "
            "such as 784-512-64-10"
        )
    return sizes


def parse_channels(text: str) -> tuple[int, ...]:
    """The channels of each block from the command line.

    >>> parse_channels("16-32-64")
    (16, 32, 64)
    """
    sizes = _whole_numbers(text)
    if not sizes:
        raise UsageError(
            f"{text!r} is no list of channels; write those of each block, such as 16-32-64"
        )
    return sizes


def parse_augmentations(text: str) -> tuple[str, ...]:
    """Names of augmentations from the command line, or "none".

    >>> parse_augmentations("shift,rotate"), parse_augmentations("none")
    (('shift', 'rotate'), ())
    """
    names = () if text == "none" else tuple(text.split(","))
    for name in names:
        look_up(AUGMENTATIONS, name, "augmentation")
    return names


def _whole_numbers(text: str) -> tuple[int, ...]:
    """Numbers of at least 1 between hyphens or commas; none of them if one is something else."""
    try:
        sizes: Sequence[int] = [int(size) for size in text.replace(",", "-").split("-")]
    except ValueError:
        return ()
    return tuple(sizes) if min(sizes) >= 1 else ()
