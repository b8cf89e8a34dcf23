"""Operands of other classes: taken as arrays, handed over, or refused; never a wrong gradient."""

import operator
from collections import deque
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import DtypeError, GradientError, ShapeError, UnsupportedError

pytestmark = pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
VALUES = np.array([2.0, 3.0, 4.0])
OPERATORS = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]
LOOKS = [operator.lt, operator.le, operator.eq, operator.ne]


class Wrapped:
    """What `__array__` alone makes an array of."""

    def __init__(self, data):
        self.data = data

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.data, dtype)


class Labelled(Wrapped):
    """As a Series of pandas: it computes by itself, unless the other one has priority."""

    __array_priority__ = 1000
    __pandas_priority__ = 3000

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        if any(getattr(x, "__pandas_priority__", 0) > 3000 for x in inputs):
            return NotImplemented
        raise AssertionError("computed past the tensor")


class Sparse(Wrapped):
    """As a matrix of scipy.sparse: `*` is the matrix product."""

    __array_priority__ = 10.1

    def tocoo(self):
        return self

    def toarray(self):
        return self.data

    def __rmul__(self, other):
        return other @ np.diag(self.data)


class ForeignGraph(Wrapped):
    """As a tensor of another library for gradients."""

    def backward(self):
        raise AssertionError


class Quantity:
    """As a quantity of pint: it holds arrays of any kind, and a unit."""

    def __init__(self, magnitude):
        self._magnitude = magnitude

    @property
    def magnitude(self):
        return self._magnitude

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        plain = [x.magnitude if isinstance(x, Quantity) else x for x in inputs]
        return Quantity(getattr(ufunc, method)(*plain, **kwargs))

    def __mul__(self, other):
        return Quantity(self.magnitude * other)

    __rmul__ = __mul__


class Doubling(np.ndarray):
    """A subclass of ndarray with a product of its own."""

    def __mul__(self, other):
        return 2 * np.multiply(np.asarray(self), other)


class Plain(np.ndarray):
    """A subclass of ndarray that computes as ndarray does."""


class Asks:
    """A class that only knows what to do from the right."""

    def __rmul__(self, other):
        return "asked", other


TAKEN = {
    "array": lambda: Wrapped(VALUES),
    "labelled": lambda: Labelled(VALUES),
    "subclass": lambda: VALUES.view(Plain),
    "record array": lambda: VALUES.view(np.recarray),
    "memory": lambda: memoryview(VALUES.copy()),
    "range": lambda: range(2, 5),
    "deque": lambda: deque([2.0, 3.0, 4.0]),
    "fractions": lambda: [Fraction(2), Decimal(3), 4],
    "Fraction": lambda: Fraction(5, 2),
    "Decimal": lambda: Decimal("2.5"),
}
REFUSED = {
    "masked": (lambda: np.ma.array(VALUES, mask=[0, 1, 0]), r"MaskedArray.*mask.*m\.filled"),
    "matrix": (lambda: np.matrix(VALUES), r"numpy\.matrix.*np\.asarray\(m\)"),
    "own product": (lambda: VALUES.view(Doubling), r"Doubling.*__mul__.*np\.asarray"),
    "sparse": (lambda: Sparse(VALUES), r"Sparse.*sparse.*m\.toarray\(\)"),
    "graph": (lambda: ForeignGraph(VALUES), r"ForeignGraph.*another library's graph.*numpy\(\)"),
    "dict": (lambda: {1: 2}, "dict"),
    "set": (lambda: {1.0, 2.0}, "set"),
    "generator": (lambda: (x for x in VALUES), "generator"),
    "object": (object, "object"),
    "text": (lambda: "abc", "str"),
    "bytes": (lambda: b"abc", "bytes"),
    "masked item": (lambda: [np.ma.array(VALUES, mask=[0, 1, 0])], r"MaskedArray.*mask"),
    "sparse item": (lambda: [Sparse(VALUES)], r"Sparse.*sparse"),
}
NO_NUMBERS = {
    "objects": lambda: VALUES.astype(object),
    "texts": lambda: np.array(["a", "b", "c"]),
    "dates": lambda: np.array(["2020-01-01"] * 3, "M8[D]"),
    "lengths of time": lambda: np.array([1, 2, 3], "m8[D]"),
    "fields": lambda: np.zeros(3, [("a", float)]),
}


def leaf():
    return ad.tensor([1.5, 2.0, 0.5], requires_grad=True)


def numbers(make):
    """What a value stands for, in NumPy's numbers."""
    value = make()
    if isinstance(value, Fraction | Decimal):
        return np.float64(value)
    return np.asarray(value.data if isinstance(value, Wrapped) else value).astype(float)


