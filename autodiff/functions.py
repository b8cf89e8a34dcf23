"""Functions that networks are made of and NumPy lacks."""

from autodiff.rules.network.activations import elu, gelu, leaky_relu, normal_cdf
from autodiff.rules.network.affine import affine
from autodiff.rules.network.basic import relu, sigmoid, softplus, softsign
from autodiff.rules.network.binary import binary_cross_entropy, logistic_loss
from autodiff.rules.network.convolution import convolve, convolve_transpose
from autodiff.rules.network.embedding import embed
from autodiff.rules.network.normalizing import normalize
from autodiff.rules.network.pooling import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    max_pool,
)
from autodiff.rules.network.softmax import cross_entropy, log_softmax, logsumexp, softmax

__all__ = [
    "adaptive_avg_pool",
    "adaptive_max_pool",
    "affine",
    "avg_pool",
    "binary_cross_entropy",
    "convolve",
    "convolve_transpose",
    "cross_entropy",
    "elu",
    "embed",
    "gelu",
    "leaky_relu",
    "log_softmax",
    "logistic_loss",
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
