"""The recorded graph: its nodes, what is recorded at the moment, and the walk back.

Every node gets a number when it is made, and its parents were made before it. Descending
numbers are therefore a reverse topological order, and the walk needs neither a sort nor
recursion: it keeps the nodes that wait for their turn in a heap, and the next node of a plain
chain in a single variable.

Gradients of interior values live in the dictionary of one walk, never on the nodes, so a
second walk starts from nothing.
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import ContextDecorator
from heapq import heappop, heappush, heapreplace
from typing import Any, ClassVar, Protocol

import numpy as np

from autodiff.errors import FreedGraphError, GradientError, StaleValueError
from autodiff.shapes import fit

__all__ = [
    "Alias",
    "Leaf",
    "Node",
    "Observer",
    "Output",
    "Parts",
    "enable_grad",
    "grad_enabled",
    "mark_changed",
    "mode",
    "next_order",
    "no_grad",
    "observing",
    "walk",
    "watch",
    "watchers",
]

next_order = itertools.count(1).__next__
FLOAT64 = np.dtype(np.float64)

_accumulating = threading.Lock()

Edges = Iterable[tuple["Node", Any]]


class Node:
    """One recorded operation: what its rules need, and where its inputs came from.

    A subclass with the right slots is generated for every primitive (see `recording.py`).
    """

    __slots__ = ("__weakref__", "dtype", "order", "shape")

    operation: ClassVar[str] = "node"
    kept: ClassVar[tuple[str, ...]] = ()  # slots that hold values for the rules

    order: int  # the node's number; negative once the graph is freed
    shape: tuple[int, ...] | None  # of the value; None if there are several (see Parts)
    dtype: np.dtype

    def pull(self, g: Any, keep: bool) -> Edges:
        """The parents that want a gradient, each with its cotangent, from the value's own.

        Without `keep` the values kept for the rules are given up. Cotangents are arrays.
        """
        raise NotImplementedError

    def pull_recorded(self, g: Any) -> Edges:
        """The same on Tensors, so that what the rules do is recorded in its turn."""
        raise NotImplementedError

    def parents(self) -> tuple[Node, ...]:
        """The nodes of the inputs that want a gradient."""
        return ()

    def saved(self) -> Iterator[np.ndarray]:
        """The arrays that are kept for the rules."""
        for slot in self.kept:
            value: Any = getattr(self, slot, None)
            for array in value if isinstance(value, list | tuple) else (value,):
                if isinstance(array, np.ndarray):
                    yield array

    def release(self) -> None:
        """Give up the kept values and mark the node as freed."""
        self.order = -abs(self.order)
        for slot in self.kept:
            setattr(self, slot, None)


class Leaf(Node):
    """Where differentiation ends: a tensor that the user made with ``requires_grad``."""

    __slots__ = ("grad", "name", "tensor")
    operation = "leaf"

    def __init__(self, tensor: Any, name: str | None = None) -> None:
        self.order = 0
        self.shape = tensor.shape
        self.dtype = tensor.dtype
        self.name = name
        self.tensor = weakref.ref(tensor)  # so that pictures can show the value
        self.grad: Any = None

    def accumulate(self, g: Any, owned: bool) -> None:
        """Add `g` to the gradient; `owned` says that nobody else holds the array `g`."""
        with _accumulating:  # threads may share a leaf
            old = self.grad
            if old is None:
                self.grad = g if owned or type(g) is not np.ndarray else g.copy()
            elif type(old) is np.ndarray and type(g) is np.ndarray and old.flags.writeable:
                np.add(old, g, out=old)
            else:
                self.grad = old + g


class Alias(Node):
    """An input of a transform: a walk of that transform ends here, an outer one goes on."""

    __slots__ = ("parent",)
    operation = "input"

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, parent: Node | None) -> None:
        self.order = next_order()
        self.shape = shape
        self.dtype = dtype
        self.parent = parent

    def pull(self, g: Any, keep: bool) -> Edges:
        return () if self.parent is None else ((self.parent, g),)

    def pull_recorded(self, g: Any) -> Edges:
        return self.pull(g, True)

    def parents(self) -> tuple[Node, ...]:
        return () if self.parent is None else (self.parent,)


class Output(Node):
    """One of the values of an operation that returns several."""

    __slots__ = ("index", "parent")
    operation = "output"

    def __init__(self, parent: Node, index: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.order = next_order()
        self.shape = shape
        self.dtype = dtype
        self.parent = parent
        self.index = index

    def pull(self, g: Any, keep: bool) -> Edges:
        if not keep:
            self.order = -abs(self.order)
        return ((self.parent, Parts({self.index: g})),)

    def pull_recorded(self, g: Any) -> Edges:
        return self.pull(g, True)

    def parents(self) -> tuple[Node, ...]:
        return (self.parent,)


class Parts(dict[int, Any]):
    """The cotangents of an operation with several values, by position; some may be missing."""

    shape = None
    dtype = None

    def __add__(self, other: Parts) -> Parts:
        for index, g in other.items():  # in place, since nobody but the walk has them
            self[index] = self[index] + g if index in self else g
        return self

    def filled(self, count: int) -> tuple[Any, ...]:
        """All `count` cotangents, with ``None`` for a value that nothing depends on."""
        return tuple(self.get(index) for index in range(count))


# ---------------------------------------------------------------- what is recorded


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
        self.selecting = False  # whether the current walk has left elements out
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


# ---------------------------------------------------------------- values that changed

# Arrays that were written to through a Tensor, by their id, and the number that the next node
# had at that time.
_changed: dict[int, tuple[weakref.ref[np.ndarray], int]] = {}
_last_change = 0


def mark_changed(array: np.ndarray) -> None:
    """Note that `array` was written to, so that older nodes which kept it are out of date."""
    global _last_change
    _last_change = order = next_order()
    key = id(array)
    known = _changed.get(key)
    reference = known[0] if known else weakref.ref(array, lambda _: _changed.pop(key, None))
    _changed[key] = (reference, order)


def check_unchanged(node: Node) -> None:
    """Raise `StaleValueError` if a value that `node` kept was changed after it was recorded."""
    for slot in node.kept:
        value: Any = getattr(node, slot, None)
        for array in value if isinstance(value, list | tuple) else (value,):
            _check_array(node, slot, array)


def _check_array(node: Node, slot: str, array: Any) -> None:
    if not isinstance(array, np.ndarray):
        return
    for reference, order in tuple(_changed.values()):
        changed = reference()  # the array itself, or another view of its memory
        if changed is not None and order > node.order and np.may_share_memory(changed, array):
            name = slot.removesuffix("_kept")
            what = "its result" if name == "y" else f"its argument {name!r}"
            raise StaleValueError(
                f"{node.operation}: the backward pass needs {what} of shape {array.shape}, but "
                "that array was changed in place after it was recorded (an optimizer step, or "
                "`t.data += ...`); call backward() first, or change a copy"
            )


# ---------------------------------------------------------------- hooks

# Nodes whose gradient somebody wants to see on its way, with the functions to call.
watchers: weakref.WeakKeyDictionary[Node, list[Callable[[Any], Any]]] = weakref.WeakKeyDictionary()
_ever_watched = False  # asking the weak dictionary whether it is empty would be slow


def watch(node: Node, function: Callable[[Any], Any]) -> Callable[[], None]:
    """Call ``function(gradient)`` when a walk reaches `node`; a result replaces the gradient.

    Returns a function that takes the watch away.
    """
    global _ever_watched
    _ever_watched = True
    functions = watchers.setdefault(node, [])
    functions.append(function)

    def remove() -> None:
        if function in functions:
            functions.remove(function)
            if not functions:
                watchers.pop(node, None)

    return remove


def show_to_watchers(node: Node, g: Any) -> Any:
    """Pass `g` through the functions that watch `node`, and show it to the observers."""
    for function in tuple(watchers.get(node, ())):
        replacement = function(g)
        if replacement is not None:
            assert node.shape is not None
            g = fit(replacement, node.shape, node.dtype)
    for observer in thread_state.observers:
        observer.reached(node, g)
    return g


# ---------------------------------------------------------------- the walk back


def walk(
    root: Node,
    seed: Any,
    *,
    wanted: frozenset[Node] | None = None,
    floor: int = 0,
    keep: bool = False,
    recorded: bool = False,
) -> tuple[dict[Node, Any], set[Node]]:
    """Carry the cotangent `seed` of `root` back through the graph.

    Nodes numbered `floor` or lower end the walk: leaves are (they all have number 0), and so
    is everything that existed before the inputs of a transform. Of these, the ones in
    `wanted` (all, if it is None) collect what reaches them.

    Returns their cotangents, and which of these arrays nobody else can hold.
    """
    if root.order < 0:
        raise _freed(root)
    if root.order <= floor:
        if wanted is not None and root not in wanted:
            return {}, set()
        return {root: show_to_watchers(root, seed)}, set()

    grads: dict[Node, Any] = {}
    owned: set[Node] = set()  # cotangents that this walk allocated, to be added to in place
    heap: list[tuple[int, Node]] = []  # (-order, node)
    waiting: Node | None = None  # comes next, unless the heap has a younger one
    waiting_g: Any = None  # its cotangent so far
    limit = max(floor, _last_change)
    watched = _ever_watched or (mode.special > 0 and bool(thread_state.observers))
    ndarray, float64, float64_dtype = np.ndarray, np.float64, FLOAT64

    if root.order <= limit:
        check_unchanged(root)
    thread_state.selecting = False
    node, g = root, seed
    while True:
        if watched:
            g = show_to_watchers(node, g)
        for parent, r in node.pull_recorded(g) if recorded else node.pull(g, keep):
            kind = r.__class__
            if kind is float64:
                if parent.dtype is not float64_dtype or parent.shape:
                    r = _fit(r, parent)
                    kind = r.__class__
            elif kind is not ndarray or r.dtype is not parent.dtype or r.shape != parent.shape:
                r = _fit(r, parent)
                kind = r.__class__

            if parent is waiting:
                if parent in owned:
                    waiting_g += r
                else:
                    waiting_g = waiting_g + r
                    if waiting_g.__class__ is ndarray:
                        owned.add(parent)
                continue
            old = grads.get(parent)
            if old is not None:
                if kind is not ndarray:
                    grads[parent] = old + r
                elif parent in owned:
                    old += r
                else:
                    grads[parent] = total = old + r
                    if total.__class__ is ndarray:  # not a scalar, which has no place to add to
                        owned.add(parent)
                continue

            order = parent.order
            if order <= limit:
                if order <= floor:
                    if order < -floor:
                        raise _freed(parent)
                    if wanted is None or parent in wanted:
                        grads[parent] = r
                    continue
                check_unchanged(parent)
            if waiting is None:
                waiting = parent
                waiting_g = r
            elif order > waiting.order:
                grads[waiting] = waiting_g
                heappush(heap, (-waiting.order, waiting))
                waiting = parent
                waiting_g = r
            else:
                grads[parent] = r
                heappush(heap, (-order, parent))

        if waiting is None:
            if not heap:
                break
            node = heappop(heap)[1]
            g = grads.pop(node)
        elif heap and -heap[0][0] > waiting.order:
            grads[waiting] = waiting_g
            node = heapreplace(heap, (-waiting.order, waiting))[1]
            g = grads.pop(node)
            waiting = None
        else:
            node = waiting
            g = waiting_g
            waiting = None

    if watched:
        for node in grads:
            grads[node] = show_to_watchers(node, grads[node])
    return grads, owned


def _fit(r: Any, parent: Node) -> Any:
    if parent.shape is None:  # several values: Parts collect what belongs to each
        return r
    try:
        return fit(r, parent.shape, parent.dtype)
    except ValueError as error:
        raise GradientError(
            f"a rule gave a cotangent of shape {np.shape(r)} for an argument of shape "
            f"{parent.shape} (the result of {parent.operation}); correct the rule"
        ) from error


def _freed(node: Node) -> FreedGraphError:
    return FreedGraphError(
        f"the graph was freed by an earlier backward pass (at {node.operation}, "
        f"shape {node.shape}); write backward(retain_graph=True) on the first call to go through "
        "it again"
    )


def ancestors(*roots: Node) -> Iterator[Node]:
    """The nodes that `roots` depend on, themselves included, each once, youngest first."""
    seen = set(roots)
    heap = [(-abs(node.order), index, node) for index, node in enumerate(seen)]
    heap.sort(key=lambda entry: entry[:2])
    tie = itertools.count(len(heap))  # leaves all have the number 0
    while heap:
        _, _, node = heappop(heap)
        yield node
        for parent in node.parents():
            if parent not in seen:
                seen.add(parent)
                heappush(heap, (-abs(parent.order), next(tie), parent))
