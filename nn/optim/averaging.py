"""Averages of weights over the steps of a training."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from nn.module import Module, StateError

__all__ = ["EMA"]


class EMA:
    """The exponential moving average of a model's parameters, which often does better than these.

    Call `update` after every step of the optimizer:

        average = decay * average + (1 - decay) * value

    Buffers are copied as they are. `applied` puts the averages into the model for a while.

    decay: how much is kept, from 0 to below 1. warmup: let the decay rise with the number of
        updates t as (1 + t) / (10 + t), so that the first values do not stay for long.

    B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by averaging", 1992.

    >>> import nn
    >>> model = nn.Linear(1, 1, bias=False, weight_init=nn.init.zeros)
    >>> ema = EMA(model, decay=0.75)
    >>> model.weight.data = np.ones((1, 1), np.float32)
    >>> ema.update()
    >>> with ema.applied():
    ...     print(model.weight.item())
    0.25
    >>> model.weight.item()
    1.0
    """

    def __init__(self, model: Module, decay: float = 0.999, *, warmup: bool = False) -> None:
        if not 0 <= decay < 1:
            raise ValueError(f"EMA: decay is {decay}; give a number from 0 to below 1")
        self.model = model
        self.decay = decay
        self.warmup = warmup
        self.updates = 0
        self.averages = model.state_dict()

    def update(self) -> None:
        """Move the averages towards the model's present values."""
        kept = self.decay
        if self.warmup:
            kept = min(kept, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        state = self.model.state_dict()
        parameters = {name for name, _ in self.model.named_parameters()}
        for name, value in state.items():
            average = self.averages[name]
            moved = average + (1 - kept) * (value - average) if name in parameters else value
            self.averages[name] = moved

    @contextmanager
    def applied(self) -> Iterator[Module]:
        """Within, the model has the averages; after it, the values that it had before."""
        before = self.model.state_dict()
        self.model.load_state_dict(self.averages)
        try:
            yield self.model
        finally:
            self.model.load_state_dict(before)

    def state_dict(self) -> dict[str, Any]:
        """The number of updates, and copies of the averages."""
        averages = {name: value.copy() for name, value in self.averages.items()}
        return {"updates": self.updates, "averages": averages}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state from `state_dict`; raises StateError if it is of another model."""
        averages = {name: np.array(value) for name, value in state["averages"].items()}
        shapes = {name: value.shape for name, value in self.averages.items()}
        if {name: value.shape for name, value in averages.items()} != shapes:
            raise StateError("EMA: the state is that of another model; give the one it belongs to")
        self.updates = int(state["updates"])
        self.averages = averages
