"""`checkpoint`: compute a part of the graph again instead of keeping it."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterator
from types import MethodType
from typing import Any, TypeVar

import numpy as np

from autodiff.engine.backward import walk
from autodiff.engine.graph import Edge, Node, Output, Parts, Walk, link, next_order
from autodiff.engine.modes import enable_grad, grad_enabled
from autodiff.errors import StaleValueError
from autodiff.tensors.tensor import Tensor, make, make_input
from autodiff.transforms.surroundings import Surroundings
from autodiff.transforms.trees import Tree, flatten

__all__ = ["checkpoint"]

F = TypeVar("F", bound=Callable[..., Any])


def checkpoint(function: F) -> F:
    """The same function, whose intermediate values are not kept but computed again.

    The backward pass calls `function` a second time and goes back through that. Memory for what
    happens inside is needed only then; the price is one more forward pass.

    The second run begins where the first did, and leaves no trace: dropout draws the same elements,
    the statistics of batch normalisation move once. Random generators (`nn`'s own, those of
    `np.random` and `random` too), attributes, items of lists, dicts and sets, and arrays of up to
    1 MiB are put back, as far as they can be reached from the function, its arguments and its
    closure, and the globals and methods that its code names. Not found are: larger arrays that are
    changed in place; what code gets by a name that it computes; what is kept by code in other
    languages, on disk, in other processes. If the second run then gives other values than the
    first, that is an error.

    In threads, runs that draw from the same generator take turns, but for the common ones of
    `np.random` and `random`: give every thread a generator of its own. What another thread writes
    to an object during a second run, in a place that the first run changed too, is lost.

    Arguments and results may be nested tuples, lists, dicts and modules. Gradients also flow to
    tensors that the function captures.

    Raises (in the backward pass):
        StaleValueError: the second run gives other values than the first, or an array of more than
            1,024 elements among the arguments, in the closure or the globals that the function
            names was changed in between.

    >>> import autodiff as ad
    >>> @ad.checkpoint
    ... def block(x):
    ...     return np.exp(np.sin(x))
    >>> ad.grad(block)(0.0)
    np.float64(1.0)
    """

    return _Checkpointed(function)  # type: ignore[return-value]


class _Checkpointed:
    """A function or module that is computed again. A copy of it is one of a copy of that."""

    __wrapped__: Callable[..., Any]

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        function = self.__wrapped__
        if not grad_enabled():
            return function(*args, **kwargs)
        surroundings = Surroundings(function, args, kwargs)
        arguments = _Arguments(flatten((args, kwargs)))
        with surroundings.first_run():
            outputs = flatten(function(*args, **kwargs))
        tracked = [leaf.node if isinstance(leaf, Tensor) else None for leaf in outputs.leaves]
        if all(node is None for node in tracked):
            return outputs.rebuild(outputs.leaves)
        node = _Checkpoint(function, arguments, surroundings, outputs.leaves)
        leaves = [
            leaf if old is None else make(leaf._value, Output.of(node, index, leaf._value))
            for index, (leaf, old) in enumerate(zip(outputs.leaves, tracked, strict=True))
        ]
        return outputs.rebuild(leaves)  # the graph inside, held by `tracked` alone, goes away

    def __get__(self, instance: Any, kind: type) -> Any:
        return self if instance is None else MethodType(self, instance)

    def __reduce__(self) -> Any:
        function = self.__wrapped__
        found: Any = sys.modules.get(getattr(function, "__module__", None) or "")
        name = getattr(function, "__qualname__", "")
        for part in name.split("."):
            found = getattr(found, part, None)
        if found is self:
            return name  # it stands in the place of the function: a decorator put it there
        return checkpoint, (function,)


class _Arguments:
    """The arguments of a call as they were before it; the function may write to them.

    leaves: the values, each tensor as one of its own.
    views: of a tensor that is a view of another argument, by position: the position of that one,
        and the steps that lead from there to the view.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.leaves = [
            leaf.as_subclass(type(leaf)) if isinstance(leaf, Tensor) else leaf
            for leaf in tree.leaves
        ]
        places = {id(leaf): place for place, leaf in enumerate(tree.leaves)}
        self.views: dict[int, tuple[int, list[Any]]] = {}
        for place, leaf in enumerate(tree.leaves):
            steps: list[Any] = []
            while isinstance(leaf, Tensor) and leaf._from is not None:
                leaf, *step = leaf._from
                steps.insert(0, step)
                if id(leaf) in places:
                    self.views[place] = places[id(leaf)], steps
                    break

    def fresh(self) -> list[Any]:
        """The values as inputs of another run, which may write to them as well."""
        values = [make_input(v) if _in_graph(v) else v for v in self.leaves]
        for place in sorted(self.views, key=lambda place: len(self.views[place][1])):
            base, steps = self.views[place]
            value = values[base]
            for primitive, *args in steps:
                value = primitive(value, *args)
            values[place] = value
        return values


