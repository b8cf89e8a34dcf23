"""Places where a program keeps state: attributes, elements, items, random generators.

A place knows what was in it when it was made, says what has changed since, and puts it back. What
is there is compared by identity, except for elements of arrays and the states of generators.

There are many places, and most are forgotten at once: what was in them goes into one common list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from typing import Any, Protocol

import numpy as np

__all__ = ["Attributes", "Content", "Elements", "Generator", "Items", "Place", "generators"]

_MISSING: Any = object()


class Place(Protocol):
    """One place."""

    def changed(self) -> Any:
        """What was there before; None if it still is."""
        ...

    def put(self, state: Any) -> Any:
        """Put there what was there once; returns what is there now."""
        ...


class Attributes:
    """Attributes of an object by name, or the content of a cell."""

    __slots__ = ("names", "owner", "start", "store")

    def __init__(self, store: list[Any], owner: Any, names: tuple[str, ...]) -> None:
        self.owner, self.names = owner, names
        self.store, self.start = store, len(store)
        store.extend(map(self._read, names))

    def changed(self) -> list[Any] | None:
        before = self.store[self.start : self.start + len(self.names)]
        same = all(self._read(name) is old for name, old in zip(self.names, before, strict=True))
        return None if same else before

    def put(self, state: list[Any]) -> list[Any]:
        replaced = [self._read(name) for name in self.names]
        for name, value, old in zip(self.names, state, replaced, strict=True):
            if value is old:
                continue
            with suppress(AttributeError):  # a property computes what it gives, and keeps nothing
                if value is _MISSING:
                    delattr(self.owner, name)
                else:
                    setattr(self.owner, name, value)
        return replaced

    def _read(self, name: str) -> Any:
        try:
            return getattr(self.owner, name)
        except (AttributeError, ValueError):  # an empty cell has no value
            return _MISSING


class Items:
    """The items of a dict by key: all of them, or those of some keys."""

    __slots__ = ("count", "mapping", "start", "store", "whole")

    def __init__(
        self, store: list[Any], mapping: dict[Any, Any], keys: list[Any] | None = None
    ) -> None:
        self.mapping = mapping
        self.whole = keys is None
        self.store, self.start = store, len(store)
        store.extend(mapping if keys is None else keys)
        self.count = len(store) - self.start
        store.extend(mapping.values() if keys is None else (mapping[key] for key in keys))

    def changed(self) -> dict[Any, Any] | None:
        now, store, count = self.mapping, self.store, self.count
        same = (len(now) == count or not self.whole) and all(
            now.get(store[index], _MISSING) is store[index + count]
            for index in range(self.start, self.start + count)
        )
        if same:
            return None
        middle = self.start + count
        return dict(zip(store[self.start : middle], store[middle : middle + count], strict=True))

    def put(self, state: dict[Any, Any]) -> dict[Any, Any]:
        now = self.mapping
        replaced = dict(now) if self.whole else {key: now[key] for key in state if key in now}
        for key in replaced:
            if key not in state:
                del now[key]
        for key, value in state.items():  # only what differs: other threads may look at the rest
            if replaced.get(key, _MISSING) is not value:
                now[key] = value
        return replaced


class Content:
    """The content of a list, a set or a deque."""

    __slots__ = ("container", "count", "start", "store")

    def __init__(self, store: list[Any], container: list[Any] | set[Any] | deque[Any]) -> None:
        self.container, self.count = container, len(container)
        self.store, self.start = store, len(store)
        store.extend(container)

    def changed(self) -> list[Any] | None:
        store, start = self.store, self.start
        if len(self.container) == self.count and all(
            item is store[start + index] for index, item in enumerate(self.container)
        ):
            return None
        return store[start : start + self.count]

    def put(self, state: list[Any]) -> list[Any]:
        replaced = list(self.container)
        self.container.clear()
        if isinstance(self.container, set):
            self.container.update(state)
        else:
            self.container.extend(state)
        return replaced


class Elements:
    """The elements of an array, which may be changed in place."""

    __slots__ = ("array", "before")

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        self.before = array.copy()

    def changed(self) -> np.ndarray | None:
        return None if self.before.tobytes() == self.array.tobytes() else self.before

    def put(self, state: np.ndarray) -> np.ndarray:
        replaced = self.array.copy()
        self.array[...] = state
        return replaced


class Generator:
    """Where a random generator stands: one of NumPy's, of either kind, or of `random`."""

    __slots__ = ("_get", "_set", "before", "generator")

    def __init__(self, generator: Any) -> None:
        self.generator = own = getattr(generator, "bit_generator", generator)
        self._get: Callable[[], Any]
        self._set: Callable[[Any], None]
        if hasattr(own, "getstate"):
            self._get, self._set = own.getstate, own.setstate
        elif hasattr(own, "get_state"):
            self._get, self._set = partial(own.get_state, legacy=False), own.set_state
        else:
            self._get, self._set = partial(getattr, own, "state"), partial(setattr, own, "state")
        self.before: Any = None

    def look(self) -> None:
        """Take note of where it stands, once more."""
        self.before = self._get()

    def changed(self) -> Any:
        return None if _same(self.before, self._get()) else self.before

    def put(self, state: Any) -> Any:
        replaced = self._get()
        self._set(state)
        return replaced


@cache
def generators() -> tuple[tuple[type, ...], tuple[Any, ...]]:
    """The classes of generators, and those that any code may use without holding them."""
    import random  # not before they are needed: they would make importing the engine slow

    from numpy.random import BitGenerator, Generator, RandomState, mtrand

    common = (random._inst, mtrand._rand)  # type: ignore[attr-defined]
    return (Generator, BitGenerator, RandomState, random.Random), common


def _same(first: Any, second: Any) -> bool:
    """Whether two states of a generator are equal; some contain arrays."""
    if isinstance(first, dict):
        return all(_same(first[key], second[key]) for key in first)
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second)
    return first == second
