"""Programs that read the same in several libraries, because these have NumPy's operators."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import data

__all__ = [
    "SCALAR_INPUT",
    "Neuron",
    "chain",
    "gelu",
    "growth",
    "scalar_loss",
    "scalar_weights",
    "transformer_block",
    "views",
]

Neuron = tuple[list[Any], Any]  # weights, bias

SCALAR_INPUT = (0.7, -1.3)
SCALAR_LAYERS = ((2, 16), (16, 16), (16, 1))


def chain(
    op: str, length: int, tanh: Callable[[Any], Any], relu: Callable[[Any], Any]
) -> Callable[[Any, Any, Any], Any]:
    """A function of x, w and b that does so many operations, one after the other."""

    def muladd(y: Any, w: Any, b: Any) -> Any:
        for _ in range(length // 2):
            y = y * w
            y = y + b
        return y

    def tanhs(y: Any, w: Any, b: Any) -> Any:
        for _ in range(length):
            y = tanh(y)
        return y

    def relus(y: Any, w: Any, b: Any) -> Any:
        for _ in range(length):
            y = relu(y)
        return y

    return {"muladd": muladd, "tanh": tanhs, "relu": relus}[op]


def views(how: str, count: int) -> Callable[[Any], Any]:
    """A function of a matrix that takes so many views of it, one after the other."""

    def sliced(x: Any) -> Any:
        for _ in range(count):
            y = x[1:3]
        return y

    def transposed(x: Any) -> Any:
        for _ in range(count):
            y = x.T
        return y

    def reshaped(x: Any) -> Any:
        for _ in range(count):
            y = x.reshape(-1)
        return y

    def iterated(x: Any) -> Any:
        for _ in range(count // len(x)):
            *_, y = x
        return y

    return {"slice": sliced, "transpose": transposed, "reshape": reshaped, "row": iterated}[how]


def scalar_weights(make: Callable[[float], Any]) -> list[list[Neuron]]:
    """The neurons of micrograd's MLP(2, [16, 16, 1]), by layer, each number made by `make`."""
    rng = np.random.default_rng(3)
    return [
        [
            ([make(weight) for weight in rng.uniform(-1, 1, inputs).tolist()], make(0.1))
            for _ in range(outputs)
        ]
        for inputs, outputs in SCALAR_LAYERS
    ]


def scalar_loss(layers: Sequence[Sequence[Neuron]], relu: Callable[[Any], Any]) -> Any:
    """The squared error of the network at SCALAR_INPUT, neuron by neuron as micrograd does it."""
    values: Sequence[Any] = SCALAR_INPUT
    for number, layer in enumerate(layers):
        sums = [
            sum((w * v for w, v in zip(weights, values, strict=True)), bias)
            for weights, bias in layer
        ]
        values = sums if number == len(layers) - 1 else [relu(s) for s in sums]
    return (values[0] - 1.0) ** 2


def transformer_block(
    np: Any, x: Any, p: Mapping[str, Any], softmax: Callable[[Any], Any], act: Callable[[Any], Any]
) -> Any:
    """Attention and two layers, each after a normalisation and around a shortcut.

    np: the library's namespace. softmax: over the last axis. act: between the two layers.
    """
    batch, tokens, width = x.shape
    size = width // data.HEADS

    def normalise(x: Any, scale: Any, shift: Any) -> Any:
        centred = x - np.mean(x, axis=-1, keepdims=True)
        variance = np.mean(centred * centred, axis=-1, keepdims=True)
        return centred / np.sqrt(variance + 1e-5) * scale + shift

    qkv = normalise(x, p["norm1"], p["shift1"]) @ p["qkv"] + p["qkv_bias"]
    parts = np.transpose(np.reshape(qkv, (batch, tokens, 3, data.HEADS, size)), (2, 0, 3, 1, 4))
    q, k, v = parts[0], parts[1], parts[2]  # (batch, heads, tokens, size)
    scores = q @ np.transpose(k, (0, 1, 3, 2)) * size**-0.5
    mixed = np.transpose(softmax(scores) @ v, (0, 2, 1, 3))
    x = x + np.reshape(mixed, x.shape) @ p["out"] + p["out_bias"]
    hidden = act(normalise(x, p["norm2"], p["shift2"]) @ p["up"] + p["up_bias"])
    return x + hidden @ p["down"] + p["down_bias"]


def gelu(np: Any, x: Any) -> Any:
    """The usual approximation of x times the normal distribution function."""
    return 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x * x * x)))


def growth(
    short: Callable[[], dict[str, float]], long: Callable[[], dict[str, float]], factor: float
) -> Callable[[], dict[str, float]]:
    """How the time of one operation grows with the length of the chain; linear is 1."""

    def step() -> dict[str, float]:
        return {"growth": sum(long().values()) / sum(short().values()) / factor}

    return step
