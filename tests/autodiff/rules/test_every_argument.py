"""A tensor in any argument of any function: the right gradient, or an error that says what to do.

For every declaration calls are drawn from its domain, and each argument in turn, also one that was
left at its default, is replaced by a tensor in the graph: arrays, numbers, and what is inside of
sequences. Once the rest are plain arrays, once tensors as well. A gradient must never be lost in
silence, nor may NumPy and the library hand the call to each other for ever.
"""

import inspect
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

import autodiff as ad
import autodiff.rules.scipy.linalg  # with scipy.special, whose rules are then loaded as well
from autodiff.declare.domains import NumpyDraw
from autodiff.declare.primitive import Composite, Primitive, entries
from autodiff.engine.registry import describe, load_rules
from autodiff.errors import AutodiffError
from autodiff.testing.differences import derivative
from autodiff.testing.primitives import _DISPATCHERS, draw_call
from autodiff.transforms.trees import flatten

load_rules()
DECLARED = [e for e in entries if isinstance(e, Primitive | Composite) and e.domain is not None]
IDS = [f"{describe(e.function).removeprefix('numpy.')}-{i}" for i, e in enumerate(DECLARED)]

# Arguments that are no numbers: NumPy takes the dtype of anything that has one, and NumPy's own
# checks of the others come before or after ours.
NOT_NUMBERS = {"dtype", "out", "subok", "signature", "casting", "order", "device", "keepdims"}

# What cannot be right, and why.
EXCEPT = {
    ("norm", "ord"): "NumPy does not ask about `ord`; its code compares it with 1, 2 and inf, and "
    "takes a branch in which it does not occur",
    ("cond", "p"): "the same",
}


class Place(NamedTuple):
    """One argument of a call, or a part of it."""

    name: str
    value: np.ndarray  # to stand there, as floating-point numbers
    put: Callable[[Any], tuple[tuple[Any, ...], dict[str, Any]]]  # the call with another value


def signature_of(entry: Primitive | Composite) -> list[inspect.Parameter]:
    if isinstance(entry, Primitive):
        return list(entry.signature.parameters.values())
    called = entry.function if isinstance(entry.function, _DISPATCHERS) else entry.implementation
    try:
        return list(inspect.signature(called).parameters.values())
    except (TypeError, ValueError):  # ufuncs, in older versions of NumPy
        return list(inspect.signature(entry.implementation).parameters.values())


def places(entry: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Place]:
    """Every place of a call that a tensor can be put in."""
    parameters = signature_of(entry)
    names = [p.name for p in parameters]
    for index, value in enumerate(args):
        name = names[min(index, len(names) - 1)]
        yield from within(name, value, lambda v, i=index: ((*args[:i], v, *args[i + 1 :]), kwargs))
    for name, value in kwargs.items():
        yield from within(name, value, lambda v, n=name: (args, {**kwargs, n: v}))
    for p in parameters[len(args) :]:
        if p.name in kwargs or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            continue

        def put(value: Any, name: str = p.name) -> Any:
            return args, {**kwargs, name: value}

        if isinstance(p.default, int | float):
            yield Place(p.name, np.array(float(p.default)), put)
        elif p.default is None or p.default is np._NoValue:
            yield Place(p.name, np.array(1.0), put)
            arrays = [a for a in args if isinstance(a, np.ndarray) and a.ndim]
            if arrays:
                yield Place(f"{p.name} (array)", np.full(arrays[0].shape, 1.5), put)


