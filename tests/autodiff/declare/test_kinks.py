"""Second and higher derivatives at kinks of what is smooth there: right, or an error."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.declare.domains import NumpyDraw
from autodiff.declare.primitive import Composite, Primitive, entries
from autodiff.engine.registry import describe, load_rules
from autodiff.testing import special_calls
from autodiff.testing.primitives import BoundCall, draw_call

load_rules()

# A function with a kink, its square written out, and a point on the kink.
KINKS = {
    "abs": (np.abs, np.square, np.array([0.0, 1.0, 0.0])),
    "abs of a number": (np.abs, np.square, np.float64(0.0)),
    "abs as a method": (lambda x: abs(x), np.square, np.zeros(2)),
    "fabs": (np.fabs, np.square, np.array([0.0, -2.0])),
    "hypot": (lambda x: np.hypot(x[0], x[1:]), lambda x: x[0] ** 2 + x[1:] ** 2, np.zeros(3)),
    "hypot with a number": (lambda x: np.hypot(x, 0.0), np.square, np.zeros(2)),
    "norm": (np.linalg.norm, lambda x: np.sum(x * x), np.zeros(3)),
    "norm of rows": (
        lambda x: np.linalg.norm(x, axis=1),
        lambda x: np.sum(x * x, axis=1),
        np.array([[0.0, 0.0], [1.0, 2.0]]),
    ),
    "norm with its axis kept": (
        lambda x: np.linalg.norm(x, axis=0, keepdims=True),
        lambda x: np.sum(x * x, axis=0, keepdims=True),
        np.zeros((2, 2)),
    ),
    "norm of a matrix": (np.linalg.norm, lambda x: np.sum(x * x), np.zeros((2, 2))),
    "matrix_norm": (
        np.linalg.matrix_norm,
        lambda x: np.sum(x * x, axis=(-2, -1)),
        np.zeros((2, 2, 1)),
    ),
    "vector_norm": (np.linalg.vector_norm, lambda x: np.sum(x * x), np.zeros((2, 1))),
    "norm of differences": (lambda x: np.linalg.norm(x - 2), lambda x: np.sum((x - 2) ** 2),
                            np.full(2, 2.0)),
    "std": (np.std, np.var, np.array([2.0, 2.0, 2.0])),
    "std of columns": (
        lambda x: np.std(x, axis=0, ddof=1),
        lambda x: np.var(x, axis=0, ddof=1),
        np.array([[1.0, 2.0], [1.0, 3.0]]),
    ),
    "std about another mean": (
        lambda x: np.std(x, mean=1.0),
        lambda x: np.mean((x - 1.0) ** 2),
        np.ones(2),
    ),
    "nanstd": (np.nanstd, np.nanvar, np.array([1.0, np.nan, 1.0])),
    "maximum": (lambda x: np.maximum(x, -x), np.square, np.zeros(2)),
    "fmin": (lambda x: np.fmin(x, -x), np.square, np.zeros(2)),
    "the largest of one": (lambda x: np.max(np.abs(x)), lambda x: x[0] ** 2, np.zeros(1)),
}  # fmt: skip

# An even function of the kink, and the same of its square, up to the fourth order.
OUTER = {
    "** 2": (lambda y: y**2, lambda s: s),
    "** 2.0": (lambda y: y**2.0, lambda s: s),
    "times itself": (lambda y: y * y, lambda s: s),
    "square": (np.square, lambda s: s),
    "** 4": (lambda y: y**4, lambda s: s * s),
    "dot": (lambda y: np.dot(np.ravel(y), np.ravel(y)), np.sum),
    "mean square": (lambda y: np.mean(y**2), np.mean),
    "beside a kink": (lambda y: y + 3 * y**2, lambda s: 3 * s + np.where(s == 0, 0, s) ** 0.5),
    "1 + square, under a root": (lambda y: np.sqrt(1 + y**2), lambda s: np.sqrt(1 + s)),
    "Gaussian": (lambda y: np.exp(-(y**2)), lambda s: np.exp(-s)),
}


def orders(function, x, count):
    """Gradients at x of the sum of a function, of its derivative in a direction, and so on."""
    derivative = ad.grad(lambda x: np.sum(function(x)))
    for order in range(count):
        yield derivative(x)
        direction = np.cos(np.arange(x.size) + order).reshape(x.shape)
        derivative = ad.grad(lambda x, d=derivative, v=direction: np.sum(d(x) * v))


@pytest.mark.parametrize("outer", OUTER)
@pytest.mark.parametrize("kink", KINKS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # the root of 0, in the branch not taken
def test_what_is_smooth_at_a_kink_has_a_second_derivative(kink, outer):
    inner, square, x = KINKS[kink]
    even, of_square = OUTER[outer]
    found = list(orders(lambda x: even(inner(x)), x, 2))
    expected = list(orders(lambda x: of_square(square(x)), x, 2))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


HIGHER = {
    "square": (lambda y: y**2, lambda s: s),
    "fourth power": (lambda y: y**4, lambda s: s * s),
    "cosine": (np.cos, lambda s: 1 - s / 2 + s * s / 24),
    "hyperbolic cosine": (np.cosh, lambda s: 1 + s / 2 + s * s / 24),
    "Gaussian": (lambda y: np.exp(-y * y), lambda s: np.exp(-s)),
}


@pytest.mark.parametrize("outer", HIGHER)
@pytest.mark.parametrize("kink", ["abs", "hypot", "norm", "std", "norm of differences", "maximum"])
def test_so_it_has_third_and_fourth_derivatives(kink, outer):
    inner, square, x = KINKS[kink]
    x = x * (x == x.flat[0])  # on the kink everywhere
    even, of_square = HIGHER[outer]

    def times(function):
        return lambda x: np.sum(function(x)) * np.exp(np.sum(x * np.arange(1, x.size + 1)))

    found = list(orders(times(lambda x: even(inner(x))), x, 4))
    expected = list(orders(times(lambda x: of_square(square(x))), x, 4))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_forward_and_reverse_mode_agree_at_a_kink_in_every_order_of_nesting():
    x, v = np.zeros(3), np.array([1.0, 2.0, 3.0])

    def ridge(x):
        return np.linalg.norm(x) ** 2

    expected = 2 * v
    for found in (
        ad.hessian(ridge)(x) @ v,
        ad.hvp(ridge, (x,), (v,)),
        ad.jvp(ad.grad(ridge), (x,), (v,))[1],
        ad.grad(lambda x: ad.jvp(ridge, (x,), (v,))[1])(x),
        ad.jacobian(lambda x: ad.vjp(ridge, x)[1](1.0)[0])(x) @ v,
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_recorded_backward_pass_knows_it_too():
    x = ad.tensor(np.zeros(3), requires_grad=True)
    (np.linalg.norm(x) ** 2).backward(create_graph=True)
    slope, x.grad = x.grad, None
    np.testing.assert_array_equal(slope.data, np.zeros(3))
    (slope @ np.arange(3.0)).backward()
    np.testing.assert_allclose(x.grad, 2 * np.arange(3.0))


def test_hooks_see_nothing_of_the_search_for_it():
    seen = []
    x = ad.tensor(np.zeros(3), requires_grad=True)
    y = np.linalg.norm(x)
    z = y * y
    for value in (y, z):
        value.register_hook(lambda g: seen.append(np.asarray(g.data)))
    z.backward(create_graph=True)
    assert [float(g) for g in seen] == [1.0, 0.0]


@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_newton_step_at_zero_sees_the_ridge(dtype):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(8, 3)).astype(dtype), rng.normal(size=8).astype(dtype)
    found = ad.hessian(lambda w: np.sum((X @ w - y) ** 2) + 2 * np.linalg.norm(w) ** 2)(
        np.zeros(3, dtype)
    )
    assert found.dtype == dtype
    np.testing.assert_allclose(found, 2 * X.T @ X + 4 * np.eye(3), rtol=1e-5)


def test_factors_written_twice_count_once():
    x = np.zeros(2)
    for twice in (
        lambda x: np.sum(np.abs(x) * np.abs(x)),
        lambda x: np.linalg.norm(x) * np.linalg.norm(x),
        lambda x: np.hypot(x[0], x[1]) ** 2,
        lambda x: np.sum(np.abs(x)) + np.sum(np.abs(x) * np.abs(x)),
        lambda x: (np.linalg.norm(x) + 1) * (np.linalg.norm(x) - 1),
    ):
        np.testing.assert_allclose(ad.hessian(twice)(x), 2 * np.eye(2), rtol=1e-14)


def test_complex_absolute_values_have_second_derivatives():
    slope = ad.grad(lambda z: np.sum(np.abs(z) ** 2))
    z, v = np.zeros(2, complex), np.array([1 + 2j, -1j])
    np.testing.assert_allclose(ad.jvp(slope, (z,), (v,))[1], 2 * v)
    slope = ad.grad(lambda z: np.linalg.norm(z) ** 2)
    np.testing.assert_allclose(ad.jvp(slope, (z,), (v,))[1], 2 * v)
    slope = ad.grad(lambda z: np.std(z) ** 2)
    z = np.full(2, 1j)
    np.testing.assert_allclose(ad.jvp(slope, (z,), (v,))[1], v - np.mean(v), atol=1e-15)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(np.abs(x)) ** 2,
        lambda x: np.linalg.norm(x, 1) ** 2,
        lambda x: np.linalg.norm(x, np.inf) ** 2,
        lambda x: np.linalg.norm(x, 3) ** 2,
        lambda x: np.linalg.norm(np.reshape(x, (2, 2)), "nuc") ** 2,
        lambda x: np.linalg.norm(np.reshape(x, (2, 2)), 2) ** 2,
        lambda x: np.sum(np.linalg.svdvals(np.reshape(x, (2, 2))) ** 2),
        lambda x: np.sum(np.linalg.svdvals(np.reshape(x, (4, 1))) ** 2),
        lambda x: np.linalg.norm(np.reshape(x, (1, 4)), 2) ** 2,
        lambda x: np.sum(np.linalg.eigvalsh(np.reshape(x, (2, 2))) ** 2),
        lambda x: np.linalg.norm(x - 1 + 1) * np.linalg.norm(x - 1 + 1),
        lambda x: np.ptp(x) ** 2,
        lambda x: np.max(np.stack([x[0], -x[0]])) ** 2 * 0 + (np.sort(x)[0] - np.sort(x)[1]) ** 2,
    ],
)
def test_what_cannot_be_told_is_an_error_once_it_is_needed(function):
    x = np.zeros(4)
    np.testing.assert_array_equal(ad.grad(function)(x), x)
    with pytest.raises(ad.errors.GradientError, match="second derivative"):
        ad.hessian(function)(x)
    with pytest.raises(ad.errors.GradientError, match="second derivative"):
        ad.hvp(function, (x,), (np.arange(1.0, 5.0),))
    recorded = ad.tensor(x, requires_grad=True)
    function(recorded).backward(create_graph=True)  # nobody has asked for it yet
    np.testing.assert_array_equal(recorded.grad.data, x)


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.sum(np.abs(x)),
        np.linalg.norm,
        lambda x: np.linalg.norm(x, 1),
        lambda x: np.sum(x * np.abs(x)),
        lambda x: np.exp(np.sum(np.abs(x)) - x[0]) * 0 + np.std(x),
        lambda x: np.linalg.norm(x) ** 3,
        lambda x: np.linalg.norm(x, 3) ** 3,
    ],
)
def test_a_kink_itself_has_the_second_derivative_zero(function):
    np.testing.assert_array_equal(ad.hessian(function)(np.zeros(4)), np.zeros((4, 4)))


def test_many_kinks_one_after_another_take_no_longer_than_a_few():
    def chain(x):
        for _ in range(40):
            x = np.abs(x) + np.maximum(x, 0.0) * x
        return np.sum(x**2)

    assert np.all(np.isfinite(ad.hessian(chain)(np.zeros(2))))  # 2**40 walks would not end


# ---------------------------------------------------------------- every declared kink

KINKED = [
    e for e in entries if isinstance(e, Primitive | Composite) and (e.kinks or e.name == "std")
]


def second_differences(function, x, directions, step=1e-3):
    """Second derivatives along some directions, and how far from even the function is there."""
    here = function(x)
    ahead = np.array([function(x + step * v) for v in directions])
    back = np.array([function(x - step * v) for v in directions])
    return (ahead + back - 2 * here) / step**2, (ahead - back) / step**2


@pytest.mark.parametrize("entry", KINKED, ids=lambda e: describe(e.function))
def test_a_smooth_square_of_a_declared_kink_is_right_or_an_error(entry):
    """The deviation from the value at the kink, squared, is smooth or not; numbers tell which."""
    draw = NumpyDraw(np.random.default_rng(0))
    for _ in range(8):
        call = draw_call(entry, draw)
        for args, kwargs in special_calls(entry, entry.kinks or [1.0], call):
            bound = BoundCall(entry, args, kwargs)
            (x, *others) = bound.arrays
            if others or not 0 < x.size <= 6:
                continue
            level = bound(x)

            def square(x, bound=bound, level=level):
                return np.sum((bound(x) - level) ** 2)

            rng = np.random.default_rng(1)
            v, w = rng.normal(size=(2, *x.shape))
            numbers, odd = second_differences(square, x, [v, w, v + w, v - w])
            smooth = abs(numbers[2] + numbers[3] - 2 * numbers[0] - 2 * numbers[1]) < 1e-3
            if not smooth or np.max(np.abs(odd)) > 1e-3:
                continue
            try:
                found = ad.hvp(square, (x,), (v,))
            except ad.errors.GradientError:
                continue
            assert np.sum(found * v) == pytest.approx(numbers[0], rel=1e-2, abs=1e-3)
