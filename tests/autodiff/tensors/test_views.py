"""What is a view in NumPy is one here, and what is a copy there stays a copy.

Every declared function is called on arrays and on tensors alike; then its argument is written to,
and its result, and both must show what NumPy's show.
"""

import warnings

import numpy as np
import pytest

import autodiff as ad
import autodiff.rules.scipy.linalg  # with scipy.special, whose rules are then loaded as well
from autodiff.declare.domains import NumpyDraw
from autodiff.declare.primitive import Composite, Primitive, entries
from autodiff.engine.registry import describe, load_rules
from autodiff.errors import InPlaceError
from autodiff.tensors import views
from autodiff.testing import check_grads
from autodiff.testing.primitives import _DISPATCHERS, draw_call
from autodiff.transforms.trees import flatten

load_rules()
DECLARED = [e for e in entries if isinstance(e, Primitive | Composite) and e.domain is not None]
PUBLIC = [e for e in DECLARED if not describe(e.function).startswith("autodiff.")]
IDS = [f"{describe(e.function).removeprefix('numpy.')}-{i}" for i, e in enumerate(PUBLIC)]


def arrays_in(value):
    return [leaf for leaf in flatten(value).leaves if isinstance(leaf, np.ndarray)]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("entry", PUBLIC, ids=IDS)
def test_a_result_shares_memory_with_an_argument_where_it_does_in_numpy(entry):
    draw = NumpyDraw(np.random.default_rng(0))
    for _ in range(12):
        args, kwargs = draw_call(entry, draw)
        tree = flatten((args, kwargs))
        floats = [
            i
            for i, leaf in enumerate(tree.leaves)
            if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "fc" and leaf.size and leaf.ndim
        ]
        for place in floats:
            check(entry, tree, place)


def check(entry, tree, place):
    def called(function, value):
        leaves = [np.copy(v) if isinstance(v, np.ndarray) else v for v in tree.leaves]
        leaves[place] = value
        args, kwargs = tree.rebuild(leaves)
        return flatten(function(*args, **kwargs)).leaves

    array = np.copy(tree.leaves[place])
    tensor = ad.tensor(array, requires_grad=True) * 1
    through_numpy = isinstance(entry.function, _DISPATCHERS)
    try:
        results = called(entry.function if through_numpy else entry, tensor)
    except ad.errors.AutodiffError:
        return  # an argument without a rule
    expected = called(entry.function, array)
    array[...] = 0.5
    tensor[...] = 0.5
    compare(results, expected, "after a write to the argument")
    for result, wanted in zip(results, expected, strict=True):
        if not isinstance(result, ad.Tensor) or not isinstance(wanted, np.ndarray):
            continue
        if result is tensor:
            assert wanted is array or np.shares_memory(wanted, array)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", DeprecationWarning)  # what broadcast_arrays gives
                wanted[...] = 0.25
        except (ValueError, DeprecationWarning):
            if wanted.size and wanted is not array:
                with pytest.raises(ValueError, match="read-only"):
                    result[...] = 0.25
            continue
        result[...] = 0.25
        np.testing.assert_array_equal(tensor.data, array, f"{entry.name}: after a write to it")
        compare(results, expected, "after a write to a result")


def compare(results, expected, when):
    for result, wanted in zip(results, expected, strict=True):
        if isinstance(wanted, np.ndarray):
            value = result.data if isinstance(result, ad.Tensor) else result
            np.testing.assert_allclose(value, wanted, rtol=1e-9, atol=1e-12, err_msg=when)


# ---------------------------------------------------------------- programs

WRITES = {
    "an element of a row": lambda a: a[0].__setitem__(1, 50.0),
    "a row of rows": lambda a: [row.__isub__(row.mean()) for row in a],
    "out=": lambda a: np.add(np.array([1.0, 2.0]), 1, out=a[0]),
    "a transpose": lambda a: a.T.__setitem__(0, 7.0),
    "a flat view": lambda a: a.reshape(-1).__setitem__(0, 7.0),
    "+=": lambda a: a[:1].__iadd__(a[1]),
    "a method": lambda a: a.ravel().put([1, 2], [8.0, 9.0]),
    "rows exchanged": lambda a: exchange(a),
    "a sorted column": lambda a: a[:, 0].sort(),
    "three views deep": lambda a: a.T[::-1][0].__setitem__(slice(1, None), 3.0),
    "a diagonal": lambda a: np.einsum("ii->i", a).__imul__(10.0),
    "an element without dimensions": lambda a: a[0, 0, ...].__setitem__((), 4.0),
    "a column-major view": lambda a: np.ravel(a.T, order="A").__setitem__(1, 3.0),
    "elements as they lie": lambda a: np.ravel(a.T, order="K").__setitem__(1, 3.0),
    "view": lambda a: a.view()[0].__setitem__(0, 3.0),
    "a write that could turn memory round": lambda a: turned(a),
    "a copy": lambda a: a.flatten().__setitem__(0, 5.0),
    "a slice of a list": lambda a: a[[0, 1]].__setitem__(0, 5.0),
}