def check(function, expected):
    """The value and the gradient of ``function(leaf)`` are those of ``expected(leaf)``."""
    t, u = leaf(), leaf()
    y, z = function(t), expected(u)
    assert type(y.data) in (np.ndarray, np.float64)
    np.testing.assert_array_equal(y.data, z.data)
    y.sum().backward()
    z.sum().backward()
    np.testing.assert_array_equal(t.grad, u.grad)


# ---------------------------------------------------------------- taken


@pytest.mark.parametrize("op", OPERATORS, ids=lambda op: op.__name__)
@pytest.mark.parametrize("make", TAKEN.values(), ids=TAKEN)
def test_an_operand_is_taken_as_its_numbers_in_both_orders(make, op):
    x = numbers(make)
    check(lambda t: op(t, make()), lambda t: op(t, x))
    ufunc = {operator.truediv: np.divide, operator.pow: np.power}.get(op)
    ufunc = ufunc or {"add": np.add, "sub": np.subtract, "mul": np.multiply}[op.__name__]
    check(lambda t: ufunc(t, make()), lambda t: ufunc(t, x))
    check(lambda t: ufunc(make(), t), lambda t: ufunc(x, t))
    if not isinstance(make(), Labelled):  # that one has no operators
        check(lambda t: op(make(), t), lambda t: op(x, t))


@pytest.mark.parametrize("make", TAKEN.values(), ids=TAKEN)
def test_functions_take_it_as_well(make):
    x = np.broadcast_to(numbers(make), 3)
    check(lambda t: np.where([True, False, True], t, make()), lambda t: np.where([1, 0, 1], t, x))
    check(lambda t: np.maximum(t, make()), lambda t: np.maximum(t, x))

    def assigned(t, value):
        y = t * 1
        y[...] = value
        return y + t

    check(lambda t: assigned(t, make()), lambda t: assigned(t, x))


@pytest.mark.parametrize("make", list(TAKEN.values())[:5], ids=list(TAKEN)[:5])
def test_arrays_are_joined_and_multiplied(make):
    check(lambda t: np.concatenate([t, make()]), lambda t: np.concatenate([t, VALUES]))
    check(lambda t: np.stack([make(), t]), lambda t: np.stack([VALUES, t]))
    check(lambda t: t @ make(), lambda t: t @ VALUES)
    check(lambda t: np.einsum("i,i->i", t, make()), lambda t: np.einsum("i,i->i", t, VALUES))


@pytest.mark.parametrize("make", TAKEN.values(), ids=TAKEN)
def test_a_tensor_is_made_of_it(make):
    for made in (ad.tensor(make()), ad.as_tensor(make())):
        assert type(made.data) in (np.ndarray, np.float64, np.int64)
        np.testing.assert_array_equal(made.data, numbers(make))


def test_an_index_of_another_class_counts_an_element_as_often_as_it_is_picked():
    t = leaf()
    t[Wrapped(np.array([0, 0, 2]))].sum().backward()
    np.testing.assert_array_equal(t.grad, [2.0, 0.0, 1.0])


# ---------------------------------------------------------------- handed over


def test_a_class_that_can_hold_a_tensor_computes_by_itself_in_both_orders():
    for product in (operator.mul, np.multiply):
        for swapped in (False, True):
            t = leaf()
            q = Quantity(VALUES)
            y = product(q, t) if swapped else product(t, q)
            assert isinstance(y, Quantity)
            y.magnitude.sum().backward()
            np.testing.assert_array_equal(t.grad, VALUES)


def test_it_is_not_stripped_of_its_unit():
    for make in (ad.tensor, ad.as_tensor, ad.numpy.array):
        with pytest.raises(UnsupportedError, match=r"Quantity.*unit.*q\.magnitude"):
            make(Quantity(VALUES))
    with pytest.raises(UnsupportedError, match="in-place"):
        operator.imul(leaf() * 1, Quantity(VALUES))


@pytest.mark.parametrize("recorded", [True, False])
def test_python_asks_the_other_operand(recorded):
    with ad.enable_grad() if recorded else ad.no_grad():
        t = leaf()
        assert (t * Asks()) == ("asked", t)


# ---------------------------------------------------------------- refused


