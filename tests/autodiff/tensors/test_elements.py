"""A tensor in the graph does not become an element of a plain array; the error gives advice."""

import copy
import pickle
import sys
import threading

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import AutodiffError, DetachedWarning, GradientError
from autodiff.tensors import elements

DTYPES = ["f2", "f4", "f8", "g", "F", "D", "G"]
ASSIGNMENTS = {
    "a[i] = t": lambda a, t: a.__setitem__(0, t),
    "a[-1] = t": lambda a, t: a.__setitem__(-1, t),
    "a[i, j] = t": lambda a, t: a.reshape(-1, 1).__setitem__((0, 0), t),
    "a[()] = t": lambda a, t: a[:1].reshape(()).__setitem__((), t),
    "a[...] = t": lambda a, t: a.__setitem__(..., t),
    "a[:] = t": lambda a, t: a.__setitem__(slice(None), t),
    "a[i:j] = [t]": lambda a, t: a.__setitem__(slice(0, 1), [t]),
    "a[[i]] = t": lambda a, t: a.__setitem__([0], t),
    "a[mask] = t": lambda a, t: a.__setitem__(np.isfinite(a), t),
    "a[i, :] = t": lambda a, t: a.reshape(1, -1).__setitem__((0, slice(None)), t),
    "a[i, :] = [t]": lambda a, t: a.reshape(1, -1).__setitem__((0, slice(None)), [t] * len(a)),
    "a.flat[:] = t": lambda a, t: a.flat.__setitem__(slice(None), t),
    "a.fill(t)": lambda a, t: a.fill(t),
    "a.put(i, t)": lambda a, t: a.put(0, t),
    "array([t, t])": lambda a, t: np.array([t, t], a.dtype),
    "array([1, t])": lambda a, t: np.array([1.0, t], a.dtype),
    "array([[t], [t]])": lambda a, t: np.array([[t], [t]], a.dtype),
    "array(t)": lambda a, t: np.array(t, a.dtype),
    "array of records": lambda a, t: np.array([(t,)], [("x", a.dtype)]),
    "fromiter": lambda a, t: np.fromiter([t, t], a.dtype),
    "full": lambda a, t: np.full(3, t, a.dtype),
}


@pytest.fixture(params=["leaf", "result", "view", "one element", "subclass"])
def t(request):
    if request.param == "subclass":
        return ad.tensor(2.0, requires_grad=True).as_subclass(Kind)
    if request.param == "one element":
        return ad.tensor([2.0], requires_grad=True) * 1
    x = ad.tensor([2.0, 3.0], requires_grad=True)
    if request.param == "leaf":
        return ad.tensor(2.0, requires_grad=True)
    return x[0] * 1 if request.param == "result" else x[0]


class Kind(ad.Tensor):
    """A tensor of a user's."""

    __slots__ = ()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("assign", ASSIGNMENTS.values(), ids=ASSIGNMENTS)
def test_the_error_that_is_raised_is_ours(assign, dtype, t):
    array = np.zeros(3, dtype)
    with pytest.raises(
        GradientError, match=r"(lose its|carries a) gradient.*ad\.numpy\.zeros\(n\)"
    ):
        assign(array, t)
    assert not array.any()


@pytest.mark.parametrize("again", range(2))
def test_a_tensor_that_has_refused_is_what_it_was(t, again):
    for _ in range(again + 1):
        with pytest.raises(AutodiffError):
            np.zeros(2)[0] = t
    assert type(t).__name__ in ("Tensor", "Result", "View", "Kind")
    assert isinstance(t, ad.Tensor)
    assert t[...].shape == t.shape
    assert t[None].shape == (1, *t.shape)
    assert repr(t).startswith("Kind(" if isinstance(t, Kind) else "Tensor(")
    y = np.sum(t * t + np.exp(t) * t[()])
    y.backward()
    if t.is_leaf:
        np.testing.assert_allclose(t.grad, 4.0 + 3 * np.exp(2.0))
        for twin in (copy.copy(t), copy.deepcopy(t), pickle.loads(pickle.dumps(t))):
            assert type(twin) is (Kind if isinstance(t, Kind) else ad.Tensor)
            assert twin.requires_grad
            assert twin.grad == t.grad


def test_a_tensor_that_has_refused_can_be_written_to():
    x = ad.tensor([2.0, 3.0], requires_grad=True)
    base = x * 1
    view = base[:1]
    with pytest.raises(GradientError):
        np.zeros(2)[0] = view
    view += 1
    view *= 2
    np.sum(base).backward()
    np.testing.assert_array_equal(x.grad, [2, 1])


def test_threads_may_be_refused_at_once():
    t = ad.tensor(2.0, requires_grad=True) * 1
    errors = []

    def work():
        for _ in range(50):
            try:
                np.zeros(2)[0] = t
            except GradientError as error:
                errors.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 200


def test_several_elements_for_one_place_are_numpys_error():
    with pytest.raises(ValueError, match="sequence") as caught:
        np.zeros(2)[0] = ad.tensor([1.0, 2.0], requires_grad=True)
    assert isinstance(caught.value.__cause__, GradientError)


def test_without_a_graph_an_element_is_a_number():
    array = np.zeros(3)
    t = ad.tensor(2.0, requires_grad=True)
    array[0] = ad.tensor(2.0)
    array[1] = t.detach()
    with ad.no_grad():
        array[2] = t
    np.testing.assert_array_equal(array, 2)


# ---------------------------------------------------------------- NumPy's scalar types

SCALARS = [np.float16, np.float32, np.float64, np.longdouble, np.complex64, np.complex128,
           np.int8, np.int64, np.uint8, np.bool_]  # fmt: skip


@pytest.mark.parametrize("scalar", SCALARS)
def test_a_scalar_type_of_numpy_reads_as_float_does(scalar):
    t = ad.tensor(2.0, requires_grad=True)
    for value in (t, t * 1, ad.tensor(2.0)):
        found = scalar(value)
        assert type(found) is scalar
        assert found == scalar(2.0)
    assert list(map(scalar, [t, t])) == [scalar(2.0)] * 2
    assert scalar(ad.tensor([2.0])).shape == scalar(np.array([2.0])).shape
    with pytest.raises(GradientError, match="plain array"):
        scalar(ad.tensor([2.0], requires_grad=True))


@pytest.mark.parametrize("scalar", [np.float32, np.float64, np.complex128, np.int64])
def test_a_scalar_type_of_numpy_warns_where_a_derivative_is_taken(scalar):
    def f(x):
        number = scalar(x)
        return x * abs(number)

    with pytest.warns(DetachedWarning, match=scalar.__name__):
        ad.grad(f)(2.0)


def test_a_function_of_numpy_does_not_just_read():
    t = ad.tensor(2.0, requires_grad=True)
    for lose in (lambda: np.array([np.float64(t), t]), lambda: np.float64(np.asarray(t))):
        with pytest.raises(GradientError):
            lose()


def test_without_ctypes_the_advice_is_the_cause_of_numpys_error(monkeypatch):
    """Python may be built without it."""
    monkeypatch.setitem(sys.modules, "ctypes", None)
    elements._no_sequence.cache_clear()
    try:
        t = ad.tensor(2.0, requires_grad=True) * 1
        with pytest.raises(ValueError, match="setting an array element") as caught:
            np.zeros(2)[0] = t
        assert "ad.numpy.zeros(n)" in str(caught.value.__cause__)
    finally:
        elements._no_sequence.cache_clear()
