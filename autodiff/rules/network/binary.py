"""Cross-entropies of predictions of yes or no: of logits, and of probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.domains import between, positive, real
from autodiff.declare.primitive import primitive
from autodiff.rules.network.basic import sigmoid, softplus

__all__ = ["binary_cross_entropy", "logistic_loss"]

_LEAST = -100.0  # what a logarithm is at least


@primitive(
    logits=lambda g, logits, yes, no: g * (no * sigmoid(logits) - yes * sigmoid(-logits)),
    yes=lambda g, logits: g * softplus(-logits),
    no=lambda g, logits: g * softplus(logits),
    singular=True,
    domain=(real, positive, positive),
    points=[(0.0, 1.0, 0.0), (-30.0, 1.0, 0.0), (30.0, 0.3, 0.7)],
)
def logistic_loss(logits: Any, yes: Any, no: Any) -> Any:
    """``-yes * log(p) - no * log(1 - p)`` for ``p = sigmoid(logits)``, with all of its digits.

    Arguments:
        logits: real numbers, infinite ones too.
        yes, no: weights of the two answers, not negative; they broadcast with `logits`.

    >>> logistic_loss(np.array([-30.0, 30.0, np.inf]), np.array([1.0, 1.0, 1.0]), 0.0)
    array([3.00000000e+01, 9.35762297e-14, 0.00000000e+00])
    """
    size = np.abs(logits)
    against = np.where(np.greater(logits, 0), no, yes)
    # All terms are positive, so none is lost; a weight of 0 is not multiplied by infinity.
    return (yes + no) * softplus(-size) + against * np.where(against == 0, 0, size)


def _floor(p: Any) -> tuple[Any, Any]:
    """`p` and ``1 - p``, at least the smallest number and half a step: slopes stay finite."""
    limits = np.finfo(p.dtype)
    return np.maximum(p, limits.tiny), np.maximum(1 - p, limits.eps / 2)


def _probability_rule(g: Any, p: Any, targets: Any) -> Any:
    yes, no = _floor(p)
    return g * ((1 - targets) / no - targets / yes)


def _target_rule(g: Any, p: Any) -> Any:
    yes, no = (np.maximum(np.log(part), _LEAST) for part in _floor(p))
    return g * (no - yes)


@primitive(p=_probability_rule, targets=_target_rule, singular=True, domain=between(0, 1))
def binary_cross_entropy(p: Any, targets: Any) -> Any:
    """``-targets * log(p) - (1 - targets) * log(1 - p)``, the logarithms at least -100.

    The slope is not cut off with them: that of a saturated probability takes it back.

    >>> binary_cross_entropy(np.array([0.5, 0.0]), np.array([1.0, 1.0]))
    array([  0.69314718, 100.        ])
    """
    with np.errstate(divide="ignore"):
        yes, no = np.maximum(np.log(p), _LEAST), np.maximum(np.log1p(-p), _LEAST)
    return -(targets * yes + (1 - targets) * no)
