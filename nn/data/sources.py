"""Where the files of a data set are: a folder of one's own, the cache, or a mirror.

`locate` looks in this order:

1. the folder that the environment variable `AUTODIFF_DATA` names: its subfolder with the data
   set's name, then the folder itself;
2. the cache (`cache_folder`);
3. the mirrors, from which the files are downloaded into the cache, unless `AUTODIFF_OFFLINE=1`.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from nn.data.download import DownloadError, download
from nn.errors import DataNotFoundError


@dataclass(frozen=True)
class File:
    """A file of a data set.

    names: the names that it goes by; the first is its name on the mirrors and in the cache.
    sha256: the checksum of its content, unpacked if its first name ends in `.gz`.
    """

    names: tuple[str, ...]
    sha256: str

    @property
    def name(self) -> str:
        return self.names[0]

    def find(self, folder: Path) -> Path | None:
        """The file in `folder`, under any of its names."""
        paths = (folder / name for name in self.names)
        # where the folder may not be read, os.path.isfile is False and Path.is_file raises
        return next((path for path in paths if os.path.isfile(path)), None)


@dataclass(frozen=True)
class Source:
    """A data set as files: what it is called, what it consists of, where it can be downloaded."""

    name: str
    files: tuple[File, ...]
    mirrors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Located:
    """Files that were found: their paths by name, and a sentence that says where."""

    paths: dict[str, Path]
    sentence: str


def locate(source: Source) -> Located:
    """Find all files of a data set, downloading them if need be (see the head of this module).

    Raises DataNotFoundError, which lists what was tried, when they are nowhere.
    """
    data = os.environ.get("AUTODIFF_DATA")
    passed_over = "AUTODIFF_DATA is not set"
    if data:
        root = Path(data).expanduser()
        places = (root / source.name, root)
        for place in places:
            if not _missing(source, place):
                return _located(source, place, f"read from {place} (AUTODIFF_DATA)")
        closest = min(places, key=lambda place: len(_missing(source, place)))
        passed_over = f"AUTODIFF_DATA: {_what_is_missing(source, closest)}"

    cache = cache_folder() / source.name
    because = f", since {passed_over}" if data else ""
    if not _missing(source, cache):
        return _located(source, cache, f"read from the cache {cache}{because}")

    tried = [passed_over, f"cache: {_what_is_missing(source, cache)}"]
    if not source.mirrors:
        tried.append("there is no mirror to download it from")
    elif os.environ.get("AUTODIFF_OFFLINE", "") not in ("", "0"):
        tried.append("AUTODIFF_OFFLINE forbids a download")
    else:
        try:
            download([(file.name, file.sha256) for file in source.files], source.mirrors, cache)
            return _located(source, cache, f"downloaded into {cache}, checksums verified{because}")
        except DownloadError as error:
            tried.extend(error.failures)
    raise DataNotFoundError(
        f"{source.name} was not found ({'; '.join(tried)}); "
        f"put {', '.join(file.name for file in source.files)} into a folder {source.name}/ "
        "and set AUTODIFF_DATA to the folder around it",
        tried,
    )


def cache_folder() -> Path:
    """The folder of downloaded data sets: `autodiff` where the platform keeps a user's caches.

    `XDG_CACHE_HOME` names another place on every platform.
    """
    if folder := os.environ.get("XDG_CACHE_HOME"):
        return Path(folder) / "autodiff"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "autodiff"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "autodiff" / "Cache"
    return Path.home() / ".cache" / "autodiff"


def _missing(source: Source, folder: Path) -> list[str]:
    return [file.name for file in source.files if file.find(folder) is None]


def _what_is_missing(source: Source, folder: Path) -> str:
    if not os.path.isdir(folder):
        return f"there is no folder {folder}"
    missing = _missing(source, folder)
    if len(missing) == len(source.files):
        return f"{folder} has no {source.name} files"
    return f"{folder} lacks {', '.join(missing)}"


def _located(source: Source, folder: Path, how: str) -> Located:
    paths = {file.name: path for file in source.files if (path := file.find(folder))}
    return Located(paths, f"{source.name}: {how}.")
