"""Transforms of the values: to the range 0 to 1, or to mean 0 and standard deviation 1."""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from nn.data.dataset import Dataset
from nn.errors import DataError

Per = Literal["pixel", "channel", "all"]


class ToUnit:
    """Takes 0 to `full` to 0 to 1.

    >>> ToUnit()(np.array([[0, 51, 255]], np.uint8))
    array([[0. , 0.2, 1. ]], dtype=float32)
    """

    random = False

    def __init__(self, full: float = 255):
        self.full = full

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        return np.divide(inputs, np.float32(self.full), dtype=np.float32)

    def __repr__(self) -> str:
        return f"ToUnit({self.full:g})"


class Standardize:
    """Subtracts `mean` and divides by `std`, usually those of the data to train on (`fit`).

    mean, std: they broadcast against an input; float32.

    `state_dict()` has them both, and `Standardize(**state)` makes the same transform again.

    >>> train = np.array([[0.0, 10.0], [2.0, 10.0]])
    >>> standardize = Standardize.fit(train)
    >>> standardize(train)
    array([[-1.,  0.],
           [ 1.,  0.]], dtype=float32)
    """

    random = False

    def __init__(self, mean: ArrayLike, std: ArrayLike):
        self.mean = np.asarray(mean, np.float32)
        self.std = np.asarray(std, np.float32)
        if not (np.isfinite(self.mean).all() and np.isfinite(self.std).all() and self.std.all()):
            raise DataError(
                "Standardize: mean and std must be finite, and std not zero; "
                "Standardize.fit(data) takes care of values that are constant"
            )

    @classmethod
    def fit(cls, data: Dataset | np.ndarray, per: Per = "pixel") -> "Standardize":
        """The transform that gives `data` mean 0 and standard deviation 1.

        data: a Dataset or an array of inputs (n, ...): only what is trained on, or the measurement
            on other data is no longer honest.
        per: over what is averaged. "pixel": over the samples, so every value of an input has a
            mean of its own. "channel": over samples, height and width of (n, channels, height,
            width). "all": over everything.

        What is constant becomes 0. Should it vary elsewhere, it is divided by the typical (root
        mean square) deviation of what does vary, so that a pixel which is never inked in `data`
        does not drown all others the first time that it is.
        """
        inputs = np.asarray(data.inputs if isinstance(data, Dataset) else data)
        axes = _axes(inputs, per)
        if inputs.size == 0:
            raise DataError("Standardize.fit: the data are empty; give at least one sample")
        mean = np.asarray(np.mean(inputs, axis=axes, dtype=np.float64, keepdims=True))
        if not np.isfinite(mean).all():
            raise DataError(
                "Standardize.fit: the data have NaN or infinite values; data.check_finite() names "
                "the first"
            )
        variance = np.zeros_like(mean)
        for start in range(0, len(inputs), 1000):  # a float64 copy of everything may be too large
            chunk = np.square(inputs[start : start + 1000] - mean)
            variance += chunk.sum(axis=axes, keepdims=True)
        variance /= inputs.size // mean.size
        # by comparison, since rounding gives equal values a tiny variance
        varying = inputs.max(axis=axes, keepdims=True) > inputs.min(axis=axes, keepdims=True)
        typical = variance[varying].mean() if varying.any() else 1.0
        std = np.sqrt(np.where(varying, variance, typical))
        return cls(mean[0], std[0])

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        shape = np.shape(inputs)
        if not self._fits(shape):
            raise DataError(
                f"Standardize: inputs of shape {shape} do not fit means of shape "
                f"{self.mean.shape} for one input; fit it on inputs of the same shape"
            )
        scaled = np.subtract(inputs, self.mean, dtype=np.float32)
        return np.divide(scaled, self.std, out=scaled)

    def _fits(self, shape: tuple[int, ...]) -> bool:
        """Whether inputs of that shape keep it when means and deviations are broadcast to it."""
        try:
            return np.broadcast_shapes(shape[1:], self.mean.shape, self.std.shape) == shape[1:]
        except ValueError:
            return False

    def state_dict(self) -> dict[str, np.ndarray]:
        """The arguments that make this transform again."""
        return {"mean": self.mean, "std": self.std}

    def __repr__(self) -> str:
        return f"Standardize(<{self.mean.size} means and deviations, shape {self.mean.shape}>)"


def _axes(inputs: np.ndarray, per: Per) -> tuple[int, ...]:
    """What is averaged over."""
    if per == "pixel":
        return (0,)
    if per == "all":
        return tuple(range(inputs.ndim))
    if per != "channel":
        raise ValueError(f'Standardize.fit: per is {per!r}; choose "pixel", "channel" or "all"')
    if inputs.ndim != 4:
        raise DataError(
            f"Standardize.fit: inputs of shape {inputs.shape} have no channels; give images "
            '(n, channels, height, width), or per="all"'
        )
    return 0, 2, 3
