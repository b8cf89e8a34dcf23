"""Functions of functions: `grad`, `value_and_grad`, `vjp`, `jvp`, `hvp`.

Each transform calls the function with fresh inputs at new nodes, and walks back from the
result to these nodes only. Called with arrays it returns arrays; called with tensors, or inside
another transform, it records its own walk and returns tensors, so transforms nest to any order.

Arguments and results may be nested tuples, lists and dicts, and objects that know their parts
(see `trees.py`), such as the modules of `nn`: the gradient with respect to a module is a module
with gradients in place of its parameters.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from autodiff.engine.backward import conjugate, walk
from autodiff.engine.graph import Node, next_order
from autodiff.engine.modes import Running, enable_grad, running
from autodiff.engine.shapes import fit
from autodiff.errors import ConstantOutputWarning, GradientError, ShapeError
from autodiff.tensors.tensor import Tensor, as_tensor, as_value, make, make_input
from autodiff.transforms.trees import Tree, check_inexact, check_like, flatten

__all__ = [
    "elementwise_grad",
    "grad",
    "hvp",
    "jvp",
    "value_and_grad",
    "vjp",
]

Argnums = int | Sequence[int]


class Linearization:
    """One call of a function at new inputs, ready to be walked back."""

    def __init__(self, name: str, function: Callable[..., Any], primals: tuple[Any, ...]) -> None:
        self.name = name
        self.inputs = flatten(primals, values=True)
        for value, path in zip(self.inputs.leaves, self.inputs.paths, strict=True):
            check_inexact(name, value, path)
        self.nested = bool(running.calls) or any(
            isinstance(value, Tensor) and value.requires_grad for value in self.inputs.leaves
        )
        fresh = [make_input(value) for value in self.inputs.leaves]
        self.nodes: list[Node] = [value.node for value in fresh if value.node is not None]
        self.floor = next_order()
        running.calls.append(Running(self.nodes))
        try:
            with enable_grad():
                self.result = function(*self.inputs.rebuild(fresh))
        finally:
            running.calls.pop()
        self.outputs = flatten(self.result)

    def value(self) -> Any:
        """The function's result: tensors inside another transform, arrays elsewhere."""
        return self.outputs.rebuild(self.outer(leaf) for leaf in self.outputs.leaves)

    def outer(self, value: Any) -> Any:
        """`value` as the caller shall see it."""
        if not isinstance(value, Tensor):
            return value
        return value if self.nested else value.data

    def pull(self, seeds: list[Any], *, recorded: bool) -> list[Any]:
        """The cotangents of the inputs for cotangents of the outputs; None for zero.

        If `recorded`, they depend on everything that the function depends on. Otherwise they are
        arrays, or if the seeds are Tensors, linear functions of these alone.
        """
        totals: dict[Node, Any] = {}
        wanted = frozenset(self.nodes)
        for output, seed in zip(self.outputs.leaves, seeds, strict=True):
            if not isinstance(output, Tensor) or output.node is None or seed is None:
                continue
            if recorded:
                seed = as_tensor(seed)
                with enable_grad():
                    grads, _ = walk(
                        output.node, seed, wanted=wanted, floor=self.floor, keep=True, recorded=True
                    )
            else:
                grads, _ = walk(output.node, seed, wanted=wanted, floor=self.floor, keep=True)
            for node, g in grads.items():
                totals[node] = totals[node] + g if node in totals else g
        return [totals.get(node) for node in self.nodes]

    def gradient(self, seeds: list[Any], *, recorded: bool | None = None) -> Any:
        """What `pull` gives, as directions of steepest ascent in the arguments' containers."""
        recorded = self.nested if recorded is None else recorded
        pulled = self.pull(seeds, recorded=recorded)
        leaves = []
        for value, g in zip(self.inputs.leaves, pulled, strict=True):
            if g is None:
                data = value.data if isinstance(value, Tensor) else as_value(value)
                g = as_value(np.zeros(data.shape, data.dtype))
                g = make(g, None) if recorded else g
            leaves.append(conjugate(g))
        return self.inputs.rebuild(leaves)


