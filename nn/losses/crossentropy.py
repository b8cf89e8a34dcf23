"""Losses of predicted probabilities: cross-entropies and the Kullback-Leibler divergence."""

from typing import Any

import numpy as np

import autodiff as ad
from nn.arrays import floats, numbers
from nn.data.dataset import check_labels
from nn.losses.common import Loss, Reduction, TargetError, matched, reduce

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "KLDivLoss",
    "NLLLoss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "kl_div",
    "nll_loss",
]


def cross_entropy(
    logits: Any,
    targets: Any,
    *,
    weight: Any = None,
    ignore_index: int | None = None,
    label_smoothing: float = 0.0,
    reduction: Reduction = "mean",
) -> Any:
    """The cross-entropy between `targets` and the softmax of `logits`, in nats.

    logits: (..., classes), any real numbers; stable for large ones.
    targets: either class indices (...), whole numbers from 0 to classes - 1; or (..., classes),
        one-hot rows or probabilities.
    weight: (classes,), a factor for the loss of each class.
    ignore_index: a label whose rows do not count; only with class indices.
    label_smoothing: the share of each target that is spread evenly over all classes.
    reduction: "mean" or "sum" over all rows, or "none" for the array (...) of their losses. With
        class indices, the mean is weighted: the sum is divided by the weights of the labels.

    Raises TargetError for targets of another shape or kind, nn.errors.DataError for a label out of
    range; the message names it.

    >>> cross_entropy(np.array([[1e4, 0.0], [0.0, 0.0]]), np.array([1, 0]), reduction="none")
    array([1.00000000e+04, 6.93147181e-01])
    >>> float(cross_entropy(np.zeros((2, 4)), np.full((2, 4), 0.25)))  # doctest: +ELLIPSIS
    1.3862943...
    """
    logits = floats(logits, "logits", "cross_entropy")
    targets = numbers(targets, "targets", "cross_entropy")
    shape = logits.shape
    plain = weight is None and ignore_index is None and not label_smoothing
    if targets.shape == shape[:-1] and targets.dtype.kind in "iu" and shape:
        labels = targets.numpy() if isinstance(targets, ad.Tensor) else targets
        if plain and reduction == "mean":
            return _mean_over_labels(logits, labels, shape)
        if not 0 <= label_smoothing <= 1:
            raise ValueError(f"cross_entropy: label_smoothing is {label_smoothing}; give 0 to 1")
        scores = ad.functions.log_softmax(logits)
        weights = _weights(weight, logits, "cross_entropy")
        losses, counts = _picked(scores, labels, weights, ignore_index, "cross_entropy")
        if label_smoothing:
            spread = np.mean(scores if weights is None else scores * weights, axis=-1)
            if ignore_index is not None:
                spread = np.where(labels == ignore_index, 0, spread)
            losses = (1 - label_smoothing) * losses - label_smoothing * spread
        return _weighted(losses, counts, reduction, "cross_entropy")
    if targets.shape != shape or not shape:
        raise TargetError(_explain_targets(shape, targets))
    if ignore_index is not None:
        raise TargetError("cross_entropy: ignore_index needs class indices, not probabilities")
    if label_smoothing:
        targets = targets * (1 - label_smoothing) + label_smoothing / shape[-1]
    logs = ad.functions.log_softmax(logits)
    products = targets * np.where(np.equal(targets, 0), 0, logs)  # -inf may be an impossible class
    if weight is not None:
        products = products * _weights(weight, logits, "cross_entropy")
    return reduce(-np.sum(products, axis=-1), reduction, "cross_entropy")


def nll_loss(
    log_probabilities: Any,
    labels: Any,
    *,
    weight: Any = None,
    ignore_index: int | None = None,
    reduction: Reduction = "mean",
) -> Any:
    """Minus the logarithm of the probability of each label; `cross_entropy` takes logits instead.

    log_probabilities: (..., classes), for example from `F.log_softmax`. labels: (...), whole
    numbers. weight, ignore_index, reduction, errors: as for `cross_entropy`.

    >>> float(nll_loss(np.log([[0.25, 0.75]]), np.array([1])))  # doctest: +ELLIPSIS
    0.2876820...
    """
    log_probabilities = floats(log_probabilities, "log_probabilities", "nll_loss")
    labels = numbers(labels, "labels", "nll_loss")
    labels = labels.numpy() if isinstance(labels, ad.Tensor) else labels
    shape = log_probabilities.shape
    if not shape or labels.shape != shape[:-1] or labels.dtype.kind not in "iu":
        raise TargetError(_explain_targets(shape, labels).replace("cross_entropy", "nll_loss", 1))
    weights = _weights(weight, log_probabilities, "nll_loss")
    losses, counts = _picked(log_probabilities, labels, weights, ignore_index, "nll_loss")
    return _weighted(losses, counts, reduction, "nll_loss")


