"""``with ad.debug():`` stop at the first wrong number, and name the line of code it came from.

Three kinds of wrong numbers are caught: a NaN or infinity that an operation computes, one that
a backward pass computes, and a value that was changed after an operation kept it, through
whatever name: the checksum of every kept array is compared before a rule uses it.
"""

from __future__ import annotations

import sys
import weakref
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from autodiff.declare.primitive import Primitive, plain
from autodiff.engine.changes import stale
from autodiff.engine.contexts import PlainContext
from autodiff.engine.graph import Alias, Leaf, Node, Output, Parts
from autodiff.engine.modes import thread_state
from autodiff.errors import NonFiniteError
from autodiff.inspecting.tracing import Source, by_name, user_line
from autodiff.tensors.tensor import Tensor

__all__ = ["debug"]


class debug(PlainContext):
    """Check every value and gradient of this thread; slower.

    Raises:
        NonFiniteError: at the first NaN or infinity; it names the operation, the element, the
            inputs there, and the user's line.
        StaleValueError: an array that a backward pass needs was changed after it was recorded.

    >>> import autodiff as ad
    >>> x = ad.tensor([1.0, 0.0], requires_grad=True)
    >>> with ad.debug():
    ...     np.log(x)
    Traceback (most recent call last):
    ...
    autodiff.errors.NonFiniteError: log produced -inf at element (1,), input 0.0
    ...
    """

    _special = True

    def _home(self) -> list[Any]:
        return thread_state.observed

    def _about(self) -> _Debugger:
        return _Debugger()


class _Record:
    """What is known of a recorded node: the user's line, and checksums of what it kept."""

    def __init__(self, node: Node, source: Source | None, arguments: dict[str, Any]) -> None:
        self.source = source
        self.checksums = [
            (slot, array, _checksum(array))
            for slot in node.kept
            for array in _watched(getattr(node, slot), arguments.get(slot.removesuffix("_kept")))
        ]


class _Debugger:
    """The observer behind `debug`."""

    calm = True  # our message is the better one

    def __init__(self) -> None:
        self._records: weakref.WeakKeyDictionary[Node, _Record] = weakref.WeakKeyDictionary()
        self._users: weakref.WeakKeyDictionary[Node, list[Node]] = weakref.WeakKeyDictionary()

    def recorded(
        self,
        primitive: Primitive,
        arguments: tuple[Any, ...],
        result: Any,
        seconds: float,
    ) -> None:
        """Check what an operation computed, and note what it kept."""
        source, _ = user_line(sys._getframe(1))
        results = result if isinstance(result, list | tuple) else (result,)
        for item in results:
            value = plain(item)
            place = _first_non_finite(value)
            if place is not None:
                raise NonFiniteError(_describe(primitive, arguments, value, place, source))
            node = item.node if isinstance(item, Tensor) else None
            node = node.parent if isinstance(node, Output) else node
            if node is not None and node not in self._records:
                self._records[node] = _Record(node, source, by_name(primitive, arguments))

    def started(self, output: Tensor) -> None:
        """Check the loss itself: it may come from outside, and its gradient may well be finite."""
        place = _first_non_finite(plain(output))
        if place is not None:
            source, _ = user_line(sys._getframe(1))
            raise NonFiniteError(
                f"backward: the tensor itself is {np.asarray(plain(output))[place]} at element "
                f"{place}, {_origin(output.node)}; compute it within ad.debug() to find out where "
                "that came from" + _at(source)
            )

    def reached(self, node: Node, gradient: Any) -> None:
        """Check a gradient, and that what the next rules need is unchanged."""
        for g in gradient.values() if isinstance(gradient, Parts) else (gradient,):
            place = _first_non_finite(plain(g))
            if place is not None:
                raise NonFiniteError(self._describe_gradient(node, g, place))
        for parent in node.parents():
            self._users.setdefault(parent, []).append(node)
        record = self._records.get(node)
        for slot, array, checksum in record.checksums if record is not None else ():
            if _checksum(array) != checksum:
                raise stale(node, slot, array)

    def place(self, node: Node) -> str:
        """The user's line that recorded a node."""
        record = self._records.get(node)
        return _at(record.source if record is not None else None)

    def _describe_gradient(self, node: Node, g: Any, place: tuple[int, ...]) -> str:
        value = np.asarray(plain(g))[place]
        users = self._users.get(node, [])
        if not users:
            return f"backward: the gradient passed in is {value} at element {place}"
        lines = []
        for user in users:
            record = self._records.get(user)
            lines.append(f"\n  {user.operation}{_at(record.source if record else None)}")
        return (
            f"the backward pass produced {value} at element {place} of the gradient of shape "
            f"{node.shape} of {_origin(node)}, in the rule of" + "".join(lines)
        )


def _origin(node: Node | None) -> str:
    """What a value is, for messages."""
    if isinstance(node, Leaf):
        return f"the leaf {node.name!r}" if node.name else "a leaf"
    if node is None or isinstance(node, Alias):
        return "an input"
    made_by = node.parent if isinstance(node, Output) else node
    return f"the result of {made_by.operation}"


def _describe(
    primitive: Primitive,
    arguments: tuple[Any, ...],
    value: Any,
    place: tuple[int, ...],
    source: Source | None,
) -> str:
    shape = np.shape(value)
    inputs = []
    for argument in arguments:
        array = plain(argument)
        number = int if isinstance(primitive.function, np.ufunc) else float  # not axis=1
        if isinstance(array, np.ndarray | np.generic | number | float | complex):
            if np.shape(array) == shape or np.ndim(array) == 0:
                inputs.append(str(np.broadcast_to(array, shape)[place]))
            else:
                bad = _first_non_finite(array)
                inputs.append(
                    f"of shape {np.shape(array)}"
                    + ("" if bad is None else f" with {np.asarray(array)[bad]} at {bad}")
                )
    word = "input" if len(inputs) == 1 else "inputs"
    shown = f", {word} {' and '.join(inputs)}" if inputs else ""
    bad = np.asarray(value)[place]
    return f"{primitive.name} produced {bad} at element {place}{shown}{_at(source)}"


def _at(source: Source | None) -> str:
    """The user's line, below the message."""
    if source is None:
        return ""
    file = Path(source.file)
    with suppress(ValueError):
        file = file.relative_to(Path.cwd())
    return f"\n  {file}:{source.line}: {source.text}"


def _first_non_finite(value: Any) -> tuple[int, ...] | None:
    """The index of the first NaN or infinity, or None."""
    array = np.asarray(value)
    if array.dtype.kind not in "fc" or np.isfinite(array).all():
        return None
    return tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])


def _watched(kept: Any, given: Any) -> list[np.ndarray]:
    """The arrays among what was given, since a node may keep copies; or else what it keeps."""
    return [] if kept is None else _arrays(plain(given)) or _arrays(kept)


def _arrays(value: Any) -> list[np.ndarray]:
    if isinstance(value, list | tuple):
        return [array for item in value for array in _arrays(item)]
    return [value] if isinstance(value, np.ndarray) else []


def _checksum(array: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(array).view(np.uint8).tobytes())
