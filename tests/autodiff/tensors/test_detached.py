"""Nothing leaves the graph, or gets lost on the way back, without a word."""

import gc
import pickle
import weakref
from collections import Counter, OrderedDict, defaultdict, namedtuple
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

import autodiff as ad
import nn
from autodiff.errors import DtypeError, GradientError, ShapeError

Pair = namedtuple("Pair", "a b")


def leaf(value=(1.0, 2.0)):
    return ad.tensor(value, requires_grad=True)


# What is made of a vector p, as lists with tensors in the graph, and the same on arrays.
ASSEMBLED = {
    "a tensor": lambda p: p * p,
    "the leaf itself": lambda p: p,
    "elements": lambda p: [p[0], p[1] ** 2],
    "elements and numbers": lambda p: [p[0], 3.0, p[1] ** 2],
    "a tuple": lambda p: (p[0], p[1]),
    "rows": lambda p: [p, p * 2],
    "nested": lambda p: [[p[0], 1], (0, p[1] * p[0])],
    "one number": lambda p: p[0] * p[1],
    "rows and arrays": lambda p: [p, np.ones(2)],
}
assembled = pytest.mark.parametrize("make", ASSEMBLED.values(), ids=ASSEMBLED)


@assembled
@pytest.mark.parametrize("dtype", [None, "f8", "f4"])
def test_a_tensor_of_what_is_in_the_graph_is_a_copy_in_the_graph(make, dtype):
    p = leaf()
    made = ad.tensor(make(p), dtype=dtype, name="made")
    expected = np.array(make(p.data), dtype)
    assert made.shape == expected.shape
    assert made.dtype == expected.dtype
    assert made.name == "made"
    np.testing.assert_array_equal(made.numpy(), expected)
    assert not np.shares_memory(made.data, p.data)
    np.sum(made * made).backward()
    again = leaf()
    np.sum(ad.numpy.array(make(again), dtype) ** 2).backward()
    np.testing.assert_allclose(p.grad, again.grad, rtol=1e-6)


def test_a_gradient_goes_through_tensor_inside_transforms():
    def f(p):
        return np.sum(ad.tensor([p[0], p[1] ** 2]) ** 2)

    np.testing.assert_allclose(ad.grad(f)(np.array([1.0, 2.0])), [2, 32])
    np.testing.assert_allclose(ad.hessian(f)(np.array([1.0, 2.0])), [[2, 0], [0, 48]])


@assembled
@pytest.mark.parametrize(
    "kind",
    [
        lambda v: ad.tensor(v, requires_grad=True),
        lambda v: ad.Tensor(v, True),
        nn.Parameter,
    ],
    ids=["tensor", "Tensor", "Parameter"],
)
def test_a_new_leaf_is_not_made_of_what_is_in_the_graph(make, kind):
    p = leaf()
    with pytest.raises(GradientError, match=r"new leaf.*t\.detach\(\).*ad\.numpy\.array"):
        kind(make(p))
    with ad.no_grad():
        made = kind(make(p))
    assert made.is_leaf
    assert made.requires_grad
    assert kind(make(p.detach())).is_leaf


@assembled
def test_data_takes_no_value_of_the_graph(make):
    value = make(leaf())
    target = ad.tensor(np.zeros(np.shape(make(np.ones(2)))))
    for node in (False, True):
        target.requires_grad = node
        with pytest.raises(GradientError, match=r"data: .*t\.detach\(\)"):
            target.data = value
        assert not np.any(target.data)
    with ad.no_grad():
        target.data = value
    np.testing.assert_array_equal(target.data, make(np.array([1.0, 2.0])))


@pytest.mark.parametrize("give", [list, tuple, np.array, ad.tensor], ids=lambda f: f.__name__)
def test_a_gradient_that_is_assigned_is_an_array_or_a_tensor(give):
    x = leaf()
    x.grad = give([1.0, 2.0])
    (x * x).sum().backward()
    np.testing.assert_array_equal(getattr(x.grad, "data", x.grad), [3, 6])


def test_a_gradient_that_is_assigned_keeps_its_graph():
    x, w = leaf(), leaf()
    x.grad = [w[0] * 2, w[1] * 3]
    np.sum(x.grad).backward()
    np.testing.assert_array_equal(w.grad, [2, 3])
    with pytest.raises(ShapeError):
        x.grad = [w[0]]


# ---------------------------------------------------------------- retain_grad


def assign(y):
    y[0] = 5


def add(y):
    y += 1


def through_a_view(y):
    y[:1][0] = 5


def through_out(y):
    np.multiply(y, 3, out=y)


