"""Whole matrices of derivatives: `jacobian` and `hessian`.

A complex number is one variable to a holomorphic function, and two to any other: such a function
has a Jacobian of real and imaginary parts only.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.engine.backward import conjugate
from autodiff.errors import GradientError
from autodiff.tensors.tensor import Tensor, as_value
from autodiff.transforms.gradients import Argnums, Linearization, grad, restrict, select
from autodiff.transforms.trees import flatten

__all__ = ["hessian", "jacobian"]


def jacobian(
    function: Callable[..., Any], argnums: Argnums = 0, *, real: bool = False
) -> Callable[..., Any]:
    """A function that returns the Jacobian of `function`.

    For a result of shape ``r`` and an argument of shape ``a`` it has shape ``r + a``. With nested
    arguments or results, the structure of the result is outside and that of the argument inside.

    Arguments:
        real: take a complex number for two real ones: the Jacobian of real and imaginary parts,
            which have a last axis of length 2 wherever an argument or a result is complex.

    Raises:
        GradientError: `function` is not holomorphic, and `real` is not set: then there is no
            complex derivative.

    >>> jacobian(lambda x: x * x)(np.array([1.0, 2.0]))
    array([[2., 0.],
           [0., 4.]])
    >>> jacobian(np.conj, real=True)(1j)
    array([[ 1.,  0.],
           [ 0., -1.]])
    """

    @functools.wraps(function)
    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        numbers = select("jacobian", argnums, args)
        restricted, chosen = restrict(function, numbers, args, kwargs)
        if real:
            restricted, chosen = _in_pairs(restricted, chosen)
        call = Linearization("jacobian", restricted, chosen)
        _check_holomorphic(call)
        blocks = [_rows(call, index) for index in range(len(call.outputs.leaves))]
        if isinstance(argnums, int):
            blocks = [block[0] for block in blocks]
        return call.outputs.rebuild(blocks)

    return jacobian_of


def _in_pairs(
    function: Callable[..., Any], primals: tuple[Any, ...]
) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """A function and its arguments, with real and imaginary parts in place of complex numbers."""
    given = flatten(primals, values=True)
    is_complex = [np.iscomplexobj(leaf) for leaf in given.leaves]

    def paired(*pairs: Any) -> Any:
        tree = flatten(pairs, values=True)
        leaves = [
            leaf[..., 0] + 1j * leaf[..., 1] if joined else leaf
            for leaf, joined in zip(tree.leaves, is_complex, strict=True)
        ]
        result = flatten(function(*tree.rebuild(leaves)))
        return result.rebuild(map(_parted, result.leaves))

    return paired, given.rebuild(map(_parted, given.leaves))


def _parted(value: Any) -> Any:
    return np.stack([np.real(value), np.imag(value)], -1) if np.iscomplexobj(value) else value


def _check_holomorphic(call: Linearization) -> None:
    """Raise `GradientError` unless a change of each complex input is multiplied by a number."""
    inputs = [
        as_value(leaf.data if isinstance(leaf, Tensor) else leaf) for leaf in call.inputs.leaves
    ]
    if not any(value.dtype.kind == "c" for value in inputs):
        return
    rng = np.random.default_rng(0)
    for index, output in enumerate(call.outputs.leaves):
        if not isinstance(output, Tensor) or output.node is None:
            continue
        # A holomorphic function takes 1j times the cotangent to 1j times the result. If it does
        # so for one at random, it does so for all.
        seeds: list[Any] = [None] * len(call.outputs.leaves)
        turned = list(seeds)
        seeds[index] = as_value(rng.uniform(0.5, 1.5, output.shape).astype(output.dtype))
        first = call.pull(seeds, recorded=False)
        if output.dtype.kind == "c":
            turned[index] = as_value(seeds[index] * 1j)
            second = call.pull(turned, recorded=False)
        else:
            second = [None] * len(first)  # a real result has no direction to turn to
        for g, h, value in zip(first, second, inputs, strict=True):
            if value.dtype.kind != "c" or (g is None and h is None):
                continue
            expected = 0 if g is None else 1j * g
            error = np.abs((0 if h is None else h) - expected)
            limit = np.sqrt(np.finfo(value.dtype).eps) * np.max(np.abs(expected), initial=0)
            if np.any(error > limit):
                raise GradientError(
                    "jacobian: the function is not holomorphic: how it changes depends on the "
                    "direction in the complex plane, so a complex argument has no derivative; "
                    "pass real=True for the Jacobian of real and imaginary parts, or use ad.jvp"
                )


def _rows(call: Linearization, index: int) -> Any:
    """The derivatives of one output: for every input, shape ``output.shape + input.shape``."""
    output = call.outputs.leaves[index]
    shape = np.shape(output)
    dtype = getattr(output, "dtype", np.dtype(float))
    rows = []
    for place in np.ndindex(shape):
        unit = np.zeros(shape, dtype)
        unit[place] = 1
        seeds: list[Any] = [None] * len(call.outputs.leaves)
        seeds[index] = as_value(unit)
        # A Jacobian is the derivative itself, not a direction of ascent: undo the conjugate.
        row = [conjugate(g) for g in flatten(call.gradient(seeds)).leaves]
        if dtype.kind == "c" and any(g.dtype.kind == "f" for g in row):
            # Of real arguments, this was the derivative of the real part alone.
            seeds[index] = as_value(unit * -1j)
            imaginary = flatten(call.gradient(seeds)).leaves
            row = [
                g if g.dtype.kind == "c" else g + 1j * other
                for g, other in zip(row, imaginary, strict=True)
            ]
        rows.append(row)
    columns = []
    for number, value in enumerate(call.inputs.leaves):
        inner = np.shape(value)
        if rows:
            stacked = np.reshape(np.stack([row[number] for row in rows]), shape + inner)
        else:
            stacked = np.zeros(shape + inner, dtype)
        columns.append(stacked if isinstance(stacked, Tensor) else as_value(stacked))
    return call.inputs.rebuild(columns)


def hessian(
    function: Callable[..., Any], argnums: Argnums = 0, *, real: bool = False
) -> Callable[..., Any]:
    """A function that returns the matrix of second derivatives.

    For an argument of shape ``a`` it has shape ``a + a``.

    Arguments:
        real: take a complex number for two real ones: the second derivatives by real and imaginary
            parts, shape ``a + (2,) + a + (2,)``.

    Raises:
        GradientError: an argument is complex, and `real` is not set: one number for each pair of
            arguments cannot hold the second derivatives.

    >>> hessian(lambda x: np.sum(x**3))(np.array([1.0, 2.0]))
    array([[ 6.,  0.],
           [ 0., 12.]])
    >>> hessian(lambda z: np.real(z * z), real=True)(1j)
    array([[ 2.,  0.],
           [ 0., -2.]])
    """

    @functools.wraps(function)
    def hessian_of(*args: Any, **kwargs: Any) -> Any:
        numbers = select("hessian", argnums, args)
        restricted, chosen = restrict(function, numbers, args, kwargs)
        if real:
            restricted, chosen = _in_pairs(restricted, chosen)
        elif any(np.iscomplexobj(leaf) for leaf in flatten(chosen, values=True).leaves):
            raise GradientError(
                "hessian: an argument is complex, and the second derivatives of a real function "
                "depend on the directions in the complex plane; pass real=True for those by real "
                "and imaginary parts, or use ad.hvp"
            )
        every = 0 if isinstance(argnums, int) else tuple(range(len(chosen)))
        return jacobian(grad(restricted, every), every)(*chosen)

    return hessian_of
