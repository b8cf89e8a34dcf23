"""What other libraries get wrong without a word is right here, or a clear error.

Each test names the library and what it does; the expected numbers are worked out by hand.
"""

import operator
import sys
import time

import numpy as np
import pytest

import autodiff as ad
import autodiff.numpy as anp
from autodiff.errors import FreedGraphError, GradientError, StaleValueError


def leaf(*values):
    return ad.tensor(list(values), requires_grad=True)


# ---------------------------------------------------------------- gradients that are lost


def test_full_like_has_a_gradient():
    """autograd: 0; MyGrad: detached."""
    assert ad.grad(lambda v: np.sum(np.full_like(v * np.zeros((2, 3)), v)))(2.0) == 6
    assert ad.grad(lambda v: np.sum(anp.full_like(np.zeros((2, 3)), v)))(2.0) == 6
    with pytest.raises(GradientError, match=r"ad\.numpy"):  # NumPy asks the first argument only
        np.full_like(np.zeros((2, 3)), leaf(2.0)[0])


def test_full_like_a_tensor_has_a_gradient_in_the_value_only():
    shape, value = leaf(1.0, 2.0), leaf(5.0)
    np.full_like(shape, value[0]).sum().backward()
    assert value.grad == 2
    assert shape.grad is None


def test_unique_has_a_gradient():
    """JAX: 0."""
    got = ad.grad(lambda x: np.sum(np.unique(x) * np.array([1.0, 2.0])))(np.array([3.0, 1.0, 3.0]))
    np.testing.assert_array_equal(got, [1, 1, 1])


@pytest.mark.parametrize(
    "name", ["array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray"]
)
def test_conversions_refuse_to_lose_the_gradient_and_work_in_autodiff_numpy(name):
    """MyGrad: detached in silence."""
    t = leaf(1.0, 2.0)
    with pytest.raises(GradientError, match=r"ad\.numpy\.array"):
        getattr(np, name)(t)
    getattr(anp, name)([t, t * t]).sum().backward()
    np.testing.assert_array_equal(t.grad, [3, 5])


def test_full_refuses_to_lose_the_gradient_and_works_in_autodiff_numpy():
    """MyGrad: detached in silence."""
    t = leaf(1.0)
    with pytest.raises(GradientError, match=r"ad\.numpy\.array"):
        np.full((2, 3), t[0])
    anp.full((2, 3), t).sum().backward()
    assert t.grad == 6


def test_a_method_of_a_plain_array_refuses_to_lose_the_gradient():
    """autograd: 0 for ``array.T.dot(x)``."""
    x = leaf(1.0, 2.0)
    for call in (
        np.ones((2, 2)).T.dot,
        np.ones(2).searchsorted,
        lambda t: np.ones(2).put([0, 1], t),
    ):
        with pytest.raises(GradientError, match="lose its gradient"):
            call(x)
    np.ones(2).clip(x, 3.0).sum().backward()  # this one asks
    np.testing.assert_array_equal(x.grad, [0.5, 1])


# ---------------------------------------------------------------- values that change


def test_a_captured_array_that_changes_is_noticed():
    """autograd: a wrong gradient."""
    weights = np.array([2.0, 3.0])
    with ad.debug():
        y = np.sum(leaf(1.0, 1.0) * weights)
        weights[0] = 100.0
        with pytest.raises(StaleValueError, match="multiply"):
            y.backward()


def test_a_change_through_numpy_is_noticed():
    """PyTorch: a wrong gradient."""
    x = leaf(1.0, 2.0)
    with ad.debug():
        y = np.sum(x * x)
        x.numpy()[0] = 5.0
        with pytest.raises(StaleValueError, match="multiply"):
            y.backward()


def test_a_change_through_a_view_made_earlier_is_noticed():
    """MyGrad: its lock does not see it."""
    data = np.array([1.0, 2.0])
    view = data[:1]
    x = ad.as_tensor(data)
    x.requires_grad = True
    with ad.debug():
        y = np.sum(np.square(x))
        view[0] = 5.0
        with pytest.raises(StaleValueError, match="square"):
            y.backward()


def test_a_change_through_the_tensor_is_noticed_without_debug():
    x = leaf(1.0, 2.0)
    y = np.sum(x * x)
    x.data += 1
    with pytest.raises(StaleValueError, match="multiply"):
        y.backward()


def test_a_tensor_made_of_an_array_does_not_change_with_it():
    data = np.array([1.0, 2.0])
    x = ad.tensor(data, requires_grad=True)
    y = np.sum(x * x)
    data[0] = 100.0
    y.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])


# ---------------------------------------------------------------- numbers that are wrong


@pytest.mark.parametrize(
    ("x", "expected"),
    [([0.0, 2.0, 3.0], [6, 0, 0]), ([0.0, 0.0, 3.0], [0, 0, 0]), ([4.0, 2.0, 0.5], [1, 2, 8])],
)
def test_a_product_with_zeros(x, expected):
    """autograd: nan."""
    np.testing.assert_array_equal(ad.grad(np.prod)(np.array(x)), expected)


@pytest.mark.parametrize(
    "function",
    [np.max, np.min, np.mean, np.average, np.median, lambda x: np.sort(x)[0],
     lambda x: np.unique(x)[0], lambda x: np.linalg.norm(x, np.inf)],
)  # fmt: skip
def test_a_share_of_many_elements_does_not_vanish_in_half_precision(function):
    """tinygrad: 0 for the maximum of 70,000 equal numbers, more than float16 can count."""
    g = ad.grad(function)(np.ones(70_000, np.float16))
    assert g.dtype == np.float16
    np.testing.assert_allclose(np.sum(g, dtype=float), 1.0, rtol=0.01)


