"""Every declared function of numbers against mpmath, at huge, tiny and saturating arguments.

What cannot be held to the promise is in `EXCEPTIONS`, with the reason. More arguments:
`python tests/autodiff/rules/extremes.py`.
"""

import numpy as np
import pytest
from extremes import DTYPES, Subject, exact_slope, exactly, main, misses
from mpmath import mp, mpf
from references import EXCEPTIONS, SUBJECTS, excused

import autodiff as ad
from autodiff.declare.domains import Interval
from autodiff.declare.primitive import Primitive, entries

IN_A_RUN = 60  # points of a function of two arguments


def looked_at(subject, dtype):
    arguments = subject.arguments(dtype)
    if subject.count == 1 or arguments.shape[1] <= IN_A_RUN:
        return arguments
    chosen = np.random.default_rng(0).choice(arguments.shape[1], IN_A_RUN, replace=False)
    return arguments[:, chosen]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.name)
def test_slopes_have_the_digits_of_the_function(subject, dtype):
    wrong = [str(m) for m in misses(subject, dtype, looked_at(subject, dtype)) if not excused(m)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "subject",
    [subject for subject in SUBJECTS if subject.ours and "logpdf" not in subject.name],
    ids=lambda subject: subject.name,
)
def test_functions_of_networks_are_right_in_float16(subject):
    wrong = [str(m) for m in misses(subject, "f2", subject.arguments("f2")) if not excused(m)]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
@pytest.mark.parametrize(
    "subject",
    [subject for subject in SUBJECTS if subject.ours and "logpdf" not in subject.name],
    ids=lambda subject: subject.name,
)
def test_functions_of_networks_do_not_warn_of_finite_numbers(subject, dtype):
    x = ad.tensor(subject.arguments(dtype)[0], requires_grad=True)
    if subject.name in ("bce to 0", "bce to 1"):
        x = ad.tensor(np.clip(x.data, 0, 1), requires_grad=True)
    subject.function(x).backward(np.ones_like(x.data))  # warnings are errors
    assert np.isfinite(x.grad).all()


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_every_exception_is_still_needed(name):
    (subject,) = (subject for subject in SUBJECTS if subject.name == name)
    assert any(excused(miss) for miss in misses(subject, "f8", subject.arguments("f8")))


# Functions whose slopes are numbers that need no computation, or arguments.
PLAIN = {
    "add", "subtract", "negative", "positive", "conjugate", "sign", "absolute", "fabs", "maximum",
    "minimum", "fmax", "fmin", "heaviside", "copysign", "floor", "ceil", "trunc", "rint", "fix",
    "gammasgn", "special.round",
    "floor_divide", "nextafter", "modf", "frexp", "ldexp", "divmod", "deg2rad", "radians",
    "rad2deg", "degrees", "relu", "leaky_relu", "matmul", "vecdot", "matvec", "vecmat",
}  # fmt: skip
# Looked at under another name, a part of their results for example.
ELSEWHERE = {
    "remainder", "fmod", "fresnel", "sici", "shichi", "hankel1", "hankel2", "wofz", "lambertw",
    "logistic_loss", "binary_cross_entropy",
}  # fmt: skip


def test_every_function_of_numbers_is_looked_at():
    seen = {subject.name.split()[0].rpartition(".")[2] for subject in SUBJECTS}
    declared = {
        entry.name
        for entry in entries
        if isinstance(entry, Primitive)
        and not entry.name.endswith("_derivative")
        and (isinstance(entry.domain, Interval | tuple) or isinstance(entry.function, np.ufunc))
    }
    assert declared - seen - PLAIN - ELSEWHERE == set()


def test_a_slope_that_loses_its_digits_is_noticed():
    """The rules as they were."""

    @ad.primitive(x=lambda g, y: g * (y + 1))
    def expm1(x):
        return np.expm1(x)

    subject = Subject("expm1", expm1, mp.expm1)
    assert any(miss.at == (-40.0,) for miss in misses(subject, "f8", subject.arguments("f8")))


def test_a_value_that_loses_its_digits_is_noticed():
    def sigmoid(x):
        return 0.5 + 0.5 * np.tanh(0.5 * x)

    subject = Subject("sigmoid", sigmoid, lambda x: 1 / (1 + mp.exp(-x)), ours=True)
    found = {(miss.what, miss.at) for miss in misses(subject, "f4", subject.arguments("f4"))}
    assert ("value", (-17.0,)) in found


