"""Assignments: gradients through in-place code are exact, and writing to what a backward pass still
needs is noticed. (Views have tests of their own.)"""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff as ad
from autodiff.errors import DtypeError, GradientError, InPlaceError, ShapeError, StaleValueError
from autodiff.testing import arrays, check_grads, indices


def leaf(value, **options):
    return ad.tensor(value, requires_grad=True, **options)


# ---------------------------------------------------------------- t[index] = value


@given(data=st.data())
def test_an_assignment_through_any_index_has_the_right_gradient(data):
    shape = data.draw(st.sampled_from([(3,), (2, 3), (2, 1, 2), (0, 2)]))
    index = data.draw(indices(shape))
    x = data.draw(arrays(ad.real, shape))
    selected = x[index].shape
    value = data.draw(arrays(ad.real, st.sampled_from([selected, ()])))

    def assigned(x, value):
        y = np.copy(x)
        y[index] = value
        return y * y

    expected = x.copy()
    expected[index] = value
    np.testing.assert_array_equal(assigned(ad.as_tensor(x), value).data, expected * expected)
    check_grads(assigned, x, value)


@given(data=st.data())
def test_reading_through_any_index_has_the_right_gradient(data):
    shape = data.draw(st.sampled_from([(), (3,), (2, 3), (2, 1, 2), (0, 2)]))
    index = data.draw(indices(shape))
    x = data.draw(arrays(ad.real, shape))
    np.testing.assert_array_equal(ad.as_tensor(x)[index].data, x[index])
    check_grads(lambda x: x[index] ** 2, x)


def test_where_an_element_is_written_twice_the_last_value_counts():
    x, value = leaf(np.zeros(3)), leaf([1.0, 2.0, 3.0])
    y = x * 1
    y[[0, 2, 0]] = value
    np.testing.assert_array_equal(y.data, [3, 0, 2])
    y.backward(np.array([1.0, 10.0, 100.0]))
    np.testing.assert_array_equal(value.grad, [0, 100, 1])
    np.testing.assert_array_equal(x.grad, [0, 10, 0])


def test_augmented_assignment_to_elements():
    x = leaf([1.0, 2.0, 3.0])
    y = np.copy(x)
    y[1:] *= x[:-1]
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, [1 + 2, 1 + 3, 2])


def test_textbook_code_with_assignments():
    def solve(a, b, c, d):
        """Thomas's algorithm for a tridiagonal system."""
        n = len(b)
        b, d, x = np.copy(b), np.copy(d), np.zeros_like(d)
        for i in range(1, n):
            w = a[i] / b[i - 1]
            b[i] -= w * c[i - 1]
            d[i] -= w * d[i - 1]
        x[n - 1] = d[n - 1] / b[n - 1]
        for i in reversed(range(n - 1)):
            x[i] = (d[i] - c[i] * x[i + 1]) / b[i]
        return x

    rng = np.random.default_rng(0)
    a, c, d = rng.normal(size=(3, 4))
    b = 4 + rng.random(4)
    matrix = np.diag(b) + np.diag(a[1:], -1) + np.diag(c[:-1], 1)
    np.testing.assert_allclose(solve(a, b, c, d), np.linalg.solve(matrix, d))
    check_grads(solve, a, b, c, d)


def test_an_array_of_zeros_like_a_tensor_records_assignments():
    x = leaf(2.0)
    y = np.zeros_like(x, shape=3)
    for i in range(3):
        y[i] = x**i
    y.sum().backward()
    assert x.grad == 0 + 1 + 4


# ---------------------------------------------------------------- operators, out=, at

AUGMENTED = {
    "+=": lambda t, u: t.__iadd__(u),
    "-=": lambda t, u: t.__isub__(u),
    "*=": lambda t, u: t.__imul__(u),
    "/=": lambda t, u: t.__itruediv__(u),
    "**=": lambda t, u: t.__ipow__(u),
    "@=": lambda t, u: t.__imatmul__(u),
    "%=": lambda t, u: t.__imod__(u),
    "//=": lambda t, u: t.__ifloordiv__(u),
}


@pytest.mark.parametrize("operator", AUGMENTED)
def test_augmented_operators_record(operator):
    x, u = np.array([[1.3, 2.4], [0.7, 3.1]]), np.array([[0.9, 1.6], [1.2, 0.8]])

    def in_place(x, u):
        t = np.copy(x)
        same = t
        t = AUGMENTED[operator](t, u)
        assert t is same
        return t

    np.testing.assert_allclose(in_place(x, u), in_place(ad.tensor(x), u).data)
    check_grads(in_place, x, u)


@pytest.mark.parametrize(
    "store",
    [
        lambda t, x: np.multiply(x, x, out=t),
        lambda t, x: np.multiply(x, x, out=(t,)),
        lambda t, x: np.add.reduce(np.stack([x, x * x]), axis=0, out=t),
        lambda t, x: np.cumsum(x, out=t),
        lambda t, x: np.amax(np.stack([x, 3 * x]), axis=0, out=t),
        lambda t, x: np.median(np.stack([x, 3 * x]), axis=0, out=t),
        lambda t, x: np.var(np.stack([x, 3 * x]), axis=0, out=t),
        lambda t, x: np.sum(np.stack([x, x]), axis=0, out=t),
        lambda t, x: np.clip(x, 0.5, 1.5, out=t),
    ],
)
def test_out_binds_the_target_to_the_result(store):
    def stored(x):
        t = np.zeros_like(x)
        result = store(t, x)
        assert result is t
        return t * 2

    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(stored(ad.tensor(x)).data, stored(x))
    check_grads(stored, x)


