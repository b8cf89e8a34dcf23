"""`python -m nn predict RUN PATH...`: what a trained network sees in images."""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from typing import Any

import numpy as np

from nn.commands.inputs import Picture, read_pictures
from nn.commands.preparing import network_input
from nn.commands.runs import Run
from nn.commands.tables import table
from nn.errors import DataError
from nn.functional import softmax
from nn.training.evaluation import predict as outputs_of


def predict(arguments: Namespace) -> None:
    """Print the class of each image and its probability.

    Images that cannot be used are named at the end; raises DataError if there are any.
    """
    run = Run.open(arguments.run)
    model = run.load_model()
    pictures, errors = read_pictures(arguments.paths, run.image_shape, run.drawing)
    if pictures:
        images = np.stack([picture.pixels for picture in pictures])
        outputs = outputs_of(model, network_input(run.scaling, run.settings.model)(images))
        show = _as_json if arguments.json else _as_table
        print(show(pictures, softmax(outputs), run.classes), flush=True)
    if len(errors) > 1:
        for error in errors:
            print(error, file=sys.stderr)
        raise DataError(f"{len(errors)} of the files or folders were left out; see above")
    if errors:
        raise errors[0]


def _as_table(pictures: list[Picture], probabilities: np.ndarray, classes: tuple[str, ...]) -> str:
    rows = [("path", "class", "probability")]
    for picture, p in zip(pictures, probabilities, strict=True):
        rows.append((str(picture), classes[p.argmax()], f"{p.max():.2%}"))
    return table(rows, "<>>")


def _as_json(pictures: list[Picture], probabilities: np.ndarray, classes: tuple[str, ...]) -> str:
    rows: list[dict[str, Any]] = []
    for picture, p in zip(pictures, probabilities, strict=True):
        row: dict[str, Any] = {"path": str(picture.path)}
        if picture.index is not None:
            row["index"] = picture.index
        row["class"] = classes[p.argmax()]
        row["probability"] = float(p.max())
        row["probabilities"] = dict(zip(classes, p.astype(float).tolist(), strict=True))
        rows.append(row)
    return json.dumps(rows, indent=2, ensure_ascii=False)
