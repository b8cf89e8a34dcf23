"""Where a tensor is asked to become a plain number or array, and its gradient would be lost.

Python asks for a number in the same way when it is read, as by ``float(t)`` and ``"%g" % t``, and
when it is on the way into something that cannot hold a gradient: ``array[i] = t``, ``math.sin(t)``,
``sum(map(math.exp, tensors))``. Only the code that asks tells them apart, so `callsites.py` reads
it. What is known to be a read is let through, and everything else refused.
"""

from __future__ import annotations

import array
import gc
import math
import operator
import sys
import warnings
from collections import deque
from collections.abc import Iterator
from functools import partial
from inspect import CO_GENERATOR
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    GeneratorType,
    MethodType,
    ModuleType,
)
from typing import Any

import numpy as np

from autodiff.engine.graph import Node
from autodiff.engine.modes import grad_enabled, running
from autodiff.engine.registry import is_constant
from autodiff.errors import DetachedWarning, GradientError
from autodiff.tensors.callsites import UNKNOWN, Name, Site, site

__all__ = [
    "array_refused",
    "asked_by_solver",
    "check_read",
    "number_refused",
    "only_asks",
    "warn_detached",
]

# Packages whose code goes on computing with the number that it asks for.
_LIBRARIES = {"numpy", "scipy"}

# Classes whose own operations come first and make plain arrays, and what to write.
_APART = {
    "numpy.ma": "write m.filled(0) * t, with np.where(np.ma.getmaskarray(m), 0, ...) around it",
    "scipy.sparse": "write m.toarray() @ t, or m.toarray() * t",
    "pandas": "write s.to_numpy() @ t, or s * t",
    "mygrad": "write a.data * t",
    "matplotlib": "a plot takes plain arrays",
}

# Functions that ask an argument for an array only to learn what it is, or to compare it as
# `pytest.approx` does, and the beginnings of the names of their modules.
_ASKING = {
    "array_namespace": "scipy._lib._array_api",
    "compliance_scipy": "scipy._lib._array_api",
    "_compliance_scipy": "scipy._lib._array_api",
    "_as_numpy_array": "_pytest.",
    "__eq__": "_pytest.",
}

# Modules of SciPy that look at what a user's function returned before they lose its gradient: in
# comparisons, or in C code that loses the error which would be raised there, too.
_LOSING = {
    f"scipy.optimize.{name}"
    for name in ("_optimize", "_differentiable_functions", "_milp", "_minpack_py")
}
_LOSING_FUNCTIONS = {("scipy.optimize._zeros_py", "f_raise")}  # `newton`, beside it, loses nothing

# What to say in whose functions no gradient flows.
_SOLVERS = dict.fromkeys(
    ("scipy.optimize", "scipy.integrate"),
    "no gradient flows through SciPy's solvers; give them functions of plain arrays",
) | {
    "scipy.interpolate": "no gradient flows through SciPy's interpolators; np.interp has one",
    "scipy": "autodiff.scipy.special and autodiff.scipy.linalg have the functions that work on "
    "tensors, such as logsumexp, expm and solve_triangular",
}

_SCALARS = (np.number, np.bool_)

# The beginnings of the names of functions of `numpy.testing` that compare values.
_ASSERTS = ("assert_allclose", "assert_array_", "assert_equal", "assert_almost_equal")
_ASSERTS += ("assert_approx_equal",)

_QUESTIONS: set[Any] = {math.isnan, math.isfinite, math.isinf, math.isclose}

