"""Slopes at extreme arguments against mpmath: what is asked, and how it is compared.

The functions and their forms in mpmath are in `references.py`; `test_extremes.py` asks about some
arguments in seconds. The campaign asks about many more, and prints what is wrong:

    python tests/autodiff/rules/extremes.py              # 300 random arguments for each function
    python tests/autodiff/rules/extremes.py 2000 gelu    # 2000, for functions named so
"""

from __future__ import annotations

import itertools
import math
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
from mpmath import mp

import autodiff as ad

# How far a slope may be from the exact one, in units of the dtype's eps and relative to the slope.
ALLOWED = 1e3
DTYPES = ("f4", "f8")
# How often the precision is doubled until two results agree.
DOUBLINGS = 5

# Magnitudes: ordinary ones, those at which float32 and float64 saturate, huge and tiny ones.
ORDINARY = (0.1, 0.5, 0.9, 1.0, 1.5, 3.7, 10.0)
SATURATED = (6.2, 17.0, 20.0, 26.5, 40.0, 88.0, 100.3, 350.0, 700.0, 709.5)
HUGE = (5e3, 3e5, 1e8, 1e10, 1e12, 1e16, 1e20, 1e25, 1e30, 1e100, 1e160, 1e200, 1e300)
TINY = (1e-3, 1e-8, 1e-12, 1e-20, 1e-30, 1e-42, 1e-100, 1e-200, 1e-300, 1e-310, 5e-324)
NEAR_ONE = (1 - 1e-3, 1 - 1e-6, 1 - 1e-10, 1 + 1e-3, 1 + 1e-6, 1 + 1e-10)
# In products with each other, fewer.
FEW = (1.0, 0.3, 1.0001, 3.7, 20.0, 400.0, 1e8, 1e20, 1e200, 1e-8, 1e-20, 1e-200, 1e-310)


def grid(dtype: Any, magnitudes: tuple[float, ...]) -> list[float]:
    """These numbers with both signs, in a dtype, without those that become 0 or infinite."""
    with np.errstate(over="ignore"):
        numbers = np.array(magnitudes, dtype)
    numbers = numbers[np.isfinite(numbers) & (numbers != 0)]
    return sorted({float(x) for x in (*numbers, *-numbers)})


ALL = ORDINARY + SATURATED + HUGE + TINY + NEAR_ONE


@dataclass(frozen=True)
class Subject:
    """A function and its exact form, at arguments that are numbers.

    Attributes:
        name: for messages.
        function: what is differentiated, on arrays and Tensors.
        exact: the same in mpmath.
        count: how many arguments are varied.
        magnitudes: where to look, up to signs; by default everywhere.
        ours: whether it is a function of our own, whose values are looked at, too.
    """

    name: str
    function: Callable[..., Any]
    exact: Callable[..., Any]
    count: int = 1
    magnitudes: tuple[float, ...] = ()
    ours: bool = False

    def arguments(self, dtype: str) -> np.ndarray:
        """Where to look: shape (count, points)."""
        one = self.magnitudes or (ALL if self.count == 1 else FEW)
        points = list(itertools.product(grid(dtype, one), repeat=self.count))
        return np.array(points, dtype).T

    def random_arguments(self, dtype: str, rng: np.random.Generator, size: int) -> np.ndarray:
        """Arguments whose logarithms are uniform, most of them of ordinary size."""
        everything = math.log10(float(np.finfo(dtype).max))
        width = np.where(rng.random((self.count, size)) < 0.6, 3.0, everything)
        largest = math.log10(max(self.magnitudes)) if self.magnitudes else everything
        exponents = rng.uniform(-width, np.minimum(width, largest))
        signs = rng.choice([-1.0, 1.0], (self.count, size))
        with np.errstate(over="ignore", under="ignore"):
            numbers = (signs * 10.0**exponents).astype(dtype)
        return np.where(np.isfinite(numbers), numbers, 1)


@dataclass(frozen=True)
class Miss:
    """One number that is too far from the exact one."""

    subject: str
    what: str
    dtype: str
    at: tuple[float, ...]
    found: float
    exact: float

    def __str__(self) -> str:
        eps = float(np.finfo(self.dtype).eps)
        error = abs(self.found - self.exact) / abs(self.exact or 1) / eps
        at = ", ".join(map(repr, self.at))
        return (
            f"{self.subject}({at}) in {self.dtype}: the {self.what} is {self.found!r}, but exactly "
            f"{self.exact!r}: {error:.1e} eps"
        )


# ---------------------------------------------------------------- exact numbers


