"""Arrays without elements or dimensions: NumPy's value or error, and a backward pass, twice."""

from __future__ import annotations

import numpy as np
import pytest

import autodiff as ad
from autodiff.rules.network.softmax import log_softmax, softmax

VALUES = [np.float64(0.0), np.float64(2.0), np.zeros(0), np.zeros((0, 3)), np.zeros((3, 0)),
          np.array([1.5])]  # fmt: skip
FUNCTIONS = [
    np.sum, np.prod, np.mean, np.var, np.std, np.max, np.min, np.ptp, np.median, np.cumsum,
    np.cumprod, np.sort, np.flip, np.nansum, np.nanprod, np.nanmean, np.nanmedian, np.nanmax,
    np.transpose, np.expand_dims, np.squeeze, np.take_along_axis, np.diff, np.unwrap,
    np.logaddexp.reduce, np.maximum.reduce, np.maximum.accumulate, np.logaddexp.accumulate,
    np.add.accumulate, np.multiply.accumulate,
    lambda x, axis: np.repeat(x, 0, axis=axis),
    lambda x, axis: np.repeat(x, 2, axis=axis),
    lambda x, axis: np.roll(x, 1, axis=axis),
    lambda x, axis: np.quantile(x, 0.3, axis=axis),
    lambda x, axis: np.linalg.norm(x, axis=axis),
]  # fmt: skip


def outcome(function, *arguments):
    """The value, or the class of the error."""
    try:
        return np.asarray(ad.stop_gradient(function(*arguments)))
    except Exception as error:
        return type(error)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("axis", [None, 0, -1, (), 1])
@pytest.mark.parametrize("value", VALUES, ids=lambda value: str(np.shape(value)))
@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_value_error_and_gradients_at_the_edge(function, value, axis):
    expected = outcome(function, value, axis)
    x = ad.tensor(value, requires_grad=True)
    found = outcome(function, x, axis)
    if isinstance(expected, type):
        assert isinstance(found, type), found
        assert issubclass(found, expected)
        return
    np.testing.assert_array_equal(found, expected)
    y = function(x, axis)
    np.sum(y * y).backward(create_graph=True)
    assert x.grad.shape == x.shape
    gradient = x.grad
    if gradient.requires_grad:
        x.grad = None
        np.sum(gradient).backward()
        assert x.grad is None or x.grad.shape == x.shape


@pytest.mark.parametrize("function", [np.linalg.eig, np.linalg.eigh, np.linalg.svd, np.linalg.qr])
def test_factors_of_a_matrix_without_elements(function):
    x = ad.tensor(np.zeros((0, 0)), requires_grad=True)
    total = x.sum()
    for part in function(x):
        total = total + np.sum(np.abs(part))
    total.backward()
    assert x.grad.shape == (0, 0)


@pytest.mark.parametrize("function", [softmax, log_softmax])
@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (0, 2), (1,)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_of_a_number_and_of_nothing(function, shape, dtype):
    x = ad.tensor(np.full(shape, 50.0, dtype), requires_grad=True)
    y = function(x)
    assert y.shape == shape
    assert y.dtype == dtype
    np.testing.assert_array_equal(y.data, np.full(shape, function is softmax))
    np.sum(y).backward()
    np.testing.assert_array_equal(x.grad, np.zeros(shape))


@pytest.mark.parametrize("shapes", [[(2, 2, 2), (2, 2), (2, 2)], [(2, 2), (2,), (2, 2)]])
def test_multi_dot_refuses_the_dimensions_that_numpy_refuses(shapes):
    arrays = [np.ones(shape) for shape in shapes]
    with pytest.raises(np.linalg.LinAlgError):
        np.linalg.multi_dot(arrays)
    with pytest.raises(np.linalg.LinAlgError, match="multi_dot: array"):
        np.linalg.multi_dot([ad.tensor(arrays[0], requires_grad=True), *arrays[1:]])


@pytest.mark.parametrize("casting", ["no", "equiv", "safe", "same_kind", "unsafe", "wrong"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128, np.int64])
def test_astype_casts_as_it_is_told(casting, dtype):
    value = np.array([1.5, 2.0])
    expected = outcome(lambda x: x.astype(dtype, casting=casting), value)
    found = outcome(lambda x: x.astype(dtype, casting=casting), ad.tensor(value, True))
    np.testing.assert_array_equal(found, expected)


def test_astype_without_a_copy_is_the_tensor_itself():
    x = ad.tensor([1.5], requires_grad=True)
    assert x.astype(float, copy=False) is x
    assert x.astype(float) is not x


def test_a_format_for_numbers_refuses_several():
    with pytest.raises(TypeError):
        f"{np.array([1.0, 2.0]):.2f}"
    with pytest.raises(TypeError, match=r"format: '.2f' .* shape \(2,\)"):
        f"{ad.tensor([1.0, 2.0], requires_grad=True):.2f}"
    assert f"{ad.tensor(1.0, requires_grad=True):.2f}" == "1.00"


@pytest.mark.parametrize(
    ("shape", "axis"), [((0, 5), -1), ((0, 5), (1,)), ((2, 0, 5), 2), ((0, 3, 4), (1, 2))]
)
def test_an_empty_batch_is_normalized_to_the_second_order(shape, axis):
    x = ad.tensor(np.zeros(shape), requires_grad=True)
    normal, mean, variance = ad.functions.normalize(x, axis)
    total = np.sum(normal**2) + np.sum(mean**2) + np.sum(variance**2)
    total.backward(create_graph=True)
    gradient = x.grad
    x.grad = None
    np.sum(gradient**2).backward()
    assert gradient.shape == x.grad.shape == shape
