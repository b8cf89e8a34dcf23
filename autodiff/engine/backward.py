"""The walk back through the graph, and what can stop or change it on its way.

Nodes are visited by descending number, which needs neither a sort nor recursion: the walk keeps
the nodes that wait for their turn in a heap, and the next node of a plain chain in a single
variable.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from heapq import heappop, heappush, heapreplace
from typing import Any

import numpy as np

from autodiff.engine.changes import check_unchanged, last_change
from autodiff.engine.dtypes import FLOAT64
from autodiff.engine.graph import Leaf, Node, Placed, Walk
from autodiff.engine.locks import shared
from autodiff.engine.modes import calm, calmly, special, thread_state
from autodiff.engine.shapes import fit
from autodiff.errors import FreedGraphError, GradientError

__all__ = ["conjugate", "deposit", "walk", "watch"]

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
    state: Walk | None = None,
) -> tuple[dict[Node, Any], set[Node]]:
    """Carry the cotangent `seed` of `root` back through the graph.

    Nodes numbered `floor` or lower end the walk: leaves are (they all have number 0), and so
    is everything that existed before the inputs of a transform. Of these, the ones in
    `wanted` (all, if it is None) collect what reaches them.

    With a `state`, this is a walk within another one, which nobody watches.

    Returns their cotangents, and which of these arrays nobody else can hold.
    """
    order = root.order  # read once: another thread may free the graph meanwhile
    if order < 0:
        raise _freed(root)
    if order <= floor:
        if wanted is not None and root not in wanted:
            return {}, set()
        return {root: show_to_watchers(root, seed) if state is None else seed}, set()

    grads: dict[Node, Any] = {}  # of the nodes where the walk ends
    owned: set[Node] = set()  # whose cotangent this walk allocated: it is added to in place
    pending: dict[int, list[Any]] = {}  # number -> node that waits for its turn, cotangent so far
    heap: list[int] = []  # their numbers, negative
    youngest: Node | None = None  # waits as well, and often is the only one
    youngest_g: Any = None
    youngest_order = 0
    limit = max(floor, last_change())
    watched = False
    if state is None:
        state = Walk(keep, floor)
        watched = _ever_watched
        if special and (observers := thread_state.observers):
            if calm(observers):
                return calmly(
                    walk, root, seed, wanted=wanted, floor=floor, keep=keep, recorded=recorded
                )
            watched = True
    ndarray, float64, float64_dtype = np.ndarray, np.float64, FLOAT64

    if order <= limit:
        check_unchanged(root)
    node, g = root, seed
    while True:
        if watched:
            g = show_to_watchers(node, g)
        try:
            edge = node.pull_recorded(g, state) if recorded else node.pull(g, state)
        except Exception as error:
            if node.order < 0:  # by another thread, since it was met
                raise _freed(node) from error
            raise
        while edge is not None:
            parent, r, edge = edge
            order = parent.order
            kind = r.__class__
            if kind is float64:
                if parent.dtype is not float64_dtype or parent.shape:
                    r = _fit(r, parent, node)
            elif owned and kind is ndarray and parent in owned:
                if parent is youngest:
                    total = youngest_g
                else:
                    total = grads[parent] if order <= floor else pending[order][1]
                try:  # to add converts and spreads out, as `fit` would; it does not sum
                    total += r
                except (TypeError, ValueError):
                    total += _fit(r, parent, node)
                continue
            elif node.fits:
                pass
            elif kind is not ndarray or r.dtype is not parent.dtype or r.shape != parent.shape:
                if kind is Placed and parent in owned:
                    if parent is youngest:
                        total = youngest_g
                    else:
                        total = grads[parent] if order <= floor else pending[order][1]
                    r.add_to(total)
                    continue
                r = _fit(r, parent, node)

            if order <= limit:
                if order <= floor:
                    if order < -floor:
                        raise _freed(parent)
                    if wanted is None or parent in wanted:
                        old = grads.get(parent)
                        if old is None:
                            grads[parent] = r
                        else:
                            grads[parent] = total = old + r
                            if total.__class__ is ndarray:  # a scalar cannot be added to in place
                                owned.add(parent)
                    continue
                check_unchanged(parent)
            if parent is youngest:
                youngest_g = youngest_g + r
                if youngest_g.__class__ is ndarray:
                    owned.add(parent)
            elif heap and (entry := pending.get(order)) is not None:
                entry[1] = total = entry[1] + r
                if total.__class__ is ndarray:
                    owned.add(parent)
            elif youngest is not None and order < youngest_order:
                pending[order] = [parent, r]
                heappush(heap, -order)
            else:
                if youngest is not None:
                    pending[youngest_order] = [youngest, youngest_g]
                    heappush(heap, -youngest_order)
                youngest = parent
                youngest_g = r
                youngest_order = order

        if youngest is None:
            if not heap:
                break
            node, g = pending.pop(-heappop(heap))
        elif heap and -heap[0] > youngest_order:
            pending[youngest_order] = [youngest, youngest_g]
            node, g = pending.pop(-heapreplace(heap, -youngest_order))
            youngest = None
        else:
            node = youngest
            g = youngest_g
            youngest = None

    if watched:
        for node in grads:
            grads[node] = show_to_watchers(node, grads[node])
    return grads, owned


def deposit(grads: dict[Node, Any], owned: set[Node], seed: Any) -> None:
    """Add what a walk from `seed` has collected to the `grad` of the leaves."""
    seen = {id(seed)}
    with shared:  # threads may share leaves
        for leaf, g in grads.items():
            assert isinstance(leaf, Leaf)
            old = leaf.grad
            if g.__class__ is np.float64:
                leaf.grad = g if old is None else old + g
                continue
            if leaf.dtype.kind == "c":
                g = conjugate(g)
            if type(g) is not np.ndarray:
                leaf.grad = g if old is None else old + g
            elif old is None:
                # Ours to keep if it has its own memory, which no rule handed out twice.
                fresh = leaf in owned or (g.base is None and id(g) not in seen and not watchers)
                leaf.grad = g if fresh else g.copy()
            elif type(old) is np.ndarray and old.flags.writeable:
                np.add(old, g, out=old)
            else:
                leaf.grad = old + g
            seen.add(id(g))


def conjugate(g: Any) -> Any:
    """Between the walk's cotangents and the directions of steepest ascent that users see."""
    # Inside, a cotangent g stands for the change Re(sum(g * dx)); the direction of steepest
    # ascent, which users see, is its conjugate.
    return np.conjugate(g) if g.dtype.kind == "c" else g


