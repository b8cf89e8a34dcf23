"""`autodiff.numpy`: arrays are made out of tensors, and everything else is NumPy."""

import operator
import pickle

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
    assert names["sin"] is anp.sin
    assert names["pi"] is np.pi


# ---------------------------------------------------------------- lists of tensors


@pytest.mark.parametrize(
    "f",
    [
        lambda np, x: np.mean([x, x + 2]),
        lambda np, x: np.mean([x[0], 3.0, x[1]]),
        lambda np, x: np.diff(x, append=[x[1], x[0]]),
        lambda np, x: np.var((x, x * x, [1.0, 2.0]), axis=0, ddof=1),
        lambda np, x: np.append([x[0], x[1]], [x, x]),
        lambda np, x: np.sum([[x[0], 1.0], [2.0, x[1]]], axis=1),
        lambda np, x: np.max([x, 2 * x]),
        lambda np, x: np.dot([x[0], 1.0], [x[1], x[0]]),
        lambda np, x: np.outer([x[0], x[1]], x),
        lambda np, x: np.cross([x[0], x[1], 1.0], [1.0, x[0], 2.0]),
        lambda np, x: np.add([x, x], 1),
        lambda np, x: np.sin([x[0], [x[1]][0]]),
        lambda np, x: np.multiply(x, [x[1], 3.0]),
        lambda np, x: np.add.reduce([x, x * x]),
        lambda np, x: np.multiply.outer([x[0], 2.0], [x[1]]),
        lambda np, x: np.linalg.norm([x, x * x]),
        lambda np, x: np.linalg.norm([x[0], x[1]]),
        lambda np, x: np.linalg.solve([[x[0], 1.0], [0.0, x[1]]], [x[1], 2.0]),
        lambda np, x: np.linalg.det([x, [1.0, x[0]]]),
        lambda np, x: np.abs(np.fft.fft([x[0], x[1], 1.0])),
        lambda np, x: np.average([x[0], x[1]], weights=[x[1], x[0]]),
        lambda np, x: np.interp([0.5, x[0]], [0.0, 1.0, 3.0], [x[0], x[1], 1.0]),
        lambda np, x: np.polyval([x[0], 1.0, x[1]], [x[1], 2.0]),
        lambda np, x: np.where([True, False], [x[0], x[1]], [1.0, x[0]]),
        lambda np, x: np.transpose([x, x * x]),
        lambda np, x: np.reshape([x, x * x], (4, 1)),
        lambda np, x: np.clip([x[0], x[1]], 0.0, [x[1], x[0]]),
        lambda np, x: np.diff([x[0], x[1] ** 2, x[0]], prepend=[x[1]]),
        lambda np, x: np.einsum("i,ij->j", [x[0], x[1]], [x, [1.0, 2.0]]),
        lambda np, x: np.meshgrid([x[0], 1.0], [x[1], 2.0, 3.0])[1],
        lambda np, x: np.linspace([x[0], 1.0], [x[1], x[0]], 3),
        # These take sequences of arrays, whose lengths may differ.
        lambda np, x: np.concatenate([x, x[:1], [x[1], 1.0]]),
        lambda np, x: np.concatenate(([x[0]], x), axis=0),
        lambda np, x: np.stack([x, [x[1], x[0]]], axis=1),
        lambda np, x: np.hstack([x, [x[0]]]),
        lambda np, x: np.hstack((x[0], x)),
        lambda np, x: np.vstack((x, [x[0], x[1]])),
        lambda np, x: np.column_stack([x, [x[0], x[1]], np.outer(x, x)]),
        lambda np, x: np.block([[np.outer(x, x), x[:, None]], [x[None], x[:1]]]),
        lambda np, x: np.select([[True, False], [True, True]], [x, [x[1], x[0]]], x[0]),
        lambda np, x: np.choose([0, 1], [x, [x[1], x[0]]]),
        lambda np, x: np.choose([0, 1], choices=[x[0], x]),
        lambda np, x: np.piecewise(x, [x < 1, x >= 1], [lambda v: v * v, lambda v: 3 * v]),
        lambda np, x: np.linalg.multi_dot([x[None], np.outer(x, x), [x[0], x[1]]]),
        lambda np, x: np.broadcast_arrays([x[0], x[1]], [[x[1]], [1.0]])[1],
    ],
)
def test_lists_of_tensors_are_arrays_in_every_function(f):
    made = f(anp, ad.tensor(X, requires_grad=True))
    assert isinstance(made, ad.Tensor)
    np.testing.assert_allclose(made.data, f(np, X), rtol=1e-14)
    check_grads(lambda x: f(anp, x), X)


