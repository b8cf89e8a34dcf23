"""NumPy by hand at its best: every result goes into a buffer that was made once."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import data

CHUNK = 262_144  # elements; an optimizer works on pieces that stay in the cache
FEW = 1024  # elements; up to here fewer calls are faster than faster loops


def chain(op: str, size: int, length: int) -> Callable[[], Any]:
    if not size:
        return scalar_chain(op, length)
    x, w, b = data.chain_inputs(size)
    saved = [np.empty_like(x) for _ in range(length + 1)]
    saved[0][...] = x
    g, gw, gb, scratch = (np.empty_like(x) for _ in range(4))
    positive = np.empty(x.shape, bool)
    zero, one = np.zeros((), np.float32), np.ones((), np.float32)
    zeros = np.zeros_like(x)  # the maximum of two arrays takes half the time of one with a number
    multiply, add, subtract, tanh = np.multiply, np.add, np.subtract, np.tanh

    def muladds() -> Any:
        for i in range(0, length, 2):
            multiply(saved[i], w, out=saved[i + 1])
            add(saved[i + 1], b, out=saved[i + 2])
        g.fill(1)
        gw.fill(0)
        gb.fill(0)
        for i in range(length - 2, -1, -2):
            add(gb, g, out=gb)
            multiply(g, saved[i], out=scratch)
            add(gw, scratch, out=gw)
            multiply(g, w, out=g)
        return [g, gw, gb]

    def tanhs() -> Any:
        for i in range(length):
            tanh(saved[i], out=saved[i + 1])
        g.fill(1)
        for y in reversed(saved[1:]):
            multiply(y, y, out=scratch)
            subtract(one, scratch, out=scratch)
            multiply(g, scratch, out=g)
        return [g]

    def relus() -> Any:
        for i in range(length):
            np.maximum(saved[i], zeros, out=saved[i + 1])
        g.fill(1)
        for y in reversed(saved[1:]):
            if size <= FEW:
                multiply(g, np.sign(y, out=scratch), out=g)
            else:
                multiply(g, np.greater(y, zero, out=positive), out=g)
        return [g]

    return {"muladd": muladds, "tanh": tanhs, "relu": relus}[op]


def scalar_chain(op: str, length: int) -> Callable[[], Any]:
    """For single numbers, Python's own take a tenth of NumPy's time."""
    x, w, b = map(float, data.chain_inputs(0))
    tanh = math.tanh

    def muladds() -> Any:
        y, saved = x, []
        for _ in range(length // 2):
            saved.append(y)
            y = y * w + b
        g, gw, gb = 1.0, 0.0, 0.0
        for y in reversed(saved):
            gb += g
            gw += g * y
            g *= w
        return [g, gw, gb]

    def tanhs() -> Any:
        y, saved = x, []
        for _ in range(length):
            y = tanh(y)
            saved.append(y)
        g = 1.0
        for y in reversed(saved):
            g *= 1.0 - y * y
        return [g]

    def relus() -> Any:
        y, saved = x, []
        for _ in range(length):
            y = y if y > 0.0 else 0.0
            saved.append(y)
        g = 1.0
        for y in reversed(saved):
            g = g if y > 0.0 else 0.0
        return [g]

    return {"muladd": muladds, "tanh": tanhs, "relu": relus}[op]


def mlp(batch: int, optimizer: str) -> Callable[[], Any]:
    parameters = data.mlp_parameters()
    W1, b1, W2, b2, W3, b3 = parameters
    X, labels = data.batch_of_images(batch)
    grads = [np.empty_like(p) for p in parameters]
    dW1, db1, dW2, db2, dW3, db3 = grads
    a1, d1 = np.empty((2, batch, 512), np.float32)
    a2, d2 = np.empty((2, batch, 64), np.float32)
    scores, probs = np.empty((2, batch, 10), np.float32)
    row = np.empty((batch, 1), np.float32)
    live1, live2 = np.empty(a1.shape, bool), np.empty(a2.shape, bool)
    rows = np.arange(batch)
    zero, zeros1, zeros2 = np.float32(0), np.zeros(512, np.float32), np.zeros(64, np.float32)
    update = adam_updater(parameters, data.ADAM_RATE)

    def gradients(scale: float) -> Any:
        """Fills `grads` with the gradients times `scale`."""
        np.dot(X, W1, out=a1)
        np.add(a1, b1, out=a1)
        np.maximum(a1, zeros1, out=a1)
        np.dot(a1, W2, out=a2)
        np.add(a2, b2, out=a2)
        np.maximum(a2, zeros2, out=a2)
        np.dot(a2, W3, out=scores)
        np.add(scores, b3, out=scores)
        np.maximum.reduce(scores, axis=1, keepdims=True, out=row)
        np.subtract(scores, row, out=scores)
        np.exp(scores, out=probs)
        np.add.reduce(probs, axis=1, keepdims=True, out=row)
        np.divide(probs, row, out=probs)
        np.log(row, out=row)
        loss = (np.add.reduce(row, axis=None) - np.add.reduce(scores[rows, labels])) / batch

        probs[rows, labels] -= 1
        np.multiply(probs, scale / batch, out=probs)
        np.dot(a2.T, probs, out=dW3)
        np.add.reduce(probs, axis=0, out=db3)
        np.dot(probs, W3.T, out=d2)
        np.multiply(d2, np.greater(a2, zero, out=live2), out=d2)
        np.dot(a1.T, d2, out=dW2)
        np.add.reduce(d2, axis=0, out=db2)
        np.dot(d2, W2.T, out=d1)
        np.multiply(d1, np.greater(a1, zero, out=live1), out=d1)
        np.dot(X.T, d1, out=dW1)
        np.add.reduce(d1, axis=0, out=db1)
        return loss.item()

    def sgd() -> Any:
        loss = gradients(data.SGD_RATE)  # the rate goes into the smallest array on the way back
        for p, g in zip(parameters, grads, strict=True):
            np.subtract(p, g, out=p)
        return loss

    def adam() -> Any:
        loss = gradients(1.0)
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
    """Adam in place and in chunks, with its constants folded into as few passes as possible."""
    flat = [p.reshape(-1) for p in parameters]
    first = [np.zeros_like(p) for p in flat]
    second = [np.zeros_like(p) for p in flat]
    buffer = np.empty(CHUNK, np.float32)
    steps = 0

    def update(grads: list[np.ndarray]) -> None:
        nonlocal steps
        steps += 1
        spread = math.sqrt(0.001 / (1 - 0.999**steps))
        length = lr * 0.1 / (1 - 0.9**steps) / spread
        offset = 1e-8 / spread
        for p, g, m, v in zip(flat, (g.reshape(-1) for g in grads), first, second, strict=True):
            for start in range(0, p.size, CHUNK):
                part = slice(start, start + CHUNK)
                pc, gc, mc, vc = p[part], g[part], m[part], v[part]
                scratch = buffer[: pc.size]
                np.multiply(mc, 0.9, out=mc)
                np.add(mc, gc, out=mc)
                np.multiply(gc, gc, out=scratch)
                np.multiply(vc, 0.999, out=vc)
                np.add(vc, scratch, out=vc)
                np.sqrt(vc, out=scratch)
                np.add(scratch, offset, out=scratch)
                np.divide(mc, scratch, out=scratch)
                np.multiply(scratch, length, out=scratch)
                np.subtract(pc, scratch, out=pc)

    return update


def conv(images: int, channels: int, filters: int, side: int, inner: bool) -> Callable[[], Any]:
    x, w, b, g = data.conv_arrays(images, channels, filters, side)
    rows, area, group = channels * 9, side * side, min(16, images)
    padded = np.zeros((group, channels, side + 2, side + 2), np.float32)
    columns = np.empty((images, channels, 3, 3, side, side), np.float32)
    flat = columns.reshape(images, rows, area)
    kernel, g_flat = w.reshape(filters, rows), g.reshape(images, filters, area)
    y = np.empty((images, filters, area), np.float32)
    products = np.empty((group, filters, rows), np.float32)
    d_columns = np.empty((group, channels, 3, 3, side, side), np.float32)
    d_padded, dx, dw = np.empty_like(padded), np.empty_like(x), np.empty_like(kernel)
    shifts = [(i, j) for i in range(3) for j in range(3)]
    groups = [slice(start, start + group) for start in range(0, images, group)]

    def step() -> Any:
        for part in groups:
            padded[:, :, 1:-1, 1:-1] = x[part]
            for i, j in shifts:
                columns[part, :, i, j] = padded[:, :, i : i + side, j : j + side]
            np.matmul(kernel, flat[part], out=y[part])
            np.add(y[part], b[:, None], out=y[part])

        dw.fill(0)
        for part in groups:
            np.matmul(g_flat[part], flat[part].transpose(0, 2, 1), out=products)
            np.add(dw, np.add.reduce(products, axis=0), out=dw)
            if not inner:
                continue
            np.matmul(kernel.T, g_flat[part], out=d_columns.reshape(group, rows, area))
            d_padded.fill(0)
            for i, j in shifts:
                target = d_padded[:, :, i : i + side, j : j + side]
                np.add(target, d_columns[:, :, i, j], out=target)
            dx[part] = d_padded[:, :, 1:-1, 1:-1]
        grads = [dw.reshape(w.shape), np.add.reduce(g, axis=(0, 2, 3))]
        return [dx, *grads] if inner else grads

    return step
