"""What is recorded at the moment, and who looks on: for the current thread."""

from __future__ import annotations

import threading
from contextlib import ContextDecorator
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

if TYPE_CHECKING:
    from autodiff.graph import Node

__all__ = [
    "Observer",
    "enable_grad",
    "grad_enabled",
    "mode",
    "no_grad",
    "observing",
    "thread_state",
]


class Observer(Protocol):
    """Something that looks on while operations are recorded (a trace, the debug mode)."""

    def recorded(
        self, primitive: Any, arguments: tuple[Any, ...], result: Any, seconds: float
    ) -> None:
        """`primitive` was called with `arguments` and gave `result`, in so many seconds."""
        ...

    def started(self, output: Any) -> None:
        """A backward pass begins at the tensor `output`."""
        ...

    def reached(self, node: Node, gradient: Any) -> None:
        """A walk back has the complete cotangent of `node` (Parts, if it has several values)."""
        ...


class _Mode:
    """Tells generated code, in one attribute, that the ordinary path will not do."""

    __slots__ = ("special",)

    def __init__(self) -> None:
        self.special = 0  # how many special contexts are open, in all threads


class _ThreadState(threading.local):
    def __init__(self) -> None:
        self.grad_enabled = True
        self.observers: tuple[Observer, ...] = ()


mode = _Mode()
thread_state = _ThreadState()
_mode_lock = threading.Lock()


def _count_special(step: int) -> None:
    with _mode_lock:
        mode.special += step


class _GradMode(ContextDecorator):
    """A context manager and decorator; the same object may be entered again and again."""

    enabled: ClassVar[bool]

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(thread_state.grad_enabled)
        thread_state.grad_enabled = self.enabled
        if not self.enabled:
            _count_special(1)

    def __exit__(self, *exc_info: object) -> None:
        if not self.enabled:
            _count_special(-1)
        thread_state.grad_enabled = self._before.pop()

    def _recreate_cm(self) -> _GradMode:
        return type(self)()


class no_grad(_GradMode):
    """Operations inside are not recorded: ``with ad.no_grad():`` or ``@ad.no_grad()``.

    It holds for the current thread only.
    """

    enabled = False


class enable_grad(_GradMode):
    """Operations inside are recorded, even within `no_grad`."""

    enabled = True


def grad_enabled() -> bool:
    """Whether operations of the current thread are recorded."""
    return thread_state.grad_enabled


class observing:
    """``with observing(observer):`` every operation of this thread is reported to `observer`."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    def __enter__(self) -> None:
        self._before = thread_state.observers
        thread_state.observers = (*self._before, self.observer)
        _count_special(1)

    def __exit__(self, *exc_info: object) -> None:
        _count_special(-1)
        thread_state.observers = self._before