BEFORE_AND_AFTER = {
    "zero_grad before": (lambda y: y.zero_grad(), lambda y: None),
    "zero_grad after": (lambda y: None, lambda y: y.zero_grad()),
    "both": (lambda y: y.zero_grad(), lambda y: y.zero_grad()),
    "grad = None before": (lambda y: setattr(y, "grad", None), lambda y: None),
    "retained twice": (lambda y: y.retain_grad(), lambda y: None),
    "a write after": (lambda y: None, assign),
    "a write before": (assign, lambda y: None),
    "+=": (lambda y: None, add),
    "a write to a view": (lambda y: None, through_a_view),
    "out=": (lambda y: None, through_out),
    "two writes": (assign, add),
    "a name": (lambda y: setattr(y, "name", "y"), assign),
}


@pytest.mark.parametrize(("before", "after"), BEFORE_AND_AFTER.values(), ids=BEFORE_AND_AFTER)
def test_retaining_stays_on(before, after):
    x = leaf()
    y = x * 2
    before(y)
    y.retain_grad()
    after(y)
    assert y.retains_grad
    np.sum(y * y).backward(retain_graph=True)
    np.testing.assert_array_equal(y.grad, 2 * y.data)
    np.sum(y * y).backward(retain_graph=True)
    np.testing.assert_array_equal(y.grad, 4 * y.data)
    y.zero_grad()
    assert y.grad is None
    np.sum(y * y).backward()
    np.testing.assert_array_equal(y.grad, 2 * y.data)


def test_a_view_goes_on_retaining_when_its_base_is_written_to():
    y = leaf() * 2
    view = y[:1]
    view.retain_grad()
    y[0] = 7
    np.sum(view * view).backward()
    np.testing.assert_array_equal(view.grad, [14])


def test_a_gradient_stays_when_the_tensor_is_written_to():
    y = leaf() * 2
    y.retain_grad()
    np.sum(y).backward(retain_graph=True)
    y[0] = 5
    np.testing.assert_array_equal(y.grad, [1, 1])
    np.sum(y).backward()
    np.testing.assert_array_equal(y.grad, [2, 2])


def test_only_what_was_asked_for_is_retained():
    x = leaf()
    y = x * 2
    assert not (x.retains_grad)
    assert not (y.retains_grad)
    assert not (y.detach().retains_grad)
    y.zero_grad()
    y[0] = 5
    np.sum(y).backward()
    assert y.grad is None
    assert not y.retains_grad


def test_retaining_keeps_nothing_alive():
    y = leaf() * 2
    y.retain_grad()
    old = weakref.ref(y.node)
    np.sum(y).backward()
    del y
    gc.collect()
    assert old() is None


# ---------------------------------------------------------------- hooks


def with_hook(hook, at_leaf, x=None):
    x = leaf() if x is None else x
    y = x if at_leaf else x * 1
    y.name = "middle"
    y.register_hook(hook)
    np.sum(y * y).backward()
    return x.grad


at_leaf = pytest.mark.parametrize("at_leaf", [True, False], ids=["leaf", "result"])


@at_leaf
@pytest.mark.parametrize(
    "given",
    [1.0, 3, [1.0], [1.0, 2.0, 3.0], np.ones(1), np.ones((1, 2)), np.ones((2, 2)), [[1, 2]]],
)
def test_a_hook_that_returns_another_shape_is_named(given, at_leaf):
    def halve(g):
        return given

    with pytest.raises(ShapeError) as caught:
        with_hook(halve, at_leaf)
    for part in ("halve", "'middle'", str(np.shape(given)), "(2,)"):
        assert part in str(caught.value)


@at_leaf
@pytest.mark.parametrize(
    "given",
    [
        [5.0, 6.0],
        (5, 6),
        np.array([5, 6]),
        np.array([5, 6], "f4"),
        ad.tensor([5.0, 6.0]),
        [ad.tensor(5.0), 6.0],
        [leaf(5.0), 6.0],
        leaf([5.0, 6.0]),
    ],
    ids=repr,
)
def test_a_hook_may_return_what_becomes_an_array(given, at_leaf):
    g = with_hook(lambda _: given, at_leaf)
    assert type(g) is np.ndarray
    assert g.dtype == float
    np.testing.assert_array_equal(g, [5, 6])


@at_leaf
@pytest.mark.parametrize("given", [5, 5.0, np.float32(5), np.array(5.0), ad.tensor(5.0)], ids=repr)
def test_a_hook_of_a_number_may_return_a_number(given, at_leaf):
    assert with_hook(lambda _: given, at_leaf, leaf(3.0)) == 5