@pytest.mark.parametrize(("make", "message"), REFUSED.values(), ids=REFUSED)
def test_what_a_tensor_cannot_keep_is_refused_with_advice(make, message):
    calls = [
        *(lambda t, op=op: op(t, make()) for op in [*OPERATORS, operator.matmul]),
        lambda t: np.multiply(make(), t),
        lambda t: np.where([True, False, True], t, make()),
        lambda t: np.where([True, False, True], make(), t),
        lambda t: np.concatenate([t, make()]),
        lambda t: np.stack([make(), t]),
        lambda t: operator.setitem(t * 1, ..., make()),
    ]
    if not isinstance(make(), np.matrix | Doubling):  # whose numbers may be asked for
        calls += [lambda t: ad.tensor(make()), lambda t: ad.as_tensor([make()])]
    for recorded in (True, False):
        for call in calls:
            with (
                ad.enable_grad() if recorded else ad.no_grad(),
                pytest.raises((UnsupportedError, DtypeError), match=rf"(?s)\w: .*{message}"),
            ):
                call(leaf())


@pytest.mark.parametrize("name", ["masked", "matrix", "own product", "sparse", "graph"])
def test_comparing_with_it_is_refused_as_well(name):
    make, message = REFUSED[name]
    for op in LOOKS:
        with pytest.raises(UnsupportedError, match=message):
            op(leaf(), make())


def test_comparing_for_equality_with_what_is_no_array_is_not():
    for other in (None, {}, object(), "text"):
        assert not np.any(leaf() == other)
        assert np.all(leaf() != other)


def test_a_masked_array_does_not_take_the_value_of_a_tensor_for_its_own():
    m = np.ma.array(VALUES, mask=[0, 1, 0])
    with pytest.raises(GradientError, match=r"numpy\.ma.*m\.filled"):
        ad.grad(lambda v: (m * v).sum() + v[0])(np.ones(3))
    with pytest.raises(UnsupportedError, match="mask"):
        ad.grad(np.sum)(m)


@pytest.mark.parametrize("make", NO_NUMBERS.values(), ids=NO_NUMBERS)
def test_arrays_without_numbers_do_not_get_into_a_tensor(make):
    for call in (lambda t: t * make(), lambda t: np.stack([t, make()])):
        for t in (leaf(), leaf().detach()):
            with pytest.raises(TypeError, match=r"holds numbers|multiply|stack"):
                call(t)
    with pytest.raises(DtypeError, match="matmul: a Tensor holds numbers"):
        make() @ leaf()
    with pytest.raises(DtypeError, match="a Tensor holds numbers"):
        ad.tensor(make())


def test_none_is_no_number():
    for make in (ad.tensor, ad.as_tensor):
        with pytest.raises(DtypeError, match="not None"):
            make(None)


def test_out_is_an_ndarray_or_a_tensor():
    m = np.ma.array(VALUES, mask=[0, 1, 0])
    with pytest.raises(UnsupportedError, match=r"out= is a numpy\.MaskedArray.*np\.empty"):
        np.multiply(leaf().detach(), 2.0, out=m)


# ---------------------------------------------------------------- the packages themselves


def test_pandas_lets_a_tensor_answer():
    pd = pytest.importorskip("pandas")
    series = pd.Series(VALUES, index=[5, 6, 7])
    frame = pd.DataFrame(np.diag(VALUES))
    for op in [*OPERATORS, np.add, np.multiply]:
        check(lambda t, op=op: op(t, series), lambda t, op=op: op(t, VALUES))
        check(lambda t, op=op: op(series, t), lambda t, op=op: op(VALUES, t))
    check(lambda t: frame * t, lambda t: np.diag(VALUES) * t)
    check(lambda t: t @ frame, lambda t: t @ np.diag(VALUES))
    with pytest.raises(GradientError, match=r"pandas.*to_numpy\(\) @ t"):
        frame @ leaf()
    with pytest.raises(DtypeError, match=r"pandas\.Series"):
        leaf() * pd.Series(["a", "b", "c"])
    t = leaf()
    t[pd.Series([0, 0, 2])].sum().backward()
    np.testing.assert_array_equal(t.grad, [2.0, 0.0, 1.0])


@pytest.mark.parametrize("kind", ["csr_matrix", "csr_array", "coo_array", "dia_matrix"])
def test_sparse_matrices_are_refused_in_both_orders(kind):
    sparse = pytest.importorskip("scipy.sparse")
    m = getattr(sparse, kind)(np.diag(VALUES))
    for op in (operator.mul, operator.add, operator.matmul, np.multiply, operator.lt):
        with pytest.raises(UnsupportedError, match=r"scipy.*sparse.*m\.toarray\(\)"):
            op(leaf(), m)
        with pytest.raises((UnsupportedError, GradientError), match=r"m\.toarray\(\)"):
            op(m, leaf())


