"""Run folders: what a training run leaves behind, and how it is found again."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import nn
from nn.commands.images import drawing_size
from nn.commands.preparing import ImageShape, image_shape, pixels
from nn.commands.settings import Settings, UsageError
from nn.data import Dataset
from nn.data.transforms import Standardize
from nn.errors import UserError
from nn.training.checkpoints import load_checkpoint, restore
from nn.training.files import SaveError, write_json

FORMAT = 2  # of config.json


class RunError(UserError, ValueError):
    """A run folder that is missing, damaged or unfinished."""


@dataclass(frozen=True)
class Run:
    """A folder with the settings of a training run and what belongs to them."""

    folder: Path
    settings: Settings
    scaling: Standardize  # of pixels from 0 to 1
    classes: tuple[str, ...]
    image_shape: ImageShape
    drawing: int  # how long what is drawn on a grey image is, in pixels; see `drawing_size`

    @classmethod
    def create(
        cls, out: Path | None, settings: Settings, scaling: Standardize, data: Dataset
    ) -> Run:
        """Make the folder, by default the next free one of `runs/<dataset>-<number>`.

        Raises UsageError if `out` is there already and not empty.
        """
        folder = _make_next(Path("runs"), data.name) if out is None else _make(out)
        drawing = drawing_size(pixels(data)(data.inputs[:1000]).mean(axis=1))
        run = cls(folder, settings, scaling, data.classes, image_shape(data), drawing)
        run.write_config()
        return run

    @classmethod
    def open(cls, folder: Path) -> Run:
        """The run in a folder that `create` made; raises RunError if it cannot be used."""
        path = folder / "config.json"
        if not folder.is_dir():
            raise RunError(
                f"{folder}: there is no such run folder; make one with python -m nn train "
                f"--out {folder}"
            )
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
            if config["format"] != FORMAT:
                raise RunError(
                    f"{path}: its format is {config['format']}, but this version reads {FORMAT}; "
                    "train again, or use the version that wrote it"
                )
            channels, height, width = map(int, config["image_shape"])
            return cls(
                folder,
                Settings.from_json(config["settings"]),
                Standardize(**config["scaling"]),
                tuple(config["classes"]),
                (channels, height, width),
                int(config["drawing"]),
            )
        except FileNotFoundError as error:
            raise RunError(
                f"{folder}: not a run folder, since it has no config.json; give a folder that "
                "python -m nn train wrote"
            ) from error
        except RunError:
            raise
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise RunError(
                f"{path}: damaged ({type(error).__name__}: {error}); train again, or give another "
                "run folder"
            ) from error

    def write_config(self) -> None:
        """Write config.json: all that is needed to build the network and to feed it."""
        scaling = self.scaling.state_dict()
        config: dict[str, Any] = {
            "format": FORMAT,
            "settings": asdict(self.settings),
            "scaling": {name: array.tolist() for name, array in scaling.items()},
            "classes": self.classes,
            "image_shape": self.image_shape,
            "drawing": self.drawing,
        }
        write_json(self.folder / "config.json", config)

    @property
    def weights(self) -> Path:
        """The trained weights; they are there once the training is finished."""
        return self.folder / "model.safetensors"

    @property
    def checkpoint(self) -> Path:
        """The training state after the latest epoch."""
        return self.folder / "last.safetensors"

    @property
    def best(self) -> Path:
        """The training state after the epoch with the lowest validation loss."""
        return self.folder / "best.safetensors"

    def load_data(self) -> tuple[Dataset, Dataset]:
        """The images to train on and to test on; raises RunError if they are no longer the same."""
        data, test = self.settings.load_data()
        if data.classes != self.classes or image_shape(data) != self.image_shape:
            raise RunError(
                f"{self.folder}: it was trained on images {self.image_shape} of "
                f"{', '.join(self.classes)}, but {self.settings.dataset} now has images "
                f"{image_shape(data)} of {', '.join(data.classes)}; put the data "
                "back, or train again"
            )
        return data, test

    def load_model(self) -> nn.Sequential:
        """The trained network; raises RunError or CheckpointError if there is none."""
        if not self.weights.exists():
            raise RunError(
                f"{self.folder}: the training is not finished; continue it with "
                f"python -m nn train --resume {self.folder}"
            )
        try:
            model = self.settings.make_model(self.image_shape, len(self.classes))
        except (ValueError, TypeError) as error:
            raise RunError(f"{self.folder / 'config.json'}: {error}") from error
        restore(model, load_checkpoint(self.weights), self.weights)
        return model


def _make(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(
                f"--out {folder}: the folder is not empty, and a run is never overwritten; name "
                f"another folder, or continue that run with --resume {folder}"
            )
    except OSError as error:
        raise SaveError(
            f"--out {folder}: the folder cannot be made: {error.strerror or error}; "
            "name another one"
        ) from error
    return folder


def _make_next(parent: Path, name: str) -> Path:
    for number in count(1):
        folder = parent / f"{name}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise SaveError(
                f"{folder}: the folder cannot be made: {error.strerror or error}; "
                "name another one with --out"
            ) from error
        return folder
    raise AssertionError("count() does not end")
