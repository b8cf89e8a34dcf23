"""Running and segmented results at once: like the calls one after the other, in a few passes."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.rules.shared.recurrences import recurrence
from autodiff.testing import check_grads

UFUNCS = [np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.fmin, np.logaddexp,
          np.logaddexp2, np.hypot, np.subtract]  # fmt: skip
RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=(41, 3))
ARRAYS = {
    "positive": np.abs(NORMAL) + 0.1,
    "any": NORMAL,
    "ties": np.round(NORMAL) + 0.5,
    "zeros": np.where(NORMAL > 0.8, 0, NORMAL),
    "constant": np.ones((41, 3)),
    "huge": NORMAL * 1e6,
    "tiny": NORMAL * 1e-6,
    "one": NORMAL[:1],
    "short": NORMAL[:5],
}


def running(ufunc, x):
    """The general fold, by calls of the function alone."""
    rows = [x[0]]
    for k in range(1, x.shape[0]):
        rows.append(ufunc(rows[-1], x[k]))
    return np.stack(rows)


def compared(function, fold, x, level):
    """The result, its gradient and, at level 2, the gradient of that, by both ways."""
    shape = np.shape(fold(x))
    g, direction = RNG.uniform(0.5, 1.5, shape), RNG.uniform(0.5, 1.5, x.shape)
    for f in (function, fold):
        yield f(ad.tensor(x)).data
        yield (slope := ad.grad(lambda x, f=f: np.sum(g * f(x))))(x)
        yield ad.jvp(f, (x,), (direction,))[1]
        if level == 2:
            yield ad.grad(lambda x, slope=slope: np.sum(slope(x) * direction))(x)


def agree(function, fold, x, level=2, rtol=1e-9):
    with np.errstate(all="ignore"):
        found = list(compared(function, fold, x, level))
    half = len(found) // 2
    for order, (ours, expected) in enumerate(zip(found[:half], found[half:], strict=True)):
        # Terms of a second derivative may cancel, but for their rounding.
        rounding = 1e-13 * np.max(np.abs(expected), initial=0) if order == 3 else 0
        np.testing.assert_allclose(ours, expected, rtol=rtol, atol=1e-300 + rounding)


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda u: u.__name__)
@pytest.mark.filterwarnings("ignore::autodiff.errors.ConstantOutputWarning")
def test_running_results_are_those_of_the_calls_one_after_the_other(ufunc, name):
    x = ARRAYS[name]
    level = 1 if ufunc is np.multiply and name == "tiny" else 2
    agree(ufunc.accumulate, lambda x: running(ufunc, x), x, level)
    across = lambda x: np.transpose(running(ufunc, np.transpose(x)))  # noqa: E731
    agree(lambda x: ufunc.accumulate(x, axis=-1), across, x, level)


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda u: u.__name__)
def test_running_results_beyond_numbers(ufunc, missing):
    x = NORMAL.copy()
    x[[0, 9, 22], [0, 1, 2]] = missing
    agree(ufunc.accumulate, lambda x: running(ufunc, x), x, level=1)


@pytest.mark.parametrize("dtype", ["e", "f", "d"])
@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda u: u.__name__)
def test_running_results_keep_the_dtype(ufunc, dtype):
    x = ad.tensor(NORMAL[:9].astype(dtype), requires_grad=True)
    y = ufunc.accumulate(x)
    y[-1].sum().backward()
    assert y.dtype == x.grad.dtype == dtype


def segments(ufunc, x, indices):
    parts = []
    for start, end in zip(indices, [*indices[1:], len(x)], strict=True):
        parts.append(ufunc.reduce(x[start:end]) if start < end else x[start])
    return np.stack(parts)


INDICES = {
    "one": [0],
    "equal": [0, 10, 20, 30],
    "unequal": [0, 1, 4, 5, 17, 40],
    "later": [7, 9, 30],
    "again": [5, 5, 2, 40, 3, 3],
}


@pytest.mark.filterwarnings("ignore::autodiff.errors.ConstantOutputWarning")
@pytest.mark.parametrize("indices", INDICES)
@pytest.mark.parametrize("name", ["positive", "any", "ties", "zeros", "constant"])
@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda u: u.__name__)
def test_segments_are_reduced_as_each_by_itself(ufunc, name, indices):
    x, at = ARRAYS[name], INDICES[indices]
    agree(lambda x: ufunc.reduceat(x, at), lambda x: segments(ufunc, x, at), x)
    agree(lambda x: ufunc.reduceat(x, at, axis=1), lambda x: segments(ufunc, x.T, at).T, x.T.copy())


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda u: u.__name__)
def test_places_that_do_not_exist_are_refused_as_by_numpy(ufunc):
    for indices in ([-1], [0, 41]):
        with pytest.raises(IndexError, match="out-of-bounds"):
            ufunc.reduceat(ad.tensor(NORMAL), indices)
    none = ufunc.reduceat(ad.tensor(NORMAL), np.array([], int))
    assert none.shape == (0, 3)


def stepwise(a, b):
    rows = [b[0]]
    for k in range(len(a)):
        rows.append(b[k + 1] + a[k] * rows[-1])
    return np.stack(rows)


@pytest.mark.parametrize("lanes", [(), (2,)])
def test_a_recurrence_whose_products_leave_the_range_is_taken_step_by_step(lanes):
    """The product of several slopes is 0 or infinite where the steps themselves are not."""
    shape = (60, *lanes)
    large = RNG.uniform(0.5, 1.0, shape)
    large[:30] *= 1e200  # times nothing
    late = np.zeros((61, *lanes))
    late[30] = 1.0
    small = RNG.uniform(0.5, 1.0, shape)
    small[0:56:4] *= 1e-200
    small[1:57:4] *= 1e-200
    small[2:58:4] *= 1e200
    small[3:59:4] *= 1e200
    early = np.zeros((61, *lanes))
    early[0] = 1e250
    for a, b in ((large, late), (small, early)):
        found = recurrence(a, b)
        assert np.all(np.isfinite(found))
        assert np.any(found[-1] != 0)
        np.testing.assert_allclose(found, stepwise(a, b), rtol=1e-12)


def test_the_shares_of_a_running_tie_are_those_of_pairs():
    found = ad.grad(lambda x: np.maximum.accumulate(x)[-1])(np.array([1.0, 2.0, 2.0, 2.0, 1.0]))
    np.testing.assert_array_equal(found, [0, 0.25, 0.25, 0.5, 0])


def test_the_square_of_a_running_tie_at_zero_is_refused_where_it_cannot_be_told():
    square = lambda x: np.sum(np.maximum.accumulate(x) ** 2)  # noqa: E731
    with pytest.raises(ad.errors.GradientError, match="kink"):
        ad.hessian(square)(np.zeros(3))
    np.testing.assert_allclose(ad.hessian(square)(np.array([0.0, 1, 2])), 2 * np.eye(3))


@pytest.mark.parametrize("ufunc", [np.maximum, np.logaddexp, np.multiply])
def test_derivatives_of_running_results_hold_against_differences(ufunc):
    check_grads(ufunc.accumulate, RNG.permutation(20) / 10 + 0.3, order=2)
    check_grads(lambda x: ufunc.reduceat(x, [0, 3, 12]), RNG.permutation(20) / 10 + 0.3, order=2)


@pytest.mark.parametrize("ufunc", UFUNCS[:8], ids=lambda u: u.__name__)
def test_the_number_of_nodes_does_not_grow_with_the_array(ufunc):
    def nodes(count):
        x = ad.tensor(np.linspace(0.5, 1.0, count), requires_grad=True)
        return len(list(ad.engine.graph.ancestors(ufunc.accumulate(x).node)))

    assert nodes(2000) == nodes(20)


@pytest.mark.parametrize("ufunc", UFUNCS, ids=lambda u: u.__name__)
def test_the_number_of_nodes_does_not_grow_with_the_segments(ufunc):
    def nodes(count):
        x = ad.tensor(np.linspace(0.5, 1.0, count), requires_grad=True)
        return len(list(ad.engine.graph.ancestors(ufunc.reduceat(x, np.arange(0, count, 4)).node)))

    assert nodes(2000) == nodes(20)