def _scalar_seed(call: Linearization) -> list[Any]:
    """The seed of a function that must return one real number."""
    name, result = call.name, call.result
    if isinstance(result, Tensor):
        if result.size != 1:
            raise GradientError(
                f"{name}: the function returned shape {result.shape}, and only a single number has "
                "a gradient; reduce it (np.sum, np.mean), or use ad.jacobian"
            )
        if result.dtype.kind == "c":
            raise GradientError(
                f"{name}: the function returned a complex number; take np.real, np.imag or np.abs"
            )
        if result.dtype.kind == "f" and result.node is not None:
            return [as_value(np.ones(result.shape, result.dtype))]
    if not isinstance(result, Tensor | np.ndarray | np.generic | int | float):
        raise GradientError(
            f"{name}: the function returned {type(result).__name__}, not a number; "
            "return the loss alone"
        )
    if np.size(result if not isinstance(result, Tensor) else result.data) != 1:
        raise GradientError(
            f"{name}: the function returned a plain array of shape {np.shape(result)}; "
            "reduce it to one number"
        )
    _warn_constant(name, result)
    return [None]


def _warn_constant(name: str, result: Any) -> None:
    warnings.warn(
        f"{name}: the result, a {type(result).__name__}, does not depend on the argument through "
        "recorded operations, so its gradient is 0 (float(t), t.data and t.item() leave the graph)",
        ConstantOutputWarning,
        stacklevel=5,
    )


def select(name: str, argnums: Argnums, args: tuple[Any, ...]) -> tuple[int, ...]:
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise GradientError(
                f"{name}: argnums={argnums} but the function was called with {len(args)} "
                "positional arguments"
            )
    chosen = tuple(number % len(args) for number in numbers)
    for place, number in enumerate(chosen):
        if number in chosen[:place]:
            raise GradientError(
                f"{name}: argnums={argnums} names argument {number} twice; name each once"
            )
    return chosen


