"""The Tensor: making one, reading it, copying it, NumPy's protocols, and what it refuses."""

import copy
import math
import pickle

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import DtypeError, GradientError, ShapeError, UnsupportedError
from autodiff.testing import check_grads


def leaf(value, **options):
    return ad.tensor(value, requires_grad=True, **options)


# ---------------------------------------------------------------- making one


def test_tensor_copies_and_as_tensor_shares():
    array = np.array([1.0, 2.0])
    copied, shared = ad.tensor(array), ad.as_tensor(array)
    array[0] = 9.0
    assert copied.data[0] == 1.0
    assert shared.data is array
    assert ad.as_tensor(shared) is shared


@pytest.mark.parametrize("data", [2, 2.5, 1j, True, [1, 2], [[1.0], [2.0]], np.float32(3)])
def test_a_tensor_has_the_dtype_and_shape_that_numpy_gives(data):
    tensor, array = ad.tensor(data), np.array(data)
    assert (tensor.dtype, tensor.shape, tensor.ndim) == (array.dtype, array.shape, array.ndim)
    assert (tensor.size, tensor.nbytes, tensor.itemsize) == (
        array.size,
        array.nbytes,
        array.itemsize,
    )


def test_a_dtype_can_be_asked_for():
    assert ad.tensor([1, 2], dtype=np.float32).dtype == np.float32
    assert ad.tensor([1, 2], requires_grad=True, dtype=float).requires_grad


def test_a_tensor_without_dimensions_holds_a_numpy_scalar():
    assert type(ad.tensor(2.0).data) is np.float64
    assert type(np.sum(leaf([1.0, 2.0])).data) is np.float64


def test_a_tensor_can_be_made_of_tensors():
    x = ad.tensor(2.0)
    np.testing.assert_array_equal(ad.tensor([x, 3.0]).data, [2, 3])


def test_requires_grad_can_be_set_on_leaves():
    x = ad.tensor([1.0, 2.0])
    assert x.requires_grad_() is x
    (x * 2).sum().backward()
    x.requires_grad = False
    assert x.grad is None
    assert not (x * 2).requires_grad


def test_requires_grad_cannot_be_taken_from_a_result():
    with pytest.raises(GradientError, match=r"the result of multiply; use t\.detach\(\)"):
        (leaf(1.0) * 2).requires_grad = False


@pytest.mark.parametrize("data", [[1, 2], True])
def test_only_inexact_numbers_have_gradients(data):
    with pytest.raises(DtypeError, match="gradients need a float or complex dtype"):
        ad.tensor(data, requires_grad=True)


# ---------------------------------------------------------------- reading it


def test_values_can_be_read():
    x = leaf([[1.5]])
    assert (x.item(), float(x[0, 0]), int(x[0, 0]), bool(x)) == (1.5, 1.5, 1, True)
    assert x.tolist() == [[1.5]]
    assert x.numpy() is x.data
    assert complex(leaf(1j)) == 1j
    assert [10, 20][ad.tensor(1)] == 20


def test_float_is_for_reading_a_value_also_into_a_list():
    losses = [float(leaf(1.0) * 2)]
    losses.append(float(leaf(1.0) * 3))
    table = {}
    table["loss"] = float(leaf(4.0))
    assert (losses, table) == ([2.0, 3.0], {"loss": 4.0})


def test_a_tensor_is_a_sequence_of_its_rows():
    x = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert len(x) == 2
    first, second = x
    (first * second).sum().backward()
    np.testing.assert_array_equal(x.grad, [[3, 4], [1, 2]])
    assert 3.0 in x
    assert 5.0 not in x


@pytest.mark.parametrize("read", [len, iter])
def test_a_tensor_without_dimensions_is_no_sequence(read):
    with pytest.raises(TypeError, match="without dimensions"):
        read(ad.tensor(1.0))


def test_a_tensor_can_be_a_key():
    x, y = leaf([1.0]), leaf([1.0])
    assert {x: "x", y: "y"}[x] == "x"


def test_detach_leaves_the_graph_and_shares_the_value():
    x = leaf([1.0, 2.0])
    constant = x.detach()
    assert constant.data is x.data
    assert not constant.requires_grad
    (x * constant).sum().backward()
    np.testing.assert_array_equal(x.grad, [1, 2])


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ad.tensor([1.0, 2.0]), "Tensor([1., 2.])"),
        (lambda: leaf(2.0, name="x"), "Tensor(2., requires_grad=True, name='x')"),
        (lambda: np.exp(leaf(0.0)), "Tensor(1., from=exp)"),
        (lambda: ad.tensor([1], dtype="f4"), "Tensor([1.], dtype=float32)"),
        (lambda: ad.tensor([True]), "Tensor([ True])"),
    ],
)
def test_repr_shows_value_and_place_in_the_graph(make, text):
    assert repr(make()) == text


def test_numbers_can_be_formatted():
    assert f"{leaf(1.23456):.2f}" == "1.23"
    assert f"{ad.tensor([1.0])}" == "Tensor([1.])"