def turned(a):
    a.T[...] = np.array([[1.0, 2.0], [3.0, 4.0]])
    a.reshape(-1)[0] = 9.0
    a.T.reshape(-1)[1] = 8.0  # a copy


def exchange(a):
    a[0], a[1] = a[1], a[0]  # with views, both are the second row afterwards


@pytest.mark.parametrize("way", WRITES)
def test_a_write_through_a_view_is_a_write_to_its_base(way):
    def written(x):
        a = np.copy(x)
        before = a[1], a.T
        WRITES[way](a)
        return np.concatenate([np.ravel(a), before[0], np.ravel(before[1])]) ** 2

    x = np.array([[1.0, 4.0], [3.0, 2.0]])
    np.testing.assert_array_equal(written(ad.as_tensor(x)).data, written(x))
    check_grads(written, x)


def test_a_table_is_filled_through_its_rows():
    def paths(w):
        table = ad.numpy.zeros((4, 4)) if isinstance(w, ad.Tensor) else np.zeros((4, 4))
        table[0][:] = w
        for i in range(1, 4):
            table[i][0] = w**2
            for j in range(1, 4):
                table[i][j] = table[i - 1][j] * w + np.sin(table[i][j - 1])
        return table

    np.testing.assert_allclose(paths(ad.tensor(0.7)).data, paths(0.7))
    check_grads(paths, 0.7)


@pytest.mark.parametrize("part", ["real", "imag"])
def test_parts_of_complex_numbers_are_views(part):
    def written(z, u):
        w = np.copy(z)
        view = getattr(w, part)
        view[0] = u
        setattr(w, part, getattr(w, part) * 2)
        return np.concatenate([w, view + 0j])

    z, u = np.array([1 + 2j, np.inf - 3j, 0.5j]), 7.0
    np.testing.assert_array_equal(written(ad.tensor(z), ad.tensor(u)).data, written(z, u))
    check_grads(written, np.array([1 + 2j, 2 - 3j, 0.5j]), u)


def test_the_gradient_of_a_view_that_was_written_to_goes_through_its_base():
    x = ad.tensor([1.0, 2.0, 3.0], requires_grad=True)
    a = x * x
    view = a[1:]
    a *= 3  # the view is now 3 x**2
    view += 1
    (np.sum(view) + a[1]).backward()
    np.testing.assert_array_equal(x.grad, [0, 24, 18])


def test_windows_follow_and_refuse_writes():
    t = ad.tensor([1.0, 2.0, 3.0])
    windows = np.lib.stride_tricks.sliding_window_view(t, 2, writeable=True)
    t[1] = 5.0
    np.testing.assert_array_equal(windows.data, [[1, 5], [5, 3]])
    with pytest.raises(ValueError, match="read-only view, the result of sliding_window_view"):
        windows[0, 1] = 6.0


# ---------------------------------------------------------------- leaves and no_grad


@pytest.mark.parametrize(
    "write",
    [
        lambda x: x[0].__setitem__(1, 5.0),
        lambda x: x.T.__iadd__(1),
        lambda x: np.exp(np.ones(2), out=x[1]),
        lambda x: [row.fill(0) for row in x],
    ],
)
def test_a_view_of_a_leaf_refuses(write):
    x = ad.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True, name="weight")
    row = x[0]
    with pytest.raises(InPlaceError, match=r"'weight' is a leaf.*t\.copy\(\).*ad\.no_grad"):
        write(x)
    np.testing.assert_array_equal(x.data, [[1, 2], [3, 4]])
    with ad.no_grad():
        write(x)
    assert x.is_leaf
    np.testing.assert_array_equal(row.data, x.data[0])
    np.sum(row).backward()  # the view is where it was in the graph
    np.testing.assert_array_equal(x.grad, [[1, 1], [0, 0]])


def test_a_tensor_refuses_where_a_view_of_it_is_a_leaf():
    t = ad.tensor([1.0, 2.0])
    view = t[:1]
    view.requires_grad = True
    with pytest.raises(InPlaceError, match="a view of this tensor, which is a leaf"):
        t[0] = 5.0
    assert t.data[0] == 1


def test_within_no_grad_a_write_leaves_the_graph_alone():
    x = ad.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    view = y[:1]
    with ad.no_grad():
        view[0] = 10.0
    np.testing.assert_array_equal(y.data, [10, 2 * 3])
    np.sum(y * y).backward()
    np.testing.assert_array_equal(x.grad, [2 * 10 * 3, 2 * 6 * 3])


def test_a_view_taken_within_no_grad_follows_and_does_not_cut_a_gradient_off():
    x = ad.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    with ad.no_grad():
        view = y[:1]
    y += 1
    assert not view.requires_grad
    np.testing.assert_array_equal(view.data, [4])
    with pytest.raises(InPlaceError, match="within no_grad"):
        view += 1
    np.sum(y).backward()
    np.testing.assert_array_equal(x.grad, [3, 3])


