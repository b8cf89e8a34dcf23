"""NumPy by hand as a student writes it: right, readable, temporaries everywhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import data


def chain(op: str, size: int, length: int) -> Callable[[], Any]:
    inputs = data.chain_inputs(size)
    x, w, b = inputs if size else map(float, inputs)
    one = np.ones_like(x) if size else 1.0

    def muladds() -> Any:
        y, saved = x, []
        for _ in range(length // 2):
            saved.append(y)
            y = y * w
            y = y + b
        g, gw, gb = one, 0.0, 0.0
        for y in reversed(saved):
            gb = gb + g
            gw = gw + g * y
            g = g * w
        return [g, gw, gb]

    def tanhs() -> Any:
        y, saved = x, []
        for _ in range(length):
            y = np.tanh(y)
            saved.append(y)
        g = one
        for y in reversed(saved):
            g = g * (1 - y**2)
        return [g]

    def relus() -> Any:
        y, saved = x, []
        for _ in range(length):
            y = np.maximum(y, 0)
            saved.append(y)
        g = one
        for y in reversed(saved):
            g = g * (y > 0)
        return [g]

    return {"muladd": muladds, "tanh": tanhs, "relu": relus}[op]


def mlp(batch: int, optimizer: str) -> Callable[[], Any]:
    parameters = data.mlp_parameters()
    X, labels = data.batch_of_images(batch)
    update = adam_updater(parameters, data.ADAM_RATE)

    def gradients() -> tuple[float, list[np.ndarray]]:
        W1, b1, W2, b2, W3, b3 = parameters
        z1 = X @ W1 + b1
        a1 = np.maximum(z1, 0)
        z2 = a1 @ W2 + b2
        a2 = np.maximum(z2, 0)
        scores = a2 @ W3 + b3
        exps = np.exp(scores - scores.max(axis=1, keepdims=True))
        probs = exps / exps.sum(axis=1, keepdims=True)
        loss = -np.mean(np.log(probs[np.arange(batch), labels]))

        dscores = probs.copy()
        dscores[np.arange(batch), labels] -= 1
        dscores /= batch
        dW3 = a2.T @ dscores
        db3 = dscores.sum(axis=0)
        dz2 = dscores @ W3.T
        dz2[z2 <= 0] = 0
        dW2 = a1.T @ dz2
        db2 = dz2.sum(axis=0)
        dz1 = dz2 @ W2.T
        dz1[z1 <= 0] = 0
        dW1 = X.T @ dz1
        db1 = dz1.sum(axis=0)
        return loss.item(), [dW1, db1, dW2, db2, dW3, db3]

    def sgd() -> Any:
        loss, grads = gradients()
        for p, g in zip(parameters, grads, strict=True):
            p -= data.SGD_RATE * g
        return loss

    def adam() -> Any:
        loss, grads = gradients()
        update(grads)
        return loss

    return sgd if optimizer == "sgd" else adam


def adam(which: str) -> Callable[[], Any]:
    parameters, grads = data.adam_arrays(which)
    update = adam_updater(parameters, 1e-3)

    def step() -> Any:
        update(grads)
        return parameters[0]

    return step


def adam_updater(parameters: list[np.ndarray], lr: float) -> Callable[[list[np.ndarray]], None]:
    """A function that takes gradients and does a step of Adam, in the formulas of its paper."""
    ms = [np.zeros_like(p) for p in parameters]
    vs = [np.zeros_like(p) for p in parameters]
    steps = 0

    def update(grads: list[np.ndarray]) -> None:
        nonlocal steps
        steps += 1
        for i, (p, g) in enumerate(zip(parameters, grads, strict=True)):
            ms[i] = 0.9 * ms[i] + (1 - 0.9) * g
            vs[i] = 0.999 * vs[i] + (1 - 0.999) * g**2
            m_hat = ms[i] / (1 - 0.9**steps)
            v_hat = vs[i] / (1 - 0.999**steps)
            p -= lr * m_hat / (np.sqrt(v_hat) + 1e-8)

    return update


def conv(images: int, channels: int, filters: int, side: int, inner: bool) -> Callable[[], Any]:
    x, w, b, g = data.conv_arrays(images, channels, filters, side)

    def step() -> Any:
        padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
        windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (2, 3))
        y = np.tensordot(windows, w, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
        y = y + b[:, None, None]

        dw = np.tensordot(g, windows, ((0, 2, 3), (0, 2, 3)))
        db = g.sum(axis=(0, 2, 3))
        if not inner:
            return [dw, db]
        dpadded = np.zeros_like(padded)
        for i in range(3):
            for j in range(3):
                part = np.tensordot(g, w[:, :, i, j], (1, 0)).transpose(0, 3, 1, 2)
                dpadded[:, :, i : i + side, j : j + side] += part
        return [dpadded[:, :, 1:-1, 1:-1], dw, db]

    return step
