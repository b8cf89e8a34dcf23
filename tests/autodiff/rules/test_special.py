"""np.i0 and np.sinc at many sizes, and the special functions of SciPy through plain calls."""

import os
import subprocess
import sys

import numpy as np
import pytest
import scipy.special as scipy_special

import autodiff as ad
import autodiff.rules.bessel_and_sinc
import autodiff.rules.scipy.linalg
from autodiff.declare.primitive import Composite, Primitive, entries
from autodiff.errors import GradientError, UnsupportedError
from autodiff.scipy import linalg, special
from autodiff.testing import check_grads, check_primitive

# ---------------------------------------------------------------- NumPy's own

SIZES = [0.0, 1e-8, 1e-3, 0.5, 3.0, 9.9, 10.1, 60.0, 600.0]


@pytest.mark.parametrize("x", SIZES)
def test_i0_has_accurate_derivatives_at_any_size(x):
    first, second = ad.grad(np.i0)(x), ad.grad(ad.grad(np.i0))(x)
    np.testing.assert_allclose(first, scipy_special.i1(x), rtol=1e-12, atol=1e-16)
    expected = (scipy_special.i0(x) + scipy_special.iv(2, x)) / 2
    np.testing.assert_allclose(second, expected, rtol=1e-12)


@pytest.mark.parametrize("x", SIZES)
def test_sinc_has_accurate_derivatives_at_any_size(x):
    z = np.pi * x
    spherical = [scipy_special.spherical_jn(n, z) for n in range(3)]  # DLMF 10.51.2
    np.testing.assert_allclose(ad.grad(np.sinc)(x), -np.pi * spherical[1], rtol=1e-9, atol=1e-15)
    second = np.pi**2 * (2 * spherical[2] - spherical[0]) / 3
    np.testing.assert_allclose(ad.grad(ad.grad(np.sinc))(x), second, rtol=1e-9, atol=1e-13)


def test_third_derivatives_at_zero():
    np.testing.assert_allclose(ad.grad(ad.grad(ad.grad(np.sinc)))(0.0), 0, atol=1e-13)
    np.testing.assert_allclose(ad.hessian(ad.grad(ad.grad(np.i0)))(0.0), 3 / 8)


# ---------------------------------------------------------------- zeta at complex numbers


@pytest.mark.parametrize("exponent", [2, 3, 1.5, 7])
def test_the_complex_zeta_function_continues_the_real_one(exponent):
    zeta = autodiff.rules.scipy.gamma.zeta
    x = np.linspace(0.05, 30, 50)
    real = scipy_special.zeta(exponent, x)
    np.testing.assert_allclose(zeta(exponent, x + 0j), real, rtol=1e-14)


def test_the_complex_zeta_function_satisfies_its_recurrence():
    zeta = autodiff.rules.scipy.gamma.zeta
    rng = np.random.default_rng(0)
    z = rng.uniform(-5, 5, 40) + 1j * rng.uniform(0.5, 5, 40) * rng.choice([-1, 1], 40)
    for exponent in (2, 3):
        np.testing.assert_allclose(
            zeta(exponent, z) - zeta(exponent, z + 1), z**-exponent, rtol=1e-10, atol=1e-14
        )
    # DLMF 25.11.17, by differences along both axes
    h = 1e-5
    for direction in (1, 1j):
        slope = (zeta(2, z + h * direction) - zeta(2, z - h * direction)) / (2 * h * direction)
        np.testing.assert_allclose(slope, -2 * zeta(3, z), rtol=1e-5)


# ---------------------------------------------------------------- loading


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_scipy_is_not_imported_unless_the_user_did():
    program = """
import sys, numpy as np, autodiff as ad, autodiff.scipy, autodiff.distributions
autodiff.distributions.normal_logpdf(ad.tensor(1.0))
np.sinc(ad.tensor(0.5))
try:
    np.frompyfunc(abs, 1, 1)(ad.tensor(1.0))
except ad.errors.UnsupportedError:
    pass
print([name for name in sys.modules if name.partition(".")[0] == "scipy"])
"""
    assert run(program) == "[]"


def test_a_plain_call_of_scipy_finds_the_rules():
    program = """
import autodiff as ad
import scipy.special
x = ad.tensor(0.0, requires_grad=True)
scipy.special.erf(x).backward()
print(round(float(x.grad), 6))
"""
    assert run(program) == "1.128379"


