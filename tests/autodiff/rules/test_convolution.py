"""Convolutions against their definition, on every way through the code, and their errors."""

import itertools
import re

import numpy as np
import pytest

import autodiff as ad
from autodiff import functions as F
from autodiff.rules.network.convolution import convolution, correlation, transposed
from autodiff.rules.shared import unfolding
from autodiff.rules.shared.unfolding import Geometry
from autodiff.rules.shared.windows import out_size, overlap, paddings


def trilinear(x, w, g, geometry):
    """T(x, w, g) of `autodiff.rules.network.convolution`, term by term."""
    total = 0.0
    groups, channels = geometry.groups, x.shape[1] // geometry.groups
    every = (slice(None), slice(None))
    for t in np.ndindex(*geometry.out):
        for k in np.ndindex(*geometry.window):
            place = [
                a * s + b * d - p
                for a, s, b, d, p in zip(
                    t, geometry.stride, k, geometry.dilation, geometry.padding, strict=True
                )
            ]
            if any(not 0 <= i < n for i, n in zip(place, geometry.size, strict=True)):
                continue
            pixels = x[(*every, *place)].reshape(len(x), groups, channels)
            taps = w[(*every, *k)].reshape(groups, -1, channels)
            seen = g[(*every, *t)].reshape(len(x), groups, -1)
            total += np.einsum("ngc,goc,ngo->", pixels, taps, seen)
    return total


GEOMETRIES = {
    "plain": Geometry((6, 7), (3, 3), (4, 5), (1, 1), (0, 0), (1, 1)),
    "padded": Geometry((6, 5), (3, 3), (6, 5), (1, 1), (1, 1), (1, 1)),
    "stride": Geometry((7, 8), (3, 3), (3, 4), (2, 2), (0, 1), (1, 1)),
    "stride beyond the kernel": Geometry((9, 9), (2, 1), (3, 3), (4, 3), (0, 0), (1, 1)),
    "dilation": Geometry((9, 9), (3, 2), (5, 7), (1, 1), (0, 0), (2, 2)),
    "dilation that divides the stride": Geometry((9, 9), (3, 3), (3, 3), (4, 2), (1, 1), (2, 4)),
    "stride and dilation without common divisor": Geometry(
        (9, 9), (3, 3), (4, 3), (2, 3), (1, 2), (3, 2)
    ),
    "negative padding": Geometry((6, 6), (2, 2), (3, 3), (1, 1), (-2, -1), (1, 1)),
    "wholly outside": Geometry((2, 2), (2, 2), (3, 3), (1, 1), (5, 0), (1, 1)),
    "groups": Geometry((4, 4), (3, 3), (4, 4), (1, 1), (1, 1), (1, 1), 2),
    "one axis": Geometry((30,), (4,), (20,), (1,), (1,), (1,)),
    "one axis without padding": Geometry((30,), (4,), (27,), (1,), (0,), (1,)),
    "1x1": Geometry((4, 5), (1, 1), (4, 5), (1, 1), (0, 0), (1, 1)),
    "a column": Geometry((6, 4), (3, 1), (4, 4), (1, 1), (0, 0), (1, 1)),
    "three axes": Geometry((3, 4, 3), (2, 3, 2), (3, 2, 3), (1, 2, 1), (1, 1, 1), (1, 1, 1)),
    "no place": Geometry((3, 3), (2, 2), (0, 2), (1, 1), (0, 0), (1, 1)),
}
# How the work is cut: as it comes, image by image, all images in one product, each with blocks
# of one image.
WAYS = {
    "as chosen": {},
    "each": {"FEW_PLACES": 0, "FEW_ROWS": 0},
    "joined": {"FEW_PLACES": 10**9},
    "each, small blocks": {"FEW_PLACES": 0, "FEW_ROWS": 0, "BLOCK_BYTES": 1},
    "joined, small blocks": {"FEW_PLACES": 10**9, "BLOCK_BYTES": 1},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", GEOMETRIES)
def test_all_three_are_the_derivatives_of_one_form(monkeypatch, name, way):
    for constant, value in WAYS[way].items():
        monkeypatch.setattr(unfolding, constant, value)
    geometry = GEOMETRIES[name]
    rng = np.random.default_rng(0)
    channels, outputs = 2 * geometry.groups, 3 * geometry.groups
    x = rng.normal(size=(3, channels, *geometry.size))
    w = rng.normal(size=(outputs, 2, *geometry.window))
    g = rng.normal(size=(3, outputs, *geometry.out))
    expected = pytest.approx(trilinear(x, w, g, geometry), rel=1e-10, abs=1e-10)
    assert np.sum(convolution(x, w, geometry) * g) == expected
    assert np.sum(transposed(g, w, geometry) * x) == expected
    assert np.sum(correlation(x, g, geometry) * w) == expected


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128, np.int64])
def test_the_dtype_is_kept_and_any_memory_layout_will_do(dtype):
    rng = np.random.default_rng(0)
    x = (5 * rng.normal(size=(4, 3, 6, 6))).astype(dtype)
    w = (5 * rng.normal(size=(2, 3, 3, 3))).astype(dtype)
    y = F.convolve(x, w, padding=1)
    assert y.dtype == dtype
    turned = np.asfortranarray(x[::-1])[::-1]
    np.testing.assert_allclose(F.convolve(turned, np.asfortranarray(w), padding=1), y, rtol=1e-5)


