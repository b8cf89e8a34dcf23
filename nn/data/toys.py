"""Small data sets with two inputs or one, for a first look at how a network learns.

Inputs are float32. `rng` draws the points; by default nn's own generator.
"""

import numpy as np

from nn.data.dataset import Dataset
from nn.random import as_generator


def linear(n: int = 100, *, rng: np.random.Generator | None = None) -> Dataset:
    """`n` random points of the unit square; class 0 is below its diagonal, class 1 above.

    inputs: (n, 2). targets: (n,) int64.

    >>> data = linear(rng=np.random.default_rng(0))
    >>> np.bincount(data.targets)
    array([49, 51])
    """
    points = as_generator(rng, "toys.linear").random((n, 2), dtype=np.float32)
    above = points[:, 1] >= points[:, 0]
    return Dataset(points, above.astype(np.int64), name="linear", classes=("below", "above"))


def xor() -> Dataset:
    """21 points on the diagonals of the unit square: class 0 on the rising, 1 on the falling one.

    inputs: (21, 2). targets: (21,) int64. The points (x, x) are of class 0 and (x, 1 - x) of class
    1, for x = 0, 0.1, ..., 1; the centre, which is on both, is of class 0.

    >>> xor()
    Dataset 'xor': 21 samples, inputs (2,) float32, targets () int64, 2 classes
    """
    x = np.arange(11) / 10
    other = np.delete(x, 5)
    points = np.concatenate([np.stack([x, x], axis=1), np.stack([other, 1 - other], axis=1)])
    labels = np.repeat([0, 1], [11, 10])
    return Dataset(points.astype(np.float32), labels, name="xor", classes=("rising", "falling"))


def blobs(
    n: int = 300, classes: int = 3, *, spread: float = 0.3, rng: np.random.Generator | None = None
) -> Dataset:
    """`n` points around the corners of a regular polygon, one corner for each class.

    inputs: (n, 2); the corners are at distance 1 from the origin, and the points are normally
    distributed around theirs with standard deviation `spread`. targets: (n,) int64.
    """
    rng = as_generator(rng, "toys.blobs")
    labels = np.arange(n) % classes
    angles = 2 * np.pi * labels / classes
    points = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points += rng.normal(scale=spread, size=(n, 2))
    return Dataset(points.astype(np.float32), labels, name="blobs", classes=_names(classes))


def spiral(
    n: int = 300, classes: int = 3, *, noise: float = 0.2, rng: np.random.Generator | None = None
) -> Dataset:
    """`n` points on the arms of a spiral, one arm for each class, which no line can separate.

    inputs: (n, 2) in the unit circle. Each arm leaves the origin and turns by four radians; the
    angles have a normal error of `noise` radians. targets: (n,) int64.
    """
    rng = as_generator(rng, "toys.spiral")
    labels = np.arange(n) % classes
    radius = (np.arange(n) // classes + 1) / -(-n // classes)  # equally spaced on each arm
    angle = 2 * np.pi * labels / classes + 4 * radius + rng.normal(scale=noise, size=n)
    points = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return Dataset(points.astype(np.float32), labels, name="spiral", classes=_names(classes))


def sine(n: int = 64, *, noise: float = 0.0, rng: np.random.Generator | None = None) -> Dataset:
    """`n` points of one period of the sine, to fit a curve through.

    inputs: (n, 1), uniform in [-π, π). targets: (n, 1) float32, sin(x) with a normal error of
    standard deviation `noise`.
    """
    rng = as_generator(rng, "toys.sine")
    x = rng.uniform(-np.pi, np.pi, (n, 1))
    y = np.sin(x) + rng.normal(scale=noise, size=(n, 1))
    return Dataset(x.astype(np.float32), y.astype(np.float32), name="sine")


def _names(classes: int) -> list[str]:
    return [str(number) for number in range(classes)]