def test_where_keeps_the_other_elements_of_out():
    def masked(x):
        t = x * 10
        np.multiply(x, x, out=t, where=np.array([True, False, True]))
        return t

    x = np.array([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(masked(ad.tensor(x)).data, [1, 20, 9])
    check_grads(masked, x)


@pytest.mark.parametrize("ufunc", [np.add, np.subtract, np.multiply, np.maximum])
def test_ufunc_at_counts_repeated_elements_every_time(ufunc):
    index = [0, 2, 0]

    def applied(x, u):
        t = np.copy(x)
        ufunc.at(t, index, u)
        return t

    x, u = np.array([1.0, 2.0, 3.0]), np.array([0.5, 0.25, 2.0])
    np.testing.assert_allclose(applied(ad.tensor(x), u).data, applied(x, u))
    check_grads(applied, x, u)


def test_a_plain_array_cannot_take_a_gradient():
    x, target = leaf([1.0, 2.0]), np.zeros(2)
    for put in (lambda: np.exp(x, out=target), lambda: np.add.at(target, [0, 1], x)):
        with pytest.raises(GradientError, match=r"np\.zeros_like\(t\) or ad\.numpy\.zeros"):
            put()
    assert not target.any()


# ---------------------------------------------------------------- what a write does not change


def test_a_value_used_before_it_is_replaced_keeps_its_gradient():
    x = leaf([1.0, 2.0])
    y = x * 1
    square = y * y
    y *= 0
    (square.sum() + y.sum()).backward()
    np.testing.assert_array_equal(x.grad, [2, 4])


def test_the_array_that_a_tensor_was_made_of_does_not_change():
    array = np.array([1.0, 2.0])
    shared = ad.as_tensor(array)
    assert shared.data is array
    shared[0] = 5.0
    shared += 1
    np.testing.assert_array_equal(array, [1, 2])


def test_assigning_the_wrong_shape_or_dtype_is_explained():
    y = ad.tensor(np.zeros(3))
    with pytest.raises(ShapeError, match=r"shape \(2, 3\).*\(3,\)"):
        y += np.ones((2, 3))
    whole = ad.tensor([1, 2, 3])
    with pytest.raises(DtypeError, match=r"float64 value into a int64.*write t = t \+ u"):
        whole += 0.5


def test_a_wider_value_is_cast_to_the_targets_dtype():
    x = leaf(np.ones(2), dtype=np.float32)
    y = x * 1
    y += np.ones(2)
    assert y.dtype == np.float32
    y.sum().backward()
    assert x.grad.dtype == np.float32


# ---------------------------------------------------------------- leaves


def change_element(x):
    x[0] = 1.0


def add_one(x):
    x += 1.0


def store_into(x):
    np.exp(np.ones(2), out=x)


@pytest.mark.parametrize("change", [change_element, add_one, store_into])
def test_a_leaf_is_not_assigned_to_in_place(change):
    x = leaf([1.0, 2.0], name="weight")
    with pytest.raises(InPlaceError, match=r"'weight' is a leaf.*t\.copy\(\).*ad\.no_grad"):
        change(x)
    np.testing.assert_array_equal(x.data, [1, 2])


@pytest.mark.parametrize("change", [change_element, add_one, store_into])
def test_a_leaf_may_be_assigned_to_within_no_grad(change):
    x = leaf([5.0, 6.0])
    with ad.no_grad():
        change(x)
    assert x.is_leaf
    assert x.requires_grad
    assert x.data[0] != 5.0
    (x * x).sum().backward()
    np.testing.assert_allclose(x.grad, 2 * x.data)


# ---------------------------------------------------------------- values that a rule still needs


def test_a_leaf_changed_between_forward_and_backward_is_noticed():
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    x.data += 1
    with pytest.raises(StaleValueError, match=r"multiply: .*argument 'a' of shape \(2,\)"):
        loss.backward()


def test_a_constant_changed_between_forward_and_backward_is_noticed():
    x, c = leaf([1.0, 2.0]), ad.tensor([3.0, 4.0])
    loss = (x * c).sum()
    c.data *= 2
    with pytest.raises(StaleValueError, match="argument 'b'"):
        loss.backward()


def test_a_changed_intermediate_result_is_noticed():
    x = leaf([1.0, 2.0])
    y = np.exp(x)
    loss = y.sum()
    y.data -= 1
    with pytest.raises(StaleValueError, match=r"exp: .*its result"):
        loss.backward()


def test_a_change_through_a_view_is_noticed():
    x = leaf(np.ones((2, 3)))
    view = x[0]
    loss = np.sum(x * x)
    view.data += 1
    with pytest.raises(StaleValueError):
        loss.backward()


def test_a_changed_value_of_which_a_view_was_kept_is_noticed():
    x = leaf(np.ones((2, 3)))
    loss = np.sum(x[0] * x[1])
    x.data += 1
    with pytest.raises(StaleValueError):
        loss.backward()


def test_changed_elements_that_are_assigned_back_are_noticed():
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    x.data[0] = 7.0
    x.data = x.data
    with pytest.raises(StaleValueError):
        loss.backward()


def test_a_changed_value_that_no_rule_needs_does_no_harm():
    x = leaf([1.0, 2.0])
    loss = (x + 1).sum()
    x.data += 1
    loss.backward()
    np.testing.assert_array_equal(x.grad, [1, 1])


def test_a_graph_made_after_the_change_is_right():
    x = leaf([1.0, 2.0])
    np.sum(x * x).backward()
    x.data -= 0.5 * x.grad
    x.grad = None
    np.sum((x + 1) ** 2).backward()
    np.testing.assert_array_equal(x.grad, [2, 2])


def test_replacing_the_data_by_another_array_is_not_a_change():
    x = leaf([1.0, 2.0])
    loss = (x * x).sum()
    x.data = np.array([5.0, 6.0])
    loss.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])