@pytest.mark.parametrize("function", [np.var, np.std])
def test_a_spread_of_many_elements_has_a_gradient_in_half_precision(function):
    x = np.arange(70_000) % 2
    short, double = (ad.grad(function)(x.astype(dtype)) for dtype in (np.float16, float))
    np.testing.assert_allclose(short, double, rtol=0.02)


def test_two_leaves_with_the_same_value_are_two():
    """tinygrad: both get the sum of the gradients."""
    x, y = leaf(3.0), leaf(3.0)
    (x + y).sum().backward()
    assert (x.grad, y.grad) == (1, 1)


def test_of_two_values_for_one_place_the_last_one_counts():
    """PyTorch: both have a gradient."""
    values = leaf(1.0, 2.0)
    target = np.zeros_like(values, shape=1)
    target[[0, 0]] = values
    target.sum().backward()
    np.testing.assert_array_equal(values.grad, [0, 1])


@pytest.mark.parametrize("order", [None, 2, 1, np.inf])
def test_norms_are_flat_at_zero(order):
    """autograd, MyGrad and JAX: nan."""
    np.testing.assert_array_equal(ad.grad(lambda x: np.linalg.norm(x, order))(np.zeros(3)), 0)


def test_numbers_of_python_do_not_widen():
    """MyGrad: float64."""
    x = ad.tensor([1.0, 2.0], requires_grad=True, dtype=np.float32)
    for y in (x * 3, 3 * x, x + 1.5, x**2, x / 2.0, np.maximum(x, 0.0), np.where(x > 1, x, 0.0)):
        assert y.dtype == np.float32
        x.grad = None
        y.sum().backward()
        assert x.grad.dtype == np.float32


def test_nan_in_the_branch_not_taken_stays_there():
    """JAX and PyTorch: nan, unless both branches are finite."""

    got = ad.grad(lambda x: np.sum(np.where(x > 0, x, x + np.nan)))(np.array([1.0, 2.0]))
    np.testing.assert_array_equal(got, [1, 1])


# ---------------------------------------------------------------- ties and kinks, one convention


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (np.max, [2.0, 2.0], [0.5, 0.5]),  # MyGrad: 1 and 0
        (lambda x: np.maximum(x[0], x[1]), [2.0, 2.0], [0.5, 0.5]),
        (lambda x: np.sum(np.abs(x)), [0.0, 0.0], [0, 0]),  # JAX: 1
        (np.median, [1.0, 1.0], [0.5, 0.5]),
        (np.linalg.norm, [0.0, 0.0], [0, 0]),
    ],
)
def test_conventions(function, x, expected):
    np.testing.assert_array_equal(ad.grad(function)(np.array(x)), expected)


# ---------------------------------------------------------------- graphs


def test_a_second_backward_is_right_or_an_error():
    """micrograd: wrong numbers."""
    x = ad.tensor(3.0, requires_grad=True)
    y = x * x + x
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad == 14
    with pytest.raises(FreedGraphError, match="retain_graph"):
        y.backward()


def test_a_long_chain_does_not_recurse():
    """micrograd: RecursionError."""
    x = y = ad.tensor(1.0, requires_grad=True)
    for _ in range(20 * sys.getrecursionlimit()):
        y = y + x * 0.5
    y.backward()
    assert x.grad == 1 + 10 * sys.getrecursionlimit()


@pytest.mark.parametrize("operation", [operator.mul, operator.add, operator.truediv, np.hypot])
@pytest.mark.parametrize(("a", "b"), [((3, 1), (3, 4)), ((3, 4), (4,)), ((1, 4), (3, 1))])
def test_broadcasting_is_undone(operation, a, b):
    """The NumPy form of micrograd: an error in the backward pass."""
    x = ad.tensor(np.full(a, 2.0), requires_grad=True)
    y = ad.tensor(np.full(b, 4.0), requires_grad=True)
    operation(x, y).sum().backward()
    assert x.grad.shape == a
    assert y.grad.shape == b
    assert x.grad.sum() / y.grad.sum() == pytest.approx(
        {operator.mul: 2, operator.add: 1, operator.truediv: -2, np.hypot: 0.5}[operation]
    )


def test_a_backward_pass_takes_time_in_proportion_to_the_graph():
    """The NumPy form of micrograd: quadratic."""

    def seconds(length):
        x = y = ad.tensor(1.0, requires_grad=True)
        for _ in range(length):
            y = y * 1.0001
        start = time.perf_counter()
        (y + x).backward()
        return time.perf_counter() - start

    short = min(seconds(2_000) for _ in range(3))
    long = min(seconds(32_000) for _ in range(3))
    assert long < 16 * 8 * short  # quadratic would be 256 times


def test_assignment_to_a_tensor_that_went_twice_into_one_function():
    x = ad.tensor([2.0, 3.0], requires_grad=True)
    y = x * 1
    square = y * y  # y goes in twice
    y[0] = 5.0  # a new value; the product keeps the old one
    np.sum(square + y * y).backward()
    assert np.array_equal(x.grad, [4.0, 12.0])  # 2 * 2; 2 * 3 from either product
