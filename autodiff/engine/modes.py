"""What is recorded at the moment, and who looks on: for the current thread."""

from __future__ import annotations

import contextvars
import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

import numpy as np

from autodiff.engine.contexts import Context, PlainContext, forget_ended, opened, special

if TYPE_CHECKING:
    from autodiff.engine.graph import Node

__all__ = [
    "Observer",
    "Running",
    "calm",
    "calmly",
    "enable_grad",
    "grad_enabled",
    "mode",
    "no_grad",
    "observing",
    "running",
    "special",
    "thread_state",
]


class Observer(Protocol):
    """Something that looks on while operations are recorded (a trace, the debug mode).

    If it has a true attribute `calm`, NumPy does not warn meanwhile.
    """

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

    def place(self, node: Node) -> str:
        """What a message about `node` shall say of where it was recorded, or nothing."""
        ...


class _ThreadState(threading.local):
    def __init__(self) -> None:
        self.modes: list[Any] = []  # what is open of no_grad and enable_grad
        self.observed: list[Any] = []  # and of `observing`

    @property
    def grad_enabled(self) -> bool:
        """Whether operations are recorded: what the innermost mode says."""
        modes = self.modes
        if modes and modes[-1].exit() is not None:
            return modes[-1].value
        return next((entry.value for entry in reversed(modes) if entry.exit() is not None), True)

    @property
    def observers(self) -> list[Observer]:
        """Who looks on, outermost first."""
        return opened(self.observed)


thread_state = _ThreadState()


class Running:
    """A transform that calls its function: what it differentiates with respect to.

    Attributes:
        warned: the places in the code where a warning was given.
    """

    def __init__(self, inputs: list[Node]) -> None:
        self._inputs = frozenset(inputs)
        self._first = min((node.order for node in inputs), default=0)
        self.warned: set[Any] = set()
        self._apart: weakref.WeakSet[Node] = weakref.WeakSet()  # known not to depend on an input

    def reaches(self, node: Node) -> bool:
        """Whether `node` was computed from an input."""
        if node in self._apart:
            return False
        seen, stack = {node}, [node]
        while stack:
            node = stack.pop()
            if node in self._inputs:
                return True
            for parent in node.parents():
                if abs(parent.order) < self._first or parent in seen or parent in self._apart:
                    continue
                seen.add(parent)
                stack.append(parent)
        self._apart.update(seen)
        return False


class _Running(threading.local):
    def __init__(self) -> None:
        self.calls: list[Running] = []  # of this thread, outermost first


running = _Running()


class _Mode:
    @property
    def special(self) -> int:
        """How many contexts are open, in all threads, for which operations leave their path."""
        forget_ended(special)
        return len(special)


mode = _Mode()


class _GradMode(PlainContext):
    enabled: ClassVar[bool]

    def _home(self) -> list[Any]:
        return thread_state.modes

    def _about(self) -> bool:
        return self.enabled


class no_grad(_GradMode):
    """Operations inside are not recorded: ``with ad.no_grad():`` or ``@ad.no_grad``.

    It holds for the current thread only. A generator or coroutine that it decorates is not
    recorded while it runs; between its steps, the mode is that of its caller.

    >>> import autodiff as ad
    >>> x = ad.tensor(2.0, requires_grad=True)
    >>> with ad.no_grad():
    ...     y = x * 3
    >>> y.requires_grad, (x * 3).requires_grad
    (False, True)
    """

    enabled = False
    _special = True


class enable_grad(_GradMode):
    """Operations inside are recorded, even within `no_grad`."""

    enabled = True


def grad_enabled() -> bool:
    """Whether operations of the current thread are recorded."""
    return thread_state.grad_enabled


class observing(Context):
    """``with observing(observer):`` every operation of this thread is reported to `observer`."""

    _special = True

    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    def _home(self) -> list[Any]:
        return thread_state.observed

    def _about(self) -> Observer:
        return self.observer


def calm(observers: list[Observer]) -> bool:
    """Whether an observer wants NumPy not to warn, and it would."""
    # No generators: Python drops an interrupt that comes while it closes one.
    wanted = [observer for observer in observers if getattr(observer, "calm", False)]
    return bool(wanted) and set(np.geterr().values()) != {"ignore"}


def calmly(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call `function` while NumPy does not warn.

    NumPy's setting belongs to the context (in the sense of `contextvars`), which ends with the
    call, whatever interrupts it.
    """
    return contextvars.copy_context().run(_without_warnings, function, args, kwargs)


def _without_warnings(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    np.seterr(all="ignore")
    return function(*args, **kwargs)
