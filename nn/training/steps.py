"""What one batch does to the weights: a backward pass and a step, or a part of a step."""

from __future__ import annotations

from typing import Any

import numpy as np

from nn.optim import Optimizer, clip_grad_norm
from nn.optim.clipping import scale_grad


class Steps:
    """Steps of an optimizer, each after `accumulate` batches, with gradients of a limited norm.

    clip_norm: the largest norm of all gradients together (see `nn.optim.clip_grad_norm`), or None.
    accumulate: how many batches make a step. Its gradient is that of one batch with all of their
        samples, so several small batches do what one large one would, in less memory.

    Raises ValueError for settings that make no sense.
    """

    def __init__(self, clip_norm: float | None, accumulate: int) -> None:
        if clip_norm is not None and not clip_norm > 0:
            raise ValueError(f"Trainer: clip_norm is {clip_norm}; give a positive number, or None")
        if not isinstance(accumulate, int | np.integer) or accumulate < 1:
            raise ValueError(
                f"Trainer: accumulate is {accumulate!r}; give a number of batches of at least 1"
            )
        self.clip_norm = clip_norm
        self.accumulate = accumulate
        self._batches = self._samples = 0  # since the last step

    def reset(self) -> None:
        """Begin with no batches, as every epoch does."""
        self._batches = self._samples = 0

    def take(self, optimizer: Optimizer, loss: Any, samples: int, summed: bool, last: bool) -> None:
        """Go back from the loss of a batch, and change the weights if it completes a step.

        samples: of the batch. summed: the loss is their sum, not their mean. last: of the epoch,
            so there is a step even if it has fewer batches than the others.
        """
        if self.accumulate == 1:
            optimizer.zero_grad()
            loss.backward()
        elif not self._add(optimizer, loss, samples, summed, last):
            return
        if self.clip_norm is not None:
            clip_grad_norm(optimizer.parameters, self.clip_norm)
        optimizer.step()

    def _add(self, optimizer: Optimizer, loss: Any, samples: int, summed: bool, last: bool) -> bool:
        """Add the gradients of a batch to those before; whether they are complete."""
        if not self._batches:
            optimizer.zero_grad()
        weight = 1 if summed else samples  # a mean counts as often as it has samples
        loss.backward(np.full(loss.shape, weight, loss.dtype))
        self._batches += 1
        self._samples += weight
        if self._batches < self.accumulate and not last:
            return False
        if not summed:
            scale_grad(optimizer.parameters, 1 / self._samples)
        self.reset()
        return True
