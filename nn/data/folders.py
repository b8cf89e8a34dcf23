"""Images sorted into one folder per class: on disk, or in a zip archive."""

import io
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from nn.data.dataset import Dataset
from nn.data.progress import progress_bar
from nn.data.transforms.basic import Transform
from nn.errors import DataError
from nn.extras import needs
from nn.random import default_rng

_SYSTEM_FILES = ("__MACOSX", "Thumbs.db", "desktop.ini")  # and all whose names begin with a dot


def image_folder(
    path: str | os.PathLike[str],
    *,
    subfolder: str = "",
    grey: bool | None = None,
    name: str | None = None,
    classes: Sequence[str] | None = None,
    transform: Transform | None = None,
) -> Dataset:
    """The images in a folder, or a zip archive, that has one subfolder per class.

    inputs: (n, channels, height, width) uint8, 0 to 255, class after class. Grey and one-bit
        images have 1 channel, others 3 (red, green, blue).
    targets: (n,) int64, the number of the class folder. Folders and files are in natural order: 2
        comes before 10.

    subfolder: where in `path` the class folders are, such as "train".
    grey: True makes all images grey, False gives all 3 channels. By default there is 1 channel if
        no image has colours.
    name: of the data set, by default that of the folder or archive.
    classes: the names of the classes, in the order of their folders, by default the folders' names.
    transform: applied to each image as it is read, (1, channels, height, width) uint8. With
        `Compose(Resize(32), CenterCrop(32))` images of all sizes become 32 x 32 pixels.

    Every file must be an image that Pillow can read, and all must have the same size, or get it by
    `transform`. Only what
    systems leave behind is passed over: hidden files, Thumbs.db, desktop.ini, __MACOSX, and files
    beside the class folders that are no images. Raises DataError, naming the file, for everything
    else that is wrong.

    >>> import tempfile
    >>> from PIL import Image
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name, brightness in (("day/1.png", 200), ("night/1.png", 20)):
    ...         Path(folder, name).parent.mkdir()
    ...         Image.new("L", (3, 2), brightness).save(Path(folder, name))
    ...     data = image_folder(folder, name="sky")
    >>> data
    Dataset 'sky': 2 samples, inputs (1, 2, 3) uint8, targets () int64, 2 classes
    >>> data.classes, data.inputs.mean(axis=(1, 2, 3)).tolist()
    (('day', 'night'), [200.0, 20.0])
    """
    tree = _Archive(path, subfolder) if os.path.isfile(path) else _Folder(path, subfolder)
    with closing(tree):
        files = _files_by_class(tree)
        if classes is None:
            classes = list(files)
        elif len(classes) != len(files):
            raise DataError(
                f"{tree.place()}: {len(classes)} names for the {len(files)} class folders "
                f"{', '.join(files)}; give one name for each"
            )
        members = [f"{folder}/{file}" for folder in files for file in files[folder]]
        images = _read_all(tree, members, grey, transform)
    shape = images.shape[1:]
    name = Path(path).stem if name is None else name
    return Dataset(
        images,
        np.repeat(np.arange(len(files)), [len(names) for names in files.values()]),
        name=name,
        classes=classes,
        image_shape=shape if shape[0] > 1 else shape[1:],
        source=f"{name}: read from {tree.place()}.",
    )


class SizesDiffer(DataError):
    """Images that cannot be put into one array, since they do not have one size."""


class _Folder:
    """The tree of files below a folder, two levels deep."""

    def __init__(self, path: str | os.PathLike[str], subfolder: str):
        self._root = Path(path, subfolder)
        if not self._root.is_dir():
            raise DataError(f"{self._root}: there is no such folder or zip archive; check the path")

    def names(self) -> Iterator[str]:
        """What there is, relative to the root; names of folders end in a slash."""
        for entry in _list(self._root):
            if not entry.is_dir():
                yield entry.name
                continue
            yield f"{entry.name}/"
            for inner in _list(entry):
                yield f"{entry.name}/{inner.name}{'/' if inner.is_dir() else ''}"

    def read(self, name: str) -> bytes:
        return (self._root / name).read_bytes()

    def place(self, name: str = "") -> str:
        """The root, or something below it, as messages call it."""
        return str(self._root / name)

    def close(self) -> None:
        """Nothing is open."""


