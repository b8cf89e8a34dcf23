"""Images of one's own: sizes, colours, folders, shares."""

import numpy as np
import pytest
from PIL import Image

import nn
from nn.data.transforms import CenterCrop, ColorJitter, Compose, Resize
from nn.errors import DataError

COLOURS = {"blue": (20, 30, 200), "green": (20, 180, 40), "red": (220, 20, 20)}


@pytest.fixture
def photos(tmp_path):
    """A function that writes images of three colours in many sizes, some of them grey files."""

    def write(*parts, count=10, sizes=((40, 30), (33, 64), (50, 50))):
        rng = np.random.default_rng(0)
        for name, colour in COLOURS.items():
            for index in range(count):
                width, height = sizes[index % len(sizes)]
                pixels = np.clip(rng.normal(colour, 25, (height, width, 3)), 0, 255)
                path = tmp_path.joinpath("photos", *parts, name, f"{index}.png")
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(pixels.astype(np.uint8)).save(path)
        return tmp_path / "photos"

    return write


@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
@pytest.mark.parametrize(
    ("size", "shape", "expected"),
    [
        (32, (48, 64), (32, 42)),
        (32, (64, 48), (42, 32)),
        (10, (5, 7), (10, 14)),
        (4, (100, 1), (400, 4)),
        ((7, 9), (48, 64), (7, 9)),
        ((48, 64), (48, 64), (48, 64)),
    ],
)
def test_resize_has_the_sizes_of_torchvision_and_keeps_the_dtype(dtype, size, shape, expected):
    images = np.full((2, 3, *shape), 200, dtype)
    for inputs in (images, images[0]):
        resized = Resize(size)(inputs)
        assert resized.shape == (*inputs.shape[:-2], *expected)
        assert resized.dtype == dtype
        assert (resized == 200).all()


def test_resizing_averages_what_gets_smaller():
    image = np.indices((1, 64, 64)).sum(axis=0)[None] % 2 * 1.0  # a chessboard
    np.testing.assert_allclose(Resize(8)(image), 0.5, atol=0.05)


@pytest.mark.parametrize("shape", [(4, 6), (5, 5), (1, 9), (8, 8)])
@pytest.mark.parametrize("size", [3, 4, (2, 5), 10])
def test_the_middle_is_cut_out_and_padded(shape, size):
    wanted = (size, size) if isinstance(size, int) else size
    image = np.ones((1, 1, *shape), np.uint8)
    cut = CenterCrop(size)(image)
    assert cut.shape == (1, 1, *wanted)
    assert cut.dtype == np.uint8
    assert cut.sum() == np.prod(np.minimum(shape, wanted))


@pytest.mark.parametrize("make", [Resize, CenterCrop])
@pytest.mark.parametrize("size", [0, -1, 2.5, (3,) * 3, "32", (4, 0)])
def test_sizes_that_make_no_sense_are_refused(make, size):
    with pytest.raises(ValueError, match=f"{make.__name__}: size is"):
        make(size)


@pytest.mark.parametrize("kind", ["brightness", "contrast", "saturation", "hue"])
def test_colours_change_within_their_limits(kind):
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 1, (50, 3, 6, 6)).astype(np.float32)
    changed = ColorJitter(**{kind: 0.3})(images, np.random.default_rng(1))
    assert changed.dtype == np.float32
    assert changed.min() >= 0
    assert changed.max() <= 1
    assert (np.abs(changed - images).max(axis=(1, 2, 3)) > 0).all()
    np.testing.assert_allclose(ColorJitter()(images), images)
    whole = np.rint(images * 255).astype(np.uint8)
    again = ColorJitter(**{kind: 0.3})(whole, np.random.default_rng(1))
    assert again.dtype == np.uint8
    np.testing.assert_allclose(again / 255, changed, atol=0.02)


def test_half_a_turn_of_the_hue_gives_the_other_side_of_the_circle():
    from nn.data.transforms.colours import _turned

    red = np.array([1, 0, 0], np.float32).reshape(1, 3, 1, 1)
    turned = _turned(red, np.full((1, 1, 1), 0.5, np.float32))
    np.testing.assert_allclose(turned.ravel(), [0, 1, 1], atol=1e-6)
    third = _turned(red, np.full((1, 1, 1), 1 / 3, np.float32))
    np.testing.assert_allclose(third.ravel(), [0, 1, 0], atol=1e-5)


def test_images_of_all_sizes_are_read_with_a_transform(photos):
    folder = photos()
    with pytest.raises(DataError, match=r"transform=Compose\(Resize"):
        nn.data.image_folder(folder)
    fitted = Compose(Resize(16), CenterCrop(16))
    assert nn.data.image_folder(folder, transform=fitted).inputs.shape == (30, 3, 16, 16)


@pytest.mark.parametrize(("size", "shape"), [(None, (3, 32, 32)), (12, (3, 12, 12))])
def test_a_folder_is_split_the_same_way_every_time(photos, size, shape):
    folder = photos()
    (train, test), (_, again) = (nn.data.load(folder, size=size) for _ in range(2))
    assert (len(train), len(test)) == (24, 6)
    assert train.classes == tuple(COLOURS)
    assert train.inputs.shape[1:] == shape
    assert np.bincount(test.targets).tolist() == [2, 2, 2]
    np.testing.assert_array_equal(test.inputs, again.inputs)


def test_a_folder_with_train_and_test_is_taken_as_it_is(photos):
    photos("train", count=4)
    train, test = nn.data.load(photos("test", count=2))
    assert (len(train), len(test)) == (12, 6)


@pytest.mark.parametrize(
    ("sizes", "lengths"),
    [((0.8, 0.2), (80, 20)), ((0.5, 0.25, 0.25), (50, 25, 25)), ((0.7, 0.2, 0.1), (70, 20, 10)),
     ((1.0,), (100,)), ((1.0, 0.0), (100, 0)), ((60, 40), (60, 40)), ((1 / 3,) * 3, (33, 34, 33))],
)  # fmt: skip
@pytest.mark.parametrize("stratify", [False, True])
def test_data_are_split_by_shares_or_counts(sizes, lengths, stratify):
    data = nn.data.Dataset(np.arange(100), np.arange(100) % 2)
    parts = data.split(*sizes, rng=np.random.default_rng(0), stratify=stratify)
    assert tuple(map(len, parts)) == lengths
    assert sorted(np.concatenate([part.inputs for part in parts])) == list(range(100))


@pytest.mark.parametrize("sizes", [(0.8, 0.3), (0.5,), (80, 0.2), (-0.2, 1.2), (float("nan"), 1.0)])
def test_shares_that_do_not_add_up_are_explained(sizes):
    with pytest.raises(DataError, match=r"add up to 100 or shares, such as 0\.8 and 0\.2"):
        nn.data.Dataset(np.arange(100), np.arange(100)).split(*sizes)
