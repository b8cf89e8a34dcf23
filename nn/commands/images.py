"""Image files as a network's input: any size and mode, dark on bright or bright on dark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nn.errors import DataError
from nn.training.extras import needs

if TYPE_CHECKING:
    from PIL.Image import Image

_LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue
_INK = 0.2  # what is brighter than this, of 0 to 1, belongs to what is drawn


def drawing_size(images: np.ndarray) -> int:
    """The typical length in pixels of the longer side of what is drawn in images (n, h, w).

    >>> drawing_size(np.pad(np.ones((1, 20, 12)), ((0, 0), (4, 4), (8, 8))))
    20
    """
    boxes = [[np.ptp(np.flatnonzero(ink.any(axis=axis))) for axis in (0, 1)]
             for ink in images > _INK if ink.any()]  # fmt: skip
    return round(float(np.median(np.max(boxes, axis=1)))) + 1 if boxes else max(images.shape[1:])


def read_image(path: Path, shape: tuple[int, int], drawing: int) -> np.ndarray:
    """The image in `path` as (height, width) float32 in [0, 1], bright on a dark background.

    A bright background is inverted. An image that has the wanted shape is taken as it is. In any
    other the drawing is cut out, scaled so that its longer side has `drawing` pixels, and centred
    by its centre of mass, as the images of MNIST were made.

    Raises DataError if the file is missing, damaged or no image, or has no drawing in it.
    """
    with needs("pillow", "reading images"):
        from PIL import Image, UnidentifiedImageError
    try:
        with Image.open(path) as image:
            pixels = _grey(image)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file; check the path") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: not an image that can be read; give a PNG or JPEG") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be read ({error}); replace it with an intact copy") from (
            error
        )
    if not np.isfinite(pixels).all():
        raise DataError(f"{path}: has pixels that are NaN or infinite; replace them")
    border = np.median(np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]))
    if border > 0.5:
        pixels, border = 1 - pixels, 1 - border
    pixels = np.clip((pixels - border) / (1 - border), 0, 1)  # the background becomes 0
    if pixels.max() < _INK:
        raise DataError(
            f"{path}: there is nothing to recognise, it has one brightness all over; "
            "give an image with something drawn on it"
        )
    return pixels if pixels.shape == shape else _fit(pixels / pixels.max(), shape, drawing)


def _grey(image: Image) -> np.ndarray:
    """Brightness in [0, 1], (height, width) float32; what is transparent becomes background."""
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits per pixel
        pixels = np.asarray(image).astype(np.float64)
        full = 65535.0 if pixels.max() > 255 else 255.0 if pixels.max() > 1 else 1.0
        return (pixels / full).astype(np.float32)
    if image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA")) / np.float32(255)
        brightness, alpha = rgba[..., :3] @ _LUMINANCE, rgba[..., 3]
        opaque = brightness[alpha > 0.5]
        background = 0.0 if opaque.size and opaque.mean() > 0.5 else 1.0
        return alpha * brightness + (1 - alpha) * np.float32(background)
    return np.asarray(image.convert("L")) / np.float32(255)


def _fit(pixels: np.ndarray, shape: tuple[int, int], size: int) -> np.ndarray:
    """The drawing in `pixels`, scaled and centred in an image of `shape`."""
    from PIL import Image

    ink = pixels > _INK
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    drawing = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = shape
    scale = min(size, height, width) / max(drawing.shape)
    h, w = np.maximum(np.rint(np.multiply(drawing.shape, scale)), 1).astype(int)
    picture = Image.fromarray(np.rint(drawing * 255).astype(np.uint8))
    small = np.asarray(picture.resize((w, h), Image.Resampling.LANCZOS)) / np.float32(255)
    mass = small.sum()
    centre_y = (small.sum(axis=1) @ np.arange(h)) / mass
    centre_x = (small.sum(axis=0) @ np.arange(w)) / mass
    top = int(np.clip(round((height - 1) / 2 - centre_y), 0, height - h))
    left = int(np.clip(round((width - 1) / 2 - centre_x), 0, width - w))
    fitted = np.zeros(shape, np.float32)
    fitted[top : top + h, left : left + w] = small
    return fitted
