"""Image files as inputs: whatever their size, mode and colours, the network sees the same."""

import numpy as np
import pytest
from PIL import Image

import nn.data
from nn.commands.images import drawing_size, read_drawing
from nn.errors import DataError


@pytest.fixture(scope="module")
def digit() -> np.ndarray:
    """A thick cross in 28 x 28 pixels, within MNIST's margin, off the middle in no direction."""
    y, x = np.mgrid[-13.5:14.5, -13.5:14.5]
    arms = (np.minimum(abs(x), abs(y)) < 2) & (np.maximum(abs(x), abs(y)) < 10)
    return arms.astype(np.float32)


def grey(digit: np.ndarray) -> Image.Image:
    return Image.fromarray(np.rint(digit * 255).astype(np.uint8))


def test_an_image_of_the_right_size_is_taken_as_it_is(tmp_path):
    pixels = np.zeros((28, 28), np.uint8)
    pixels[1:-1, 1:-1] = np.random.default_rng(0).integers(200, size=(26, 26))
    Image.fromarray(pixels).save(tmp_path / "a.png")
    seen = read_drawing(tmp_path / "a.png", (28, 28), 20)
    assert seen.dtype == np.float32
    np.testing.assert_array_equal(seen, pixels / np.float32(255))


MODES = {
    "bright background": lambda g: Image.eval(g, lambda v: 255 - v),
    "colours": lambda g: Image.merge("RGB", [g, g, g]),
    "black and white": lambda g: g.convert("1"),
    "palette": lambda g: g.convert("P"),
    "blue on yellow": lambda g: Image.composite(
        Image.new("RGB", g.size, "#000060"), Image.new("RGB", g.size, "#ffff90"), g
    ),
    "black, else transparent": lambda g: Image.merge("LA", [Image.new("L", g.size, 0), g]),
    "white, else transparent": lambda g: Image.merge("LA", [Image.new("L", g.size, 255), g]),
    "red, else transparent": lambda g: Image.merge(
        "RGBA", [*Image.new("RGB", g.size, "#a00000").split(), g]
    ),
    "16 bits": lambda g: Image.fromarray(np.asarray(g).astype(np.uint16) * 257),
    "32 bits": lambda g: Image.fromarray(np.asarray(g).astype(np.int32)),
    "floats": lambda g: Image.fromarray(np.asarray(g) / np.float32(255)),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [28, 100])
def test_every_mode_shows_the_same_drawing(tmp_path, digit, mode, size):
    image = MODES[mode](grey(digit).resize((size, size), Image.Resampling.NEAREST))
    image.save(tmp_path / "a.tiff")
    seen = read_drawing(tmp_path / "a.tiff", (28, 28), 20)
    assert seen.shape == (28, 28)
    seen = seen / seen.max()
    assert abs(seen - digit).mean() < 0.04
    assert np.corrcoef(seen.ravel(), digit.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("place", [(0, 0), (250, 40), (30, 290)])
def test_a_drawing_is_found_anywhere_in_a_larger_image(tmp_path, digit, place):
    canvas = Image.new("L", (400, 400), 255)
    canvas.paste(Image.eval(grey(digit).resize((100, 100)), lambda v: 255 - v), place)
    canvas.save(tmp_path / "a.jpg")
    seen = read_drawing(tmp_path / "a.jpg", (28, 28), 20)
    assert np.corrcoef(seen.ravel(), digit.ravel())[0, 1] > 0.95


def test_a_long_thin_drawing_keeps_its_shape(tmp_path):
    canvas = np.zeros((60, 300), np.uint8)
    canvas[20:24, 50:250] = 255
    Image.fromarray(canvas).save(tmp_path / "a.png")
    seen = read_drawing(tmp_path / "a.png", (28, 28), 20)
    ink = seen > 0.2
    assert np.flatnonzero(ink.any(axis=0)).tolist() == list(range(4, 24))
    assert ink.any(axis=1).sum() == 1


def test_the_drawings_of_a_data_set_are_measured():
    train = nn.data.digits()
    assert drawing_size(train.inputs.reshape(-1, 8, 8)) == 8
    assert drawing_size(np.zeros((3, 28, 28))) == 28


@pytest.mark.parametrize("value", [0, 255, 90])
def test_an_empty_image_is_refused(tmp_path, value):
    Image.new("L", (40, 40), value).save(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"a\.png: there is nothing to recognise"):
        read_drawing(tmp_path / "a.png", (28, 28), 20)


def test_pixels_that_are_no_numbers_are_refused(tmp_path):
    pixels = np.ones((28, 28), np.float32)
    pixels[3, 4] = np.nan
    Image.fromarray(pixels).save(tmp_path / "a.tiff")
    with pytest.raises(DataError, match=r"a\.tiff: has pixels that are NaN or infinite"):
        read_drawing(tmp_path / "a.tiff", (28, 28), 20)
