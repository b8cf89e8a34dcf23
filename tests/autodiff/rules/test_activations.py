"""Activations and softmax on every way through the code: sizes, layouts, dtypes, limits."""

import math

import numpy as np
import pytest

import autodiff as ad
from autodiff import functions as F
from autodiff.engine.sums import channel_sums, leading_sums, row_sums

# The slopes of functions of one number, which the rules compute in another form.
SLOPES = {
    np.tanh: lambda x: 1 / np.cosh(x) ** 2,
    F.sigmoid: lambda x: 1 / (2 + 2 * np.cosh(x)),
    F.relu: lambda x: np.where(x > 0, 1.0, 0.0),
}


def arrays(dtype):
    """Numbers from -3 to 3 in all sizes and layouts that are treated differently."""
    for shape in ((), (1,), (10,), (1025,), (5000,), (0, 3), (2, 0), (70, 80), (3, 200_000)):
        size = math.prod(shape)
        yield np.linspace(-3, 3, size).reshape(shape).astype(dtype)[()]
    yield np.linspace(-3, 3, 7000).reshape(70, 100).astype(dtype).T
    yield np.linspace(-3, 3, 14000).astype(dtype)[::2]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("function", SLOPES, ids=lambda f: f.__name__)
def test_slopes_are_right_in_every_size_layout_and_dtype(function, dtype):
    close = {"rtol": 8 * np.finfo(dtype).eps, "atol": 4 * np.finfo(dtype).eps}
    for values in arrays(dtype):
        x = ad.tensor(values, requires_grad=True)
        y = function(x)
        seeds = np.cos(values)
        y.backward(seeds)
        wide = np.asarray(values, np.result_type(dtype, np.float64))
        assert y.dtype == dtype
        assert x.grad.dtype == dtype
        assert y.shape == x.grad.shape == values.shape
        np.testing.assert_allclose(y.numpy(), function(wide), **close)
        np.testing.assert_allclose(x.grad, np.cos(wide) * SLOPES[function](wide), **close)


@pytest.mark.parametrize("function", SLOPES, ids=lambda f: f.__name__)
def test_rules_change_neither_the_result_nor_what_comes_back(function):
    for size in (10, 5000):
        x = ad.tensor(np.linspace(-2, 2, size), requires_grad=True)
        y = function(x)
        seeds, before = np.ones(size), y.numpy().copy()
        y.backward(seeds)
        np.testing.assert_array_equal(seeds, 1)
        np.testing.assert_array_equal(y.numpy(), before)


@pytest.mark.parametrize("size", [10, 5000])
def test_relu_lets_a_nan_through(size):
    x = ad.tensor(np.full(size, np.nan), requires_grad=True)
    y = F.relu(x)
    assert np.isnan(y.numpy()).all()
    y.backward(y.numpy())
    assert np.isnan(x.grad).all()


def test_relu_of_whole_numbers_and_of_lists():
    np.testing.assert_array_equal(F.relu(np.arange(-3000, 3000)), np.maximum(range(-3000, 3000), 0))
    np.testing.assert_array_equal(F.relu([-1, 2]), [0, 2])


# ---------------------------------------------------------------- GELU


@pytest.mark.parametrize("approximate", [False, True])
def test_gelu_is_its_formula(approximate):
    x = np.linspace(-6, 6, 2401)
    if approximate:
        gate = 0.5 + 0.5 * np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))
    else:
        gate = np.array([0.5 * math.erfc(-v * math.sqrt(0.5)) for v in x])
    for dtype in (np.float64, np.float32, np.float16):
        result = F.gelu(x.astype(dtype), approximate)
        assert result.dtype == dtype
        atol = 8 * np.finfo(dtype).eps
        np.testing.assert_allclose(result, x * gate, rtol=atol, atol=atol)
    assert F.gelu(x[7], approximate) == pytest.approx(x[7] * gate[7])
    assert F.gelu(2, approximate) == pytest.approx(F.gelu(2.0, approximate))


@pytest.mark.parametrize("approximate", [False, True])
def test_gelu_is_flat_or_the_identity_far_out(approximate):
    slope = ad.grad(lambda x: np.sum(F.gelu(x, approximate)))
    np.testing.assert_allclose(slope(np.array([-30.0, 0.0, 30.0])), [0, 0.5, 1], atol=1e-15)


# ---------------------------------------------------------------- softmax