@pytest.mark.parametrize("name", ["np.log1p", "bce to 0"])
def test_the_campaign_runs(name, capsys):
    assert main(["5", name]) == 0
    assert capsys.readouterr().out == "0 misses\n"


def test_exact_slopes_are_exact():
    for x in (1e-310, 0.3, 40.0, 1e300):
        slope, exact = exact_slope(mp.cos, (x,), 0), exactly(lambda x=x: -mp.sin(mpf(x)))
        assert abs(slope / exact - 1) < 1e-20


# ---------------------------------------------------------------- functions of many numbers


def softmax_slopes(x, g):
    """``J.T @ g`` of the softmax, in mpmath."""
    powers = [mp.exp(mpf(float(v)) - mpf(float(max(x)))) for v in x]
    total = mp.fsum(powers)
    y = [p / total for p in powers]
    mean = mp.fsum(a * mpf(float(b)) for a, b in zip(y, g, strict=True))
    return [a * (mpf(float(b)) - mean) for a, b in zip(y, g, strict=True)], y


ROWS = [
    [20.0, 0.0, -3.0], [0.0, -20.0, -40.0], [1e8, 1e8, 0.0], [-1e8, 1e8, 1e8], [-700.0, 3.0, 30.0],
    [1.0, 2.0, 3.0], [1e4, -1e4, 17.0],
]  # fmt: skip


@mp.workprec(3000)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("row", ROWS)
def test_rows_of_softmax_and_its_relatives_are_right(row, dtype):
    F, eps = ad.functions, float(np.finfo(dtype).eps)
    x, g = np.array(row, dtype), np.array([1.0, -2.0, 0.5], dtype)

    def near(found, exact):
        exact = np.array([float(v) for v in exact])
        floor = float(np.finfo(dtype).tiny)
        np.testing.assert_allclose(found, exact, rtol=0, atol=1e3 * eps * abs(exact).max() + floor)

    slopes, y = softmax_slopes(x, g)
    near(ad.vjp(F.softmax, x)[1](g)[0], slopes)
    near(ad.grad(F.logsumexp)(x), y)
    total = sum(map(float, g))
    near(
        ad.vjp(F.log_softmax, x)[1](g)[0],
        [mpf(float(b)) - a * total for a, b in zip(y, g, strict=True)],
    )
    for label in range(3):
        value, slope = ad.value_and_grad(lambda v: F.cross_entropy(v[None], np.array([label])))(x)  # noqa: B023
        rest = mp.fsum(
            mp.exp(mpf(float(v)) - mpf(float(x[label]))) for i, v in enumerate(x) if i != label
        )
        near([value], [mp.log1p(rest)])
        near(
            slope,
            [
                a - (i == label) if i != label else -mp.fsum(y[:i] + y[i + 1 :])
                for i, a in enumerate(y)
            ],
        )
        one_hot = np.eye(3, dtype=dtype)[label]
        near(ad.vjp(F.log_softmax, x)[1](one_hot)[0], -slope)
    near([F.logsumexp(x)], [mp.log(mp.fsum(mp.exp(mpf(float(v))) for v in x))])
    assert abs(ad.grad(F.logsumexp)(x).sum() - 1) < 10 * eps


@pytest.mark.parametrize(
    ("function", "at", "slopes"),
    [
        (np.prod, [1e-200, 1e-200, 1e300], [1e100, 1e100, 0.0]),
        (np.prod, [1e200, 1e200, 1e-200, 0.0], [0.0, 0.0, 0.0, 1e200]),
        (np.prod, [1e-320, 2.0, 3.0], [6.0, 3e-320, 2e-320]),
        (np.prod, [0.0, 1e300, 1e-300, 1e300, 1e-300], [1.0, 0.0, 0.0, 0.0, 0.0]),
        (lambda x: np.sum(np.cumprod(x)), [1e-200, 1e-200, 1e250], [1e50, 1e50, 0.0]),
        (np.linalg.norm, [3e150, 4e150], [0.6, 0.8]),
        (np.linalg.norm, [3e-150, 4e-150], [0.6, 0.8]),
        (np.std, [3e150, -3e150], [0.5, -0.5]),
        (np.std, [3e-150, -3e-150], [0.5, -0.5]),
        (np.var, [1e-200, -1e-200], [1e-200, -1e-200]),
        (np.mean, [1e300, -1e300], [0.5, 0.5]),
        (lambda x: np.linalg.norm(x, 3), [1e-90, 0.0], [1.0, 0.0]),
    ],
)
def test_reductions_at_extreme_scales(function, at, slopes):
    with np.errstate(over="ignore", invalid="ignore"):  # NumPy's own product may overflow midway
        found = ad.grad(function)(np.array(at))
    np.testing.assert_allclose(found, slopes, rtol=1e-12, atol=1e-323)


