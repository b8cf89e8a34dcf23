"""A finished run in Python: its network, its scaling, its classes."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import nn
from nn.commands.inputs import checked_images, read_pictures
from nn.commands.preparing import ImageShape, network_input
from nn.commands.runs import Run
from nn.data.transforms import Standardize
from nn.functional import softmax
from nn.training.evaluation import predict as outputs_of

Images = np.ndarray | str | os.PathLike[str] | Iterable[str | os.PathLike[str]]


@dataclass(frozen=True)
class LoadedRun:
    """What `nn.load_run` gives.

    model: the trained network, in evaluation mode. scaling: of pixels from 0 to 1, before the
    model. classes: their names. image_shape: (channels, height, width) of the images that it was
    trained on.
    """

    model: nn.Module
    scaling: Standardize
    classes: tuple[str, ...]
    image_shape: ImageShape
    run: Run

    @classmethod
    def open(cls, folder: Path) -> LoadedRun:
        """The finished run in a folder; see `nn.load_run`."""
        run = Run.open(folder)
        model = run.load_model()
        model.eval()
        return cls(model, run.scaling, run.classes, run.image_shape, run)

    def prepare(self, images: Images) -> np.ndarray:
        """What the model takes, for what `probabilities` takes."""
        if isinstance(images, np.ndarray):
            pixels = checked_images(images, self.image_shape, "load_run")
        else:
            single = isinstance(images, str | os.PathLike)
            paths = [Path(path) for path in ([images] if single else images)]
            pictures, errors = read_pictures(paths, self.image_shape, self.run.drawing)
            if errors:
                raise errors[0]
            pixels = np.array([picture.pixels for picture in pictures], np.float32)
            pixels = pixels.reshape(len(pictures), *self.image_shape)
        return network_input(self.scaling, self.run.settings.model)(pixels)

    def probabilities(self, images: Images) -> np.ndarray:
        """How likely each class is: (n, classes).

        images: an array (n, channels, height, width) from 0 to 1, or from 0 to 255, which may
            leave out a single channel or be laid out flat; or a path, or several, of image files
            of any size, of folders of them, or of .npy files.

        Raises DataError for an image that cannot be used.
        """
        return softmax(outputs_of(self.model, self.prepare(images)))

    def predict(self, images: Images) -> list[str]:
        """The name of the likeliest class of each of n images; see `probabilities`."""
        return [self.classes[index] for index in self.probabilities(images).argmax(axis=1).tolist()]
