"""What is left out on the way to a result has slope 0, even where it is infinite or undefined."""

from dataclasses import replace

import numpy as np
import pytest

import autodiff as ad
import autodiff.rules.scipy.linalg  # with scipy.special, whose rules are then loaded as well
from autodiff import functions as F
from autodiff.declare.domains import Cases, NumpyDraw
from autodiff.declare.primitive import Primitive, entries
from autodiff.engine.backward import walk
from autodiff.engine.graph import Walk
from autodiff.engine.registry import describe, load_rules
from autodiff.testing.primitives import BoundCall, draw_call

load_rules()
DECLARED = [e for e in entries if isinstance(e, Primitive) and e.domain is not None]


def names(declared):
    return [f"{describe(entry.function)} {entry.name}" for entry in declared]


def bound_calls(entry, count):
    draw = NumpyDraw(np.random.default_rng(0))
    bound = (BoundCall(entry, *draw_call(entry, draw)) for _ in range(count))
    return [call for call in bound if call.arrays and all(array.size for array in call.arrays)]


# ---------------------------------------------------------------- who leaves something out


def forgets_to_say_so(entry):
    """Whether a rule gives 0 for elements that a result does not depend on, and the walk is not
    told."""
    for call in bound_calls(entry, 12):
        tensors = [ad.tensor(array, requires_grad=True) for array in call.arrays]
        results = call(*tensors)
        for result in results if isinstance(results, list | tuple) else [results]:
            if not isinstance(result, ad.Tensor) or result.node is None or not result.size:
                continue
            seed = np.random.default_rng(1).uniform(0.5, 1, result.shape).astype(result.dtype)
            state = Walk(True)
            try:
                cotangents, _ = walk(result.node, seed[()], keep=True, state=state)
            except ad.errors.GradientError:  # it depends on a choice, such as that of a sign
                continue
            if not state.selecting and any(np.any(g == 0) for g in cotangents.values()):
                return True
    return False


# Slopes that are 0 by their value, although nothing is left out; and what is not told.
FLAT = {
    "power": "x**0 is a constant",
    "remainder": "0 times the divisor",
    "fmod": "0 times the divisor",
    "prod": "another factor is 0",
    "cumprod": "another factor is 0",
    "det": "a cofactor is 0",
    "cofactor": "a cofactor is 0",
    "roots": "a coefficient is 0",
    "softmax": "a single element is always 1",
    "log_softmax": "a single element is always 1",
    "cross_entropy": "with a single class",
    "cross_entropy_slope": "with a single class",
    "complex_number": "the cotangent here is real",
    "relu": "it stands in every network, and what it saves there is time: as in PyTorch",
    "leaky_relu": "a slope of 0 was asked for",
    # Elements between the windows of a long stride are left out, which is not told: every network
    # with convolutions would look for zeros in all that comes before them.
    "convolve": "gaps between windows",
    "convolve_transpose": "gaps between windows",
    "correlate_windows": "gaps between windows",
}


@pytest.mark.parametrize("entry", DECLARED, ids=names(DECLARED))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_function_that_leaves_elements_out_says_so(entry):
    assert entry.name in FLAT or not forgets_to_say_so(entry)


def test_a_forgotten_word_is_found():
    for function in (np.where, np.median, np.diagonal, np.floor):
        (entry,) = [e for e in DECLARED if e.function is function][:1]
        assert entry.selects
        assert forgets_to_say_so(replace(entry, selects=False))


# ---------------------------------------------------------------- whose slope may be undefined

# SciPy's own, or a series of ours, takes the longer the larger the argument is.
SLOW = ("exprel", "i0_derivative", "boxcox", "boxcox1p", "inv_boxcox", "inv_boxcox1p")
ELEMENTWISE = [
    e
    for e in DECLARED
    if e.name not in SLOW
    and not e.multiple
    and (not isinstance(e.domain, Cases) or isinstance(e.function, np.ufunc))
    and getattr(e.function, "signature", None) is None  # not matmul
    and getattr(e.function, "nin", 1) <= 2
]
EDGES = (0.0, 1.0, -1.0, np.inf, -np.inf)


def edges_of(entry):
    """The ends of the domains of its arguments, and what is beyond all numbers."""
    if isinstance(entry.domain, Cases):
        return EDGES
    intervals = entry.domain if isinstance(entry.domain, tuple) else (entry.domain,)
    ends = [end for interval in intervals for end in (interval.low, interval.high)]
    return (*EDGES, *(end for end in ends if end is not None), *(2 * end for end in ends if end))


def leaks(entry):
    """The argument and the value at which a slope gets through `where`, although left out."""
    for call in bound_calls(entry, 4):
        for number in range(len(call.arrays)):
            for edge in edges_of(entry):
                arrays = [array.reshape(-1)[:1] for array in call.arrays]
                arrays[number] = np.array([edge], arrays[number].dtype)

                def left_out(*arrays, call=call):
                    results = call(*arrays)
                    results = results if isinstance(results, tuple) else (results,)
                    return sum(
                        np.sum(np.real(np.where(False, result, 0.0)))
                        for result in results
                        if isinstance(result, ad.Tensor)
                    )

                found = ad.grad(left_out, tuple(range(len(arrays))))(*arrays)
                if any(np.any(g != 0) for g in found):
                    return number, edge
    return None


@pytest.mark.parametrize("entry", ELEMENTWISE, ids=names(ELEMENTWISE))
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::autodiff.errors.ConstantOutputWarning")
def test_no_slope_at_the_edge_of_a_domain_gets_through_where(entry):
    assert leaks(entry) is None