def within(name: str, value: Any, put: Callable[[Any], Any]) -> Iterator[Place]:
    """The value as a whole, and if it is a sequence, each item."""
    if isinstance(value, bool | int | float | np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind in "biuf":
            yield Place(name, array.astype(float), put)
    elif isinstance(value, list | tuple) and value:
        for index, item in enumerate(value):

            def put_item(v: Any, i: int = index) -> Any:
                return put(type(value)([*value[:i], v, *value[i + 1 :]]))

            yield from within(f"{name}[{index}]", item, put_item)


def inexact(result: Any) -> list[Any]:
    """The results that may have a gradient."""
    return [leaf for leaf in flatten(result).leaves if np.asarray(plain(leaf)).dtype.kind in "fc"]


def plain(value: Any) -> Any:
    return value.data if isinstance(value, ad.Tensor) else value


def total(results: list[Any], weights: list[np.ndarray]) -> Any:
    """A weighted sum of all results."""
    parts = zip(results, weights, strict=True)
    return sum(np.sum(np.real(value * np.conj(w))) for value, w in parts)


def tracked(value: Any) -> Any:
    """The same with tensors in the graph for all arrays."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fc":
        return ad.tensor(value, requires_grad=True)
    if isinstance(value, list | tuple):
        return type(value)(tracked(item) for item in value)
    return value


def is_clear(error: BaseException) -> bool:
    """Whether the error is ours; NumPy puts its own in front of one that a conversion raises."""
    return isinstance(error, AutodiffError) or isinstance(error.__cause__, AutodiffError)


def check_place(entry: Any, place: Place, everything: bool) -> None:
    function = entry.function
    if not isinstance(function, _DISPATCHERS):
        function = entry  # nothing but our own name leads to the rules
    try:
        # A tensor without dimensions holds a NumPy scalar; and NumPy's cov writes to its weights.
        args, kwargs = place.put(place.value.copy()[()])
        expected = inexact(entry.function(*args, **kwargs))
    except Exception:  # NumPy itself refuses such a value there
        expected = None

    tensor = ad.tensor(place.value, requires_grad=True)
    args, kwargs = place.put(tensor)
    if everything:
        args, kwargs = tracked(args), {name: tracked(value) for name, value in kwargs.items()}
    try:
        results = inexact(function(*args, **kwargs))
    except RecursionError:
        raise
    except Exception as error:
        if expected is None or is_clear(error):
            return
        raise
    assert expected is not None, "NumPy refuses it, and a result came"

    rng = np.random.default_rng(1)
    weights = [rng.normal(size=np.shape(value)) for value in expected]
    sum_of_all = total(results, weights)
    gradient = np.zeros(place.value.shape)
    if isinstance(sum_of_all, ad.Tensor) and sum_of_all.requires_grad:
        try:
            sum_of_all.backward()
        except AutodiffError:
            return
        gradient = gradient if tensor.grad is None else np.asarray(tensor.grad)

    direction = np.random.default_rng(2).normal(size=place.value.shape)

    def moved(h: float) -> np.ndarray:
        args, kwargs = place.put(place.value + h * direction)
        return np.atleast_1d(total(inexact(entry.function(*args, **kwargs)), weights))

    analytic = float(np.sum(gradient * direction))
    try:
        numeric, doubt = (float(part[0]) for part in derivative(moved, 2.0**-8))
    except Exception:  # only whole numbers are taken, between which there is nothing to compare
        return
    if np.isfinite(numeric):
        assert abs(analytic - numeric) <= 1e-4 * max(abs(numeric), 1e-2) + 10 * doubt


@pytest.mark.parametrize("everything", [False, True], ids=["alone", "among tensors"])
@pytest.mark.parametrize("entry", DECLARED, ids=IDS)
def test_no_argument_loses_a_gradient(entry, everything):
    draw = NumpyDraw(np.random.default_rng(0))
    seen = set()
    for _ in range(6):
        for place in places(entry, *draw_call(entry, draw)):
            base = place.name.partition("[")[0].partition(" ")[0]
            if place.name in seen or base in NOT_NUMBERS or (entry.name, base) in EXCEPT:
                continue
            seen.add(place.name)
            with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
                try:
                    check_place(entry, place, everything)
                except Exception as error:
                    error.add_note(f"a tensor for {place.name!r} of {describe(entry.function)}")
                    raise


# ---------------------------------------------------------------- out=


def has_out(function: Any) -> bool:
    if isinstance(function, np.ufunc):
        return True
    try:
        return "out" in inspect.signature(function).parameters
    except (TypeError, ValueError):
        return False


WITH_OUT = [e for e in DECLARED if isinstance(e.function, _DISPATCHERS) and has_out(e.function)]
OUT_IDS = [f"{describe(e.function).removeprefix('numpy.')}-{i}" for i, e in enumerate(WITH_OUT)]


@pytest.mark.parametrize("entry", WITH_OUT, ids=OUT_IDS)
def test_out_takes_the_result_and_its_gradient(entry):
    args, kwargs = draw_call(entry, NumpyDraw(np.random.default_rng(0)))
    kwargs.pop("out", None)
    expected = entry.function(*args, **kwargs)
    parts = expected if isinstance(expected, tuple) else (expected,)
    gradients = []
    for with_out in (True, False):
        tensors, options = tracked(list(args)), {k: tracked(v) for k, v in kwargs.items()}
        targets = tuple(ad.tensor(np.zeros_like(part)) for part in parts)
        if with_out:
            options["out"] = targets if isinstance(expected, tuple) else targets[0]
        results = entry.function(*tensors, **options)
        results = results if isinstance(results, tuple) else (results,)
        if with_out:
            assert all(a is b for a, b in zip(results, targets, strict=True))
        for result, part in zip(results, parts, strict=True):
            np.testing.assert_allclose(result.data, part)
        sum_of_all = total(inexact(results), [np.full(p.shape, 0.5) for p in inexact(expected)])
        if isinstance(sum_of_all, ad.Tensor) and sum_of_all.requires_grad:
            sum_of_all.backward()
        gradients.append([t.grad for t in flatten(tensors).leaves if isinstance(t, ad.Tensor)])
    for first, second in zip(*gradients, strict=True):
        np.testing.assert_array_equal(first, second)


# ---------------------------------------------------------------- the test itself


def test_a_lost_gradient_is_noticed():
    def scaled(x, factor=2.0):
        return x * plain(factor)

    entry = ad.composite(scaled, domain=ad.real)(scaled)
    entries.remove(entry)
    with pytest.raises(AssertionError):
        check_place(entry, Place("factor", np.array(2.0), lambda v: ((np.ones(2), v), {})), False)


# ---------------------------------------------------------------- by keyword

DISPATCHED = [e for e in DECLARED if isinstance(e.function, _DISPATCHERS)]


def by_keyword(entry, *, recorded):
    """A drawn call with every argument by the name that NumPy gives it, the first one a tensor.

    None if NumPy takes it by position only, or if it is no array.
    """
    args, kwargs = draw_call(entry, NumpyDraw(np.random.default_rng(0)))
    try:
        parameters = inspect.signature(entry.function).parameters
        bound = inspect.signature(entry.function).bind(*args, **kwargs).arguments
    except (TypeError, ValueError):
        return None
    kinds = {parameters[name].kind for name in bound}
    first, value = next(iter(bound.items()))
    if kinds != {inspect.Parameter.POSITIONAL_OR_KEYWORD} or not isinstance(value, np.ndarray):
        return None
    try:
        entry.function(**bound)
    except TypeError:  # NumPy's signature does not say that it is by position only
        return None
    inexact = value.dtype.kind in "fc" and recorded
    return bound | {first: ad.tensor(value, requires_grad=True) if inexact else value}


@pytest.mark.parametrize("entry", DISPATCHED, ids=[describe(e.function) for e in DISPATCHED])
def test_every_argument_may_be_passed_by_its_name_in_numpy(entry):
    kwargs, plain = (by_keyword(entry, recorded=recorded) for recorded in (True, False))
    if kwargs is None or not any(isinstance(v, ad.Tensor) for v in kwargs.values()):
        pytest.skip("NumPy takes the arguments by position only, or a sequence of them")
    found, expected = entry.function(**kwargs), entry.function(**plain)
    for ours, theirs in zip(flatten(found).leaves, flatten(expected).leaves, strict=True):
        np.testing.assert_allclose(getattr(ours, "data", ours), theirs, rtol=1e-12, atol=1e-12)