# Modules of functions in C that never ask for a float themselves. They may call a function that
# they are given, which does: it is looked at by itself.
_HANDS_OFF = {"builtins", "itertools", "functools", "_functools", "operator", "_operator"}
_HANDS_OFF |= {"collections", "_collections", "_json", "typing"}
# But these give functions that nothing is known of.
_MAKERS = {type, getattr, eval, next, vars, globals, locals, operator.itemgetter}
_MAKERS |= {operator.attrgetter, operator.methodcaller}
_PLAIN = {"builtins", "collections", "numpy"}
_CONTAINERS = list | tuple | dict | set | frozenset | str | deque
_SILENT = {"autodiff", "nn", "json", "logging"}
_LOOKS = {"COMPARE_OP", "FORMAT_VALUE", "FORMAT_SIMPLE", "FORMAT_WITH_SPEC", "BUILD_STRING"}
_LOOKERS = (print, str, repr, format, *_QUESTIONS)
_ASKERS = (math.fsum, np.fromiter, array.array)  # that ask each item of an iterable for a float
_DATA = int | float | complex | bytes | None | _CONTAINERS


def check_read(node: Node, frame: FrameType) -> bool:
    """Whether the code that `frame` runs asks for a number only to look at it.

    It does so by ``float(t)``, ``np.float64(t)`` and their like, by a question such as
    `math.isnan`, in formatting and comparisons, or by a function that calls `float`, as in
    ``map(float, tensors)``. Inside `no_grad` there is no gradient to lose. The code of NumPy and
    SciPy goes on computing.
    """
    if not grad_enabled():
        return True
    if _package(frame) in _LIBRARIES:
        return _asks_without_slope(frame)
    at = site(frame.f_code, frame.f_lasti)
    if at.formats or at.compares:
        return True
    function = at.called.value(frame) if at.called else UNKNOWN
    if isinstance(function, BuiltinFunctionType) and function in _QUESTIONS:
        return True
    is_direct = at.arguments is not None and _is_reader(function)
    if is_direct:
        is_read = function is not complex or at.arguments == 1
    else:
        is_read = at.iterates and _reads_lazily(at, function, frame)
    if is_read:
        warn_detached(node, frame, function.__name__ if is_direct else "float")
    return is_read or _asks_without_slope(frame)


def _asks_without_slope(frame: FrameType) -> bool:
    """Whether the function of NumPy that the user called only looks at what it is given."""
    if _package(frame) != "numpy":
        at = site(frame.f_code, frame.f_lasti)
        function = at.called.value(frame) if at.called else UNKNOWN
        return isinstance(function, np.ufunc) and is_constant(function)
    while frame.f_back is not None and _package(frame.f_back) == "numpy":
        frame = frame.f_back
    name = frame.f_code.co_name
    if frame.f_globals.get("__name__", "").startswith("numpy.testing"):
        return name.startswith(_ASSERTS)
    function = frame.f_globals.get(name)
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    return code is frame.f_code and is_constant(function)


def warn_detached(node: Node, frame: FrameType, function: str) -> None:
    """Warn that a number, of which a transform that runs takes the derivative, leaves the graph.

    Nothing is said where it goes into a text or a comparison.
    """
    calls = running.calls
    if not calls or not grad_enabled() or _package(frame) in _SILENT:
        return
    place = frame.f_code, frame.f_lineno
    if place in calls[0].warned:
        return
    at = site(frame.f_code, frame.f_lasti)
    if at.around in _LOOKS or _is_looker(at.around_called, frame) or not calls[0].reaches(node):
        return
    calls[0].warned.add(place)
    warnings.warn_explicit(
        f"{function}() takes a number out of the graph that a transform differentiates, so no "
        f"gradient flows through it ({frame.f_code.co_filename}, line {frame.f_lineno}); go on "
        "with the tensor itself, or write t.detach() to say that it is meant",
        DetachedWarning,
        frame.f_code.co_filename,
        frame.f_lineno,
        module=frame.f_globals.get("__name__", "<unknown>"),
        registry=frame.f_globals.setdefault("__warningregistry__", {}),
    )


def _is_looker(name: Name | None, frame: FrameType) -> bool:
    """Whether `name` is a function that puts a number into a text, or asks about it."""
    function = name.value(frame) if name else UNKNOWN
    if isinstance(function, BuiltinFunctionType) and isinstance(function.__self__, str):
        return True
    return any(function is looker for looker in _LOOKERS)


