"""Ties share equally wherever elements are put in order; sets carry the gradient of values."""

import numpy as np
import pytest

import autodiff as ad


def slopes(function, x, weights=None):
    """The gradient of the (weighted) sum of ``function(x)``."""

    def total(x):
        y = function(x)
        return np.sum(y * (np.ones(y.shape) if weights is None else weights))

    return ad.grad(total)(np.asarray(x, float))


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (lambda x: np.sort(x)[0], [1, 3, 1], [0.5, 0, 0.5]),
        (lambda x: np.sort(x)[1:], [1, 3, 1], [0.5, 1, 0.5]),
        (lambda x: np.sort(x, axis=None)[-1], [[2, 2], [2, 1]], [[1 / 3, 1 / 3], [1 / 3, 0]]),
        (lambda x: np.partition(x, 1)[1], [5, 4, 4, 9], [0, 0.5, 0.5, 0]),
        (np.median, [1, 1, 2], [0.5, 0.5, 0]),
        (np.median, [1, 1, 2, 2], [0.25, 0.25, 0.25, 0.25]),
        (np.nanmedian, [1, np.nan, 1, 2], [0.5, 0, 0.5, 0]),
        (lambda x: np.quantile(x, 0.25), [4, 1, 1, 1], [0, 1 / 3, 1 / 3, 1 / 3]),
        (lambda x: np.percentile(x, 100), [4, 4, 1], [0.5, 0.5, 0]),
        (np.ptp, [3, 3, 1, 1], [0.5, 0.5, -0.5, -0.5]),
        (np.nanmax, [3, np.nan, 3], [0.5, 0, 0.5]),
    ],
)
def test_equal_elements_share(function, x, expected):
    np.testing.assert_allclose(slopes(function, x), expected)


def test_a_sorted_array_without_ties_hands_each_element_its_own():
    x = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, -1.0]])
    weights = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(slopes(np.sort, x, weights), [[2, 0, 1], [4, 5, 3]])


@pytest.mark.parametrize("axis", [0, 1, -1, None])
@pytest.mark.parametrize("kth", [0, 2, [1, 3]])
def test_partition_follows_every_element_to_where_numpy_puts_it(kth, axis):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 4))
    weights = rng.normal(size=20 if axis is None else (5, 4))
    got = slopes(lambda x: np.partition(x, kth, axis), x, weights)
    y = np.partition(x, kth, axis)
    for value, slope in zip(x.ravel(), got.ravel(), strict=True):
        assert slope == weights[y == value].item()


def test_median_and_quantile_through_a_lane_with_nan():
    x = np.array([[1.0, np.nan, 3.0], [1.0, 2.0, 6.0]])
    with np.errstate(invalid="ignore"):
        y = np.median(ad.tensor(x, requires_grad=True), axis=1)
    np.testing.assert_array_equal(y.data, [np.nan, 2.0])
    np.testing.assert_array_equal(
        slopes(lambda x: np.nanmedian(x, axis=1), x), [[0.5, 0, 0.5], [0, 1, 0]]
    )


@pytest.mark.parametrize(("method", "order", "rate"), [("linear", 1 / 3, 3), ("hazen", 3 / 8, 4)])
def test_the_slope_of_a_quantile_in_its_order_is_at_an_element_the_mean_of_both_sides(
    method, order, rate
):
    x = np.array([0.0, 1.0, 5.0, 6.0])
    assert np.quantile(x, order, method=method) == 1
    slope = ad.grad(lambda q: np.quantile(x, q, method=method))(order)
    assert slope == pytest.approx(rate * (1 + 4) / 2)


def test_a_step_method_is_flat_in_its_order():
    assert ad.grad(lambda q: np.quantile(np.array([1.0, 2.0, 4.0]), q, method="lower"))(0.3) == 0


def test_a_weighted_quantile_is_one_of_the_elements():
    x, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0])
    got = ad.grad(lambda x: np.quantile(x, 0.5, weights=weights, method="inverted_cdf"))(x)
    np.testing.assert_array_equal(got, [0, 0, 1])


# ---------------------------------------------------------------- sets


def test_each_copy_of_a_value_has_its_share_of_unique():
    weights = np.array([10.0, 20.0, 60.0])
    got = slopes(np.unique, [3.0, 1.0, 3.0, 2.0, 3.0], weights)
    np.testing.assert_array_equal(got, [20, 10, 20, 20, 20])


def test_unique_along_an_axis():
    x = np.array([[1.0, 2.0], [0.0, 5.0], [1.0, 2.0]])
    weights = np.array([[1.0, 2.0], [10.0, 20.0]])
    got = slopes(lambda x: np.unique(x, axis=0), x, weights)
    np.testing.assert_array_equal(got, [[5, 10], [1, 2], [5, 10]])


def test_unique_returns_plain_positions_and_counts():
    x = ad.tensor([3.0, 1.0, 3.0], requires_grad=True)
    values, index, inverse, counts = np.unique(
        x, return_index=True, return_inverse=True, return_counts=True
    )
    assert values.requires_grad
    for plain, expected in ((index, [1, 0]), (inverse, [1, 0, 1]), (counts, [1, 2])):
        assert type(plain) is np.ndarray
        np.testing.assert_array_equal(plain, expected)
    found = np.unique_all(x)
    assert found.values.requires_grad
    np.testing.assert_array_equal(found.counts, [1, 2])


def test_a_value_in_both_sets_belongs_to_both():
    a, b = np.array([1.0, 2.0, 4.0]), np.array([2.0, 3.0, 4.0])

    def total(function):
        weights = np.array([1.0, 10.0, 100.0, 1000.0])

        def f(a, b):
            y = function(a, b)
            return np.sum(y * weights[: len(y)])

        return ad.grad(f, argnums=(0, 1))(a, b)

    for function, from_a, from_b in (
        (np.union1d, [1, 5, 500], [5, 100, 500]),
        (np.intersect1d, [0, 0.5, 5], [0.5, 0, 5]),
        (np.setxor1d, [1, 0, 0], [0, 10, 0]),
        (np.setdiff1d, [1, 0, 0], [0, 0, 0]),
    ):
        got = total(function)
        np.testing.assert_array_equal(got[0], from_a)
        np.testing.assert_array_equal(got[1], from_b)


def test_intersect1d_returns_positions():
    a = ad.tensor([5.0, 1.0, 2.0], requires_grad=True)
    values, first, second = np.intersect1d(a, [2.0, 5.0], return_indices=True)
    assert values.requires_grad
    np.testing.assert_array_equal(first, [2, 0])
    np.testing.assert_array_equal(second, [0, 1])


def test_setdiff1d_keeps_the_order_of_what_is_unique_already():
    a = ad.tensor([5.0, 1.0, 2.0], requires_grad=True)
    y = np.setdiff1d(a, [1.0], assume_unique=True)
    np.testing.assert_array_equal(y.data, [5, 2])
    (y * np.array([1.0, 10.0])).sum().backward()
    np.testing.assert_array_equal(a.grad, [1, 0, 10])
