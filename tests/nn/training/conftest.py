from collections.abc import Callable

import numpy as np
import pytest

import nn
from nn.training import Trainer


@pytest.fixture
def points() -> tuple[np.ndarray, np.ndarray]:
    """120 points in the plane, labelled by the side of a line on which they are."""
    rng = np.random.default_rng(1)
    inputs = rng.uniform(-1, 1, (120, 2)).astype(np.float32)
    return inputs, (inputs[:, 0] > inputs[:, 1]).astype(np.int64)


@pytest.fixture
def make_trainer() -> Callable[..., Trainer]:
    """A function that builds the same small trainer again and again; settings may differ."""

    def make(*, lr=0.02, dropout=0.3, hidden=8, optimizer=nn.optim.Adam, **settings) -> Trainer:
        rng = np.random.default_rng(7)
        model = nn.MLP([2, hidden, 2], dropout=dropout, rng=rng)
        settings = {"metrics": ["accuracy"], "rng": rng} | settings
        return Trainer(
            model, nn.CrossEntropyLoss(), optimizer(model.parameters(), lr=lr), **settings
        )

    return make
