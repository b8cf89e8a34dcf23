"""Functions that networks are made of and NumPy lacks."""

from autodiff.rules.activations import elu, gelu, leaky_relu, normal_cdf
from autodiff.rules.affine import affine
from autodiff.rules.binary import binary_cross_entropy, logistic_loss
from autodiff.rules.convolution import convolve, convolve_transpose
from autodiff.rules.embedding import embed
from autodiff.rules.network import relu, sigmoid, softplus, softsign
from autodiff.rules.normalizing import normalize
from autodiff.rules.pooling import (
    adaptive_avg_pool,
    adaptive_max_pool,
    avg_pool,
    max_pool,
)
from autodiff.rules.softmax import cross_entropy, log_softmax, logsumexp, softmax

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
