"""Checking a primitive by its declaration alone: its domain, special points and kinks."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Cases, Draw, NumpyDraw
from autodiff.declare.primitive import Composite, Primitive, entries
from autodiff.engine.registry import load_rules
from autodiff.tensors.tensor import Tensor, as_tensor
from autodiff.testing.checking import MODES, Tolerance, check_derivatives, check_grads
from autodiff.testing.differences import Packing, along, as_array
from autodiff.testing.invariants import check_conduct, close
from autodiff.testing.subject import WrongGradient, subject_of
from autodiff.transforms.gradients import vjp
from autodiff.transforms.trees import flatten

__all__ = [
    "BoundCall",
    "Entry",
    "check_call",
    "check_kink",
    "check_primitive",
    "draw_call",
    "entry_of",
    "special_calls",
]

Entry = Primitive | Composite
AT_A_KINK = Tolerance(settled=5e-3)  # symmetric differences converge more slowly there
_DISPATCHERS = (np.ufunc, type(np.sum))  # functions of NumPy that let a Tensor answer


def check_primitive(
    function: Any, *, examples: int = 20, rng: np.random.Generator | None = None
) -> None:
    """Check everything that the declaration of a primitive (or composite) promises.

    Calls are drawn from its domain, in float64 and float32, and from its special points. Values
    are compared with the function itself, derivatives with numerical ones up to the declared
    order; at its kinks the first derivative is compared with the symmetric difference.

    Raises:
        WrongGradient: with the call that shows what is wrong.

    >>> check_primitive(np.multiply)
    """
    entry = entry_of(function)
    draw = NumpyDraw(np.random.default_rng(0) if rng is None else rng)
    for example in range(examples):
        args, kwargs = draw_call(entry, draw)
        check_call(entry, args, kwargs)
        if example % 4 == 0:
            short = BoundCall(entry, args, kwargs)
            check_call(entry, *short.with_arrays([a.astype(np.float32) for a in short.arrays]))
        for call in special_calls(entry, entry.points, (args, kwargs)):
            check_call(entry, *call)
        for call in special_calls(entry, entry.kinks, (args, kwargs)):
            check_kink(entry, *call)


def entry_of(function: Any) -> Entry:
    """What was declared for a function, or the declaration itself.

    >>> entry_of(np.exp).name
    'exp'
    """
    if isinstance(function, Primitive | Composite):
        return function
    load_rules()
    for entry in reversed(entries):
        if entry.function is function and isinstance(entry, Primitive | Composite):
            return entry
    raise ValueError(f"{function!r} is not declared with ad.primitive or ad.composite")


def draw_call(entry: Entry, draw: Draw) -> Call:
    """Arguments from the domain of `entry`."""
    if isinstance(entry.domain, Cases):
        return entry.domain.draw(draw)
    intervals = intervals_of(entry)
    shapes = draw.broadcastable(len(intervals))
    return tuple(draw.values(*pair) for pair in zip(intervals, shapes, strict=True)), {}


def intervals_of(entry: Entry) -> tuple[Any, ...]:
    """The interval of each argument of an elementwise function."""
    if entry.domain is None:
        raise ValueError(f"{entry.name} has no domain to draw from; declare it with domain=")
    if isinstance(entry.domain, tuple):
        return entry.domain
    called = (
        entry.signature if isinstance(entry, Primitive) else inspect.signature(entry.implementation)
    )
    needed = [p for p in called.parameters.values() if p.default is p.empty]
    return (entry.domain,) * len(needed)


class BoundCall:
    """A call as a function of those arrays in it that have a derivative.

    >>> call = BoundCall(entry_of(np.sum), (np.ones(3),), {"axis": 0})
    >>> call
    sum(array([1., 1., 1.]), axis=0)
    >>> call(np.array([1.0, 2.0]))
    np.float64(3.0)
    """

    def __init__(self, entry: Entry, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        self.entry = entry
        self.name = entry.name
        self._tree = flatten((tuple(args), kwargs))
        self._varied = [
            index
            for index, (leaf, owner) in enumerate(
                zip(self._tree.leaves, self._owners(args, kwargs), strict=True)
            )
            if isinstance(leaf, np.ndarray | np.generic)
            and leaf.dtype.kind in "fc"
            and (isinstance(entry, Composite) or owner in entry.rules)
        ]
        self.arrays = [np.asarray(self._tree.leaves[index]) for index in self._varied]

    def _owners(self, args: Sequence[Any], kwargs: dict[str, Any]) -> Iterator[str]:
        """The parameter that each leaf of the call belongs to."""
        names: list[str] = []
        if isinstance(self.entry, Primitive):
            for parameter in self.entry.signature.parameters.values():
                many = len(args) if parameter.kind is parameter.VAR_POSITIONAL else 1
                names += [parameter.name] * many
        else:
            names = [""] * len(args)
        for name, value in (*zip(names, args, strict=False), *kwargs.items()):
            yield from [name] * len(flatten(value).leaves)

    def with_arrays(self, arrays: Sequence[Any]) -> Call:
        """Positional and keyword arguments with other arrays (or Tensors) in their places."""
        leaves = list(self._tree.leaves)
        for index, array in zip(self._varied, arrays, strict=True):
            leaves[index] = array
        return self._tree.rebuild(leaves)

    def __call__(self, *arrays: Any) -> Any:
        args, kwargs = self.with_arrays(arrays)
        return self.entry(*args, **kwargs)

    def __repr__(self) -> str:
        args, kwargs = self.with_arrays(self.arrays)
        with np.printoptions(floatmode="unique", threshold=1000):
            shown = [repr(arg) for arg in args] + [f"{k}={v!r}" for k, v in kwargs.items()]
        return f"{self.name}({', '.join(shown)})"


# ---------------------------------------------------------------- a single call


def check_call(
    entry: Entry, args: Sequence[Any], kwargs: dict[str, Any], *, order: int | None = None
) -> None:
    """Check value and derivatives of one call of a declared function."""
    call = BoundCall(entry, args, kwargs)
    try:
        _check_value(call)
        if call.arrays:
            check_grads(call, *call.arrays, order=entry.order if order is None else order)
    except WrongGradient as error:
        error.add_note(f"in the call {call}")
        raise


def _check_value(call: BoundCall) -> None:
    """The declared function gives what the original gives, on arrays and on Tensors."""
    entry = call.entry
    # A Tensor without dimensions holds a NumPy scalar, which NumPy may promote in another way.
    args, kwargs = call.with_arrays([array[()] for array in call.arrays])
    expected = flatten(entry.function(*args, **kwargs)).leaves
    tensors, options = call.with_arrays([as_tensor(array) for array in call.arrays])
    _compare(call, "called with Tensors", entry(*tensors, **options), expected)
    if isinstance(entry, Primitive):
        _compare(call, "called with arrays", entry(*args, **kwargs), expected)
    if isinstance(entry.function, _DISPATCHERS):
        results = entry.function(*tensors, **options)
        _compare(call, "called through NumPy", results, expected)
        if call.arrays and not any(isinstance(r, Tensor) for r in flatten(results).leaves):
            raise WrongGradient(f"{call.name}: called with Tensors it does not return a Tensor")


def _compare(call: BoundCall, how: str, results: Any, expected: list[Any]) -> None:
    found = [as_array(leaf) for leaf in flatten(results).leaves]
    wanted = [as_array(leaf) for leaf in expected]
    inexact = [x.dtype for x in (*wanted, *call.arrays) if x.dtype.kind in "fc"]
    rounding = max((1e3 * float(np.finfo(dtype).eps) for dtype in inexact), default=0.0)
    for a, b in zip(found, wanted, strict=True):
        if a.shape != b.shape or a.dtype != b.dtype or not close(a, b, rounding):
            raise WrongGradient(f"{call.name}: {how} it returns\n{a!r}\nnot\n{b!r}")


# ---------------------------------------------------------------- special points


def special_calls(entry: Entry, points: Sequence[Any], call: Call) -> Iterator[Call]:
    """A call with special points in place of all its elements, and of every other one.

    A point is a number, a tuple with one number for each array, or a whole call.
    """
    bound = BoundCall(entry, *call)
    for point in points:
        if isinstance(point, tuple) and len(point) == 2 and isinstance(point[1], dict):
            yield point
            continue
        numbers = point if isinstance(point, tuple) else (point,) * len(bound.arrays)
        for everywhere in (True, False):
            arrays = [np.array(array) for array in bound.arrays]
            for array, number in zip(arrays, numbers, strict=True):
                array.reshape(-1)[:: 1 if everywhere else 2] = number
            yield bound.with_arrays(arrays)


def check_kink(entry: Entry, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """Check the convention at a kink: the slope is that of the symmetric difference.

    Where many elements are tied, as in a maximum, that is so for a change of all elements alike,
    and elements that are equal get equal shares.
    """
    call = BoundCall(entry, args, kwargs)
    try:
        _check_value(call)
        if not isinstance(entry.domain, Cases) or isinstance(entry.function, np.ufunc):
            subject, rng = subject_of(call, tuple(call.arrays)), np.random.default_rng(0)
            check_conduct(subject, rng)
            check_derivatives(subject.in_double(), 1, MODES, AT_A_KINK, rng)
        else:
            _check_shares(call)
    except WrongGradient as error:
        error.add_note(f"in the call {call}")
        raise


def _check_shares(call: BoundCall) -> None:
    subject = subject_of(call, tuple(call.arrays))
    results, pullback = vjp(subject.function, *subject.arrays)
    inputs, outputs = Packing(subject.arrays), Packing(map(as_array, results))
    total = along(
        lambda vector: outputs.pack(subject.results(inputs.unpack(vector))),
        inputs.pack(subject.arrays),
        np.ones(inputs.size),
    )
    gradients = pullback([np.ones_like(as_array(result)) for result in results])
    slope = float(inputs.pack(gradients).sum())
    if not abs(slope - total.value.sum()) <= 1e-6 * abs(slope) + 1e-9 + total.error.sum():
        raise subject.wrong(
            "wrong derivative at a kink, when all elements change alike",
            numerical=float(total.value.sum()),
            analytic=slope,
        )
    for array, gradient, path in zip(subject.arrays, gradients, subject.paths, strict=True):
        if array.size and np.ptp(array) == 0 and not np.ptp(gradient) <= 1e-9 * abs(slope):
            raise subject.wrong(
                f"equal elements of args{path} have unequal shares", shares=gradient
            )