def exactly(function: Callable[[], Any]) -> Any:
    """A number in as much precision as it needs; None where there is no real one."""
    before, precision = None, mp.prec
    try:
        for doubling in range(DOUBLINGS):
            mp.prec = 150 << doubling
            found = _real(function)
            if found is None:
                return None
            if before and abs(found - before) <= abs(found) * mpmath.mpf(2) ** -80:
                return found
            before = found
        return before if before == 0 else None  # 0 may be a difference that was lost
    finally:
        mp.prec = precision


def _real(function: Callable[[], Any]) -> Any:
    try:
        found = function()
    except (ValueError, ZeroDivisionError, OverflowError, ArithmeticError, NotImplementedError,
            mpmath.libmp.NoConvergence):  # fmt: skip
        return None
    if isinstance(found, mpmath.mpc):
        if found.imag != 0:
            return None
        found = found.real
    return None if mpmath.isnan(found) else mpmath.mpf(found)


def exact_slope(function: Callable[..., Any], at: tuple[float, ...], which: int) -> Any:
    """The derivative by a central difference, whose step shrinks as the precision grows."""

    def difference() -> Any:
        point = [mpmath.mpf(x) for x in at]
        size = min(abs(point[which]), mpmath.mpf(1)) or mpmath.mpf(1)
        step = size * mpmath.mpf(2) ** -(mp.prec // 4)
        precision = mp.prec
        # What the sum of a number and its step needs, and what their difference loses.
        mp.prec += precision // 4 + int(abs(mpmath.log(abs(point[which]) or 1, 2))) + 10
        try:
            ahead, behind = list(point), list(point)
            ahead[which] += step
            behind[which] -= step
            return (function(*ahead) - function(*behind)) / (2 * step)
        finally:
            mp.prec = precision

    return exactly(difference)


# ---------------------------------------------------------------- comparing


def close(found: float, exact: Any, dtype: str, allowed: float = ALLOWED) -> bool:
    """Whether a number is right to so many eps; or underflows or overflows rightly."""
    limits = np.finfo(dtype)
    if abs(exact) * (1 + float(limits.eps)) > float(limits.max):
        return abs(found) >= float(limits.max) * 0.99 and (found > 0) == (exact > 0)
    if not math.isfinite(found):
        return False
    smallest = float(limits.smallest_subnormal)
    return abs(found - exact) <= allowed * (float(limits.eps) * abs(exact) + smallest)


def misses(subject: Subject, dtype: str, arguments: np.ndarray) -> Iterator[Miss]:
    """Where the slopes of a subject are wrong although its values are right."""
    leaves = [ad.tensor(row, requires_grad=True) for row in arguments]
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        result = subject.function(*leaves)
        result.backward(np.ones_like(result.data))
    slopes = [np.zeros_like(leaf.data) if leaf.grad is None else leaf.grad for leaf in leaves]
    for index in range(arguments.shape[1]):
        at = tuple(float(x) for x in arguments[:, index])
        value = exactly(lambda: subject.exact(*map(mpmath.mpf, at)))  # noqa: B023
        if value is None:
            continue
        found = float(result.data[index])
        if not _achieved(found, value, dtype):
            if subject.ours and not close(found, value, dtype):
                yield Miss(subject.name, "value", dtype, at, found, float(value))
            continue
        for which, slope in enumerate(slopes):
            exact = exact_slope(subject.exact, at, which)
            if exact is not None and not close(float(slope[index]), exact, dtype):
                what = f"slope {which}" if len(slopes) > 1 else "slope"
                yield Miss(subject.name, what, dtype, at, float(slope[index]), float(exact))


def _achieved(found: float, exact: Any, dtype: str) -> bool:
    """Whether the function itself is right here, and its value neither underflows nor overflows."""
    limits = np.finfo(dtype)
    if exact != 0 and not float(limits.tiny) <= abs(exact) <= float(limits.max):
        return False
    return close(found, exact, dtype)


def main(arguments: list[str]) -> int:
    """The campaign."""
    from references import SUBJECTS, excused

    size, wanted = 300, ""
    for argument in arguments:
        size, wanted = (int(argument), wanted) if argument.isdigit() else (size, argument)
    rng, count = np.random.default_rng(0), 0
    for subject in SUBJECTS:
        if wanted not in subject.name:
            continue
        for dtype in DTYPES:
            both = [subject.arguments(dtype), subject.random_arguments(dtype, rng, size)]
            found = misses(subject, dtype, np.concatenate(both, axis=1))
            found = [miss for miss in found if not excused(miss)]
            count += len(found)
            for miss in found[:5]:
                print(miss, flush=True)
            if len(found) > 5:
                print(f"    and {len(found) - 5} more")
    print(f"{count} misses")
    return min(count, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
