"""`autodiff.numpy`: arrays are made out of tensors, and everything else is NumPy."""

import numpy as np
import pytest

import autodiff as ad
import autodiff.numpy as anp
from autodiff.testing import check_grads

X = np.array([0.5, 2.0])


@pytest.mark.parametrize(
    "build",
    [
        lambda x: anp.array([x[0], x[1], 3.0]),
        lambda x: anp.array([[x[0], 1], [2.0, x[1]]]),
        lambda x: anp.array([x, [1.0, 2.0]]),
        lambda x: anp.array(((x, x * x), (x + 1, np.ones(2)))),
        lambda x: anp.array(x[0]),
        lambda x: anp.array(x, ndmin=3),
        lambda x: anp.array(x, dtype=np.complex128),
        lambda x: anp.asarray([x[0], x[1]], dtype=np.float64),
        lambda x: anp.ascontiguousarray(x[0]),
        lambda x: anp.full((2, 3), x[0]),
        lambda x: anp.full((3, 2), [x[1], x[0]]),
        lambda x: anp.full_like(np.ones((3, 2)), x),
        lambda x: anp.arange(x[0], x[1] + 0.1, 0.5),
        lambda x: anp.arange(x[1] + 0.5) * x[0],
        lambda x: anp.linspace(x[0], x[1], 4),
    ],
)
def test_arrays_made_of_tensors_are_those_of_numpy_and_have_a_gradient(build):
    made = build(ad.tensor(X, requires_grad=True))
    assert isinstance(made, ad.Tensor)
    expected = build(X)
    np.testing.assert_array_equal(made.data, expected.data)
    assert made.dtype == expected.dtype
    check_grads(build, X)


def test_the_values_are_those_of_numpy_without_tensors():
    for name, args in (
        ("array", ([1.0, 2.0],)), ("asarray", ([[1, 2]],)), ("full", ((2, 2), 3.0)),
        ("zeros", (3,)), ("ones", ((2, 1), np.float32)), ("eye", (2,)), ("arange", (4,)),
        ("arange", (0.0, 1.0, 0.25)), ("linspace", (0.0, 1.0, 3)), ("tri", (3,)),
        ("identity", (2,)), ("zeros_like", (X,)), ("full_like", (X, 2.0)), ("copy", (X,)),
        ("geomspace", (1.0, 8.0, 4)), ("ascontiguousarray", (2.0,)),
    ):  # fmt: skip
        made, expected = getattr(anp, name)(*args), getattr(np, name)(*args)
        np.testing.assert_array_equal(np.asarray(made), expected)
        assert made.dtype == expected.dtype
        assert made.shape == expected.shape
        # Real numbers may be assigned to, whole numbers have no gradient.
        assert isinstance(made, ad.Tensor) == (expected.dtype.kind in "fc")


def test_elements_of_what_is_made_here_take_tensors():
    def powers(x):
        y = anp.zeros(4)
        for k in range(4):
            y[k] = x**k
        return np.sum(y)

    assert ad.grad(powers)(2.0) == 1 + 4 + 12


def test_array_copies_and_asarray_does_not():
    t = ad.tensor(X, requires_grad=True)
    assert anp.asarray(t) is t
    assert anp.asanyarray(t) is t
    copied = anp.array(t)
    copied[0] = 9.0
    assert t.data[0] == X[0]
    assert anp.array(t, copy=False) is t


def test_the_copy_of_an_array_does_not_change_it():
    original = np.zeros(2)
    copied = anp.copy(original)
    copied[0] = 1.0
    assert original[0] == 0


def test_not_finite_numbers_are_refused():
    with pytest.raises(ValueError, match="infinities or NaNs"):
        anp.asarray_chkfinite([ad.tensor(1.0), np.nan])


def test_rows_of_different_lengths_are_refused_with_their_shapes():
    with pytest.raises(ValueError, match=r"\(2,\).*\(1,\)"):
        anp.array([ad.tensor(X), [1.0]])


def test_a_sequence_with_its_distance():
    points, step = anp.linspace(0.0, 1.0, 5, retstep=True)
    assert isinstance(points, ad.Tensor)
    assert float(step) == 0.25


def test_star_import_has_the_names_of_numpy():
    names: dict[str, object] = {}
    exec("from autodiff.numpy import *", names)
    assert names["array"] is anp.array
    assert names["sin"] is np.sin
