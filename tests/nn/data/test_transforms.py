"""The values that transforms give, and what all transforms have in common."""

import json

import numpy as np
import pytest

import nn
from nn.data import Dataset
from nn.data.transforms import (
    Compose,
    Distort,
    ElasticDeformation,
    RandomCrop,
    RandomErasing,
    RandomFlip,
    RandomRotation,
    RandomShift,
    Reshape,
    Standardize,
    ToUnit,
)
from nn.errors import DataError

IMAGES = np.random.default_rng(0).integers(256, size=(20, 3, 12, 10), dtype=np.uint8)
RANDOM = [
    Distort(degrees=15, shift=2, zoom=0.1, shear=0.1, alpha=20, sigma=3),
    ElasticDeformation(),
    RandomCrop(2),
    RandomErasing(),
    RandomFlip(),
    RandomFlip(vertical=True),
    RandomRotation(30),
    RandomShift(2),
]
FIXED = [ToUnit(), Reshape(-1), Standardize.fit(IMAGES), Compose(ToUnit(), Reshape(-1)), Compose()]


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.mark.parametrize("transform", [*RANDOM, *FIXED[:-1]], ids=repr)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_the_result_is_float32_and_the_inputs_stay_as_they_are(transform, dtype, rng):
    inputs = IMAGES.astype(dtype)
    result = transform(inputs, rng)
    assert result.dtype == np.float32
    assert len(result) == len(inputs)
    assert not np.shares_memory(result, inputs) or isinstance(transform, Reshape)
    np.testing.assert_array_equal(inputs, IMAGES)


@pytest.mark.parametrize("transform", RANDOM, ids=repr)
def test_every_image_gets_something_else_from_the_generator(transform, rng):
    inputs = np.repeat(IMAGES[:1], 40, axis=0)
    result = transform(inputs, rng)
    distinct = {image.tobytes() for image in result}
    assert len(distinct) > (1 if isinstance(transform, RandomFlip) else 10)
    np.testing.assert_array_equal(result, transform(inputs, np.random.default_rng(0)))
    assert not np.array_equal(result, transform(inputs, np.random.default_rng(1)))
    nn.seed(0)
    np.testing.assert_array_equal(result, transform(inputs))


@pytest.mark.parametrize("transform", RANDOM, ids=repr)
def test_strided_images_and_no_images_will_do(transform, rng):
    flipped = transform(IMAGES[::-1], rng)
    np.testing.assert_array_equal(flipped, transform(IMAGES[::-1].copy(), np.random.default_rng(0)))
    assert transform(IMAGES[:0], rng).shape == (0, 3, 12, 10)


@pytest.mark.parametrize("transform", RANDOM, ids=repr)
def test_what_is_no_image_is_refused(transform, rng):
    with pytest.raises(DataError, match=r"inputs of shape \(20, 360\) are no images .* Reshape"):
        transform(IMAGES.reshape(20, -1), rng)


@pytest.mark.parametrize("transform", FIXED, ids=repr)
def test_transforms_that_draw_nothing_say_so(transform, rng):
    before = rng.bit_generator.state
    transform(IMAGES, rng)
    assert rng.bit_generator.state == before
    assert not transform.random


def test_a_composition_is_random_if_a_part_of_it_is():
    assert Compose(ToUnit(), RandomFlip()).random
    assert Compose(lambda inputs, rng: inputs).random


def test_transforms_are_composed_in_order(rng):
    transform = Compose(ToUnit(51), lambda inputs, rng: inputs + 1, Reshape(-1))
    np.testing.assert_allclose(transform(IMAGES, rng), IMAGES.reshape(20, -1) / 51 + 1, rtol=1e-6)


def test_all_parts_of_a_composition_draw_from_its_generator(rng):
    transform = Compose(RandomFlip(), RandomCrop(2))
    again = np.random.default_rng(0)
    expected = RandomCrop(2)(RandomFlip()(IMAGES, again), again)
    np.testing.assert_array_equal(transform(IMAGES, rng), expected)


def test_a_list_of_transforms_is_refused():
    with pytest.raises(TypeError, match=r"Compose: \[.*\] is no transform; .* of its own"):
        Compose([ToUnit(), RandomFlip()])


