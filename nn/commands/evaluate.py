"""`python -m nn evaluate RUN`: a trained network on the test images."""

from __future__ import annotations

import json
from argparse import Namespace

import numpy as np

from nn.commands.measuring import measure
from nn.commands.preparing import prepared
from nn.commands.runs import Run
from nn.commands.tables import table


def evaluate(arguments: Namespace) -> None:
    """Print the test loss, the test accuracy, and how well each class is recognised."""
    run = Run.open(arguments.run)
    model = run.load_model()
    _, test = run.load_data()
    measured = measure(model, prepared(test, run.scaling, run.settings.model))
    predicted = measured.probabilities.argmax(axis=1)
    counts = np.bincount(test.targets, minlength=len(run.classes)).tolist()
    right = np.bincount(test.targets[predicted == test.targets], minlength=len(counts)).tolist()
    if arguments.json:
        report = {
            "run": str(run.folder),
            "dataset": run.settings.dataset,
            "test_accuracy": measured.accuracy,
            "test_loss": measured.loss,
            "images": len(test),
            "class_accuracy": {
                name: k / n for name, k, n in zip(run.classes, right, counts, strict=True) if n
            },
        }
        print(json.dumps(report, indent=2, ensure_ascii=False))
        return
    print(test.source)
    print(
        f"test accuracy {measured.accuracy:.2%}, test loss {measured.loss:.4f}: "
        f"{len(test) - sum(right):,} of {len(test):,} images are wrong"
    )
    rows = [("class", "right", "of")]
    for name, k, n in zip(run.classes, right, counts, strict=True):
        rows.append((name, f"{k:,}", f"{n:,}"))
    print(table(rows, ">>>"))