def restrict(
    function: Callable[..., Any],
    numbers: tuple[int, ...],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """The function of the selected arguments alone, and these arguments."""

    def restricted(*chosen: Any) -> Any:
        full = list(args)
        for number, value in zip(numbers, chosen, strict=True):
            full[number] = value
        return function(*full, **kwargs)

    return restricted, tuple(args[number] for number in numbers)


def value_and_grad(function: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns ``(function(...), its gradient)``.

    Arguments:
        function: returns a single real number.
        argnums: which positional argument to differentiate, or several of them. The gradient has
            the structure of that argument, or is a tuple with one entry for each.

    >>> value_and_grad(lambda x: x**2)(3.0)
    (np.float64(9.0), np.float64(6.0))
    """

    @functools.wraps(function)
    def with_gradient(*args: Any, **kwargs: Any) -> Any:
        numbers = select("grad", argnums, args)
        restricted, chosen = restrict(function, numbers, args, kwargs)
        call = Linearization("grad", restricted, chosen)
        gradients = call.gradient(_scalar_seed(call))
        return call.value(), gradients[0] if isinstance(argnums, int) else gradients

    return with_gradient


def grad(function: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """A function that returns the gradient of `function`.

    The arguments are those of `value_and_grad`. A complex argument gets the direction of steepest
    ascent.

    >>> grad(np.sin)(0.0)
    np.float64(1.0)
    >>> grad(grad(np.sin))(np.pi / 2)
    np.float64(-1.0)
    """
    both = value_and_grad(function, argnums)

    @functools.wraps(function)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        return both(*args, **kwargs)[1]

    return gradient


def elementwise_grad(function: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """The derivative of a function that acts on each element by itself.

    It is the gradient of the sum of the result.

    >>> elementwise_grad(np.sin)(np.array([0.0, np.pi]))
    array([ 1., -1.])
    """
    return grad(lambda *args, **kwargs: np.sum(function(*args, **kwargs)), argnums)


def vjp(
    function: Callable[..., Any], *primals: Any
) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The value of ``function(*primals)``, and its pullback.

    ``pullback(cotangent)`` takes what has the structure of the result, and returns one entry for
    each of `primals`: the transposed (for complex values, adjoint) Jacobian times the cotangent.
    It may be called any number of times.

    >>> out, pullback = vjp(lambda x: x * np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    >>> pullback(np.array([1.0, 1.0]))
    (array([1., 2.]),)
    """
    call = Linearization("vjp", function, primals)

    def pullback(cotangent: Any) -> tuple[Any, ...]:
        given = flatten(cotangent, values=True)
        recorded = (
            call.nested
            or bool(running.calls)
            or any(isinstance(leaf, Tensor) for leaf in given.leaves)
        )
        return call.gradient(_seeds("pullback", call, given), recorded=recorded)

    return call.value(), pullback


def _seeds(name: str, call: Linearization, given: Tree) -> list[Any]:
    """Cotangents for the outputs of a call, checked and in the walk's convention."""
    if len(given.leaves) != len(call.outputs.leaves):
        raise ShapeError(
            f"{name}: the cotangent has {len(given.leaves)} parts, "
            f"but the function returned {len(call.outputs.leaves)}"
        )
    seeds: list[Any] = []
    for seed, output in zip(given.leaves, call.outputs.leaves, strict=True):
        if not isinstance(output, Tensor) or output.node is None:
            seeds.append(None)
            continue
        check_like(name, "the cotangent", seed, output)
        value = seed if isinstance(seed, Tensor) else as_value(seed)
        seeds.append(conjugate(fit(value, output.shape, output.dtype)))
    return seeds


def jvp(
    function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]
) -> tuple[Any, Any]:
    """The value of ``function(*primals)``, and its derivative in the direction `tangents`.

    The pullback is linear in its cotangent, so its own pullback is the derivative that is looked
    for: no second set of rules is needed.

    >>> jvp(np.sin, (0.0,), (2.0,))
    (np.float64(0.0), np.float64(2.0))
    """
    primals = _tuple("jvp", "primals", primals)
    tangents = _tuple("jvp", "tangents", tangents)
    directions = flatten(tangents, values=True)
    call = Linearization("jvp", function, primals)
    if len(directions.leaves) != len(call.inputs.leaves):
        raise ShapeError(
            f"jvp: {len(call.inputs.leaves)} primals but {len(directions.leaves)} tangents"
        )
    for tangent, primal, path in zip(
        directions.leaves, call.inputs.leaves, call.inputs.paths, strict=True
    ):
        check_like("jvp", f"tangent{path}", tangent, primal)
    nested = call.nested or any(
        isinstance(leaf, Tensor) and leaf.requires_grad for leaf in directions.leaves
    )

    dummies = [
        make_input(np.ones(output.shape, output.dtype))
        if isinstance(output, Tensor) and output.node is not None
        else None
        for output in call.outputs.leaves
    ]
    nodes = [dummy.node for dummy in dummies if dummy is not None and dummy.node is not None]
    floor = next_order()
    with enable_grad():
        cotangents = call.pull(dummies, recorded=nested)
    totals: dict[Node, Any] = {}
    for pulled, tangent in zip(cotangents, directions.leaves, strict=True):
        if not isinstance(pulled, Tensor) or pulled.node is None:
            continue
        value = tangent if isinstance(tangent, Tensor) else as_value(tangent)
        seed = fit(value, pulled.shape, pulled.dtype)
        seed = as_tensor(seed) if nested else seed.data if isinstance(seed, Tensor) else seed
        with enable_grad():
            grads, _ = walk(
                pulled.node, seed, wanted=frozenset(nodes), floor=floor, keep=True, recorded=nested
            )
        for node, g in grads.items():
            totals[node] = totals[node] + g if node in totals else g
    changes = []
    for dummy, output in zip(dummies, call.outputs.leaves, strict=True):
        change = None if dummy is None or dummy.node is None else totals.get(dummy.node)
        if change is None:
            change = as_value(np.zeros(np.shape(output), getattr(output, "dtype", float)))
            change = make(change, None) if nested else change
        changes.append(change)
    return call.value(), call.outputs.rebuild(changes)


def _tuple(name: str, what: str, value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise ShapeError(f"{name}: {what} must be a tuple with one entry for each argument")
    return tuple(value)


def hvp(function: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> Any:
    """The Hessian of ``function`` at `primals` times `tangents`, without the Hessian.

    Costs a small multiple of one gradient. With one primal the result has its structure; with
    several it is a tuple.

    >>> hvp(lambda x: np.sum(x**3), (np.array([1.0, 2.0]),), (np.array([1.0, 1.0]),))
    array([ 6., 12.])
    """
    primals = _tuple("hvp", "primals", primals)
    gradient = grad(function, tuple(range(len(primals))))

    def inner(*values: Any) -> Any:
        return gradient(*values)

    # The Hessian is symmetric: its product with v is the gradient of <gradient, v>.
    directions = flatten(_tuple("hvp", "tangents", tangents), values=True)
    call = Linearization("hvp", inner, primals)
    if len(directions.leaves) != len(call.outputs.leaves):
        raise ShapeError(
            f"hvp: {len(call.outputs.leaves)} primals but {len(directions.leaves)} tangents"
        )
    result = call.gradient(_seeds("hvp", call, directions))
    return result[0] if len(primals) == 1 else result