def test_the_name_stays_when_requires_grad_changes():
    x = ad.tensor(1.0, name="rate")
    x.requires_grad = True
    assert x.name == "rate"
    x.requires_grad = False
    assert x.name == "rate"


def test_results_can_have_names():
    y = leaf(1.0) * 2
    assert y.name is None
    y.name = "double"
    assert y.name == "double"
    y.name = None
    assert y.name is None


# ---------------------------------------------------------------- copies and pickles


@pytest.mark.parametrize(
    "duplicate", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))]
)
@pytest.mark.parametrize("requires_grad", [True, False])
def test_a_leaf_can_be_copied_and_pickled(duplicate, requires_grad):
    x = ad.tensor([1.0, 2.0], requires_grad=requires_grad, name="w")
    y = duplicate(x)
    assert (y.name, y.requires_grad, y.grad) == ("w", requires_grad, None)
    assert not np.shares_memory(x.data, y.data)
    if requires_grad:
        (y * 3).sum().backward()
        np.testing.assert_array_equal(y.grad, 3)
        assert x.grad is None


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickle.dumps])
def test_a_result_is_not_copied_without_its_graph(duplicate):
    with pytest.raises(GradientError, match=r"result of exp.*np\.copy\(t\).*t\.detach\(\)"):
        duplicate(np.exp(leaf(1.0)))


def test_a_deep_copy_of_shared_tensors_shares_the_copies():
    x = leaf(1.0)
    first, second = copy.deepcopy([x, x])
    assert first is second


# ---------------------------------------------------------------- NumPy's protocols


def test_numpy_functions_record():
    x = leaf([1.0, 2.0])
    for result in (np.exp(x), np.sum(x), np.concatenate([x, x]), np.where([True, False], x, 0)):
        assert isinstance(result, ad.Tensor)
        assert result.requires_grad


def test_an_array_on_the_left_lets_the_tensor_answer():
    x = leaf([1.0, 2.0])
    assert isinstance(np.ones(2) * x, ad.Tensor)
    assert isinstance(np.float64(2) - x, ad.Tensor)
    assert isinstance(np.ones((2, 2)) @ x, ad.Tensor)


def test_functions_of_tensors_outside_of_a_graph_give_tensors():
    assert isinstance(np.exp(ad.tensor(1.0)), ad.Tensor)
    assert not np.exp(ad.tensor(1.0)).requires_grad


def test_ufuncs_take_the_types_that_numpy_takes():
    x = leaf([1.0, 2.0])
    np.testing.assert_array_equal(np.add(x, [3.0, 4.0]).data, [4, 6])
    assert np.add(x, 1, dtype=np.float32).dtype == np.float32
    np.testing.assert_array_equal(np.multiply.outer(x, [1.0, 2.0]).data, [[1, 2], [2, 4]])


def test_a_tensor_as_one_of_a_subclass_is_at_the_same_place_in_the_graph():
    class Weight(ad.Tensor):
        def __init__(self, *args):
            raise AssertionError("the constructor is not called")

    x = leaf([1.0, 2.0])
    y = (x * 3).as_subclass(Weight)
    assert type(y) is Weight
    np.sum(y * y).backward()
    np.testing.assert_array_equal(x.grad, [18, 36])
    named = ad.tensor([1.0], name="w").as_subclass(Weight)
    assert (named.name, named.requires_grad) == ("w", False)


def test_tensors_outside_of_a_graph_become_arrays():
    x = ad.tensor([1.0, 2.0])
    array = np.zeros((2, 2))
    array[0] = x
    np.testing.assert_array_equal(array, [[1, 2], [0, 0]])
    np.testing.assert_array_equal(np.array([x, x]), [[1, 2], [1, 2]])
    assert np.asarray(x) is x.data
    assert np.array(x, copy=True) is not x.data
    assert math.sin(ad.tensor(0.0)) == 0.0


def test_a_function_that_nobody_declared_is_named():
    clamped = np.frompyfunc(lambda x: max(x, 0.0), 1, 1)  # a ufunc of the user's own
    with pytest.raises(UnsupportedError, match=r"lambda.*t\.detach\(\)"):
        clamped(leaf([1.0]))


# ---------------------------------------------------------------- errors say what to do


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: leaf(np.ones((3, 4))) @ np.ones((3, 4)),
            r"matmul.*\(3, 4\).*transpose the second\?",
        ),
        (lambda: np.ones((3, 4)) @ leaf(np.ones((3, 2))), r"matmul.*transpose the first\?"),
        (lambda: leaf(np.ones(3)) + np.ones(4), r"add.*\(3,\).*\(4,\)"),
        (
            lambda: np.concatenate([leaf(np.ones(3)), np.ones((2, 2))]),
            r"concatenate.*\(3,\).*\(2, 2\)",
        ),
        (lambda: leaf(np.ones(6)).reshape(4, 2), r"reshape.*\(6,\)"),
        (lambda: np.einsum("ij,jk", leaf(np.ones((2, 3))), np.ones((2, 3))), "einsum"),
    ],
)
def test_an_error_names_the_function_and_the_shapes(call, message):
    with pytest.raises(ShapeError, match=message) as caught:
        call()
    assert isinstance(caught.value, ValueError)


