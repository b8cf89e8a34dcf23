"""Limits for gradients, between the backward pass and the step."""

from collections.abc import Iterable
from typing import Any

import numpy as np

import autodiff as ad

__all__ = ["clip_grad_norm", "clip_grad_value", "scale_grad"]


def clip_grad_norm(parameters: Iterable[ad.Tensor], limit: float, *, order: float = 2.0) -> float:
    """Scale all gradients down together if their common norm is larger than `limit`.

    order: of the norm; np.inf for the largest absolute value. Returns the norm before. Parameters
    without a gradient are passed over.

    R. Pascanu, T. Mikolov, Y. Bengio, "On the difficulty of training recurrent neural networks",
    ICML 2013, algorithm 1.

    >>> x = ad.tensor([3.0, 4.0], requires_grad=True)
    >>> np.sum(x * x / 2).backward()
    >>> clip_grad_norm([x], 1.0), x.grad.round(3)
    (5.0, array([0.6, 0.8]))
    """
    if not limit > 0:
        raise ValueError(f"clip_grad_norm: limit is {limit}; give a positive number")
    held = [p for p in _parameters(parameters, "clip_grad_norm") if p.grad is not None]
    norms = [np.linalg.norm(np.ravel(_array(p.grad)), order) for p in held]
    total = float(np.linalg.norm(np.array(norms, float), order)) if norms else 0.0
    if total > limit:
        for parameter in held:
            parameter.grad = parameter.grad * (limit / total)
    return total


def clip_grad_value(parameters: Iterable[ad.Tensor], limit: float) -> None:
    """Cut off every element of the gradients below -limit and above limit.

    >>> x = ad.tensor([3.0, 0.5], requires_grad=True)
    >>> np.sum(x * x / 2).backward()
    >>> clip_grad_value([x], 1.0)
    >>> x.grad
    array([1. , 0.5])
    """
    if not limit > 0:
        raise ValueError(f"clip_grad_value: limit is {limit}; give a positive number")
    for parameter in _parameters(parameters, "clip_grad_value"):
        if parameter.grad is not None:
            parameter.grad = np.clip(parameter.grad, -limit, limit)


def scale_grad(parameters: Iterable[ad.Tensor], factor: float) -> None:
    """Multiply all gradients by `factor`.

    >>> x = ad.tensor([3.0, 0.5], requires_grad=True)
    >>> np.sum(x * x / 2).backward()
    >>> scale_grad([x], 2.0)
    >>> x.grad
    array([6., 1.])
    """
    for parameter in _parameters(parameters, "scale_grad"):
        if parameter.grad is not None:
            parameter.grad = parameter.grad * factor


def _parameters(parameters: Any, caller: str) -> list[ad.Tensor]:
    """The parameters as a list; several gradients are read from each."""
    if isinstance(parameters, ad.Tensor):
        raise TypeError(f"{caller}: one tensor is given; put it into a list")
    if not isinstance(parameters, Iterable):
        raise TypeError(f"{caller}: write model.parameters(), not the model")
    return list(parameters)


def _array(gradient: Any) -> np.ndarray:
    return gradient.detach().numpy() if isinstance(gradient, ad.Tensor) else gradient
