"""Differences, interpolation, convolution, polynomials and sequences, at their special points."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.testing import check_grads

RNG = np.random.default_rng(0)

# ---------------------------------------------------------------- differences


def test_gradient_at_a_hole_in_the_data():
    f = ad.tensor([1.0, 2.0, np.nan, 4.0, 5.0])
    np.testing.assert_array_equal(np.isnan(np.gradient(f).data), [False, True, False, True, False])


@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((1.0, 2.0, 3.0), {}, TypeError, "3 spacings for 2 axes"),
        ((np.arange(3.0), np.arange(3.0)), {}, ValueError, r"shape \(3,\) for an axis of 2"),
        ((), {"edge_order": 2}, ValueError, "needs 3"),
    ],
)
def test_spacings_that_do_not_fit(arguments, options, error, message):
    with pytest.raises(error, match=message):
        np.gradient(ad.tensor(np.ones((2, 3))), *arguments, **options)


def test_differences_of_truth_values_are_truth_values():
    np.testing.assert_array_equal(np.diff(ad.tensor([True, True, False])), [False, True])


def test_cumulative_sums_need_an_axis():
    cumulative = pytest.importorskip("numpy", minversion="2.1").cumulative_sum
    with pytest.raises(ValueError, match=r"needs axis="):
        cumulative(ad.tensor(np.ones((2, 2))))


def test_unwrapping_adds_constants():
    p = np.array([0.0, 3.0, -3.0, 2.5])
    np.testing.assert_allclose(np.unwrap(ad.tensor(p)).data, np.unwrap(p))
    check_grads(np.unwrap, p)
    whole = np.unwrap(ad.tensor([1, 3, -1]), period=4)
    np.testing.assert_array_equal(whole.data, np.unwrap([1, 3, -1], period=4))


# ---------------------------------------------------------------- interpolation

KNOTS, VALUES = np.array([0.0, 1.0, 3.0]), np.array([1.0, 3.0, 0.0])


@pytest.mark.parametrize(
    ("x", "expected"), [(0.5, 2), (1.0, 0.25), (2, -1.5), (0.0, 1), (3.0, -0.75), (5.0, 0)]
)
def test_the_slope_at_a_knot_is_the_mean_of_both_sides(x, expected):
    assert ad.grad(lambda x: np.interp(x, KNOTS, VALUES))(float(x)) == expected


def test_beyond_the_ends_the_borders_have_the_gradient():
    x = np.array([-1.0, 0.0, 4.0])
    got = ad.grad(lambda f: np.sum(np.interp(x, KNOTS, f)))(VALUES)
    np.testing.assert_array_equal(got, [2, 0, 1])
    fp = ad.tensor(VALUES, requires_grad=True)
    left, right = ad.tensor(7.0, requires_grad=True), ad.tensor(8.0, requires_grad=True)
    np.interp(x, KNOTS, fp, left, right).sum().backward()
    np.testing.assert_array_equal([left.grad, *fp.grad, right.grad], [1, 1, 0, 0, 1])


@pytest.mark.parametrize("x", [0.3, [0.0, 1.0, 3.0], [[-2.0, np.nan], [0.5, 9.0]]])
@pytest.mark.parametrize("options", [{}, {"left": -1.0, "right": 9.0}, {"period": 2.5}])
def test_values_of_interp_are_those_of_numpy(x, options):
    expected = np.interp(x, KNOTS, VALUES, **options)
    got = np.interp(np.array(x), KNOTS, ad.tensor(VALUES), **options)
    np.testing.assert_allclose(got.data, expected, rtol=1e-15)


def test_a_single_knot_and_complex_values():
    for x in (-1.0, 2.0, 5.0):
        assert np.interp(x, [2.0], ad.tensor([7.0]), 1.0, 9.0).item() == np.interp(
            x, [2.0], [7.0], 1.0, 9.0
        )
    check_grads(lambda f: np.interp([0.2, 2.2], KNOTS, f), VALUES + 1j)


# ---------------------------------------------------------------- convolution


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("function", [np.convolve, np.correlate])
@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 5), (5, 2), (4, 3), (3, 4), (4, 4)])
def test_convolutions_of_complex_numbers(function, mode, n, m):
    a, v = (RNG.normal(size=k) + 1j * RNG.normal(size=k) for k in (n, m))
    got = function(ad.tensor(a), ad.tensor(v), mode)
    np.testing.assert_allclose(got.data, function(a, v, mode), rtol=1e-12)
    check_grads(lambda a, v: function(a, v, mode), a, v, order=1)


def test_what_cannot_be_convolved():
    with pytest.raises(ValueError, match=r"shape \(0,\)"):
        np.convolve(ad.tensor([]), [1.0])
    with pytest.raises(ValueError, match="'middle'"):
        np.convolve(ad.tensor([1.0]), [1.0], "middle")


# ---------------------------------------------------------------- polynomials


def test_roots_of_a_real_polynomial_may_be_complex():
    p = np.array([1.0, -2.0, 5.0])  # 1 + 2i and 1 - 2i
    slope = ad.grad(lambda p: np.sum(np.imag(np.roots(p)) ** 2))(p)
    # imag**2 = c - b**2 / 4, for each of the two roots (with a = 1)
    np.testing.assert_allclose(slope[1:], [2.0, 2.0])
    check_grads(lambda p: np.sum(np.abs(np.roots(p)) ** 2), p)


def test_roots_with_zeros_at_either_end():
    p = np.array([0.0, 2.0, -6.0, 4.0, 0.0])  # 2 x (x - 1) (x - 2)
    slope = ad.grad(lambda p: np.sum(np.sort(np.roots(p))[1:]))(p)
    # The sum of the roots is -b / a; the smallest one moves by -e / d.
    np.testing.assert_allclose(slope[1:], [-6 / 4, -1 / 2, 0, 1 / 4], atol=1e-12)


def test_poly_of_conjugate_pairs_is_real():
    z = np.array([1 + 2j, 1 - 2j])
    p = np.poly(ad.tensor(z, requires_grad=True))
    assert p.dtype == float
    np.testing.assert_allclose(p.data, [1, -2, 5])


def test_poly_of_a_matrix_is_its_characteristic_polynomial():
    a = np.array([[2.0, 1.0], [0.5, -1.0]])
    np.testing.assert_allclose(np.poly(ad.tensor(a)).data, np.poly(a))
    check_grads(np.poly, a, order=1)


def test_polynomial_objects_take_coefficients_with_a_gradient():
    def f(c, x):
        p = np.poly1d(c)
        return (p * p + p.deriv())(x) + p.integ()(x)

    check_grads(f, np.array([1.0, -2.0, 0.5]), 0.7)


def test_polydiv_trims_the_remainder_as_numpy_does():
    u, v = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 1.0, 1.0])
    for ours, theirs in zip(np.polydiv(ad.tensor(u), v), np.polydiv(u, v), strict=True):
        np.testing.assert_allclose(ours.data, theirs)
    quotient, rest = np.polydiv(ad.tensor([1.0, 2.0]), v)
    np.testing.assert_array_equal(quotient.data, [0])
    np.testing.assert_array_equal(rest.data, [1, 2])


def test_polyfit_returns_what_is_asked_for():
    x, y = np.linspace(-1, 1, 7), RNG.normal(size=7)
    got = np.polyfit(ad.tensor(x), ad.tensor(y), 2, full=True)
    expected = np.polyfit(x, y, 2, full=True)
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(np.asarray(ours), theirs, rtol=1e-9)
    with pytest.raises(ValueError, match="too few to scale"):
        np.polyfit(ad.tensor(x[:3]), y[:3], 2, cov=True)
    with pytest.warns(np.exceptions.RankWarning):
        np.polyfit(ad.tensor(np.ones(4)), y[:4], 1)


# ---------------------------------------------------------------- sequences


@pytest.mark.parametrize("function", [np.linspace, np.geomspace, np.logspace])
def test_sequences_between_tensors_are_those_of_numpy(function):
    for dtype in (None, np.float32):
        got = function(ad.tensor(1.0), 3.0, 5, dtype=dtype)
        expected = function(1.0, 3.0, 5, dtype=dtype)
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got.data, expected)


def test_the_distance_of_a_sequence_has_a_gradient():
    check_grads(lambda a, b: np.linspace(a, b, 5, retstep=True)[1], 1.0, 3.0)


def test_the_base_of_a_logarithmic_sequence_may_be_an_array():
    base = np.array([2.0, 10.0])
    got = np.logspace(ad.tensor(0.5), 2.0, 3, base=base, axis=-1)
    np.testing.assert_allclose(got.data, np.logspace(0.5, 2.0, 3, base=base, axis=-1))
    check_grads(lambda b: np.logspace(0.5, 2.0, 3, base=b), base)


def test_functions_of_lines_may_return_arrays_of_any_shape():
    x = RNG.normal(size=(2, 3, 2))
    for function in (np.sum, np.diag, lambda v: np.stack([v, v * v])):
        for axis in (0, 1, -1):
            got = np.apply_along_axis(function, axis, ad.tensor(x))
            np.testing.assert_allclose(got.data, np.apply_along_axis(function, axis, x))
    with pytest.raises(ValueError, match="no lines"):
        np.apply_along_axis(np.sum, 0, ad.tensor(np.ones((2, 0))))


def test_fromfunction_calls_a_function_of_tensors():
    t = ad.tensor([1.0, 2.0], requires_grad=True)
    y = np.fromfunction(lambda i, j: t[i.astype(int)] * j, (2, 3))
    y.sum().backward()
    np.testing.assert_array_equal(t.grad, [3, 3])