def binary_cross_entropy_with_logits(
    logits: Any,
    targets: Any,
    *,
    weight: Any = None,
    pos_weight: Any = None,
    reduction: Reduction = "mean",
) -> Any:
    """The cross-entropy of yes-or-no predictions, from the logits of yes; stable for large ones.

    logits: any shape. targets: the same shape, probabilities from 0 to 1.
    weight: broadcast to this shape, a factor for each loss. pos_weight: the same, for the part of
    yes alone.

    Raises TargetError if the shapes differ.

    >>> logits, targets = np.array([-1e4, 0.0]), np.array([1.0, 1.0])
    >>> binary_cross_entropy_with_logits(logits, targets, reduction="none")
    array([1.00000000e+04, 6.93147181e-01])
    """
    caller = "binary_cross_entropy_with_logits"
    logits, targets = matched(logits, targets, caller)
    targets = _numbers(targets, logits)
    yes = targets if pos_weight is None else targets * _numbers(pos_weight, logits)
    losses = ad.functions.logistic_loss(logits, yes, 1 - targets)
    if weight is not None:
        losses = losses * _numbers(weight, logits)
    return reduce(losses, reduction, caller)


def binary_cross_entropy(
    probabilities: Any, targets: Any, *, weight: Any = None, reduction: Reduction = "mean"
) -> Any:
    """The cross-entropy of yes-or-no predictions, from the probabilities of yes.

    A logarithm below -100 counts as -100, so that 0 and 1 can be given; the slope stays that of
    the logarithm. Arguments, errors: as for `binary_cross_entropy_with_logits`, which is more
    precise: a probability near 1 has few digits of what is missing to 1.

    >>> probabilities, targets = np.array([0.5, 0.0]), np.array([1.0, 0.0])
    >>> float(binary_cross_entropy(probabilities, targets))  # doctest: +ELLIPSIS
    0.3465735...
    """
    probabilities, targets = matched(probabilities, targets, "binary_cross_entropy")
    targets = _numbers(targets, probabilities)
    losses = ad.functions.binary_cross_entropy(probabilities, targets)
    if weight is not None:
        losses = losses * _numbers(weight, probabilities)
    return reduce(losses, reduction, "binary_cross_entropy")


def kl_div(
    log_probabilities: Any,
    targets: Any,
    *,
    log_targets: bool = False,
    reduction: Reduction = "mean",
) -> Any:
    """The Kullback-Leibler divergence of `targets` from the predictions: t * (log t - prediction).

    log_probabilities: (n, ...). targets: the same shape, probabilities; log_targets: they are
    logarithms of these. reduction: "mean" is the sum divided by n, which is the mean divergence of
    rows (PyTorch's "batchmean"); "sum", or "none" for the array of all terms.

    Raises TargetError if the shapes differ.

    >>> float(kl_div(np.log([[0.5, 0.5]]), np.array([[1.0, 0.0]])))
    0.6931471805599453
    """
    log_probabilities, targets = matched(log_probabilities, targets, "kl_div")
    targets = _numbers(targets, log_probabilities)
    logs = targets if log_targets else np.log(np.where(targets > 0, targets, 1))
    shares = np.exp(targets) if log_targets else targets
    # What has no share does not count, -inf neither.
    losses = shares * np.where(shares == 0, 0, logs - log_probabilities)
    if reduction == "mean":
        rows = np.shape(losses)[0] if np.ndim(losses) else 1
        return np.sum(losses) / max(1, rows)
    return reduce(losses, reduction, "kl_div")


# ---------------------------------------------------------------- helpers


def _mean_over_labels(logits: Any, labels: np.ndarray, shape: tuple[int, ...]) -> Any:
    """The plain mean, as one operation."""
    rows = logits if len(shape) == 2 else np.reshape(logits, (labels.size, shape[-1]))
    try:
        return ad.functions.cross_entropy(rows, labels.ravel())
    except ad.errors.ShapeError:
        check_labels(labels, shape[-1], "cross_entropy")
        raise


def _picked(
    scores: Any, labels: np.ndarray, weights: Any, ignored: int | None, caller: str
) -> tuple[Any, Any]:
    """Minus the score of each label, times its weight; and these weights (1 is all of them)."""
    shape = scores.shape
    kept = None if ignored is None else labels != ignored
    safe = labels if kept is None else np.where(kept, labels, 0)
    # One pass: a negative label is a large number when read without its sign.
    if safe.size and safe.astype(np.uint64).max() >= shape[-1]:
        check_labels(safe, shape[-1], caller)
    rows = np.reshape(scores, (safe.size, shape[-1]))
    losses = -np.reshape(rows[np.arange(safe.size), safe.ravel()], shape[:-1])
    counts = None if weights is None else weights[safe]
    if kept is not None:
        counts = kept.astype(scores.dtype) if counts is None else counts * kept
        losses = np.where(kept, losses, 0)  # a product would keep a NaN of what is ignored
    return losses if weights is None else losses * weights[safe], counts