# ---------------------------------------------------------------- every rule

MODULES = ("elementary", "gamma", "normal", "bessel", "integrals", "reductions", "linalg")
PUBLIC = {
    id(value)
    for module in MODULES
    for value in vars(getattr(autodiff.rules.scipy, module)).values()
}
DECLARED = [
    entry
    for entry in entries
    if isinstance(entry, Primitive | Composite) and entry.domain is not None and id(entry) in PUBLIC
]


@pytest.mark.parametrize("entry", DECLARED, ids=lambda entry: entry.name)
def test_value_and_derivatives_are_right(entry):
    check_primitive(entry, examples=5)


PROMISED = """
    erf erfc erfcx erfi erfinv erfcinv dawsn ndtr log_ndtr ndtri gamma gammaln loggamma rgamma psi
    digamma polygamma zeta beta betaln poch multigammaln gammainc gammaincc betainc expit logit
    log_expit xlogy xlog1py entr rel_entr kl_div i0 i0e i1 i1e iv ive k0 k0e k1 k1e kv kve kn j0 j1
    jn jv y0 y1 yn yv hankel1 hankel2 expi exp1 sici shichi fresnel ellipk ellipe hyp1f1 hyp2f1
    lambertw boxcox inv_boxcox exprel cosm1 expm1 log1p sinc logsumexp softmax log_softmax
"""


@pytest.mark.parametrize("name", sorted(PROMISED.split()))
def test_every_name_that_is_promised_takes_tensors(name):
    function = getattr(special, name)
    count = {"hyp2f1": 4, "hyp1f1": 3, "betainc": 3}.get(name) or getattr(function, "nin", None)
    count = count or {"polygamma": 2, "zeta": 2, "multigammaln": 2}.get(name, 1)
    x = ad.tensor([1.3] if name in ("multigammaln", "log1p") else [0.4], requires_grad=True)
    result = function(x, 2) if name == "multigammaln" else function(*[1] * (count - 1), x)
    first = result[0] if isinstance(result, tuple) else result
    assert isinstance(first, ad.Tensor)
    np.abs(first).sum().backward()
    assert np.all(np.isfinite(x.grad))


# ---------------------------------------------------------------- edges


def slope(function, x, *others):
    return ad.grad(lambda x: function(*others, x))(x)


def test_tails_are_accurate():
    np.testing.assert_allclose(slope(special.expit, 40.0), np.exp(-40), rtol=1e-12)
    np.testing.assert_allclose(slope(special.log_expit, -800.0), 1)
    np.testing.assert_allclose(slope(special.log_ndtr, -1e4), 1e4, rtol=1e-7)
    assert slope(special.log_ndtr, 50.0) == 0
    np.testing.assert_allclose(slope(special.ellipe, 1e-12), -np.pi / 8)
    np.testing.assert_allclose(slope(special.i1, 0.0), 0.5)
    np.testing.assert_allclose(slope(lambda x: np.real(special.lambertw(x)), 0.0), 1)


def test_zero_times_log_zero_is_flat():
    for function, zero in ((special.xlogy, 0.0), (special.xlog1py, -1.0)):
        a, b = ad.tensor([0.0, 2.0], requires_grad=True), ad.tensor([zero, 3.0], requires_grad=True)
        function(a, b).sum().backward()
        assert a.grad[0] == b.grad[0] == 0
        np.testing.assert_allclose(a.grad[1], function(1.0, 3.0))
        assert slope(lambda b, f=function: f(0.0, b), zero) == 0
        assert ad.grad(function)(0.0, zero + 2.0) == pytest.approx(np.log(2))


def test_box_cox_at_power_zero():
    x = 2.0
    by_power = ad.grad(special.boxcox, argnums=1)
    np.testing.assert_allclose(by_power(x, 0.0), np.log(x) ** 2 / 2)
    np.testing.assert_allclose(by_power(x, 1e-9), np.log(x) ** 2 / 2, rtol=1e-8)
    np.testing.assert_allclose(ad.grad(by_power, argnums=1)(x, 0.0), np.log(x) ** 3 / 3)
    np.testing.assert_allclose(
        ad.grad(special.inv_boxcox, argnums=1)(np.log(x), 0.0), -x * np.log(x) ** 2 / 2
    )