def _reads_lazily(at: Site, function: Any, frame: FrameType) -> bool:
    """Whether all that could ask at `at`, which calls functions that it is given, only reads."""
    # For each function that asks for a number: whether it is a read.
    found = [function is not complex] if _is_reader(function) else []
    values = [name.value(frame) for name in at.loaded]
    if _sees_numbers(at, values):
        del values[0]  # the items of its argument are plain numbers before it asks for them
    for name, value in zip(at.loaded[-len(values) :], values, strict=True):
        if not _known(value, found, name.is_called):
            return False
        if at.takes_items and isinstance(value, _CONTAINERS) and not _holds_data(value):
            return False
    return bool(found) and all(found)


def _sees_numbers(at: Site, values: list[Any]) -> bool:
    """Whether what `at` calls asks for numbers, and is given them by ``map(float, ...)``."""
    if not values or not any(values[0] is asker for asker in _ASKERS):
        return False
    arguments = [n for n, name in enumerate(at.loaded) if n and not name.is_constant]
    first, second, *_ = *arguments, 0, 0
    return values[first] is map and at.loaded[first].is_called and _is_reader(values[second])


def _holds_data(value: Any, depth: int = 4) -> bool:
    """Whether there is nothing but data in a container: nothing that could ask when it is run."""
    if not isinstance(value, list | tuple | dict | deque):
        return isinstance(value, _DATA | np.ndarray | np.generic) or hasattr(type(value), "_node")
    items = value.values() if isinstance(value, dict) else value
    return (
        depth > 0 and len(value) <= 10_000 and all(_holds_data(item, depth - 1) for item in items)
    )


def _known(value: Any, found: list[bool], is_called: bool = False, depth: int = 6) -> bool:
    """Whether it can be told what `value` asks for; the askers in it are added to `found`."""
    if value is UNKNOWN or depth == 0:
        return False
    if _is_reader(value):
        if not is_called:  # float(t) among the arguments of a call has run before it
            found.append(value is not complex)
        return True
    if isinstance(value, FunctionType | MethodType):
        # A frame of its own asks when it runs; but what it returns could be anything.
        return not is_called or _is_generator(value.__code__)
    if isinstance(value, CodeType):  # a lambda may be called and return anything
        return _is_generator(value)
    if isinstance(value, GeneratorType):
        return True
    module = getattr(value if callable(value) else type(value), "__module__", None)
    if isinstance(value, partial | Iterator) or type(value).__module__ == "_json":
        if type(value).__module__ not in _HANDS_OFF:
            return False
        return all(_known(part, found, False, depth - 1) for part in gc.get_referents(value))
    if isinstance(value, tuple) and len(value) <= 4:
        return all(_known(item, found, False, depth - 1) for item in value)
    if isinstance(value, _DATA | ModuleType) or type(value) is np.ndarray:
        return type(value).__module__ in _PLAIN or isinstance(value, ModuleType)
    if hasattr(type(value), "_node"):
        return True
    owner = getattr(value, "__self__", None)
    if isinstance(owner, _CONTAINERS):
        gives_items = value.__name__ not in (
            "append",
            "extend",
            "insert",
            "update",
            "join",
            "format",
        )
        known = not gives_items or (len(owner) > 0 and _holds_data(owner))
        return known and type(owner).__module__ in _PLAIN
    return callable(value) and module in _HANDS_OFF and value not in _MAKERS


def _is_generator(code: CodeType) -> bool:
    return bool(code.co_flags & CO_GENERATOR)


def _is_reader(value: Any) -> bool:
    if value is float or value is int or value is complex:
        return True
    return isinstance(value, type) and value.__module__ == "numpy" and issubclass(value, _SCALARS)


def _package(frame: FrameType) -> str:
    return frame.f_globals.get("__name__", "").partition(".")[0]


