"""The walk back: accumulation, freeing, sharing, depth and width, errors, threads."""

import gc
import itertools
import sys
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given

import autodiff as ad
from autodiff.errors import FreedGraphError, GradientError, ShapeError
from autodiff.testing import check_grads, programs


def leaf(value, **options):
    return ad.tensor(value, requires_grad=True, **options)


# ---------------------------------------------------------------- accumulating and freeing


def test_gradients_of_several_backward_passes_add_up():
    x = leaf([1.0, 2.0])
    (x * x).sum().backward()
    (3 * x).sum().backward()
    np.testing.assert_array_equal(x.grad, [5, 7])
    x.zero_grad()
    assert x.grad is None


def test_a_second_backward_adds_exactly_the_same_again():
    rng = np.random.default_rng(0)
    x, w = leaf(rng.normal(size=(5, 3))), leaf(rng.normal(size=(3, 3)))
    y = np.sum(np.tanh(x @ w) * np.exp(x)[:, :1])
    y.backward(retain_graph=True)
    once = x.grad.copy(), w.grad.copy()
    y.backward(retain_graph=True)
    np.testing.assert_array_equal(x.grad, 2 * once[0])
    np.testing.assert_array_equal(w.grad, 2 * once[1])
    y.backward()
    np.testing.assert_allclose(x.grad, 3 * once[0], rtol=1e-15)


@pytest.mark.parametrize(
    "f", [np.exp, lambda x: x + 1, lambda x: x[0], lambda x: np.split(x, 2)[0]]
)
def test_a_second_backward_through_a_freed_graph_says_how_to_keep_it(f):
    y = np.sum(f(leaf([1.0, 2.0])))
    y.backward()
    with pytest.raises(FreedGraphError, match=r"retain_graph=True"):
        y.backward()


def test_a_shared_part_that_was_freed_is_noticed_from_the_other_side():
    shared = np.exp(leaf(1.0))
    first, second = shared * 2, shared * 3
    first.backward()
    with pytest.raises(FreedGraphError, match="exp"):
        second.backward()


def test_a_failed_backward_leaves_no_gradient_behind():
    x = leaf(1.0)
    shared = np.exp(x)
    (shared * 2).backward()
    before = x.grad
    with pytest.raises(FreedGraphError):
        (x * shared).backward()
    assert x.grad == before


def test_backward_gives_up_what_was_kept():
    x = leaf(np.ones(1000))
    y = np.exp(x)
    kept = weakref.ref(y.data)
    loss = np.sum(y)
    del y
    assert kept() is not None
    loss.backward()
    assert kept() is None


def test_what_no_rule_needs_is_not_kept():
    x = leaf(np.ones(1000))
    between = x + 1
    value = weakref.ref(between.data)
    result = between * 2
    del between
    assert value() is None
    result.sum().backward()
    np.testing.assert_array_equal(x.grad, 2)


def test_a_graph_without_backward_is_freed_with_its_result():
    x = leaf(np.ones(10))
    y = np.exp(x)
    node = weakref.ref(y.node)
    z = np.sum(y * y)
    del y, z
    gc.collect()
    assert node() is None


# ---------------------------------------------------------------- shapes of graphs


def test_a_value_used_twice_collects_both_gradients():
    x = leaf(3.0)
    y = x * x
    (y * y + y).backward()
    assert x.grad == 4 * 27 + 6


def test_diamonds_are_walked_once_per_node_not_once_per_path():
    x = leaf(1.0)
    y = x
    calls = []
    for _ in range(200):
        y = y + y
        y.register_hook(lambda g: calls.append(g))
    y.backward(gradient=2.0**-200)
    assert x.grad == 1.0
    assert len(calls) == 200


def test_deep_and_wide_graphs_are_walked_in_the_right_order():
    x = leaf(1.0)
    early = x * 2  # used again much later
    y = early
    for _ in range(50):
        y = 0.5 * y + 0.25 * early
    long_way = ad.grad(lambda x: _relaxed(2 * x, 50))(1.0)
    y.backward()
    assert x.grad == pytest.approx(long_way, rel=1e-15)


def _relaxed(early, count):
    y = early
    for _ in range(count):
        y = 0.5 * y + 0.25 * early
    return y


@pytest.mark.parametrize("walk_back", [True, False])
def test_a_chain_of_a_million_operations(walk_back):
    x = leaf(1.0)
    y = x
    for _ in range(1_000_000):
        y = y + 1e-6
    assert float(y) == pytest.approx(2.0)
    if walk_back:
        y.backward()
        assert x.grad == 1.0
    del y  # and its graph


def test_a_long_chain_is_differentiated_twice():
    x = leaf(1.0)
    y = x
    for _ in range(3_000):
        y = y * 1.001
    y = y * y
    y.backward(create_graph=True)
    first = x.grad
    x.grad = None
    first.backward()
    assert x.grad == pytest.approx(2 * 1.001**6000)


def test_wide_fan_out_and_fan_in():
    x = leaf(np.ones(3))
    np.sum(np.stack([x * k for k in range(2_000)])).backward()
    np.testing.assert_array_equal(x.grad, sum(range(2_000)))


def test_a_sum_over_many_leaves():
    leaves = [leaf(float(k)) for k in range(2_000)]
    np.sum(np.stack(leaves) ** 2).backward()
    assert [x.grad for x in leaves] == [2.0 * k for k in range(2_000)]


@given(programs())
def test_random_programs_have_the_right_derivatives(program):
    check_grads(program, *program.inputs)