@at_leaf
@pytest.mark.parametrize("given", [np.array([1j, 1]), ["a", "b"]])
def test_a_hook_returns_numbers_of_the_tensors_kind(given, at_leaf):
    with pytest.raises(DtypeError, match="middle"):
        with_hook(lambda _: given, at_leaf)


def test_a_hook_of_a_tensor_without_a_name_is_described():
    y = leaf() * 2
    y.register_hook(lambda g: 1.0)
    with pytest.raises(ShapeError, match="multiply"):
        np.sum(y).backward()


@at_leaf
def test_a_hook_is_part_of_a_recorded_backward_pass(at_leaf):
    w = leaf([3.0, 5.0])
    g = None
    x = leaf()
    y = x if at_leaf else x * 1
    y.register_hook(lambda g: [g[0] * w[0], g[1] * w[1]])
    np.sum(y**2).backward(create_graph=True)
    g, x.grad = x.grad, None
    np.testing.assert_array_equal(g.data, [6, 20])
    np.sum(g).backward()
    np.testing.assert_array_equal(w.grad, [2, 4])


# ---------------------------------------------------------------- rules


def test_a_rule_that_gives_nothing_is_named():
    @ad.primitive(x=lambda g, w: g * w, w=lambda g, x: None)
    def scaled(x, w):
        return x * w

    x, w = leaf(), leaf()
    with pytest.raises(GradientError, match=r"scaled: the rule for 'w' gave None.*\(2,\)"):
        np.sum(scaled(x, w)).backward()
    for create_graph in (False, True):
        with pytest.raises(GradientError, match="'w'"):
            np.sum(scaled(ad.tensor([1.0, 2.0]), w)).backward(create_graph=create_graph)
    np.sum(scaled(x, np.ones(2))).backward()
    np.testing.assert_array_equal(x.grad, [1, 1])


# ---------------------------------------------------------------- arguments of transforms


@pytest.mark.parametrize("argnums", [(0, 0), (1, 0, 1), (0, -2), (-1, 1), [1, 1]])
@pytest.mark.parametrize(
    "transform", [ad.grad, ad.value_and_grad, ad.elementwise_grad, ad.jacobian, ad.hessian]
)
def test_an_argument_is_named_once(transform, argnums):
    with pytest.raises(GradientError, match=r"names argument [01] twice"):
        transform(lambda a, b: a * b, argnums)(1.0, 2.0)


class Settings(dict):
    """A dict with another constructor and attributes for keys."""

    def __init__(self, **values):
        super().__init__(**values)

    __getattr__ = dict.__getitem__


class Tagged(list):
    def __init__(self, items, tag):
        super().__init__(items)
        self.tag = tag


class Two(tuple):
    def __new__(cls, a, b):
        return super().__new__(cls, (a, b))


NUMBERS: Any = {"a": 2.0, "b": 3.0}
NESTED: Any = {"a": {"x": 2.0}, "b": (3.0,)}
CONTAINERS = [
    NUMBERS,
    Counter(NUMBERS),
    defaultdict(float, a=2.0, b=3.0),
    defaultdict(lambda: 1.0, a=2.0, b=3.0),
    OrderedDict(b=3.0, a=2.0),
    Settings(a=2.0, b=3.0),
    [2.0, 3.0],
    Tagged([2.0, 3.0], "t"),
    (2.0, 3.0),
    Two(2.0, 3.0),
    Pair(2.0, 3.0),
    Counter(NESTED),
]


def both(container):
    """The numbers of a container, in the order of its names."""
    if isinstance(container, dict):
        first, second = container["a"], container["b"]
        if isinstance(first, dict):
            return first["x"], second[0]
        return first, second
    return container[0], container[1]


@pytest.mark.parametrize("container", CONTAINERS, ids=lambda c: type(c).__name__)
def test_a_gradient_comes_in_the_container_of_the_argument(container):
    def f(c):
        assert type(c) is type(container)
        a, b = both(c)
        return a * b**2

    value, g = ad.value_and_grad(f)(container)
    assert value == 18
    assert type(g) is type(container)
    assert both(g) == (9, 12)
    assert both(container) == (2, 3)
    if isinstance(container, dict):
        assert list(g) == list(container)
    out, pullback = ad.vjp(lambda x: f_of(container, x), 2.0)
    assert type(out) is type(container)
    assert pullback(out) == (26.0,)


def f_of(container, x):
    """The container with its numbers times x."""
    tree = ad.transforms.trees.flatten(container)
    return tree.rebuild([leaf * x for leaf in tree.leaves])


