"""micrograd: scalars only."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

from micrograd.engine import Value
from micrograd.nn import MLP

from benchmarks import data, networks


def no_tanh(x: Value) -> Value:
    raise NotImplementedError("micrograd has no tanh")


def chain(op: str, size: int, length: int) -> Callable[[], Any]:
    leaves = [Value(float(v)) for v in data.chain_inputs(size)]
    forward = networks.chain(op, length, no_tanh, Value.relu)
    used = leaves if op == "muladd" else leaves[:1]

    def step() -> Any:
        for leaf in used:
            leaf.grad = 0
        forward(*leaves).backward()
        return [leaf.grad for leaf in used]

    return step


def scalar_network() -> Callable[[], Any]:
    model = MLP(2, [16, 16, 1])
    for layer, neurons in zip(model.layers, networks.scalar_weights(float), strict=True):
        for neuron, (weights, bias) in zip(layer.neurons, neurons, strict=True):
            for value, number in zip(neuron.w, weights, strict=True):
                value.data = number
            neuron.b.data = bias

    def step() -> Any:
        model.zero_grad()
        loss = (model(networks.SCALAR_INPUT) - 1.0) ** 2
        loss.backward()
        return loss.data, model.layers[0].neurons[0].w[0].grad

    return step


def deep(length: int) -> Callable[[], dict[str, float]]:
    leaves = [Value(value) for value in data.deep_inputs(length)]
    forward = networks.chain("muladd", length, no_tanh, Value.relu)

    def step() -> dict[str, float]:
        for leaf in leaves:
            leaf.grad = 0
        start = perf_counter()
        y = forward(*leaves)
        middle = perf_counter()
        y.backward()
        return {"forward": middle - start, "backward": perf_counter() - middle}

    return step