def _asker(frame: FrameType | None) -> str:
    """If `frame` is in NumPy or SciPy, which of the two, and the function that the user called."""
    package = function = ""
    for f in _library_frames(frame):
        package, name = _package(f), f.f_code.co_name
        if name.isidentifier() and name[0] != "_" and name != "wrapper":
            function = f"'s {name}"
    return package + function


def _library_frames(frame: FrameType | None) -> Iterator[FrameType]:
    """The frames of NumPy and SciPy, innermost first."""
    while frame is not None and _package(frame) in _LIBRARIES:
        yield frame
        frame = frame.f_back


def number_refused(frame: FrameType) -> str:
    """What to say to the code that `frame` runs when a number is refused."""
    asker = _asker(frame)
    instead = _instead_of_scipy(frame) or (
        "make the array to store it in with ad.numpy.zeros(n) or np.zeros_like(t), call np.sin "
        "instead of math.sin"
    )
    return (
        "a tensor in the graph was about to become a plain number"
        + (f" in {asker}" if asker else "")
        + f", which would lose its gradient; {instead}, and where no gradient shall flow write "
        "float(t) or t.detach()"
    )


def _instead_of_scipy(frame: FrameType) -> str:
    """What to say where a function of SciPy asks; empty if it is none."""
    modules = [f.f_globals.get("__name__", "") for f in _library_frames(frame)]
    return next(
        (said for name, said in _SOLVERS.items() if any(m.startswith(name) for m in modules)), ""
    )


def asked_by_solver(value: Any, frame: FrameType) -> bool:
    """Whether a solver of SciPy asks, which computes with numbers alone.

    Raises GradientError if `value` is a tensor in the graph, whose gradient it would lose.
    """
    if "scipy.optimize" not in sys.modules:
        return False
    asker: FrameType | None = frame
    while asker is not None and _module(asker)[:9] == "autodiff.":
        asker = asker.f_back
    if asker is None:
        return False
    module = _module(asker)
    if module not in _LOSING and (module, asker.f_code.co_name) not in _LOSING_FUNCTIONS:
        return False
    if getattr(value, "_node", None) is not None and grad_enabled():
        raise GradientError(array_refused(np.shape(value), asker))
    return True


def _module(frame: FrameType) -> str:
    return frame.f_globals.get("__name__") or ""


def _foreign_caller(frame: FrameType | None) -> str:
    """Whose classes asked, if they are known: of several, what the user called."""
    found = ""
    for _ in range(20):
        if frame is None:
            break
        module = frame.f_globals.get("__name__", "") + "."
        found = next((name for name in _APART if module.startswith(name + ".")), found)
        frame = frame.f_back
    return found


def only_asks(frame: FrameType) -> bool:
    """Whether `frame` makes an array in order to look at it, and keeps nothing.

    So do functions that have no derivative, such as `np.allclose` and `np.isnan`, and assertions of
    `np.testing`, with tensors in lists. In its array API mode SciPy asks so to which library the
    arguments of a function belong, and then passes the arguments themselves on.
    """
    module = _ASKING.get(frame.f_code.co_name)
    if module is not None:
        return frame.f_globals.get("__name__", "").startswith(module)
    return _asks_without_slope(frame)


def array_refused(shape: tuple[int, ...], frame: FrameType) -> str:
    """What to say to the code that `frame` runs when an array is refused."""
    asker = _asker(frame)
    instead = (
        "to put tensors together write np.stack([...]) or ad.numpy.array([...]), to assign into an "
        "array make it with np.zeros_like(t) or ad.numpy.zeros(n)"
    )
    foreign = _foreign_caller(frame)
    in_scipy = _instead_of_scipy(frame)
    if foreign and "solvers" not in in_scipy:
        instead = f"{foreign} and tensors do not mix: {_APART[foreign]}"
    else:
        instead = in_scipy or instead
    return (
        f"a tensor of shape {shape} in the graph was about to become a plain array"
        + (f" in {asker}" if asker else "")
        + f", which would lose its gradient; {instead}, and where no gradient shall flow pass "
        "t.detach()"
    )