def _list(folder: os.PathLike[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise DataError(
            f"{os.fspath(folder)}: cannot be read: {error.strerror or error}; check its permissions"
        ) from error


class _Archive:
    """The tree of files in a zip archive, or below a folder in it; like `_Folder`."""

    def __init__(self, path: str | os.PathLike[str], subfolder: str):
        self._path = path
        self._prefix = f"{subfolder.strip('/')}/".lstrip("/")
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(
                f"{os.fspath(path)}: cannot be read as a zip archive ({error}); give a folder, or "
                "an intact archive, with one folder of images for each class"
            ) from error
        if not any(name.startswith(self._prefix) for name in self._zip.namelist()):
            top = dict.fromkeys(name.partition("/")[0] for name in self._zip.namelist())
            self.close()
            has = f"has no folder {subfolder}, only {', '.join(top)}" if top else "is empty"
            raise DataError(
                f"{os.fspath(path)}: the archive {has}; check `subfolder` and the archive"
            )

    def names(self) -> Iterator[str]:
        for name in self._zip.namelist():
            if name.startswith(self._prefix) and name != self._prefix:
                yield name[len(self._prefix) :]

    def read(self, name: str) -> bytes:
        return self._zip.read(self._prefix + name)

    def place(self, name: str = "") -> str:
        member = (self._prefix + name).rstrip("/")
        return f"{os.fspath(self._path)}, {member}" if member else os.fspath(self._path)

    def close(self) -> None:
        self._zip.close()


def _files_by_class(tree: _Folder | _Archive) -> dict[str, list[str]]:
    """The names of the images in each class folder, both in natural order."""
    files: dict[str, list[str]] = {}
    for name in tree.names():
        folder, slash, rest = name.partition("/")
        if any(part.startswith(".") or part in _SYSTEM_FILES for part in name.split("/")):
            continue
        if not slash:
            _check_loose(tree, name)
        elif "/" in rest:
            inner = f"{folder}/{rest.partition('/')[0]}"
            raise DataError(
                f"{tree.place(inner)}: is a folder inside of the folder {folder}, where the images "
                "of one class are expected; name the folder around the class folders with "
                "`subfolder`, or put the images directly into theirs"
            )
        elif rest:
            files.setdefault(folder, []).append(rest)
        else:
            files.setdefault(folder, [])
    if not files:
        raise DataError(
            f"{tree.place()}: has no class folders; put the images of each class into a folder "
            "that has the name of the class"
        )
    for folder, names in files.items():
        if not names:
            raise DataError(
                f"{tree.place(folder)}: this class has no images; add some, or remove the folder"
            )
        names.sort(key=natural)
    return dict(sorted(files.items(), key=lambda item: natural(item[0])))


def _check_loose(tree: _Folder | _Archive, name: str) -> None:
    """Raise DataError if a file beside the class folders is an image, for it has no class."""
    with needs("pillow", "reading images"):
        from PIL import Image
    if os.path.splitext(name)[1].lower() in Image.registered_extensions():
        raise DataError(
            f"{tree.place(name)}: this image is in no class folder; put it into that of its class"
        )


def natural(name: str) -> list[str | int]:
    """A key to sort by that takes runs of digits as numbers.

    >>> sorted(["10.bmp", "9.bmp", "a1", "1.bmp"], key=natural)
    ['1.bmp', '9.bmp', '10.bmp', 'a1']
    """
    parts = re.split(r"([0-9]+)", name)  # text and digits by turns
    return [int(part) if index % 2 else part for index, part in enumerate(parts)]


def _read_all(
    tree: _Folder | _Archive, members: list[str], grey: bool | None, transform: Transform | None
) -> np.ndarray:
    """The images (n, channels, height, width) of those names."""
    images: list[np.ndarray] = []
    with closing(progress_bar(tree.place(), len(members), unit=" images")) as bar:
        for name in members:
            image = _read(tree, name, grey)
            if transform is not None:
                image = transform(image[None], default_rng())[0]
            if images and image.shape[1:] != images[0].shape[1:]:
                (h, w), (height, width) = image.shape[1:], images[0].shape[1:]
                raise SizesDiffer(
                    f"{tree.place(name)}: has {w} x {h} pixels, but {tree.place(members[0])} has "
                    f"{width} x {height}; give all images the same size, with transform=Compose("
                    "Resize(32), CenterCrop(32)) for example"
                )
            images.append(image)
            bar.update(1)
    channels = max(image.shape[0] for image in images)
    stacked = np.empty((len(images), channels, *images[0].shape[1:]), images[0].dtype)
    for target, image in zip(stacked, images, strict=True):
        target[:] = image  # one channel becomes three equal ones, if others have colours
    return stacked


def _read(tree: _Folder | _Archive, name: str, grey: bool | None) -> np.ndarray:
    """One image, (channels, height, width) uint8."""
    with needs("pillow", "reading images"):
        from PIL import Image, UnidentifiedImageError
    where = tree.place(name)
    try:
        image = Image.open(io.BytesIO(tree.read(name)))
        image.load()
    except UnidentifiedImageError as error:
        raise DataError(f"{where}: not an image that can be read; replace or remove it") from error
    except (
        OSError, ValueError, SyntaxError, EOFError, RuntimeError, struct.error, zlib.error,
        zipfile.BadZipFile, Image.DecompressionBombError,
    ) as error:  # fmt: skip
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{where}: cannot be read ({reason}); replace or remove it") from error
    if image.mode.startswith(("I", "F")):
        raise DataError(f"{where}: has more than 8 bits per pixel; save it with 8 bits")
    has_alpha = image.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in image.info
    if has_alpha and np.asarray(image.convert("RGBA"))[..., 3].min() < 255:
        raise DataError(f"{where}: is partly transparent; put it on a background first")
    if grey is None:
        grey = image.mode in ("1", "L", "LA", "La")
    mode = "L" if grey else "RGB"
    pixels = np.asarray(image if image.mode == mode else image.convert(mode))
    return pixels[None] if grey else pixels.transpose(2, 0, 1)
