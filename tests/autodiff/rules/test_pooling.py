"""Pooling against its definition; ties, NaNs and errors."""

import re

import numpy as np
import pytest

import autodiff as ad
from autodiff import functions as F


def windows_of(x, window, stride, padding, fill):
    """All windows as the last axes, by NumPy's own sliding windows."""
    sides = [(0, 0), (0, 0), *((p, p) for p in padding)]
    x = np.pad(x, sides, constant_values=fill)
    axes = tuple(range(2, x.ndim))
    view = np.lib.stride_tricks.sliding_window_view(x, window, axes)
    return view[(slice(None), slice(None), *(slice(None, None, s) for s in stride))]


CASES = [
    ((8,), (2,), (2,), (0,)),
    ((8,), (3,), (2,), (1,)),
    ((8, 6), (2, 2), (2, 2), (0, 0)),
    ((7, 6), (3, 2), (1, 3), (1, 0)),
    ((7, 7), (2, 2), (3, 3), (0, 1)),
    ((4, 5, 4), (2, 2, 2), (2, 1, 2), (0, 1, 0)),
    ((20, 20), (17, 17), (1, 1), (0, 0)),  # more elements than a byte can count
]


@pytest.mark.parametrize(("size", "window", "stride", "padding"), CASES)
def test_maxima_and_means_are_those_of_the_windows(size, window, stride, padding):
    x = np.random.default_rng(0).normal(size=(2, 3, *size))
    settings = {"stride": stride, "padding": padding}
    axes = tuple(range(-len(size), 0))
    top = windows_of(x, window, stride, padding, -np.inf).max(axis=axes)
    np.testing.assert_array_equal(F.max_pool(x, window, **settings), top)
    mean = windows_of(x, window, stride, padding, 0).mean(axis=axes)
    np.testing.assert_allclose(F.avg_pool(x, window, **settings), mean)
    inside = windows_of(np.ones_like(x), window, stride, padding, 0).sum(axis=axes)
    total = windows_of(x, window, stride, padding, 0).sum(axis=axes)
    found = F.avg_pool(x, window, **settings, count_padding=False)
    np.testing.assert_allclose(found, total / inside)


@pytest.mark.parametrize(("window", "stride"), [(2, 2), (3, 1), (2, 3)])
def test_equal_maxima_of_a_window_share_its_gradient(window, stride):
    x = ad.tensor(np.zeros((1, 1, 6, 6)), requires_grad=True)
    y = F.max_pool(x, window, stride=stride)
    y.backward(np.ones(y.shape))
    expected = F.convolve_transpose(
        np.ones(y.shape), np.full((1, 1, window, window), 1 / window**2), stride=stride
    )
    rest = 6 - expected.shape[-1]
    np.testing.assert_allclose(x.grad, np.pad(expected, ((0, 0), (0, 0), (0, rest), (0, rest))))


def test_two_of_four_share_and_the_rest_has_none():
    x = ad.tensor([[[[1.0, 3.0], [3.0, 2.0]]]], requires_grad=True)
    F.max_pool(x, 2).backward(np.full((1, 1, 1, 1), 8.0))
    np.testing.assert_array_equal(x.grad[0, 0], [[0, 4], [4, 0]])


def test_a_nan_goes_through_and_spoils_no_other_window():
    x = ad.tensor([[[1.0, np.nan, 2.0, 3.0]]], requires_grad=True)
    y = F.max_pool(x, 2)
    assert np.isnan(y.numpy()[0, 0, 0])
    y.backward(np.ones(y.shape))
    np.testing.assert_array_equal(x.grad[0, 0, 2:], [0, 1])


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.float32])
def test_whole_numbers_can_be_pooled(dtype):
    x = np.arange(10, dtype=dtype).reshape(1, 1, 10)
    y = F.max_pool(x, 3, padding=1)
    assert y.dtype == dtype
    assert y.tolist() == [[[1, 4, 7, 9]]]
    assert F.avg_pool(x, 2).tolist() == [[[0.5, 2.5, 4.5, 6.5, 8.5]]]


def test_padding_below_zero_does_not_win():
    assert F.max_pool(np.full((1, 1, 4), -5.0), 3, stride=1, padding=1).max() == -5


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_adaptive_windows_cover_everything_and_differ_by_one_at_most(size):
    x = np.random.default_rng(0).normal(size=(2, 1, 7))
    y = F.adaptive_avg_pool(x, size)
    assert y.shape == (2, 1, size)
    cells = [x[..., t * 7 // size : -(-(t + 1) * 7 // size)] for t in range(size)]
    np.testing.assert_allclose(y[..., 0, :], np.stack([c.mean(-1)[:, 0] for c in cells], -1))
    np.testing.assert_array_equal(
        F.adaptive_max_pool(x, size)[..., 0, :], np.stack([c.max(-1)[:, 0] for c in cells], -1)
    )


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.max_pool(np.ones((3, 4)), 2),
            ad.errors.ShapeError,
            "max_pool: give images (n, channels, *size), not an array of shape (3, 4)",
        ),
        (
            lambda: F.avg_pool(np.ones((1, 1, 2)), 3),
            ad.errors.ShapeError,
            "avg_pool: a window of 3 does not fit into an axis of 2",
        ),
        (
            lambda: F.max_pool(np.ones((1, 1, 9)), 3, padding=2),
            ValueError,
            "max_pool: padding (2,) is more than half of the window (3,)",
        ),
        (
            lambda: F.max_pool(np.ones((1, 1, 9, 9)), (2, 0)),
            ValueError,
            "max_pool: window is (2, 0); give a whole number of at least 1",
        ),
        (
            lambda: F.adaptive_avg_pool(np.ones((1, 1, 3)), 5),
            ad.errors.ShapeError,
            "adaptive_avg_pool: images of size (3,) have no (5,) windows",
        ),
    ],
)
def test_wrong_arguments_are_explained(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()