@pytest.mark.parametrize("package", ["torch", "jax.numpy"])
def test_arrays_of_other_libraries_are_taken_outside_of_their_graphs(package):
    module = pytest.importorskip(package)
    x = module.asarray([2.0, 3.0, 4.0])
    for op in (operator.mul, operator.add, operator.matmul):
        check(lambda t, op=op: op(t, x), lambda t, op=op: op(t, VALUES))
        check(lambda t, op=op: op(x, t), lambda t, op=op: op(VALUES, t))
    if package == "torch":
        x.requires_grad_()
        for call in (lambda: leaf() * x, lambda: x * leaf(), lambda: ad.tensor(x)):
            with pytest.raises(UnsupportedError, match=r"torch\.Tensor.*detach"):
                call()


def test_tensors_of_mygrad_are_refused():
    x = pytest.importorskip("mygrad").tensor(VALUES)
    with pytest.raises(UnsupportedError, match="another library's graph"):
        leaf() * x
    with pytest.raises(GradientError, match=r"a\.data \* t"):
        x * leaf()


@pytest.mark.parametrize("package", ["pint", "xarray"])
def test_quantities_and_labelled_arrays_hold_the_tensor(package):
    module = pytest.importorskip(package)
    if package == "pint":
        q, held = module.UnitRegistry().Quantity(VALUES, "m"), "magnitude"
    else:
        q, held = module.DataArray(VALUES, dims="x"), "data"
    for call in (lambda t: q * t, lambda t: t * q, lambda t: np.multiply(t, q)):
        t = leaf()
        getattr(call(t), held).sum().backward()
        np.testing.assert_array_equal(t.grad, VALUES)


@pytest.mark.parametrize("function", [
    np.add, np.exp, np.matmul, ad.functions.relu, ad.functions.softmax, ad.functions.log_softmax,
    ad.functions.logsumexp, ad.functions.gelu, ad.functions.normalize,
])  # fmt: skip
def test_none_is_no_number_of_a_function(function):
    """NumPy would make it NaN where a float is asked for."""
    t = ad.tensor(np.ones((2, 2)), requires_grad=True)
    two = getattr(function, "nin", 1) == 2
    with pytest.raises(TypeError):
        function(t, None) if two else function(None)


def test_none_stands_for_what_was_left_out():
    t = ad.tensor([1.0, 2.0], requires_grad=True)
    assert np.clip(t, None, 1.0).data.tolist() == [1.0, 1.0]
    assert np.sum(t, axis=None).item() == 3.0


OF_LISTS = {
    "divide": lambda t, u: t / [u, t],
    "reflected": lambda t, u: [[u, t], [t, [1.0, 2.0]]] * t,
    "matmul": lambda t, u: [t, u] @ t,
    "ufunc": lambda t, u: np.maximum(t, (u, [t[0] + 1, 2.0])),
    "in place": lambda t, u: (t * 1).__iadd__([u[0], 2.0]),
    "relu": lambda t, u: ad.functions.relu([t - 1.5, u]),
    "softmax": lambda t, u: ad.functions.softmax([t, [u[0], 1.0]]),
    "affine": lambda t, u: ad.functions.affine([t, u], [t, u], [u[0], 1.0]),
    "convolve": lambda t, u: ad.functions.convolve([[t, u]], [[[t[0], 1.0], u]]),
    "solve": lambda t, u: np.linalg.solve([t, [u[0], 5.0]], t),
    "items": lambda t, u: np.concatenate([t, [u[0], 1.0]]),
    "einsum": lambda t, u: np.einsum("i,i", t, [u[0], 2.0]),
}


@pytest.mark.parametrize("f", OF_LISTS.values(), ids=OF_LISTS)
def test_a_list_with_tensors_in_the_graph_is_one_of_them(f):
    ad.testing.check_grads(f, np.array([1.0, 2.5]), np.array([3.0, 4.0]))
    t, u = ad.tensor([1.0, 2.5], requires_grad=True), ad.tensor([3.0, 4.0], requires_grad=True)
    with ad.trace():
        traced = f(t, u)
    with ad.no_grad():
        plain = f(t, u)
    assert traced.requires_grad
    assert not plain.requires_grad
    np.testing.assert_array_equal(plain.data, traced.data)


def test_lists_of_unequal_lengths_name_the_function():
    t = ad.tensor(np.ones((2, 2)), requires_grad=True)
    with pytest.raises(ShapeError, match=r"^add: nested lists of unequal lengths"):
        np.add(t, [1.0, [2.0, 3.0]])


@pytest.mark.parametrize("function", [ad.functions.softmax, ad.functions.log_softmax])
def test_softmax_takes_numbers_alone(function):
    with pytest.raises(DtypeError, match="holds numbers, not object"):
        function(np.array([1.0, None], object))
