"""`python -m nn train`: from a data set to a run folder."""

from __future__ import annotations

import copy
import platform
import sys
from argparse import Namespace
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import autodiff as ad
import nn
from nn.commands.divergence import Divergence, no_better_than_guessing
from nn.commands.measuring import Measurement, measure
from nn.commands.preparing import (
    SCALES,
    augmentation,
    fit_scaling,
    image_shape,
    network_input,
    pixels,
    prepared,
)
from nn.commands.runs import Run
from nn.commands.settings import FIELDS, Settings, UsageError
from nn.data import DataLoader, Dataset
from nn.data.transforms import Compose
from nn.errors import DataNotFoundError, UserError
from nn.extras import needs
from nn.training.callbacks import Callback, Checkpoint
from nn.training.checkpoints import load_checkpoint, restore, save_checkpoint
from nn.training.files import write_json
from nn.training.history import Epoch, History, show
from nn.training.schedules import SCHEDULES
from nn.training.trainer import Trainer

TRACED_IMAGES = 64  # the batch of the step that graph.svg shows
PREFETCHED = 2  # batches that are augmented in advance, on another processor


class Interrupted(UserError):
    """The user pressed Ctrl-C; the message says what is left."""


class _KeepSettings(Callback):
    """Writes the settings of a run once it is known that it can begin, or go on."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def on_fit_start(self, trainer: Trainer) -> None:
        self.run.write_config()


def train(arguments: Namespace) -> None:
    """Train a network as the command line says, and write its run folder."""
    # the parser leaves out what is not on the command line
    given = {name: value for name, value in vars(arguments).items() if name in FIELDS}
    resumed = Run.open(arguments.resume) if "resume" in arguments else None
    if resumed is None:
        data, test = _load(given)
        settings = Settings.choose(given, data)
    else:
        _check_resumed(arguments, given, resumed)
        settings = replace(resumed.settings, **given)
        data, test = resumed.load_data()
    print(data.source)
    data.check_finite()
    test.check_finite()

    rng = np.random.default_rng(settings.seed)
    part, validation = settings.split(data, rng)
    if settings.keep == "best" and validation is None:
        raise UsageError("--keep best needs images to choose by; write a larger --validation")
    scaling = fit_scaling(settings.scale, part) if resumed is None else resumed.scaling
    model = settings.make_model(image_shape(data), len(data.classes), rng)
    if resumed is None:
        run = Run.create(getattr(arguments, "out", None), settings, scaling, data)
    else:
        run = replace(resumed, settings=settings)  # written once the checkpoint is loaded
    print(_describe(run, model, part, validation))

    _draw_graph(run, model, part)
    trainer = Trainer(
        model,
        nn.CrossEntropyLoss(),
        settings.make_optimizer(model),
        metrics=["accuracy"],
        callbacks=[
            _KeepSettings(run),
            Checkpoint(run.folder),
            Divergence(part.targets, settings.lr),
        ],
        schedule=None if settings.schedule == "constant" else SCHEDULES[settings.schedule],
        rng=rng,
    )
    history = _fit(trainer, run, part, validation, rng, resumed=resumed is not None)
    kept = _keep(run, model, history)
    measured = measure(model, prepared(test, scaling, settings.model))
    save_checkpoint(run.weights, model.state_dict())
    write_json(run.folder / "metrics.json", _report(run, data, measured, history, kept))
    _draw_results(run, history, test, measured)
    said = f"{show('accuracy', measured.accuracy)}, {show('loss', measured.loss)}"
    print(
        f"test {said}, on {len(test):,} images the network has not seen (weights of epoch {kept})"
    )
    if warning := no_better_than_guessing(run.classes, test.targets, measured.accuracy):
        print(f"warning: {warning}", file=sys.stderr)
    print(f"{history.seconds:.1f} s of training, {history.samples_per_second:,.0f} images/s")
    print(f"written to {run.folder}: {', '.join(sorted(p.name for p in run.folder.iterdir()))}")


def _load(given: Mapping[str, Any]) -> tuple[Dataset, Dataset]:
    """The data to train on and to test on; digits if nobody asked for MNIST and it is nowhere."""
    try:
        return nn.data.load(given.get("dataset", "mnist"), size=given.get("image_size"))
    except DataNotFoundError as error:
        if "dataset" in given:
            raise
        data, test = nn.data.load("digits")
        print(f"{error}. Until then, scikit-learn's digits (8 x 8 pixels) are used instead.")
        return data, test


def _check_resumed(arguments: Namespace, given: dict[str, Any], run: Run) -> None:
    others = [name for name in (*given, "out") if name != "epochs" and name in arguments]
    if others:
        flags = ", ".join("--" + name.replace("_", "-") for name in others)
        raise UsageError(
            f"--resume takes all settings but --epochs from {arguments.resume}; leave out {flags}"
        )
    planned = run.settings.epochs
    if given.get("epochs", planned) < planned:
        raise UsageError(
            f"--epochs {given['epochs']}: {run.folder} was to have {planned} epochs, and a run "
            f"that is resumed keeps or raises their number; write --epochs {planned} or more, or "
            "train a new run"
        )


def _describe(run: Run, model: nn.Module, train: Dataset, validation: Dataset | None) -> str:
    s = run.settings
    numbers = sum(parameter.size for parameter in model.parameters())
    held = f", {len(validation):,} held out for validation" if validation else ""
    return (
        f"{s.describe_model()}, {numbers:,} parameters; {s.optimizer} with lr {s.lr:g} "
        f"({s.schedule}), batches of {s.batch_size}, epochs: {s.epochs}, seed {s.seed}\n"
        f"pixels: {SCALES[s.scale]}; augmentation: {', '.join(s.augment) or 'none'}\n"
        f"{len(train):,} images to train on{held}; run folder {run.folder}"
    )


def _draw_graph(run: Run, model: nn.Module, data: Dataset) -> None:
    """Draw the graph of one training step, with the gradients; the training does not notice."""
    inputs, labels = data[:TRACED_IMAGES]
    images = network_input(run.scaling, run.settings.model)(pixels(data)(inputs))
    model = copy.deepcopy(model)  # with its generators and its running means
    with ad.trace() as trace:
        loss = nn.CrossEntropyLoss()(model(images), labels)
        loss.backward()
    names = {"images": images, "labels": labels, "loss": loss, **dict(model.named_parameters())}
    try:
        ad.draw(trace, names=names).save(run.folder / "graph.svg")
    except ad.errors.AutodiffError as error:
        print(f"graph.svg is left out: {error}", file=sys.stderr)


def _fit(
    trainer: Trainer,
    run: Run,
    train: Dataset,
    validation: Dataset | None,
    rng: np.random.Generator,
    *,
    resumed: bool,
) -> History:
    s = run.settings
    resume: Path | None = None
    if resumed and run.checkpoint.exists():
        resume = run.checkpoint
    elif resumed:
        print("no epoch was finished, so the training starts from the beginning")
    changes = augmentation(s.augment, run.image_shape)
    transform = Compose(pixels(train), *changes, network_input(run.scaling, s.model))
    loader = DataLoader(
        train,
        s.batch_size,
        shuffle=True,
        rng=rng,
        transform=transform,
        prefetch=PREFETCHED if changes else 0,
    )
    held_out = prepared(validation, run.scaling, s.model) if validation else None
    try:
        return trainer.fit(loader, held_out, epochs=s.epochs, resume=resume)
    except KeyboardInterrupt as error:
        left = (
            f"the checkpoint after epoch {len(trainer.history)} is whole; "
            if run.checkpoint.exists()
            else "no epoch was finished, so there is no checkpoint yet; "
        )
        raise Interrupted(
            f"{run.folder}: interrupted in epoch {trainer.epoch} of {s.epochs}; {left}continue "
            f"with python -m nn train --resume {run.folder}"
        ) from error


def _keep(run: Run, model: nn.Module, history: History) -> int:
    """Give the model the weights that are kept; returns their epoch."""
    if run.settings.keep == "last":
        return len(history)
    restore(model, load_checkpoint(run.best)["model"], run.best)
    return history.best("loss").epoch


def _report(
    run: Run, data: Dataset, measured: Measurement, history: History, kept: int
) -> dict[str, Any]:
    """What metrics.json holds."""
    return {
        "dataset": data.name,
        "test_accuracy": measured.accuracy,
        "test_loss": measured.loss,
        "epochs": len(history),
        "kept_epoch": kept,
        "seconds": history.seconds,
        "images_per_second": history.samples_per_second,
        "history": [_flat(epoch) for epoch in history],
        "settings": asdict(run.settings),
        "data_source": data.source,
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "autodiff": ad.__version__,
        },
    }


def _flat(epoch: Epoch) -> dict[str, float]:
    return {
        "epoch": epoch.epoch,
        **epoch.train,
        **{f"validation_{name}": value for name, value in epoch.validation.items()},
        "seconds": epoch.seconds,
        "images_per_second": epoch.samples_per_second,
        "learning_rate": epoch.learning_rate,
    }


def _draw_results(run: Run, history: History, test: Dataset, measured: Measurement) -> None:
    with needs("matplotlib", "drawing curves.svg and predictions.png"):
        from nn import plots
    title = f"{test.name}: test accuracy {measured.accuracy:.2%}"
    plots.learning_curves(history, title=title).save(run.folder / "curves.svg")
    images = np.moveaxis(pixels(test)(test.inputs), 1, -1)  # (n, height, width, channels)
    if images.shape[-1] == 1:
        images = images[..., 0]
    rng = np.random.default_rng(run.settings.seed)  # some data sets come class after class
    picture = plots.predictions(images, test.targets, measured.probabilities, run.classes, rng=rng)
    picture.save(run.folder / "predictions.png")