def _weighted(losses: Any, counts: Any, reduction: str, caller: str) -> Any:
    if counts is None or reduction != "mean":
        return reduce(losses, reduction, caller)
    total = np.sum(counts)
    return np.sum(losses) / np.where(total == 0, 1, total)


def _weights(weight: Any, scores: Any, caller: str) -> Any:
    """The weights of the classes, in the dtype of the scores."""
    if weight is None:
        return None
    weight, classes = _numbers(weight, scores), np.shape(scores)[-1]
    if weight.shape != (classes,):
        raise ValueError(
            f"{caller}: weight has shape {weight.shape}, but there are {classes} classes; give one "
            "number for each"
        )
    return weight


def _numbers(values: Any, like: Any) -> Any:
    """`values` in the dtype of `like`, so that constants do not widen it; a tensor as it is."""
    return values if isinstance(values, ad.Tensor) else np.asarray(values, np.result_type(like))


def _explain_targets(shape: tuple[int, ...], targets: Any) -> str:
    """Why `targets` do not go with logits of this shape, and what would."""
    said = f"cross_entropy: logits have shape {shape} and targets {targets.shape} {targets.dtype}; "
    if not shape:
        return said + "give logits of shape (rows, classes)"
    if targets.shape == shape[:-1]:
        return said + "class indices must be whole numbers, so write targets.astype(int)"
    if targets.shape == (*shape[:-1], 1):
        return said + "class indices have no axis of their own, so write targets[..., 0]"
    return said + f"give class indices of shape {shape[:-1]}, or a row of {shape[-1]} numbers each"


# ---------------------------------------------------------------- as modules


class _ClassLoss(Loss):
    """A loss of class indices: with weights, and with a label that does not count."""

    def __init__(
        self,
        reduction: Reduction = "mean",
        *,
        weight: Any = None,
        ignore_index: int | None = None,
    ) -> None:
        super().__init__(reduction)
        self.weight = weight
        self.ignore_index = ignore_index

    def settings(self) -> dict[str, Any]:
        chosen = {"weight": self.weight, "ignore_index": self.ignore_index}
        return super().settings() | {k: v for k, v in chosen.items() if v is not None}


class CrossEntropyLoss(_ClassLoss):
    """`cross_entropy` as a module: call it with logits and targets."""

    def __init__(
        self,
        reduction: Reduction = "mean",
        *,
        weight: Any = None,
        ignore_index: int | None = None,
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(reduction, weight=weight, ignore_index=ignore_index)
        self.label_smoothing = label_smoothing

    def settings(self) -> dict[str, Any]:
        chosen = {"label_smoothing": self.label_smoothing} if self.label_smoothing else {}
        return super().settings() | chosen

    def forward(self, logits: Any, targets: Any) -> Any:
        return cross_entropy(logits, targets, **self.settings())


class NLLLoss(_ClassLoss):
    """`nll_loss` as a module: call it with logarithms of probabilities, and labels."""

    def forward(self, log_probabilities: Any, labels: Any) -> Any:
        return nll_loss(log_probabilities, labels, **self.settings())


class BCEWithLogitsLoss(Loss):
    """`binary_cross_entropy_with_logits` as a module: call it with logits and probabilities."""

    def __init__(
        self, reduction: Reduction = "mean", *, weight: Any = None, pos_weight: Any = None
    ) -> None:
        super().__init__(reduction)
        self.weight = weight
        self.pos_weight = pos_weight

    def settings(self) -> dict[str, Any]:
        chosen = {"weight": self.weight, "pos_weight": self.pos_weight}
        return super().settings() | {k: v for k, v in chosen.items() if v is not None}

    def forward(self, logits: Any, targets: Any) -> Any:
        return binary_cross_entropy_with_logits(logits, targets, **self.settings())


class BCELoss(Loss):
    """`binary_cross_entropy` as a module: call it with probabilities of both kinds."""

    def __init__(self, reduction: Reduction = "mean", *, weight: Any = None) -> None:
        super().__init__(reduction)
        self.weight = weight

    def settings(self) -> dict[str, Any]:
        return super().settings() | ({} if self.weight is None else {"weight": self.weight})

    def forward(self, probabilities: Any, targets: Any) -> Any:
        return binary_cross_entropy(probabilities, targets, **self.settings())


class KLDivLoss(Loss):
    """`kl_div` as a module: call it with logarithms of probabilities, and probabilities."""

    def __init__(self, reduction: Reduction = "mean", *, log_targets: bool = False) -> None:
        super().__init__(reduction)
        self.log_targets = log_targets

    def settings(self) -> dict[str, Any]:
        return super().settings() | ({"log_targets": True} if self.log_targets else {})

    def forward(self, log_probabilities: Any, targets: Any) -> Any:
        return kl_div(log_probabilities, targets, **self.settings())
