"""Samples in memory: an array of inputs and an array of targets."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from nn.data.splitting import counts_of, deal
from nn.errors import DataError
from nn.random import as_generator

Split = Literal["train", "test"]
Index = int | slice | Sequence[int] | np.ndarray


class Dataset:
    """`n` inputs with their `n` targets.

    inputs: (n, ...) array. targets: (n, ...) array; integer labels for classification.
    name: what the data set is called in messages and reports.
    classes: the names of the classes; integer targets must then lie in `range(len(classes))`.
    image_shape: how one input is shaped as an image, (height, width) or (channels, height, width),
        when the inputs are images, laid out flat or not.
    source: a sentence that says where the data came from.

    The arrays are shared, not copied. Raises DataError when they do not fit together.

    >>> data = Dataset([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0], name="xor")
    >>> data
    Dataset 'xor': 4 samples, inputs (2,) int64, targets () int64
    >>> inputs, targets = data[1:3]
    >>> targets
    array([1, 1])
    """

    def __init__(
        self,
        inputs: ArrayLike,
        targets: ArrayLike,
        *,
        name: str = "",
        classes: Sequence[str] = (),
        image_shape: Sequence[int] | None = None,
        source: str = "",
    ):
        self.name = name
        self.classes = tuple(classes)
        self.image_shape = None if image_shape is None else tuple(image_shape)
        self.source = source
        self.inputs = self._as_array("inputs", inputs)  # (n, ...)
        self.targets = self._as_array("targets", targets)  # (n, ...)
        if len(self.inputs) != len(self.targets):
            raise DataError(
                f"{self._label}: {len(self.inputs)} inputs but {len(self.targets)} targets; "
                "give one target for each input"
            )
        if self.image_shape is not None:
            self._check_image_shape(self.image_shape)
        if self.classes and self.targets.dtype.kind in "iu":
            check_labels(self.targets, len(self.classes), self._label)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: Index) -> tuple[np.ndarray, np.ndarray]:
        """The inputs and the targets at a position, a slice, or an array of positions or bools."""
        return self.inputs[index], self.targets[index]

    def __repr__(self) -> str:
        parts = [
            f"{len(self)} samples",
            f"inputs {self.inputs.shape[1:]} {self.inputs.dtype}",
            f"targets {self.targets.shape[1:]} {self.targets.dtype}",
        ]
        if self.classes:
            parts.append(f"{len(self.classes)} classes")
        return f"Dataset{f' {self.name!r}' if self.name else ''}: {', '.join(parts)}"

    def subset(self, index: slice | Sequence[int] | np.ndarray) -> "Dataset":
        """A Dataset of the samples at `index`, with the same name, classes and source.

        >>> Dataset(np.eye(3), [0, 1, 2]).subset([2, 0]).targets
        array([2, 0])
        """
        inputs, targets = self[index]
        return Dataset(
            inputs,
            targets,
            name=self.name,
            classes=self.classes,
            image_shape=self.image_shape,
            source=self.source,
        )

    def split(
        self,
        *sizes: float,
        rng: np.random.Generator | None = None,
        groups: ArrayLike | None = None,
        stratify: bool = False,
    ) -> "tuple[Dataset, ...]":
        """Deal all samples at random into parts of the given sizes.

        sizes: numbers of samples, which add up to that of the data set, or shares of it (floats),
            which add up to 1. rng: by default nn's own generator.
        groups: (n,) integers; samples with the same one are dealt to the same part, so that what
            is measured on one part is not known from another. `nn.data.duplicates(data.inputs)`
            keeps copies of an input together. The parts may then be larger or smaller than asked
            for, by less than the largest group.
        stratify: give every part the same share of each class, as nearly as possible. Targets must
            be labels, (n,).

        >>> data = Dataset(np.eye(5), np.arange(5))
        >>> train, validation = data.split(3, 2, rng=np.random.default_rng(0))
        >>> len(train), sorted([*train.targets.tolist(), *validation.targets.tolist()])
        (3, [0, 1, 2, 3, 4])
        >>> [len(part) for part in data.split(0.8, 0.2)]
        [4, 1]
        """
        rng = as_generator(rng, "split")
        counts = counts_of(sizes, len(self))
        if counts is None:
            raise DataError(
                f"{self._label}: cannot split {len(self)} samples into parts of {sizes}; give "
                f"sizes that add up to {len(self)} or shares, such as 0.8 and 0.2, that add up to "
                "1, or take a subset first"
            )
        groups = None if groups is None else self._as_array("groups", groups)
        for kind, array in (("groups", groups), ("targets", self.targets if stratify else None)):
            if array is not None and (array.shape != (len(self),) or array.dtype.kind not in "iub"):
                raise DataError(
                    f"{self._label}: cannot split by {kind} of shape {array.shape} and dtype "
                    f"{array.dtype}; give one integer for each of the {len(self)} samples"
                )
        labels = self.targets if stratify else None
        parts = deal(counts, rng, groups=groups, labels=labels)
        return tuple(self.subset(part) for part in parts)

    def check_finite(self) -> None:
        """Raise DataError that names the first NaN or infinity among the inputs and targets.

        >>> Dataset([[1.0, np.nan]], [0], name="toy").check_finite()
        Traceback (most recent call last):
        ...
        nn.errors.DataError: toy: inputs[0, 1] is nan (1 of 2 values is not finite); \
