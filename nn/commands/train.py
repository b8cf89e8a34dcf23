"""`python -m nn train`: from a data set to a run folder."""

from __future__ import annotations

import platform
import sys
from argparse import Namespace
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import autodiff as ad
import nn
from nn.commands.runs import Run
from nn.commands.settings import Scaling, Settings, UsageError
from nn.data import Dataset
from nn.errors import DataNotFoundError, UserError
from nn.functional import softmax
from nn.training.callbacks import Checkpoint
from nn.training.checkpoints import save_checkpoint
from nn.training.extras import needs
from nn.training.files import write_json
from nn.training.history import Epoch, History, show
from nn.training.schedules import SCHEDULES
from nn.training.trainer import Trainer

TRACED_IMAGES = 64  # the batch of the step that graph.svg shows


class Interrupted(UserError):
    """The user pressed Ctrl-C; the message says what is left."""


def train(arguments: Namespace) -> None:
    """Train a network as the command line says, and write its run folder."""
    # the parser leaves out what is not on the command line
    given = {name: value for name, value in vars(arguments).items() if name in _SETTINGS}
    resumed = Run.open(arguments.resume) if "resume" in arguments else None
    if resumed is None:
        settings = Settings(**given)
        data, test, settings = _load(settings, explicit="dataset" in given)
    else:
        _check_resumed(arguments, given)
        settings = replace(resumed.settings, **given)
        data, test = nn.data.load(settings.dataset)
    settings = settings.complete(data)
    print(data.source)
    data.check_finite()
    test.check_finite()

    rng = np.random.default_rng(settings.seed)
    part, validation = settings.split(data, rng)
    scaling = Scaling.fit(settings.scale, part.inputs) if resumed is None else resumed.scaling
    part, test = scaling.apply(part), scaling.apply(test)
    validation = scaling.apply(validation) if validation else None
    model = settings.make_model(rng)
    if resumed is None:
        run = Run.create(getattr(arguments, "out", None), settings, scaling, data)
    else:
        run = replace(resumed, settings=settings)
        run.write_config()
    print(_describe(run, model, part, validation))

    _draw_graph(run, model, part)
    trainer = Trainer(
        model,
        nn.CrossEntropyLoss(),
        settings.make_optimizer(model),
        metrics=["accuracy"],
        callbacks=[Checkpoint(run.folder)],
        schedule=None if settings.schedule == "constant" else SCHEDULES[settings.schedule],
        rng=rng,
    )
    history = _fit(trainer, run, part, validation, resumed=resumed is not None)
    measured = trainer.evaluate(test)
    save_checkpoint(run.weights, model.state_dict())
    write_json(run.folder / "metrics.json", _report(run, data, measured, history))
    _draw_results(run, trainer, test, measured)
    said = ", ".join(show(name, value) for name, value in reversed(measured.items()))
    print(f"test {said}, on {len(test):,} images the network has not seen")
    print(f"{history.seconds:.1f} s of training, {history.samples_per_second:,.0f} images/s")
    print(f"written to {run.folder}: {', '.join(sorted(p.name for p in run.folder.iterdir()))}")


_SETTINGS = frozenset(Settings.__dataclass_fields__)


def _load(settings: Settings, *, explicit: bool) -> tuple[Dataset, Dataset, Settings]:
    """The data to train on and to test on; digits if nobody asked for MNIST and it is nowhere."""
    try:
        return *nn.data.load(settings.dataset), settings
    except DataNotFoundError as error:
        if explicit:
            raise
        settings = replace(settings, dataset="digits")
        data, test = nn.data.load("digits")
        print(f"{error}. Until then, scikit-learn's digits (8 x 8 pixels) are used instead.")
        return data, test, settings


def _check_resumed(arguments: Namespace, given: dict[str, Any]) -> None:
    others = [name for name in (*given, "out") if name != "epochs" and name in arguments]
    if others:
        flags = ", ".join("--" + name.replace("_", "-") for name in others)
        raise UsageError(
            f"--resume takes all settings but --epochs from {arguments.resume}; leave out {flags}"
        )


def _describe(run: Run, model: nn.MLP, train: Dataset, validation: Dataset | None) -> str:
    s = run.settings
    numbers = sum(parameter.size for parameter in model.parameters())
    held = f", {len(validation):,} held out for validation" if validation else ""
    layers = "-".join(map(str, model.sizes))
    return (
        f"{layers} with {s.activation}, {numbers:,} parameters; {s.optimizer} with lr {s.lr:g} "
        f"({s.schedule}), batches of {s.batch_size}, epochs: {s.epochs}, seed {s.seed}\n"
        f"{len(train):,} images to train on{held}; run folder {run.folder}"
    )


def _draw_graph(run: Run, model: nn.MLP, data: Dataset) -> None:
    """Draw the graph of one training step, with the gradients."""
    images, labels = data[:TRACED_IMAGES]
    with ad.trace() as trace:
        loss = nn.CrossEntropyLoss()(model(images), labels)
        loss.backward()
    names = {"images": images, "labels": labels, "loss": loss, **dict(model.named_parameters())}
    try:
        ad.draw(trace, names=names).save(run.folder / "graph.svg")
    except ad.errors.AutodiffError as error:
        print(f"graph.svg is left out: {error}", file=sys.stderr)


def _fit(
    trainer: Trainer, run: Run, train: Dataset, validation: Dataset | None, *, resumed: bool
) -> History:
    s = run.settings
    assert s.epochs is not None
    resume: Path | None = None
    if resumed and run.checkpoint.exists():
        resume = run.checkpoint
    elif resumed:
        print("no epoch was finished, so the training starts from the beginning")
    try:
        return trainer.fit(
            train, validation, epochs=s.epochs, batch_size=s.batch_size, resume=resume
        )
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


def _report(
    run: Run, data: Dataset, measured: dict[str, float], history: History
) -> dict[str, Any]:
    """What metrics.json holds."""
    return {
        "dataset": run.settings.dataset,
        "test_accuracy": measured["accuracy"],
        "test_loss": measured["loss"],
        "epochs": len(history),
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


def _draw_results(run: Run, trainer: Trainer, test: Dataset, measured: dict[str, float]) -> None:
    with needs("matplotlib", "drawing curves.svg and predictions.png"):
        from nn import plots
    title = f"{run.settings.dataset}: test accuracy {measured['accuracy']:.2%}"
    plots.learning_curves(trainer.history, title=title).save(run.folder / "curves.svg")
    probabilities = softmax(trainer.predict(test.inputs))
    # images from 0 to 1, whatever the network is given
    pixels = test.inputs / np.float32(run.scaling.factor) + np.float32(run.scaling.shift)
    images = pixels.reshape(-1, *run.image_shape)
    picture = plots.predictions(images, test.targets, probabilities, run.classes)
    picture.save(run.folder / "predictions.png")
