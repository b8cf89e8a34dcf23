"""A variational autoencoder of binary images, trained by Adam on nested lists of weights."""

from itertools import pairwise

import autodiff.numpy as np
import autodiff.numpy.random as npr
from autodiff import grad


def init_net(rng, sizes, scale=0.2):
    return [(scale * rng.randn(m, n), scale * rng.randn(n)) for m, n in pairwise(sizes)]


def relu(x):
    return np.maximum(0, x)


def predict(params, inputs):
    for weights, bias in params:
        outputs = np.dot(inputs, weights) + bias
        inputs = relu(outputs)
    return outputs


def diag_gaussian_log_density(x, mu, log_std):
    return np.sum(-0.5 * ((x - mu) / np.exp(log_std)) ** 2 - log_std, axis=-1)


def bernoulli_log_density(targets, unnormalized):
    # -log(1 + exp(-x)) for each pixel, in a form that does not overflow
    signs = targets * 2 - 1
    return -np.sum(np.logaddexp(0, -signs * unnormalized), axis=-1)


def lower_bound(params, images, noise):
    encoder, decoder = params
    half = noise.shape[-1]
    code = predict(encoder, images)
    mu, log_std = code[:, :half], code[:, half:]
    latents = noise * np.exp(log_std) + mu
    prior = diag_gaussian_log_density(latents, 0, 0 * latents)
    posterior = diag_gaussian_log_density(latents, mu, log_std)
    likelihood = bernoulli_log_density(images, predict(decoder, latents))
    return np.mean(prior - posterior + likelihood)


def adam_step(params, slopes, moments, step, size=0.01):
    """Lists and tuples of arrays, updated in parallel."""
    if isinstance(params, (list, tuple)):
        parts = [
            adam_step(p, g, m, step, size) for p, g, m in zip(params, slopes, moments, strict=True)
        ]
        return type(params)(p for p, _ in parts), [m for _, m in parts]
    first = 0.9 * moments[0] + 0.1 * slopes
    second = 0.999 * moments[1] + 0.001 * slopes**2
    scale = np.sqrt(second / (1 - 0.999**step)) + 1e-8
    return params + size * first / (1 - 0.9**step) / scale, (first, second)


def zeros_like(params):
    if isinstance(params, (list, tuple)):
        return [zeros_like(p) for p in params]
    return 0.0 * params, 0.0 * params


def main():
    rng = npr.RandomState(1)
    prototypes = rng.rand(3, 20) > 0.5
    images = 1.0 * (prototypes[rng.randint(3, size=24)] ^ (rng.rand(24, 20) > 0.95))
    params = [init_net(rng, [20, 12, 4]), init_net(rng, [2, 12, 20])]
    moments = zeros_like(params)
    gradient = grad(lower_bound)
    history = []
    for step in range(1, 41):
        noise = rng.randn(24, 2)
        slopes = gradient(params, images, noise)
        params, moments = adam_step(params, slopes, moments, step)
        history.append(float(lower_bound(params, images, noise)))
    return history
