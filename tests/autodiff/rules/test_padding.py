"""`np.pad` in every mode: the values of NumPy, the gradients of PyTorch where it has the mode."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.testing import check_grads

X = np.random.default_rng(0).normal(size=(3, 4))
WIDTHS = [1, (2, 0), ((0, 3), (2, 1)), 7]
MODES = ["constant", "edge", "wrap", "reflect", "symmetric", "linear_ramp",
         "mean", "median", "maximum", "minimum"]  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS, ids=str)
@pytest.mark.parametrize("mode", MODES)
def test_values_and_gradients(mode, width):
    y = np.pad(ad.tensor(X), width, mode)
    np.testing.assert_allclose(y.data, np.pad(X, width, mode), rtol=1e-13)
    check_grads(lambda x: np.pad(x, width, mode), X)


@pytest.mark.parametrize("width", WIDTHS, ids=str)
@pytest.mark.parametrize("mode", ["reflect", "symmetric"])
def test_odd_reflections(mode, width):
    y = np.pad(ad.tensor(X), width, mode, reflect_type="odd")
    np.testing.assert_allclose(y.data, np.pad(X, width, mode, reflect_type="odd"), atol=1e-12)
    check_grads(lambda x: np.pad(x, width, mode, reflect_type="odd"), X)


@pytest.mark.parametrize("mode", ["reflect", "symmetric", "edge", "wrap"])
@pytest.mark.parametrize("kind", ["even", "odd"])
def test_a_single_element_can_be_reflected(mode, kind):
    options = {"reflect_type": kind} if mode in ("reflect", "symmetric") else {}
    expected = np.pad([3.0], 2, mode, **options)
    np.testing.assert_array_equal(np.pad(ad.tensor([3.0]), 2, mode, **options).data, expected)


@pytest.mark.parametrize(
    ("mode", "theirs"),
    [("constant", "constant"), ("reflect", "reflect"), ("edge", "replicate"), ("wrap", "circular")],
)
def test_gradients_agree_with_torch(mode, theirs):
    torch = pytest.importorskip("torch")
    x = torch.tensor(X[None, None], requires_grad=True)
    y = torch.nn.functional.pad(x, (2, 1, 1, 2), theirs)
    weights = np.random.default_rng(1).normal(size=tuple(y.shape[2:]))
    (y[0, 0] * torch.tensor(weights)).sum().backward()
    got = ad.grad(lambda x: np.sum(np.pad(x, ((1, 2), (2, 1)), mode) * weights))(X)
    np.testing.assert_allclose(got, x.grad[0, 0].numpy(), rtol=1e-12)


@pytest.mark.parametrize(("mode", "option"), [("constant", "constant_values"),
                                              ("linear_ramp", "end_values")])  # fmt: skip
@pytest.mark.parametrize("values", [2.0, (1.0, -1.0), ((1.0, 2.0), (3.0, 4.0))], ids=str)
def test_the_border_has_a_gradient(mode, option, values):
    values = np.array(values)

    def f(x, values):
        return np.pad(x, ((1, 2), (0, 3)), mode, **{option: values})

    np.testing.assert_allclose(f(ad.tensor(X), ad.tensor(values)).data, f(X, values), rtol=1e-13)
    check_grads(f, X, values)


@pytest.mark.parametrize("length", [1, 2, (2, 3), ((1, 2), (3, 4))], ids=str)
@pytest.mark.parametrize("mode", ["mean", "median", "maximum", "minimum"])
def test_statistics_of_a_part_of_the_axis(mode, length):
    y = np.pad(ad.tensor(X), 2, mode, stat_length=length)
    np.testing.assert_allclose(y.data, np.pad(X, 2, mode, stat_length=length), rtol=1e-13)
    check_grads(lambda x: np.pad(x, 2, mode, stat_length=length), X)


def test_a_function_of_the_user_pads_in_place():
    def border(vector, width, axis, options):
        if width[0]:
            vector[: width[0]] = options["factor"] * vector[width[0]]
        if width[1]:
            vector[-width[1] :] = vector[-width[1] - 1] ** 2

    def f(x, factor):
        return np.pad(x, ((1, 2), (2, 0)), border, factor=factor)

    np.testing.assert_allclose(f(ad.tensor(X), ad.tensor(3.0)).data, f(X, 3.0), rtol=1e-13)
    check_grads(f, X, 3.0)


def test_an_empty_border_is_made_of_zeros():
    y = np.pad(ad.tensor([1.0], requires_grad=True), 1, "empty")
    np.testing.assert_array_equal(y.data, [0, 1, 0])


def test_whole_numbers_are_padded_as_numpy_pads_them():
    for mode in ("mean", "linear_ramp", "edge"):
        expected = np.pad(np.arange(5), 2, mode)
        np.testing.assert_array_equal(np.pad(ad.tensor(np.arange(5)), 2, mode).data, expected)


@pytest.mark.skipif(np.__version__ < "2.2", reason="NumPy 2.2 takes widths by axis")
def test_widths_by_axis():
    expected = np.pad(X, [(0, 0), (1, 2)], "edge")  # NumPy takes a dict from 2.3 on
    np.testing.assert_array_equal(np.pad(ad.tensor(X), {-1: (1, 2)}, "edge").data, expected)


@pytest.mark.parametrize(
    ("width", "options", "error", "message"),
    [
        (-1, {}, ValueError, "negative"),
        (1.5, {}, TypeError, "whole numbers"),
        (1, {"mode": "nonsense"}, ValueError, "'nonsense'"),
        (1, {"mode": "edge", "stat_length": 2}, ValueError, "'stat_length'"),
        (1, {"mode": "mean", "stat_length": 0}, ValueError, "stat_length"),
    ],
)
def test_errors(width, options, error, message):
    with pytest.raises(error, match=message):
        np.pad(ad.tensor(X), width, **options)


def test_an_empty_axis_can_only_be_padded_with_constants():
    t = ad.tensor(np.zeros((0, 2)))
    assert np.pad(t, 1).shape == (2, 4)
    with pytest.raises(ValueError, match="axis 0 is empty"):
        np.pad(t, 1, "edge")
