"""Statistics and histograms, where generated calls do not look."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.testing import check_grads

NAN = np.nan
X = np.array([[1.0, NAN, 4.0], [NAN, NAN, 2.0]])
RNG = np.random.default_rng(0)

# ---------------------------------------------------------------- without NaN


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (np.nansum, [[1, 0, 1], [0, 0, 1]]),
        (np.nanmean, [[1 / 3, 0, 1 / 3], [0, 0, 1 / 3]]),
        (np.nanprod, [[8, 0, 2], [0, 0, 4]]),
        (np.nanmax, [[0, 0, 1], [0, 0, 0]]),
        (np.nanmin, [[1, 0, 0], [0, 0, 0]]),
        (lambda x: np.sum(np.nancumsum(x)), [[6, 0, 4], [0, 0, 1]]),
        (lambda x: np.nanpercentile(x, 25), [[0.5, 0, 0], [0, 0, 0.5]]),
    ],
)
def test_what_is_not_a_number_has_no_gradient(function, expected):
    np.testing.assert_allclose(ad.grad(function)(X), expected)


@pytest.mark.parametrize("function", [np.nanvar, np.nanstd])
@pytest.mark.parametrize("ddof", [0, 1])
def test_variances_without_nan_are_those_of_the_other_elements(function, ddof):
    plain = {np.nanvar: np.var, np.nanstd: np.std}[function]
    valid = ~np.isnan(X)
    got = ad.grad(lambda x: function(x, ddof=ddof))(X)
    expected = ad.grad(lambda x: plain(x, ddof=ddof))(X[valid])
    np.testing.assert_allclose(got[valid], expected)
    np.testing.assert_array_equal(got[~valid], 0)


@pytest.mark.parametrize("name", ["nanmax", "nanmin", "nanmean", "nanmedian", "nanvar", "nanstd"])
def test_a_lane_without_numbers_warns_as_numpy_does(name):
    function = getattr(np, name)
    t = ad.tensor([[1.0, 2.0], [NAN, NAN]], requires_grad=True)
    with pytest.warns(RuntimeWarning, match=r"All-NaN|empty slice|Degrees"):
        y = function(t, axis=1)
    assert np.isnan(y.data[1])
    assert np.isfinite(y.data[0])
    y[0].backward()
    np.testing.assert_array_equal(t.grad[1], 0)


def test_an_initial_value_stands_in_for_a_lane_without_numbers():
    t = ad.tensor([[1.0, 2.0], [NAN, NAN]], requires_grad=True)
    np.testing.assert_array_equal(np.nanmax(t, axis=1, initial=-5.0).data, [2, -5])


# ---------------------------------------------------------------- averages, covariance


def test_average_has_a_gradient_in_its_weights():
    check_grads(lambda x, w: np.average(x, axis=1, weights=w), RNG.normal(size=(2, 3)), np.ones(3))
    with pytest.raises(ZeroDivisionError, match="add up to zero"):
        np.average(ad.tensor([1.0, 2.0]), weights=[1.0, -1.0])
    with pytest.raises(TypeError, match=r"need axis="):
        np.average(ad.tensor(np.ones((2, 3))), weights=[1.0, 1.0, 1.0])


def test_weights_of_an_average_over_two_axes():
    x, w = RNG.normal(size=(2, 3, 4)), RNG.uniform(size=(4, 2))
    y = np.average(ad.tensor(x), axis=(2, 0), weights=ad.tensor(w))
    np.testing.assert_allclose(y.data, np.average(x, axis=(2, 0), weights=w))
    check_grads(lambda x, w: np.average(x, axis=(2, 0), weights=w), x, w)


@pytest.mark.parametrize("rowvar", [True, False])
@pytest.mark.parametrize("shape", [(3, 5), (5,)])
def test_covariance_takes_variables_in_rows_or_columns(shape, rowvar):
    x = RNG.normal(size=shape)
    np.testing.assert_allclose(
        np.cov(ad.tensor(x), rowvar=rowvar).data, np.cov(x, rowvar=rowvar), atol=1e-14
    )
    check_grads(lambda x: np.cov(x, rowvar=rowvar), x)


def test_the_correlation_of_a_variable_with_itself_is_one_and_flat():
    x = ad.tensor(RNG.normal(size=(2, 4)), requires_grad=True)
    c = np.corrcoef(x)
    assert np.all(np.abs(c.data) <= 1)
    c[0, 0].backward()
    np.testing.assert_allclose(x.grad, 0, atol=1e-15)


def test_complex_covariance():
    z = RNG.normal(size=(2, 4)) + 1j * RNG.normal(size=(2, 4))
    np.testing.assert_allclose(np.cov(ad.tensor(z)).data, np.cov(z))
    np.testing.assert_allclose(np.corrcoef(ad.tensor(z)).data, np.corrcoef(z))
    check_grads(np.cov, z)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"fweights": [1.5, 1, 1]}, TypeError, "whole numbers"),
        ({"aweights": [-1.0, 1, 1]}, ValueError, "negative"),
        ({"aweights": [1.0, 1]}, RuntimeError, "3 observations"),
    ],
)
def test_wrong_weights_of_a_covariance(options, error, message):
    with pytest.raises(error, match=message):
        np.cov(ad.tensor(np.ones((2, 3))), **options)


def test_too_few_observations_warn():
    with (
        pytest.warns(RuntimeWarning, match="Degrees of freedom"),
        np.errstate(divide="ignore", invalid="ignore"),
    ):
        np.cov(ad.tensor([[1.0], [2.0]]))


# ---------------------------------------------------------------- histograms

A = np.array([0.1, 0.5, 0.9, 0.52, 2.0])


def test_counts_are_constant():
    t = ad.tensor(A, requires_grad=True)
    counts, _ = np.histogram(t, bins=[0.0, 0.5, 1.0])
    np.testing.assert_array_equal(counts, [1, 3])
    assert type(counts) is np.ndarray
    np.testing.assert_array_equal(np.bincount(ad.tensor([0, 2, 2])).data, [1, 0, 2])


def test_weights_are_counted_in_their_bins():
    weights = ad.tensor(np.arange(1.0, 6.0), requires_grad=True)
    counts, _ = np.histogram(A, bins=[0.0, 0.5, 1.0, 2.0], weights=weights)
    np.testing.assert_array_equal(counts.data, [1, 9, 5])  # the last edge belongs to the last bin
    (counts * np.array([1.0, 10.0, 100.0])).sum().backward()
    np.testing.assert_array_equal(weights.grad, [1, 10, 10, 10, 100])


def test_edges_follow_the_smallest_and_the_largest_element():
    t = ad.tensor(A, requires_grad=True)
    _, edges = np.histogram(t, bins=4)
    edges[1].backward()
    np.testing.assert_allclose(t.grad, [0.75, 0, 0, 0, 0.25])


@pytest.mark.parametrize("bins", [3, "auto", "sturges", [0.0, 1.0, 3.0]])
@pytest.mark.parametrize("limits", [None, (-1.0, 3.0)])
@pytest.mark.parametrize("density", [True, False])
def test_histograms_are_those_of_numpy(bins, limits, density):
    expected, bounds = np.histogram(A, bins, limits, density)
    counts, edges = np.histogram(ad.tensor(A), bins, limits, density)
    np.testing.assert_allclose(counts if isinstance(counts, np.ndarray) else counts.data, expected)
    np.testing.assert_allclose(edges.data, bounds)


def test_equal_elements_have_a_histogram():
    counts, edges = np.histogram(ad.tensor([2.0, 2.0], requires_grad=True), bins=2)
    np.testing.assert_array_equal(counts, [0, 2])
    np.testing.assert_array_equal(edges.data, [1.5, 2, 2.5])


@pytest.mark.parametrize("bins", [3, [2, 3], [np.array([0.0, 1, 3]), 2], np.array([-1.0, 0, 1, 2])])
def test_histograms_of_the_plane(bins):
    y, w = RNG.normal(size=5), RNG.uniform(size=5)
    expected = np.histogram2d(A, y, bins, weights=w)
    got = np.histogram2d(A, y, bins, weights=ad.tensor(w))
    for ours, theirs in zip(got, expected, strict=True):
        np.testing.assert_allclose(np.asarray(ours), theirs)


def test_histogramdd_takes_a_sequence_of_arrays():
    sample = [ad.tensor(A), A[::-1].copy()]
    counts, edges = np.histogramdd(sample, bins=(2, 3), range=[(0, 2), (0, 2)])
    expected, bounds = np.histogramdd([A, A[::-1]], bins=(2, 3), range=[(0, 2), (0, 2)])
    np.testing.assert_array_equal(counts, expected)
    for ours, theirs in zip(edges, bounds, strict=True):
        np.testing.assert_array_equal(ours.data, theirs)
    with pytest.raises(ValueError, match="2 dimensions, but bins for 3"):
        np.histogramdd(sample, bins=(1, 2, 3))
