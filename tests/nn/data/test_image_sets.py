"""CIFAR-10 and the twelve Chinese characters, in small, and whole where the files are there."""

import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nn.data
from nn.errors import DataError, DataNotFoundError

REAL_DATA = os.environ.get("AUTODIFF_DATA", "")
CIFAR10 = [
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
]  # fmt: skip
HANZI12 = tuple("博学笃志切问近思自由无用")


def bmp(ink: np.ndarray) -> bytes:
    """A BMP file of one bit per pixel, black where there is ink."""
    file = io.BytesIO()
    Image.fromarray(~ink).convert("1").save(file, "bmp")
    return file.getvalue()


def write_cifar(folder: Path, classes=CIFAR10, size=(32, 32)) -> None:
    with zipfile.ZipFile(folder / "cifar10-jpeg.zip", "w") as archive:
        for split, number in (("train", 3), ("test", 1)):
            for label, name in enumerate(classes):
                for i in range(number):
                    file = io.BytesIO()
                    Image.new("RGB", size, (20 * label, 0, 250)).save(file, "jpeg")
                    archive.writestr(f"{split}/{name}/{i:04d}.jpg", file.getvalue())


def write_hanzi(folder: Path, images: np.ndarray) -> None:
    """images: (12, n, h, w) bool, where there is ink."""
    with zipfile.ZipFile(folder / "hanzi12-train.zip", "w") as archive:
        for label, ones in enumerate(images, start=1):
            for number, ink in enumerate(ones, start=1):
                archive.writestr(f"train/{label}/{number}.bmp", bmp(ink))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("AUTODIFF_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def characters() -> np.ndarray:
    """(12, 20, 28, 28) bool; four in each class are copies of others in it."""
    images = np.random.default_rng(0).random((12, 20, 28, 28)) < 0.1
    images[:, 15:19] = images[:, 3:7]
    return images


def test_cifar10_has_colour_photographs_of_ten_classes(folder):
    write_cifar(folder)
    train, test = nn.data.load("cifar10")
    assert (train.inputs.shape, test.inputs.shape) == ((30, 3, 32, 32), (10, 3, 32, 32))
    assert train.inputs.dtype == np.uint8
    assert train.classes == test.classes == tuple(CIFAR10)
    assert train.targets.tolist() == np.repeat(np.arange(10), 3).tolist()
    assert train.image_shape == (3, 32, 32)
    np.testing.assert_allclose(test.inputs[:, 0].mean(axis=(1, 2)), 20 * np.arange(10), atol=3)
    assert train.name == "cifar10"
    assert train.source == f"cifar10: read from {folder} (AUTODIFF_DATA)."
    assert nn.data.cifar10("test").targets.tolist() == test.targets.tolist()


@pytest.mark.parametrize("settings", [{"classes": CIFAR10[1:]}, {"size": (28, 28)}])
def test_an_archive_that_is_not_cifar10_is_refused(folder, settings):
    write_cifar(folder, **settings)
    with pytest.raises(DataError, match=r"cifar10-jpeg\.zip, train: expected the classes airplane"):
        nn.data.cifar10()


def test_hanzi12_has_white_ink_on_black(folder, characters):
    write_hanzi(folder, characters)
    train, test = nn.data.load("hanzi12")
    assert train.inputs.shape[1:] == (1, 28, 28)
    assert train.inputs.dtype == np.uint8
    assert train.classes == HANZI12
    assert train.image_shape == (28, 28)
    drawn = {image.tobytes() for image in characters[6]}  # 近
    seen = {(image == 255).tobytes() for image in train.inputs[train.targets == 6]}
    seen |= {(image == 255).tobytes() for image in test.inputs[test.targets == 6]}
    assert seen == drawn
    assert np.unique(train.inputs).tolist() == [0, 255]


def test_hanzi12_is_split_5_to_1_in_every_class_with_copies_on_one_side(folder, characters):
    write_hanzi(folder, characters)
    train, test = nn.data.load("hanzi12")
    assert len(train) + len(test) == 240
    assert abs(len(test) - 40) <= 1
    assert np.ptp(np.bincount(test.targets, minlength=12)) <= 3
    both = {image.tobytes() for image in train.inputs} & {image.tobytes() for image in test.inputs}
    assert both == set()


def test_the_split_of_hanzi12_is_drawn_from_its_seed(folder, characters):
    write_hanzi(folder, characters)
    _, test = nn.data.load("hanzi12")
    assert np.array_equal(nn.data.hanzi12("test").inputs, test.inputs)
    assert not np.array_equal(nn.data.hanzi12("test", seed=1).inputs, test.inputs)
    assert test.source.endswith("(AUTODIFF_DATA); split by seed 0.")


def test_an_archive_that_is_not_hanzi12_is_refused(folder):
    write_hanzi(folder, np.zeros((12, 2, 30, 28), bool))
    with pytest.raises(DataError, match=r"expected images of shape \(1, 28, 28\), found \(1, 30"):
        nn.data.hanzi12()
    write_hanzi(folder, np.zeros((11, 2, 28, 28), bool))
    with pytest.raises(DataError, match="12 names for the 11 class folders 1, 2, 3"):
        nn.data.hanzi12()


@pytest.mark.parametrize(
    ("load", "file"),
    [(nn.data.cifar10, "cifar10-jpeg.zip"), (nn.data.hanzi12, "hanzi12-train.zip")],
)
def test_without_the_file_the_message_says_where_to_put_it(load, file):
    with pytest.raises(DataNotFoundError, match=f"no mirror .*put {file} into a folder"):
        load()


@pytest.mark.parametrize("load", [nn.data.cifar10, nn.data.hanzi12])
def test_an_unknown_split_is_refused(load):
    with pytest.raises(ValueError, match=f"{load.__name__}: unknown split 'validation'; choose"):
        load("validation")


def missing(name: str) -> bool:
    return not any(Path(REAL_DATA, *place).is_file() for place in ((name,), (name[:7], name)))


@pytest.mark.skipif(missing("cifar10-jpeg.zip"), reason="AUTODIFF_DATA has no cifar10-jpeg.zip")
def test_the_real_cifar10_is_read_whole(monkeypatch):
    monkeypatch.setenv("AUTODIFF_DATA", REAL_DATA)
    test = nn.data.cifar10("test")
    assert test.inputs.shape == (10_000, 3, 32, 32)
    assert np.bincount(test.targets).tolist() == [1000] * 10
    assert float(test.inputs.mean()) == pytest.approx(121.5, abs=0.5)  # of the original pixels


@pytest.mark.skipif(missing("hanzi12-train.zip"), reason="AUTODIFF_DATA has no hanzi12-train.zip")
def test_the_real_hanzi12_is_as_its_description_says(monkeypatch):
    monkeypatch.setenv("AUTODIFF_DATA", REAL_DATA)
    train, test = nn.data.load("hanzi12")
    assert (len(train), len(test)) == (6200, 1240)
    for part, share in ((train, 5 / 6), (test, 1 / 6)):
        np.testing.assert_allclose(np.bincount(part.targets), 620 * share, atol=2)
    everything = np.concatenate([train.inputs, test.inputs])
    copies = np.bincount(nn.data.duplicates(everything))
    assert len(copies) == 7321
    assert np.bincount(copies).tolist() == [0, 7236, 58, 20, 7]
    assert not set(map(bytes, train.inputs)) & set(map(bytes, test.inputs))
    assert (everything == 0).mean() > 0.8  # paper
