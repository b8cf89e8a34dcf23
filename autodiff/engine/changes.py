"""Values that change between forward and backward: private copies, fingerprints, versions.

A rule needs the values of the forward pass. What only the engine has seen cannot change. What
the user can write to is made safe when a node keeps it:

* an array of up to `SMALL` elements is copied, so that the gradient is right whatever happens;
* of a larger one a fingerprint is taken, and compared before a rule uses the array. It consists
  of about 128 elements, evenly spaced in memory, the first and the last among them. A change that
  misses all of these is not seen; ``ad.debug()`` sees every one.

The user can write to plain arrays, and to the memory of a Tensor once somebody has been given it:
by ``t.data``, ``t.numpy()`` and the like, or because the Tensor was made to share an array
(`share`). Nodes that kept it earlier are protected by what it was at that moment (`hand_out`).
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterator
from functools import lru_cache
from sys import getrefcount
from typing import Any

import numpy as np

from autodiff.engine.graph import Edge, Node, Walk, next_order
from autodiff.engine.modes import thread_state
from autodiff.errors import StaleValueError

__all__ = [
    "FIXED",
    "SMALL",
    "check_unchanged",
    "checked_node",
    "fingerprint",
    "guarded",
    "guarded_items",
    "hand_out",
    "last_change",
    "mark_changed",
    "share",
    "shown",
    "snapshot",
    "stale",
    "unshared",
]

SMALL = 1024  # elements of an array that is copied

# The classes of values that nobody can change.
FIXED: frozenset[type] = frozenset(
    [
        *(bool, int, float, complex, str, bytes, slice, type(None), type(Ellipsis), type(len)),
        *(type, type(lambda: None), type(np._NoValue)),  # type: ignore[attr-defined]
        *(type(np.dtype(code)) for code in np.typecodes["All"] if code not in "OSUV"),
        *(kind for kind in np.sctypeDict.values() if kind not in (np.void, np.object_)),
    ]
)

# What has to be compared before a rule may run: slot, array, fingerprint.
Print = tuple[str, np.ndarray, bytes]
Prints = tuple[Print, ...]


# ---------------------------------------------------------------- what a node keeps


def guarded(slot: str, value: Any, prints: Prints | None) -> tuple[Any, Prints | None]:
    """What to keep of an argument that the user can write to, also inside of containers."""
    kind = value.__class__
    if kind in FIXED:
        return value, prints
    if isinstance(value, np.ndarray):
        if value.size <= SMALL:
            return value.copy("K"), prints  # also of a subclass, which it stays
        return value, (*(prints or ()), (slot, value, fingerprint(value)))
    if kind is tuple or kind is list:
        for item in value:
            if item.__class__ not in FIXED:
                break
        else:
            return (value if kind is tuple else value.copy()), prints
        items = []
        for item in value:
            item, prints = guarded(slot, item, prints)
            items.append(item)
        return kind(items), prints
    if kind is dict:
        items = {}
        for key, item in value.items():
            items[key], prints = guarded(slot, item, prints)
        return items, prints
    return value, prints


def guarded_items(
    slot: str, values: Any, nodes: tuple[Node | None, ...] | None, prints: Prints | None
) -> tuple[Any, Prints | None]:
    """The same for a sequence, of whose items those with a node are values of the engine."""
    if nodes is None or not isinstance(values, list):
        return guarded(slot, values, prints)
    items = []
    for value, node in zip(values, nodes, strict=True):
        value, prints = (unshared if node is not None else guarded)(slot, value, prints)
        items.append(value)
    return items, prints


def fingerprint(array: np.ndarray) -> bytes:
    """About 128 elements of a large array, the first and the last among them.

    They are evenly spaced in memory, at a distance that has no common factor with the last side,
    so that they are spread over rows and columns.
    """
    if array.flags.f_contiguous:
        array = array.T
    if array.ndim == 1:
        flat = array
    else:
        flat = array.reshape(-1) if array.flags.c_contiguous else array.flat
    size = array.size
    return flat[:: _distance(size, array.shape[-1])].tobytes() + flat[size - 1 :].tobytes()


@lru_cache(maxsize=1024)
def _distance(size: int, side: int) -> int:
    distance = max(size // 128, 8) | 1
    while math.gcd(distance, side) > 1:
        distance -= 2
    return distance


def snapshot(array: np.ndarray) -> bytes:
    """All of a small array, and the fingerprint of a large one."""
    return array.tobytes() if array.size <= SMALL else fingerprint(array)


# ---------------------------------------------------------------- nodes with fingerprints


def checked_node(kind: Any, prints: Prints) -> Any:
    """A node of this class that compares fingerprints before its rules run."""
    try:
        node = kind.checked()
    except AttributeError:
        kind.checked = _checked(kind)  # held by the class, to go with it
        node = kind.checked()
    node.prints = prints
    return node


def _checked(kind: Any) -> Any:
    def pull(self: Any, g: Any, walk: Walk) -> Edge | None:
        check_prints(self)
        edge = kind.pull(self, g, walk)
        if not walk.keep:
            self.prints = ()
        return edge

    def pull_recorded(self: Any, g: Any, walk: Walk) -> Edge | None:
        check_prints(self)
        return kind.pull_recorded(self, g, walk)

    members = {"__slots__": ("prints",), "pull": pull, "pull_recorded": pull_recorded}
    return type(kind.__name__, (kind,), members)


def check_prints(node: Any) -> None:
    """Raise `StaleValueError` if an array has not got its fingerprint any more."""
    for slot, array, before in node.prints:
        if snapshot(array) != before:
            raise stale(node, slot, array)


def stale(node: Node, slot: str, array: np.ndarray) -> StaleValueError:
    """The error that an array which `node` kept has changed."""
    name = slot.removesuffix("_kept")
    what = "its result" if name == "y" else f"its argument {name!r}" if name else "an argument"
    return StaleValueError(
        f"{node.operation}: {what} of shape {array.shape} was changed in place after it was "
        "recorded (an optimizer step, `t.data += ...`, a buffer that is used again), and the "
        "backward pass needs it as it was; call backward() first, or change a copy"
        + "".join(observer.place(node) for observer in thread_state.observers)
    )


# ---------------------------------------------------------------- memory that the user knows

# Memory that somebody outside of the engine can write to, by the id of the array that owns it.
shown: dict[int, weakref.ref[np.ndarray]] = {}
# Arrays that were handed out: what they were at that moment, if older nodes may have kept that,
# and the number that the next node had.
_handed: dict[int, weakref.ref[np.ndarray]] = {}
_viewed: set[int] = set()  # what the user may know a part of
_snapshots: dict[int, tuple[weakref.ref[np.ndarray], int, bytes]] = {}


def share(array: Any) -> None:
    """Note that the user can write to `array`; what keeps it from now on makes it safe."""
    if isinstance(array, np.ndarray):
        owner = _owner(array)
        key = id(owner)
        if key not in shown:
            shown[key] = weakref.ref(owner, lambda _, hide=_hide: hide(key))
        if owner is not array:
            _viewed.add(key)


# When Python ends, names of modules are gone before the last arrays are; hence the defaults.
def _hide(key: int, known: Any = (shown, _handed, _snapshots), viewed: Any = _viewed) -> None:
    for table in known:
        table.pop(key, None)
    viewed.discard(key)


def _is_held_once(key: int) -> bool:
    """Whether nothing but a single Tensor can hold the memory."""
    reference = shown.get(key)
    owner = None if reference is None else reference()
    return owner is not None and key not in _viewed and getrefcount(owner) <= _once


def hand_out(array: np.ndarray) -> None:
    """The same, where nodes may have kept the array of a Tensor before the user was given it."""
    key = id(array)
    if key in _handed:
        return
    share(array)

    def forget(_: Any, handed: Any = _handed, snapshots: Any = _snapshots) -> None:
        handed.pop(key, None)
        snapshots.pop(key, None)

    _handed[key] = reference = weakref.ref(array, forget)
    _snapshots[key] = (reference, next_order(), snapshot(array))


def unshared(slot: str, value: Any, prints: Prints | None) -> tuple[Any, Prints | None]:
    """What to keep of the value of a Tensor: it is made safe if the user knows its memory."""
    if not isinstance(value, np.ndarray):
        return value, prints
    key = id(value) if value.base is None else id(_owner(value))
    if key not in shown:
        return value, prints
    if value.base is None and getrefcount(value) <= _alone:
        _hide(key)  # what the user was given is gone, as after `t.data[i] = v`
        return value, prints
    return guarded(slot, value, prints)


def _owner(array: np.ndarray) -> np.ndarray:
    """The array whose memory a view shows."""
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class _Holder:
    __slots__ = ("_data",)


def _count_alone() -> int:
    """The references to a value that only a Tensor has, as `unshared` sees them."""
    global _alone
    holder = _Holder()
    holder._data = np.empty(0)  # type: ignore[attr-defined]

    def generated(a: Any) -> bool:
        a = a._data
        key = id(a)
        share(a)
        a, _ = unshared("", a, None)
        return key in shown

    while generated(holder):  # differs between versions of Python
        _alone += 1
    return _alone


def _count_once() -> int:
    """The same, as `_is_held_once` sees them."""
    global _once
    holder = _Holder()
    holder._data = np.empty(0)  # type: ignore[attr-defined]
    share(holder._data)  # type: ignore[attr-defined]
    while not _is_held_once(id(holder._data)):  # type: ignore[attr-defined]
        _once += 1
    return _once


_alone = _once = 0
_alone = _count_alone()
_once = _count_once()


# ---------------------------------------------------------------- versions

# Arrays that were written to, by their id, and the number that the next node had at that time.
_changed: dict[int, tuple[weakref.ref[np.ndarray], int]] = {}
_last_change = 0
_looked_at = 0  # how much memory was known to the user when that was looked at last


def mark_changed(array: np.ndarray) -> None:
    """Note that `array` was written to, so that older nodes which kept it are out of date."""
    _snapshots.pop(id(array), None)
    _note_change(array, next_order())


def _note_change(array: np.ndarray, order: int) -> None:
    global _last_change
    _last_change = max(_last_change, order)
    key = id(array)
    known = _changed.get(key)
    if known is None:
        _changed[key] = (weakref.ref(array, lambda _, gone=_changed.pop: gone(key, None)), order)
    elif known[1] < order:
        _changed[key] = (known[0], order)


def last_change() -> int:
    """Nodes with a greater number have kept nothing that was changed after they kept it."""
    global _looked_at
    if len(shown) > _looked_at:
        for key in tuple(shown):
            if _is_held_once(key):
                _hide(key)
    _looked_at = len(shown)
    for key, (reference, order, before) in tuple(_snapshots.items()):
        array = reference()
        if array is not None and snapshot(array) != before:
            _snapshots.pop(key, None)
            _note_change(array, order)
    return _last_change


def check_unchanged(node: Node) -> None:
    """Raise `StaleValueError` if a value that `node` kept was changed after it was recorded."""
    for slot, kept in _kept(node):
        for reference, order in tuple(_changed.values()):
            changed = reference()  # the array itself, or another view of its memory
            if changed is not None and order > node.order and np.may_share_memory(changed, kept):
                raise stale(node, slot, kept)


def _kept(node: Node) -> Iterator[tuple[str, np.ndarray]]:
    if not node.kept:
        yield from (("", array) for array in node.saved())
    for slot in node.kept:
        value = node.value(slot)
        for array in value if isinstance(value, list | tuple) else (value,):
            if isinstance(array, np.ndarray):
                yield slot, array
