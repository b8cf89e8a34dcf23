"""Log-densities against scipy.stats, and their derivatives against numerical ones."""

import numpy as np
import pytest

import autodiff as ad
from autodiff import distributions
from autodiff.testing import check_grads

stats = pytest.importorskip("scipy.stats")

rng = np.random.default_rng(0)
REAL = rng.normal(size=(2, 3))
POSITIVE = rng.uniform(0.3, 3, size=(2, 3))
UNIT = rng.uniform(0.1, 0.9, size=(2, 3))
LOC, SCALE, SHAPE = np.array([0.3, -0.2, 0.1]), np.array([[0.7], [1.6]]), np.array(1.7)
COUNTS = np.array([[0, 1, 4], [2, 5, 3]])

CASES = {
    "normal_logpdf": (stats.norm.logpdf, (REAL, LOC, SCALE)),
    "laplace_logpdf": (stats.laplace.logpdf, (REAL, LOC, SCALE)),
    "cauchy_logpdf": (stats.cauchy.logpdf, (REAL, LOC, SCALE)),
    "logistic_logpdf": (stats.logistic.logpdf, (REAL, LOC, SCALE)),
    "student_t_logpdf": (stats.t.logpdf, (REAL, SHAPE, LOC, SCALE)),
    "uniform_logpdf": (stats.uniform.logpdf, (POSITIVE, LOC, SCALE + 3)),
    "exponential_logpdf": (stats.expon.logpdf, (POSITIVE + 0.2, LOC, SCALE)),
    "gamma_logpdf": (stats.gamma.logpdf, (POSITIVE + 0.2, SHAPE, LOC, SCALE)),
    "beta_logpdf": (stats.beta.logpdf, (UNIT, SHAPE, SHAPE + 1)),
    "lognormal_logpdf": (stats.lognorm.logpdf, (POSITIVE + 0.2, SHAPE, LOC, SCALE)),
    "weibull_logpdf": (stats.weibull_min.logpdf, (POSITIVE + 0.2, SHAPE, LOC, SCALE)),
    "poisson_logpmf": (stats.poisson.logpmf, (COUNTS, POSITIVE)),
    "binomial_logpmf": (stats.binom.logpmf, (COUNTS, 5, UNIT)),
    "bernoulli_logpmf": (stats.bernoulli.logpmf, (COUNTS % 2, UNIT)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_derivatives(name):
    expected, args = CASES[name]
    function = getattr(distributions, name)
    np.testing.assert_allclose(function(*args), expected(*args), rtol=1e-12, atol=1e-14)
    check_grads(function, *args)


OUTSIDE = {
    "uniform_logpdf": (np.array([-1.0, 0.5, 2.0]),),
    "exponential_logpdf": (np.array([-1.0, 0.5]),),
    "gamma_logpdf": (np.array([-1.0, 0.5]), 2.0),
    "beta_logpdf": (np.array([-0.5, 0.5, 1.5]), 2.0, 3.0),
    "lognormal_logpdf": (np.array([-1.0, 0.0, 0.5]), 1.0),
    "weibull_logpdf": (np.array([-1.0, 0.5]), 2.0),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_outside_of_the_support_the_density_is_zero_and_flat(name):
    x, *parameters = OUTSIDE[name]
    function = getattr(distributions, name)
    values = function(x, *parameters)
    np.testing.assert_array_equal(np.isfinite(values), x == 0.5)
    slopes = ad.elementwise_grad(lambda x: function(x, *parameters))(x)
    assert np.all(np.isfinite(slopes))
    assert np.all(slopes[x != 0.5] == 0)


def test_counts_that_cannot_occur_have_probability_zero():
    p = ad.tensor(0.3, requires_grad=True)
    for logarithm in (
        distributions.binomial_logpmf(np.array([-1, 6, 2.5]), 5, p),
        distributions.bernoulli_logpmf(np.array([-1, 2]), p),
        distributions.bernoulli_logpmf(np.array([-1, 2]), logits=p),
        distributions.poisson_logpmf(np.array([-1, 0.5]), p),
        distributions.categorical_logpmf(np.array([-1, 2]), np.stack([p, 1 - p])),
    ):
        np.testing.assert_array_equal(logarithm.data, -np.inf)
    total = distributions.binomial_logpmf(np.array([6, 2]), 5, p)[1]
    total.backward()
    np.testing.assert_allclose(p.grad, 2 / 0.3 - 3 / 0.7)


def test_the_edge_of_the_support_is_in_it_where_the_density_is_finite():
    assert distributions.gamma_logpdf(0.0, 1.0) == 0
    assert distributions.beta_logpdf(1.0, 2.0, 1.0) == pytest.approx(np.log(2))
    assert distributions.weibull_logpdf(0.0, 1.0) == 0


def test_logits_and_probabilities_agree():
    logits = rng.normal(size=(4, 3))
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    labels = np.array([0, 2, 1, 1])
    by_logits = distributions.categorical_logpmf(labels, logits=logits)
    np.testing.assert_allclose(by_logits, distributions.categorical_logpmf(labels, p))
    np.testing.assert_allclose(by_logits, np.log(p[np.arange(4), labels]))
    check_grads(lambda x: distributions.categorical_logpmf(labels, logits=x), logits)

    odds = logits[0]
    chance = 1 / (1 + np.exp(-odds))
    ks = np.array([0, 1, 1])
    np.testing.assert_allclose(
        distributions.bernoulli_logpmf(ks, logits=odds), distributions.bernoulli_logpmf(ks, chance)
    )
    check_grads(lambda x: distributions.bernoulli_logpmf(ks, logits=x), odds)


def test_one_table_of_probabilities_serves_many_labels():
    p = np.array([0.2, 0.3, 0.5])
    labels = np.array([[0, 2], [1, 1]])
    np.testing.assert_allclose(distributions.categorical_logpmf(labels, p), np.log(p[labels]))


def test_probabilities_and_logits_exclude_each_other():
    with pytest.raises(TypeError, match="either p or logits"):
        distributions.bernoulli_logpmf(1)
    with pytest.raises(TypeError, match="whole numbers"):
        distributions.categorical_logpmf(0.5, np.array([0.5, 0.5]))


def test_dirichlet():
    alpha = np.array([0.8, 1.5, 2.5])
    x = np.array([[0.2, 0.3, 0.5], [0.1, 0.6, 0.3]])
    expected = [stats.dirichlet.logpdf(row, alpha) for row in x]
    np.testing.assert_allclose(distributions.dirichlet_logpdf(x, alpha), expected)
    check_grads(distributions.dirichlet_logpdf, x, alpha)


def test_multivariate_normal():
    root = rng.normal(size=(3, 3)) + 2 * np.eye(3)
    cov, mean, x = root @ root.T, rng.normal(size=3), rng.normal(size=(4, 3))
    expected = stats.multivariate_normal(mean, cov).logpdf(x)
    logpdf = distributions.multivariate_normal_logpdf
    np.testing.assert_allclose(logpdf(x, mean, cov), expected)
    np.testing.assert_allclose(logpdf(x[0], mean, cov), expected[0])
    np.testing.assert_allclose(logpdf(x, mean, np.stack([cov] * 4)), expected)
    check_grads(lambda x, mean, root: logpdf(x, mean, root @ root.T), x, mean, root)
    with pytest.raises(ad.errors.ShapeError, match=r"\(4, 2\)"):
        logpdf(x[:, :2], mean[:2], cov)
