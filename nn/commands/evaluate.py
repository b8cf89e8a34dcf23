"""`python -m nn evaluate RUN`: a trained network on the test images."""

from __future__ import annotations

import json
from argparse import Namespace

import numpy as np

import nn
from nn.commands.runs import Run
from nn.functional import softmax
from nn.training.evaluation import evaluate as measure
from nn.training.evaluation import predict
from nn.training.metrics import METRICS


def evaluate(arguments: Namespace) -> None:
    """Print the test loss, the test accuracy, and how well each class is recognised."""
    run = Run.open(arguments.run)
    model = run.load_model()
    _, test = nn.data.load(run.settings.dataset)
    test = run.scaling.apply(test)
    loader = nn.data.DataLoader(test, batch_size=500)
    measured = measure(model, nn.CrossEntropyLoss(), loader, {"accuracy": METRICS["accuracy"]})
    predicted = softmax(predict(model, test.inputs)).argmax(axis=1)
    right = {
        name: int(np.count_nonzero(predicted[test.targets == index] == index))
        for index, name in enumerate(run.classes)
    }
    counts = np.bincount(test.targets, minlength=len(run.classes)).tolist()
    if arguments.json:
        report = {
            "run": str(run.folder),
            "dataset": run.settings.dataset,
            "test_accuracy": measured["accuracy"],
            "test_loss": measured["loss"],
            "images": len(test),
            "class_accuracy": {
                name: right[name] / n for name, n in zip(run.classes, counts, strict=True) if n
            },
        }
        print(json.dumps(report, indent=2))
        return
    print(test.source)
    print(
        f"test accuracy {measured['accuracy']:.2%}, test loss {measured['loss']:.4f}: "
        f"{len(test) - sum(right.values()):,} of {len(test):,} images are wrong"
    )
    print("class  right      of")
    for name, n in zip(run.classes, counts, strict=True):
        print(f"{name:>5}{right[name]:>7,}{n:>8,}")
