"""The methods of a Tensor take what those of an ndarray take, and record."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.testing import check_grads

X = np.random.default_rng(0).uniform(0.2, 2.0, size=(3, 4))
INDEX = np.array([[1, 0], [2, 2]])

# Each is called on a tensor and on the array.
METHODS = {
    "sum": lambda x: x.sum(0, np.float64, None, keepdims=True, where=X > 1, initial=2.0),
    "mean": lambda x: x.mean((0, 1), keepdims=True),
    "prod": lambda x: x.prod(-1, np.float64),
    "max": lambda x: x.max(0, keepdims=True, initial=1.0, where=X > 0.5),
    "min": lambda x: x.min(axis=1),
    "var": lambda x: x.var(0, None, None, 1, keepdims=True),
    "std": lambda x: x.std(1, ddof=1),
    "cumsum": lambda x: x.cumsum(0, np.float64),
    "cumprod": lambda x: x.cumprod(),
    "trace": lambda x: x.trace(1, 1, 0),
    "diagonal": lambda x: x.diagonal(-1),
    "dot": lambda x: x.dot(X.T),
    "clip": lambda x: x.clip(0.5, 1.5),
    "clip, one side": lambda x: x.clip(max=1.0),
    "round": lambda x: x.round(1) + x,
    "conj": lambda x: x.conj() + x.conjugate(),
    "parts": lambda x: x.real + x.imag,
    "reshape": lambda x: x.reshape(2, -1, order="F"),
    "reshape to a tuple": lambda x: x.reshape((4, 3)),
    "ravel": lambda x: x.ravel("F"),
    "flatten": lambda x: x.flatten(),
    "transpose": lambda x: x.transpose(1, 0) + x.transpose() + x.T + x.mT,
    "swapaxes": lambda x: x.swapaxes(0, 1),
    "squeeze": lambda x: x[None].squeeze(0),
    "repeat": lambda x: x.repeat([1, 0, 2], axis=0),
    "take": lambda x: x.take(INDEX, 1, mode="wrap"),
    "compress": lambda x: x.compress([True, False, True], 0),
    "choose": lambda x: np.array([0, 1, 0, 2]).choose([1, 2, 3]) * x,
    "astype": lambda x: x.astype("f8", copy=False),
    "copy": lambda x: x.copy("F"),
    "abs": lambda x: abs(-x) + +x,
    "operators": lambda x: (2 / x - x // 3 + x % 0.7) ** 2,
    "divmod": lambda x: divmod(x, 0.7)[1],
    "matmul": lambda x: x @ X.T,
}  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_a_method_gives_what_numpy_gives_and_has_a_gradient(name):
    method = METHODS[name]
    got = method(ad.tensor(X))
    assert isinstance(got, ad.Tensor)
    np.testing.assert_allclose(got.data, method(X), rtol=1e-12)
    check_grads(method, X, order=1)


PLAIN = {
    "all": lambda x: x.all(0, keepdims=True),
    "any": lambda x: x.any(),
    "argmax": lambda x: x.argmax(1, keepdims=True),
    "argmin": lambda x: x.argmin(),
    "argsort": lambda x: x.argsort(0, "stable"),
    "argpartition": lambda x: x.argpartition(0, axis=0)[0],
    "nonzero": lambda x: x.nonzero()[0],
    "searchsorted": lambda x: np.sort(x, None).searchsorted([0.5, 1.0], "right"),
    "tolist": lambda x: np.array(x.tolist()),
    "item": lambda x: np.array(x[0, 0].item()),
    "comparisons": lambda x: (x > 1) & ~(x < 1.5),
}


@pytest.mark.parametrize("name", PLAIN)
def test_a_method_without_a_derivative_gives_arrays(name):
    got = PLAIN[name](ad.tensor(X, requires_grad=True))
    assert not isinstance(got, ad.Tensor)
    np.testing.assert_array_equal(got, PLAIN[name](X))


@pytest.mark.parametrize(
    "method",
    [
        lambda x, out: x.sum(0, out=out),
        lambda x, out: x.mean(0, None, out),
        lambda x, out: x.max(0, out),
        lambda x, out: x.std(0, None, out),
        lambda x, out: x[0].cumsum(out=out),
        lambda x, out: x.take([1], 0, out[None]),
        lambda x, out: x[0].round(2, out),
        lambda x, out: x[0].clip(0.5, 1.0, out),
        lambda x, out: x.T.dot(X[:, 0], out),
    ],
)
def test_the_target_of_a_method_is_bound_to_the_result(method):
    x = ad.tensor(X, requires_grad=True)
    out = np.zeros_like(x[0])
    result = method(x, out)
    assert result.requires_grad
    expected = np.zeros(4)
    method(X, expected)
    if result is out:
        np.testing.assert_allclose(out.data, expected)


def test_counts_go_into_plain_targets():
    out = np.zeros(4, int)
    ad.tensor(X, requires_grad=True).argmax(0, out)
    np.testing.assert_array_equal(out, X.argmax(0))


def test_choices_by_a_tensor_of_whole_numbers():
    choices = ad.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    y = ad.tensor([1, 0]).choose(choices)
    np.testing.assert_array_equal(y.data, [3, 2])
    y.sum().backward()
    np.testing.assert_array_equal(choices.grad, [[0, 1], [1, 0]])
