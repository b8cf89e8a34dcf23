"""Which function of ours answers for which function of NumPy (or SciPy, or the user)."""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Iterator
from functools import wraps
from importlib import import_module
from operator import attrgetter
from pickle import PicklingError
from typing import Any, Generic, Self, TypeVar

from autodiff.engine.locks import shared
from autodiff.errors import UnsupportedError

__all__ = [
    "Declared", "dispatch", "enter", "entries", "is_constant", "late", "lazy", "load_rules",
    "lookup", "remembered",
]  # fmt: skip

T = TypeVar("T")

# A package -> the module of ours with rules for its functions that are not loaded yet. They are
# when a function is not found, provided that the user has imported the package: importing the
# engine is quick, and SciPy stays optional.
late: dict[str, str] = {
    "numpy": "autodiff.rules.everything",
    "scipy.special": "autodiff.rules.scipy",
}


# Where a function of the user's own holds what was declared for it.
_HELD = "_autodiff_declared"


class _Dispatch(dict[Any, Callable[..., Any]]):
    def __missing__(self, function: Any) -> Callable[..., Any]:
        entry = _held(function)
        if entry is not None:
            return entry
        if load_rules():
            return self[function]
        raise UnsupportedError(
            f"{describe(function)} has no derivative rule; declare one with "
            "ad.primitive (the rules of NumPy's functions are in autodiff/rules/), "
            "or pass t.detach() if no gradient shall flow"
        )


# NumPy's functions, ufuncs and ndarray methods -> what is called when a Tensor is among their
# arguments. Indexing goes under operator.getitem and operator.setitem. A function without an
# answer raises `UnsupportedError`, which names it.
dispatch = _Dispatch()
lookup = dispatch.__getitem__


def load_rules() -> bool:
    """Load all rules of the packages that are in use; whether there were any left to load."""
    with shared:
        ready = [package for package in late if package in sys.modules]
        for package in ready:
            import_module(late[package])
            late.pop(package, None)
    return bool(ready)


def is_constant(function: Any) -> bool:
    """Whether `function` is known to have no derivative: it only looks at what it is given."""
    if function not in dispatch:
        load_rules()
    return getattr(dispatch.get(function) or _held(function), "is_constant", False)


class lazy(Generic[T]):
    """An attribute that is computed at its first use.

    `functools.cached_property` holds a lock meanwhile, up to Python 3.11: one for all primitives,
    which in a process that was forked nobody may be there to give back. What is computed twice
    because two threads ask at once is the same.
    """

    def __init__(self, function: Callable[[Any], T]) -> None:
        self.function = function

    def __get__(self, instance: Any, kind: type) -> T:
        if instance is None:
            return self  # pyright: ignore[reportReturnType] - for those who look at the class
        value = vars(instance)[self.function.__name__] = self.function(instance)
        return value


def remembered(function: Callable[[Any], T]) -> Callable[[Any], T]:
    """`function`, which keeps its results as long as what it is asked about is in use."""
    known: weakref.WeakKeyDictionary[Any, T] = weakref.WeakKeyDictionary()

    @wraps(function)
    def get(asked: Any) -> T:
        try:
            return known[asked]
        except KeyError:
            value = known[asked] = function(asked)
            return value

    return get


class Declared:
    """The base of what is declared for a function. Like that, it is copied and pickled by name."""

    function: Any

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def __reduce__(self) -> Any:
        function = self.function
        home = getattr(function, "__module__", None) or ""
        name = getattr(function, "__qualname__", getattr(function, "__name__", ""))
        try:
            found = _declared(home, name)
        except (AttributeError, ImportError, StopIteration, ValueError):
            found = None
        if found is not self:
            raise PicklingError(
                f"{describe(function)}: no module has this function under its own name, so what "
                "was declared for it cannot be pickled; define it at the top of a module"
            )
        return _declared, (home, name)


def _declared(module: str, name: str) -> Any:
    """What is declared for the function of this name."""
    found = attrgetter(name)(import_module(module))
    if isinstance(found, Declared):
        return found
    load_rules()
    return next(entry for entry in reversed(entries) if entry.function is found)


class _Entries:
    """Everything that was declared, in order: what the tests visit and the tables list."""

    def __init__(self) -> None:
        self._found: list[Callable[[], Any]] = []  # for each, what gives it, or None if it is gone

    def append(self, entry: Any, *, is_kept: bool = True) -> None:
        reference = (lambda: entry) if is_kept else weakref.ref(entry, self._forget)
        self._found.append(reference)

    def remove(self, entry: Any) -> None:
        self._forget(next(found for found in self._found if found() is entry))

    def _forget(self, reference: Any) -> None:
        self._found.remove(reference)

    def __iter__(self) -> Iterator[Any]:
        return (entry for found in list(self._found) if (entry := found()) is not None)

    def __reversed__(self) -> Iterator[Any]:
        return reversed(list(self))

    def __len__(self) -> int:
        return len(self._found)


entries = _Entries()


def enter(entry: Any, functions: tuple[Any, ...], answer: Callable[..., Any]) -> None:
    """Note what was declared, and that `answer` is called for these functions.

    NumPy's functions stay. What was declared for a function of the user's own, `entry`, is held by
    that function, and gone when both are: a program may declare without end.
    """
    held = [_hold(function, entry) for function in functions]
    for function in (f for f, is_held in zip(functions, held, strict=True) if not is_held):
        dispatch[function] = answer
    entries.append(entry, is_kept=not all(held))


def _hold(function: Any, entry: Any) -> bool:
    """Let `function` hold what was declared for it; whether it can."""
    if type(function).__module__.partition(".")[0] == "numpy":
        return False
    try:
        # Copies of the function's attributes, as `functools.wraps` makes them, do not count.
        setattr(function, _HELD, (weakref.ref(function), entry))
    except (AttributeError, TypeError):  # it is written in C
        return False
    return True


def _held(function: Any) -> Any:
    """What the function holds that was declared for it, or None."""
    holder, entry = getattr(function, _HELD, (None, None))
    return entry if holder is not None and holder() is function else None


def describe(function: Any) -> str:
    """The name under which a user knows `function`."""
    name = getattr(function, "__qualname__", None) or getattr(function, "__name__", None)
    module = getattr(function, "__module__", None) or ""
    if name is None:
        return repr(function)
    return f"{module}.{name}" if module and not module.startswith("_") else name