def test_a_constant_that_gets_a_gradient_hands_it_to_views_taken_before():
    w = ad.tensor(2.0, requires_grad=True)
    table = ad.numpy.zeros((2, 2))
    row = table[0]
    table[0, 1] = w
    np.sum(row * row).backward()
    assert w.grad == 4


# ---------------------------------------------------------------- what else holds the values


def test_arrays_and_detached_tensors_keep_the_values_from_before_a_write():
    t = ad.tensor([1.0, 2.0]) * 1
    array, data, detached = t.numpy(), t.data, t.detach()
    assert np.shares_memory(array, data)
    assert np.shares_memory(data, detached.data)
    t[0] = 5.0
    detached[1] = 7.0
    np.testing.assert_array_equal(array, [1, 2])
    np.testing.assert_array_equal(data, [1, 2])
    np.testing.assert_array_equal(t.data, [5, 2])
    np.testing.assert_array_equal(detached.data, [1, 7])


def test_a_view_that_gets_data_of_its_own_is_no_view_any_more():
    t = ad.tensor([1.0, 2.0])
    view = t[:1]
    view.data = np.array([9.0])
    t[0] = 5.0
    view += 1
    np.testing.assert_array_equal(view.data, [10])
    np.testing.assert_array_equal(t.data, [5, 2])


def test_a_name_stays_with_its_tensor():
    t = ad.tensor([1.0, 2.0], requires_grad=True) * 1
    view = t[:1]
    t.name, view.name = "base", "view"
    view += 1
    assert (t.name, view.name) == ("base", "view")


def test_views_that_nobody_holds_leave_nothing_behind():
    t = ad.tensor(np.zeros((4, 4)))
    before = len(views.recent)
    held = [t[i] for i in range(4)]
    for _ in range(100):
        t.T.reshape(-1)
        t[1:][0] += 1
        scratch = ad.tensor(np.zeros(3))
        scratch[1:] += 1
    assert len(views.recent) <= before + len(held)
    assert len(list(views.views_of(t))) == len(held)
    assert len(views._known) < 200


def test_a_trace_does_not_take_views_anew_that_only_it_holds():
    def sums(n):
        a = ad.tensor(np.ones((n, 2)), requires_grad=True) * 1
        with ad.trace() as t:
            for row in a:
                row[1:] += row[:1]
        return len(t)

    assert sums(40) < 2.5 * sums(20)


def test_writing_to_a_long_chain_of_views_is_no_recursion():
    x = ad.tensor(np.arange(3000.0), requires_grad=True)
    base = x * 1
    view = base
    for _ in range(2500):
        view = view[1:]
    view *= 2
    np.sum(base).backward()
    assert x.grad.sum() == 2500 + 2 * 500


# ---------------------------------------------------------------- a call that runs again


def written(a, row):
    row += 1
    a[0] *= 2
    a[1][0] = np.sin(row[1])
    return np.sum(a * a)


@pytest.mark.parametrize("views", [lambda a: a[0], lambda a: a.T[:, 0], lambda a: a[0][...]])
def test_a_checkpoint_whose_arguments_are_views_of_each_other_runs_again_as_it_did(views):
    def called(function, x):
        a = np.copy(x) * 1
        return function(a, views(a)) + np.sum(3 * a[1])

    x = np.arange(1.0, 7.0).reshape(2, 3)
    expected = ad.grad(lambda x: called(written, x))(x)
    again = ad.grad(lambda x: called(ad.checkpoint(written), x))(x)
    np.testing.assert_allclose(again, expected, rtol=1e-12)
    check_grads(lambda x: called(ad.checkpoint(written), x), x)


def test_a_checkpoint_may_write_to_what_it_captures():
    def called(wrap, x):
        a = np.copy(x)

        def inner(y):
            a[0] = y * 2
            return np.sum(a * a)

        return wrap(inner)(x[0] * 1) + np.sum(a)

    x = np.arange(1.0, 7.0).reshape(2, 3)
    expected = ad.grad(lambda x: called(lambda f: f, x))(x)
    again = ad.grad(lambda x: called(ad.checkpoint, x))(x)
    np.testing.assert_allclose(again, expected, rtol=1e-12)


def test_a_view_knows_its_base():
    t = ad.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert t.base is None
    assert (t * 1).base is None
    assert t[0].base is t
    assert t.T[0][::-1].base is t
    assert t[[0]].base is None


def test_bytes_are_not_viewed_as_other_numbers():
    t = ad.tensor([1.0, 2.0])
    np.testing.assert_array_equal(t.view(np.float64).data, t.data)
    with pytest.raises(TypeError, match=r"t\.astype\(dtype\) converts"):
        t.view(np.float32)
