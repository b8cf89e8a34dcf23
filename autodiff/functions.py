"""Functions that networks are made of and NumPy lacks."""

from autodiff.rules.network import (
    cross_entropy,
    log_softmax,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
    softsign,
)

__all__ = [
    "cross_entropy",
    "log_softmax",
    "logsumexp",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
]
