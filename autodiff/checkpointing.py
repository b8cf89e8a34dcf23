"""`checkpoint`: compute a part of the graph again instead of keeping it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from autodiff.graph import Edge, Node, Output, Parts, Walk, link, next_order
from autodiff.modes import enable_grad
from autodiff.tensor import Tensor, make, make_input
from autodiff.traversal import walk
from autodiff.trees import Tree, flatten

__all__ = ["checkpoint"]

F = TypeVar("F", bound=Callable[..., Any])


def checkpoint(function: F) -> F:
    """The same function, whose intermediate values are not kept but computed again.

    The backward pass calls `function` a second time and goes back through that. Memory for what
    happens inside is needed only then; the price is one more forward pass. `function` must compute
    the same both times: pass a seeded generator's state, not a generator, if it draws numbers.

    Arguments and results may be nested tuples, lists, dicts and modules. Gradients also flow to
    tensors that the function captures.

    >>> import autodiff as ad
    >>> @ad.checkpoint
    ... def block(x):
    ...     return np.exp(np.sin(x))
    >>> ad.grad(block)(0.0)
    np.float64(1.0)
    """

    @functools.wraps(function)
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        outputs = flatten(function(*args, **kwargs))
        tracked = [leaf.node if isinstance(leaf, Tensor) else None for leaf in outputs.leaves]
        if all(node is None for node in tracked):
            return outputs.rebuild(outputs.leaves)
        node = _Checkpoint(function, flatten((args, kwargs)))
        leaves = [
            leaf if old is None else make(leaf.data, Output(node, index, leaf.shape, leaf.dtype))
            for index, (leaf, old) in enumerate(zip(outputs.leaves, tracked, strict=True))
        ]
        return outputs.rebuild(leaves)  # the graph inside, held by `tracked` alone, goes away

    return checkpointed  # type: ignore[return-value]


class _Checkpoint(Node):
    """A call to be repeated: its cotangents are those of a second run."""

    __slots__ = ("arguments", "function")
    operation = "checkpoint"

    def __init__(self, function: Callable[..., Any], arguments: Tree) -> None:
        self.order = next_order()
        self.shape = None
        self.dtype = np.dtype(float)  # not used: there may be several values
        self.function = function
        self.arguments: Tree | None = arguments

    def parents(self) -> tuple[Node, ...]:
        leaves = self.arguments.leaves if self.arguments is not None else []
        return tuple(
            leaf.node for leaf in leaves if isinstance(leaf, Tensor) and leaf.node is not None
        )

    def saved(self) -> Iterator[np.ndarray]:
        leaves = self.arguments.leaves if self.arguments is not None else []
        values = (leaf.data if isinstance(leaf, Tensor) else leaf for leaf in leaves)
        return (value for value in values if isinstance(value, np.ndarray))

    def pull(self, g: Parts, walk: Walk) -> Edge | None:
        edge = self._again(g, recorded=False)
        if not walk.keep and self.order > 0:
            self.order = -self.order
            self.arguments = None
        return edge

    def pull_recorded(self, g: Parts, walk: Walk) -> Edge | None:
        return self._again(g, recorded=True)

    def _again(self, g: Parts, *, recorded: bool) -> Edge | None:
        assert self.arguments is not None
        leaves = [
            make_input(leaf) if isinstance(leaf, Tensor) and leaf.node is not None else leaf
            for leaf in self.arguments.leaves
        ]
        # The node of each input of this run, and that of the argument which it stands for.
        inputs = {
            new.node: old.node
            for new, old in zip(leaves, self.arguments.leaves, strict=True)
            if isinstance(new, Tensor)
        }
        floor = next_order()  # what is older than this run, and its inputs, end the walk
        args, kwargs = self.arguments.rebuild(leaves)
        with enable_grad():
            outputs = flatten(self.function(*args, **kwargs)).leaves
            edges: list[tuple[Node | None, Any]] = []
            for index, seed in g.items():
                root = outputs[index].node
                if root is None:
                    continue
                grads, _ = walk(root, seed, floor=floor, keep=True, recorded=recorded)
                edges.extend((inputs.get(node, node), gradient) for node, gradient in grads.items())
        return link(edges)
