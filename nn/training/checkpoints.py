"""Checkpoints: nested Python state in one safetensors file, written atomically.

A state is made of dicts with string keys, lists, numbers, strings, None and NumPy arrays. The
arrays become the tensors of the file, named by their path (`optimizer/state/0`). The rest is JSON
in the file's header, with references to the tensors, beside a checksum. So one file holds
everything, other safetensors readers see the arrays, and loading runs no code. The format is
described at https://github.com/huggingface/safetensors
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from nn.errors import UserError
from nn.extras import needs
from nn.training.files import write_atomically

_HEADER = "autodiff"  # the key of our JSON among the metadata of the file
_ARRAY, _SCALAR = "$array", "$scalar"  # what stands in the JSON for an array or a NumPy scalar


class CheckpointError(UserError, ValueError):
    """A checkpoint that is missing, damaged, or belongs to something else."""


class Stateful(Protocol):
    """What has a state that can be taken out and put back: a Module, an Optimizer."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state: dict[str, Any], /) -> Any: ...


def save_checkpoint(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write `state` to `path` in full, or leave `path` as it was and raise SaveError.

    Raises TypeError that names what a checkpoint cannot hold.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "last.safetensors")
    ...     save_checkpoint(path, {"weight": np.eye(2), "steps": 3, "rates": [0.1, None]})
    ...     load_checkpoint(path)
    {'weight': array([[1., 0.],
           [0., 1.]]), 'steps': 3, 'rates': [0.1, None]}
    """
    with needs("safetensors", "saving a checkpoint"):
        from safetensors.numpy import save as to_bytes
    arrays: dict[str, np.ndarray] = {}
    packed = _pack(state, "", arrays)
    # one entry only: the order of several is left to chance, and the same state is the same file
    header = json.dumps({"crc32": _checksum(packed, arrays), "state": packed})
    content = to_bytes(arrays, {_HEADER: header})
    write_atomically(path, content)


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The state that `save_checkpoint` wrote to `path`.

    A safetensors file of another origin gives a dict of its tensors by name. Raises
    CheckpointError when there is no such file or it is damaged.
    """
    with needs("safetensors", "loading a checkpoint"):
        import safetensors
        from safetensors.numpy import load as from_bytes
    content = _read(Path(path))
    try:
        arrays = from_bytes(content)
        # the length of the header as 8 bytes, then the header
        metadata = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        metadata = metadata.get("__metadata__", {})
        if _HEADER not in metadata:
            return arrays
        header = json.loads(metadata[_HEADER])
        if header["crc32"] != _checksum(header["state"], arrays):
            raise ValueError("its content does not match its checksum")
        return _unpack(header["state"], arrays)
    except (safetensors.SafetensorError, KeyError, ValueError, TypeError) as error:
        raise CheckpointError(
            f"{path}: not a whole checkpoint ({error}); use another checkpoint or train again"
        ) from error


def restore(target: Stateful, state: Any, path: str | os.PathLike[str]) -> None:
    """Give `target` a state that was loaded from `path`, which errors name.

    Raises CheckpointError when the state belongs to something else, such as another architecture.
    """
    try:
        target.load_state_dict(state)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path}: {error}") from error


def _checksum(packed: Any, arrays: dict[str, np.ndarray]) -> str:
    checksum = zlib.crc32(json.dumps(packed).encode())
    for name in sorted(arrays):
        checksum = zlib.crc32(arrays[name].tobytes(), checksum)
    return f"{checksum:08x}"


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise CheckpointError(f"{path}: there is no such checkpoint; check the path") from error
    except OSError as error:
        raise CheckpointError(
            f"{path}: cannot be read: {error.strerror or error}; check the path"
        ) from error


def _pack(value: Any, path: str, arrays: dict[str, np.ndarray]) -> Any:
    """`value` as JSON; its arrays are moved into `arrays`."""
    if isinstance(value, np.ndarray | np.generic):
        if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
            raise TypeError(
                f"a checkpoint cannot hold the {value.dtype} array at {path!r}; convert it to "
                "numbers of at most 64 bits, such as the real and the imaginary part"
            )
        name = path or "array"
        while name in arrays:
            name += "'"
        arrays[name] = np.asarray(value, order="C")
        return {_SCALAR if isinstance(value, np.generic) else _ARRAY: name}
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or key in (_ARRAY, _SCALAR):
                raise TypeError(
                    f"a checkpoint cannot hold the key {key!r} at {path or 'the top'!r}; "
                    "use strings that do not start with '$'"
                )
        return {key: _pack(item, _join(path, key), arrays) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(item, _join(path, str(index)), arrays) for index, item in enumerate(value)]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(
        f"a checkpoint cannot hold the {type(value).__name__} at {path!r}; "
        "it holds dicts, lists, numbers, strings, None and arrays"
    )


def _unpack(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_unpack(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {_ARRAY}:
        return arrays[value[_ARRAY]]
    if value.keys() == {_SCALAR}:
        return arrays[value[_SCALAR]][()]
    return {key: _unpack(item, arrays) for key, item in value.items()}


def _join(path: str, key: str) -> str:
    return f"{path}/{key}" if path else key
