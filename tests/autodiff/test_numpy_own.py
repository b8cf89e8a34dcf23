"""What `autodiff.numpy` has instead of NumPy's: `r_`, `c_`, `vectorize`, `apply_along_axis`."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.testing import check_grads

# ---------------------------------------------------------------- r_ and c_

X, M = np.array([1.0, -2.0, 3.0]), np.arange(6.0).reshape(2, 3)
KEYS = [
    (X,), (X, X), (X, 4.0, 5), (4.0, X), (X, slice(0, 3)), (slice(0, 1, 5j), X), ("0,2", X, X),
    ("1,2", M, M), ("0,2,0", X, X), ("-1", M, M), (M, M), (X, [1.0, 2.0]), ("0,3", X, X),
    ("1,3,0", X, X), (X[0], X[1]), (X, slice(3, 0, -1), "0"),
]  # fmt: skip


@pytest.mark.parametrize("name", ["r_", "c_"])
@pytest.mark.parametrize("number", range(len(KEYS)))
def test_what_r_and_c_join_may_be_tensors(name, number):
    key = KEYS[number]
    ours, numpys = getattr(ad.numpy, name), getattr(np, name)
    try:
        expected = numpys[key]
    except Exception as error:
        with pytest.raises(type(error)):
            ours[tuple(map(as_given, key))]
        return
    found = ours[tuple(map(as_given, key))]
    assert found.shape == expected.shape
    np.testing.assert_array_equal(found.data, expected)
    whole = [number for number, item in enumerate(key) if item is X or item is M]
    if whole:
        first = key.index(key[whole[0]]) if isinstance(key[whole[0]], str) else whole[0]
        check_grads(lambda x: ours[(*key[:first], x, *key[first + 1 :])], key[first], order=1)


def as_given(item):
    inexact = isinstance(item, np.ndarray | np.floating)
    return ad.tensor(item, requires_grad=True) if inexact else item


def test_r_without_tensors_is_numpys():
    np.testing.assert_array_equal(ad.numpy.r_[0:3, 5], np.r_[0:3, 5])
    assert type(ad.numpy.r_[0:3, 5]) is np.ndarray


def test_there_are_no_matrices_of_tensors():
    with pytest.raises(TypeError, match="leave out"):
        ad.numpy.r_["r", ad.tensor([1.0]), ad.tensor([2.0])]


# ---------------------------------------------------------------- vectorize

CALLS = {
    "numbers": (lambda x, y: x * y if x > 0 else y, (X, M), {}),
    "a number": (lambda x: 2 * x, (3.0,), {}),
    "several results": (lambda x: (x, x * x), (X,), {}),
    "rows": (lambda row: row @ row, (M,), {"signature": "(n)->()"}),
    "rows to rows": (lambda a, b: a * b.sum(), (M, X), {"signature": "(n),(m)->(n)"}),
    "types": (lambda x: x, (X,), {"otypes": "f"}),
    "nothing": (lambda x: x, (np.zeros((2, 0)),), {"otypes": "d"}),
}


@pytest.mark.parametrize("call", CALLS)
def test_vectorize_does_what_numpys_does(call):
    function, args, options = CALLS[call]
    expected = np.vectorize(function, **options)(*args)
    ours = ad.numpy.vectorize(function, **options)
    for found in (ours(*args), ours(*map(ad.tensor, args))):
        pairs = (
            zip(found, expected, strict=True) if isinstance(found, tuple) else [(found, expected)]
        )
        for one, other in pairs:
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            np.testing.assert_array_equal(getattr(one, "data", one), other)


def test_gradients_flow_through_vectorize_to_arguments_and_closures():
    check_grads(lambda x, y: ad.numpy.vectorize(lambda a, b: a * a * b)(x, y), X, M)
    check_grads(lambda s: ad.numpy.vectorize(lambda a: a * s)(X), np.array(2.0))
    check_grads(lambda s: ad.numpy.apply_along_axis(lambda row: row * s, 1, M), np.array(2.0))


def test_vectorize_passes_on_what_is_excluded():
    scale = ad.numpy.vectorize(lambda x, table: table[int(x)], excluded={"table"})
    assert scale(np.array([1, 0]), table=[7, 8]).tolist() == [8, 7]
    first = ad.numpy.vectorize(lambda table, x: table[int(x)], excluded={0})
    assert first([7, 8], np.array([1, 0])).tolist() == [8, 7]


@pytest.mark.parametrize(
    ("options", "args", "error", "message"),
    [
        ({}, (np.zeros(0),), ValueError, "pass otypes="),
        ({"signature": "n->n"}, (X,), ValueError, "is no signature"),
        ({"signature": "(n),(n)->()"}, (X,), TypeError, "has 2 arguments, and 1 were given"),
    ],
)
def test_a_wrong_use_of_vectorize_is_explained(options, args, error, message):
    with pytest.raises(error, match=message):
        ad.numpy.vectorize(lambda *values: 0.0, **options)(*args)
