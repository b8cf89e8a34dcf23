"""Gaussian process regression: hyperparameters by gradient ascent on the marginal likelihood."""

import autodiff.numpy as np
import autodiff.numpy.random as npr
from autodiff import grad
from autodiff.numpy.linalg import cholesky, solve


def rbf(scales, x1, x2):
    amplitude, length = np.exp(scales[0]), np.exp(scales[1:])
    diffs = np.expand_dims(x1 / length, 1) - np.expand_dims(x2 / length, 0)
    return amplitude * np.exp(-0.5 * np.sum(diffs**2, axis=2))


def unpack(params):
    return params[0], np.exp(params[1]) + 1e-4, params[2:]


def log_likelihood(params, x, y):
    mean, noise, scales = unpack(params)
    covariance = rbf(scales, x, x) + noise * np.eye(len(y))
    lower = cholesky(covariance)
    alpha = solve(lower, y - mean)
    return (
        -0.5 * np.dot(alpha, alpha)
        - np.sum(np.log(np.diag(lower)))
        - 0.5 * len(y) * np.log(2 * np.pi)
    )


def predict(params, x, y, x_new):
    mean, noise, scales = unpack(params)
    covariance = rbf(scales, x, x) + noise * np.eye(len(y))
    cross = rbf(scales, x, x_new)
    centre = mean + np.dot(solve(covariance, cross).T, y - mean)
    spread = rbf(scales, x_new, x_new) - np.dot(cross.T, solve(covariance, cross))
    return centre, np.diag(spread)


def main():
    rng = npr.RandomState(0)
    x = np.concatenate([np.linspace(0, 3, num=10), np.linspace(6, 8, num=10)]).reshape(20, 1)
    y = np.cos(x[:, 0]) + 0.1 * rng.randn(20)
    params = 0.1 * rng.randn(4)

    objective = grad(lambda p: -log_likelihood(p, x, y))
    history = []
    for _ in range(30):
        params = params - 0.02 * objective(params)
        history.append(float(log_likelihood(params, x, y)))

    centre, variance = predict(params, x, y, np.reshape(np.linspace(0, 8, 5), (5, 1)))
    # The slope of a prediction in its place, through everything above.
    slope = grad(lambda z: np.sum(predict(params, x, y, z)[0]))(np.array([[4.5]]))
    return [*history, *params, *centre, *variance, *np.ravel(slope)]
