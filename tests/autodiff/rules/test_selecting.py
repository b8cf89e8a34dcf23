"""Picking, inserting and removing, where generated calls do not look."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import DtypeError, GradientError
from autodiff.testing import check_grads

X = np.array([[0.5, -1.0, 2.0], [3.0, 0.25, -2.0]])


def weighted(function):
    """A scalar that depends on every element of ``function(x)`` in its own way."""

    def total(*args):
        y = function(*args)
        return np.sum(y * (1.0 + np.arange(y.size)).reshape(y.shape))

    return total


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: np.take(x, [5, -7], mode="wrap"), [[0, 0, 0], [0, 0, 3]]),
        (lambda x: np.take(x, [9, -9], mode="clip"), [[2, 0, 0], [0, 0, 1]]),
        (lambda x: np.take(x, [0, 0], axis=1), [[3, 0, 0], [7, 0, 0]]),
        (lambda x: np.take_along_axis(x, np.array([[1], [0]]), 1), [[0, 1, 0], [2, 0, 0]]),
        (lambda x: np.take_along_axis(x, np.array([4, 4]), None), [[0, 0, 0], [0, 3, 0]]),
        (lambda x: np.compress([True, False], x, axis=0), [[1, 2, 3], [0, 0, 0]]),
        (lambda x: np.extract(x > 0, x), [[1, 0, 2], [3, 4, 0]]),
        (lambda x: np.delete(x, 1, axis=1), [[1, 0, 2], [3, 0, 4]]),
        (lambda x: np.delete(x, [True, False], axis=0), [[0, 0, 0], [1, 2, 3]]),
        (lambda x: np.resize(x, (7,)), [[8, 2, 3], [4, 5, 6]]),
        (lambda x: np.trim_zeros(x[0] * np.array([0, 1, 0])), [[0, 1, 0], [0, 0, 0]]),
    ],
)
def test_every_element_goes_where_it_belongs(function, expected):
    np.testing.assert_array_equal(ad.grad(weighted(function))(X), expected)


def test_choose_wraps_and_clips():
    choices = np.array([[1.0, 2.0], [3.0, 4.0]])
    picked = ad.grad(lambda c: np.sum(np.choose([2, -1], list(c), mode="wrap")))(choices)
    np.testing.assert_array_equal(picked, [[1, 0], [0, 1]])
    picked = ad.grad(lambda c: np.sum(np.choose([2, -1], list(c), mode="clip")))(choices)
    np.testing.assert_array_equal(picked, [[0, 1], [1, 0]])
    with pytest.raises(ValueError, match="2 choices"):
        np.choose([2, 0], list(ad.tensor(choices)))


def test_select_does_not_leak_nan_from_a_choice_not_taken():
    def f(x):
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sum(np.select([x > 0, x < 0], [x * 2, np.sqrt(-x * 0) * 0 + x], -x))

    np.testing.assert_array_equal(ad.grad(f)(np.array([1.0, 0.0])), [2, -1])


def test_select_needs_a_choice_for_each_condition():
    with pytest.raises(ValueError, match="2 conditions and 1 choices"):
        np.select([X > 0, X < 0], [ad.tensor(X)])


def test_piecewise_calls_each_function_with_its_own_elements():
    def f(x, rate):
        return np.piecewise(x, [x < 0, x > 1], [np.exp, lambda v: rate * v, 3.0])

    check_grads(f, X, 1.7)
    with pytest.raises(ValueError, match="1 conditions and 3 functions"):
        np.piecewise(ad.tensor(X), [X < 0], [1, 2, 3])


def test_piecewise_takes_a_single_condition():
    x = ad.tensor([-1.0, 2.0], requires_grad=True)
    y = np.piecewise(x, x.data > 0, [np.square, np.negative])
    np.testing.assert_array_equal(y.data, [1, 4])


@pytest.mark.parametrize("obj", [0, [1, 1], slice(0, 2), np.array([-1])])
@pytest.mark.parametrize("axis", [None, 1])
def test_insert_takes_every_kind_of_index(obj, axis):
    value = np.array(7.0)
    expected = np.insert(X, obj, value, axis)
    x, v = ad.tensor(X, requires_grad=True), ad.tensor(value, requires_grad=True)
    y = np.insert(x, obj, v, axis)
    np.testing.assert_array_equal(y.data, expected)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, np.ones_like(X))
    assert v.grad == expected.size - X.size


def test_insert_into_whole_numbers_is_refused():
    with pytest.raises(DtypeError, match=r"insert.*astype"):
        np.insert(np.arange(3), 1, ad.tensor(0.5, requires_grad=True))


def test_trim_zeros_of_an_array_of_zeros_is_empty():
    t = ad.tensor(np.zeros(3), requires_grad=True)
    assert np.trim_zeros(t).shape == (0,)


@pytest.mark.skipif(np.__version__ < "2.2", reason="NumPy 2.2 trims along axes")
def test_trim_zeros_along_axes():
    x = np.zeros((3, 4))
    x[1, 1:3] = [2.0, 3.0]
    for axis, trim in ((None, "fb"), (0, "f"), (-1, "b")):
        expected = np.trim_zeros(x, trim, axis)
        np.testing.assert_array_equal(np.trim_zeros(ad.tensor(x), trim, axis).data, expected)


# ---------------------------------------------------------------- in place


def bound(change):
    """What `change` makes of a copy of `x` with the values `v`."""

    def f(x, v):
        t = x.copy()
        change(t, v)
        return t

    return f


IN_PLACE = {
    "put": (lambda t, v: np.put(t, [4, 0, 4], v), 3),
    "put, values repeated": (lambda t, v: np.put(t, [5, 1, 2], v), 2),
    "put, out of range": (lambda t, v: np.put(t, [7, -9], v, mode="wrap"), 2),
    "place": (lambda t, v: np.place(t, X > 0, v), 2),
    "putmask": (lambda t, v: np.putmask(t, X > 0, v), 4),
    "copyto": (lambda t, v: np.copyto(t, v, where=X > 0), 3),
    "fill_diagonal": (lambda t, v: np.fill_diagonal(t, v), 2),
    "put_along_axis": (lambda t, v: np.put_along_axis(t, np.array([[1], [2]]), v[:, None], 1), 2),
    "the method put": (lambda t, v: t.put([0, 3], v), 2),
    "the method fill": (lambda t, v: t.fill(v[0]), 1),
}


@pytest.mark.parametrize("name", IN_PLACE)
def test_functions_that_write_have_exact_gradients(name):
    change, count = IN_PLACE[name]
    v = 10.0 + np.arange(count)
    expected = X.copy()
    change(expected, v)
    np.testing.assert_array_equal(bound(change)(ad.tensor(X), ad.tensor(v)).data, expected)
    # Each place has the gradient of what was written there last.
    from_x, from_v = ad.grad(weighted(bound(change)), argnums=(0, 1))(X, v)
    weights = (1.0 + np.arange(6)).reshape(2, 3)
    np.testing.assert_array_equal(from_x, np.where(expected == X, weights, 0))
    np.testing.assert_array_equal(from_v, [np.sum(weights[expected == value]) for value in v])


def test_sort_and_partition_in_place():
    t = ad.tensor([3.0, 1.0, 2.0], requires_grad=True)
    u = t * 1
    u.sort()
    (u * np.array([1.0, 10.0, 100.0])).sum().backward()
    np.testing.assert_array_equal(t.grad, [100, 1, 10])
    u = t * 1
    u.partition(1)
    np.testing.assert_array_equal(u.data, [1, 2, 3])


@pytest.mark.parametrize("name", ["put", "place", "putmask", "copyto", "fill_diagonal"])
def test_a_plain_array_cannot_take_a_value_with_a_gradient(name):
    with pytest.raises(GradientError, match=r"np\.zeros_like\(t\) or ad\.numpy\.zeros"):
        IN_PLACE[name][0](X.copy(), ad.tensor(np.ones(1), requires_grad=True))


def test_a_plain_array_takes_a_value_without_a_gradient():
    target = X.copy()
    np.put(target, [0], ad.tensor([9.0]))
    assert target[0, 0] == 9


def test_a_view_taken_before_follows():
    t = ad.tensor(X, requires_grad=True) * 1
    row = t[0]
    np.copyto(t, 0.0)
    np.testing.assert_array_equal(row.data, np.zeros_like(X[0]))


def test_nan_to_num_in_place():
    t = ad.tensor([1.0, np.nan], requires_grad=True)
    u = t * 1
    assert np.nan_to_num(u, copy=False, nan=5.0) is u
    np.testing.assert_array_equal(u.data, [1, 5])
    u.sum().backward()
    np.testing.assert_array_equal(t.grad, [1, 0])
