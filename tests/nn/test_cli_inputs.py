"""What predict is given: arrays, folders, photographs; and the tables that come out."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nn.commands.images import read_photo
from nn.commands.inputs import read_array, read_pictures
from nn.commands.tables import columns_of, table
from nn.errors import DataError

GREY, COLOUR = (1, 28, 28), (3, 4, 6)


@pytest.fixture
def drawings() -> np.ndarray:
    """Five drawings (n, h, w) in [0, 1], with an empty border."""
    images = np.zeros((5, 28, 28), np.float32)
    images[:, 5:20, 8:18] = np.random.default_rng(0).integers(256, size=(5, 15, 10)) / 255
    return images


def saved(array: np.ndarray) -> Path:
    np.save("a.npy", array)
    return Path("a.npy")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# ------------------------------------------------------------------ arrays


@pytest.mark.parametrize("shape", [(5, 28, 28), (5, 1, 28, 28), (5, 784)])
@pytest.mark.parametrize(
    "kind",
    [
        lambda unit: unit,
        lambda unit: unit.astype(np.float64),
        lambda unit: np.rint(unit * 255).astype(np.uint8),
        lambda unit: np.rint(unit * 255).astype(np.int64),
        lambda unit: unit * 255,
        lambda unit: 1 - unit,  # dark on bright, as on paper
        lambda unit: np.rint(255 - unit * 255).astype(np.uint8),
    ],
)
def test_every_kind_of_array_gives_the_same_images(drawings, shape, kind):
    images = read_array(saved(kind(drawings).reshape(shape)), GREY)
    assert images.shape == (5, *GREY)
    assert images.dtype == np.float32
    np.testing.assert_allclose(images[:, 0], drawings, atol=1e-6)


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.float32])
def test_one_bit_images_are_drawings_too(drawings, dtype, invert):
    ink = drawings > 0.5
    images = read_array(saved((ink ^ invert).astype(dtype)), GREY)
    np.testing.assert_array_equal(images[:, 0], ink)


@pytest.mark.parametrize("shape", [(5, 3, 4, 6), (5, 72)])
def test_colour_arrays_are_taken_as_they_are(shape):
    pixels = np.random.default_rng(0).integers(256, size=(5, *COLOUR), dtype=np.uint8)
    images = read_array(saved(pixels.reshape(shape)), COLOUR)
    np.testing.assert_array_equal(images, pixels / np.float32(255))


@pytest.mark.parametrize(
    ("array", "shape", "message"),
    [
        (np.zeros((5, 27, 28)), GREY,
         r"a\.npy: has shape \(5, 27, 28\), but the network takes \(n, 28, 28\) or "
         r"\(n, 1, 28, 28\) or \(n, 784\); images of another size are scaled if"),
        (np.zeros((28, 28)), GREY, r"one image alone needs an axis more: array\[None\]"),
        (np.zeros((1, 28, 28, 1)), GREY, r"np\.moveaxis\(array, -1, 1\)"),
        (np.zeros((2, 4, 6, 3)), COLOUR,
         r"takes \(n, 3, 4, 6\) or \(n, 72\); move the channels to the second axis"),
        (np.zeros((3, 4, 6)), COLOUR, "one image alone needs an axis more"),
        (np.zeros(()), GREY, r"has shape \(\), but"),
        (np.zeros((0, 28, 28)), GREY, r"holds no images, its shape is \(0, 28, 28\)"),
        (np.full((2, 28, 28), np.nan), GREY, "values from nan to nan; give pixels from 0 to 1"),
        (np.full((2, 28, 28), 256), GREY, "values from 256 to 256"),
        (np.full((2, 784), -0.4), GREY, "values from -0.4 to -0.4; .* before any standardisation"),
        (np.zeros((2, 28, 28), complex), GREY, "holds dtype complex128; give an array of real"),
        (np.array(["a", "b"]), GREY, "holds dtype <U1"),
        (np.array([{}, {}], dtype=object), GREY, "cannot be read as an array .*np.save"),
    ],
)  # fmt: skip
def test_an_array_that_does_not_fit_is_explained(array, shape, message):
    with pytest.raises(DataError, match=message):
        read_array(saved(array), shape)


def test_an_empty_image_in_an_array_is_named_by_its_place(drawings):
    drawings[3] = 0
    with pytest.raises(DataError, match=r"a\.npy\[3\]: there is nothing to recognise"):
        read_array(saved(drawings), GREY)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04", b"text"])
def test_a_file_that_holds_no_array_is_named(content):
    Path("a.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npy: cannot be read as an array"):
        read_array(Path("a.npy"), GREY)


# ------------------------------------------------------------------ folders


def test_files_folders_and_arrays_come_in_the_order_of_the_command_line(drawings):
    Path("many", "inner").mkdir(parents=True)
    image = Image.fromarray(np.rint(drawings[0] * 255).astype(np.uint8))
    for name in ("10.png", "9.png", "inner/1.BMP", ".hidden.png"):
        image.save(Path("many", name))
    Path("many", "notes.txt").touch()
    np.save(Path("many", "11.npy"), drawings[:2])
    image.save("one.png")
    pictures, errors = read_pictures([Path("one.png"), Path("many")], GREY, 20)
    assert errors == []
    assert [str(picture) for picture in pictures] == [
        "one.png", "many/9.png", "many/10.png", "many/11.npy[0]", "many/11.npy[1]",
        "many/inner/1.BMP",
    ]  # fmt: skip
    assert all(picture.pixels.shape == GREY for picture in pictures)


def test_a_folder_without_images_is_named():
    Path("empty").mkdir()
    Path("empty", "notes.txt").touch()
    pictures, (error,) = read_pictures([Path("empty")], GREY, 20)
    assert pictures == []
    assert str(error) == "empty: there are no images in this folder; name another one"


# ------------------------------------------------------------------ photographs


def test_a_photograph_of_the_right_size_is_taken_as_it_is():
    pixels = np.random.default_rng(0).integers(256, size=(4, 6, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("a.png")
    seen = read_photo(Path("a.png"), (4, 6))
    np.testing.assert_array_equal(seen, np.moveaxis(pixels, -1, 0) / np.float32(255))
    assert seen.dtype == np.float32


PHOTOS = {
    "grey": lambda image: image.convert("L"),
    "palette": lambda image: image.convert("P"),
    "opaque": lambda image: image.convert("RGBA"),
    "16 bits": lambda image: Image.fromarray(
        np.asarray(image.convert("L")).astype(np.uint16) * 257
    ),
}


@pytest.mark.parametrize("mode", PHOTOS)
def test_every_mode_of_photograph_becomes_three_colours(mode):
    image = Image.new("RGB", (12, 8), (200, 200, 200))
    PHOTOS[mode](image).save("a.tiff")
    seen = read_photo(Path("a.tiff"), (4, 6))
    assert seen.shape == (3, 4, 6)
    np.testing.assert_allclose(seen, 200 / 255, atol=5 / 255)  # a palette has few greys


def test_what_is_transparent_becomes_white():
    Image.new("RGBA", (6, 4), (10, 10, 10, 0)).save("a.png")
    np.testing.assert_array_equal(read_photo(Path("a.png"), (4, 6)), 1)


def test_a_photograph_of_another_shape_keeps_its_middle_and_its_proportions():
    pixels = np.zeros((40, 100, 3), np.uint8)
    pixels[:, 20:80, 0] = 255  # what covers 4 x 6 when its 40 rows become 4
    Image.fromarray(pixels).save("a.png")
    red, *others = read_photo(Path("a.png"), (4, 6))
    assert red.min() > 0.9
    assert np.max(others) == 0


def test_a_photograph_is_turned_upright():
    pixels = np.zeros((6, 4, 3), np.uint8)
    pixels[:3] = 255  # bright at the top, but the camera was held on its side
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees clockwise to see it
    Image.fromarray(pixels).save("a.png", exif=exif)
    seen = read_photo(Path("a.png"), (4, 6))
    np.testing.assert_array_equal(seen[0, 0], [0, 0, 0, 1, 1, 1])


# ------------------------------------------------------------------ tables


def test_columns_line_up_on_a_terminal():
    rows = [("path", "class"), ("a", "用"), ("long name", "frog"), ("e\u0301te", "\uff46")]
    lines = table(rows, "<>").splitlines()
    assert {columns_of(line) for line in lines} == {16}
    assert lines[1] == "a             用"
    assert table([("x", "y"), ("long", "")], "<<") == "x     y\nlong"