def test_reshape_names_shapes_that_do_not_fit(rng):
    assert Reshape(3, 12, 10)(IMAGES.reshape(20, -1)).shape == IMAGES.shape
    with pytest.raises(DataError, match=r"Reshape\(1, 28, 28\): an input has shape \(3, 12, 10\)"):
        Reshape(1, 28, 28)(IMAGES)


# Standardize


@pytest.mark.parametrize(
    ("per", "axes", "shape"),
    [("pixel", 0, (3, 12, 10)), ("channel", (0, 2, 3), (3, 1, 1)), ("all", None, (1, 1, 1))],
)
@pytest.mark.parametrize("n", [20, 2500])  # in one chunk and in several
def test_the_data_get_mean_0_and_deviation_1(per, axes, shape, n, rng):
    images = rng.integers(256, size=(n, 3, 12, 10), dtype=np.uint8)
    standardize = Standardize.fit(images, per=per)
    np.testing.assert_allclose(standardize.mean, np.mean(images, axis=axes).reshape(shape), 1e-6)
    np.testing.assert_allclose(standardize.std, np.std(images, axis=axes).reshape(shape), 1e-6)
    result = standardize(images).astype(np.float64)
    np.testing.assert_allclose(result.mean(axis=axes), 0, atol=1e-6)
    np.testing.assert_allclose(result.std(axis=axes), 1, atol=1e-6)


def test_means_and_deviations_are_those_of_the_data_that_it_was_fitted_on(rng):
    train = Dataset(rng.normal(5, 2, (1000, 4)), np.zeros(1000))
    other = rng.normal(0, 1, (1000, 4))
    standardize = Standardize.fit(train)
    np.testing.assert_allclose(
        standardize(other), (other - train.inputs.mean(0)) / train.inputs.std(0), atol=1e-5
    )
    assert abs(standardize(other).mean()) > 1


