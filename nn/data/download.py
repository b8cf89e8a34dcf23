"""Downloading files whose content is known in advance.

A file appears under its name only when it is complete and its checksum is right; until then it is
a temporary file beside it, which is removed when anything goes wrong.
"""

import gzip
import hashlib
import http.client
import os
import queue
import tempfile
import threading
import urllib.request
import zlib
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from nn.data.progress import progress_bar

# An offline machine must find out within seconds. The limit holds for name lookup and for all
# addresses of a host together, which a socket's own timeout does not.
CONNECT_SECONDS = 4.0
READ_SECONDS = 20.0


class DownloadError(Exception):
    """No mirror delivered; `failures` has one line for each attempt."""

    def __init__(self, failures: list[str]):
        super().__init__("; ".join(failures))
        self.failures = failures


def download(files: Sequence[tuple[str, str]], mirrors: Sequence[str], folder: Path) -> None:
    """Put every `(name, sha256)` of `files` into `folder`; files that are there already stay.

    mirrors: addresses that a name is appended to, tried in order; one that fails is not asked
        again.
    sha256: of the file's content, for `.gz` files of what they unpack to, since mirrors compress
        the same content differently.

    Raises DownloadError when a file cannot be had from any mirror or cannot be stored.
    """
    failures: list[str] = []
    remaining = list(mirrors)
    for name, sha256 in files:
        if os.path.isfile(folder / name):
            continue
        while remaining:
            url = remaining[0] + name
            try:
                _fetch(url, folder / name, sha256)
                break
            except _MirrorError as error:
                failures.append(f"{url}: {error}")
                remaining.pop(0)
            except OSError as error:
                failures.append(f"{folder}: cannot be written: {error.strerror or error}")
                raise DownloadError(failures) from error
        else:
            raise DownloadError(failures)


class _MirrorError(Exception):
    """One mirror did not deliver."""


def _fetch(url: str, destination: Path, sha256: str) -> None:
    with closing(_open(url)) as response:
        destination.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=destination.parent, suffix=".part")
        temporary = Path(name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                _receive(response, file, destination.name)
            if _content_sha256(temporary, compressed=destination.suffix == ".gz") != sha256:
                raise _MirrorError("sent something else (the SHA-256 checksum differs)")
            temporary.replace(destination)
        finally:
            temporary.unlink(missing_ok=True)


def _open(url: str) -> http.client.HTTPResponse:
    """Connect in a thread that can be abandoned, for a name lookup cannot be interrupted."""
    answers: queue.SimpleQueue[http.client.HTTPResponse | Exception] = queue.SimpleQueue()

    def connect() -> None:
        try:
            answers.put(urllib.request.urlopen(url, timeout=READ_SECONDS))
        except Exception as error:  # raised again below, in the thread that asked
            answers.put(error)

    threading.Thread(target=connect, daemon=True).start()
    try:
        answer = answers.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        raise _MirrorError(f"no answer within {CONNECT_SECONDS:g} seconds") from None
    if isinstance(answer, Exception):
        raise _MirrorError(_reason(answer)) from answer
    return answer


def _receive(response: http.client.HTTPResponse, file: BinaryIO, name: str) -> None:
    expected = response.length  # None when the server does not say
    received = 0
    with closing(progress_bar(name, expected, unit="B", unit_scale=True)) as bar:
        while chunk := _read_chunk(response):
            file.write(chunk)
            received += len(chunk)
            bar.update(len(chunk))
    if expected is not None and received != expected:
        raise _MirrorError(f"sent only {received} of {expected} bytes")


def _read_chunk(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(1 << 16)
    except (OSError, http.client.HTTPException) as error:
        raise _MirrorError(_reason(error)) from error


def _reason(error: Exception) -> str:
    """`error` in words; urllib wraps the error that says what happened."""
    return str(getattr(error, "reason", None) or error) or type(error).__name__


def _content_sha256(path: Path, *, compressed: bool) -> str | None:
    """The checksum of what is in the file, None when it does not unpack."""
    try:
        with gzip.open(path) if compressed else path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return None
