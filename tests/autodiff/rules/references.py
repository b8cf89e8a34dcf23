"""Differentiable functions of numbers, what they are in mpmath, and where they are looked at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import mpmath
import numpy as np
from extremes import Miss, Subject
from mpmath import mp
from scipy import special

import autodiff.distributions as distributions
import autodiff.rules.scipy.linalg  # with scipy.special, whose rules are then loaded as well
import nn
from autodiff import functions as F
from nn import functional as nf

mpf, nan = mpmath.mpf, mpmath.nan
Exact = Callable[..., Any]

# Where mpmath is slow, or gives up, at the hugest and tiniest numbers.
MODERATE = (
    1e-30,
    1e-8,
    1e-3,
    0.1,
    0.5,
    0.9,
    1.0001,
    1.5,
    3.7,
    10.0,
    26.5,
    40.0,
    100.3,
    350.0,
    700.0,
)
BELL = (1e-300, 1e-30, 1e-8, 1e-3, 0.1, 0.5, 0.9, 1.5, 3.7, 5.0, 8.5, 14.0, 26.5, 38.0)
LARGE = (1e-300, *MODERATE, 5e3, 1e6, 1e8, 1e10, 1e15, 1e25, 1e100, 1e300)
SMALL = (1e-300, 1e-30, 1e-8, 1e-3, 0.1, 0.5, 0.9, 1.5, 3.7, 10.0, 20.0)
FEW = (1e-3, 0.1, 1.5, 10.0)
CHANCES = (1e-300, 1e-30, 1e-8, 1e-3, 0.1, 0.5, 0.9, 1 - 1e-3, 1 - 1e-6)
SHARES = (1e-3, 0.1, 0.5, 0.9)
WAVES = (1e-300, 1e-8, 0.1, 0.5, 1.0001, 3.7, 40.0, 100.3, 700.0)
SHAPES = (0.3, 1.5, 20.0, 1e3, 1e6, 1e10, 1e-5)


def within(low: float, high: float, function: Exact) -> Exact:
    """A function between two numbers, and NaN elsewhere."""
    return lambda x: function(x) if low < x < high else nan


def right(function: Exact) -> Exact:
    """A function of positive numbers."""
    return lambda *at: function(*at) if min(at) > 0 else nan


def branch(negative: Exact, positive: Exact) -> Exact:
    return lambda x: positive(x) if x > 0 else negative(x)


def sigmoid(x: Any) -> Any:
    return 1 / (1 + mp.exp(-x))


def softplus(x: Any) -> Any:
    return mp.log1p(mp.exp(-abs(x))) + max(x, 0)


def power(a: Any, b: Any) -> Any:
    return a**b if a > 0 or b == int(b) else nan


def cbrt(x: Any) -> Any:
    return mp.sign(x) * mp.cbrt(abs(x))


def normal_cdf(x: Any) -> Any:
    return mp.erfc(-x / mp.sqrt(2)) / 2


def density(x: Any) -> Any:
    return mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)


def bell(x: Any) -> Any:
    return 2 * mp.exp(-x * x) / mp.sqrt(mp.pi)


def log_cdf(x: Any) -> Any:
    return mp.log(normal_cdf(x)) if x < 0 else mp.log1p(-normal_cdf(-x))


def gelu_by_tanh(x: Any) -> Any:
    return x * sigmoid(2 * mp.sqrt(2 / mp.pi) * (x + mpf(0.044715) * x**3))


def relative_entropy(a: Any, b: Any) -> Any:
    return a * mp.log(a / b) if b > 0 else nan


def inverse(
    function: Exact, slope: Exact, guess: Callable[[float], Any], domain: tuple[float, float]
) -> Exact:
    """The inverse of an increasing or decreasing function, by Newton's iteration."""

    def solved(y: Any) -> Any:
        if not domain[0] < y < domain[1]:
            return nan
        x = mpf(float(guess(float(y))))
        for _ in range((mp.prec // 25).bit_length()):  # from 50 bits, which double
            x = x - (function(x) - y) / slope(x)
        return x

    return solved


LAMBDA, ALPHA = mpf(1.0507009873554804934), mpf(1.6732632423543772848)

ELEMENTARY: dict[Any, Exact] = {
    np.reciprocal: lambda x: 1 / x,
    np.square: lambda x: x * x,
    np.sqrt: mp.sqrt,
    np.cbrt: cbrt,
    np.exp: mp.exp,
    np.exp2: lambda x: mpf(2) ** x,
    np.expm1: mp.expm1,
    np.log: mp.log,
    np.log2: lambda x: mp.log(x, 2),
    np.log10: lambda x: mp.log(x, 10),
    np.log1p: mp.log1p,
    np.sin: mp.sin,
    np.cos: mp.cos,
    np.tan: mp.tan,
    np.arcsin: mp.asin,
    np.arccos: mp.acos,
    np.arctan: mp.atan,
    np.sinh: mp.sinh,
    np.cosh: mp.cosh,
    np.tanh: mp.tanh,
    np.arcsinh: mp.asinh,
    np.arccosh: mp.acosh,
    np.arctanh: mp.atanh,
    np.sinc: lambda x: mp.sin(mp.pi * x) / (mp.pi * x),
    np.i0: partial(mp.besseli, 0),
    special.expit: sigmoid,
    special.log_expit: lambda x: -softplus(-x),
    special.logit: within(0, 1, lambda x: mp.log(x / (1 - x))),
    special.entr: right(lambda x: -x * mp.log(x)),
    special.exprel: lambda x: mp.expm1(x) / x,
    special.cosm1: lambda x: -2 * mp.sin(x / 2) ** 2,
    special.expm1: mp.expm1,
    special.log1p: mp.log1p,
    special.exp2: lambda x: mpf(2) ** x,
    special.exp10: lambda x: mpf(10) ** x,
    special.cbrt: cbrt,
}
ELEMENTARY_OF_TWO: dict[Any, Exact] = {
    np.multiply: lambda a, b: a * b,
    np.divide: lambda a, b: a / b,
    np.power: power,
    np.float_power: power,
    np.hypot: mp.hypot,
    np.arctan2: mp.atan2,
    np.logaddexp: lambda a, b: max(a, b) + mp.log1p(mp.exp(-abs(a - b))),
    np.logaddexp2: lambda a, b: max(a, b) + mp.log1p(mpf(2) ** -abs(a - b)) / mp.log(2),
    special.xlogy: lambda a, b: a * mp.log(b) if b > 0 else nan,
    special.xlog1py: lambda a, b: a * mp.log1p(b) if b > -1 else nan,
    special.rel_entr: right(relative_entropy),
    special.kl_div: right(lambda a, b: relative_entropy(a, b) - a + b),
}
OURS: dict[Any, Exact] = {
    F.sigmoid: sigmoid,
    F.softplus: softplus,
    F.softsign: lambda x: x / (1 + abs(x)),
    F.elu: branch(mp.expm1, lambda x: x),
    F.gelu: lambda x: x * normal_cdf(x),
    nf.silu: lambda x: x * sigmoid(x),
    nf.mish: lambda x: x * mp.tanh(softplus(x)),
    nf.selu: branch(lambda x: LAMBDA * ALPHA * mp.expm1(x), lambda x: LAMBDA * x),
    nf.log_sigmoid: lambda x: -softplus(-x),
    distributions.normal_logpdf: lambda x: -x * x / 2 - mp.log(2 * mp.pi) / 2,
    distributions.cauchy_logpdf: lambda x: -mp.log1p(x * x) - mp.log(mp.pi),
    distributions.logistic_logpdf: lambda x: -softplus(x) - softplus(-x),
    distributions.laplace_logpdf: lambda x: -abs(x) - mp.log(2),
}
HIGHER: dict[Any, Exact] = {
    special.gamma: mp.gamma,
    special.gammaln: lambda x: mp.log(abs(mp.gamma(x))) if x < 0 else mp.loggamma(x),
    special.loggamma: right(mp.loggamma),
    special.rgamma: mp.rgamma,
    special.psi: partial(mp.psi, 0),
    special.erfi: mp.erfi,
    special.erfcx: lambda x: mp.exp(x * x) * mp.erfc(x),
    special.log_ndtr: log_cdf,
    special.expi: mp.ei,
    special.exp1: right(mp.e1),
    special.spence: right(lambda x: mp.polylog(2, 1 - x)),
    special.j0: partial(mp.besselj, 0),
    special.j1: partial(mp.besselj, 1),
    special.i0: partial(mp.besseli, 0),
    special.i1: partial(mp.besseli, 1),
    special.i0e: lambda x: mp.exp(-abs(x)) * mp.besseli(0, x),
    special.i1e: lambda x: mp.exp(-abs(x)) * mp.besseli(1, x),
    special.ellipk: within(-mpmath.inf, 1, mp.ellipk),
    special.ellipe: within(-mpmath.inf, 1, mp.ellipe),
}
BELLS: dict[Any, Exact] = {
    special.erf: mp.erf,
    special.erfc: mp.erfc,
    special.ndtr: normal_cdf,
    F.normal_cdf: normal_cdf,
    special.dawsn: lambda x: mp.sqrt(mp.pi) / 2 * mp.exp(-x * x) * mp.erfi(x),
    autodiff.rules.scipy.normal.hazard: lambda x: density(x) / normal_cdf(x),
    special.erfinv: inverse(mp.erf, bell, special.erfinv, (-1, 1)),
    special.erfcinv: inverse(mp.erfc, lambda x: -bell(x), special.erfcinv, (0, 2)),
    special.ndtri: inverse(normal_cdf, density, special.ndtri, (0, 1)),
    special.ndtri_exp: inverse(
        log_cdf, lambda x: density(x) / normal_cdf(x), special.ndtri_exp, (-mpmath.inf, 0)
    ),
}
HIGHER_MODERATE: dict[Any, Exact] = {
    special.y0: right(partial(mp.bessely, 0)),
    special.y1: right(partial(mp.bessely, 1)),
    special.k0: right(partial(mp.besselk, 0)),
    special.k1: right(partial(mp.besselk, 1)),
    special.k0e: right(lambda x: mp.exp(x) * mp.besselk(0, x)),
    special.k1e: right(lambda x: mp.exp(x) * mp.besselk(1, x)),
}
OF_SHAPES: dict[Any, Exact] = {
    special.poch: right(lambda a, b: mp.exp(mp.loggamma(a + b) - mp.loggamma(a))),
    special.beta: right(mp.beta),
    special.betaln: right(lambda a, b: mp.loggamma(a) + mp.loggamma(b) - mp.loggamma(a + b)),
    special.boxcox: right(lambda a, b: mp.expm1(b * mp.log(a)) / b),
    special.boxcox1p: right(lambda a, b: mp.expm1(b * mp.log1p(a)) / b),
    special.inv_boxcox: right(lambda a, b: mp.exp(mp.log1p(a * b) / b)),
    special.inv_boxcox1p: right(lambda a, b: mp.expm1(mp.log1p(a * b) / b)),
}


def _part(function: Any, which: int) -> Exact:
    return lambda x: function(x)[which]


def _first(function: Any, *parameters: float) -> Exact:
    return lambda x: function(*parameters, x)


def _of_complex(function: Any, *parameters: float) -> Exact:
    """The real part of a function of complex numbers, of real ones."""
    return lambda x: function(*parameters, x + 0j).real


def _inverse(approximate: Any, function: Exact, *parameters: float) -> Exact:
    """The inverse of a function of positive numbers, found from where SciPy has it."""

    def inverse(share: Any) -> Any:
        if not 0 < share < 1:
            return nan
        start = mp.mpf(float(approximate(*parameters, float(share))))
        near = (start, start * (1 + mp.mpf(2) ** -20))
        return mp.findroot(lambda y: function(y) - share, near, tol=mp.eps**1.8, maxsteps=60)

    return inverse


def _bernoulli(target: float) -> Exact:
    return lambda x: nn.losses.binary_cross_entropy_with_logits(
        x, np.full(x.shape, target), reduction="none"
    )


def _chance(target: float) -> Exact:
    return lambda x: nn.losses.binary_cross_entropy(
        x, np.full(x.shape, target, x.dtype), reduction="none"
    )


def _owens(a: float) -> Exact:
    def density(t: Any) -> Any:
        return mp.exp(-(mpf(a) ** 2) * (1 + t * t) / 2) / (1 + t * t) / (2 * mp.pi)

    return lambda x: mp.quad(density, [0, x])


def _student(x: Any) -> Any:
    return mp.log(mp.gamma(2.5) / mp.gamma(2) / mp.sqrt(4 * mp.pi)) - mpf(2.5) * mp.log1p(x * x / 4)


Single = partial(Subject, count=1)
Ours = partial(Subject, count=1, ours=True)


def _single() -> list[Subject]:
    """Functions with a parameter, or with several results, of which one is looked at."""
    found = [
        Ours("gelu by tanh", lambda x: F.gelu(x, True), gelu_by_tanh),
        Ours("bce_with_logits to 0", _bernoulli(0.0), softplus),
        Ours("bce_with_logits to 1", _bernoulli(1.0), lambda x: softplus(-x)),
        Ours("bce to 0", _chance(0.0), within(0, 1, lambda p: -mp.log1p(-p)), magnitudes=CHANCES),
        Ours("bce to 1", _chance(1.0), within(0, 1, lambda p: -mp.log(p)), magnitudes=CHANCES),
        Ours(
            "huber",
            lambda x: nn.losses.huber_loss(x, 0 * x, reduction="none"),
            lambda x: min(abs(x), 1) * (abs(x) - min(abs(x), 1) / 2),
        ),
        Ours("student_t", lambda x: distributions.student_t_logpdf(x, 4.0), _student),
        Single("shi", _part(special.shichi, 0), mp.shi, magnitudes=LARGE),
        Single("chi", _part(special.shichi, 1), right(mp.chi), magnitudes=LARGE),
        Single("si", _part(special.sici, 0), mp.si, magnitudes=MODERATE),
        Single("ci", _part(special.sici, 1), right(mp.ci), magnitudes=MODERATE),
        Single("fresnel sine", _part(special.fresnel, 0), mp.fresnels, magnitudes=WAVES),
        Single("fresnel cosine", _part(special.fresnel, 1), mp.fresnelc, magnitudes=WAVES),
        Single(
            "lambertw",
            lambda x: special._ufuncs._lambertw(x + 0j, 0, 1e-12).real,
            within(-0.36, mpmath.inf, lambda x: mp.lambertw(x).real),
            magnitudes=LARGE,
        ),
        Single(
            "hankel1 real",
            _of_complex(special.hankel1, 0.5),
            right(partial(mp.besselj, 0.5)),
            magnitudes=MODERATE,
        ),
        Single(
            "hankel2 imaginary",
            lambda x: -special.hankel2(0.5, x + 0j).imag,
            right(partial(mp.bessely, 0.5)),
            magnitudes=FEW,
        ),
        Single(
            "wofz real", _of_complex(special.wofz), lambda x: mp.exp(-x * x), magnitudes=FEW[:3]
        ),
        Single("owens_t", _first(special.owens_t, 0.7), _owens(0.7), magnitudes=(0.1, 1.5, 3.7)),
    ]
    parametrized = [
        (special.hyp0f1, (1.5,), partial(mp.hyp0f1, 1.5), SMALL),
        (special.hyp1f1, (0.5, 1.5), partial(mp.hyp1f1, 0.5, 1.5), SMALL),
        (special.hyp2f1, (0.5, 1.5, 2.0), within(-1, 1, partial(mp.hyp2f1, 0.5, 1.5, 2)), SMALL),
        (special.zeta, (2.5,), right(partial(mp.zeta, 2.5)), SMALL),
    ]
    for a in (0.7, 2.0, 30.0):
        lower = right(partial(mp.gammainc, a, 0, regularized=True))
        upper = right(partial(mp.gammainc, a, regularized=True))
        parametrized += [
            (special.gammainc, (a,), lower, MODERATE),
            (special.gammaincc, (a,), upper, MODERATE),
        ]
        if a == 2:
            parametrized += [
                (special.gammaincinv, (a,), _inverse(special.gammaincinv, lower, a), SHARES),
                (special.gammainccinv, (a,), _inverse(special.gammainccinv, upper, a), SHARES),
            ]
    for a, b in ((0.7, 1.5), (20.0, 3.0)):
        exact = within(0, 1, lambda x, a=a, b=b: mp.betainc(a, b, 0, x, regularized=True))
        upper = within(0, 1, lambda x, a=a, b=b: mp.betainc(a, b, x, 1, regularized=True))
        parametrized += [
            (special.betainc, (a, b), exact, SMALL),
            (special.betaincc, (a, b), upper, SMALL),
            (special.betaincinv, (a, b), _inverse(special.betaincinv, exact, a, b), SHARES),
        ]
    for order in (0.5, 1.0, 2.0):
        scaled_i = right(lambda x, order=order: mp.exp(-x) * mp.besseli(order, x))
        scaled_k = right(lambda x, order=order: mp.exp(x) * mp.besselk(order, x))
        parametrized += [
            (special.jv, (order,), right(partial(mp.besselj, order)), MODERATE),
            (special.yv, (order,), right(partial(mp.bessely, order)), FEW),
            (special.iv, (order,), right(partial(mp.besseli, order)), MODERATE),
            (special.kv, (order,), right(partial(mp.besselk, order)), FEW),
            (special.ive, (order,), scaled_i, LARGE),
            (special.kve, (order,), scaled_k, (*FEW, 1e3, 1e6)),
        ]
    parametrized += [
        (special.yn, (2,), right(partial(mp.bessely, 2)), FEW),
        (special.kn, (2,), right(partial(mp.besselk, 2)), FEW),
    ]
    for function, parameters, exact, magnitudes in parametrized:
        name = " ".join(map(str, (f"special.{function.__name__}", *parameters)))
        found.append(Single(name, _first(function, *parameters), exact, magnitudes=magnitudes))
    return found


def _subjects() -> list[Subject]:
    tables = [
        (ELEMENTARY, 1, ()), (OURS, 1, ()), (ELEMENTARY_OF_TWO, 2, ()), (HIGHER, 1, LARGE),
        (BELLS, 1, BELL), (HIGHER_MODERATE, 1, FEW), (OF_SHAPES, 2, SHAPES),
    ]  # fmt: skip
    found = []
    for table, count, magnitudes in tables:
        for function, exact in table.items():
            prefix = "special." if isinstance(function, np.ufunc) and table is not OURS else ""
            if getattr(np, function.__name__, None) is function:
                prefix = "np."
            name, ours = prefix + function.__name__, table is OURS or function is F.normal_cdf
            found.append(Subject(name, function, exact, count, magnitudes, ours))
    return found + _single()


SUBJECTS = _subjects()

# Where a slope has fewer digits than the function: where, and why that is so.
EXCEPTIONS: dict[str, tuple[Callable[..., bool], str]] = {
    "np.tanh": (
        lambda x: abs(x) > 4,
        "from the result alone, 1 - y * y, so that x need not be kept: as precise as y",
    ),
    "bce to 1": (
        lambda p: p < 1e-37,
        "a logarithm is at least -100, and the slope at most that at the smallest normal number",
    ),
    "special.j1": (lambda x: abs(x) > 1e3, "SciPy's j0 has no more digits there"),
    "sigmoid": (
        lambda x: x > 6,
        "from the result alone, y * (1 - y), so that x need not be kept: as precise as y",
    ),
}


def excused(miss: Miss) -> bool:
    """Whether a miss is one of the exceptions."""
    return miss.subject in EXCEPTIONS and EXCEPTIONS[miss.subject][0](*miss.at)
