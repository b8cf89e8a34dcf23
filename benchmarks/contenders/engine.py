"""This engine, as its users write it.

nn is imported only where it is used, so that the rest can be measured in a tree without it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import numpy as np

import autodiff as ad
from benchmarks import data, networks

softmax, relu = ad.functions.softmax, ad.functions.relu


def leaves_from(values: Iterable[Any]) -> list[ad.Tensor]:
    return [ad.tensor(value, requires_grad=True) for value in values]


def forget(leaves: Iterable[ad.Tensor]) -> None:
    for leaf in leaves:
        leaf.grad = None


def chain(op: str, size: int, length: int, plain: bool = False) -> Callable[[], Any]:
    given = [v if size else float(v) for v in data.chain_inputs(size)]
    leaves = leaves_from(given[:1] if plain else given)
    x, w, b = [*leaves, *given[len(leaves) :]]
    forward = networks.chain(op, length, np.tanh, relu)
    used = leaves if op == "muladd" else leaves[:1]

    def step() -> Any:
        forget(used)
        y = forward(x, w, b)
        (y.sum() if size else y).backward()
        return [leaf.grad for leaf in used]

    return step


def views(how: str, count: int) -> Callable[[], Any]:
    x = ad.tensor(data.matrix(), requires_grad=True) * 1
    take = networks.views(how, count)
    return lambda: take(x).tolist()  # `data` would be guarded from then on


def scalar_network() -> Callable[[], Any]:
    layers = networks.scalar_weights(lambda value: ad.tensor(value, requires_grad=True))
    leaves = [p for layer in layers for weights, bias in layer for p in (*weights, bias)]

    def step() -> Any:
        forget(leaves)
        loss = networks.scalar_loss(layers, relu)
        loss.backward()
        return loss.item(), leaves[0].grad

    return step


def mlp(batch: int, optimizer: str) -> Callable[[], Any]:
    import nn

    model = nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    for parameter, value in zip(model.parameters(), data.mlp_parameters(), strict=True):
        parameter.data[...] = value
    images, labels = data.batch_of_images(batch)
    if optimizer == "sgd":
        update: nn.optim.Optimizer = nn.optim.SGD(model.parameters(), lr=data.SGD_RATE)
    else:
        update = nn.optim.Adam(model.parameters(), lr=data.ADAM_RATE)

    def step() -> Any:
        update.zero_grad()
        loss = nn.cross_entropy(model(images), labels)
        loss.backward()
        update.step()
        return loss.item()

    return step


def adam(which: str) -> Callable[[], Any]:
    import nn

    values, grads = data.adam_arrays(which)
    parameters = leaves_from(values)
    for parameter, grad in zip(parameters, grads, strict=True):
        parameter.grad = grad
    update = nn.optim.Adam(parameters, lr=1e-3)

    def step() -> Any:
        update.step()
        return parameters[0].data

    return step


def conv(images: int, channels: int, filters: int, side: int, inner: bool) -> Callable[[], Any]:
    import nn

    given = data.conv_arrays(images, channels, filters, side)
    layer = nn.Conv2d(channels, filters, 3, padding=1)
    layer.weight.data[...] = given.w
    layer.bias.data[...] = given.b
    x = ad.tensor(given.x, requires_grad=inner)
    leaves = [x, layer.weight, layer.bias] if inner else [layer.weight, layer.bias]

    def step() -> Any:
        forget(leaves)
        layer(x).backward(given.g)
        return [leaf.grad for leaf in leaves]

    return step


def block(activation: str, batch: int = 16) -> Callable[[], Any]:
    from nn import functional as F

    x, g, arrays = data.block_arrays(batch)
    p = dict(zip(arrays, leaves_from(arrays.values()), strict=True))
    act = relu if activation == "relu" else lambda h: F.gelu(h, approximate=True)
    tokens, width = x.shape[1:]
    split = (batch, tokens, 3, data.HEADS, width // data.HEADS)

    def layer_norm(x: Any, scale: Any, shift: Any) -> Any:
        return F.normalize(x)[0] * scale + shift

    def forward(x: Any) -> Any:
        qkv = F.affine(layer_norm(x, p["norm1"], p["shift1"]), p["qkv"], p["qkv_bias"])
        q, k, v = qkv.reshape(split).transpose(2, 0, 3, 1, 4)  # (batch, heads, tokens, size)
        mixed = F.attention(q, k, v).transpose(0, 2, 1, 3).reshape(x.shape)
        x = x + F.affine(mixed, p["out"], p["out_bias"])
        hidden = act(F.affine(layer_norm(x, p["norm2"], p["shift2"]), p["up"], p["up_bias"]))
        return x + F.affine(hidden, p["down"], p["down_bias"])

    def step() -> Any:
        forget(p.values())
        forward(x).backward(g)
        return [leaf.grad for leaf in p.values()]

    return step


def deep(length: int) -> Callable[[], dict[str, float]]:
    x, w, b = leaves = leaves_from(data.deep_inputs(length))
    forward = networks.chain("muladd", length, np.tanh, relu)

    def step() -> dict[str, float]:
        forget(leaves)
        start = perf_counter()
        y = forward(x, w, b)
        middle = perf_counter()
        y.backward()
        return {"forward": middle - start, "backward": perf_counter() - middle}

    return step


def graph(length: int) -> Callable[[], Any]:
    inputs = leaves_from(data.deep_inputs(length))
    forward = networks.chain("muladd", length, np.tanh, relu)
    return lambda: forward(*inputs)


def growth(short: int, long: int) -> Callable[[], dict[str, float]]:
    return networks.growth(deep(short), deep(long), long / short)
