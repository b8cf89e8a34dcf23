"""Numerical derivatives: central differences, refined until they settle.

The step is halved again and again, and Richardson's extrapolation removes one power of the
squared step after the other from the error (Ridders, Advances in Engineering Software 4, 1982).
The scheme also says how far each number can be trusted, so a caller need not guess a tolerance.

All of it happens in float64. Values of any number of arrays, real or complex, are laid end to
end in one vector of real numbers (`Packing`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from autodiff.tensors.tensor import Tensor, as_tensor
from autodiff.transforms.trees import Tree, check_inexact, flatten

__all__ = ["Estimate", "Packing", "derivative", "numerical_gradient", "numerical_jacobian"]

STEP = 2.0**-6  # the first step, relative to numbers of size one
LEVELS = 9  # how often it is halved
SETTLED = 1e-9  # the relative error at which halving ends
GOOD = 2e-5  # the relative error at which it does not start again from an eighth of the step
RESTARTS = 12  # how often it does that
ROUNDING = float(np.finfo(np.float64).eps) / 4


class Estimate(NamedTuple):
    """A numerical derivative and a bound for its error, element by element."""

    value: np.ndarray
    error: np.ndarray


def derivative(path: Callable[[float], np.ndarray], step: float = STEP) -> Estimate:
    """The derivative at 0 of a function of one real number whose values are vectors.

    >>> slope = derivative(lambda h: np.array([np.exp(h), abs(h)]))
    >>> bool(abs(slope.value[0] - 1) < 1e-9), float(slope.value[1])
    (True, 0.0)
    """
    with np.errstate(all="ignore"):
        best = _extrapolate(path, step)
        for _ in range(RESTARTS):
            if np.all(np.isfinite(best.error)) and _settled(best, GOOD):
                break
            step /= 8
            finer = _extrapolate(path, step)
            better = np.logical_not(finer.error >= best.error)
            best = Estimate(
                np.where(better, finer.value, best.value), np.where(better, finer.error, best.error)
            )
    return best


def _extrapolate(path: Callable[[float], np.ndarray], step: float) -> Estimate:
    estimate = Estimate(np.empty(0), np.empty(0))
    final = np.empty(0)
    coarser: list[np.ndarray] = []
    for level in range(LEVELS):
        h = step / 2**level
        ahead, behind = path(h), path(-h)
        row = [(ahead - behind) / (2 * h)]
        noise = ROUNDING * (abs(ahead) + abs(behind)) / h
        if not level:
            estimate = Estimate(row[0], np.full(row[0].shape, np.inf))
            final = np.zeros(row[0].shape, bool)
            if not np.all(np.isfinite(row[0])):
                break
        before = estimate.error
        for power, coarse in enumerate(coarser, start=1):
            finer = row[-1] + (row[-1] - coarse) / (4**power - 1)
            doubt = np.maximum(abs(finer - row[-1]), abs(finer - coarse)) + noise
            better = (doubt < estimate.error) & np.logical_not(final)
            estimate = Estimate(
                np.where(better, finer, estimate.value), np.where(better, doubt, estimate.error)
            )
            row.append(finer)
        if level:  # once rounding errors grow, an agreement is an accident
            final |= abs(row[-1] - coarser[-1]) > 2 * before
        coarser = row
        if level >= 2 and (_settled(estimate, SETTLED, 4 * np.max(noise)) or np.all(final)):
            break
    return estimate


def _settled(estimate: Estimate, relative: float, noise: float = 1e-9) -> bool:
    allowed = relative * np.max(abs(estimate.value), initial=0) + noise
    return bool(np.all(estimate.error <= allowed))


class Packing:
    """How arrays lie end to end in one vector of real numbers; complex ones count twice.

    >>> packing = Packing([np.zeros(2), np.array(1j)])
    >>> packing.pack([np.array([1.0, 2.0]), np.array(3 + 4j)])
    array([1., 2., 3., 4.])
    >>> packing.place(2)
    (1, (), 'real part')
    """

    def __init__(self, models: Iterable[Any]) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.dtypes: list[type] = []
        self.starts = [0]
        for model in models:
            is_complex = model.dtype.kind == "c"
            self.shapes.append(model.shape)
            self.dtypes.append(np.complex128 if is_complex else np.float64)
            self.starts.append(self.starts[-1] + model.size * (2 if is_complex else 1))

    @property
    def size(self) -> int:
        """The length of the vector."""
        return self.starts[-1]

    def span(self, which: int) -> slice:
        """Where an array lies in the vector."""
        return slice(self.starts[which], self.starts[which + 1])

    @property
    def spans(self) -> list[slice]:
        """Where each array lies in the vector."""
        return [self.span(which) for which in range(len(self.shapes))]

    def pack(self, arrays: Sequence[Any]) -> np.ndarray:
        """The vector of these arrays, which have the models' shapes."""
        parts = []
        for array, dtype in zip(arrays, self.dtypes, strict=True):
            parts.append(np.ascontiguousarray(as_array(array), dtype).reshape(-1).view(np.float64))
        return np.concatenate(parts) if parts else np.empty(0)

    def unpack(self, vector: np.ndarray) -> list[np.ndarray]:
        """The arrays that lie in a vector, copied."""
        return [
            vector[self.span(which)].copy().view(dtype).reshape(shape)
            for which, (shape, dtype) in enumerate(zip(self.shapes, self.dtypes, strict=True))
        ]

    def place(self, index: int) -> tuple[int, tuple[int, ...], str]:
        """The array that a number of the vector belongs to, its element, and which part of it."""
        which = int(np.searchsorted(self.starts, index, side="right")) - 1
        offset = index - self.starts[which]
        part = ""
        if self.dtypes[which] is np.complex128:
            part = "imaginary part" if offset % 2 else "real part"
            offset //= 2
        element = np.unravel_index(offset, self.shapes[which]) if self.shapes[which] else ()
        return which, tuple(int(i) for i in element), part


