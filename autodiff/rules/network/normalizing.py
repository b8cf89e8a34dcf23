"""Normalising by mean and variance: what batch, layer and group normalisation have in common."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import primitive
from autodiff.engine.shapes import normalize_axes
from autodiff.engine.sums import row_sums

__all__ = ["normalize"]


def _mean(axis: Any, *factors: Any) -> Any:
    """The mean of a factor, or of the product of two, over `axis`, which keeps length 1.

    `einsum` needs a third of the time of `mean`, and no array for the product; for the last axis of
    arrays BLAS needs half of that.
    """
    shape = factors[0].shape
    if axis in (-1, (-1,)) and all(factor.__class__ is np.ndarray for factor in factors):
        total = row_sums(*factors) if len(factors) == 1 else np.vecdot(*factors)[..., None]
        total /= shape[-1]
        return total
    letters = "abcdefghijklmnopqrstuvwxyz"[: len(shape)]
    axes = normalize_axes(axis, len(shape))
    kept = "".join(letter for at, letter in enumerate(letters) if at not in axes)
    total: Any = np.einsum(f"{','.join([letters] * len(factors))}->{kept}", *factors)
    sides = [1 if at in axes else side for at, side in enumerate(shape)]
    return np.reshape(total, sides) / math.prod(shape[at] for at in axes)


def _normalize_rule(g: Any, y: Any, axis: Any, eps: float) -> Any:
    normal_g, mean_g, variance_g = g
    normal, _, variance = y
    if normal.dtype != variance.dtype:
        normal = normal.astype(variance.dtype)
        normal_g = None if normal_g is None else normal_g.astype(variance.dtype)
    axes = normalize_axes(axis, normal.ndim)
    count = max(1, math.prod(normal.shape[at] for at in axes))  # of none: nothing to share
    total = 0
    if normal_g is not None:
        total = normal_g - _mean(axis, normal_g)
        total -= normal * _mean(axis, normal_g, normal)
        total *= 1 / np.sqrt(variance + eps)
    if mean_g is not None:
        total = total + mean_g / count
    if variance_g is not None:
        total = total + normal * (variance_g * np.sqrt(variance + eps) * (2 / count))
    return total


def _normalized(d: Draw) -> Call:
    x = d.distinct(d.shape(min_dims=1, min_side=2))
    return (x,), {"axis": d.choice((-1, 0, tuple(range(x.ndim)))), "eps": d.choice((1e-5, 0.1))}


@primitive(x=_normalize_rule, multiple=True, domain=cases(_normalized))
def normalize(x: Any, axis: Any = -1, eps: float = 1e-5) -> Any:
    """``(x - mean) / sqrt(variance + eps)``, the mean and the variance, over `axis`.

    The variance is that of all elements (their number is the divisor). Mean and variance keep the
    reduced axes with length 1; those of float16, in which 256 has no square, are float32.

    S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015, section 3.

    >>> normal, mean, variance = normalize(np.array([1.0, 2.0, 3.0]), eps=0.0)
    >>> normal.round(3), mean, variance.round(3)
    (array([-1.225,  0.   ,  1.225]), array([2.]), array([0.667]))
    """
    x = np.asarray(x)
    short = x.dtype if x.dtype == np.float16 else None
    x = x if short is None else x.astype(np.float32)
    mean = _mean(axis, x)
    normal = x - mean
    variance = _mean(axis, normal, normal)
    normal *= 1 / np.sqrt(variance + eps)
    return normal if short is None else normal.astype(short), mean, variance
