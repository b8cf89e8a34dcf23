"""What a function can reach and change besides its arguments' values, for a second run of it.

There is no list of it, so it is looked for: from the function through its closure, its defaults,
the globals that its code names, the objects, containers and arrays that are found there, their
classes, and so on. What the first run changed is put back for the second one, and after that one
it becomes again what it was, as if the function had run once.
"""

from __future__ import annotations

import functools
import os
import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import BuiltinMethodType, CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from autodiff.engine.changes import SMALL, snapshot
from autodiff.engine.registry import remembered
from autodiff.errors import StaleValueError
from autodiff.tensors.tensor import Tensor
from autodiff.transforms.places import (
    Attributes,
    Content,
    Elements,
    Generator,
    Items,
    Place,
    generators,
)

__all__ = ["LARGEST", "Surroundings"]

LARGEST = 2**20  # bytes of an array whose elements are looked at

# Where nothing of the user's is to be found: not even in what functions defined there name.
_FOREIGN = frozenset({*sys.stdlib_module_names, "builtins", "numpy", "scipy", "autodiff"})


class Surroundings:
    """What can be reached from a function and its arguments, before it runs."""

    def __init__(self, *roots: Any) -> None:
        self._places = _Search(*roots, *generators()[1]).places
        self._arrays = list({id(array): array for array in _named_arrays(roots)}.values())
        self._changes: list[tuple[Place, Any]] = []
        self._prints: list[tuple[np.ndarray, bytes]] = []  # of what is not put back

    @contextmanager
    def first_run(self) -> Iterator[None]:
        """Within, the function runs; then what has not changed is forgotten."""
        with _turns(self._places):
            for place in self._places:
                if isinstance(place, Generator):
                    place.look()  # nobody else draws from now on
            yield
            # Still in turn: in the middle of another's second run a generator may stand elsewhere,
            # even where this run found it.
            for place in self._places:
                before = place.changed()
                if before is None and isinstance(place, Elements) and place.array.size <= SMALL:
                    before = place.before  # the user may change it until the second run
                if before is not None:
                    self._changes.append((place, before))
        safe = {id(place.array) for place, _ in self._changes if isinstance(place, Elements)}
        self._prints = [(a, snapshot(a)) for a in self._arrays if id(a) not in safe]
        self._places, self._arrays = [], []

    @contextmanager
    def second_run(self) -> Iterator[None]:
        """Within, all is as it was before the first run; then, as it is now.

        Raises StaleValueError if an array that is not put back has changed after the first run.
        """
        for array, before in self._prints:
            if snapshot(array) != before:
                raise StaleValueError(
                    f"checkpoint: an array of shape {array.shape} that the second run needs was "
                    "changed in place after the first; call backward() first, or change a copy"
                )
        with _turns([place for place, _ in self._changes]):
            now: list[tuple[Place, Any]] = []
            try:
                for place, before in self._changes:
                    now.append((place, place.put(before)))
                yield
            finally:
                for place, state in reversed(now):
                    place.put(state)


# Runs that draw from the same generator wait for one another: between two draws of one run, nobody
# else may draw. A generator's lock is the one with its number.
_locks = [threading.RLock() for _ in range(64)]