@given(programs())
def test_random_programs_give_the_values_of_numpy_and_the_same_gradient_in_every_way(program):
    leaves = [leaf(x) for x in program.inputs]
    result = program(*leaves)
    expected = program(*program.inputs)
    np.testing.assert_allclose(result.data, expected, rtol=1e-12, atol=1e-12)
    assert result.shape == np.shape(expected)
    assert result.dtype == np.asarray(expected).dtype
    if not result.requires_grad:
        return
    seed = np.ones(result.shape)
    pulled = ad.vjp(program, *program.inputs)[1](seed)
    result.backward(seed, retain_graph=True)
    for x, g in zip(leaves, pulled, strict=True):
        np.testing.assert_allclose(0 if x.grad is None else x.grad, g, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("shape", [(), (1,), (2,)])
@pytest.mark.parametrize(
    "use",
    [
        lambda x: x,
        lambda x: x * 1,
        lambda x: x[None],
        lambda x: np.reshape(x, (1, *x.shape)),
        lambda x: np.broadcast_to(x, (3, *x.shape)),
        lambda x: np.stack([x, x]),
        lambda x: np.sum(x),
    ],
)
def test_no_contribution_to_a_gradient_is_lost(use, shape, count):
    x = leaf(np.ones(shape))
    once = np.sum(use(np.ones(shape))) / max(x.size, 1)
    for inner in (x, x * 1):  # a leaf, and a value that lies between
        total = sum(np.sum(use(inner)) for _ in range(count))
        total.backward()
    np.testing.assert_allclose(x.grad, np.full(shape, 2 * count * once))


USES = {
    "same": lambda x: x,
    "wider": lambda x: x * np.full(3, 2.0),
    "larger": lambda x: x * np.full((4, 3), 0.5),
    "compact": lambda x: np.broadcast_to(x, (1, 2, 3)),
    "complex": lambda x: np.real(x * np.full(3, 1 + 2j)),
    "larger and complex": lambda x: np.real(x * np.full((2, 3), 3 + 1j)),
}


@pytest.mark.parametrize("order", list(itertools.permutations(USES, 3)), ids=" ".join)
@pytest.mark.parametrize("between", [False, True], ids=["leaf", "between"])
def test_contributions_of_every_shape_and_dtype_add_up(order, between):
    def gradient(uses):
        x = leaf(np.arange(3), dtype=np.float32)
        inner = x * np.float32(1) if between else x
        sum(np.sum(USES[use](inner)) for use in uses).backward()
        assert x.grad.dtype == np.float32
        return x.grad

    np.testing.assert_allclose(gradient(order), sum(gradient([use]) for use in order), rtol=1e-6)


# ---------------------------------------------------------------- errors


def test_backward_of_a_vector_needs_a_gradient():
    with pytest.raises(GradientError, match=r"shape \(2,\).*np\.sum, np\.mean.*gradient="):
        (leaf([1.0, 2.0]) * 2).backward()


def test_backward_of_one_element_needs_none():
    x = leaf([[3.0]])
    (x * x).backward()
    np.testing.assert_array_equal(x.grad, [[6]])


def test_the_gradient_given_must_fit():
    with pytest.raises(ShapeError, match=r"gradient has shape \(3,\).*\(2,\)"):
        (leaf([1.0, 2.0]) * 2).backward(np.ones(3))


def test_backward_outside_of_a_graph_is_an_error():
    with pytest.raises(GradientError, match="requires_grad=True"):
        ad.tensor(1.0).backward()


# ---------------------------------------------------------------- threads


def in_threads(count, work):
    """Run ``work()`` in several threads at once, switching often; their errors are raised."""
    errors = []

    def guarded():
        try:
            work()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded) for _ in range(count)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    if errors:
        raise errors[0]


@pytest.mark.parametrize("size", [1, 50_000])
def test_threads_lose_no_gradient_of_a_shared_leaf(size):
    x = leaf(np.ones(size))

    def work():
        for _ in range(100):
            np.sum(x * 2.0).backward()

    in_threads(4, work)
    np.testing.assert_array_equal(x.grad, 4 * 100 * 2.0)


def test_transforms_in_threads_do_not_meet():
    x = np.arange(3.0)
    expected = 6 * x

    def work():
        for _ in range(50):
            second = ad.grad(lambda x: np.sum(ad.grad(lambda x: np.sum(x**3))(x)))
            np.testing.assert_allclose(second(x), expected)

    in_threads(3, work)


def test_three_cotangents_of_a_scalar_add_up_when_they_come_as_arrays_without_dimensions():
    # A batch of one is reshaped, not summed, and NumPy makes a 0-d array of that.
    x = ad.tensor(2.0, requires_grad=True)
    row = np.array([3.0])
    (np.sum(x * row) + np.sum(x * row) + np.sum(x * row)).backward()
    assert x.grad == 9.0


@pytest.mark.parametrize("hook", [3, None, np.ones(2), "double"])
def test_a_hook_that_is_no_function_is_refused(hook):
    x = ad.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(TypeError, match=r"register_hook: .* is no function"):
        x.register_hook(hook)


@pytest.mark.parametrize(
    "given", [[1, 2], np.ones(2), np.array([True, False]), ad.tensor([1.0, 2.0])]
)
def test_what_a_hook_returns_is_a_tensor_where_the_walk_is_recorded(given):
    x = ad.tensor([1.0, 2.0], requires_grad=True)
    y = x * x
    y.register_hook(lambda g: given)
    np.sum(y).backward(create_graph=True)
    assert isinstance(x.grad, ad.Tensor)
    np.sum(x.grad).backward()  # 2 * given * x
    assert x.grad.requires_grad
