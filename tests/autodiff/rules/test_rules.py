"""Every declared function, at random points of its domain, at special points and at kinks."""

import itertools
import warnings
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff as ad
import autodiff.rules.scipy.linalg  # with scipy.special, whose rules are then loaded as well
from autodiff.declare.declaration import Rule
from autodiff.declare.domains import Interval, NumpyDraw, real
from autodiff.declare.primitive import Composite, Primitive, entries
from autodiff.engine.graph import Walk
from autodiff.engine.registry import describe, load_rules
from autodiff.testing import (
    WrongGradient,
    calls,
    check_call,
    check_grads,
    check_kink,
    special_calls,
)
from autodiff.testing.primitives import BoundCall, draw_call
from autodiff.testing.subject import cotangents, subject_of

load_rules()
DECLARED = [e for e in entries if isinstance(e, Primitive | Composite) and e.domain is not None]


def names(declared):
    """A test id for each entry: the function's name, with a number where it occurs twice."""
    seen = Counter()
    for entry in declared:
        name = describe(entry.function).removeprefix("numpy.")
        if isinstance(entry, Primitive) and (entry.name != name.rpartition(".")[2]):
            name = entry.name
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}-{seen[name]}"


def sample_calls(entry, count):
    """A few calls from the domain, always the same."""
    draw = NumpyDraw(np.random.default_rng(0))
    return [draw_call(entry, draw) for _ in range(count)]


@pytest.mark.parametrize("entry", DECLARED, ids=names(DECLARED))
@given(data=st.data())
def test_value_and_derivatives_are_right(entry, data):
    args, kwargs = data.draw(calls(entry, dtypes=(np.float64, np.float32), any_layout=True))
    check_call(entry, args, kwargs)


ELEMENTWISE = [e for e in entries if isinstance(e, Primitive) and e.elementwise]


def elementwise_faults(entry):
    """Where the walk would have had to make a cotangent fit."""
    faults = []
    draw = NumpyDraw(np.random.default_rng(0))
    domain = entry.domain if isinstance(entry.domain, Interval) else real
    for shape, dtype in itertools.product(((), (3,), (0, 2), (2, 1, 2)), "efdgFD"):
        x = ad.tensor(draw.array(shape, domain).astype(dtype), requires_grad=True)
        try:
            y = entry(x)
        except TypeError:
            assert dtype in "FD"  # all of them work on real numbers
            continue
        g = y.data * y.data.dtype.type(0) + y.data.dtype.type(1)
        (_, r, rest) = y.node.pull(g, Walk(keep=True))
        assert rest is None
        for what, value in (("result", y.data), ("cotangent", r)):
            if np.shape(value) != x.shape or getattr(value, "dtype", None) != x.dtype:
                faults.append((what, dtype, shape))
    return faults


@pytest.mark.parametrize("entry", ELEMENTWISE, ids=names(ELEMENTWISE))
def test_what_is_called_elementwise_keeps_shape_and_dtype(entry):
    assert not elementwise_faults(entry)


@pytest.mark.parametrize(
    "wrong",
    [
        ad.rules.elementwise.absolute,  # a complex number has a real one
        replace(ad.rules.elementwise.tanh, rules={"x": Rule(lambda g: g * np.float64(2), ("g",))}),
        replace(ad.rules.elementwise.exp, rules={"x": Rule(lambda g: np.sum(g), ("g",))}),
        replace(ad.rules.elementwise.exp, rules={"x": Rule(lambda g: 1.0, ("g",))}),
    ],
    ids=["complex", "dtype", "shape", "number"],
)
def test_what_does_not_keep_shape_and_dtype_is_caught(wrong):
    assert elementwise_faults(replace(wrong, elementwise=True))


@pytest.mark.parametrize("entry", DECLARED, ids=names(DECLARED))
def test_third_derivatives_are_right(entry):
    """At the first small call that is smooth enough for a numerical one."""
    tried = 0
    for args, kwargs in sample_calls(entry, 60):
        call = BoundCall(entry, args, kwargs)
        if not call.arrays or not all(0 < array.size <= 6 for array in call.arrays):
            continue
        tried += 1
        try:
            check_grads(call, *call.arrays, order=entry.order + 1, modes=["reverse"], atol=1e-12)
        except WrongGradient as error:
            if "does not settle" not in str(error):
                raise
            continue
        return
    assert not tried


SPECIAL = [entry for entry in DECLARED if entry.points]


@pytest.mark.parametrize("entry", SPECIAL, ids=names(SPECIAL))
def test_derivatives_are_right_at_special_points(entry):
    for call in sample_calls(entry, 5):
        for args, kwargs in special_calls(entry, entry.points, call):
            check_call(entry, args, kwargs)


