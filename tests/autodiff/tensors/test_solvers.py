"""What SciPy's solvers do with a function that gives tensors: the right gradient, or our error.

C code between the solver and the function may lose an error, and a comparison a gradient.
"""

import inspect

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import GradientError

so = pytest.importorskip("scipy.optimize")
si = pytest.importorskip("scipy.integrate")
sp = pytest.importorskip("scipy.interpolate")

START = np.array([1.0, 1.5])
BOUNDS = [(0.0, 3.0), (0.0, 3.0)]
LINE = np.linspace(0, 1, 5)


def roots(name, *args, **options):
    return lambda k: getattr(so, name)(lambda x: x**2 - k, *args, **options)


def rows(name, *args, **options):
    return lambda k: getattr(so, name)(lambda x: x - k * np.ones(2), *args, **options)


def smallest(name, *args, **options):
    return lambda k: getattr(so, name)(lambda x: (x - k) ** 2, *args, **options)


def least(name, *args, **options):
    return lambda k: getattr(so, name)(lambda x: np.sum((x - k) ** 2), *args, **options)


def integrals(name, *args, **options):
    return lambda k: getattr(si, name)(lambda *x: x[0] * k, *args, **options)


def paths(name, *args, **options):
    return lambda k: getattr(si, name)(lambda t, y: -y * k, *args, **options)


def steps(name):
    return lambda k: getattr(si, name)(lambda t, y: -y * k, 0, [1.0], 1).step()


def ode(name):
    def solve(k):
        solver = si.ode(lambda t, y: -y * k).set_integrator(name).set_initial_value([1.0], 0)
        return solver.integrate(1.0)

    return solve


def slopes(method):
    """The function that is minimized gives arrays, and its derivatives tensors."""
    return lambda k: so.minimize(
        lambda x: np.sum(x**2), START, method=method, jac=lambda x: 2 * x * k, hess=None
    )


REFUSED = {
    **{name: roots(name, 0.0, 2.0) for name in ("brentq", "brenth", "ridder", "bisect", "toms748")},
    "root_scalar": roots("root_scalar", bracket=[0.0, 2.0]),
    "fixed_point": lambda k: so.fixed_point(lambda x: np.cos(x) * k, [0.5]),
    **{name: rows(name, START) for name in (
        "fsolve", "root", "broyden1", "broyden2", "anderson", "newton_krylov", "linearmixing",
        "excitingmixing", "diagbroyden", "leastsq", "least_squares",
    )},
    "least_squares lm": rows("least_squares", START, method="lm"),
    "fsolve, fprime": lambda k: so.fsolve(
        lambda x: x - 1, START, fprime=lambda x: np.eye(2) * k
    ),
    "curve_fit": lambda k: so.curve_fit(lambda x, a: a * x * k, LINE, LINE),
    **{f"minimize {method}": least("minimize", START, method=method) for method in (
        "Nelder-Mead", "Powell", "CG", "BFGS", "L-BFGS-B", "TNC", "COBYLA", "SLSQP", "trust-constr",
    )},
    **{f"jac {method}": slopes(method) for method in (
        "CG", "BFGS", "L-BFGS-B", "TNC", "SLSQP", "Newton-CG", "trust-constr",
    )},
    "constraint": lambda k: so.minimize(
        lambda x: np.sum(x**2), START, method="SLSQP",
        constraints={"type": "ineq", "fun": lambda x: x[0] - k},
    ),
    "NonlinearConstraint": lambda k: so.minimize(
        lambda x: np.sum(x**2), START, method="trust-constr",
        constraints=so.NonlinearConstraint(lambda x: x[0] * k, 0, 3),
    ),
    "fmin_ncg": lambda k: so.fmin_ncg(
        lambda x: np.sum((x - k) ** 2), START, lambda x: 2 * x, disp=False
    ),
    **{name: least(name, START, disp=False) for name in (
        "fmin", "fmin_powell", "fmin_cg", "fmin_bfgs",
    )},
    "fmin_l_bfgs_b": least("fmin_l_bfgs_b", START, approx_grad=True),
    "fmin_tnc": least("fmin_tnc", START, approx_grad=True, disp=0),
    "fmin_cobyla": least("fmin_cobyla", START, [], disp=0),
    "fmin_slsqp": least("fmin_slsqp", START, disp=0),
    "minimize_scalar": smallest("minimize_scalar"),
    "minimize_scalar bounded": smallest("minimize_scalar", bounds=(0, 3), method="bounded"),
    "minimize_scalar golden": smallest("minimize_scalar", method="golden"),
    "brent": smallest("brent"),
    "golden": smallest("golden"),
    "bracket": smallest("bracket"),
    "fminbound": smallest("fminbound", 0, 3),
    "brute": least("brute", BOUNDS, Ns=3),
    "basinhopping": least("basinhopping", START, niter=2),
    **{name: least(name, BOUNDS, maxiter=2) for name in (
        "differential_evolution", "dual_annealing", "direct",
    )},
    "shgo": least("shgo", BOUNDS),
    "approx_fprime": lambda k: so.approx_fprime(START, lambda x: np.sum(x * k)),
    "check_grad": lambda k: so.check_grad(lambda x: np.sum(x * k), lambda x: 0 * x, START),
    "line_search": lambda k: so.line_search(
        lambda x: np.sum((x - k) ** 2), lambda x: 2 * (x - k), START, -START
    ),
    "linprog": lambda k: so.linprog(k * np.ones(2), bounds=BOUNDS),
    "milp": lambda k: so.milp(k * np.ones(2), bounds=so.Bounds(0, 1)),
    "quad": integrals("quad", 0, 1),
    "quad, its end": lambda k: si.quad(lambda x: x, 0, k),
    "dblquad": integrals("dblquad", 0, 1, 0, 1),
    "tplquad": integrals("tplquad", 0, 1, 0, 1, 0, 1),
    "nquad": integrals("nquad", [[0, 1], [0, 1]]),
    "quad_vec": integrals("quad_vec", 0, 1),
    "tanhsinh": integrals("tanhsinh", 0, 1),
    "nsum": lambda k: si.nsum(lambda n: k / n**2, 1, 9),
    "qmc_quad": lambda k: si.qmc_quad(lambda x: x[0] * k, [0.0], [1.0], n_points=4),
    "odeint": paths("odeint", [1.0], [0, 1.0], tfirst=True),
    **{f"solve_ivp {method}": paths("solve_ivp", (0, 1), [1.0], method=method) for method in (
        "RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA",
    )},
    "solve_ivp, event": lambda k: si.solve_ivp(
        lambda t, y: -y, (0, 1), [1.0], events=lambda t, y: y[0] - k / 4
    ),
    "solve_bvp": lambda k: si.solve_bvp(
        lambda x, y: np.stack([y[1], -y[0] * k]), lambda a, b: np.array([a[0], b[0] - 1]),
        LINE, np.ones((2, 5)),
    ),
    **{f"ode {name}": ode(name) for name in ("vode", "lsoda", "dopri5", "dop853")},
    "complex_ode": lambda k: si.complex_ode(lambda t, y: -y * k).set_initial_value([1.0], 0)
    .integrate(1.0),
    **{name: steps(name) for name in ("RK45", "RK23", "DOP853", "Radau", "BDF", "LSODA")},
    "approximate_taylor_polynomial": lambda k: sp.approximate_taylor_polynomial(
        lambda x: x * k, 0, 1, 1
    ),
    "CubicSpline": lambda k: sp.CubicSpline(LINE, LINE * k),
    "interp1d": lambda k: sp.interp1d(LINE, LINE)(k / 4),
}  # fmt: skip
RIGHT = {  # what is computed of tensors alone, in Python
    "newton": roots("newton", 1.0),
    "newton, fprime": roots("newton", 1.0, fprime=lambda x: 2 * x),
    "root_scalar, fprime": lambda k: so.root_scalar(
        lambda x: x**2 - k, x0=1.0, fprime=lambda x: 2 * x
    ).root,
    "fixed_quad": lambda k: si.fixed_quad(lambda x: x * k, 0, 1)[0],
    "cubature": lambda k: si.cubature(lambda x: x[:, 0] * k, [0.0], [1.0]).estimate,
    "callback": lambda k: k + so.minimize(
        lambda x: np.sum(x**2), START, callback=lambda x: print(x * k, end="")
    ).nit,
}  # fmt: skip
NO_CALL = {  # has such a parameter, but calls no function by itself, or is only a base
    *("NonlinearConstraint", "RootResults", "OdeSolver", "OptimizeResult"),
}