def _in_graph(value: Any) -> bool:
    return isinstance(value, Tensor) and value.node is not None


class _Checkpoint(Node):
    """A call to be repeated: its cotangents are those of a second run."""

    __slots__ = ("arguments", "function", "samples", "surroundings")
    operation = "checkpoint"

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: _Arguments,
        surroundings: Surroundings,
        outputs: list[Any],
    ) -> None:
        self.order = next_order()
        self.shape = None
        self.dtype = np.dtype(float)  # not used: there may be several values
        self.function = function
        self.arguments: _Arguments | None = arguments
        self.surroundings: Surroundings | None = surroundings
        self.samples = [_sample(output) for output in outputs]

    def parents(self) -> tuple[Node, ...]:
        leaves = self.arguments.leaves if self.arguments is not None else []
        return tuple(
            leaf.node for leaf in leaves if isinstance(leaf, Tensor) and leaf.node is not None
        )

    def saved(self) -> Iterator[np.ndarray]:
        leaves = self.arguments.leaves if self.arguments is not None else []
        values = (leaf._value if isinstance(leaf, Tensor) else leaf for leaf in leaves)
        return (value for value in values if isinstance(value, np.ndarray))

    def pull(self, g: Parts, walk: Walk) -> Edge | None:
        edge = self._again(g, recorded=False)
        if not walk.keep and self.order > 0:
            self.order = -self.order
            self.arguments = self.surroundings = None
        return edge

    def pull_recorded(self, g: Parts, walk: Walk) -> Edge | None:
        return self._again(g, recorded=True)

    def _again(self, g: Parts, *, recorded: bool) -> Edge | None:
        arguments, surroundings = self.arguments, self.surroundings
        assert arguments is not None
        assert surroundings is not None
        with enable_grad():
            leaves = arguments.fresh()
            # The node of each input of this run, and that of the argument which it stands for.
            inputs = {
                new.node: old.node
                for place, (new, old) in enumerate(zip(leaves, arguments.leaves, strict=True))
                if isinstance(new, Tensor) and place not in arguments.views
            }
            floor = max((node.order for node in inputs if node is not None), default=next_order())
            with surroundings.second_run():
                args, kwargs = arguments.tree.rebuild(leaves)
                outputs = flatten(self.function(*args, **kwargs)).leaves
            self._compare(outputs)
            edges: list[tuple[Node | None, Any]] = []
            for index, seed in g.items():
                root = outputs[index].node
                if root is None:
                    continue
                grads, _ = walk(root, seed, floor=floor, keep=True, recorded=recorded)
                edges.extend((inputs.get(node, node), gradient) for node, gradient in grads.items())
        return link(edges)

    def _compare(self, outputs: list[Any]) -> None:
        """Raise `StaleValueError` unless the second run gave what the first did."""
        found = [_sample(output) for output in outputs]
        if len(found) == len(self.samples) and all(map(_agree, self.samples, found)):
            return
        name = getattr(self.function, "__name__", type(self.function).__name__)
        raise StaleValueError(
            f"checkpoint: the second run of {name}, in the backward pass, gave other values than "
            "the first; something that it uses was changed in between, or is not found when it is "
            "to be put back (see ad.checkpoint): pass it as an argument, or hold it in an "
            "attribute or a global"
        )


def _sample(output: Any) -> np.ndarray | None:
    """About fifty elements of a result, or all, by which it is recognised."""
    if not isinstance(output, Tensor):
        return None
    values = np.asarray(output._value)
    return np.array(values.flat[:: 1 + values.size // 50])


def _agree(first: np.ndarray | None, second: np.ndarray | None) -> bool:
    """Whether two samples are the same but for rounding."""
    if first is None or second is None:
        return first is second
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    if first.tobytes() == second.tobytes():
        return True
    tolerance = np.sqrt(np.finfo(first.dtype).eps)
    return np.allclose(first, second, tolerance, tolerance, equal_nan=True)