def test_second_derivatives_of_a_product_that_underflows():
    hessian = ad.hessian(np.prod)(np.array([2e-200, 3e-110, 5.0]))
    expected = [[0, 5, 3e-110], [5, 0, 2e-200], [3e-110, 2e-200, 0]]
    np.testing.assert_allclose(hessian, expected, atol=1e-100)
    np.testing.assert_allclose(hessian[2], expected[2])


def test_a_long_product_that_underflows_takes_no_step_for_each_element():
    x = np.random.default_rng(0).uniform(0.1, 0.9, 300_000)
    np.testing.assert_array_equal(ad.grad(np.prod)(x), 0)


@pytest.mark.parametrize(
    ("a", "b", "quotient"), [(1.0, 0.1, 9), (6.0, 0.1, 59), (-1.0, 0.1, -10), (0.3, 0.1, 2)]
)
def test_a_remainder_takes_the_quotient_that_numpy_took(a, b, quotient):
    assert ad.grad(lambda b: a % b)(b) == -quotient
    assert ad.grad(lambda b: np.fmod(abs(a), b))(b) == -(abs(a) // b)


# ---------------------------------------------------------------- infinities, and what never came


@pytest.mark.parametrize("size", [1e12, 1e300])
def test_i0_takes_no_longer_for_large_numbers(size):
    with np.errstate(over="ignore"):
        assert ad.grad(np.i0)(size) == np.inf
        slopes = ad.grad(lambda x: np.sum(np.i0(x)))(np.array([1.0, np.nan, size, -size]))
    np.testing.assert_allclose(slopes, [0.5651591039924851, np.nan, np.inf, -np.inf])


@pytest.mark.parametrize(
    ("function", "at", "value", "slope"),
    [
        (ad.functions.gelu, -np.inf, 0.0, 0.0),
        (lambda x: ad.functions.gelu(x, True), -np.inf, 0.0, 0.0),
        (ad.functions.gelu, np.inf, np.inf, 1.0),
        (ad.functions.sigmoid, -np.inf, 0.0, 0.0),
        (ad.functions.sigmoid, np.inf, 1.0, 0.0),
        (ad.functions.softplus, -np.inf, 0.0, 0.0),
        (ad.functions.softplus, np.inf, np.inf, 1.0),
        (lambda x: np.logaddexp(x, np.float64(0)), np.inf, np.inf, 1.0),
        (lambda x: np.logaddexp(x, np.inf), np.inf, np.inf, 0.5),
        (lambda x: np.logaddexp(np.inf, x), 0.0, np.inf, 0.0),
        (lambda x: ad.functions.logistic_loss(x, 1.0, 0.0), np.inf, 0.0, 0.0),
        (lambda x: ad.functions.logistic_loss(x, 1.0, 0.0), -np.inf, np.inf, -1.0),
        (lambda x: ad.functions.logistic_loss(x, 0.0, 1.0), -np.inf, 0.0, 0.0),
    ],
)
@pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
def test_infinite_arguments_have_the_limits(function, at, value, slope, dtype):
    found = ad.value_and_grad(lambda x: function(x))(np.array(at, dtype))
    np.testing.assert_array_equal(found, [value, slope])
    both = ad.value_and_grad(lambda x: np.sum(function(x)))(np.full(2000, at, dtype))
    np.testing.assert_array_equal(both[1], slope)


def test_infinite_elements_share_logsumexp():
    for x, share in (([np.inf, 0.0], [1, 0]), ([np.inf, np.inf], [0.5, 0.5])):
        np.testing.assert_array_equal(ad.grad(ad.functions.logsumexp)(np.array(x)), share)