def test_lists_without_tensors_come_to_numpy_as_they_are():
    assert anp.concatenate([[1.0], [2.0, 3.0]]).tolist() == [1, 2, 3]
    assert anp.add([1, 2], (3, 4)).tolist() == [4, 6]
    assert type(anp.mean([1.0, 2.0])) is np.float64
    assert anp.reshape(np.arange(4), (ad.tensor(2), 2)).shape == (2, 2)


def test_out_is_not_joined():
    t = anp.zeros(2)
    anp.add(X, 1.0, out=(t,))
    np.testing.assert_array_equal(t.data, X + 1)


@pytest.mark.parametrize("name", ["sin", "mean", "concatenate", "linalg.norm", "add.reduce"])
def test_functions_are_kept_and_pickled_by_name(name):
    found = operator.attrgetter(name)(anp)
    assert operator.attrgetter(name)(anp) is found
    assert pickle.loads(pickle.dumps(found)) is found


def test_ufuncs_keep_what_they_tell():
    assert (anp.add.nin, anp.add.nout, anp.add.identity) == (2, 1, 0)
    assert anp.add.accumulate(X).tolist() == [0.5, 2.5]


# ---------------------------------------------------------------- programs for autograd.numpy


def rosenbrock(np, x):
    return np.sum(np.array([100.0 * (x[1] - x[0] ** 2) ** 2, (1 - x[0]) ** 2]))


def fixed_point(np, x):
    guess = x[0]
    for _ in range(8):  # Newton's square root
        guess = np.mean([guess, x[1] / guess])
    return guess


def rotated(np, x):
    c, s = np.cos(x[0]), np.sin(x[0])
    turn = np.array([[c, -s], [s, c]])
    return np.linalg.norm(np.dot(turn, np.array([x[1], 1.0])) - np.array([0.2, 0.3]))


def pendulum(np, x):
    state, step = np.array([x[0], 0.0]), 0.05
    for _ in range(20):
        state = np.add(state, step * np.array([state[1], -x[1] * np.sin(state[0])]))
    return np.sum(state**2)


def mixture(np, x):
    means = np.concatenate([np.array([x[0]]), x[1:]])
    logits = [-0.5 * (point - means) ** 2 for point in (0.1, 0.9, 2.0)]
    return np.sum(np.log(np.sum(np.exp(np.array(logits)), axis=1)))


def recurrent(np, x):
    hidden = np.zeros(2)
    weights = np.vstack((x, x[::-1]))
    for value in (0.5, -1.0, 0.2):
        hidden = np.tanh(np.dot(weights, np.append(value, hidden[:1])) + hidden)
    return np.sum(np.concatenate((np.array([value * x[0]]), hidden)))


PROGRAMS = [rosenbrock, fixed_point, rotated, pendulum, mixture, recurrent]


@pytest.mark.parametrize("program", PROGRAMS)
def test_programs_written_for_autograd_run_with_the_import_changed(program):
    check_grads(lambda x: program(anp, x), X)


@pytest.mark.parametrize("program", PROGRAMS)
def test_such_programs_have_the_gradient_that_autograd_gives(program):
    theirs = pytest.importorskip("autograd.numpy")
    grad = pytest.importorskip("autograd").grad
    expected = grad(lambda x: program(theirs, x))(X)
    np.testing.assert_allclose(ad.grad(lambda x: program(anp, x))(X), expected, rtol=1e-12)
