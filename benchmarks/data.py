"""The numbers that every contender is given: the same ones, from fixed seeds, in float32."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = [
    "ADAM_RATE",
    "HEADS",
    "LAYERS",
    "SGD_RATE",
    "Block",
    "Convolution",
    "adam_arrays",
    "batch_of_images",
    "block_arrays",
    "chain_inputs",
    "conv_arrays",
    "deep_inputs",
    "matrix",
    "mlp_parameters",
]

LAYERS = ((784, 512), (512, 64), (64, 10))
HEADS = 4
# So small that thousands of measured steps stay at the same loss.
SGD_RATE = 1e-6
ADAM_RATE = 1e-8


def chain_inputs(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """x, w and b of a chain, of shape (size,), or 0-d for size 0."""
    rng = np.random.default_rng(0)
    shape = (size,) if size else ()
    x = rng.normal(size=shape)
    w = rng.uniform(0.8, 0.99, size=shape)
    b = rng.normal(scale=0.1, size=shape)
    return np.float32(x), np.float32(w), np.float32(b)


def matrix() -> np.ndarray:
    """A matrix of which views are taken, of shape (8, 8)."""
    return np.random.default_rng(1).normal(size=(8, 8))


def deep_inputs(length: int) -> tuple[float, float, float]:
    """x, w and b of a chain that stays finite over so many operations."""
    return 1.0, 1.0 - 1.0 / length, 1.0 / length


def mlp_parameters() -> list[np.ndarray]:
    """W1, b1, W2, b2, W3, b3; weights are (inputs, outputs)."""
    rng = np.random.default_rng(1)
    parameters = []
    for inputs, outputs in LAYERS:
        bound = 1 / inputs**0.5
        parameters.append(rng.uniform(-bound, bound, (inputs, outputs)).astype(np.float32))
        parameters.append(rng.uniform(-bound, bound, outputs).astype(np.float32))
    return parameters


def batch_of_images(batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (batch, 784) from 0 to 1, and labels (batch,)."""
    rng = np.random.default_rng(2)
    return rng.random((batch, 784), dtype=np.float32), rng.integers(0, 10, batch)


def adam_arrays(which: str) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Parameters and their gradients: of the "mlp", one "square" of 4 million, or "small"."""
    rng = np.random.default_rng(4)
    if which == "mlp":
        parameters = mlp_parameters()
    else:
        side = {"square": 2_000, "small": 8}[which]
        parameters = [rng.random((side, side), dtype=np.float32)]
    grads = [rng.standard_normal(p.shape, dtype=np.float32) for p in parameters]
    return parameters, grads


class Convolution(NamedTuple):
    """What a convolution is given, and the gradient of what follows."""

    x: np.ndarray  # (images, channels, side, side)
    w: np.ndarray  # (filters, channels, 3, 3)
    b: np.ndarray  # (filters,)
    g: np.ndarray  # (images, filters, side, side)


def conv_arrays(images: int, channels: int, filters: int, side: int) -> Convolution:
    """The inputs of a convolution with padding 1."""
    rng = np.random.default_rng(5)
    return Convolution(
        rng.standard_normal((images, channels, side, side), dtype=np.float32),
        rng.standard_normal((filters, channels, 3, 3), dtype=np.float32) / 5,
        rng.standard_normal(filters, dtype=np.float32),
        rng.standard_normal((images, filters, side, side), dtype=np.float32),
    )


class Block(NamedTuple):
    """What a transformer block is given, and the gradient of what follows."""

    x: np.ndarray  # (batch, tokens, width)
    g: np.ndarray  # like x
    parameters: dict[str, np.ndarray]  # weights are (inputs, outputs)


def block_arrays(batch: int) -> Block:
    """64 tokens of width 128."""
    rng = np.random.default_rng(6)
    tokens, width, hidden = 64, 128, 512

    def weights(*shape: int) -> np.ndarray:
        return (rng.standard_normal(shape) / shape[0] ** 0.5).astype(np.float32)

    parameters = {
        "norm1": np.ones(width, np.float32),
        "shift1": weights(width),
        "qkv": weights(width, 3 * width),
        "qkv_bias": weights(3 * width),
        "out": weights(width, width),
        "out_bias": weights(width),
        "norm2": np.ones(width, np.float32),
        "shift2": weights(width),
        "up": weights(width, hidden),
        "up_bias": weights(hidden),
        "down": weights(hidden, width),
        "down_bias": weights(width),
    }
    shape = (batch, tokens, width)
    x = rng.standard_normal(shape, dtype=np.float32)
    return Block(x, rng.standard_normal(shape, dtype=np.float32), parameters)