KINKED = [entry for entry in DECLARED if entry.kinks]


@pytest.mark.parametrize("entry", KINKED, ids=names(KINKED))
def test_the_derivative_at_a_kink_is_the_symmetric_one(entry):
    for call in sample_calls(entry, 5):
        for args, kwargs in special_calls(entry, entry.kinks, call):
            check_kink(entry, args, kwargs)


# ---------------------------------------------------------------- complex numbers

# What takes complex numbers in NumPy or SciPy, but has derivatives for real ones only.
REAL_ONLY = {
    "eigh": "complex eigenvectors have an arbitrary phase; the rule says so",
    "svd": "complex singular vectors have an arbitrary phase; the rule says so",
    "qr": "the complete form has arbitrary vectors; the rule says so",
    "unique_values": "NumPy does not sort complex numbers there",
    "logistic_loss": "of probabilities, which are real",
}


def complex_calls(entry, count):
    """Calls with random imaginary parts added; none if the function takes no complex numbers."""
    rng = np.random.default_rng(0)
    found = []
    for args, kwargs in sample_calls(entry, count):
        call = BoundCall(entry, args, kwargs)
        real = call.arrays
        if not real or any(array.dtype.kind == "c" for array in real):
            continue
        found.append(call.with_arrays([x + 1j * rng.uniform(-0.5, 0.5, x.shape) for x in real]))
        try:
            with warnings.catch_warnings(action="error", category=np.exceptions.ComplexWarning):
                entry.function(*found[-1][0], **found[-1][1])
        except (TypeError, ValueError, np.exceptions.ComplexWarning):
            return []
    return found


COMPLEX = [e for e in DECLARED if e.name not in REAL_ONLY and complex_calls(e, 1)]


@pytest.mark.parametrize("entry", COMPLEX, ids=names(COMPLEX))
def test_complex_derivatives_are_right(entry):
    for args, kwargs in complex_calls(entry, 3):
        check_call(entry, args, kwargs)


# ---------------------------------------------------------------- the checker is checked

RULES = [
    (entry, argument)
    for entry in DECLARED
    if isinstance(entry, Primitive)
    for argument in entry.rules
]
RULE_IDS = [
    f"{name}-{argument}"
    for name, entry in zip(names(DECLARED), DECLARED, strict=True)
    if isinstance(entry, Primitive)
    for argument in entry.rules
]


def spoiled(entry, argument):
    """A copy of a primitive with one rule wrong by a thousandth."""
    rule = entry.rules[argument]

    def wrong(*needed):
        result = rule.function(*needed)
        if isinstance(result, list | tuple):
            return [None if item is None else item * 1.001 for item in result]
        return result * 1.001

    return replace(entry, rules={**entry.rules, argument: Rule(wrong, rule.names)})


def gradients(call):
    """Of all arrays in a call, for random cotangents."""
    subject = subject_of(call, tuple(call.arrays))
    pullback = ad.vjp(subject.function, *subject.arrays)[1]
    return pullback(cotangents(subject.results(), np.random.default_rng(0)))


# Rules that give zero wherever there is a derivative: times 1.001 they are the same.
ZERO = {
    "heaviside-a", "heaviside-b", "copysign-b", "floor-x", "ceil-x", "trunc-x", "rint-x",
    "floor_divide-a", "floor_divide-b", "nextafter-b", "round-a", "around-a",
    "special.round-x", "gammasgn-x",
}  # fmt: skip


def is_unknown(entry, argument):
    """Whether nobody knows the derivative: the rule raises an error that says so."""
    return entry.rules[argument].function.__qualname__.startswith("unknown.")


@pytest.mark.parametrize(
    ("entry", "argument"),
    [rule for rule in RULES if not is_unknown(*rule)],
    ids=[name for name, rule in zip(RULE_IDS, RULES, strict=True) if not is_unknown(*rule)],
)
def test_a_rule_wrong_by_a_thousandth_is_caught(entry, argument, request):
    caught = 0
    for args, kwargs in itertools.chain(sample_calls(entry, 60), complex_calls(entry, 3)):
        right, wrong = (BoundCall(e, args, kwargs) for e in (entry, spoiled(entry, argument)))
        pairs = zip(gradients(right), gradients(wrong), strict=True) if right.arrays else []
        if all(np.array_equal(a, b, equal_nan=True) for a, b in pairs):
            continue  # the rule gives zero here, or nothing at all
        with pytest.raises(WrongGradient, match=r"wrong derivative in reverse mode\n"):
            check_grads(wrong, *wrong.arrays, order=1, modes=["reverse"])
        caught += 1
        if caught == 6:
            break
    assert caught or request.node.callspec.id in ZERO
