"""What can be said of a gradient without numerical derivatives.

Its shape and dtype, whether anything was written to on the way, and whether it depends on what
it should not: the memory layout of the inputs, the precision, how often it was computed.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.errors import StaleValueError
from autodiff.testing.differences import as_array
from autodiff.testing.subject import Subject, cotangents, locked
from autodiff.transforms.gradients import vjp

__all__ = ["check_conduct"]

# How far a gradient in a short dtype may be from the one in float64, relative to the largest.
SHORT = {np.dtype(np.float16): 5e-2, np.dtype(np.float32): 1e-3, np.dtype(np.complex64): 1e-3}
ROUNDING = 1e-9

Arrays = list[np.ndarray]


def check_conduct(subject: Subject, rng: np.random.Generator) -> None:
    """Raise `WrongGradient` if a gradient has the wrong shape or dtype, or side effects."""
    before = [array.copy() for array in subject.arrays]
    results = subject.results()
    weights = cotangents(results, rng)
    first, second = _gradients(subject, weights)
    for array, copy, g, again, path in zip(
        subject.arrays, before, first, second, subject.paths, strict=True
    ):
        if g.shape != array.shape or g.dtype != array.dtype:
            raise subject.wrong(
                f"the gradient of args{path} has the wrong shape or dtype",
                gradient=f"shape {g.shape}, {g.dtype}",
                needed=f"shape {array.shape}, {array.dtype}",
            )
        if not np.array_equal(array, copy, equal_nan=True):
            raise subject.wrong(f"args{path} was changed in place")
        if not np.array_equal(g, again, equal_nan=True):
            raise subject.wrong(
                f"two pullbacks give two gradients of args{path}: a rule changes what was kept",
                first=g,
                second=again,
            )
    if not _all_close(subject.results(), results, 0):
        raise subject.wrong("two calls give two results; draw random numbers outside of it")
    _check_precision(subject, weights, first)
    _check_layout(subject, results, weights, first)


def _gradients(subject: Subject, weights: Arrays) -> tuple[Arrays, Arrays]:
    """The gradients from two pullbacks, with nothing that can be written to."""
    try:
        _, pullback = vjp(subject.function, *map(locked, subject.arrays))
        return list(pullback(weights)), list(pullback(weights))
    except StaleValueError as error:
        raise subject.wrong(
            f"two pullbacks give two gradients of args{subject.paths[0]}: a rule changes what was "
            "kept"
        ) from error
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise subject.wrong("an input or a cotangent is written to") from error


def _check_precision(subject: Subject, weights: Arrays, gradients: Arrays) -> None:
    """In a short dtype, gradients are near those in double."""
    tolerance = max(SHORT.get(array.dtype, 0) for array in subject.arrays)
    if tolerance == 0:
        return
    double = subject.in_double()
    results, pullback = vjp(double.function, *double.arrays)
    seeds = [w.astype(as_array(r).dtype) for w, r in zip(weights, results, strict=True)]
    # Where the exact gradient is zero, what is left of it are rounding errors of the function.
    largest = max((float(np.max(abs(as_array(r)), initial=0)) for r in results), default=0.0)
    for g, better, path in zip(gradients, pullback(seeds), subject.paths, strict=True):
        if not close(g, better, tolerance, 1e-2 * tolerance * largest):
            raise subject.wrong(
                f"the gradient of args{path} in {g.dtype} is far from the one in {better.dtype}",
                short=g,
                double=better,
            )


def _check_layout(subject: Subject, results: Arrays, weights: Arrays, gradients: Arrays) -> None:
    """Inputs in Fortran's order and with negative strides give the same."""
    turned = [np.flip(np.array(np.flip(array), order="F")) for array in subject.arrays]
    values, pullback = vjp(subject.function, *turned)
    tolerance = max(ROUNDING, *(SHORT.get(array.dtype, 0) for array in subject.arrays))
    if not _all_close([as_array(value) for value in values], results, tolerance):
        return  # a function such as ravel(order="K") depends on the layout itself
    for g, other, path in zip(gradients, pullback(weights), subject.paths, strict=True):
        if not close(g, other, tolerance):
            raise subject.wrong(
                f"the gradient of args{path} depends on the memory layout of the inputs",
                C_order=g,
                reversed=other,
            )


def close(a: Any, b: Any, relative: float, absolute: float = 0.0) -> bool:
    """Whether two arrays agree, relative to the largest element; infinities must be the same."""
    finite = np.isfinite(b)
    allowed = relative * np.max(abs(b), initial=0, where=finite) + absolute
    with np.errstate(invalid="ignore"):
        return bool(np.all(np.where(finite, abs(a - b) <= allowed, (a == b) | (a != a) & (b != b))))


def _all_close(first: Arrays, second: Arrays, tolerance: float) -> bool:
    return all(
        a.shape == b.shape and close(a, b, tolerance) for a, b in zip(first, second, strict=True)
    )
