"""The recorded graph: its nodes.

Every node gets a number when it is made, and its parents were made before it. Descending
numbers are therefore a reverse topological order (see `backward.py`).

Gradients of interior values live in the dictionary of one walk, never on the nodes, so a
second walk starts from nothing.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterable, Iterator
from heapq import heappop, heappush
from typing import Any, ClassVar

import numpy as np

from autodiff.errors import FreedGraphError

__all__ = [
    "FREED",
    "Alias",
    "Edge",
    "Leaf",
    "Node",
    "Output",
    "Parts",
    "Placed",
    "Walk",
    "ancestors",
    "link",
    "next_order",
    "orders",
]

orders = itertools.count(1)  # next(orders) is the number of the next node

# What a node passes back: a parent, its cotangent, and the next edge. A linked list costs half of
# what a sequence of pairs does, most of all for the many nodes with a single parent.
Edge = tuple["Node", Any, "Edge | None"]


def next_order() -> int:
    """The number of the next node; whatever gets one later has a greater one."""
    return next(orders)


def link(pairs: Iterable[tuple[Node | None, Any]], rest: Edge | None = None) -> Edge | None:
    """Edges to the nodes of `pairs` that are not None, in their order, before `rest`."""
    for node, g in reversed(tuple(pairs)):
        if node is not None:
            rest = (node, g, rest)
    return rest


class Walk:
    """What the nodes on the way of one walk back have to know of it."""

    __slots__ = ("floor", "keep", "selecting")

    def __init__(self, keep: bool, floor: int = 0) -> None:
        self.keep = keep  # whether the graph shall be walked again
        self.floor = floor  # nodes numbered this or lower end the walk
        self.selecting = False  # whether elements were left out so far, as `where` does


class Node:
    """One recorded operation: what its rules need, and where its inputs came from.

    A subclass with the right slots is generated for every primitive (see `declare/codegen.py`).
    """

    __slots__ = ("__weakref__", "dtype", "order", "shape")

    operation: ClassVar[str] = "node"
    kept: ClassVar[tuple[str, ...]] = ()  # slots that hold values for the rules
    fits: ClassVar[bool] = False  # whether what it passes back always has the parent's shape, dtype

    order: int  # the node's number; negative once the graph is freed
    shape: tuple[int, ...] | None  # of the value; None if there are several (see Parts)
    dtype: np.dtype

    def pull(self, g: Any, walk: Walk) -> Edge | None:
        """The parents that want a gradient, each with its cotangent, from the value's own.

        Unless the walk keeps them, the values kept for the rules are given up. Cotangents are
        arrays.
        """
        raise NotImplementedError

    def pull_recorded(self, g: Any, walk: Walk) -> Edge | None:
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

    def value(self, slot: str) -> Any:
        """What is kept in a slot; None if there is no such slot, or the graph is freed."""
        value = getattr(self, slot, None)
        return None if value is FREED else value


class _Freed:
    """In the place of what was given up: it raises if a rule asks for it.

    A rule may do so although the walk has seen that the graph is there: two threads go through it.
    """

    __slots__ = ()

    def _refuse(self, *args: Any, **kwargs: Any) -> Any:
        raise FreedGraphError(
            "the graph was freed while this backward pass went through it; write "
            "backward(retain_graph=True) if several threads do"
        )

    __array__ = __array_ufunc__ = __array_function__ = _refuse
    __bool__ = __eq__ = __iter__ = __len__ = __getitem__ = _refuse
    __hash__ = object.__hash__


FREED = _Freed()


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


class Alias(Node):
    """An input of a transform: a walk of that transform ends here, an outer one goes on."""

    __slots__ = ("parent",)
    operation = "input"

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype, parent: Node | None) -> None:
        self.order = next_order()
        self.shape = shape
        self.dtype = dtype
        self.parent = parent

    def pull(self, g: Any, walk: Walk) -> Edge | None:
        return None if self.parent is None else (self.parent, g, None)

    pull_recorded = pull

    def parents(self) -> tuple[Node, ...]:
        return () if self.parent is None else (self.parent,)


class Output(Node):
    """One of the values of an operation that returns several."""

    __slots__ = ("index", "parent")
    operation = "output"

    @staticmethod
    def of(parent: Node, index: int, value: Any) -> Output:
        """The node of result number `index`. (A constructor would take twice the time.)"""
        node = Output()
        node.order = next(orders)
        node.shape = value.shape
        node.dtype = value.dtype
        node.parent = parent
        node.index = index
        return node

    def pull(self, g: Any, walk: Walk) -> Edge | None:
        if not walk.keep:
            self.order = -abs(self.order)
        return self.pull_recorded(g, walk)

    def pull_recorded(self, g: Any, walk: Walk) -> Edge | None:
        return self.parent, Parts({self.index: g}), None

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


class Placed:
    """A cotangent that is 0 but for the elements at an index, each of them there once.

    So that many elements taken from one array need not as many arrays of its size.
    """

    __slots__ = ("index", "value")

    def __init__(self, value: Any, index: Any) -> None:
        self.value = value
        self.index = index

    def __mul__(self, factor: Any) -> Placed:
        return Placed(self.value * factor, self.index)

    __rmul__ = __mul__

    def dense(self, shape: tuple[int, ...]) -> np.ndarray:
        """The same as an array of `shape`."""
        result = np.zeros(shape, self.value.dtype)
        result[self.index] = self.value
        return result

    def add_to(self, total: np.ndarray) -> None:
        """Add it in place."""
        total[self.index] += self.value


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
