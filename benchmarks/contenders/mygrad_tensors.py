"""MyGrad, as its documentation writes it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import mygrad as mg
from mygrad.nnet.activations import relu, softmax
from mygrad.nnet.layers import conv_nd
from mygrad.nnet.losses import softmax_crossentropy

from benchmarks import data, networks
from benchmarks.contenders.numpy_plain import adam_updater


def forget(leaves: Iterable[Any]) -> None:
    for leaf in leaves:
        leaf.null_grad()


def chain(op: str, size: int, length: int) -> Callable[[], Any]:
    leaves = [mg.tensor(v if size else float(v)) for v in data.chain_inputs(size)]
    forward = networks.chain(op, length, mg.tanh, relu)
    used = leaves if op == "muladd" else leaves[:1]

    def step() -> Any:
        forget(used)
        y = forward(*leaves)
        (y.sum() if size else y).backward()
        return [leaf.grad for leaf in used]

    return step


def scalar_network() -> Callable[[], Any]:
    layers = networks.scalar_weights(mg.tensor)
    leaves = [p for layer in layers for weights, bias in layer for p in (*weights, bias)]

    def step() -> Any:
        forget(leaves)
        loss = networks.scalar_loss(layers, relu)
        loss.backward()
        return loss.item(), leaves[0].grad

    return step


def mlp(batch: int, optimizer: str) -> Callable[[], Any]:
    parameters = [mg.tensor(p) for p in data.mlp_parameters()]
    W1, b1, W2, b2, W3, b3 = parameters
    images, labels = data.batch_of_images(batch)
    update = adam_updater([p.data for p in parameters], data.ADAM_RATE)

    def backward() -> Any:
        forget(parameters)
        hidden = relu(images @ W1 + b1)
        hidden = relu(hidden @ W2 + b2)
        loss = softmax_crossentropy(hidden @ W3 + b3, labels)
        loss.backward()
        return loss.item()

    def sgd() -> Any:
        loss = backward()
        for p in parameters:
            p.data -= data.SGD_RATE * p.grad
        return loss

    def adam() -> Any:
        loss = backward()
        update([p.grad for p in parameters])
        return loss

    return sgd if optimizer == "sgd" else adam


def conv(images: int, channels: int, filters: int, side: int, inner: bool) -> Callable[[], Any]:
    x, w, b, g = data.conv_arrays(images, channels, filters, side)
    x, w, b = mg.tensor(x, constant=not inner), mg.tensor(w), mg.tensor(b.reshape(1, -1, 1, 1))
    leaves = [x, w, b] if inner else [w, b]

    def step() -> Any:
        forget(leaves)
        (conv_nd(x, w, stride=1, padding=1) + b).backward(g)
        return [leaf.grad for leaf in leaves]

    return step


def block(activation: str, batch: int = 16) -> Callable[[], Any]:
    x, g, arrays = data.block_arrays(batch)
    p = {name: mg.tensor(array) for name, array in arrays.items()}
    act = relu if activation == "relu" else lambda h: networks.gelu(mg, h)

    def step() -> Any:
        forget(p.values())
        networks.transformer_block(mg, x, p, softmax, act).backward(g)
        return [leaf.grad for leaf in p.values()]

    return step


def deep(length: int) -> Callable[[], dict[str, float]]:
    leaves = [mg.tensor(value) for value in data.deep_inputs(length)]
    forward = networks.chain("muladd", length, mg.tanh, relu)

    def step() -> dict[str, float]:
        forget(leaves)
        start = perf_counter()
        y = forward(*leaves)
        middle = perf_counter()
        y.backward()
        return {"forward": middle - start, "backward": perf_counter() - middle}

    return step
