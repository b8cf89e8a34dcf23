"""PyTorch, as its tutorials write it; eager, or with torch.compile around what it compiles."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from benchmarks import data, networks

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
torch.set_num_interop_threads(1)


def forget(leaves: Iterable[Any]) -> None:
    for leaf in leaves:
        leaf.grad = None


def chain(op: str, size: int, length: int, compiled: bool = False) -> Callable[[], Any]:
    leaves = [torch.tensor(v, requires_grad=True) for v in data.chain_inputs(size)]
    run = networks.chain(op, length, torch.tanh, torch.relu)

    def total(*inputs: Any) -> Any:
        y = run(*inputs)
        return y.sum() if size else y

    forward = torch.compile(total) if compiled else total
    used = leaves if op == "muladd" else leaves[:1]

    def step() -> Any:
        forget(used)
        forward(*leaves).backward()
        return [leaf.grad for leaf in used]

    return step


def views(how: str, count: int) -> Callable[[], Any]:
    x = torch.tensor(data.matrix(), requires_grad=True) * 1
    take = networks.views(how, count)
    return lambda: take(x).detach().numpy()


def scalar_network() -> Callable[[], Any]:
    layers = networks.scalar_weights(lambda value: torch.tensor(value, requires_grad=True))
    leaves = [p for layer in layers for weights, bias in layer for p in (*weights, bias)]

    def step() -> Any:
        forget(leaves)
        loss = networks.scalar_loss(layers, torch.relu)
        loss.backward()
        return loss.item(), leaves[0].grad

    return step


def mlp(
    batch: int, optimizer: str, compiled: bool = False, fused: bool | None = None
) -> Callable[[], Any]:
    model = nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 10)
    )
    with torch.no_grad():
        for parameter, value in zip(model.parameters(), data.mlp_parameters(), strict=True):
            parameter.copy_(torch.from_numpy(value.T))
    images, labels = map(torch.from_numpy, data.batch_of_images(batch))
    if optimizer == "sgd":
        update: Any = torch.optim.SGD(model.parameters(), lr=data.SGD_RATE, fused=fused)
    else:
        update = torch.optim.Adam(model.parameters(), lr=data.ADAM_RATE, fused=fused)
    criterion = nn.CrossEntropyLoss()

    def loss_of(images: Any, labels: Any) -> Any:
        return criterion(model(images), labels)

    apply = update.step
    if compiled:
        loss_of, apply = torch.compile(loss_of), torch.compile(apply)

    def step() -> Any:
        update.zero_grad()
        loss = loss_of(images, labels)
        loss.backward()
        apply()
        return loss.item()

    return step


def adam(which: str, foreach: bool | None = None, fused: bool | None = None) -> Callable[[], Any]:
    arrays, grads = data.adam_arrays(which)
    parameters = [torch.tensor(array, requires_grad=True) for array in arrays]
    for parameter, grad in zip(parameters, grads, strict=True):
        parameter.grad = torch.from_numpy(grad)
    update = torch.optim.Adam(parameters, lr=1e-3, foreach=foreach, fused=fused)

    def step() -> Any:
        update.step()
        return parameters[0].detach()

    return step


def conv(images: int, channels: int, filters: int, side: int, inner: bool) -> Callable[[], Any]:
    x, w, b, g = map(torch.from_numpy, data.conv_arrays(images, channels, filters, side))
    leaves = [tensor.requires_grad_() for tensor in ((x, w, b) if inner else (w, b))]

    def step() -> Any:
        forget(leaves)
        F.conv2d(x, w, b, padding=1).backward(g)
        return [leaf.grad for leaf in leaves]

    return step


def block(activation: str, batch: int = 16, compiled: bool = False) -> Callable[[], Any]:
    given = data.block_arrays(batch)
    x, g = torch.from_numpy(given.x), torch.from_numpy(given.g)
    p = {}
    for name, array in given.parameters.items():
        p[name] = torch.tensor(array.T.copy() if array.ndim == 2 else array, requires_grad=True)
    tokens, width = x.shape[1:]
    split = (batch, tokens, 3, data.HEADS, width // data.HEADS)

    def forward(x: Any) -> Any:
        hidden = F.layer_norm(x, (width,), p["norm1"], p["shift1"])
        qkv = F.linear(hidden, p["qkv"], p["qkv_bias"])
        q, k, v = qkv.view(split).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(x.shape)
        x = x + F.linear(mixed, p["out"], p["out_bias"])
        hidden = F.layer_norm(x, (width,), p["norm2"], p["shift2"])
        hidden = F.linear(hidden, p["up"], p["up_bias"])
        hidden = F.relu(hidden) if activation == "relu" else F.gelu(hidden, approximate="tanh")
        return x + F.linear(hidden, p["down"], p["down_bias"])

    run = torch.compile(forward) if compiled else forward

    def step() -> Any:
        forget(p.values())
        run(x).backward(g)
        return [leaf.grad.T if leaf.ndim == 2 else leaf.grad for leaf in p.values()]

    return step


def deep(length: int) -> Callable[[], dict[str, float]]:
    leaves = [torch.tensor(value, requires_grad=True) for value in data.deep_inputs(length)]
    forward = networks.chain("muladd", length, torch.tanh, torch.relu)

    def step() -> dict[str, float]:
        forget(leaves)
        start = perf_counter()
        y = forward(*leaves)
        middle = perf_counter()
        y.backward()
        return {"forward": middle - start, "backward": perf_counter() - middle}

    return step


def graph(length: int) -> Callable[[], Any]:
    inputs = [torch.tensor(value, requires_grad=True) for value in data.deep_inputs(length)]
    forward = networks.chain("muladd", length, torch.tanh, torch.relu)
    return lambda: forward(*inputs)


def growth(short: int, long: int) -> Callable[[], dict[str, float]]:
    return networks.growth(deep(short), deep(long), long / short)
