"""What transforms have in common, and putting several together."""

from typing import Any, Protocol

import numpy as np

from nn.errors import DataError
from nn.random import as_generator


class Transform(Protocol):
    """What a DataLoader does to the inputs of every batch."""

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator, /) -> np.ndarray: ...


def is_random(transform: Any) -> bool:
    """Whether a transform may draw random numbers; those that do not say so by `random`.

    >>> is_random(Reshape(-1)), is_random(lambda inputs, rng: inputs)
    (False, True)
    """
    return getattr(transform, "random", True)


class Compose:
    """Several transforms, one after the other.

    >>> flat = Compose(Reshape(1, 2, 2), Reshape(-1))
    >>> flat(np.eye(4)).shape
    (4, 4)
    """

    def __init__(self, *transforms: Transform):
        for transform in transforms:
            if not callable(transform):
                raise TypeError(
                    f"Compose: {transform!r} is no transform; give functions of (inputs, rng), "
                    "each as an argument of its own"
                )
        self.transforms = transforms

    @property
    def random(self) -> bool:
        """Whether any of the transforms draws random numbers."""
        return any(map(is_random, self.transforms))

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        generator = as_generator(rng, "Compose")
        for transform in self.transforms:
            inputs = transform(inputs, generator)
        return inputs

    def __repr__(self) -> str:
        return f"Compose({', '.join(map(repr, self.transforms))})"


class Reshape:
    """Gives every input another shape; `Reshape(-1)` lays images out flat.

    >>> Reshape(1, 28, 28)(np.zeros((5, 784))).shape
    (5, 1, 28, 28)
    """

    random = False

    def __init__(self, *shape: int):
        self.shape = shape

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        try:
            return np.asarray(inputs, np.float32).reshape(len(inputs), *self.shape)
        except ValueError as error:
            raise DataError(
                f"{self}: an input has shape {np.shape(inputs)[1:]}; give one with as many values"
            ) from error

    def __repr__(self) -> str:
        return f"Reshape({', '.join(map(str, self.shape))})"


def as_images(inputs: np.ndarray, caller: object) -> np.ndarray:
    """`inputs` as float32, if they are images (n, channels, height, width).

    Raises DataError, naming the transform, if they are not.
    """
    images = np.asarray(inputs, np.float32)
    if images.ndim != 4:
        raise DataError(
            f"{caller}: inputs of shape {images.shape} are no images (n, channels, height, width); "
            "put a Reshape(channels, height, width) before"
        )
    return images