def test_a_forgotten_edge_is_found():
    for function in (np.sqrt, np.log, np.multiply, np.divide, np.square):
        (entry,) = [e for e in DECLARED if e.function is function][:1]
        with np.errstate(all="ignore"):
            assert leaks(replace(entry, singular=False)) is not None


# ---------------------------------------------------------------- what users write

X = np.array([0.0, 4.0, 9.0])


def assigned(x):
    y = np.sqrt(x)
    y[x == 0] = 0
    return np.sum(y)


def unpacked(x):
    _, b, c = np.sqrt(x)
    return b + c


LEFT_OUT = {
    "assignment": assigned,
    "unpacking": unpacked,
    "iterating": lambda x: sum(list(np.sqrt(x))[1:]),
    "split": lambda x: np.sum(np.split(np.sqrt(x), [1])[1]),
    "array_split": lambda x: np.sum(np.array_split(np.sqrt(x), [1])[1]),
    "embed": lambda x: np.sum(F.embed(np.sqrt(x), np.array([1, 2]))),
    "take": lambda x: np.sum(np.take(np.sqrt(x), [1, 2])),
    "quantile": lambda x: 2 * np.quantile(np.sqrt(x), 0.75),
    "percentile": lambda x: 2 * np.percentile(np.sqrt(x), 75),
    "nanquantile": lambda x: 2 * np.nanquantile(np.sqrt(x), 0.75),
    "diagonal": lambda x: np.sum(np.diagonal(np.sqrt(np.stack([x, x])), 1)),
    "a product beside 0": lambda x: np.sum(np.where(x > 0, np.sqrt(x) * (1 / x) * x, 0)),
    "a missing number": lambda x: np.sum(np.where(x > 0, np.sqrt(x) * (0 * x / x + 1), 0)),
}


@pytest.mark.parametrize("name", LEFT_OUT)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_no_nan_gets_through_what_was_left_out(name):
    found = ad.grad(LEFT_OUT[name])(X)
    assert found[0] == 0
    assert np.all(np.isfinite(found))


@pytest.mark.parametrize("middle", [np.median, np.nanmedian])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_median_leaves_all_others_out(middle):
    np.testing.assert_allclose(ad.grad(lambda x: middle(np.sqrt(x)))(X), [0, 0.25, 0])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_the_diagonal_that_einsum_takes_leaves_the_rest_out():
    x = np.array([[1.0, 0.0], [0.0, 4.0]])
    for function in (lambda x: np.einsum("ii", x), np.trace, lambda x: np.sum(np.diag(x))):
        found = ad.grad(lambda x, f=function: f(np.sqrt(x)))(x)
        np.testing.assert_allclose(found, [[0.5, 0], [0, 0.25]])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_an_entropy_takes_the_logarithm_of_zero():
    p = np.array([0.0, 0.25, 0.75])
    found = ad.grad(lambda p: -np.sum(np.where(p > 0, p * np.log(p), 0)))(p)
    np.testing.assert_allclose(found, [0, *(-np.log(p[1:]) - 1)])


@pytest.mark.parametrize("loss", [np.abs, np.square, lambda e: e**2, lambda e: e * e, np.cosh])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_missing_targets_are_left_out_of_a_loss(loss):
    inputs, targets = np.array([1.0, 2.0, np.nan]), np.array([3.0, np.nan, 1.0])
    known = np.isfinite(targets) & np.isfinite(inputs)

    def error(w, inputs, targets, known):
        return np.sum(np.where(known, loss(w * inputs - targets), 0))

    found = ad.grad(error)(0.5, inputs, targets, known)
    expected = ad.grad(error)(0.5, inputs[known], targets[known], True)
    np.testing.assert_allclose(found, expected)
    hessian = ad.hessian(error)(0.5, inputs, targets, known)
    assert np.isfinite(hessian)


def test_what_is_not_left_out_keeps_its_infinite_slope():
    with np.errstate(divide="ignore"):
        found = ad.grad(lambda x: np.sum(np.sqrt(x)[:2]))(np.array([0.0, 4.0, 0.0]))
        forward = ad.jvp(lambda x: np.sqrt(x)[0], (np.array([0.0, 4.0]),), (np.ones(2),))[1]
    np.testing.assert_array_equal(found, [np.inf, 0.25, 0])
    assert forward == np.inf


@pytest.mark.parametrize("dtype", ["e", "f", "d", "F", "D"])
@pytest.mark.parametrize("large", [None, np.inf, np.nan, "max"])
def test_large_infinite_and_missing_factors_are_told_apart(dtype, large):
    """A factor that is finite stays as it is, however large its square."""
    a = np.array([[1, 2, 3], [4, 5, 6]], dtype)
    if large is not None:
        a[1, 1] = np.finfo(dtype).max if large == "max" else large
    x = np.ones((2, 3), dtype)
    for factor in (a, np.asfortranarray(a), np.repeat(a, 2, axis=1)[:, ::2], a[::-1]):
        with np.errstate(all="ignore"):
            found = ad.vjp(lambda x, f=factor: (x * f)[:, 2], x)[1](np.ones(2, dtype))[0]
        expected = np.zeros((2, 3), dtype)
        expected[:, 2] = np.conjugate(factor[:, 2])
        np.testing.assert_array_equal(found, expected)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_mask_as_a_factor_is_finite():
    mask = np.array([True, False, True])
    found = ad.grad(lambda x: (np.log(x) * mask)[0])(np.array([2.0, 0.0, 0.0]))
    np.testing.assert_array_equal(found, [0.5, 0, 0])
