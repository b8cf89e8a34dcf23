"""What `python -m nn predict` is given: image files, folders of them, arrays in .npy files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nn.commands.images import check_drawn, on_black, read_drawing, read_photo
from nn.commands.preparing import ImageShape
from nn.data.folders import natural
from nn.errors import DataError
from nn.extras import needs


@dataclass(frozen=True)
class Picture:
    """One image: (channels, height, width) float32 in [0, 1], and where it is from.

    index: its place in the array that the file holds; None for a file that is an image.
    """

    path: Path
    index: int | None
    pixels: np.ndarray

    def __str__(self) -> str:
        return str(self.path) if self.index is None else f"{self.path}[{self.index}]"


def read_pictures(
    paths: Iterable[Path], shape: ImageShape, drawing: int
) -> tuple[list[Picture], list[DataError]]:
    """All images at `paths` as those of a data set, and what is wrong with the others.

    paths: image files, folders (their images and arrays in natural order, those in inner folders
        too), .npy files. shape: (channels, height, width) of the data set. Images of 1 channel are
        drawings, of `drawing` pixels (see `read_drawing`); others are photographs.
    """
    pictures: list[Picture] = []
    errors: list[DataError] = []
    for path in paths:
        try:
            files = _files_in(path) if path.is_dir() else [path]
        except DataError as error:
            errors.append(error)
            continue
        for file in files:
            try:
                pictures += _read(file, shape, drawing)
            except DataError as error:
                errors.append(error)
    return pictures, errors


def _files_in(folder: Path) -> Sequence[Path]:
    """The images and arrays in a folder and the folders in it; hidden ones are passed over."""
    with needs("pillow", "reading images"):
        from PIL import Image
    endings = {".npy", *Image.registered_extensions()}
    found = [
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in endings
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and path.is_file()
    ]
    if not found:
        raise DataError(f"{folder}: there are no images in this folder; name another one")
    return sorted(found, key=lambda path: natural(str(path)))


def _read(path: Path, shape: ImageShape, drawing: int) -> Iterator[Picture]:
    channels, *size = shape
    height, width = size
    if path.suffix.lower() == ".npy":
        images = read_array(path, shape)
        for index, image in enumerate(images):
            yield Picture(path, index, image)
    elif channels == 1:
        yield Picture(path, None, read_drawing(path, (height, width), drawing)[None])
    else:
        yield Picture(path, None, read_photo(path, (height, width)))


def read_array(path: Path, shape: ImageShape) -> np.ndarray:
    """The images in a .npy file, (n, channels, height, width) float32 in [0, 1].

    shape: (channels, height, width) of the images that are wanted. The array has shape
        (n, channels, height, width) or (n, channels * height * width), or (n, height, width) for 1
        channel. Its values are from 0 to 1 or from 0 to 255, of any real dtype, or truth values.

    Drawings (1 channel) are put on a background of 0, as those in image files are. Raises
    DataError, which says what was expected and what was found.
    """
    try:
        with path.open("rb") as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file; check the path") from error
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: cannot be read as an array ({error}); write it with np.save"
        ) from error
    return checked_images(array, shape, path)


def checked_images(array: np.ndarray, shape: ImageShape, path: object) -> np.ndarray:
    """The images in an array, as `read_array` has them; `path` is where messages say it is from."""
    if array.dtype.kind not in "biuf":
        raise DataError(f"{path}: holds dtype {array.dtype}; give an array of real numbers")
    _check_shape(path, array.shape, shape)
    if not len(array):
        raise DataError(f"{path}: holds no images, its shape is {array.shape}")
    images = array.reshape(len(array), *shape).astype(np.float32)
    low, high = images.min(), images.max()
    if not (low >= 0 and high <= 255):  # NaN neither
        raise DataError(
            f"{path}: has values from {low:g} to {high:g}; give pixels from 0 to 1, or from 0 to "
            "255, as they are before any standardisation"
        )
    if high > 1:
        images /= 255
    if shape[0] == 1:
        images = on_black(images[:, 0])[:, None]
        for index, image in enumerate(images):
            check_drawn(image, f"{path}[{index}]")
    return images


def _check_shape(path: object, found: tuple[int, ...], shape: ImageShape) -> None:
    """Raise DataError if an array of shape `found` does not hold images of `shape`."""
    channels, height, width = shape
    fitting = [shape, (channels * height * width,)]
    if channels == 1:
        fitting.insert(0, (height, width))
    if found[1:] in fitting:
        return
    wanted = " or ".join(f"(n, {', '.join(map(str, one))})" for one in fitting)
    if found in fitting[:-1]:
        hint = "; one image alone needs an axis more: array[None]"
    elif found[1:] == (height, width, channels):
        hint = "; move the channels to the second axis with np.moveaxis(array, -1, 1)"
    else:
        hint = "; images of another size are scaled if you give them as image files"
    raise DataError(f"{path}: has shape {found}, but the network takes {wanted}{hint}")
