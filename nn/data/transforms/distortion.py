"""Moving what is in an image: shifts, rotations, scale, shear and elastic deformation.

All of them say where each pixel of the result is read in the original, so any combination reads
the original once (`resample`) and blurs it once.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np

from nn.data.transforms.basic import as_images
from nn.random import as_generator

# Images are distorted a few at a time, so that all that is computed on the way stays in the cache,
# and in memory that the allocator does not give back in between.
_PIXELS_AT_ONCE = 8192


def resample(images: np.ndarray, rows: np.ndarray, columns: np.ndarray, fill: float) -> np.ndarray:
    """Images that are read at fractional positions, by bilinear interpolation.

    images: (n, c, h, w) float32. rows, columns: (n, height, width), where each pixel of the result
    is read, counted from the centre of the first pixel. Returns (n, c, height, width) float32.
    Outside of an image there is `fill`.

    >>> image = np.array([[[[0, 1], [2, 3]]]], np.float32)
    >>> resample(image, np.array([[[0.5]]]), np.array([[[0.25]]]), fill=0.0)
    array([[[[1.25]]]], dtype=float32)
    """
    n, c, h, w = images.shape
    # A border, so that nothing that is read lies outside: one pixel before, two after.
    stride = w + 3
    bordered = np.full((c, n, h + 3, stride), fill, np.float32)
    bordered[:, :, 1:-2, 1:-2] = images.swapaxes(0, 1)
    down, right = np.clip(rows, -1, h) + np.float32(1), np.clip(columns, -1, w) + np.float32(1)
    top, left = np.floor(down), np.floor(right)
    down -= top
    right -= left
    # the place of the upper left one of the four pixels that are mixed
    place = (top * stride + left).astype(np.intp)
    place += (np.arange(n) * ((h + 3) * stride))[:, None, None]
    result = np.empty((n, c, *place.shape[1:]), np.float32)
    for channel in range(c):
        pixels = bordered[channel].ravel()
        upper, lower = pixels.take(place), pixels[stride:].take(place)
        upper += right * (pixels[1:].take(place) - upper)
        lower += right * (pixels[stride + 1 :].take(place) - lower)
        lower -= upper
        lower *= down
        np.add(upper, lower, out=result[:, channel])
    return result


@dataclass(frozen=True, repr=False)
class Distort:
    """Moves, turns, scales, slants and bends every image by amounts drawn for it.

    degrees: turns by an angle from -degrees to degrees about the centre.
    shift: moves by whole pixels, from -shift to shift, down and to the right.
    zoom: scales by a factor from 1 / (1 + zoom) to 1 + zoom.
    shear: slants, so that a row moves by up to `shear` times its distance from the centre.
    alpha, sigma: elastic deformation. Every pixel is moved by a random field, `alpha` times noise
        (uniform in -1 to 1, for both directions) that is smoothed by a Gaussian of standard
        deviation `sigma` pixels. The typical displacement in each direction is about
        0.16 alpha / sigma pixels, for Simard's 34 and 4 so 1.4 pixels.
    fill: what comes in from outside.

    Source of the elastic deformation: P. Simard, D. Steinkraus, J. Platt, Best Practices for
    Convolutional Neural Networks Applied to Visual Document Analysis, 2003.

    >>> distort = Distort(shift=2, degrees=10, alpha=34, sigma=4)
    >>> images = np.zeros((64, 1, 28, 28), np.uint8)
    >>> distort(images, np.random.default_rng(0)).shape
    (64, 1, 28, 28)
    """

    degrees: float = 0.0
    shift: int = 0
    zoom: float = 0.0
    shear: float = 0.0
    alpha: float = 0.0
    sigma: float = 4.0
    fill: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(Distort):
            value = getattr(self, field.name)
            if field.name != "fill" and not value >= 0:
                raise ValueError(f"{self}: {field.name} is {value}; give a number of at least 0")
        if self.shift != int(self.shift):
            raise ValueError(f"{self}: shift is {self.shift}; give whole pixels")
        if self.alpha and not self.sigma:
            raise ValueError(f"{self}: sigma is 0; give the smoothness of the field in pixels")

    def __call__(self, inputs: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        images = as_images(inputs, self)
        rng = as_generator(rng, type(self).__name__)
        result = np.empty_like(images)
        n, _, height, width = images.shape
        step = max(1, _PIXELS_AT_ONCE // (height * width))
        for start in range(0, n, step):
            part = images[start : start + step]
            rows, columns = self.sources(len(part), (height, width), rng)
            result[start : start + step] = resample(part, rows, columns, self.fill)
        return result

    def sources(
        self, n: int, shape: tuple[int, int], rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """Where each pixel of n distorted images is read: rows and columns, (n, height, width)."""
        height, width = shape
        y = np.arange(height, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
        x = np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)
        matrix = self._matrices(n, rng).astype(np.float32)[..., None, None]  # (2, 2, n, 1, 1)
        move = rng.integers(-self.shift, self.shift, (2, n), endpoint=True)
        centre = np.array([[height - 1], [width - 1]]) / 2
        offset = (centre - move).astype(np.float32)[..., None, None]  # (2, n, 1, 1)
        rows = (matrix[0, 0] * y + offset[0]) + matrix[0, 1] * x
        columns = (matrix[1, 0] * y + offset[1]) + matrix[1, 1] * x
        if self.alpha:
            field = smooth_noise((2, n), shape, self.sigma, rng)
            field *= np.float32(self.alpha)
            rows += field[0]
            columns += field[1]
        return rows, columns

    def _matrices(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """(2, 2, n): from positions in the result to positions in the original."""
        angle = np.deg2rad(rng.uniform(-self.degrees, self.degrees, n))
        scale = np.exp(rng.uniform(-1, 1, n) * np.log1p(self.zoom))
        slant = rng.uniform(-self.shear, self.shear, n)
        cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
        # a rotation by the angle, of what was slanted: x moves by slant * y
        return np.array([[cos, sin], [slant * cos - sin, slant * sin + cos]])

    def __repr__(self) -> str:
        """Only what is not left at its default."""
        given = (f for f in fields(Distort) if getattr(self, f.name) != f.default)
        settings = ", ".join(f"{f.name}={getattr(self, f.name):g}" for f in given)
        return f"{type(self).__name__}({settings})"


class RandomShift(Distort):
    """Moves every image by whole pixels, from -shift to shift, in both directions."""

    def __init__(self, shift: int, *, fill: float = 0.0):
        super().__init__(shift=shift, fill=fill)


class RandomRotation(Distort):
    """Turns every image about its centre by an angle from -degrees to degrees."""

    def __init__(self, degrees: float, *, fill: float = 0.0):
        super().__init__(degrees=degrees, fill=fill)


class ElasticDeformation(Distort):
    """Bends every image by a smooth random field; see `alpha` and `sigma` in `Distort`."""

    def __init__(self, alpha: float = 34.0, sigma: float = 4.0, *, fill: float = 0.0):
        super().__init__(alpha=alpha, sigma=sigma, fill=fill)


def smooth_noise(
    leading: tuple[int, ...], shape: tuple[int, int], sigma: float, rng: np.random.Generator
) -> np.ndarray:
    """Noise, uniform in -1 to 1, smoothed by a Gaussian: (*leading, height, width) float32.

    Smoothed values are sums of many, so they are drawn from the normal distribution with the same
    covariance. That takes no more random numbers than the smooth field has degrees of freedom.
    """
    vertical, horizontal = (_smooth_factor(length, sigma) for length in shape)
    noise = rng.standard_normal(
        (*leading, vertical.shape[1], horizontal.shape[1]), dtype=np.float32
    )
    return vertical @ noise @ horizontal.T * np.float32(3**-0.5)  # the deviation of the uniform


@lru_cache(maxsize=16)
def _smooth_factor(length: int, sigma: float) -> np.ndarray:
    """F (length, k) with F @ F.T the covariance of smoothed unit noise along one axis."""
    reach = max(1, int(np.ceil(4 * sigma)))
    kernel = np.exp(-np.square(np.arange(-reach, reach + 1) / sigma) / 2)
    kernel /= kernel.sum()
    by_distance = np.zeros(length)
    covered = min(length, 2 * reach + 1)
    by_distance[:covered] = np.correlate(kernel, kernel, "full")[2 * reach :][:covered]
    distance = np.abs(np.subtract.outer(np.arange(length), np.arange(length)))
    values, vectors = np.linalg.eigh(by_distance[distance])
    kept = values > 1e-6 * values[-1]
    return (vectors[:, kept] * np.sqrt(values[kept])).astype(np.float32)