@pytest.mark.parametrize(
    "function", [special.erf, special.wofz, special.expi, special.dawsn, special.erfcx]
)
def test_complex_arguments(function):
    check_grads(function, np.array([0.7 + 0.4j, -0.3 + 1.1j]))


def test_gamma_functions_of_complex_arguments():
    for function in (special.loggamma, special.gamma, special.rgamma):
        check_grads(function, np.array([0.7 + 0.4j, 1.3 + 1.1j]), order=1, modes=["reverse"])


@pytest.mark.parametrize("order", [0, 1, 2, 0.5])
def test_bessel_functions_of_complex_arguments(order):
    z = np.array([0.7 + 0.4j, 1.3 - 1.1j])
    for function in (special.jv, special.yv, special.iv, special.ive, special.kv, special.kve):
        check_grads(lambda z, f=function: f(order, z), z)


def test_derivatives_that_have_no_formula_are_refused():
    order = ad.tensor(1.5, requires_grad=True)
    with pytest.raises(UnsupportedError, match=r"jv: .* with respect to the order"):
        special.jv(order, 2.0).backward()
    with pytest.raises(UnsupportedError, match=r"gammainc: .* with respect to the shape"):
        special.gammainc(order, 2.0).backward()
    with pytest.raises(UnsupportedError, match="_riemann_zeta"):
        special.zeta(order)
    x = ad.tensor(2.0, requires_grad=True)
    special.jv(order.detach(), x).backward()
    np.testing.assert_allclose(x.grad, scipy_special.jvp(1.5, 2.0))


def test_functions_that_are_not_ufuncs_say_that_they_take_arrays_only():
    x = ad.tensor([1.0, 2.0], requires_grad=True)
    for function in (scipy_special.logsumexp, scipy_special.softmax):
        with pytest.raises(GradientError):
            function(x)


# ---------------------------------------------------------------- reductions


def test_logsumexp_with_weights_and_signs():
    a, b = np.array([[1.0, 2.0, 700.0], [0.0, -1.0, 800.0]]), np.array([1.0, -2.0, -0.5])
    for axis in (0, 1, None, (0, 1)):
        expected = scipy_special.logsumexp(a, axis=axis, b=b, return_sign=True)
        found = special.logsumexp(ad.tensor(a), axis=axis, b=b, return_sign=True)
        np.testing.assert_allclose(found[0].data, expected[0])
        np.testing.assert_array_equal(found[1], expected[1])
    check_grads(lambda a, b: special.logsumexp(a, axis=1, b=b, return_sign=True)[0], a / 300, b)


def test_a_weight_of_zero_hides_an_element():
    a = np.array([1.0, 900.0])
    g = ad.grad(lambda a: special.logsumexp(a, b=np.array([1.0, 0.0])))(a)
    np.testing.assert_allclose(g, [1, 0])


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2)])
def test_softmax_over_several_axes(axis):
    x = np.random.default_rng(0).normal(size=(2, 3, 2))
    for name in ("softmax", "log_softmax"):
        expected = getattr(scipy_special, name)(x, axis=axis)
        np.testing.assert_allclose(getattr(special, name)(ad.tensor(x), axis=axis).data, expected)
        check_grads(lambda x, name=name: getattr(special, name)(x, axis=axis), x)


# ---------------------------------------------------------------- scipy.linalg

rng = np.random.default_rng(0)
MATRIX = rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3)) + 3 * np.diag([1, 2, 3])
RIGHT = rng.normal(size=(3, 2)) + 1j * rng.normal(size=(3, 2))


@pytest.mark.parametrize("trans", [0, 1, 2, "N", "T", "C"])
def test_complex_triangular_equations(trans):
    for lower in (True, False):
        check_grads(lambda a, b, w=lower: linalg.solve_triangular(a, b, trans, w), MATRIX, RIGHT)


@pytest.mark.parametrize("lower", [True, False])
def test_cholesky_factors_solve_equations(lower):
    a = MATRIX @ MATRIX.conj().T

    def solution(a, b):
        return linalg.cho_solve(linalg.cho_factor(a, lower), b)

    np.testing.assert_allclose(solution(a, RIGHT), np.linalg.solve(a, RIGHT))
    check_grads(lambda m, b: solution(m @ m.conj().T, b), MATRIX, RIGHT)


