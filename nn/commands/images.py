"""Image files as a network's input: any size and mode, drawings on any background, photographs."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nn.errors import DataError
from nn.extras import needs

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


def read_drawing(path: Path, shape: tuple[int, int], drawing: int) -> np.ndarray:
    """The image in `path` as (height, width) float32 in [0, 1], bright on a dark background.

    A bright background is inverted. An image that has the wanted shape is taken as it is. In any
    other the drawing is cut out, scaled so that its longer side has `drawing` pixels, and centred
    by its centre of mass, as the images of MNIST were made.

    Raises DataError if the file is missing, damaged or no image, or has no drawing in it.
    """
    pixels = _grey(_open(path))
    if not np.isfinite(pixels).all():
        raise DataError(f"{path}: has pixels that are NaN or infinite; replace them")
    pixels = on_black(pixels[None])[0]
    check_drawn(pixels, path)
    return pixels if pixels.shape == shape else _fit(pixels / pixels.max(), shape, drawing)


def read_photo(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """The image in `path` as (3, height, width) float32 in [0, 1]: red, green, blue.

    What is transparent becomes white. An image of another shape is scaled until it covers the
    wanted one, and what stands over at two of its sides is cut off.

    Raises DataError if the file is missing, damaged or no image.
    """
    image = _open(path)
    from PIL import Image, ImageOps

    if image.mode.startswith(("I", "F")):
        image = Image.fromarray(np.rint(np.clip(_grey(image), 0, 1) * 255).astype(np.uint8))
    if _has_alpha(image):
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    size = shape[1], shape[0]
    image = image.convert("RGB")
    if image.size != size:
        image = ImageOps.fit(image, size, Image.Resampling.LANCZOS)
    return np.moveaxis(np.asarray(image), -1, 0) / np.float32(255)


def on_black(pixels: np.ndarray) -> np.ndarray:
    """Images (n, height, width) in [0, 1] on a background of 0, which the border tells.

    >>> on_black(np.array([[[1.0, 1.0, 1.0], [1.0, 0.25, 1.0], [1.0, 1.0, 1.0]]]))[0, 1]
    array([0.  , 0.75, 0.  ])
    """
    sides = [pixels[:, 0], pixels[:, -1], pixels[:, :, 0], pixels[:, :, -1]]
    border = np.median(np.concatenate(sides, axis=1), axis=1)[:, None, None]
    bright = border > 0.5
    pixels, border = np.where(bright, 1 - pixels, pixels), np.where(bright, 1 - border, border)
    return np.clip((pixels - border) / (1 - border), 0, 1)


def check_drawn(pixels: np.ndarray, where: object) -> None:
    """Raise DataError if there is nothing on an image that was given a background of 0."""
    if pixels.max() < _INK:
        raise DataError(
            f"{where}: there is nothing to recognise, it has one brightness all over; "
            "give an image with something drawn on it"
        )


def _open(path: Path) -> Image:
    """The image in a file, read in full, and upright."""
    with needs("pillow", "reading images"):
        from PIL import Image, ImageOps, UnidentifiedImageError
    try:
        with Image.open(path) as image:
            return ImageOps.exif_transpose(image)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file; check the path") from error
    except UnidentifiedImageError as error:
        raise DataError(f"{path}: not an image that can be read; give a PNG or JPEG") from error
    except (
        OSError, ValueError, SyntaxError, EOFError, struct.error, Image.DecompressionBombError,
    ) as error:  # fmt: skip
        raise DataError(f"{path}: cannot be read ({error}); replace it with an intact copy") from (
            error
        )


def _has_alpha(image: Image) -> bool:
    return image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info


def _grey(image: Image) -> np.ndarray:
    """Brightness in [0, 1], (height, width) float32; what is transparent becomes background."""
    if image.mode.startswith(("I", "F")):  # 16 or 32 bits per pixel
        pixels = np.asarray(image).astype(np.float64)
        full = 65535.0 if pixels.max() > 255 else 255.0 if pixels.max() > 1 else 1.0
        return (pixels / full).astype(np.float32)
    if _has_alpha(image):
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
