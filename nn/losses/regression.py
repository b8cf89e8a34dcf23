"""Losses of predicted numbers: squared, absolute, and in between."""

from typing import Any

import numpy as np

from nn.losses.common import Loss, Reduction, matched, reduce

__all__ = [
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "SmoothL1Loss",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "smooth_l1_loss",
]


def mse_loss(predictions: Any, targets: Any, *, reduction: Reduction = "mean") -> Any:
    """The squared differences of `predictions` and `targets`, averaged over all elements.

    Both have the same shape; nothing is broadcast, because (n, 1) against (n,) would silently
    compare each with all. reduction: "mean", "sum", or "none" for the array of squares.

    Raises TargetError if the shapes differ.

    >>> float(mse_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    predictions, targets = matched(predictions, targets, "mse_loss")
    return reduce(np.square(predictions - targets), reduction, "mse_loss")


def l1_loss(predictions: Any, targets: Any, *, reduction: Reduction = "mean") -> Any:
    """The absolute differences, averaged over all elements; otherwise as `mse_loss`.

    >>> float(l1_loss(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    1.0
    """
    predictions, targets = matched(predictions, targets, "l1_loss")
    return reduce(np.abs(predictions - targets), reduction, "l1_loss")


def huber_loss(
    predictions: Any, targets: Any, *, delta: float = 1.0, reduction: Reduction = "mean"
) -> Any:
    """Half the squared difference where it is below `delta`, and a straight line beyond.

    P. J. Huber, "Robust estimation of a location parameter", 1964. Otherwise as `mse_loss`.

    >>> huber_loss(np.array([0.5, 3.0]), np.array([0.0, 0.0]), reduction="none")
    array([0.125, 2.5  ])
    """
    if not delta > 0:
        raise ValueError(f"huber_loss: delta is {delta}; give a positive number")
    predictions, targets = matched(predictions, targets, "huber_loss")
    distance = np.abs(predictions - targets)
    near = np.minimum(distance, delta)
    return reduce(near * (distance - 0.5 * near), reduction, "huber_loss")


def smooth_l1_loss(
    predictions: Any, targets: Any, *, beta: float = 1.0, reduction: Reduction = "mean"
) -> Any:
    """`huber_loss` divided by where it becomes straight, so that its slope there is 1.

    >>> smooth_l1_loss(np.array([0.5, 3.0]), np.array([0.0, 0.0]), beta=2.0, reduction="none")
    array([0.0625, 2.    ])
    """
    if not beta > 0:
        raise ValueError(f"smooth_l1_loss: beta is {beta}; give a positive number")
    predictions, targets = matched(predictions, targets, "smooth_l1_loss")
    return huber_loss(predictions, targets, delta=beta, reduction=reduction) / beta


class MSELoss(Loss):
    """`mse_loss` as a module: call it with predictions and targets."""

    def forward(self, predictions: Any, targets: Any) -> Any:
        return mse_loss(predictions, targets, reduction=self.reduction)


class L1Loss(Loss):
    """`l1_loss` as a module: call it with predictions and targets."""

    def forward(self, predictions: Any, targets: Any) -> Any:
        return l1_loss(predictions, targets, reduction=self.reduction)


class HuberLoss(Loss):
    """`huber_loss` as a module: call it with predictions and targets."""

    def __init__(self, reduction: Reduction = "mean", *, delta: float = 1.0) -> None:
        super().__init__(reduction)
        self.delta = delta

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"delta": self.delta}

    def forward(self, predictions: Any, targets: Any) -> Any:
        return huber_loss(predictions, targets, **self.settings())


class SmoothL1Loss(Loss):
    """`smooth_l1_loss` as a module: call it with predictions and targets."""

    def __init__(self, reduction: Reduction = "mean", *, beta: float = 1.0) -> None:
        super().__init__(reduction)
        self.beta = beta

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"beta": self.beta}

    def forward(self, predictions: Any, targets: Any) -> Any:
        return smooth_l1_loss(predictions, targets, **self.settings())
