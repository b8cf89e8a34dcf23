"""Operators and methods of a Tensor are those of an array, and record."""

import operator

import numpy as np
import pytest

import autodiff as ad


def leaf(value, **options):
    return ad.tensor(value, requires_grad=True, **options)


BINARY = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.pow,
    operator.matmul,
    operator.mod,
    operator.floordiv,
    divmod,
]
COMPARISONS = [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge]


@pytest.mark.parametrize("operate", BINARY)
def test_operators_take_tensors_arrays_and_numbers_on_either_side(operate):
    a, b = np.array([[1.5, 2.5], [3.5, 0.5]]), np.array([[2.25, 0.75], [1.25, 3.0]])
    others = [b] if operate is operator.matmul else [b, 2.0, np.float64(2.0), 2]
    for other in others:
        for first, second in ((leaf(a), other), (other, leaf(a)), (leaf(a), ad.tensor(other))):
            values = [v.data if isinstance(v, ad.Tensor) else v for v in (first, second)]
            result = operate(first, second)
            for part, expected in zip(
                result if operate is divmod else [result],
                operate(*values) if operate is divmod else [operate(*values)],
                strict=True,
            ):
                assert isinstance(part, ad.Tensor)
                assert part.requires_grad
                np.testing.assert_allclose(part.data, expected)


@pytest.mark.parametrize("compare", COMPARISONS)
def test_comparisons_give_plain_arrays(compare):
    x, other = leaf([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 2.0])
    for result in (compare(x, other), compare(x, leaf(other)), compare(x, 2)):
        assert type(result) is np.ndarray
        np.testing.assert_array_equal(result, compare(x.data, other))


def test_no_element_is_equal_to_a_text():
    for x in (leaf([1.0, 2.0]), leaf(1.0)):
        np.testing.assert_array_equal(x == "unscaled", x.data == "unscaled")
        np.testing.assert_array_equal(x != "unscaled", x.data != "unscaled")


def test_unary_operators():
    x = leaf([-1.5, 2.5])
    np.testing.assert_array_equal((-x).data, [1.5, -2.5])
    np.testing.assert_array_equal((+x).data, x.data)
    np.testing.assert_array_equal(abs(x).data, [1.5, 2.5])
    np.testing.assert_array_equal(round(x).data, [-2, 2])


METHODS = {
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "reshape of numbers": lambda x: x.reshape(3, 2),
    "reshape of a tuple": lambda x: x.reshape((3, -1)),
    "reshape in Fortran's order": lambda x: x.reshape(3, 2, order="F"),
    "ravel": lambda x: x.ravel(),
    "flatten": lambda x: x.flatten(),
    "transpose": lambda x: x.transpose(),
    "transpose of numbers": lambda x: x.transpose(1, 0),
    "transpose of a tuple": lambda x: x.transpose((1, 0)),
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "squeeze": lambda x: x[None].squeeze(0),
    "repeat": lambda x: x.repeat(2, axis=1),
    "diagonal": lambda x: x.diagonal(offset=1),
    "sum": lambda x: x.sum(axis=0),
    "sum with keepdims": lambda x: x.sum(axis=1, keepdims=True),
    "mean": lambda x: x.mean(axis=-1),
    "prod": lambda x: x.prod(axis=0),
    "max": lambda x: x.max(axis=1),
    "min": lambda x: x.min(),
    "var": lambda x: x.var(axis=0, ddof=1),
    "std": lambda x: x.std(),
    "cumsum": lambda x: x.cumsum(axis=1),
    "cumprod": lambda x: x.cumprod(),
    "trace": lambda x: x.trace(),
    "dot": lambda x: x.dot(np.ones(3)),
    "conj": lambda x: x.conj(),
    "astype": lambda x: x.astype(np.float32),
    "copy": lambda x: x.copy(),
}


@pytest.mark.parametrize("method", METHODS)
def test_methods_are_those_of_an_array_and_record(method):
    array = np.array([[0.3, 1.2, -0.7], [2.1, -1.4, 0.9]])
    x = leaf(array)
    result, expected = METHODS[method](x), METHODS[method](array)
    np.testing.assert_allclose(result.data, expected)
    assert result.dtype == expected.dtype
    assert result.requires_grad
    ad.testing.check_grads(METHODS[method], array, order=1, modes=["reverse"], rtol=1e-3)


POSITIONS = {
    "argmax": lambda x: x.argmax(axis=1),
    "argmin": lambda x: x.argmin(),
    "argsort": lambda x: x.argsort(),
    "nonzero": lambda x: x.nonzero(),
    "all": lambda x: x.all(),
    "any": lambda x: x.any(axis=0),
}


@pytest.mark.parametrize("method", POSITIONS)
def test_positions_and_tests_are_plain(method):
    array = np.array([[0.3, 1.2, -0.7], [2.1, 0.0, 0.9]])
    result, expected = POSITIONS[method](leaf(array)), POSITIONS[method](array)
    assert not isinstance(result, ad.Tensor)
    np.testing.assert_array_equal(result, expected)


def test_in_place_methods_bind_the_tensor_to_a_new_value():
    x = leaf([1.0, 2.0, 3.0])
    y = x * 1
    y.fill(5.0)
    assert y.sum().requires_grad
    np.testing.assert_array_equal(y.data, [5, 5, 5])
