"""Settings of the command that meet: pixels, augmentation, optimizers; folders of one's own."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nn.cli import main
from nn.commands.preparing import SCALES
from nn.optim import OPTIMIZERS


def accuracy(*flags, epochs=3):
    flags = ["--dataset", "digits", "--epochs", str(epochs), "--out", "r", *flags]
    assert main(["train", *flags]) == 0
    return json.loads(Path("r/metrics.json").read_text())["test_accuracy"]


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """They take longer than the training here."""
    for name in ("_draw_graph", "_draw_results"):
        monkeypatch.setattr(f"nn.commands.train.{name}", lambda *_: None)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimizer_learns_from_every_scale_at_its_own_rate(scale, optimizer):
    assert accuracy("--scale", scale, "--optimizer", optimizer) > 0.22


@pytest.mark.parametrize("augment", ["shift", "elastic", "shift,rotate,zoom"])
def test_pixels_that_hardly_vary_do_not_drown_the_rest(augment):
    assert accuracy("--scale", "pixel", "--augment", augment) > 0.6


def test_a_folder_of_images_is_trained_evaluated_and_predicted(capsys):
    rng = np.random.default_rng(0)
    for name, colour in (("sea", (20, 30, 200)), ("wood", (20, 180, 40))):
        Path("own", name).mkdir(parents=True)
        for index in range(20):
            pixels = np.clip(rng.normal(colour, 25, (20 + index, 30, 3)), 0, 255)
            Image.fromarray(pixels.astype(np.uint8)).save(f"own/{name}/{index}.png")
    flags = ["--image-size", "8", "--epochs", "20", "--model", "cnn", "--channels", "4"]
    assert main(["train", "--dataset", "own", *flags]) == 0
    assert "20 % of the images are kept for the test" in capsys.readouterr().out
    assert main(["evaluate", "runs/own-1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["test_accuracy"] == 1
    assert main(["predict", "runs/own-1", "own/wood", "--json"]) == 0
    assert {row["class"] for row in json.loads(capsys.readouterr().out)} == {"wood"}
    assert main(["train", "--resume", "runs/own-1", "--epochs", "21"]) == 0