def test_what_has_no_gradient_costs_no_rule_and_float32_stays():
    x = np.ones((2, 3, 8, 8), np.float32)
    w = ad.tensor(np.ones((4, 3, 3, 3), np.float32), requires_grad=True)
    b = ad.tensor(np.zeros(4, np.float32), requires_grad=True)
    y = F.convolve(x, w, b, padding=1)
    np.sum(y).backward()
    assert w.grad.dtype == b.grad.dtype == np.float32
    np.testing.assert_allclose(b.grad, 2 * 8 * 8)
    np.testing.assert_allclose(w.grad[0, 0], [[98, 112, 98], [112, 128, 112], [98, 112, 98]])


def test_a_third_derivative_is_exact():
    rng = np.random.default_rng(0)
    w = rng.normal(size=(2, 2, 3))

    def f(x):
        return np.sum(F.convolve(x, w, padding=1) ** 3)

    x = rng.normal(size=(1, 2, 5))
    v = rng.normal(size=x.shape)
    slope = ad.grad(lambda t: ad.grad(lambda s: ad.grad(lambda r: f(x + r * v))(s))(t))
    assert slope(0.0) == pytest.approx(6 * np.sum(F.convolve(v, w, padding=1) ** 3))


def test_same_padding_keeps_the_size_for_even_kernels_too():
    x = np.random.default_rng(0).normal(size=(1, 1, 7))
    w = np.array([[[1.0, 2.0, 4.0, 8.0]]])
    y = F.convolve(x, w, padding="same")
    assert y.shape == x.shape
    np.testing.assert_allclose(y, F.convolve(np.pad(x, ((0, 0), (0, 0), (1, 2))), w))
    np.testing.assert_allclose(y, F.convolve(x, w, padding=((1, 2),)))
    assert F.convolve(x, w, padding="valid").shape == (1, 1, 4)