def runs(solve, k):
    try:
        return solve(k)
    except AttributeError as error:
        pytest.skip(f"this SciPy does not have it: {error}")


@pytest.mark.filterwarnings("ignore")  # of a solver that gives up, or is old
@pytest.mark.parametrize("solve", REFUSED.values(), ids=REFUSED)
def test_a_solver_that_would_lose_a_gradient_raises_our_error_last(solve):
    k = ad.tensor(2.0, requires_grad=True)
    with pytest.raises(GradientError, match=r"no gradient flows through SciPy's .*detach\(\)$"):
        runs(solve, k)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("solve", RIGHT.values(), ids=RIGHT)
def test_a_solver_that_keeps_tensors_has_the_right_gradient(solve):
    k = ad.tensor(2.0, requires_grad=True)
    runs(solve, k).backward()
    upper, lower = (float(solve(ad.tensor(2 + step))) for step in (1e-4, -1e-4))
    np.testing.assert_allclose(k.grad, (upper - lower) / 2e-4, rtol=1e-4)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", ["brentq", "golden", "minimize BFGS", "quad", "odeint", "jac SLSQP"]
)
def test_a_solver_takes_values_without_gradients(name):
    k = ad.tensor(2.0, requires_grad=True)
    REFUSED[name](k.detach())
    with ad.no_grad():
        REFUSED[name](k)


def test_a_comparison_within_the_function_is_a_read():
    k = ad.tensor(1.0, requires_grad=True)
    assert so.golden(lambda x: (x - 2) ** 2 if k > 0 else x) == pytest.approx(2, rel=1e-6)


@pytest.mark.parametrize("module", [so, si, sp], ids=lambda module: module.__name__)
def test_every_function_that_calls_back_was_tried(module):
    tried = {name.partition(" ")[0].rstrip(",") for name in (*REFUSED, *RIGHT)} | NO_CALL
    calling = set()
    for name in dir(module):
        function = getattr(module, name)
        if name[0] == "_" or not callable(function):
            continue
        try:
            parameters = set(inspect.signature(function).parameters)
        except ValueError:
            continue
        if parameters & {"f", "func", "fun", "F", "function"}:
            calling.add(name)
    assert calling - tried == set()
