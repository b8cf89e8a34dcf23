"""Where a tensor is asked to become a plain number or array, and its gradient would be lost.

Python asks for a number in the same way when it is read, as by ``float(t)`` and ``"%g" % t``, and
when it is on the way into something that cannot hold a gradient: ``array[i] = t``, ``math.sin(t)``,
``np.sum(x, initial=t)``. Only the code that asks tells them apart.
"""

from __future__ import annotations

import builtins
import dis
from functools import lru_cache
from types import CodeType, FrameType

__all__ = ["array_refused", "is_read", "number_refused"]

# Packages whose code goes on computing with the number that it asks for.
_LIBRARIES = {"numpy", "scipy"}


def is_read(frame: FrameType) -> bool:
    """Whether the code that `frame` runs asks for a number in order to look at it.

    It does so by way of a function of Python's own, such as `float`, or without a call. What
    stores an element, what calls any other function that is written in C, and the code of NumPy
    and SciPy would lose the gradient.
    """
    if _package(frame) in _LIBRARIES:
        return False
    way = _way(frame.f_code, frame.f_lasti)
    if not isinstance(way, str):
        return way
    value = frame.f_locals.get(way, frame.f_globals.get(way, getattr(builtins, way, None)))
    return callable(value) and getattr(value, "__module__", "") == "builtins"


@lru_cache(maxsize=1024)
def _way(code: CodeType, offset: int) -> str | bool:
    """The name at the start of the call at `offset`; elsewhere, whether a number is read there."""
    instructions = list(dis.get_instructions(code))
    at = next((i for i in instructions if i.offset == offset), None)
    if at is None or not at.opname.startswith("CALL"):
        return at is None or at.opname != "STORE_SUBSCR"
    start = _start(at)
    if start is None:  # as with python -X no_debug_ranges
        return True
    for i in instructions:
        if i.opname.startswith("LOAD_") and _start(i) == start:
            return i.argval if i.opname != "LOAD_CONST" else True  # a method of a text
    return False


def _start(instruction: dis.Instruction) -> tuple[int, int] | None:
    """The line and the column at which the expression begins that this belongs to."""
    positions = instruction.positions
    if positions is None or positions.lineno is None or positions.col_offset is None:
        return None
    return positions.lineno, positions.col_offset


def _package(frame: FrameType) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]


def _asker(frame: FrameType | None) -> str:
    """If `frame` is in NumPy or SciPy, which of the two, and the function that the user called."""
    package = function = ""
    while frame is not None and _package(frame) in _LIBRARIES:
        package, name = _package(frame), frame.f_code.co_name
        if name.isidentifier() and name[0] != "_" and name != "wrapper":
            function = f"'s {name}"
        frame = frame.f_back
    return package + function


def number_refused(frame: FrameType) -> str:
    """What to say to the code that `frame` runs when a number is refused."""
    asker = _asker(frame)
    return (
        "a tensor in the graph was about to become a plain number"
        + (f" in {asker}" if asker else "")
        + ", which would lose its gradient; make the array to store it in with ad.numpy.zeros(n) "
        "or np.zeros_like(t), call np.sin instead of math.sin, and where no gradient shall flow "
        "write float(t) or t.detach()"
    )


def array_refused(shape: tuple[int, ...], frame: FrameType) -> str:
    """What to say to the code that `frame` runs when an array is refused."""
    asker = _asker(frame)
    instead = (
        "to put tensors together write np.stack([...]) or ad.numpy.array([...]), to assign into an "
        "array make it with np.zeros_like(t) or ad.numpy.zeros(n)"
    )
    if asker.startswith("scipy"):
        instead = (
            "autodiff.scipy.special and autodiff.scipy.linalg have the functions that work on "
            "tensors, such as logsumexp, expm and solve_triangular"
        )
    return (
        f"a tensor of shape {shape} in the graph was about to become a plain array"
        + (f" in {asker}" if asker else "")
        + f", which would lose its gradient; {instead}, and where no gradient shall flow pass "
        "t.detach()"
    )