@pytest.mark.parametrize("stride", [1, 2, 3])
def test_a_transposed_convolution_is_the_transpose(stride):
    rng = np.random.default_rng(0)
    w = rng.normal(size=(3, 2, 3, 2))
    x = rng.normal(size=(2, 2, 8, 9))
    y = F.convolve(x, w, stride=stride, padding=1)
    g = rng.normal(size=y.shape)
    extra = tuple((n + 2 - k) % stride for n, k in zip((8, 9), (3, 2), strict=True))
    back = F.convolve_transpose(g, w, stride=stride, padding=1, output_padding=extra)
    assert back.shape == x.shape
    assert np.sum(back * x) == pytest.approx(np.sum(g * y))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.convolve(np.ones((3, 8, 8)), np.ones((2, 3, 3, 3))),
            ad.errors.ShapeError,
            "convolve: images have shape (3, 8, 8) and the kernel (2, 3, 3, 3); give images",
        ),
        (
            lambda: F.convolve(np.ones((1, 8, 8, 3)), np.ones((2, 3, 3, 3))),
            ad.errors.ShapeError,
            "images (1, 8, 8, 3) have 8 channels, but the kernel (2, 3, 3, 3) is for 3",
        ),
        (
            lambda: F.convolve(np.ones((1, 3, 2, 8)), np.ones((2, 3, 3, 3))),
            ad.errors.ShapeError,
            "a window of 3 does not fit into an axis of 2 with padding 0 and 0",
        ),
        (
            lambda: F.convolve(np.ones((1, 3, 8, 8)), np.ones((2, 3, 3, 3)), groups=2),
            ad.errors.ShapeError,
            "3 channels and 2 outputs do not fall into 2 groups",
        ),
        (
            lambda: F.convolve(np.ones((1, 3, 8)), np.ones((2, 3, 3)), np.ones(3)),
            ad.errors.ShapeError,
            "the bias has shape (3,); give (2,)",
        ),
        (
            lambda: F.convolve(np.ones((1, 3, 8)), np.ones((2, 3, 3)), stride=0),
            ValueError,
            "convolve: stride is 0; give a whole number of at least 1",
        ),
        (
            lambda: F.convolve(np.ones((1, 3, 8, 8)), np.ones((2, 3, 3, 3)), padding=(1, 1, 1)),
            ValueError,
            "padding is (1, 1, 1); give a whole number of at least 0, or one for each of the 2",
        ),
        (
            lambda: F.convolve(np.ones((1, 3, 8)), np.ones((2, 3, 3)), stride=2, padding="same"),
            ValueError,
            "padding 'same' needs stride 1, not (2,)",
        ),
        (
            lambda: F.convolve_transpose(np.ones((1, 2, 8)), np.ones((3, 2, 3))),
            ad.errors.ShapeError,
            "images (1, 2, 8) have 2 channels, but the kernel (3, 2, 3) is for 3",
        ),
        (
            lambda: F.convolve_transpose(np.ones((1, 2, 8)), np.ones((2, 3, 3)), output_padding=1),
            ValueError,
            "output_padding is 1; it must be less than stride (1,) or dilation (1,)",
        ),
        (
            lambda: F.convolve_transpose(np.ones((1, 2, 1)), np.ones((2, 3, 3)), padding=2),
            ad.errors.ShapeError,
            "padding 2 cuts off all of the result, of size (-1,)",
        ),
    ],
)
def test_wrong_arguments_are_explained(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


# ---------------------------------------------------------------- windows


def test_an_overlap_is_all_places_inside():
    for offset, step, length, count in itertools.product(
        range(-7, 8), (1, 2, 3), (0, 1, 4), (0, 1, 5)
    ):
        target, source = overlap(offset, step, length, count)
        places = [(t, offset + step * t) for t in range(count) if 0 <= offset + step * t < length]
        assert list(zip(range(count)[target], range(length)[source], strict=True)) == places


def test_sizes_are_counted_as_the_windows_fit_in():
    for size, window, stride, pad, dilation in itertools.product(
        range(5, 9), (1, 3), (1, 2, 3), (0, 1), (1, 2)
    ):
        last = (window - 1) * dilation
        fits = [t for t in range(50) if t * stride + last < size + 2 * pad]
        sides = paddings("f", pad, (window,), (stride,), (dilation,))
        found = out_size("f", (size,), (window,), (stride,), sides, (dilation,))
        assert found == (len(fits),)
