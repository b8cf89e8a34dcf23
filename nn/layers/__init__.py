"""Layers: modules to build models from."""

from nn.layers.activations import (
    ACTIVATIONS,
    LogSoftmax,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    activation,
)
from nn.layers.containers import MLP, Sequential
from nn.layers.dropout import Dropout
from nn.layers.linear import Linear
from nn.layers.reshaping import Flatten, Identity

__all__ = [
    "ACTIVATIONS",
    "MLP",
    "Dropout",
    "Flatten",
    "Identity",
    "Linear",
    "LogSoftmax",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "activation",
]