def test_functions_of_complex_matrices():
    check_grads(linalg.expm, MATRIX / 3)
    check_grads(linalg.sqrtm, MATRIX @ MATRIX, order=1)
    check_grads(linalg.solve_sylvester, MATRIX, MATRIX, RIGHT @ RIGHT.T)


def test_the_derivative_of_a_matrix_exponential_at_a_defective_matrix():
    check_grads(linalg.expm, np.array([[0.0, 1.0], [0.0, 0.0]]), order=1)


def test_the_root_of_the_unit_matrix():
    np.testing.assert_allclose(ad.grad(lambda a: np.sum(linalg.sqrtm(a)))(np.eye(2)), 0.5)


def test_other_names_are_scipys_own():
    assert linalg.toeplitz is not None
    assert special.erf is scipy_special.erf


@pytest.mark.parametrize("name", ["erf", "erfinv", "gammaln", "digamma", "expit", "i0e", "ndtri"])
def test_gradients_agree_with_pytorch(name):
    torch = pytest.importorskip("torch")
    x = np.array([0.1, 0.4, 0.7])
    other = torch.tensor(x, requires_grad=True)
    getattr(torch.special, name)(other).sum().backward()
    ours = ad.elementwise_grad(getattr(special, name))(x)
    np.testing.assert_allclose(ours, other.grad.numpy(), rtol=1e-8)


# ---------------------------------------------------------------- SciPy's array API mode


@pytest.mark.parametrize("step", [scipy_special.gammasgn, scipy_special.round])
def test_functions_that_step_are_flat(step):
    x = np.array([-0.7, 0.2, 1.3])
    np.testing.assert_array_equal(ad.grad(lambda x: np.sum(step(x) * x))(x), step(x))
    check_grads(lambda x: step(x) * x, x)


# Every declared function is called by its public name, on tensors, beside the ufunc itself.
WALK = """
import numpy as np, scipy.special, autodiff as ad
from autodiff.declare.domains import NumpyDraw
from autodiff.declare.primitive import Primitive, entries
from autodiff.testing.primitives import draw_call
from autodiff.testing import check_grads

t = ad.tensor([0.25, 0.75], requires_grad=True)
print(float(np.sum(np.sort(t * 2)).data))  # has nothing to do with SciPy
with ad.no_grad():
    scipy.special.erf(t)
scipy.special.erf(t)
for entry in list(entries):
    name = getattr(entry.function, "__name__", "")
    public = getattr(scipy.special, name, None)
    ufunc = getattr(public, "__wrapped__", public)
    if not isinstance(entry, Primitive) or not isinstance(ufunc, np.ufunc) or hasattr(np, name):
        continue
    if ufunc.nout > 1:
        continue
    args, kwargs = draw_call(entry, NumpyDraw(np.random.default_rng(0)))
    last = len(args) - 1
    point = np.array(args[last], dtype=float)
    gradient = [
        ad.grad(lambda x, f=f: np.sum(np.real(f(*args[:last], x, **kwargs))))(point)
        for f in (public, ufunc)
    ]
    assert ufunc is entry.function, name
    assert np.array_equal(*gradient, equal_nan=True), name
    print(name)
"""


def test_the_same_works_in_the_array_api_mode_of_scipy():
    found = {}
    for mode in ("0", "1"):
        run = subprocess.run(
            [sys.executable, "-c", WALK],
            capture_output=True,
            text=True,
            env=os.environ | {"SCIPY_ARRAY_API": mode},
        )
        assert run.returncode == 0, run.stderr
        found[mode] = run.stdout.split()
    assert found["1"] == found["0"]
    assert len(found["1"]) > 60


def test_what_keeps_its_arguments_is_still_refused_in_that_mode():
    code = (
        "import scipy.special as s, autodiff as ad\n"
        "s.logsumexp(ad.tensor([1.0], requires_grad=True))"
    )
    env = os.environ | {"SCIPY_ARRAY_API": "1"}
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert "GradientError" in run.stderr.splitlines()[-1]
    assert "autodiff.scipy.special" in run.stderr.splitlines()[-1]
