"""How good a network is on test images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

import nn
from nn.data import DataLoader
from nn.functional import softmax
from nn.training.evaluation import predict as outputs_of
from nn.training.evaluation import value_of
from nn.training.metrics import accuracy


@dataclass(frozen=True)
class Measurement:
    """What a network made of test images: probabilities (n, classes), and the means over them."""

    probabilities: np.ndarray
    loss: float
    accuracy: float


def measure(model: nn.Module, test: DataLoader) -> Measurement:
    """Measure a network on all images of a loader, which prepares them."""
    batches = [(outputs_of(model, inputs), targets) for inputs, targets in test]
    outputs, targets = (np.concatenate(arrays) for arrays in zip(*batches, strict=True))
    loss = value_of(nn.CrossEntropyLoss()(outputs, targets)).item()
    return Measurement(softmax(outputs), loss, accuracy(outputs, targets))
