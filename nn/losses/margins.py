"""Losses that ask for a margin: between classes, and between what belongs together and what not."""

from typing import Any

import numpy as np

import autodiff as ad
from nn.arrays import floats, numbers
from nn.data.dataset import check_labels
from nn.losses.common import (
    Loss,
    Reduction,
    TargetError,
    check_same_shape,
    matched,
    reduce,
)

__all__ = [
    "CosineEmbeddingLoss",
    "HingeLoss",
    "MultiHingeLoss",
    "TripletMarginLoss",
    "cosine_embedding_loss",
    "cosine_similarity",
    "hinge_loss",
    "multi_hinge_loss",
    "triplet_margin_loss",
]


def hinge_loss(
    scores: Any, targets: Any, *, margin: float = 1.0, reduction: Reduction = "mean"
) -> Any:
    """max(0, margin - target * score), for targets of -1 and 1, as in a support vector machine.

    scores, targets: the same shape, any. Raises TargetError if they differ, or for other targets.

    >>> hinge_loss(np.array([2.0, 0.5]), np.array([1, -1]), reduction="none")
    array([0. , 1.5])
    """
    scores, targets = matched(scores, targets, "hinge_loss")
    signs = _signs(targets, scores, "hinge_loss")
    return reduce(ad.functions.relu(margin - signs * scores), reduction, "hinge_loss")


def multi_hinge_loss(
    scores: Any, labels: Any, *, margin: float = 1.0, p: int = 1, reduction: Reduction = "mean"
) -> Any:
    """How far each wrong class comes closer to the right one than `margin`, summed and divided by
    the number of classes: sum over i of max(0, margin - s[label] + s[i])^p / classes.

    scores: (rows, classes). labels: (rows,), whole numbers. p: 1 or 2.
    J. Weston, C. Watkins, "Support vector machines for multi-class pattern recognition", 1999.

    Raises TargetError for labels of another shape, nn.errors.DataError for one out of range.

    >>> float(multi_hinge_loss(np.array([[1.0, 0.5, 3.0]]), np.array([0])))
    1.1666666666666667
    """
    scores = floats(scores, "scores", "multi_hinge_loss")
    labels = numbers(labels, "labels", "multi_hinge_loss")
    labels = labels.numpy() if isinstance(labels, ad.Tensor) else labels
    shape = scores.shape
    if len(shape) != 2 or labels.shape != shape[:1] or labels.dtype.kind not in "iu":
        raise TargetError(
            f"multi_hinge_loss: scores have shape {shape} and labels {labels.shape} {labels.dtype};"
            " give scores (rows, classes) and one whole number for each row"
        )
    if p not in (1, 2):
        raise ValueError(f"multi_hinge_loss: p is {p}; give 1 or 2")
    check_labels(labels, shape[1], "multi_hinge_loss")
    rows = np.arange(shape[0])
    others = np.ones(shape, bool)
    others[rows, labels] = False
    gaps = ad.functions.relu(margin - scores[rows, labels][:, None] + scores)
    if p == 2:
        gaps = np.square(gaps)
    losses = np.sum(gaps * others.astype(gaps.dtype), axis=1) / shape[1]
    return reduce(losses, reduction, "multi_hinge_loss")


def cosine_similarity(first: Any, second: Any, *, axis: int = -1, eps: float = 1e-8) -> Any:
    """The cosine of the angle between vectors along `axis`; 0 if one of them is 0.

    Norms below `eps` count as `eps`.

    >>> cosine_similarity(np.array([[3.0, 0.0], [0.0, 0.0]]), np.array([1.0, 1.0])).round(3)
    array([0.707, 0.   ])
    """
    first = floats(first, "vectors", "cosine_similarity")
    second = floats(second, "vectors", "cosine_similarity")
    try:
        shape = np.broadcast_shapes(first.shape, second.shape)
    except ValueError:
        raise TargetError(
            f"cosine_similarity: vectors of shapes {first.shape} and {second.shape} do not "
            "broadcast; give as many of the one as of the other"
        ) from None
    first, second = (x if x.shape == shape else np.broadcast_to(x, shape) for x in (first, second))
    one, other = (_direction(x, axis, eps) for x in (first, second))
    return np.sum(one * other, axis=axis)


def _direction(x: Any, axis: int, eps: float) -> Any:
    """`x` divided by its length along `axis`, which is at least `eps` (and a number in float16)."""
    return x / np.maximum(_length(x, axis), max(eps, float(np.finfo(x.dtype).tiny)))


def _length(x: Any, axis: int, p: float = 2) -> Any:
    """The p-norm along `axis`, which stays with length 1; the powers of large numbers do not
    overflow, nor those of small ones vanish: they are taken of `x` divided by its largest element.
    """
    sizes = np.abs(x.detach().numpy() if isinstance(x, ad.Tensor) else x)
    largest = np.max(sizes, axis=axis, keepdims=True, initial=0)
    scale = np.where((largest > 0) & np.isfinite(largest), largest, 1).astype(largest.dtype)
    return scale * np.linalg.norm(x / scale, p, axis=axis, keepdims=True)