ROWS = {
    "moderate": [[0.0, 1.0, 39.9], [-39.9, 0.0, 1.0]],
    "large": [[0.0, 1.0, 1000.0], [999.0, 998.0, 0.0]],
    "small": [[-1000.0, -1001.0, -999.0], [0.0, -1.0, -2.0]],
    "only small": [[-1000.0, -1001.0, -999.0], [-200.0, -201.0, -202.0]],
    "masked": [[0.0, -np.inf, 1.0], [-np.inf, -np.inf, 5.0]],
}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("order", ["C", "F"])
def test_softmax_neither_overflows_nor_loses_a_row(kind, dtype, order):
    x = np.array(ROWS[kind], dtype, order=order)
    wide = x.astype(np.longdouble)
    expected = np.exp(wide - wide.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    for values, axis in ((x, 1), (x, -1), (x.T, 0), (np.ascontiguousarray(x.T), 0)):
        result = F.softmax(values, axis)
        assert result.dtype == dtype
        result = result if axis else result.T
        eps = np.finfo(dtype).eps
        np.testing.assert_allclose(result, expected, rtol=8 * eps, atol=np.finfo(dtype).tiny)


def test_softmax_of_nan_of_whole_numbers_and_of_nothing():
    rows = F.softmax(np.array([[np.nan, 1.0], [0.0, 0.0]]))
    np.testing.assert_array_equal(rows, [[np.nan, np.nan], [0.5, 0.5]])
    np.testing.assert_array_equal(F.softmax(np.array([3, 3])), [0.5, 0.5])
    np.testing.assert_allclose(F.log_softmax(np.array([3, 3])), np.log([0.5, 0.5]))
    assert F.softmax(np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize("classes", [1, 3, 40])
def test_cross_entropy_is_the_mean_of_log_softmax(classes):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(6, classes)) * 50, rng.integers(0, classes, 6)
    picked = F.log_softmax(logits)[np.arange(6), labels]
    assert F.cross_entropy(logits, labels) == pytest.approx(-picked.mean())
    whole = np.round(logits).astype(int)
    assert F.cross_entropy(whole, labels) == pytest.approx(F.cross_entropy(whole * 1.0, labels))


# ---------------------------------------------------------------- what they are made of


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex128, np.int64])
def test_sums_are_those_of_numpy_for_any_array(dtype):
    whole = np.arange(4 * 6 * 5).reshape(4, 6, 5) % 7
    empty = (whole[:0], whole[:, :0], whole[:, :, :0])
    for x in (whole, whole[::2], whole.T, *empty, whole[0], whole[0, 0]):
        x = x.astype(dtype, order="K")
        np.testing.assert_array_equal(row_sums(x), x.sum(axis=-1, keepdims=True))
        for axes in range(x.ndim + 1):
            expected = x.sum(axis=tuple(range(axes)))
            np.testing.assert_array_equal(leading_sums(x, axes), expected)
        if x.ndim > 2:
            np.testing.assert_array_equal(channel_sums(x), x.sum(axis=(0, 2)))


def test_an_affine_map_promotes_as_numpy_does():
    rng = np.random.default_rng(0)
    x, weight, bias = rng.normal(size=(2, 3, 4)), rng.normal(size=(4, 5)), rng.normal(size=5)
    for dtypes in (("f4", "f4", "f4"), ("f8", "f4", "f4"), ("f4", "f4", "f8"), ("f4", "f8", "f4")):
        args = [a.astype(d) for a, d in zip((x, weight, bias), dtypes, strict=True)]
        expected = args[0] @ args[1] + args[2]
        for leading in (0, 1, 2):
            first = args[0][(0,) * leading]
            result = F.affine(first, *args[1:])
            assert result.dtype == expected.dtype
            np.testing.assert_allclose(result, expected[(0,) * leading], rtol=1e-5)


def test_an_affine_map_leaves_its_arguments_alone():
    x, weight, bias = np.eye(3), np.eye(3), np.ones(3)
    F.affine(x, weight, bias)
    np.testing.assert_array_equal(x, np.eye(3))
    np.testing.assert_array_equal(weight, np.eye(3))


@pytest.mark.parametrize("shapes", [((3,), (3,)), ((3, 4), (3,)), ((3, 4), (1, 4)), ((3, 4), ())])
def test_an_affine_map_says_which_shapes_it_needs(shapes):
    with pytest.raises(
        ad.errors.ShapeError, match=r"affine: a weight of shape \(n, m\) and a bias"
    ):
        F.affine(np.zeros((2, 3)), *(np.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("axis", [None, 0, -1])
def test_complex_logsumexp_is_on_the_branch_of_the_logarithm(axis):
    rng = np.random.default_rng(0)
    for _ in range(20):
        x = rng.normal(size=(2, 3)) + 1j * rng.uniform(-10, 10, (2, 3))
        expected = np.log(np.sum(np.exp(x), axis=axis))
        np.testing.assert_allclose(ad.functions.logsumexp(x, axis), expected, rtol=1e-12)


def test_complex_logsumexp_does_not_overflow():
    found = ad.functions.logsumexp(np.array([1000 + 1j, 1000 + 1j, -1000]))
    assert found == pytest.approx(1000 + np.log(2) + 1j)
