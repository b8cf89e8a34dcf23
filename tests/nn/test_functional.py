"""What the functions of `nn.functional` take: arrays, tensors and lists; and what they refuse."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import AutodiffError
from nn import functional as F
from nn.errors import UserError

X = np.random.default_rng(0).uniform(0.1, 0.9, (2, 4))
IMAGES = X.reshape(1, 2, 4)


def generator():
    return np.random.default_rng(0)


CALLS = {name: (getattr(F, name), X) for name in F.__all__} | {
    "adaptive_avg_pool": (lambda x: F.adaptive_avg_pool(x, 2), IMAGES),
    "adaptive_max_pool": (lambda x: F.adaptive_max_pool(x, 2), IMAGES),
    "affine": (lambda x: F.affine(x, X.T, X[0, :2]), X),
    "attention": (lambda x: F.attention(x, x, X), X),
    "avg_pool": (lambda x: F.avg_pool(x, 2), IMAGES),
    "convolve": (lambda x: F.convolve(x, np.ones((3, 2, 2))), IMAGES),
    "convolve_transpose": (lambda x: F.convolve_transpose(x, np.ones((2, 3, 2))), IMAGES),
    "dropout": (lambda x: F.dropout(x, 0.5, rng=generator()), X),
    "embed": (lambda x: F.embed(x, [1, 0, 1]), X),
    "max_pool": (lambda x: F.max_pool(x, 2), IMAGES),
    "normalize": (lambda x: F.normalize(x)[0], X),
}
each_function = pytest.mark.parametrize(("function", "x"), CALLS.values(), ids=CALLS)


@each_function
def test_lists_of_numbers_and_of_tensors_are_taken_for_arrays(function, x):
    expected = function(x)
    np.testing.assert_allclose(function(x.tolist()), expected)
    rows = [ad.tensor(row, requires_grad=True) for row in x]
    result = function([row * 1 for row in rows])
    np.testing.assert_allclose(result.data, expected)
    np.sum(result * result).backward()
    leaf = ad.tensor(x, requires_grad=True)
    y = function(leaf)
    np.sum(y * y).backward()
    np.testing.assert_allclose([row.grad for row in rows], leaf.grad)


@each_function
@pytest.mark.parametrize("wrong", [None, "abc", object(), [["a"]], {"a": 1}, np.array([1.0, None])])
def test_what_is_no_number_is_named(function, x, wrong):
    with pytest.raises((AutodiffError, UserError), match=r"number|Tensor|give images"):
        function(wrong)


@pytest.mark.parametrize("x", [True, 3, np.float32(0.5), [True, False], [1, 2]])
@pytest.mark.parametrize("name", ["log_sigmoid", "relu6", "tanh", "hardtanh", "silu", "selu"])
def test_truth_values_and_whole_numbers_are_numbers(name, x):
    function = getattr(F, name)
    np.testing.assert_allclose(function(x), function(np.asarray(x, float)), rtol=1e-3)


@pytest.mark.parametrize("x", [1.0, np.ones(3), np.ones((2, 0, 3))])
def test_what_has_no_two_halves_is_refused(x):
    with pytest.raises(ValueError, match=r"glu: axis -1 .* has no two halves"):
        F.glu(x)
