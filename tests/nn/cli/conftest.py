"""What the tests of the command line share: a folder to work in, a finished run."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nn.data
from nn.cli import main


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working folder, no MNIST, no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTODIFF_DATA", raising=False)
    monkeypatch.setenv("AUTODIFF_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> Path:
    """A finished run on the digits; not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    flags = ["--epochs", "10", "--layers", "64-32-10", "--lr", "0.01", "--dropout", "0"]
    assert main(["train", "--dataset", "digits", *flags, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def run(trained, tmp_path) -> Path:
    """A copy of a finished run, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def fails(capsys):
    """A function that runs a command which must fail, and gives the one sentence of the error."""

    def run(*arguments: object, status: int = 1) -> str:
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == status
        *_, last = capsys.readouterr().err.splitlines()
        assert last.startswith("error: ")
        assert "Traceback" not in last
        return last.removeprefix("error: ")

    return run


@pytest.fixture
def digits_image():
    """A function that writes a test image of the digits as a file, and returns its class."""

    def write(path: Path, index: int, *, size: int = 8, invert: bool = False) -> int:
        test = nn.data.digits("test")
        pixels = np.rint(test.inputs[index].reshape(8, 8) * 255).astype(np.uint8)
        image = Image.fromarray(255 - pixels if invert else pixels)
        image.resize((size, size), Image.Resampling.BICUBIC).save(path)
        return int(test.targets[index])

    return write