def test_an_index_out_of_range_is_an_index_error():
    with pytest.raises(IndexError):
        leaf([1.0, 2.0])[2]


def test_a_grad_of_the_wrong_shape_is_refused():
    x = leaf([1.0, 2.0])
    with pytest.raises(ShapeError, match=r"\(3,\).*\(2,\)"):
        x.grad = np.ones(3)
    with pytest.raises(GradientError, match="does not require a gradient"):
        ad.tensor(1.0).grad = 1.0


def test_data_of_another_shape_is_refused():
    with pytest.raises(ShapeError, match=r"\(3,\).*\(2,\).*new tensor"):
        leaf([1.0, 2.0]).data = np.ones(3)


# ---------------------------------------------------------------- numbers that would go wrong


def test_nan_in_the_branch_not_taken_does_no_harm():
    x = leaf([-1.0, 0.0, 4.0])
    with np.errstate(all="ignore"):
        np.sum(np.where(x.data > 0, np.sqrt(x), 0.0)).backward()
    np.testing.assert_array_equal(x.grad, [0, 0, 0.25])


def test_infinity_in_the_branch_not_taken_does_no_harm():
    x = leaf([0.0, 2.0])
    with np.errstate(all="ignore"):
        np.sum(np.where(x.data == 0, 1.0, np.log(x))).backward()
    np.testing.assert_array_equal(x.grad, [0, 0.5])


@pytest.mark.parametrize("given", [[[1, 2], [3, 4]], ((1.0, 2.0), (3.0, 4.0)), np.ones((2, 2), int),
                                   np.ones((2, 2), np.float32), np.ones((2, 2), bool)])  # fmt: skip
def test_a_grad_that_is_assigned_has_the_dtype_of_the_tensor(given):
    x = ad.tensor(np.zeros((2, 2)), requires_grad=True)
    x.grad = given
    assert x.grad.dtype == np.float64
    np.testing.assert_array_equal(x.grad, given)


@pytest.mark.parametrize("given", [np.ones((2, 2)) * 1j, [["a", "b"], ["c", "d"]], object(), "ab"])
def test_a_grad_that_is_no_number_of_the_tensors_kind_is_refused(given):
    x = ad.tensor(np.zeros((2, 2)), requires_grad=True)
    with pytest.raises(DtypeError):
        x.grad = given
    assert x.grad is None


@pytest.mark.parametrize(
    ("name", "value", "instead"),
    [
        ("shape", (3, 2), r"t\.reshape\(shape\)"),
        ("dtype", np.float32, r"t\.astype\(dtype\)"),
        ("strides", (8, 8), "memory"),
        ("flat", 0.0, r"np\.put\(t, index, value\)"),
        ("flags", None, "memory"),
    ],
)
def test_what_ndarray_lets_assign_and_a_tensor_does_not_says_what_to_write(name, value, instead):
    t = ad.tensor(np.zeros((2, 3)), requires_grad=True) * 1
    with pytest.raises(AttributeError, match=instead):
        setattr(t, name, value)


ATTRIBUTES = sorted(
    name
    for kind in (np.ndarray, ad.Tensor)
    for name, value in vars(kind).items()
    if name[0] != "_" and not callable(value)
)


ASSIGNED, DELETED = {"name", "grad", "requires_grad", "real", "imag"}, {"grad"}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_an_attribute_is_assigned_and_deleted_or_the_error_says_what_to_write(name):
    for act, done in (
        (lambda t: setattr(t, name, 1), ASSIGNED),
        (lambda t: delattr(t, name), DELETED),
    ):
        t = ad.tensor(1 + 2j, requires_grad=True) * 1
        t.retain_grad()
        if name in done:
            act(t)
        elif name != "data" or done is DELETED:
            with pytest.raises(AttributeError, match=f"{name}.*; "):
                act(t)


@pytest.mark.parametrize("part", ["real", "imag"])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_a_part_of_complex_numbers_is_assigned_with_its_gradient(part, shape):
    z, v = np.full(shape, complex(np.inf, -np.inf)), np.full(shape, 2.5)[()]
    array, t = z.copy(), ad.tensor(z)
    setattr(array, part, v)
    setattr(t, part, v)
    np.testing.assert_array_equal(t.data, array)

    def assigned(x, v):
        z = x * (1 + 2j)
        setattr(z, part, v)
        z.real *= 3
        return z

    check_grads(assigned, np.full(shape, 1.5)[()], v)


def test_real_numbers_have_no_imaginary_part_to_set():
    t = ad.tensor([1.0, 2.0]) * 1
    with pytest.raises(DtypeError, match=r"imag: .* float64 .*t \+ 1j \* v"):
        t.imag = 1.0


def test_deleting_grad_forgets_it():
    x = ad.tensor(1.0, requires_grad=True)
    (x * x).backward()
    del x.grad
    assert x.grad is None
