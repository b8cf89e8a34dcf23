"""Trainer: the training loop, written once."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from nn import random
from nn.data import DataLoader
from nn.data.loader import Samples
from nn.errors import UserError
from nn.module import Module
from nn.optim import Optimizer
from nn.training import generators
from nn.training.callbacks import Callback
from nn.training.checkpoints import CheckpointError, load_checkpoint, restore
from nn.training.evaluation import (
    EVALUATION_BATCH,
    Loss,
    LossError,
    TrainingError,
    evaluate,
    mean_loss,
    number_of,
    predict,
)
from nn.training.history import Epoch, History
from nn.training.metrics import Means, Metric, resolve
from nn.training.progress import ProgressBar
from nn.training.schedules import Schedule
from nn.training.steps import Steps

__all__ = ["Data", "Trainer"]

# What a Trainer takes as data: a data set, a pair of arrays (inputs, targets), or ready batches.
Data = Samples | tuple[ArrayLike, ArrayLike] | DataLoader


class Trainer:
    """Trains a model, measures it, and can continue where a checkpoint left off.

    model: any Module. loss: a function of (outputs, targets) that returns a scalar Tensor.
    optimizer: it must hold the model's parameters.
    metrics: names (see `nn.training.METRICS`) or functions of two arrays, (outputs, targets), that
        return the mean over the batch.
    callbacks: see `nn.training.Callback`; they are called in this order.
    schedule: changes the learning rate from batch to batch; see `nn.training.schedules`.
    clip_norm: the norm of all gradients together that no step exceeds; None for no limit.
    accumulate: how many batches make a step, as if they were one batch.
    rng: draws the order of the samples; by default nn's own generator.

    While `fit` runs, callbacks find here: `history`, `epoch` (from 1), `last_epoch`, `batch` (from
    1), `batches` (of one epoch), `means` (of this epoch so far), `stop_reason`.

    >>> import nn
    >>> rng = np.random.default_rng(0)
    >>> model = nn.MLP([2, 8, 2], rng=rng)
    >>> trainer = Trainer(model, nn.CrossEntropyLoss(), nn.optim.Adam(model.parameters(), lr=0.05),
    ...                   metrics=["accuracy"], rng=rng)
    >>> points = rng.uniform(-1, 1, (200, 2)).astype(np.float32)
    >>> data = points, (points[:, 0] > points[:, 1]).astype(int)
    >>> history = trainer.fit(data, epochs=5, batch_size=20, progress=False)
    >>> len(history), trainer.evaluate(data)["accuracy"] > 0.9
    (5, True)
    """

    def __init__(
        self,
        model: Module,
        loss: Loss,
        optimizer: Optimizer,
        *,
        metrics: Iterable[str | Metric] = (),
        callbacks: Iterable[Callback] = (),
        schedule: Schedule | None = None,
        clip_norm: float | None = None,
        accumulate: int = 1,
        rng: np.random.Generator | None = None,
    ) -> None:
        _check_parts(model, loss, optimizer)
        self.model = model
        self.loss = loss
        self.optimizer = optimizer
        self.metrics = resolve(metrics)
        self.callbacks = list(callbacks)
        self.schedule = schedule
        self.steps = Steps(clip_norm, accumulate)
        self.rng = random.as_generator(rng, "Trainer")
        self.history = History()
        self.means = Means(self.metrics)
        self.epoch = self.first_epoch = self.last_epoch = 0
        self.batch = self.batches = 0
        self.stop_reason: str | None = None
        self._rate = optimizer.lr  # without the schedule
        self._generators: list[np.random.Generator] = []

    def fit(
        self,
        train: Data,
        validation: Data | None = None,
        *,
        epochs: int = 1,
        batch_size: int = 64,
        shuffle: bool = True,
        resume: str | os.PathLike[str] | None = None,
        progress: bool = True,
    ) -> History:
        """Train for `epochs` more epochs; returns the history of all epochs so far.

        batch_size, shuffle: for the training data; a DataLoader goes by its own settings.
        resume: a checkpoint, or the folder of a `Checkpoint`. The call that wrote it is continued
            as if it had never been interrupted: the weights become the same to the last bit, if
            the trainer was built in the same way. `epochs` counts from the start of that call.
        progress: show a progress bar; not needed with a `ProgressBar` among the callbacks.

        Raises TrainingError when the loss becomes NaN or infinite. Warns (UserWarning) when the
        optimizer holds none of the model's parameters, so that nothing would be learned.
        """
        self._check_optimizer()
        loader = _batches(train, batch_size, shuffle=shuffle, rng=self.rng)
        held_out = None if validation is None else _batches(validation, EVALUATION_BATCH)
        self._generators = generators.find_generators(
            self.rng, random.default_rng(), loader, held_out, self.model
        )
        self.batches = len(loader)
        self.stop_reason = None
        self._rate = self.optimizer.lr
        self.epoch = self.first_epoch = len(self.history)
        if resume is not None:
            self._resume(Path(resume))
        self.last_epoch = self.first_epoch + epochs
        callbacks = list(self.callbacks)
        if progress and not any(isinstance(callback, ProgressBar) for callback in callbacks):
            callbacks.append(ProgressBar())
        try:
            for callback in callbacks:
                callback.on_fit_start(self)
            while self.epoch < self.last_epoch and self.stop_reason is None:
                self.epoch += 1
                for callback in callbacks:
                    callback.on_epoch_start(self)
                seconds = self._train_epoch(loader, callbacks)
                measured = self._validate(held_out)
                self.history.epochs.append(
                    Epoch(
                        self.epoch,
                        self.means.values(),
                        measured,
                        seconds,
                        self.means.samples,
                        self.optimizer.lr,
                    )
                )
                for callback in callbacks:
                    callback.on_epoch_end(self)
        finally:
            if self.schedule is not None:
                self.optimizer.lr = self._rate
            for callback in callbacks:
                callback.on_fit_end(self)
        return self.history

    def evaluate(self, data: Data, *, batch_size: int = EVALUATION_BATCH) -> dict[str, float]:
        """The means of the loss and the metrics over `data`, in evaluation mode."""
        return evaluate(self.model, self.loss, _batches(data, batch_size), self.metrics)

    def predict(self, inputs: ArrayLike, *, batch_size: int = EVALUATION_BATCH) -> np.ndarray:
        """The model's outputs (n, ...) for inputs (n, ...), in evaluation mode."""
        return predict(self.model, inputs, batch_size)

    def stop(self, reason: str) -> None:
        """End the training after this epoch; for callbacks. `reason` is shown to the user."""
        self.stop_reason = reason

    def state_dict(self) -> dict[str, Any]:
        """All that a checkpoint holds: see `fit(resume=)`."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generators": generators.states(self._generators),
            "history": self.history.to_json(),
            "first_epoch": self.first_epoch,
            "learning_rate": self._rate,
        }

    def _check_optimizer(self) -> None:
        own = {id(parameter) for parameter in self.model.parameters()}
        if own and not any(id(parameter) in own for parameter in self.optimizer.parameters):
            warnings.warn(
                f"Trainer: the optimizer holds none of the model's {len(own)} parameters, so "
                "it learns nothing; make the optimizer of model.parameters()",
                UserWarning,
                stacklevel=3,
            )

    def _check_gradients(self) -> None:
        """Raise LossError if a loss in the graph of something else left all weights alone."""
        own = {id(parameter) for parameter in self.model.parameters()}
        trains = any(id(parameter) in own for parameter in self.optimizer.parameters)
        if trains and not self.optimizer.has_gradients:
            raise LossError(
                "the loss does not depend on any of the parameters that the optimizer holds; "
                "compute it from the outputs of the model"
            )

    def _resume(self, path: Path) -> None:
        path = path / "last.safetensors" if path.is_dir() else path
        state = load_checkpoint(path)
        missing = self.state_dict().keys() - state.keys()
        if missing:
            raise CheckpointError(
                f"{path}: no checkpoint of a training, it lacks {', '.join(sorted(missing))}; "
                "give one that the Checkpoint callback wrote"
            )
        restore(self.model, state["model"], path)
        restore(self.optimizer, state["optimizer"], path)
        try:
            generators.set_states(self._generators, state["generators"])
        except ValueError as error:
            raise CheckpointError(f"{path}: {error}") from error
        self.history = History.from_json(state["history"])
        self.epoch = len(self.history)
        self.first_epoch = state["first_epoch"]
        self._rate = state["learning_rate"]

    def _train_epoch(self, loader: DataLoader, callbacks: list[Callback]) -> float:
        """Go through the batches once; returns the seconds that it took."""
        # looked up once, since at batch size 1 every microsecond counts
        model, loss_function, optimizer = self.model, self.loss, self.optimizer
        schedule, means = self.schedule, Means(self.metrics)
        take, summed = self.steps.take, getattr(self.loss, "reduction", "mean") == "sum"
        self.steps.reset()
        watchers = [c.on_batch_end for c in callbacks if _overrides(c, Callback.on_batch_end)]
        done = (self.epoch - 1 - self.first_epoch) * self.batches  # batches before this epoch
        total = (self.last_epoch - self.first_epoch) * self.batches
        self.means = means
        model.train()
        start = time.perf_counter()
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            for batch, (inputs, targets) in enumerate(loader):
                if schedule is not None:
                    optimizer.lr = self._rate * schedule((done + batch) / total)
                self.batch = batch + 1
                outputs = model(inputs)
                loss = loss_function(outputs, targets)
                value = number_of(loss, trains=True)
                if not math.isfinite(value):
                    raise TrainingError(self._explain(value, inputs))
                take(optimizer, loss, len(targets), summed, self.batch == self.batches)
                if not batch:
                    self._check_gradients()
                means.add(mean_loss(loss_function, value, len(targets)), outputs.data, targets)
                for watch in watchers:
                    watch(self)
        return time.perf_counter() - start

    def _validate(self, loader: DataLoader | None) -> dict[str, float]:
        if loader is None:
            return {}
        try:
            return evaluate(self.model, self.loss, loader, self.metrics)
        except TrainingError as error:
            raise TrainingError(
                f"validation after epoch {self.epoch}: the loss is not a finite number; lower the "
                f"learning rate ({self._rate:g}), or check the validation data with "
                "data.check_finite()"
            ) from error

    def _explain(self, loss: float, inputs: np.ndarray) -> str:
        """What to do about a loss that is not finite."""
        message = f"epoch {self.epoch}, batch {self.batch}: the loss is {loss}; "
        bad = np.size(inputs) - np.count_nonzero(np.isfinite(inputs))
        if bad:
            return (
                f"{message}{bad} of the {np.size(inputs)} values in the inputs of this batch are "
                "NaN or infinite, so remove or replace them (data.check_finite() names the first)"
            )
        return (
            f"{message}lower the learning rate ({self._rate:g}), or scale the inputs, whose "
            f"largest value here is {np.abs(inputs).max():g}"
        )


def _check_parts(model: Any, loss: Any, optimizer: Any) -> None:
    """Raise UserError or LossError unless these are what a Trainer is made of."""
    if isinstance(loss, type) or not callable(loss):
        raise LossError(
            f"Trainer: the loss is {loss!r}; give a function of outputs and targets, such as "
            "nn.MSELoss()"
        )
    if not isinstance(model, Module):
        raise UserError(
            f"Trainer: the model is {model!r}; give an nn.Module, such as nn.MLP([2, 2])"
        )
    if not isinstance(optimizer, Optimizer):
        raise UserError(
            f"Trainer: the optimizer is {optimizer!r}; give one of the model's parameters, such as "
            "nn.optim.SGD(model.parameters(), lr=0.1)"
        )


def _batches(
    data: Data, batch_size: int, *, shuffle: bool = False, rng: np.random.Generator | None = None
) -> DataLoader:
    if isinstance(data, DataLoader):
        return data
    if not hasattr(data, "__getitem__"):
        raise UserError(
            f"Trainer: the data are of type {type(data).__name__}; give a Dataset, a DataLoader, "
            "or a pair of arrays (inputs, targets)"
        )
    return DataLoader(data, batch_size, shuffle=shuffle, rng=rng)


def _overrides(callback: Callback, method: Any) -> bool:
    return getattr(type(callback), method.__name__) is not method
