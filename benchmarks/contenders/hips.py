"""HIPS autograd, as its examples write it."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import autograd.numpy as np
from autograd import grad, make_vjp, value_and_grad
from autograd.scipy.signal import convolve
from autograd.scipy.special import logsumexp

from benchmarks import data, networks
from benchmarks.contenders.numpy_plain import adam_updater


def relu(x: Any) -> Any:
    return np.maximum(x, 0)


def softmax(x: Any) -> Any:
    return np.exp(x - logsumexp(x, axis=-1, keepdims=True))


def chain(op: str, size: int, length: int) -> Callable[[], Any]:
    inputs = data.chain_inputs(size)
    values = inputs if size else tuple(map(float, inputs))
    forward = networks.chain(op, length, np.tanh, relu)
    total = (lambda *args: np.sum(forward(*args))) if size else forward
    slopes = grad(total, (0, 1, 2) if op == "muladd" else (0,))
    return lambda: slopes(*values)


def scalar_network() -> Callable[[], Any]:
    layers = networks.scalar_weights(float)
    slope = value_and_grad(lambda layers: networks.scalar_loss(layers, relu))

    def step() -> Any:
        loss, grads = slope(layers)
        return loss, grads[0][0][0][0]

    return step


def mlp(batch: int, optimizer: str) -> Callable[[], Any]:
    parameters = data.mlp_parameters()
    images, labels = data.batch_of_images(batch)
    targets = np.eye(10, dtype=np.float32)[labels]
    update = adam_updater(parameters, data.ADAM_RATE)

    @value_and_grad
    def loss_of(parameters: Any) -> Any:
        W1, b1, W2, b2, W3, b3 = parameters
        hidden = relu(np.dot(images, W1) + b1)
        hidden = relu(np.dot(hidden, W2) + b2)
        scores = np.dot(hidden, W3) + b3
        log_probs = scores - logsumexp(scores, axis=1, keepdims=True)
        return -np.sum(log_probs * targets) / batch

    def sgd() -> Any:
        loss, grads = loss_of(parameters)
        for p, g in zip(parameters, grads, strict=True):
            p -= data.SGD_RATE * g
        return loss

    def adam() -> Any:
        loss, grads = loss_of(parameters)
        update(grads)
        return loss

    return sgd if optimizer == "sgd" else adam


def conv(images: int, channels: int, filters: int, side: int, inner: bool) -> Callable[[], Any]:
    x, w, b, g = data.conv_arrays(images, channels, filters, side)

    def layer(inputs: Any) -> Any:
        *given, w, b = inputs
        padded = np.pad(given[0] if inner else x, ((0, 0), (0, 0), (1, 1), (1, 1)), "constant")
        flipped = w[:, :, ::-1, ::-1]  # because theirs is a convolution in the textbook's sense
        y = convolve(padded, flipped, axes=([2, 3], [2, 3]), dot_axes=([1], [1]), mode="valid")
        return y + np.reshape(b, (1, -1, 1, 1))

    def step() -> Any:
        pullback, _ = make_vjp(layer)((x, w, b) if inner else (w, b))
        return pullback(g)

    return step


def block(activation: str, batch: int = 16) -> Callable[[], Any]:
    x, g, p = data.block_arrays(batch)
    act = relu if activation == "relu" else lambda h: networks.gelu(np, h)

    def forward(p: Any) -> Any:
        return networks.transformer_block(np, x, p, softmax, act)

    def step() -> Any:
        pullback, _ = make_vjp(forward)(p)
        return list(pullback(g).values())

    return step


def deep(length: int) -> Callable[[], dict[str, float]]:
    inputs = data.deep_inputs(length)
    forward = networks.chain("muladd", length, np.tanh, relu)

    def step() -> dict[str, float]:
        start = perf_counter()
        pullback, _ = make_vjp(lambda inputs: forward(*inputs))(inputs)
        middle = perf_counter()
        pullback(1.0)
        return {"forward": middle - start, "backward": perf_counter() - middle}

    return step
