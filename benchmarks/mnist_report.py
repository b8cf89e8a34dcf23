"""The speed of a student report's training on MNIST, against NumPy by hand.

    python -m benchmarks.mnist_report

The report trains 784-512-64-10 with ReLU, softmax and cross-entropy on one image at a time, by
plain SGD. It states 1,040 images/s in training and 24,000 images/s in inference. That it reaches
97.56 % on the test images, and what that depends on, is the subject of notebooks/1-mnist.ipynb.

The speed is that of the whole training loop of `nn.Trainer`, measured in alternation with a
program that does the same by hand: the loop with shuffling, loss, accuracy, gradients and update.
It is measured in two spellings, with `np.matmul` (what `@` is) and with `np.dot`, since NumPy
multiplies a column by a row many times faster with the latter; the report has the latter. All
begin with the report's weights and compute in float32 on one BLAS thread (OPENBLAS_NUM_THREADS=1,
unless it is set already).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import median

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported

import numpy as np

import nn
from nn.data import Dataset
from nn.errors import DataError

SIZES = (784, 512, 64, 10)
LR = 1e-4
STD = 0.01  # of the weights at the start; biases are 0
Product = Callable[[np.ndarray, np.ndarray], np.ndarray]
Speed = tuple[float, float]  # images per second, and per second that the processor worked
OURS = "autodiff"
BY_HAND: dict[str, Product] = {"by hand, matmul": np.matmul, "by hand, dot": np.dot}
TRAINING, INFERENCE = "training, one at a time, images/s", "inference, 500 at once, images/s"
FIGURES = Path(__file__).parents[1] / "notebooks" / "figures.json"


class Layer:
    """A fully connected layer as one writes it by hand: images are columns.

    weights: (outputs, inputs). bias: (outputs, 1).
    """

    def __init__(
        self, inputs: int, outputs: int, product: Product, rng: np.random.Generator
    ) -> None:
        self.product = product
        self.weights = rng.normal(0, STD, (outputs, inputs)).astype(np.float32)
        self.bias = np.zeros((outputs, 1), np.float32)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.x = x
        return self.product(self.weights, x) + self.bias

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        self.weights_gradient = self.product(gradient, self.x.T)
        self.bias_gradient = gradient
        return self.product(self.weights.T, gradient)

    def update(self, lr: np.float32) -> None:
        self.weights = self.weights - lr * self.weights_gradient
        self.bias = self.bias - lr * self.bias_gradient


class ReLU:
    def forward(self, x: np.ndarray) -> np.ndarray:
        self.positive = x > 0
        return x * self.positive

    def backward(self, gradient: np.ndarray) -> np.ndarray:
        return gradient * self.positive


class ByHand:
    """The report's program: every layer with a backward of its own, one image at a time."""

    def __init__(self, product: Product, rng: np.random.Generator) -> None:
        self.first, self.second, self.third = (
            Layer(inputs, outputs, product, rng) for inputs, outputs in pairwise(SIZES)
        )
        self.relu1, self.relu2 = ReLU(), ReLU()
        self.rng = rng

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The probabilities (10, 1) of an image (784, 1)."""
        hidden = self.relu1.forward(self.first.forward(x))
        hidden = self.relu2.forward(self.second.forward(hidden))
        scores = self.third.forward(hidden)
        exponentials = np.exp(scores - np.max(scores))
        return exponentials / np.sum(exponentials)

    def train(self, images: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """One epoch over images (n, 784) and labels (n,); returns the mean loss and accuracy."""
        loss, right, lr = 0.0, 0, np.float32(LR)
        for index in self.rng.permutation(len(images)):
            x = images[index].reshape(784, 1)
            label = labels[index]
            probabilities = self.forward(x)
            loss -= np.log(probabilities[label, 0])
            right += np.argmax(probabilities) == label
            target = np.zeros((10, 1), np.float32)
            target[label] = 1
            gradient = self.third.backward(probabilities - target)
            gradient = self.second.backward(self.relu2.backward(gradient))
            self.first.backward(self.relu1.backward(gradient))
            self.first.update(lr)
            self.second.update(lr)
            self.third.update(lr)
        return loss / len(images), right / len(images)


def make_trainer(rng: np.random.Generator) -> nn.Trainer:
    """The report's network and its training with `nn`."""
    model = nn.MLP(
        SIZES, weight_init=partial(nn.init.normal, std=STD), bias_init=nn.init.zeros, rng=rng
    )
    optimizer = nn.optim.SGD(model.parameters(), lr=LR)
    return nn.Trainer(model, nn.CrossEntropyLoss(), optimizer, metrics=["accuracy"], rng=rng)


