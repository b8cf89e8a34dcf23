"""Log-densities of the common distributions, as plain functions of arrays or tensors.

Each is differentiable in everything but whole numbers (counts, labels), broadcasts its arguments,
and is named and parametrized like `scipy.stats`. Outside of the support the result is -inf, with
slope 0. Those that need gamma functions import SciPy when they are called.

>>> import autodiff as ad
>>> from autodiff.distributions import normal_logpdf
>>> float(ad.grad(normal_logpdf)(3.0, 1.0, 2.0))
-0.5

Source of the formulas: N. Johnson, S. Kotz, N. Balakrishnan, "Continuous Univariate Distributions"
(1994) and its companion volumes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.errors import ShapeError
from autodiff.rules.network.basic import softplus
from autodiff.rules.network.softmax import log_softmax

__all__ = [
    "bernoulli_logpmf",
    "beta_logpdf",
    "binomial_logpmf",
    "categorical_logpmf",
    "cauchy_logpdf",
    "dirichlet_logpdf",
    "exponential_logpdf",
    "gamma_logpdf",
    "laplace_logpdf",
    "logistic_logpdf",
    "lognormal_logpdf",
    "multivariate_normal_logpdf",
    "normal_logpdf",
    "poisson_logpmf",
    "student_t_logpdf",
    "uniform_logpdf",
    "weibull_logpdf",
]

LOG_TWO_PI = math.log(2 * math.pi)


def _log1p_square(z: Any) -> Any:
    """``log(1 + z**2)``, also of a `z` whose square overflows."""
    near = np.abs(z) < 1
    small = np.log1p(np.square(np.where(near, z, 0)))
    return np.where(near, small, 2 * np.log(np.hypot(1, np.where(near, 1, z))))


def _whole(k: Any) -> Any:
    """Whether `k` is a whole number."""
    return k == np.floor(k)


# ---------------------------------------------------------------- on the whole line


def normal_logpdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """The normal distribution with mean `loc` and standard deviation `scale`."""
    z = (x - loc) / scale
    return -0.5 * z * z - 0.5 * LOG_TWO_PI - np.log(scale)


def laplace_logpdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Laplace's distribution: ``exp(-abs(x))``, moved and scaled."""
    return -np.abs((x - loc) / scale) - np.log(scale) - math.log(2)


def cauchy_logpdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Cauchy's distribution, which is Student's t with one degree of freedom."""
    z = (x - loc) / scale
    return -_log1p_square(z) - np.log(scale) - math.log(math.pi)


def student_t_logpdf(x: Any, df: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Student's t with `df` degrees of freedom. Needs SciPy."""
    from scipy.special import betaln

    z = (x - loc) / scale
    norm = -betaln(df / 2, 0.5) - 0.5 * np.log(df)  # gamma functions of large numbers would cancel
    return norm - np.log(scale) - (df + 1) / 2 * _log1p_square(z / np.sqrt(df))


def logistic_logpdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """The distribution whose distribution function is the logistic function."""
    z = (x - loc) / scale
    # Its slope is -tanh(z / 2), which softplus(z) + softplus(-z) would lose near 0.
    near = np.abs(z) < 1
    inner = np.log1p(-np.square(np.tanh(np.where(near, z, 0) / 2))) - 2 * math.log(2)
    size = np.abs(np.where(near, 1, z))
    return np.where(near, inner, -size - 2 * softplus(-size)) - np.log(scale)


# ---------------------------------------------------------------- on a part of it


def uniform_logpdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """The uniform distribution from `loc` to ``loc + scale``."""
    z = (x - loc) / scale
    # The product keeps x in the graph, with slope 0.
    return np.where((z >= 0) & (z <= 1), 0.0 * z, -np.inf) - np.log(scale)


