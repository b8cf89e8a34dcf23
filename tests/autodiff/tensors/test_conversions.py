"""Code that asks a tensor for a plain number or array may read it, but not lose its gradient."""

import json
import math
import operator
import statistics
from math import sin

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import DtypeError, GradientError

RNG = np.random.default_rng(0)


def leaf(value, **options):
    return ad.tensor(value, requires_grad=True, **options)


# ---------------------------------------------------------------- arrays


@pytest.mark.parametrize(
    "lose",
    [
        lambda t: np.asarray(t),
        lambda t: np.array([t, t]),
        lambda t: np.array(t),
        lambda t: np.zeros((2, 2)).__setitem__(0, t),
        lambda t: np.asarray(t * 2),
        lambda t: np.full(2, t[0]),
        lambda t: np.array([[1.0], t]),
    ],
)
def test_a_gradient_is_not_lost_on_the_way_into_an_array(lose):
    with pytest.raises(GradientError, match=r"lose its gradient.*(ad\.numpy|np\.stack)"):
        lose(leaf([1.0, 2.0]))


# ---------------------------------------------------------------- numbers


def in_a_loop(t):
    for value in map(float, [t]):
        return value
    return None


@pytest.mark.parametrize(
    "read",
    [
        lambda t: float(t),
        lambda t: f"{t:.3f}",
        lambda t: "%.3f" % t,  # noqa: UP031
        lambda t: [float(value) for value in (t, t)],
        lambda t: list(map(float, [t])),
        lambda t: sorted([t, t], key=float),
        lambda t, number=float: number(t),
        lambda t: complex(t),
        lambda t: math.exp(float(t)),
        lambda t: int(t),
        lambda t: t.item(),
        in_a_loop,
    ],
)
def test_a_number_can_be_read(read):
    read(leaf(2.5))


@pytest.mark.parametrize(
    "lose",
    [
        lambda t: math.sin(t),
        lambda t: sin(t),
        lambda t: math.exp(t * 2),
        lambda t: math.fsum([t, t]),
        lambda t: RNG.normal(t, 1.0),
        lambda t: np.sum(np.ones(3), initial=t),
        lambda t: np.add.reduce(np.ones(3), initial=t),
        lambda t: np.nanmax(np.ones(3), initial=t),
    ],
)
def test_a_gradient_is_not_lost_on_the_way_into_a_number(lose):
    with pytest.raises(GradientError, match="lose its gradient"):
        lose(leaf(1.0))


def test_a_function_with_the_name_of_one_of_pythons_is_not_taken_for_it():
    from math import pow

    with pytest.raises(GradientError, match="lose its gradient"):
        pow(leaf(2.0), 2)


def test_a_tensor_of_real_numbers_is_no_index():
    t = leaf(1.0)
    for call in (lambda: range(t), lambda: [1, 2][t], lambda: np.sum(np.ones((2, 2)), axis=t)):
        with pytest.raises(DtypeError, match=r"whole number is needed.*int\(t\)"):
            call()
    assert [1, 2][ad.tensor(1)] == 2


# ---------------------------------------------------------------- other libraries


def test_a_function_of_scipy_is_named_with_its_counterpart():
    linalg = pytest.importorskip("scipy.linalg")
    special = pytest.importorskip("scipy.special")
    for call in (lambda t: linalg.expm(t), lambda t: special.logsumexp(t)):
        with pytest.raises(GradientError, match=r"scipy's (expm|logsumexp).*autodiff\.scipy"):
            call(leaf(np.eye(2)))


def test_the_code_of_scipy_that_asks_for_a_number_is_named():
    integrate = pytest.importorskip("scipy.integrate")
    t = leaf(2.0)
    with pytest.raises(GradientError, match=r"scipy's quad.*write float\(t\)"):
        integrate.quad(lambda x: x * t, 0.0, 1.0)


def test_the_code_of_scipy_does_not_just_read_a_number():
    """It says float(t), as users do, and goes on computing with the number."""
    integrate = pytest.importorskip("scipy.integrate")
    end = leaf(1.0)
    with pytest.raises(GradientError, match="scipy's solve_ivp"):
        integrate.solve_ivp(lambda t, y: -y, (0.0, end), [1.0])
    assert integrate.solve_ivp(lambda t, y: -y, (0.0, float(end)), [1.0]).success


def test_minimizing_a_function_that_returns_a_gradient_works():
    optimize = pytest.importorskip("scipy.optimize")

    def f(x, a):
        return np.sum((x - a) ** 4) + np.sum(x**2)

    a, start = np.array([1.0, -2.0]), np.zeros(2)
    found = optimize.minimize(ad.value_and_grad(f), start, args=(a,), jac=True, method="BFGS")
    np.testing.assert_allclose(ad.grad(f)(found.x, a), 0, atol=1e-4)


def test_plots_and_estimators_take_detached_tensors_only():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    t = leaf(RNG.normal(size=(4, 2)))
    figure = pyplot.Figure()
    for take in (figure.subplots().plot, preprocessing.StandardScaler().fit):
        with pytest.raises(GradientError, match=r"where no gradient shall flow.*t\.detach\(\)$"):
            take(t)
        take(t.detach())


@pytest.mark.parametrize("draw", [
    lambda p, t: p.hist(t), lambda p, t: p.scatter(t, t), lambda p, t: p.imshow(t[None]),
    lambda p, t: p.errorbar(t, t), lambda p, t: p.fill_between([1, 2], t), lambda p, t: p.pie(t),
])  # fmt: skip
def test_a_plot_says_that_it_takes_plain_arrays(draw):
    figure = pytest.importorskip("matplotlib.figure")
    t = ad.tensor([1.0, 2.0], requires_grad=True)
    axes = figure.Figure().add_subplot()
    with pytest.raises(
        GradientError, match=r"matplotlib .* a plot takes plain arrays.*detach\(\)$"
    ):
        draw(axes, t)
    draw(axes, t.detach())


VALUES = [2.5, np.array([1.0, 2.0]), np.array([[1.0, 2.0], [3.0, 4.0]])]


@pytest.mark.parametrize("value", VALUES, ids=np.shape)
def test_pytest_approx_compares_tensors_in_the_graph(value):
    t = ad.tensor(value, requires_grad=True) * 1
    for near, expected in ((value * (1 + 1e-9), True), (value * 1.1, False)):
        assert (t == pytest.approx(near)) is expected
        assert (pytest.approx(near) == t) is expected
        assert (t != pytest.approx(near)) is not expected
        assert (near == pytest.approx(t)) is expected


@pytest.mark.parametrize(
    "ask", [memoryview, json.dumps, np.frombuffer, statistics.mean, lambda t: "a" + t.foo]
)
def test_python_calls_a_result_a_tensor(ask):
    t = ad.tensor([1.0, 2.0]) * 1
    with pytest.raises((TypeError, AttributeError), match="Tensor"):
        ask([t] if ask is statistics.mean else t)


@pytest.mark.parametrize(
    ("value", "instead"), [(2.0, r"int\(t\) or float\(t\)"), ([1, 2], "one element")]
)
@pytest.mark.parametrize("ask", [range, [1, 2, 3].__getitem__, operator.index, "a".__mul__])
def test_where_a_whole_number_is_needed_a_tensor_says_what_to_write(ask, value, instead):
    with pytest.raises(DtypeError, match=rf"a whole number is needed.*; write .*{instead}"):
        ask(ad.tensor(value))
