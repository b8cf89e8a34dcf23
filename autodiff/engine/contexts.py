"""`Context`: what holds within a ``with`` statement, for one thread, and surely ends with it.

Python does not promise that ``__exit__`` is called: an interrupt (Ctrl-C) may come after the last
line of the block and before the first of ``__exit__``. What does happen, in any case, is that the
statement lets go of the exit function that it has fetched before it began. So every statement is
given an exit function of its own, of which nobody else knows more than a weak reference, and a
context is open for as long as that function lives. There is nothing to be undone, and so nothing
that an interrupt could leave undone.
"""

from __future__ import annotations

import functools
import inspect
import os
import threading
import types
import weakref
from collections.abc import Callable, Generator
from typing import Any, ClassVar, Self, TypeVar, overload

__all__ = ["Context", "PlainContext", "forget_ended", "opened", "special"]

F = TypeVar("F", bound=Callable[..., Any])

# What is open, in any thread, for which the ordinary path of an operation will not do. Generated
# code asks whether it is empty. What was interrupted may stay until `forget_ended` is called.
special: list[_Entry] = []


class _Entry:
    """One ``with`` statement that is under way, or is about to be."""

    __slots__ = ("_held", "context", "entered", "exit", "home", "value")

    value: Any  # what the context is about, such as whether to record
    home: list[_Entry]
    exit: weakref.ref[Callable[..., None]]  # dead once the statement has ended

    def __init__(self, context: Context) -> None:
        self.context = context
        self.entered = False
        self._held: Any = None

    def exit_function(self) -> Callable[..., None]:
        """The function whose life is that of the statement."""
        leave = self.leave
        self.exit = weakref.ref(leave)
        return leave

    def hold(self) -> None:
        """Stay open until `leave` is called: `__enter__` was called by hand."""
        self._held = self.exit_function()

    def is_waiting(self, context: Context) -> bool:
        """Whether a ``with`` statement has fetched its exit function from `context` just now."""
        return self.context is context and not self.entered and self.exit() is not None

    def enter(self) -> None:
        self.value = self.context._about()
        self.home = home = self.context._home()
        if home:
            forget_ended(home)
        self.entered = True
        if self.context._special:
            special.append(self)
        home.append(self)  # from here on it is open

    def leave(self, *exc_info: object) -> None:
        if not self.entered:  # __exit__ was called by hand
            for entry in reversed(self.context._home()):
                if entry.context is self.context:
                    return entry.leave()
            return None
        self.entered = False
        self._held = None
        for entries in (self.home, special):
            if self in entries:
                entries.remove(self)
        return None


class _Exit:
    """``__exit__`` as an attribute: one function for each ``with`` statement that asks."""

    @overload
    def __get__(self, context: None, kind: type) -> _Exit: ...
    @overload
    def __get__(self, context: Context, kind: type) -> Callable[..., None]: ...
    def __get__(self, context: Context | None, kind: type) -> Any:
        if context is None:
            return self
        entry = _asked.entry = _Entry(context)
        return entry.exit_function()

    def __call__(self, context: Context, *exc_info: object) -> None:
        """For those who look it up in the class, as `contextlib.ExitStack` does."""
        _Entry(context).leave(*exc_info)


class _Asked(threading.local):
    entry: _Entry | None = None  # of the last exit function that was fetched


_asked = _Asked()


class Context:
    """The base of context managers that hold for the current thread, as decorators too.

    An object may be entered again while it is open, and by several threads.
    """

    _special: ClassVar[bool] = False  # whether operations must look at it

    def _home(self) -> list[_Entry]:
        """Where this thread keeps what is open of this kind."""
        raise NotImplementedError

    def _about(self) -> Any:
        """What a ``with`` statement that begins now is about."""
        raise NotImplementedError

    def __enter__(self) -> Any:
        entry, _asked.entry = _asked.entry, None
        if entry is None or not entry.is_waiting(self):
            entry = _Entry(self)
            entry.hold()
        entry.enter()
        return self

    __exit__ = _Exit()

    def __call__(self, function: F) -> F:
        """`function`, within this context whenever it runs.

        A generator is within it while it runs, and not while its caller does; so are coroutines.
        """
        return _decorated(self, function)


class PlainContext(Context):
    """A context without settings: it decorates without parentheses as well."""

    @overload
    def __new__(cls) -> Self: ...
    @overload
    def __new__(cls, function: F) -> F: ...
    def __new__(cls, function: Any = None) -> Any:
        made = super().__new__(cls)
        return made if function is None else made(function)


def opened(home: list[_Entry]) -> list[Any]:
    """The values of what is open, innermost last."""
    return [entry.value for entry in home if entry.exit() is not None]


def forget_ended(entries: list[_Entry]) -> None:
    """Take out what an interrupt has ended."""
    for entry in tuple(entries):
        if entry.exit() is None and entry in entries:
            entries.remove(entry)


def _forget_other_threads() -> None:
    """In a process that was forked, there is no other thread whose statements could end."""
    special[:] = [entry for entry in special if entry in entry.context._home()]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_other_threads)


# ---------------------------------------------------------------- as a decorator


def _decorated(context: Context, function: Any) -> Any:
    if isinstance(function, classmethod | staticmethod):
        return type(function)(_decorated(context, function.__func__))
    if isinstance(function, property):
        fget, fset, fdel = (
            part and _decorated(context, part)
            for part in (function.fget, function.fset, function.fdel)
        )
        return property(fget, fset, fdel, function.__doc__)
    if isinstance(function, type) or not callable(function):
        raise TypeError(
            f"{type(context).__name__}: {function!r} is no function; decorate functions and "
            "methods, below other decorators, or write a with statement"
        )
    if inspect.isasyncgenfunction(function):
        within = _async_generator(context, function)
    elif inspect.iscoroutinefunction(function):
        within = _coroutine(context, function)
    elif inspect.isgeneratorfunction(function):
        within = _generator(context, function)
    else:
        within = _function(context, function)
    return functools.wraps(function)(within)


def _function(context: Context, function: Any) -> Any:
    def within(*args: Any, **kwargs: Any) -> Any:
        with context:
            return function(*args, **kwargs)

    return within


def _generator(context: Context, function: Any) -> Any:
    def within(*args: Any, **kwargs: Any) -> Any:
        return (yield from _steps(context, function(*args, **kwargs)))

    return within


def _coroutine(context: Context, function: Any) -> Any:
    async def within(*args: Any, **kwargs: Any) -> Any:
        return await _awaited(context, function(*args, **kwargs))

    return within


def _async_generator(context: Context, function: Any) -> Any:
    async def within(*args: Any, **kwargs: Any) -> Any:
        inner = function(*args, **kwargs)
        resume, value = inner.asend, None
        while True:
            try:
                given = await _awaited(context, resume(value))
            except StopAsyncIteration:
                return
            try:
                resume, value = inner.asend, (yield given)
            except GeneratorExit:
                await _awaited(context, inner.aclose())
                raise
            except BaseException as error:
                resume, value = inner.athrow, error

    return within


def _steps(context: Context, inner: Any) -> Generator[Any, Any, Any]:
    """The steps of a generator or coroutine, each within `context`."""
    resume, value = inner.send, None
    while True:
        try:
            with context:
                given = resume(value)
        except StopIteration as end:
            return end.value
        try:
            resume, value = inner.send, (yield given)
        except GeneratorExit:
            with context:
                inner.close()
            raise
        except BaseException as error:
            resume, value = inner.throw, error


_awaited: Callable[..., Any] = types.coroutine(_steps)