def exponential_logpdf(x: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """The exponential distribution with mean `scale`, beginning at `loc`."""
    z = (x - loc) / scale
    return np.where(z >= 0, -z, -np.inf) - np.log(scale)


def gamma_logpdf(x: Any, a: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """The gamma distribution of shape `a`. Needs SciPy."""
    from scipy.special import gammaln, xlogy

    z = (x - loc) / scale
    inside = z >= 0
    z = np.where(inside, z, 1.0)
    return np.where(inside, xlogy(a - 1, z) - z, -np.inf) - gammaln(a) - np.log(scale)


def beta_logpdf(x: Any, a: Any, b: Any) -> Any:
    """The beta distribution, on the interval from 0 to 1. Needs SciPy."""
    from scipy.special import betaln, xlog1py, xlogy

    inside = (x >= 0) & (x <= 1)
    z = np.where(inside, x, 0.5)
    return np.where(inside, xlogy(a - 1, z) + xlog1py(b - 1, -z), -np.inf) - betaln(a, b)


def lognormal_logpdf(x: Any, s: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """The distribution of ``scale * exp(s * z) + loc`` with normal `z`."""
    z = (x - loc) / scale
    inside = z > 0
    log = np.log(np.where(inside, z, 1.0))
    return np.where(inside, normal_logpdf(log / s) - log, -np.inf) - np.log(s) - np.log(scale)


def weibull_logpdf(x: Any, c: Any, loc: Any = 0.0, scale: Any = 1.0) -> Any:
    """Weibull's distribution of shape `c` (SciPy's ``weibull_min``). Needs SciPy."""
    from scipy.special import xlogy

    z = (x - loc) / scale
    inside = z >= 0
    z = np.where(inside, z, 1.0)
    return np.where(inside, xlogy(c - 1, z) - z**c, -np.inf) + np.log(c) - np.log(scale)


# ---------------------------------------------------------------- whole numbers


def poisson_logpmf(k: Any, mu: Any) -> Any:
    """The number of events, where `mu` are expected. Needs SciPy."""
    from scipy.special import gammaln, xlogy

    inside = (k >= 0) & _whole(k)
    k = np.where(inside, k, 0)
    return np.where(inside, xlogy(k, mu) - gammaln(k + 1.0) - mu, -np.inf)


def binomial_logpmf(k: Any, n: Any, p: Any) -> Any:
    """The number of successes in `n` trials, each with probability `p`. Needs SciPy."""
    from scipy.special import betaln, xlog1py, xlogy

    inside = (k >= 0) & (k <= n) & _whole(k)
    k = np.where(inside, k, 0)
    ways = -betaln(n - k + 1.0, k + 1.0) - np.log(n + 1.0)
    return np.where(inside, ways + xlogy(k, p) + xlog1py(n - k, -p), -np.inf)


def bernoulli_logpmf(k: Any, p: Any = None, *, logits: Any = None) -> Any:
    """One trial: ``k == 1`` with probability `p`, which may be given as ``log(p / (1 - p))``.

    `logits` are exact where `p` would round to 0 or 1.

    >>> float(bernoulli_logpmf(0, logits=800.0))
    -800.0
    """
    _exactly_one("bernoulli_logpmf", p, logits)
    inside = (k == 0) | (k == 1)
    if logits is None:
        chance = np.where(k == 1, p, np.where(inside, 1 - p, 1.0))
        return np.where(inside, np.log(chance), -np.inf)
    return np.where(inside, -softplus(np.where(k == 1, -logits, logits)), -np.inf)


def categorical_logpmf(k: Any, p: Any = None, *, logits: Any = None) -> Any:
    """The label `k`, where label i has probability ``p[..., i]``, given as such or as logits.

    Arguments:
        k: whole numbers, of a shape that broadcasts with ``p.shape[:-1]``.
        p: probabilities, which sum to 1 over the last axis.
        logits: their logarithms up to a constant.
    """
    _exactly_one("categorical_logpmf", p, logits)
    logs = np.log(p) if logits is None else log_softmax(logits)
    k = np.asarray(k)
    if k.dtype.kind not in "iu":
        raise TypeError(f"categorical_logpmf: labels must be whole numbers, not {k.dtype}")
    batch = np.broadcast_shapes(k.shape, logs.shape[:-1])
    logs = np.broadcast_to(logs, (*batch, logs.shape[-1]))
    labels = np.broadcast_to(k, batch)
    inside = (labels >= 0) & (labels < logs.shape[-1])
    picked = np.take_along_axis(logs, np.where(inside, labels, 0)[..., None], -1)
    return np.where(inside, picked[..., 0], -np.inf)


def _exactly_one(function: str, p: Any, logits: Any) -> None:
    if (p is None) == (logits is None):
        raise TypeError(f"{function}: give either p or logits=")


# ---------------------------------------------------------------- vectors


def dirichlet_logpdf(x: Any, alpha: Any) -> Any:
    """Probabilities `x` along the last axis, with concentrations `alpha`. Needs SciPy.

    It is the density in the first ``n - 1`` of the `n` numbers, which sum to 1.
    """
    from scipy.special import gammaln, xlogy

    norm = gammaln(np.sum(alpha, axis=-1)) - np.sum(gammaln(alpha), axis=-1)
    inside = x >= 0
    logs = np.where(inside, xlogy(alpha - 1, np.where(inside, x, 1.0)), -np.inf)
    return np.sum(logs, axis=-1) + norm


def multivariate_normal_logpdf(x: Any, mean: Any, cov: Any) -> Any:
    """Normal vectors along the last axis.

    Arguments:
        x: shape (..., n).
        mean: a shape that broadcasts with that of `x`.
        cov: the covariance: shape (n, n), or (..., n, n) for one to each vector.

    Raises:
        numpy.linalg.LinAlgError: the covariance is not positive definite.
    """
    side = np.shape(cov)[-1]
    apart = x - mean
    if np.shape(apart)[-1:] != (side,):
        raise ShapeError(
            f"multivariate_normal_logpdf: vectors of shape {np.shape(apart)} do not fit the "
            f"covariance of shape {np.shape(cov)}"
        )
    factor = np.linalg.cholesky(cov)
    if np.ndim(cov) == 2:  # one triangular system for all vectors
        z = np.linalg.solve(factor, np.reshape(apart, (-1, side)).T)
        squares = np.reshape(np.sum(z * z, axis=0), np.shape(apart)[:-1])
    else:
        z = np.linalg.solve(factor, apart[..., None])[..., 0]
        squares = np.sum(z * z, axis=-1)
    logs = np.log(np.diagonal(factor, axis1=-2, axis2=-1))
    return -0.5 * (squares + side * LOG_TWO_PI) - np.sum(logs, axis=-1)