@pytest.mark.parametrize("constant", [0, 0.1, 255, 1e8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_constant_values_become_0_and_are_divided_by_the_typical_deviation(constant, dtype):
    data = np.array([[0.0, 0.0, constant], [2.0, 8.0, constant]] * 500, dtype)
    standardize = Standardize.fit(data)
    typical = np.sqrt((1**2 + 4**2) / 2)
    np.testing.assert_allclose(standardize.std, [1, 4, typical], rtol=1e-6)
    np.testing.assert_allclose(standardize(data)[:2], [[-1, -1, 0], [1, 1, 0]], atol=1e-6)


def test_where_everything_is_constant_nothing_is_divided():
    standardize = Standardize.fit(np.full((5, 3), 7, np.uint8))
    assert standardize(np.array([[7, 8, 5]])).tolist() == [[0, 1, -2]]


def test_large_values_with_a_small_deviation_keep_their_digits():
    data = 1e6 + np.random.default_rng(0).normal(size=(1000, 1))
    assert Standardize.fit(data).std[0] == pytest.approx(data.std(), rel=1e-4)


def test_the_state_makes_the_same_transform_again():
    standardize = Standardize.fit(IMAGES, per="channel")
    state = json.loads(json.dumps({k: v.tolist() for k, v in standardize.state_dict().items()}))
    again = Standardize(**state)
    assert again(IMAGES).tobytes() == standardize(IMAGES).tobytes()


@pytest.mark.parametrize("shape", [(5, 1, 12, 10), (5, 360), (5, 3, 10, 12), (360,), (5,)])
@pytest.mark.parametrize("per", ["pixel", "channel"])
def test_inputs_of_another_shape_are_refused(shape, per):
    standardize = Standardize.fit(IMAGES, per=per)
    if per == "channel" and shape == (5, 3, 10, 12):
        assert standardize(np.zeros(shape)).shape == shape
        return
    with pytest.raises(DataError, match=r"Standardize: inputs of shape .* do not fit means of sh"):
        standardize(np.zeros(shape))


@pytest.mark.parametrize(
    ("data", "per", "message"),
    [
        (np.zeros((0, 3)), "pixel", "the data are empty"),
        ([[1.0], [np.nan]], "pixel", r"NaN or infinite values; data\.check_finite\(\)"),
        (np.zeros((2, 3)), "channel", r"inputs of shape \(2, 3\) have no channels"),
        (np.zeros((2, 3)), "row", 'per is \'row\'; choose "pixel", "channel" or "all"'),
    ],
)
def test_what_cannot_be_fitted_is_explained(data, per, message):
    with pytest.raises(ValueError, match=message):
        Standardize.fit(np.array(data), per=per)


@pytest.mark.parametrize(("mean", "std"), [(0, 0), (np.nan, 1), ([0, 0], [1, np.inf])])
def test_a_scaling_that_gives_no_numbers_is_refused(mean, std):
    with pytest.raises(DataError, match="mean and std must be finite, and std not zero"):
        Standardize(mean, std)


# flipping, cropping, covering


@pytest.mark.parametrize("vertical", [False, True])
def test_about_a_share_p_is_mirrored(vertical, rng):
    images = np.repeat(IMAGES[:1], 1000, axis=0).astype(np.float32)
    mirrored = images[0, :, ::-1] if vertical else images[0, :, :, ::-1]
    result = RandomFlip(0.3, vertical=vertical)(images, rng)
    is_mirrored = (result == mirrored).all(axis=(1, 2, 3))
    assert is_mirrored.mean() == pytest.approx(0.3, abs=0.05)
    np.testing.assert_array_equal(result[~is_mirrored], images[~is_mirrored])


@pytest.mark.parametrize("size", [None, (5, 7), (16, 14)])
def test_crops_are_parts_of_the_padded_image(size, rng):
    images = np.repeat(IMAGES[:1], 500, axis=0)
    result = RandomCrop(2, size=size, fill=-1)(images, rng)
    height, width = size or (12, 10)
    padded = np.pad(images[0].astype(np.float32), ((0, 0), (2, 2), (2, 2)), constant_values=-1)
    corners = [(y, x) for y in range(17 - height) for x in range(15 - width)]
    parts = [padded[:, y : y + height, x : x + width].tobytes() for y, x in corners]
    found = [parts.index(image.tobytes()) for image in result]
    assert set(found) == set(range(len(corners)))  # all of them come


def test_a_crop_larger_than_the_padded_image_is_refused(rng):
    with pytest.raises(DataError, match=r"RandomCrop.*images of shape \(12, 10\) are too small"):
        RandomCrop(1, size=(15, 5))(IMAGES, rng)


def test_one_rectangle_of_the_wanted_size_is_covered(rng):
    images = np.ones((500, 2, 30, 40), np.float32)
    result = RandomErasing(p=0.6, area=(0.1, 0.2), aspect=2, fill=5.0)(images, rng)
    covered = result == 5
    assert np.array_equal(covered[:, 0], covered[:, 1])
    chosen = covered.any(axis=(1, 2, 3))
    assert chosen.mean() == pytest.approx(0.6, abs=0.07)
    for mask in covered[chosen, 0]:
        height, width = mask.any(axis=1).sum(), mask.any(axis=0).sum()
        ys, xs = np.nonzero(mask)
        assert mask.sum() == height * width  # one rectangle, nothing else
        assert (np.ptp(ys) + 1, np.ptp(xs) + 1) == (height, width)
        assert 0.1 - 0.03 < mask.mean() < 0.2 + 0.03
        assert 1 / 2.4 < height / width < 2.4
    reached = covered[:, 0].any(axis=0)
    assert all(side.any() for side in (reached[0], reached[-1], reached[:, 0], reached[:, -1]))


@pytest.mark.parametrize("make", [RandomFlip, RandomErasing])
@pytest.mark.parametrize("p", [-0.1, 1.1, np.nan])
def test_a_probability_that_is_none_is_refused(make, p):
    with pytest.raises(ValueError, match=f"{make.__name__}: the probability p is {p}"):
        make(p)


@pytest.mark.parametrize("settings", [{"area": (0.5, 0.2)}, {"area": (0, 2)}, {"aspect": 0.5}])
def test_a_rectangle_that_is_none_is_refused(settings):
    with pytest.raises(ValueError, match="RandomErasing: area is"):
        RandomErasing(**settings)
