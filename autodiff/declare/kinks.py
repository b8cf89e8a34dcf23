"""Second derivatives at a kink: of ``abs(x)**2`` at 0, and the like.

A norm y of x has no slope at x = 0; by convention it is 0. Yet what is made of it may be smooth:
where f'(0) = 0, as for y**2 or cos(y), the gradient of f(y) is (g / y) x, where g = f'(y) is the
cotangent of y. At y = 0 that is 0 for any g / y, but its own derivative is g / y, whose limit
there is dg/dy. So a pass that is recorded asks how the cotangent that reaches a kink depends on
the kink itself: it walks back from the one to the other.

Where f'(0) is not 0, there is a kink in f(y), too. The rule is the same: its second derivative is
that of the part that is smooth, so ``abs(x)`` adds nothing to that of ``abs(x) + abs(x)**2``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.engine.backward import walk
from autodiff.engine.graph import Edge, Node, Walk, link, next_order
from autodiff.errors import GradientError
from autodiff.tensors.tensor import Tensor, as_tensor, make

__all__ = ["change", "refused", "steepening"]


def change(node: Node | None, refusal: GradientError | None) -> Any:
    """The change of the value at a node: 0, with slope 1; or a slope that raises `refusal`."""
    if node is None:
        return 0.0
    assert node.shape is not None
    if refusal is not None:
        return refused(node.shape, node.dtype, True, refusal)
    return make(np.zeros(node.shape, node.dtype)[()], node)


def steepening(
    node: Node, g: Any, state: Walk, at: Any, smooth: bool
) -> tuple[Any, GradientError | None]:
    """How fast the cotangent `g` of a kink changes with the kink's value, where `at` holds.

    Arguments:
        node: the kink.
        g: its cotangent.
        state: the walk that brought it.
        at: truth values in the kink's shape: where it is not smooth.
        smooth: whether its square is smooth there.

    Returns that (None for 0), and why it cannot be told: `g` is 0, so that there may be a second
    derivative, but it depends on several kinks at once, or the square of this one is not smooth.
    Then 1 stands where it cannot be told.
    """
    if state.__class__ is _Probe:
        state.meet(node, g, at)  # type: ignore[attr-defined]
        return None, None
    if not isinstance(g, Tensor) or g.node is None or not np.any(at):
        return None, None
    flat = g.data == 0
    total, refusal = None, None
    for part, sure in ((at & flat, True), (at & ~flat, False)):
        if not np.any(part):
            continue
        slope, clear = _slope(node, g, part, at)
        if clear and not smooth:
            clear, slope = not (sure and slope is not None and np.any(slope.data)), None
        if not clear:
            if not sure:  # a kink of the whole function: its second derivative is 0 by convention
                continue
            why = "it depends on several kinks at once" if smooth else "its square is not smooth"
            refusal = _unclear(node, why)
            slope = part.astype(node.dtype)
        if slope is not None:
            total = slope if total is None else total + slope
    return total, refusal


def _slope(node: Node, g: Tensor, part: Any, at: Any) -> tuple[Any, bool]:
    """The slopes of the elements `part` of `g`, and whether each depends on its own kink alone."""
    seed = part.astype(node.dtype)
    total, probe = _Probe.run(node, g, seed)
    if probe.elsewhere:
        return None, False
    if total is None:
        return None, True
    if np.sum(at) > 1:
        uneven = seed * (1 + np.modf(0.618 * np.arange(seed.size).reshape(seed.shape))[0])
        other, _ = _Probe.run(node, g, uneven.astype(node.dtype))
        error = np.abs(other.data - uneven * total.data) * at
        limit = np.sqrt(np.finfo(node.dtype).eps) * np.max(np.abs(total.data * at))
        if np.any(error > limit):
            return None, False
    if total.node is not None:
        total = make(total.data, Limit(total, node, part, 1, probe.chained))
    elif not np.any(total.data):
        return None, True
    return np.where(part, total, 0), True


class _Probe(Walk):
    """A walk back from the cotangent of a kink to the kink itself.

    The same function of the same arguments, recorded twice, counts as one: for ``abs(x) * abs(x)``,
    each cotangent depends on the other factor. Second derivatives are symmetric, so it is enough
    to meet the younger twin on the way from the older one, and to count it twice.
    """

    __slots__ = ("chained", "elsewhere", "node", "twins")

    def __init__(self, node: Node) -> None:
        super().__init__(True, node.order)
        self.chained = False  # whether something was left out that higher derivatives need
        self.node = node
        self.twins: Any = None  # what reached them
        self.elsewhere = False  # whether another kink was met

    @classmethod
    def run(cls, node: Node, g: Tensor, seed: Any) -> tuple[Any, _Probe]:
        """What of `seed`, a cotangent of `g`, arrives at a kink, and what was met on the way."""
        probe = cls(node)
        assert g.node is not None
        found, _ = walk(
            g.node,
            as_tensor(seed[()]),
            wanted=frozenset((node,)),
            floor=node.order,
            keep=True,
            recorded=True,
            state=probe,
        )
        total = found.get(node)
        if probe.twins is not None:
            total = probe.twins if total is None else total + probe.twins
        return None if total is None else as_tensor(total), probe

    def meet(self, node: Node, g: Any, at: Any) -> None:
        """A cotangent reached another kink."""
        if _same(node, self.node):
            self.twins = 2 * g if self.twins is None else self.twins + 2 * g
            self.chained = True
        elif np.any(as_tensor(g).data * at):
            self.elsewhere = True


def _same(a: Node, b: Node) -> bool:
    """Whether two nodes are the same function of the same arguments."""
    return a.__class__ is b.__class__ and all(
        _equal(getattr(a, slot), getattr(b, slot)) for slot in a.__slots__
    )


def _equal(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if isinstance(a, Node) or isinstance(b, Node):
        return False
    if isinstance(a, np.ndarray | np.generic) and isinstance(b, np.ndarray | np.generic):
        return np.array_equal(a, b, equal_nan=a.dtype.kind in "fc" and b.dtype.kind in "fc")
    return a.__class__ is b.__class__ and bool(np.all(a == b))


class Limit(Node):
    """The limit of g / y as y approaches 0, where g does so too, and its derivatives.

    With g = c1 y + c2 y**2 / 2 + c3 y**3 / 6 + ..., the quotient is c1 + c2 y / 2 + c3 y**2 / 6:
    its derivatives by y are those of g, each divided by its order; and so are those by all else.

    Attributes:
        slope: the derivative of this order of g.
        kink: the node of y.
        part: the elements where y is 0.
        level: the order.
        chained: whether derivatives of `slope` depend on what a probe leaves out.
    """

    __slots__ = ("chained", "kink", "level", "part", "slope")
    operation = "limit"

    def __init__(self, slope: Tensor, kink: Node, part: Any, level: int, chained: bool) -> None:
        self.order = next_order()
        self.shape, self.dtype = slope.shape, slope.dtype
        self.slope, self.kink, self.part = slope, kink, part
        self.level, self.chained = level, chained

    def parents(self) -> tuple[Node, ...]:
        return () if self.slope.node is None else (self.slope.node,)

    def pull(self, g: Any, walk: Walk) -> Edge | None:
        return self._edges(g, walk.floor, recorded=False) if np.any(as_tensor(g).data) else None

    def pull_recorded(self, g: Any, walk: Walk) -> Edge | None:
        # A probe from another kink leaves this out, or it would take twice as long for each of
        # them. Here g is 0; only its derivatives might matter.
        if walk.__class__ is _Probe and walk.node is not self.kink:  # type: ignore[attr-defined]
            walk.chained = True  # type: ignore[attr-defined]
            return None
        return self._edges(g, walk.floor, recorded=True)

    def _edges(self, g: Any, floor: int, *, recorded: bool) -> Edge | None:
        root = self.slope.node
        assert root is not None
        if self.chained:
            if np.any(as_tensor(g).data):
                raise self._third()
            return root, refused(self.slope.shape, self.dtype, True, self._third()), None
        if root.order <= floor:
            return root, g / self.level, None
        floor = max(self.kink.order, floor)
        state = Walk(True, floor)
        found, _ = walk(root, g, floor=floor, keep=True, recorded=recorded, state=state)
        edges = {node: r / self.level for node, r in found.items()}
        if self.kink in found:
            steeper = found[self.kink]
            if recorded and isinstance(steeper, Tensor) and steeper.node is not None:
                limit = Limit(steeper, self.kink, self.part, self.level + 1, False)
                steeper = make(steeper.data / (self.level + 1), limit)
            else:
                steeper = steeper / (self.level + 1)
            edges[self.kink] = np.where(self.part, steeper, edges[self.kink])
        return link(edges.items())

    def _third(self) -> GradientError:
        return GradientError(
            f"{self.kink.operation}: the third derivative at its kink cannot be told from here, "
            "because one kink follows another, or the same function was called twice; write what "
            "is smooth without it, or keep the function's result in a variable"
        )


class _Refusal(Node):
    """Where a second derivative cannot be told: raises, should it be needed."""

    __slots__ = ("error", "where")
    operation = "kink"

    def __init__(self, shape: Any, dtype: np.dtype, where: Any, error: GradientError) -> None:
        self.order = next_order()
        self.shape, self.dtype = shape, dtype
        self.where, self.error = where, error

    def pull(self, g: Any, walk: Walk) -> Edge | None:
        if np.any((as_tensor(g).data != 0) & self.where):
            raise self.error
        return None

    pull_recorded = pull


def refused(shape: tuple[int, ...], dtype: np.dtype, where: Any, error: GradientError) -> Tensor:
    """Zeros; `error` is raised if their derivative turns out to matter, in the elements `where`."""
    return make(np.zeros(shape, dtype)[()], _Refusal(shape, dtype, where, error))


def _unclear(node: Node, why: str) -> GradientError:
    return GradientError(
        f"{node.operation}: the second derivative at its kink cannot be told from here: {why}; "
        "write what is smooth without it, such as np.sum(x * x) for a norm squared, or "
        "stay away from the kink, as in np.sqrt(x * x + 1e-12)"
    )
