"""scikit-learn's MLPClassifier: one call of partial_fit is one step on the batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier

from benchmarks import data


def mlp(batch: int, optimizer: str) -> Callable[[], Any]:
    images, labels = data.batch_of_images(batch)
    model = MLPClassifier(
        hidden_layer_sizes=(512, 64),
        solver=optimizer,
        alpha=0.0,
        batch_size=batch,
        learning_rate_init=data.SGD_RATE if optimizer == "sgd" else data.ADAM_RATE,
        momentum=0.0,
        nesterovs_momentum=False,
        shuffle=False,
    )
    model.partial_fit(images, labels, classes=np.arange(10))
    for index, parameter in enumerate(data.mlp_parameters()):
        (model.intercepts_ if index % 2 else model.coefs_)[index // 2][...] = parameter

    def step() -> Any:
        model.partial_fit(images, labels)
        return model.loss_

    return step