def _turns(places: list[Place]) -> ExitStack:
    common = [id(generator) for generator in generators()[1]]
    found = [id(place.generator) for place in places if isinstance(place, Generator)]
    held = ExitStack()
    for number in sorted({one // 16 % len(_locks) for one in found if one not in common}):
        held.enter_context(_locks[number])
    return held


def _forget_locks() -> None:
    _locks[:] = [threading.RLock() for _ in _locks]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_locks)


class _Search:
    """Goes through everything that can be reached, each object once."""

    def __init__(self, *roots: Any) -> None:
        self.places: list[Place] = []
        self._store: list[Any] = []  # what is in them
        self._names: set[str] = set()  # that code has which was found so far
        self._methods: dict[str, list[Any]] = {}  # found in classes, but no code names them so far
        self._seen: dict[Any, Any] = {}  # holds on to the objects, so that numbers stay theirs
        self._waiting: list[Any] = list(roots)
        while self._waiting:
            value = self._waiting.pop()
            kind = _kind(type(value))
            if kind and id(value) not in self._seen:
                self._seen[id(value)] = value
                getattr(self, kind)(value)

    def _array(self, array: np.ndarray) -> None:
        if array.nbytes <= LARGEST and array.flags.writeable and array.dtype.kind != "O":
            self.places.append(Elements(array))

    def _tensor(self, tensor: Tensor) -> None:
        self.places.append(Attributes(self._store, tensor, ("_value", "_node")))
        if tensor.node is None:  # what a gradient flows to is not changed in place
            self._waiting.append(tensor._value)

    def _generator(self, generator: Any) -> None:
        self.places.append(Generator(generator))

    def _dict(self, mapping: dict[Any, Any]) -> None:
        self.places.append(Items(self._store, mapping))
        self._waiting.extend(mapping.values())

    def _container(self, container: Any) -> None:
        self.places.append(Content(self._store, container))
        self._waiting.extend(container)

    def _tuple(self, values: Any) -> None:
        self._waiting.extend(values)

    def _parts(self, value: Any) -> None:
        """What belongs to a method, a partial or a property."""
        self._waiting += [getattr(value, name, None) for name in _PARTS]

    def _cell(self, cell: Any) -> None:
        start = len(self._store)
        self.places.append(Attributes(self._store, cell, ("cell_contents",)))
        self._waiting.extend(self._store[start:])

    def _object(self, value: Any) -> None:
        self._waiting.append(type(value))
        attributes = getattr(value, "__dict__", None)
        if isinstance(attributes, dict):
            self._dict(attributes)
        names = _slots(type(value))
        if names:
            start = len(self._store)
            self.places.append(Attributes(self._store, value, names))
            self._waiting.extend(self._store[start:])

    def _class(self, kind: type) -> None:
        """The attributes of a class that code names, or that Python calls by itself."""
        for base in kind.__mro__:
            if _is_foreign(base.__module__):
                continue
            for name, member in vars(base).items():
                if name in _NOT_CALLED:
                    continue
                if name in self._names or name.startswith("__"):
                    self._waiting.append(member)
                else:
                    self._methods.setdefault(name, []).append(member)

    def _function(self, function: FunctionType) -> None:
        self._waiting.extend(function.__closure__ or ())
        self._waiting.append(function.__defaults__)
        self._waiting.append(function.__kwdefaults__)
        self._waiting.append(getattr(function, "__wrapped__", None))
        if _is_foreign(function.__globals__.get("__name__", "")):
            return
        if function.__dict__:
            self._waiting.append(function.__dict__)
        names = _names(function.__code__)
        for name in names:
            if name not in self._names:
                self._names.add(name)
                self._waiting.extend(self._methods.pop(name, ()))
        self._namespace(function.__globals__, names)

    def _namespace(self, namespace: dict[str, Any], names: tuple[str, ...]) -> None:
        """What code finds in a namespace under these names, also in modules that are found."""
        variables = []
        for name in names:
            if name not in namespace:
                continue
            value = namespace[name]
            if isinstance(value, ModuleType):
                if not _is_foreign(value.__name__) and (id(value), names) not in self._seen:
                    self._seen[id(value), names] = value
                    self._namespace(vars(value), names)
                continue
            self._waiting.append(value)
            if isinstance(value, type):  # it may be called
                self._waiting += [vars(base).get("__init__") for base in value.__mro__]
            elif not isinstance(value, FunctionType):
                variables.append(name)
        if variables:
            self.places.append(Items(self._store, namespace, variables))


def _named_arrays(value: Any) -> Iterator[np.ndarray]:
    """The arrays that a function is given, or names: in arguments, its closure and its globals."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Tensor):
        yield from _named_arrays(value._value) if value.node is None else ()
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _named_arrays(item)
    elif isinstance(value, dict):
        yield from _named_arrays(list(value.values()))
    elif isinstance(value, MethodType):
        yield from _named_arrays(value.__func__)
    elif isinstance(value, functools.partial):
        yield from _named_arrays([value.func, value.args, value.keywords])
    elif isinstance(value, FunctionType):
        names = _names(value.__code__)
        found = [value.__globals__.get(name) for name in names]
        found += [cell.cell_contents for cell in value.__closure__ or () if cell != CellType()]
        found += value.__defaults__ or ()
        yield from (item for item in found if isinstance(item, np.ndarray))


# What a class has that does not run when its objects are used, and data of Python's own.
_NOT_CALLED = frozenset(
    (
        *("__init__", "__new__", "__init_subclass__", "__class_getitem__", "__repr__", "__str__"),
        *("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__slots__", "__dict__"),
        *("__weakref__", "__doc__", "__module__", "__annotations__", "__match_args__"),
        *("__dataclass_fields__", "__dataclass_params__"),
    )
)
# What the parts of methods, partials, properties and wrappers are called.
_PARTS = ("__wrapped__", "__self__", "__func__", "func", "args", "keywords", "fget", "fset")
_KINDS: list[tuple[str, tuple[type, ...]]] = [
    ("", (type(None), bool, int, float, complex, str, bytes, range, slice, ModuleType)),
    ("", (np.generic, np.ufunc, np.dtype)),
    ("_array", (np.ndarray,)),
    ("_tensor", (Tensor,)),
    ("_dict", (dict,)),
    ("_container", (list, set, deque)),
    ("_tuple", (tuple, frozenset)),
    ("_function", (FunctionType,)),
    ("_parts", (MethodType, BuiltinMethodType, functools.partial)),
    ("_parts", (staticmethod, classmethod, property)),
    ("_cell", (CellType,)),
    ("_class", (type,)),
]


@remembered
def _kind(kind: type) -> str:
    """The method of `_Search` for objects of a class; empty if there is nothing to look for."""
    if issubclass(kind, generators()[0]):
        return "" if kind.__name__ == "SystemRandom" else "_generator"  # that one has no state
    for method, classes in _KINDS:
        if issubclass(kind, classes):
            return method
    return "_parts" if _is_foreign(kind.__module__) else "_object"


def _is_foreign(module: str) -> bool:
    return module.partition(".")[0] in _FOREIGN


@functools.lru_cache(maxsize=4096)
def _names(code: CodeType) -> tuple[str, ...]:
    """The names of globals and attributes in the code of a function, and of those within it."""
    inner = [_names(part) for part in code.co_consts if isinstance(part, CodeType)]
    return tuple(dict.fromkeys([*code.co_names, *(name for part in inner for name in part)]))


@remembered
def _slots(kind: type) -> tuple[str, ...]:
    """The attributes that objects of a class have without being in their ``__dict__``."""
    found: list[str] = []
    for base in kind.__mro__:
        own = vars(base).get("__slots__", ())
        if not _is_foreign(base.__module__):
            found += [own] if isinstance(own, str) else own
    return tuple(name for name in found if name not in ("__dict__", "__weakref__"))
