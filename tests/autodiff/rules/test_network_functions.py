"""What the generated tests do not see of the functions of networks: limits, layouts, errors."""

import math

import numpy as np
import pytest

import autodiff as ad
from autodiff import functions as F


def test_the_normal_distribution_is_precise_far_out():
    x = np.linspace(-37, 8, 4001)
    exact = np.array([0.5 * math.erfc(-v * math.sqrt(0.5)) for v in x])
    np.testing.assert_allclose(F.normal_cdf(x), exact, rtol=1e-13, atol=0)
    np.testing.assert_allclose(F.normal_cdf(x), exact, rtol=0, atol=2e-15)
    short = F.normal_cdf(x.astype(np.float32))
    assert short.dtype == np.float32
    np.testing.assert_allclose(short, exact, atol=1.2e-7)


def test_the_normal_distribution_at_the_ends_and_of_other_numbers():
    ends = np.array([-np.inf, np.inf, np.nan, 0.0])
    np.testing.assert_allclose(F.normal_cdf(ends), [0, 1, np.nan, 0.5], atol=1e-15)
    np.testing.assert_allclose(
        F.normal_cdf(ends.astype(np.float32)), [0, 1, np.nan, 0.5], atol=1e-7
    )
    assert F.normal_cdf(np.float16(1)).dtype == np.float16
    assert F.normal_cdf(1) == pytest.approx(0.8413447460685429, abs=2e-15)


def test_the_smooth_elu_has_one_slope_at_zero():
    assert ad.grad(F.elu)(0.0) == 1.0
    assert ad.grad(lambda x: F.elu(x, 2.0))(0.0) == 2.0
    assert ad.grad(F.elu)(-1e-9) == pytest.approx(1.0)


def test_a_leaky_relu_has_its_slope_at_zero_and_one_slope_for_each_channel():
    assert ad.grad(lambda x: F.leaky_relu(x, 0.1))(0.0) == pytest.approx(0.1)
    x = np.array([[-1.0, -1.0], [2.0, -3.0]])
    slopes = ad.tensor([0.1, 0.2], requires_grad=True)
    np.sum(F.leaky_relu(x, slopes)).backward()
    np.testing.assert_allclose(slopes.grad, [-1.0, -4.0])


def test_normalizing_does_not_lose_digits_to_a_large_mean():
    x = np.random.default_rng(0).normal(size=(4, 1000)) + 1e6
    normal, mean, variance = F.normalize(x)
    np.testing.assert_allclose(variance[:, 0], x.var(axis=1), rtol=1e-6)
    np.testing.assert_allclose(mean[:, 0], x.mean(axis=1), rtol=1e-12)
    np.testing.assert_allclose(normal.std(axis=1), 1, rtol=1e-4)


@pytest.mark.parametrize("axis", [0, -1, (0, 2), (1, 2), (0, 1, 2)])
def test_normalizing_gives_gradients_to_the_mean_and_the_variance_alone_too(axis):
    x = np.random.default_rng(0).normal(size=(3, 4, 5))
    for which, alone in ((1, np.mean), (2, np.var)):
        found = ad.grad(lambda x, i=which: np.sum(np.sin(F.normalize(x, axis)[i])))(x)
        expected = ad.grad(lambda x, f=alone: np.sum(np.sin(f(x, axis=axis))))(x)
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_rows_of_a_table_are_looked_up_and_added_to():
    table = ad.tensor(np.arange(12.0).reshape(4, 3), requires_grad=True)
    indices = np.array([[0, 2, 2], [-1, 0, 2]])
    rows = F.embed(table, indices)
    np.testing.assert_array_equal(rows.numpy(), table.numpy()[indices])
    weights = np.random.default_rng(0).normal(size=rows.shape)
    rows.backward(weights)
    expected = np.zeros((4, 3))
    np.add.at(expected, indices, weights)
    np.testing.assert_allclose(table.grad, expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint64])
def test_indices_may_be_any_whole_numbers(dtype):
    table = ad.tensor(np.eye(200, 3), requires_grad=True)
    F.embed(table, np.array([199, 1], dtype)).backward(np.ones((2, 3)))
    np.testing.assert_array_equal(np.flatnonzero(table.grad[:, 0]), [1, 199])


def test_rows_of_any_shape_and_no_indices_at_all():
    table = ad.tensor(np.ones((3, 2, 2)), requires_grad=True)
    assert F.embed(table, 1).shape == (2, 2)
    empty = F.embed(table, np.zeros((0, 5), int))
    assert empty.shape == (0, 5, 2, 2)
    empty.backward(np.zeros(empty.shape))
    assert not table.grad.any()


def test_wrong_indices_are_named():
    with pytest.raises(IndexError, match="embed: index 7 is beyond a table of 3 rows"):
        F.embed(np.ones((3, 2)), np.array([0, 7]))
    with pytest.raises(IndexError, match="index -4"):
        F.embed(np.ones((3, 2)), np.array([-4]))
    with pytest.raises(TypeError, match="indices are whole numbers, not float64"):
        F.embed(np.ones((3, 2)), np.array([0.5]))
