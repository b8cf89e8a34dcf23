"""Every ufunc's `reduce`, `accumulate`, `reduceat`, `outer` and `at`; ``out=, where=, dtype=``."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import GradientError, UnsupportedError
from autodiff.testing import check_grads

RNG = np.random.default_rng(0)
X = RNG.uniform(0.5, 2.0, size=(3, 4))
BINARY = [np.add, np.multiply, np.maximum, np.minimum, np.subtract, np.divide, np.power,
          np.logaddexp, np.hypot, np.fmax]  # fmt: skip
REDUCIBLE = [u for u in BINARY if u is not np.power]  # NumPy 2.4.6 reduces powers wrongly


@pytest.mark.parametrize("ufunc", REDUCIBLE)
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_reduce(ufunc, axis):
    got = ufunc.reduce(ad.tensor(X), axis)
    np.testing.assert_allclose(got.data, ufunc.reduce(X, axis))
    check_grads(lambda x: ufunc.reduce(x, axis), X, order=1)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.logaddexp])
@pytest.mark.parametrize("axis", [None, (0, 1), ()])
@pytest.mark.parametrize("keepdims", [True, False])
def test_reduce_several_axes(ufunc, axis, keepdims):
    got = ufunc.reduce(ad.tensor(X), axis, keepdims=keepdims)
    np.testing.assert_allclose(got.data, ufunc.reduce(X, axis, keepdims=keepdims))
    check_grads(lambda x: ufunc.reduce(x, axis, keepdims=keepdims), X, order=1)


@pytest.mark.parametrize(
    "ufunc", [np.add, np.multiply, np.maximum, np.minimum, np.fmax, np.logaddexp, np.hypot]
)
@pytest.mark.parametrize("axis", [1, None])
def test_reduce_from_an_initial_value_and_where(ufunc, axis):
    options = {"axis": axis, "initial": 1.2, "where": X > 1}
    got = ufunc.reduce(ad.tensor(X), **options)
    np.testing.assert_allclose(got.data, ufunc.reduce(X, **options))
    check_grads(lambda x: ufunc.reduce(x, **options), X, order=1)


def test_reduce_begins_with_the_identity():
    where = np.array([[True, False, False, False], [False] * 4, [True] * 4])
    got = np.logaddexp.reduce(ad.tensor(X), axis=1, where=where)
    np.testing.assert_allclose(got.data, np.logaddexp.reduce(X, axis=1, where=where))
    empty = ad.tensor(np.zeros((2, 0)))
    np.testing.assert_array_equal(np.hypot.reduce(empty, axis=1).data, [0, 0])
    with pytest.raises(ValueError, match=r"fmax\.reduce: .*pass initial="):
        np.fmax.reduce(ad.tensor(X), where=where)
    with pytest.raises(ValueError, match=r"fmax\.reduce: .*pass initial="):
        np.fmax.reduce(empty, axis=1)


@pytest.mark.parametrize("ufunc", BINARY)
@pytest.mark.parametrize("axis", [0, 1])
def test_accumulate(ufunc, axis):
    got = ufunc.accumulate(ad.tensor(X), axis)
    np.testing.assert_allclose(got.data, ufunc.accumulate(X, axis))
    check_grads(lambda x: ufunc.accumulate(x, axis), X, order=1)


@pytest.mark.parametrize("ufunc", [np.add, np.multiply, np.maximum, np.hypot])
@pytest.mark.parametrize("indices", [[0], [0, 2], [1, 0, 2], [2, 2, 0]], ids=str)
def test_reduceat(ufunc, indices):
    for axis in (0, 1):
        got = ufunc.reduceat(ad.tensor(X), indices, axis)
        np.testing.assert_allclose(got.data, ufunc.reduceat(X, indices, axis))
        check_grads(lambda x, axis=axis: ufunc.reduceat(x, indices, axis), X, order=1)


@pytest.mark.parametrize("ufunc", BINARY)
@pytest.mark.parametrize("shape", [(), (2,), (2, 1)])
def test_outer(ufunc, shape):
    y = RNG.uniform(0.5, 2.0, size=shape)
    got = ufunc.outer(ad.tensor(X), ad.tensor(y))
    np.testing.assert_allclose(got.data, ufunc.outer(X, y))
    check_grads(ufunc.outer, X, y, order=1)


@pytest.mark.parametrize("ufunc", [*BINARY, np.negative, np.square])
@pytest.mark.parametrize("index", [1, [2, 0], [0, 0, 1], (slice(1, 3), 2), X > 1], ids=str)
def test_at(ufunc, index):
    selected = X[index].shape
    values = [RNG.uniform(0.5, 2.0, size=selected)] if ufunc.nin == 2 else []
    expected = X.copy()
    ufunc.at(expected, index, *values)

    def f(x, *values):
        t = x.copy()
        ufunc.at(t, index, *values)
        return t

    np.testing.assert_allclose(f(ad.tensor(X), *values).data, expected)
    check_grads(f, X, *values, order=1)


def test_methods_with_a_dtype():
    x = ad.tensor(X.astype(np.float32), requires_grad=True)
    for call in (
        lambda x: np.add.reduce(x, dtype=np.float64),
        lambda x: np.logaddexp.reduce(x, dtype=np.float64),
        lambda x: np.add.accumulate(x, dtype=np.float64),
        lambda x: np.hypot.accumulate(x, dtype=np.float64),
        lambda x: np.hypot.reduceat(x, [0, 2], dtype=np.float64),
        lambda x: np.exp(x, dtype=np.float64),
    ):
        y = call(x)
        assert y.dtype == np.float64
        np.testing.assert_allclose(y.data, call(x.data), rtol=1e-12)
        y.sum().backward()
        assert x.grad.dtype == np.float32


# ---------------------------------------------------------------- the call's options


@pytest.mark.parametrize("ufunc", [np.exp, np.sqrt, np.sin])
def test_where_keeps_the_elements_of_out(ufunc):
    where = X > 1

    def f(x, old):
        out = old.copy()
        result = ufunc(x, out=out, where=where)
        assert result is out
        return out

    np.testing.assert_array_equal(
        f(ad.tensor(X), ad.tensor(-X)).data, np.where(where, ufunc(X), -X)
    )
    check_grads(f, X, -X)


def test_out_binds_a_tensor_in_either_form():
    x = ad.tensor(X, requires_grad=True)
    for store in (
        lambda out: np.multiply(x, x, out=out),
        lambda out: np.multiply(x, x, out=(out,)),
        lambda out: np.multiply(x, x, out),
        lambda out: np.sum(x * x, axis=0, keepdims=True, out=out[:1]),
    ):
        out = np.zeros_like(x)
        assert store(out).requires_grad


def test_several_results_go_to_several_targets():
    x = ad.tensor(X, requires_grad=True)
    part, whole = np.zeros_like(x), np.zeros_like(x)
    np.modf(x, out=(part, whole))
    np.testing.assert_array_equal(part.data, np.modf(X)[0])
    assert part.requires_grad


@pytest.mark.parametrize(
    "store",
    [
        lambda t, out: np.exp(t, out=out),
        lambda t, out: np.exp(t, out),
        lambda t, out: np.add.accumulate(t, out=out),
        lambda t, out: np.cumsum(t, axis=0, out=out),
        lambda t, out: np.clip(t, 0, 1, out=out),
        lambda t, out: np.sort(t).round(out=out),
        lambda t, out: t.clip(0, 1, out=out),
        lambda t, out: np.add(out, t, out=out),
    ],
)
def test_a_plain_target_is_refused(store):
    with pytest.raises(GradientError, match=r"np\.zeros_like\(t\) or ad\.numpy\.zeros"):
        store(ad.tensor(X, requires_grad=True), np.zeros_like(X))


def test_a_plain_target_takes_values_without_a_gradient():
    out = np.zeros_like(X)
    np.exp(ad.tensor(X), out=out)
    np.testing.assert_array_equal(out, np.exp(X))


@pytest.mark.parametrize(
    ("shapes", "axes"),
    [
        (((3, 4, 2), (4, 5, 2)), [(0, 1), (0, 1), (0, 1)]),
        (((3, 4, 2), (5, 4, 2)), [(0, 1), (1, 0), (2, 0)]),
        (((3, 4), (4, 5)), [(-2, -1), (-2, -1), (1, 0)]),
        (((2, 3, 4), (4,)), [(1, 2), (0,), (0,)]),
    ],
)
def test_matmul_along_other_axes(shapes, axes):
    a, b = (RNG.normal(size=shape) for shape in shapes)
    expected = np.matmul(a, b, axes=axes)
    np.testing.assert_allclose(np.matmul(ad.tensor(a), b, axes=axes).data, expected)
    check_grads(lambda a, b: np.matmul(a, b, axes=axes), a, b)


@pytest.mark.skipif(not hasattr(np, "vecdot"), reason="NumPy 2.1 has it")
@pytest.mark.parametrize("axes", [[0, 0], [(0,), (1,)], [0, 0, ()]])
def test_vecdot_along_other_axes(axes):
    a, b = RNG.normal(size=(3, 3)), RNG.normal(size=(3, 3))
    np.testing.assert_allclose(
        np.vecdot(ad.tensor(a), b, axes=axes).data, np.vecdot(a, b, axes=axes)
    )
    check_grads(lambda a, b: np.vecdot(a, b, axes=axes), a, b)


def test_axis_is_refused_with_advice():
    with pytest.raises(UnsupportedError, match=r"axis=.*use axes="):
        np.matmul(ad.tensor(X), X.T, axis=0)


@pytest.mark.parametrize("operator", [f"__i{n}__" for n in (
    "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul")])  # fmt: skip
def test_a_plain_array_changed_by_a_tensor_takes_values_alone(operator):
    a, b = np.full((3, 3), 2.0), RNG.uniform(0.5, 2.0, (3, 3))
    expected = getattr(a.copy(), operator)(b)
    np.testing.assert_array_equal(getattr(a.copy(), operator)(ad.tensor(b)), expected)
    with pytest.raises(GradientError, match=r"which a plain array cannot hold.*np\.zeros_like"):
        getattr(a, operator)(ad.tensor(b, requires_grad=True))
    np.testing.assert_array_equal(a, 2.0)


def test_a_generalized_ufunc_has_no_methods():
    with pytest.raises((UnsupportedError, RuntimeError)):
        np.matmul.reduce(ad.tensor(X))


def test_a_ufunc_without_a_rule_is_named():
    with pytest.raises(UnsupportedError, match="doubled"):
        np.frompyfunc(doubled, 1, 1)(ad.tensor(X))


def doubled(x):
    return 2 * x
