"""Arrays that change between forward and backward: the right gradient, or `StaleValueError`.

For every declaration calls are drawn from its domain, one argument becomes a tensor in the graph,
and each plain array among the others is changed in place before the backward pass.
"""

import warnings
from typing import Any

import numpy as np
import pytest

import autodiff as ad
import autodiff.rules.scipy.linalg  # with scipy.special, whose rules are then loaded as well
from autodiff.declare.domains import NumpyDraw
from autodiff.declare.primitive import Composite, Primitive, entries
from autodiff.engine.changes import SMALL
from autodiff.engine.registry import describe, load_rules
from autodiff.errors import AutodiffError, StaleValueError
from autodiff.testing.primitives import _DISPATCHERS, draw_call
from autodiff.transforms.trees import flatten

load_rules()
DECLARED = [e for e in entries if isinstance(e, Primitive | Composite) and e.domain is not None]
IDS = [f"{describe(e.function).removeprefix('numpy.')}-{i}" for i, e in enumerate(DECLARED)]


def leaf(value: Any) -> ad.Tensor:
    return ad.tensor(value, requires_grad=True, dtype=float)


# ---------------------------------------------------------------- every declaration


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where arrays and numbers are, in nested sequences and dicts."""
    if isinstance(value, list | tuple):
        return [p for i, item in enumerate(value) for p in places(item, (*path, i))]
    if isinstance(value, dict):
        return [p for key, item in value.items() for p in places(item, (*path, key))]
    return [path] if isinstance(value, np.ndarray | np.generic | float | complex) else []


def get(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def put(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """The same nested value with `new` at one place; everything else is shared."""
    if not path:
        return new
    key, *rest = path
    if isinstance(value, dict):
        return {**value, key: put(value[key], tuple(rest), new)}
    items = [put(item, tuple(rest), new) if i == key else item for i, item in enumerate(value)]
    return type(value)(items)


def copied(value: Any) -> Any:
    """The same nested value with writable copies of all arrays."""
    if isinstance(value, list | tuple):
        return type(value)(copied(item) for item in value)
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    return np.array(value) if isinstance(value, np.ndarray) else value


def change_all(array: np.ndarray) -> None:
    if array.dtype.kind == "b":
        np.logical_not(array, out=array)
    elif array.dtype.kind in "iu":
        array[...] = np.roll(array, 1) + (array.size == 1 or (array == array.flat[0]).all())
    else:
        array += 0.125


def change_one(array: np.ndarray) -> None:
    change_all(array.reshape(-1)[-1:])


def outcome(function: Any, call: Any, tracked: tuple[Any, ...], change: Any) -> Any:
    """The gradients at `tracked` after a call, with `change` before the backward pass."""
    tensor = ad.tensor(get(call, tracked), requires_grad=True)
    args, kwargs = put(call, tracked, tensor)
    leaves = flatten(function(*args, **kwargs)).leaves
    results = [r for r in leaves if isinstance(r, ad.Tensor) and r.requires_grad]
    if not results:
        return None
    rng = np.random.default_rng(1)
    seeds = [rng.normal(size=r.shape).astype(r.dtype)[()] for r in results]
    change()
    for result, seed in zip(results, seeds, strict=True):
        result.backward(seed, retain_graph=True)
    return None if tensor.grad is None else np.array(tensor.grad)


def check_changes(entry: Any, call: Any) -> int:
    """Change every array of a call beside every tensor; returns how many were tried."""
    function = entry.function if isinstance(entry.function, _DISPATCHERS) else entry
    tried = 0
    for tracked in places(call):
        if np.asarray(get(call, tracked)).dtype.kind not in "fc":
            continue
        try:
            expected = outcome(function, copied(call), tracked, lambda: None)
        except (AutodiffError, TypeError, ValueError, np.linalg.LinAlgError):
            continue  # no tensor can stand there
        if expected is None:
            continue
        for place in places(call):
            if place == tracked or not isinstance(get(call, place), np.ndarray):
                continue
            for change in (change_all, change_one):
                fresh = copied(call)
                if not get(fresh, place).size:
                    continue
                tried += 1
                try:
                    got = outcome(
                        function, fresh, tracked, lambda f=fresh, p=place, c=change: c(get(f, p))
                    )
                except StaleValueError:
                    continue
                np.testing.assert_array_equal(got, expected, err_msg=f"{tracked} {place}")
    return tried


@pytest.mark.parametrize("entry", DECLARED, ids=IDS)
def test_an_array_beside_a_tensor_may_change_after_the_call(entry):
    draw = NumpyDraw(np.random.default_rng(0))
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        for _ in range(6):
            check_changes(entry, tuple(draw_call(entry, draw)))


# ---------------------------------------------------------------- programs

SIZES = [3, SMALL, SMALL + 1, 40_000]


def right_or_stale(gradient: Any, expected: Any) -> None:
    """The gradient that `gradient()` computes is the expected one, or it raises."""
    try:
        got = gradient()
    except StaleValueError:
        return
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_a_clock_that_runs_in_a_loop():
    k, t, total, seen = leaf(2.0), np.zeros(3), 0.0, 0.0
    for _ in range(4):
        total = total + np.sum(k * t)
        seen += np.sum(t)
        t += 0.1
    total.backward()
    np.testing.assert_allclose(k.grad, seen)


def test_a_large_clock_that_runs_in_a_loop():
    k, t, total = leaf(2.0), np.zeros(SMALL + 1), 0.0
    for _ in range(2):
        total = total + np.sum(k * t)
        t += 0.1
    with pytest.raises(
        StaleValueError, match=rf"multiply: its argument 'b' of shape \({SMALL + 1},"
    ):
        total.backward()


@pytest.mark.parametrize("size", SIZES)
def test_a_buffer_that_takes_every_result(size):
    x, buffer, total, expected = leaf(np.ones(size)), np.empty(size), 0.0, np.zeros(size)
    for number in range(3):
        np.multiply(np.arange(1.0, size + 1), number + 1, out=buffer)
        expected += buffer
        total = total + np.sum(x * buffer)
    right_or_stale(lambda: (total.backward(), x.grad)[1], expected)


def test_a_ring_of_the_latest_rows():
    w, ring, total, expected = leaf(np.ones(4)), np.zeros((5, 4)), 0.0, np.zeros(4)
    for step in range(12):
        ring[step % 5] = step
        total = total + np.sum(ring @ w)
        expected += ring.sum(axis=0)
    total.backward()
    np.testing.assert_allclose(w.grad, expected)


@pytest.mark.parametrize(
    "take",
    [
        lambda x, i: x[i],
        lambda x, i: x[(i, i)] if x.ndim > 1 else x[(i,)],
        lambda x, i: np.take(x, i, axis=0),
        lambda x, i: np.where(i, x, 2.0),
        lambda x, i: np.repeat(x[:3], i, axis=0),
        lambda x, i: np.take_along_axis(x[:3], i, axis=0),
    ],
)
def test_indices_that_change(take):
    x, indices = leaf([1.0, 2.0, 3.0]), np.array([0, 2, 1])
    expected = ad.grad(lambda x: np.sum(take(x, indices) * take(x, indices)))(x.data)
    y = take(x, indices)
    loss = np.sum(y * y)
    indices[:] = [1, 0, 0]
    right_or_stale(lambda: (loss.backward(), x.grad)[1], expected)


def test_lists_that_change():
    x, indices, condition = leaf([1.0, 2.0, 3.0]), [0, 0, 2], [True, False, True]
    y = np.sum(x[indices]) + np.sum(np.where(condition, x, 0.0)) + np.sum(np.repeat(x, indices))
    indices[0], condition[1] = 2, True
    y.backward()
    np.testing.assert_allclose(x.grad, [3, 0, 4])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(
    "handed",
    [
        lambda t: t.data,
        lambda t: t.numpy(),
        lambda t: t.detach().data,
        lambda t: t.detach().numpy(),
    ],
)
def test_an_array_that_a_tensor_has_handed_out(handed, when, size):
    """The array is fetched before or after the tensor is used, and written to afterwards."""
    x = leaf(np.arange(1.0, size + 1))
    array = handed(x) if when == "before" else None
    loss = np.sum(x * x)
    expected = 2 * np.arange(1.0, size + 1)
    array = handed(x) if array is None else array
    array[0] = 50.0
    right_or_stale(lambda: (loss.backward(), x.grad)[1], expected)


def test_writing_to_the_data_before_the_tensor_is_used_is_right():
    x = leaf([1.0, 2.0])
    array = x.data
    for value in (3.0, 4.0):
        array[0] = value
        x.data[1] = value
        x.zero_grad()
        np.sum(x * x).backward()
        np.testing.assert_array_equal(x.grad, [2 * value, 2 * value])


@pytest.mark.parametrize("size", SIZES)
def test_the_data_of_a_result_that_its_own_rule_needs(size):
    x = leaf(np.zeros(size))
    y = np.exp(x)
    loss = np.sum(y)
    y.data[0] = 5.0
    right_or_stale(lambda: (loss.backward(), x.grad)[1], np.ones(size))


@pytest.mark.parametrize("size", SIZES)
def test_an_array_that_a_tensor_shares(size):
    array = np.arange(1.0, size + 1)
    x = ad.as_tensor(array)
    x.requires_grad = True
    loss = np.sum(x * x)
    expected = 2 * array
    array += 1
    right_or_stale(lambda: (loss.backward(), x.grad)[1], expected)


def test_an_array_that_was_assigned_to_the_data():
    x, array = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    x.data = array
    loss = np.sum(x * x)
    array[0] = 50.0
    right_or_stale(lambda: (loss.backward(), x.grad)[1], [6, 8])


@pytest.mark.parametrize("size", SIZES)
def test_the_arguments_and_the_result_of_a_pullback(size):
    x = np.linspace(0.1, 1, size)
    expected = np.exp(x) + 2 * x
    value, pullback = ad.vjp(lambda x: np.exp(x), x)
    other, other_pullback = ad.vjp(lambda x: x * x, x)
    value *= 2
    x += 1
    right_or_stale(lambda: pullback(np.ones(size))[0] + other_pullback(np.ones(size))[0], expected)
    assert other.shape == (size,)


def test_a_second_derivative():
    x, t = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    y = np.sum((x * t) ** 3)
    y.backward(create_graph=True)
    g, t[:] = x.grad, 0
    x.zero_grad()
    np.sum(g).backward()
    np.testing.assert_allclose(x.grad, [162, 768])


def test_a_graph_that_is_walked_twice():
    x, t = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    y = np.sum(x * t)
    y.backward(retain_graph=True)
    t[:] = 0
    y.backward()
    np.testing.assert_allclose(x.grad, [6, 8])


def test_a_gradient_that_was_passed_in():
    x, seed = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    (x * x).backward(seed, create_graph=True)
    g, seed[:] = x.grad, 0
    x.zero_grad()
    np.sum(g).backward()
    np.testing.assert_allclose(x.grad, [6, 8])


# ---------------------------------------------------------------- large arrays


@pytest.mark.parametrize(
    "layout",
    [
        lambda a: a,
        lambda a: a.T,
        lambda a: a[::-1, ::2],
        lambda a: np.asfortranarray(a),
        lambda a: a.reshape(-1),
        lambda a: np.broadcast_to(a[0], a.shape),
    ],
)
@pytest.mark.parametrize("dtype", [float, np.float32, complex, int])
def test_a_large_array_is_watched_at_its_ends_rows_and_columns(layout, dtype):
    rng = np.random.default_rng(0)
    for index in [(0, 0), (-1, -1), (slice(None), 30), (7, slice(None)), ...]:
        base = rng.integers(1, 9, (60, 64)).astype(dtype)
        array = layout(base)
        x = leaf(1.0)
        y = np.sum(np.real(x * array))
        target = array if array.flags.writeable else base[:1]
        target[index if array.ndim == target.ndim == 2 and len(target) > 7 else ...] += 1
        with pytest.raises(StaleValueError):
            y.backward()


def test_what_a_fingerprint_cannot_see():
    """One element of many: the other half of what the documentation says."""
    x, array = leaf(1.0), np.ones(100_000)
    y = np.sum(x * array)
    array[1] += 1
    y.backward()
    np.testing.assert_array_equal(x.grad, 100_001)
    with ad.debug():
        y = np.sum(x * array)
        array[1] += 1
        with pytest.raises(StaleValueError):
            y.backward()


@pytest.mark.parametrize(
    "make",
    [
        lambda path: np.memmap(path, float, "w+", shape=(5,)),
        lambda path: np.array(2.0),
        lambda path: np.broadcast_to(np.ones(1), (5,)),
        lambda path: np.frombuffer(bytearray(40)),
        lambda path: np.zeros(0),
        lambda path: np.ones((2000, 5))[::2, 0],
    ],
)
def test_arrays_of_every_kind_are_kept(make, tmp_path):
    array = make(tmp_path / "data")
    x = leaf(np.ones(array.shape))
    y = np.sum(x * array)
    expected = np.array(array)
    if array.flags.writeable:
        array[...] = 7
    right_or_stale(lambda: (y.backward(), x.grad)[1], expected)


def test_small_arrays_are_the_same_box_in_a_trace_although_they_are_copied():
    x, t = leaf([1.0, 2.0]), np.array([3.0, 4.0])
    with ad.trace() as trace:
        y = np.sum(np.sin(x * t) * t)
        y.backward(create_graph=True)
    assert len([value for value in trace.inputs if value.data is t]) == 1
    assert len([v for v in trace.inputs if np.array_equal(v.data, t)]) == 1


def test_a_view_that_is_held_counts_when_its_base_is_not():
    view = np.arange(5.0)[1:]
    x = ad.as_tensor(view)
    x.requires_grad = True
    np.sum(ad.tensor(1.0, requires_grad=True) * 2).backward()  # looks at what is still held
    loss = np.sum(x * x)
    view += 1
    right_or_stale(lambda: (loss.backward(), x.grad)[1], 2 * np.arange(1.0, 5))


def test_nothing_is_copied_of_what_only_the_engine_has_seen():
    x, c = leaf(np.ones(5)), ad.tensor(np.ones(5))
    y = x * c
    assert {id(array) for array in y.node.saved()} == {id(c._value)}


def test_a_borrowed_array_has_to_be_given_back():
    x = leaf([1.0, 2.0])
    loss = np.sum(x * x)
    array = ad.borrowed(x)
    array += 1
    x.data = array
    with pytest.raises(StaleValueError):
        loss.backward()


# ---------------------------------------------------------------- the second run of a checkpoint

array_of_the_module = np.ones(0)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "place", ["argument", "nested", "closure", "global", "default", "constant"]
)
def test_what_a_checkpoint_computes_with_may_change(place, size, monkeypatch):
    """At k = 0, where the value does not tell that t has changed."""
    t, k = np.ones(size), leaf(0.0)
    monkeypatch.setitem(globals(), "array_of_the_module", t)
    c = ad.as_tensor(t)
    functions: dict[str, Any] = {
        "argument": (lambda k, t: np.sum(k * t), (t,)),
        "nested": (lambda k, ts: np.sum(k * ts[0]["t"]), ([{"t": t}],)),
        "closure": (lambda k: np.sum(k * t), ()),
        "global": (lambda k: np.sum(k * array_of_the_module), ()),
        "default": (lambda k, t=t: np.sum(k * t), ()),
        "constant": (lambda k, c: np.sum(k * c), (c,)),
    }
    function, arguments = functions[place]
    loss = ad.checkpoint(function)(k, *arguments)
    t += 1
    right_or_stale(lambda: (loss.backward(), k.grad)[1], size)


def test_a_tensor_may_be_bound_to_another_value_after_a_checkpoint():
    x = leaf([1.0, 2.0])
    y = x * 1
    loss = ad.checkpoint(lambda y: np.sum(y * y))(y)
    y += 5
    loss.backward()
    np.testing.assert_array_equal(x.grad, [2, 4])