def cosine_embedding_loss(
    first: Any,
    second: Any,
    targets: Any,
    *,
    margin: float = 0.0,
    reduction: Reduction = "mean",
) -> Any:
    """1 - cosine for pairs that belong together, max(0, cosine - margin) for those that do not.

    first, second: (..., dim). targets: (...), 1 or -1. Raises TargetError for other targets.

    >>> a, b = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [1.0, 0.0]])
    >>> cosine_embedding_loss(a, b, np.array([1, -1]), reduction="none")
    array([0., 1.])
    """
    cosine = cosine_similarity(first, second)
    targets = numbers(targets, "targets", "cosine_embedding_loss")
    check_same_shape(cosine, targets, "cosine_embedding_loss")
    together = _signs(targets, cosine, "cosine_embedding_loss") > 0
    losses = np.where(together, 1 - cosine, ad.functions.relu(cosine - margin))
    return reduce(losses, reduction, "cosine_embedding_loss")


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: Reduction = "mean",
) -> Any:
    """max(0, margin + |anchor - positive| - |anchor - negative|), in the p-norm.

    All three: (..., dim). eps is added to every difference, so that the norm has a slope. swap:
    take the distance of positive and negative where that is smaller than anchor and negative.

    F. Schroff et al., "FaceNet", CVPR 2015; V. Balntas et al., BMVC 2016 (swap).

    >>> a = np.zeros((1, 2))
    >>> round(float(triplet_margin_loss(a, a + [3, 4], a + [0, 5.5])), 3)
    0.5
    """
    anchor, positive = matched(anchor, positive, "triplet_margin_loss")
    anchor, negative = matched(anchor, negative, "triplet_margin_loss")
    near = _distance(anchor, positive, p, eps)
    far = _distance(anchor, negative, p, eps)
    if swap:
        far = np.minimum(far, _distance(positive, negative, p, eps))
    return reduce(ad.functions.relu(margin + near - far), reduction, "triplet_margin_loss")


def _distance(a: Any, b: Any, p: float, eps: float) -> Any:
    return _length(a - b + eps, -1, p)[..., 0]


def _signs(targets: Any, like: Any, caller: str) -> Any:
    """Targets of -1 and 1, in the dtype of `like`."""
    values = targets.numpy() if isinstance(targets, ad.Tensor) else np.asarray(targets)
    if not np.all(np.abs(values) == 1):
        wrong = values[np.abs(values) != 1].flat[0]
        hint = "; write 2 * targets - 1 for targets of 0 and 1" if wrong == 0 else ""
        raise TargetError(f"{caller}: a target is {wrong}; give -1 or 1{hint}")
    return values.astype(np.result_type(like))


class HingeLoss(Loss):
    """`hinge_loss` as a module: call it with scores, and targets of -1 and 1."""

    def __init__(self, reduction: Reduction = "mean", *, margin: float = 1.0) -> None:
        super().__init__(reduction)
        self.margin = margin

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"margin": self.margin}

    def forward(self, scores: Any, targets: Any) -> Any:
        return hinge_loss(scores, targets, **self.settings())


class MultiHingeLoss(Loss):
    """`multi_hinge_loss` as a module: call it with scores and labels."""

    def __init__(self, reduction: Reduction = "mean", *, margin: float = 1.0, p: int = 1) -> None:
        super().__init__(reduction)
        self.margin = margin
        self.p = p

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"margin": self.margin, "p": self.p}

    def forward(self, scores: Any, labels: Any) -> Any:
        return multi_hinge_loss(scores, labels, **self.settings())


class CosineEmbeddingLoss(Loss):
    """`cosine_embedding_loss` as a module: call it with pairs, and targets of -1 and 1."""

    def __init__(self, reduction: Reduction = "mean", *, margin: float = 0.0) -> None:
        super().__init__(reduction)
        self.margin = margin

    def settings(self) -> dict[str, Any]:
        return super().settings() | {"margin": self.margin}

    def forward(self, first: Any, second: Any, targets: Any) -> Any:
        return cosine_embedding_loss(first, second, targets, **self.settings())


class TripletMarginLoss(Loss):
    """`triplet_margin_loss` as a module: call it with anchors, positives and negatives."""

    def __init__(
        self,
        reduction: Reduction = "mean",
        *,
        margin: float = 1.0,
        p: float = 2.0,
        swap: bool = False,
    ) -> None:
        super().__init__(reduction)
        self.margin = margin
        self.p = p
        self.swap = swap

    def settings(self) -> dict[str, Any]:
        chosen = {"margin": self.margin, "p": self.p, "swap": self.swap}
        return super().settings() | chosen

    def forward(self, anchor: Any, positive: Any, negative: Any) -> Any:
        return triplet_margin_loss(anchor, positive, negative, **self.settings())
