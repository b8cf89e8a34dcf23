"""`python -m nn predict RUN IMAGE...`: what a trained network sees in image files."""

from __future__ import annotations

import json
from argparse import Namespace

import numpy as np

from nn.commands.images import read_image
from nn.commands.runs import Run, RunError
from nn.functional import softmax
from nn.training.evaluation import predict as outputs_of


def predict(arguments: Namespace) -> None:
    """Print the class of each image and its probability."""
    run = Run.open(arguments.run)
    model = run.load_model()
    if len(run.image_shape) != 2:
        raise RunError(
            f"{run.folder}: the network was trained on images of shape {run.image_shape}, but "
            "predict reads grey images; use the network from Python"
        )
    height, width = run.image_shape
    images = np.stack([read_image(path, (height, width), run.drawing) for path in arguments.images])
    inputs = run.scaling(images.reshape(len(images), -1))
    probabilities = softmax(outputs_of(model, inputs))  # (n, classes)
    best = probabilities.argmax(axis=1)
    if arguments.json:
        rows = [
            {
                "path": str(path),
                "class": run.classes[index],
                "probability": float(p[index]),
                "probabilities": dict(zip(run.classes, p.astype(float).tolist(), strict=True)),
            }
            for path, index, p in zip(arguments.images, best, probabilities, strict=True)
        ]
        print(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    wide = max(4, *(len(str(path)) for path in arguments.images))
    print(f"{'path':<{wide}}  class  probability")
    for path, index, p in zip(arguments.images, best, probabilities, strict=True):
        print(f"{path!s:<{wide}}  {run.classes[index]:>5}  {p[index]:>11.2%}")