def load() -> tuple[Dataset, Dataset]:
    """Training and test images with pixels from 0 to 255."""
    train, test = nn.data.load("mnist")
    for data in (train, test):
        data.inputs = data.inputs * np.float32(255)
    return train, test


def stated(what: str) -> str:
    """A figure of the report."""
    rows = json.loads(FIGURES.read_text(encoding="utf-8"))["1-mnist"]
    return next(row["report"] for row in rows if row["what"] == what)


def measure(train: Dataset, rounds: int, images: int, seed: int) -> dict[str, list[Speed]]:
    """The speeds of all programs, round by round; each trains on `images` images per round.

    They take turns, in an order that is reversed after every round; the first round is to warm up.
    """
    trainer = make_trainer(np.random.default_rng(seed))
    programs: dict[str, Callable[[Dataset], object]] = {
        OURS: lambda part: trainer.fit(part, batch_size=1, progress=False)
    }
    for name, product in BY_HAND.items():
        by_hand = ByHand(product, np.random.default_rng(seed))
        programs[name] = lambda part, train=by_hand.train: train(part.inputs, part.targets)
    speeds: dict[str, list[Speed]] = {name: [] for name in programs}
    for number in range(rounds + 1):
        start = number * images % (len(train) - images)
        part = train.subset(slice(start, start + images))
        for name in reversed(programs) if number % 2 else programs:
            wall, cpu = time.perf_counter(), time.process_time()
            programs[name](part)
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            speeds[name].append((images / wall, images / cpu))
    return {name: measured[1:] for name, measured in speeds.items()}


def compare(speeds: dict[str, list[Speed]]) -> dict[str, dict[str, float]]:
    """The median speed of each program, and the ratios of ours to it, taken in each round."""
    result = {}
    for name, measured in speeds.items():
        pairs = list(zip(speeds[OURS], measured, strict=True))
        wall, cpu = ([ours[i] / theirs[i] for ours, theirs in pairs] for i in (0, 1))
        result[name] = {
            "images_per_second": median(speed for speed, _ in measured),
            "ratio": median(wall),
            "ratio_smallest": min(wall),
            "ratio_largest": max(wall),
            "cpu_ratio": median(cpu),
        }
    return result


def infer(trainer: nn.Trainer, test: Dataset) -> float:
    """Images per second when the test images are classified, 500 at once."""
    start = time.perf_counter()
    trainer.predict(test.inputs)
    return len(test) / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.mnist_report")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--images", type=int, default=1000, help="in each round")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path, help="write the numbers to this file too")
    options = parser.parse_args()
    try:
        train, test = load()
    except DataError as error:
        sys.exit(f"error: {error}")
    print(train.source)

    speeds = compare(measure(train, options.rounds, options.images, options.seed))
    print(
        "training, one image at a time   images/s   ours is faster by (rounds; by processor time)"
    )
    for name, row in speeds.items():
        print(
            f"{name:<30}{row['images_per_second']:>10,.0f}   {row['ratio']:.2f} "
            f"({row['ratio_smallest']:.2f} to {row['ratio_largest']:.2f}; {row['cpu_ratio']:.2f})"
        )
    print(f"{'the report':<30}{stated(TRAINING):>10}")

    inference = infer(make_trainer(np.random.default_rng(options.seed)), test)
    reported = stated(INFERENCE)
    print(f"inference: {inference:,.0f} images/s; the report: {reported}")
    if options.json:
        result = {
            "speed": speeds,
            "inference_images_per_second": inference,
            "threads": os.environ["OPENBLAS_NUM_THREADS"],
            "versions": {"python": platform.python_version(), "numpy": np.__version__},
        }
        options.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
