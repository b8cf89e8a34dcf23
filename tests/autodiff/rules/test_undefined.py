"""Where a function has no value, its gradient is NaN too."""

import itertools

import numpy as np
import pytest

import autodiff as ad
import autodiff.rules.scipy.linalg  # with scipy.special, whose rules are then loaded as well
from autodiff.declare.primitive import Primitive, entries
from autodiff.engine.registry import describe, load_rules
from autodiff.errors import AutodiffError

load_rules()
POINTS = (-7.3, -2.5, -2.0, -1.0, -0.5, 0.0, 0.3, 1.0, 1.5, 2.0, 7.3)
UFUNCS = [
    entry
    for entry in entries
    if isinstance(entry, Primitive)
    and isinstance(entry.function, np.ufunc)
    and entry.function.nout == 1
    and entry.function.signature is None
]
EXCEPTIONS = {
    "divide": "1 / 0 is a pole, and the slope of 0 / 0 by its numerator infinite",
    "floor_divide": "a step",
    "gammasgn": "a step",
}


def undefined(entry):
    """Arguments for which the function has no value, although each of them is a number."""
    function = entry.function
    points = POINTS if function.nin < 3 else POINTS[::3]
    grid = np.array(list(itertools.product(points, repeat=function.nin))).T
    try:
        with np.errstate(all="ignore"):
            values = function(*grid)
    except TypeError:  # of whole numbers
        return grid[:, :0]
    return grid[:, np.isnan(values)]


@pytest.mark.filterwarnings("ignore:floating point number truncated")  # orders of `kn`, `yn`
@pytest.mark.parametrize("entry", UFUNCS, ids=[describe(entry.function) for entry in UFUNCS])
@np.errstate(all="ignore")
def test_where_a_function_has_no_value_it_has_no_slope(entry):
    arguments = undefined(entry)
    finite = set()
    for argument in entry.rules:
        place = list(entry.signature.parameters).index(argument)
        for x in (tuple(map(float, column)) for column in arguments.T):
            try:
                slope = ad.grad(entry.function, argnums=place)(*x)
            except AutodiffError:  # that cannot be computed at all
                break
            if not np.isnan(slope):
                finite.add((argument, x))
    assert bool(finite) == (entry.function.__name__ in EXCEPTIONS), finite


SOME = [(np.log, -1.0), (np.log1p, -2.0), (np.arctanh, 2.0), (np.sqrt, -1.0), (np.arccosh, 0.5)]


@pytest.mark.parametrize(("function", "outside"), SOME)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@np.errstate(all="ignore")
def test_only_the_elements_without_a_value_have_no_slope(function, outside, dtype):
    inside = 0.5 if function is not np.arccosh else 1.5
    x = np.array([inside, outside, inside], dtype)
    slopes = ad.grad(lambda x: np.sum(function(x)))(x)
    assert slopes.dtype == dtype
    assert np.isnan(slopes).tolist() == [False, True, False]
    chosen = ad.grad(lambda x: np.sum(np.where(x == inside, function(x), 0)))(x)
    assert chosen[1] == 0
    np.testing.assert_array_equal(chosen[[0, 2]], slopes[[0, 2]])


@pytest.mark.parametrize("function", [np.log, np.log2, np.log10, np.log1p, np.arctanh])
def test_complex_numbers_have_no_such_domain(function):
    z = np.array([-3.0 + 0.5j])
    _, pullback = ad.vjp(function, z)
    assert np.isfinite(pullback(np.ones(1, complex))).all()
