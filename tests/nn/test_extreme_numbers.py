"""Losses and normalisations of numbers that are large, tiny or infinite, in every precision."""

import numpy as np
import pytest

import autodiff as ad
import nn

DTYPES = ["f2", "f4", "f8"]


def slopes(function, x):
    """The gradient of the sum of a function."""
    leaf = ad.tensor(x, requires_grad=True)
    y = function(leaf)
    y.backward(np.ones_like(y.data))
    return leaf.grad


# ---------------------------------------------------------------- binary cross-entropies


@pytest.mark.parametrize("dtype", DTYPES)
def test_binary_cross_entropy_of_0_and_1_is_finite(dtype):
    p, targets = np.array([0, 1, 0, 1], dtype), np.array([0, 1, 1, 0], dtype)
    losses = nn.losses.binary_cross_entropy(p, targets, reduction="none")
    np.testing.assert_array_equal(losses, [0, 0, 100, 100])
    found = slopes(lambda p: nn.losses.binary_cross_entropy(p, targets, reduction="none"), p)
    assert np.isfinite(found).all()
    np.testing.assert_array_equal(found[:2], [1, -1])
    assert found[2] < -1e3
    assert found[3] > 1e3


@pytest.mark.parametrize(
    ("dtype", "logit"), [("f4", -20.0), ("f4", -80.0), ("f8", -20.0), ("f8", -90.0)]
)
def test_the_slope_of_a_saturated_probability_is_that_of_the_logit(dtype, logit):
    def loss(x):
        return nn.losses.binary_cross_entropy(nn.functional.sigmoid(x), np.ones(1, dtype))

    x = np.array([logit], dtype)
    np.testing.assert_allclose(loss(x), -logit, rtol=1e-5)
    np.testing.assert_allclose(slopes(loss, x), -1, rtol=1e-5)


def test_impossible_classes_without_a_share_do_not_count():
    logits = np.array([[-np.inf, 0.0, 1.0]])
    targets = np.array([[0.0, 1.0, 0.0]])
    expected = nn.losses.cross_entropy(logits[:, 1:], targets[:, 1:])
    np.testing.assert_allclose(nn.losses.cross_entropy(logits, targets), expected)
    assert nn.losses.kl_div(np.array([[-np.inf, 0.0]]), np.array([[0.0, 1.0]])) == 0


# ---------------------------------------------------------------- angles and distances


@pytest.mark.parametrize(
    ("dtype", "scale"), [("f2", 1e3), ("f2", 1e-3), ("f4", 1e25), ("f4", 1e-7), ("f8", 1e200)]
)
def test_a_cosine_does_not_depend_on_the_scale(dtype, scale):
    a, b = np.array([3.0, 4, 1]), np.array([1.0, 2, 5])
    large = (a * scale).astype(dtype)
    eps = np.finfo(dtype).eps
    found = nn.losses.cosine_similarity(large, b.astype(dtype))
    np.testing.assert_allclose(found, nn.losses.cosine_similarity(a, b), rtol=10 * eps)
    wide = slopes(lambda a: nn.losses.cosine_similarity(a, b), large.astype("f8"))
    narrow = slopes(lambda a: nn.losses.cosine_similarity(a, b.astype(dtype)), large)
    np.testing.assert_allclose(
        narrow, wide, rtol=30 * eps, atol=2 * np.finfo(dtype).smallest_subnormal
    )


def test_a_zero_has_no_direction_in_float16_either():
    zero = np.zeros(3, np.float16)
    assert nn.losses.cosine_similarity(zero, np.ones(3, np.float16)) == 0


@pytest.mark.parametrize("p", [2.0, 3.0])
def test_distances_in_float16_do_not_overflow(p):
    rng = np.random.default_rng(0)
    a, b, c = (rng.uniform(-1000, 1000, (4, 5)) for _ in range(3))
    exact = nn.losses.triplet_margin_loss(a, b, c, p=p)
    half = [v.astype(np.float16) for v in (a, b, c)]
    np.testing.assert_allclose(nn.losses.triplet_margin_loss(*half, p=p), exact, rtol=1e-2)


# ---------------------------------------------------------------- normalisations


@pytest.mark.parametrize(
    "layer",
    [nn.LayerNorm(6), nn.RMSNorm(6), nn.GroupNorm(2, 6), nn.BatchNorm1d(6)],
    ids=lambda layer: type(layer).__name__,
)
@pytest.mark.parametrize("scale", [256.0, 1e4])
def test_normalisations_take_large_numbers_in_float16(layer, scale):
    rng = np.random.default_rng(0)
    x = (scale * rng.uniform(-1, 1, (8, 6))).astype(np.float16)
    g = rng.normal(size=x.shape)

    def both(x):
        leaf = ad.tensor(x, requires_grad=True)
        y = layer(leaf)
        y.backward(g.astype(y.dtype))
        return y.data, leaf.grad

    (narrow, slope), (wide, exact) = both(x), both(x.astype(np.float64))
    np.testing.assert_allclose(narrow, wide, atol=2e-3)
    np.testing.assert_allclose(slope, exact, atol=4e-3 / scale + 1e-6)
