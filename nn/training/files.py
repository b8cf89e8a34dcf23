"""Files that are whole or absent, never half-written."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import Any

from nn.errors import UserError


class SaveError(UserError, OSError):
    """A file that could not be written; what was there before is untouched."""


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write `content` to `path`, so that a reader finds the old file or the new one, in full.

    The content goes to a temporary file beside `path` (`.NAME.tmp`), is forced to the disk, and
    then takes the place of `path`. Missing folders are made. Two processes must not write the same
    path at the same time. Raises SaveError when it cannot be done, for example on a full disk;
    then `path` is as it was, and the temporary file is gone.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_atomically(Path(folder, "a", "b.txt"), b"hello")
    ...     print(*(path.name for path in Path(folder, "a").iterdir()))
    b.txt
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with open(temporary, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except BaseException:  # an interruption by Ctrl-C included
            temporary.unlink(missing_ok=True)
            raise
        _force_to_disk(path.parent)
    except OSError as error:
        raise SaveError(_explain(path, error)) from error


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Write `value` as readable JSON, in full or not at all; raises SaveError."""
    write_atomically(path, (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode())


def _force_to_disk(folder: Path) -> None:
    """Make a change of names in `folder` outlive a power cut, where the system can."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with contextlib.suppress(OSError):  # some network file systems refuse
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _explain(path: Path, error: OSError) -> str:
    kept = "; the file that was there before is whole" if path.is_file() else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path}: not saved, the disk is full{kept}; free some space or name another folder"
    reason = error.strerror or error
    return f"{path}: not saved: {reason}{kept}; name a folder that can be written to"