def _fit(r: Any, parent: Node, node: Node) -> Any:
    if r is None:
        raise _missing(parent, node)
    if parent.shape is None:  # several values: Parts collect what belongs to each
        return r
    if r.__class__ is Placed:
        r = r.dense(parent.shape)
    try:
        return fit(r, parent.shape, parent.dtype)
    except ValueError as error:
        raise GradientError(
            f"a rule gave a cotangent of shape {np.shape(r)} for an argument of shape "
            f"{parent.shape} (the result of {parent.operation}); correct the rule"
        ) from error


def _missing(parent: Node, node: Node) -> GradientError:
    names = [
        slot.removesuffix("_node")
        for slot in getattr(type(node), "__slots__", ())
        if slot.endswith("_node") and _holds(getattr(node, slot, None), parent)
    ]
    shown = " or ".join(map(repr, names)) if names else "an argument"
    return GradientError(
        f"{node.operation}: the rule for {shown} gave None, where a cotangent of shape "
        f"{parent.shape} was needed; return it, or zeros (np.zeros_like) if there is no slope"
    )


def _holds(found: Any, node: Node) -> bool:
    return found is node or (isinstance(found, list | tuple) and any(n is node for n in found))


def _freed(node: Node) -> FreedGraphError:
    return FreedGraphError(
        f"the graph was freed by an earlier backward pass (at {node.operation}, "
        f"shape {node.shape}); write backward(retain_graph=True) on the first call to go through "
        "it again"
    )