def partials(
    function: Callable[[np.ndarray], np.ndarray], point: np.ndarray, indices: Iterable[int]
) -> Estimate:
    """Columns of the Jacobian of a function of vectors: shape (results, indices)."""
    columns = []
    for index in indices:
        direction = np.zeros_like(point)
        direction[index] = max(1.0, abs(point[index]))
        column = along(function, point, direction)
        columns.append(Estimate(*(part / direction[index] for part in column)))
    return Estimate(
        np.stack([column.value for column in columns], axis=-1),
        np.stack([column.error for column in columns], axis=-1),
    )


def along(
    function: Callable[[np.ndarray], np.ndarray], point: np.ndarray, direction: np.ndarray
) -> Estimate:
    """The derivative of a function of vectors at `point` in a direction."""
    return derivative(lambda h: function(point + h * direction))


def numerical_gradient(f: Callable[..., Any], *args: Any, argnums: int = 0) -> Any:
    """The gradient of a function that returns one real number, by differences alone.

    It has the structure of the argument ``args[argnums]``, and is in float64. For a complex
    argument it points in the direction of steepest ascent, like `autodiff.grad`.

    >>> numerical_gradient(lambda x: np.sum(x**2), np.array([1.0, 2.0])).round(6)
    array([2., 4.])
    """
    inputs, packing, point, call = _restrict(f, args, argnums)

    def value(vector: np.ndarray) -> np.ndarray:
        result = as_array(call(vector))
        if result.size != 1 or result.dtype.kind == "c":
            raise ValueError(
                f"numerical_gradient: the function returned shape {result.shape} and dtype "
                f"{result.dtype}; it must return one real number (or use numerical_jacobian)"
            )
        return result.reshape(1).astype(np.float64)

    slopes = partials(value, point, range(point.size)).value[0] if point.size else point
    return inputs.rebuild(packing.unpack(slopes))


def numerical_jacobian(f: Callable[..., Any], *args: Any, argnums: int = 0) -> Any:
    """The Jacobian of a function, by differences alone, in the form of `autodiff.jacobian`.

    For a result of shape ``r`` and an argument of shape ``a`` it has shape ``r + a``. A complex
    function of complex arguments is taken to be holomorphic.

    >>> numerical_jacobian(lambda x: x * x, np.array([1.0, 2.0])).round(6)
    array([[2., 0.],
           [0., 4.]])
    """
    inputs, packing, point, call = _restrict(f, args, argnums)
    outputs = flatten(call(point))
    results = Packing([as_array(leaf) for leaf in outputs.leaves])

    def value(vector: np.ndarray) -> np.ndarray:
        return results.pack([as_array(leaf) for leaf in flatten(call(vector)).leaves])

    slopes = np.zeros((results.size, 0))
    if point.size:
        slopes = partials(value, point, range(point.size)).value
    return outputs.rebuild(
        inputs.rebuild(
            _block(slopes, results, packing, row, column) for column in range(len(inputs.leaves))
        )
        for row in range(len(outputs.leaves))
    )


def _block(
    slopes: np.ndarray, results: Packing, inputs: Packing, row: int, column: int
) -> np.ndarray:
    """The derivatives of one result with respect to one input."""
    block = slopes[results.span(row), inputs.span(column)]
    if results.dtypes[row] is np.complex128:
        block = block[0::2] + 1j * block[1::2]
        if inputs.dtypes[column] is np.complex128:
            block = block[:, 0::2]  # holomorphic: the derivative along the real axis says it all
    elif inputs.dtypes[column] is np.complex128:
        block = block[:, 0::2] - 1j * block[:, 1::2]
    return block.reshape(results.shapes[row] + inputs.shapes[column])


def _restrict(
    f: Callable[..., Any], args: tuple[Any, ...], argnums: int
) -> tuple[Tree, Packing, np.ndarray, Callable[[np.ndarray], Any]]:
    """One argument taken apart, how its leaves are packed, their vector, and `f` of a vector."""
    inputs = flatten(args[argnums], values=True)
    for value, path in zip(inputs.leaves, inputs.paths, strict=True):
        check_inexact("numerical derivative", value, path)
    arrays = [as_array(leaf) for leaf in inputs.leaves]
    packing = Packing(arrays)

    def call(vector: np.ndarray) -> Any:
        full = list(args)
        full[argnums] = inputs.rebuild(as_tensor(array) for array in packing.unpack(vector))
        return f(*full)

    return inputs, packing, packing.pack(arrays), call


def as_array(value: Any) -> np.ndarray:
    """A number, array or Tensor as an array."""
    return np.asarray(value.data if isinstance(value, Tensor) else value)