remove or replace such values, for example with np.nan_to_num
        """
        for kind, array in (("inputs", self.inputs), ("targets", self.targets)):
            finite = np.isfinite(array)
            if finite.all():
                continue
            position = tuple(int(i) for i in np.unravel_index(np.argmin(finite), array.shape))
            bad = finite.size - np.count_nonzero(finite)
            raise DataError(
                f"{self._label}: {kind}[{', '.join(map(str, position))}] is {array[position]} "
                f"({bad} of {finite.size} values {'is' if bad == 1 else 'are'} not finite); "
                "remove or replace such values, for example with np.nan_to_num"
            )

    @property
    def _label(self) -> str:
        return self.name or "Dataset"

    def _as_array(self, kind: str, values: ArrayLike) -> np.ndarray:
        try:
            array = np.asarray(values)
        except ValueError as error:  # ragged nested lists
            raise DataError(
                f"{self._label}: the {kind} do not form an array; give every sample the same shape"
            ) from error
        if array.ndim == 0:
            raise DataError(
                f"{self._label}: the {kind} are a single value; give an array with one row for "
                "each sample"
            )
        if array.dtype.kind not in "biufc":
            raise DataError(
                f"{self._label}: the {kind} have dtype {array.dtype}; convert them to numbers"
            )
        return array

    def _check_image_shape(self, image_shape: tuple[int, ...]) -> None:
        values = math.prod(self.inputs.shape[1:])
        if math.prod(image_shape) != values:
            raise DataError(
                f"{self._label}: an image of shape {image_shape} has {math.prod(image_shape)} "
                f"values, but one input has {values}; give the shape that the inputs have as images"
            )


def check_labels(labels: np.ndarray, classes: int, where: object) -> None:
    """Raise DataError, naming the place, if an integer label is not in `range(classes)`.

    >>> check_labels(np.array([3, 10]), 10, "labels.idx")
    Traceback (most recent call last):
    ...
    nn.errors.DataError: labels.idx: label 1 is 10, but there are 10 classes, 0 to 9; \
correct the label or the number of classes
    """
    outside = (labels < 0) | (labels >= classes)
    if outside.any():
        first = np.unravel_index(np.argmax(outside), labels.shape)
        raise DataError(
            f"{where}: label {', '.join(map(str, first))} is {labels[first]}, "
            f"but there are {classes} classes, 0 to {classes - 1}; "
            "correct the label or the number of classes"
        )


def check_split(split: str, caller: str) -> None:
    """Raise ValueError, naming the caller, if there is no such split."""
    if split not in ("train", "test"):
        raise ValueError(f'{caller}: unknown split {split!r}; choose "train" or "test"')