def test_a_container_keeps_what_else_it_holds():
    def f(c):
        assert c["missing"] == 7.0
        return c["a"] * c["missing"]

    g = ad.grad(f)(defaultdict(lambda: 7.0, a=2.0))
    assert g == {"a": 7.0}
    assert g.default_factory() == 7.0
    tagged = ad.grad(lambda c: c[0] * len(c.tag))(Tagged([2.0], "t"))
    assert tagged == [1.0]
    assert tagged.tag == "t"
    assert pickle.loads(pickle.dumps(ad.grad(lambda p: p.a * p.b)(Pair(2.0, 3.0)))) == (3, 2)


@pytest.mark.parametrize("other", [MappingProxyType({"a": 1.0}), SimpleNamespace(a=1.0)])
def test_another_container_is_refused_with_what_to_pass(other):
    with pytest.raises(DtypeError, match=f"{type(other).__name__}.*tuple, list or dict"):
        ad.grad(lambda c: c.a)(other)


# ---------------------------------------------------------------- comparisons are reads

TWO = {
    "array_equal": np.array_equal,
    "array_equiv": np.array_equiv,
    "allclose": np.allclose,
    "isclose": lambda a, b: np.all(np.isclose(a, b)),
    "equal": lambda a, b: np.all(np.equal(a, b)),
    "not less": lambda a, b: not np.any(np.less(a, b)),
    "greater_equal": lambda a, b: np.all(np.greater_equal(a, b)),
    "isin": lambda a, b: np.all(np.isin(a, b)),
    "assert_allclose": lambda a, b: np.testing.assert_allclose(a, b) is None,
    "assert_array_equal": lambda a, b: np.testing.assert_array_equal(a, b) is None,
    "assert_array_almost_equal": lambda a, b: np.testing.assert_array_almost_equal(a, b) is None,
    "assert_array_max_ulp": lambda a, b: np.testing.assert_array_max_ulp(a, b) is not None,
}
LOOKED_AT = {
    "a tensor": lambda t: (t, [2.0, 4.0]),
    "on the right": lambda t: ([2.0, 4.0], t),
    "a list": lambda t: ([t[0], t[1]], [2.0, 4.0]),
    "a list on the right": lambda t: ([2.0, 4.0], [t[0], 4.0]),
    "a list of one": lambda t: ([t[0]], [2.0]),
    "rows": lambda t: ([t, t], [[2.0, 4.0], [2.0, 4.0]]),
    "a number": lambda t: (t[0], 2.0),
    "two": lambda t: (t, t),
}


@pytest.mark.parametrize("compare", TWO.values(), ids=TWO)
@pytest.mark.parametrize("make", LOOKED_AT.values(), ids=LOOKED_AT)
def test_what_compares_only_looks(compare, make):
    a, b = make(leaf() * 2)
    assert compare(a, b)
    assert ad.grad(lambda x: x * bool(compare([x], [x])))(2.0) == 1  # without a warning


def test_an_assertion_about_tensors_fails_as_one_about_arrays():
    t = leaf()
    for a in (t, [t[0], t[1]]):
        with pytest.raises(AssertionError, match="Not equal"):
            np.testing.assert_allclose(a, [1.0, 3.0])
    np.testing.assert_approx_equal(t[0], 1.0)
    np.testing.assert_almost_equal([t[0]], [1.0])


@pytest.mark.parametrize(
    "function",
    [np.isnan, np.isfinite, np.signbit, np.any, np.all, np.argmax, np.argsort, np.count_nonzero,
     np.shape, np.ndim, np.size, np.iscomplexobj, np.flatnonzero, np.logical_not],
)  # fmt: skip
def test_questions_are_answered_about_lists_of_tensors(function):
    t = leaf((0.5, -2.0))
    np.testing.assert_array_equal(function([t[0], t[1]]), function([0.5, -2.0]))


@pytest.mark.parametrize(
    "function",
    [np.exp, np.sin, np.add.reduce, np.asarray, np.array, np.atleast_1d, np.sum, np.mean],
)  # fmt: skip
def test_what_has_a_slope_still_refuses_lists_of_tensors(function):
    t = leaf()
    with pytest.raises((GradientError, ValueError)) as caught:
        function([t[0], t[1]])
    error = caught.value
    assert isinstance(error if isinstance(error, GradientError) else error.__cause__, GradientError)


@pytest.mark.parametrize("ask", [np.isnan, np.allclose])
def test_only_the_question_itself_is_a_read(ask):
    t = leaf()
    with pytest.raises(GradientError):
        ask(np.exp([t[0]]), *[1.0][: ask is np.allclose])
