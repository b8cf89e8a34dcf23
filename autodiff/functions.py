"""Functions that networks are made of and NumPy lacks."""

from autodiff.rules.activations import elu, leaky_relu, normal_cdf
from autodiff.rules.convolution import convolve, convolve_transpose
from autodiff.rules.embedding import embed
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
from autodiff.rules.normalizing import normalize
from autodiff.rules.pooling import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    max_pool,
)

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "avg_pool",
    "convolve",
    "convolve_transpose",
    "cross_entropy",
    "elu",
    "embed",
    "leaky_relu",
    "log_softmax",
    "logsumexp",
    "max_pool",
    "normal_cdf",
    "normalize",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "softsign",
]
