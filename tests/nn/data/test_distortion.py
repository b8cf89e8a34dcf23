"""Where distorted images are read, and the interpolation there."""

import numpy as np
import pytest
import scipy.ndimage

from nn.data.transforms import Distort, ElasticDeformation, RandomRotation, RandomShift
from nn.data.transforms.distortion import resample, smooth_noise


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def photo(height=28, width=24) -> np.ndarray:
    """A smooth image, whose content stays away from the border."""
    noise = np.random.default_rng(1).random((height, width))
    image = scipy.ndimage.gaussian_filter(np.pad(noise, 8)[4:-4, 4:-4], 1.5)
    return image.astype(np.float32)


# interpolation


@pytest.mark.parametrize("fill", [0.0, -3.0])
def test_resampling_agrees_with_scipy(rng, fill):
    images = rng.random((4, 2, 9, 7), dtype=np.float32)
    rows = rng.uniform(-0.999, 8.999, (4, 6, 5)).astype(np.float32)
    columns = rng.uniform(-0.999, 6.999, (4, 6, 5)).astype(np.float32)
    # SciPy takes the border as it is between the last pixel and the first one outside
    bordered = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=fill)
    expected = [
        [scipy.ndimage.map_coordinates(c, [y + 1, x + 1], order=1) for c in image]
        for image, y, x in zip(bordered, rows, columns, strict=True)
    ]
    np.testing.assert_allclose(resample(images, rows, columns, fill), expected, atol=1e-5)


def test_whole_positions_are_read_exactly_up_to_the_border(rng):
    images = rng.random((3, 1, 5, 6), dtype=np.float32)
    rows, columns = np.broadcast_arrays(*np.ogrid[0:5, 0:6])
    rows, columns = (np.broadcast_to(a, (3, 5, 6)).astype(np.float32) for a in (rows, columns))
    np.testing.assert_array_equal(resample(images, rows, columns, 9.0), images)


@pytest.mark.parametrize("far", [-1.0, -1.5, -1e9, 5.0, 7.3, 1e9, np.inf, -np.inf])
def test_outside_there_is_the_fill(far):
    images = np.ones((1, 1, 5, 5), np.float32)
    place, middle = np.full((1, 1, 1), far, np.float32), np.full((1, 1, 1), 2, np.float32)
    assert resample(images, place, middle, 7.0).item() == 7
    assert resample(images, middle, place, 7.0).item() == 7


# affine


def test_nothing_asked_for_changes_nothing(rng):
    images = rng.random((3, 2, 9, 8), dtype=np.float32)
    np.testing.assert_array_equal(Distort()(images, rng), images)


def test_shifts_move_by_whole_pixels_and_all_of_them_come(rng):
    image = np.zeros((1, 1, 11, 11), np.float32)
    image[..., 5, 5] = 1
    result = RandomShift(2)(np.repeat(image, 500, axis=0), rng)
    assert set(np.unique(result)) == {0, 1}
    _, _, ys, xs = np.nonzero(result)
    counts = np.zeros((11, 11), int)
    np.add.at(counts, (ys, xs), 1)
    assert len(ys) == 500
    assert (counts[3:8, 3:8] > 5).all()
    assert counts[3:8, 3:8].sum() == 500


@pytest.mark.parametrize("shape", [(28, 24), (25, 25)])
def test_rotations_agree_with_scipy(shape, rng):
    """The angle of each image can be found again; they are to both sides."""
    image = photo(*shape)
    turned = RandomRotation(30)(np.repeat(image[None, None], 12, axis=0), rng)[:, 0]
    candidates = np.linspace(-30, 30, 241)
    rotated = np.stack(
        [scipy.ndimage.rotate(image, angle, reshape=False, order=1) for angle in candidates]
    )
    errors = np.abs(turned[:, None] - rotated).mean(axis=(2, 3))  # (images, candidates)
    assert errors.min(axis=1).max() < 0.02 * image.mean()
    angles = candidates[errors.argmin(axis=1)]
    assert angles.min() < -10
    assert angles.max() > 10


def corners_of(transform: Distort, n: int, rng) -> np.ndarray:
    """Where the corners of a 21 x 31 image are read, from its centre: (n, 2, 2, 2)."""
    rows, columns = transform.sources(n, (21, 31), rng)
    places = np.stack([rows - 10, columns - 15], axis=1)  # (n, 2, 21, 31)
    return places[:, :, ::20, ::30]


def test_zooms_scale_both_directions_alike_and_up_as_often_as_down(rng):
    places = corners_of(Distort(zoom=0.5), 2000, rng)
    factor = places[:, 0, 1, 1] / 10
    np.testing.assert_allclose(places[:, 1, 1, 1] / 15, factor, rtol=1e-5)
    assert factor.min() == pytest.approx(1 / 1.5, rel=0.01)
    assert factor.max() == pytest.approx(1.5, rel=0.01)
    assert np.log(factor).mean() == pytest.approx(0, abs=0.02)


def test_shears_move_rows_by_their_distance_from_the_centre(rng):
    places = corners_of(Distort(shear=0.4), 2000, rng)
    np.testing.assert_allclose(places[:, 0], [[[-10, -10], [10, 10]]] * 2000, atol=1e-5)
    slant = (places[:, 1, 1, 1] - 15) / 10
    np.testing.assert_allclose(places[:, 1, 0, 1] - 15, -10 * slant, atol=1e-4)
    assert slant.min() == pytest.approx(-0.4, abs=0.01)
    assert slant.max() == pytest.approx(0.4, abs=0.01)


def test_rotations_keep_lengths_and_angles(rng):
    places = corners_of(Distort(degrees=40), 500, rng)
    np.testing.assert_allclose(np.hypot(*places[:, :, 1, 1].T), np.hypot(10, 15), rtol=1e-5)
    angle = np.rad2deg(np.arctan2(places[:, 0, 1, 1], places[:, 1, 1, 1]) - np.arctan2(10, 15))
    assert angle.min() == pytest.approx(-40, abs=1)
    assert angle.max() == pytest.approx(40, abs=1)


# elastic


@pytest.mark.parametrize("sigma", [0.7, 2.0, 4.0])
@pytest.mark.parametrize("axis", [1, 2])
def test_the_field_is_distributed_as_smoothed_uniform_noise(sigma, axis, rng):
    ours = smooth_noise((4000,), (12, 9), sigma, rng)
    border = int(5 * sigma) + 1
    uniform = rng.uniform(-1, 1, (4000, 12 + 2 * border, 9 + 2 * border))
    smoothed = scipy.ndimage.gaussian_filter1d(uniform, sigma, axis=1)
    smoothed = scipy.ndimage.gaussian_filter1d(smoothed, sigma, axis=2)
    theirs = smoothed[:, border:-border, border:-border]
    assert ours.dtype == np.float32
    assert abs(ours.mean()) < 0.03 * theirs.std()
    np.testing.assert_allclose(ours.std(axis=0), theirs.std(axis=0), rtol=0.1)
    for distance in (1, 2, 4, 7):
        ours_there, theirs_there = (
            np.mean(f.take(range(distance, f.shape[axis]), axis)
                    * f.take(range(f.shape[axis] - distance), axis)) for f in (ours, theirs)
        )  # fmt: skip
        assert ours_there == pytest.approx(theirs_there, abs=0.04 * theirs.var())


def test_the_typical_displacement_is_as_the_description_says(rng):
    still = Distort().sources(1, (28, 28), rng)
    moved = ElasticDeformation(34, 4).sources(500, (28, 28), rng)
    for place, before in zip(moved, still, strict=True):
        displacement = place - before
        assert displacement.std() == pytest.approx(0.16 * 34 / 4, rel=0.05)
        assert displacement.mean() == pytest.approx(0, abs=0.1)


def test_rows_and_columns_are_displaced_independently(rng):
    still = Distort().sources(1, (28, 28), rng)
    moved = ElasticDeformation().sources(500, (28, 28), rng)
    down, right = (place - before for place, before in zip(moved, still, strict=True))
    assert abs(np.corrcoef(down.ravel(), right.ravel())[0, 1]) < 0.05


# altogether


@pytest.mark.parametrize("shape", [(20, 1, 28, 28), (3, 2, 150, 130), (1, 1, 1, 1)])
def test_batches_of_all_sizes_are_distorted_whole(shape, rng):
    """Images are distorted a few at a time; none is left out or mixed up with others."""
    numbers = np.arange(1, shape[0] + 1, dtype=np.float32)[:, None, None, None]
    channels = 100 * np.arange(shape[1], dtype=np.float32)[:, None, None]
    result = Distort(degrees=5, fill=0)(numbers + channels + np.zeros(shape), rng)
    middle = result[:, :, shape[2] // 2, shape[3] // 2]
    np.testing.assert_allclose(middle, (numbers + channels)[..., 0, 0], rtol=1e-6)


def test_a_description_names_what_was_asked_for():
    assert repr(Distort(degrees=10, fill=1)) == "Distort(degrees=10, fill=1)"
    assert repr(RandomShift(2)) == "RandomShift(shift=2)"
    assert repr(ElasticDeformation(8, 3)) == "ElasticDeformation(alpha=8, sigma=3)"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"degrees": -1}, "degrees is -1; give a number of at least 0"),
        ({"zoom": np.nan}, "zoom is nan; give a number"),
        ({"shift": 1.5}, "shift is 1.5; give whole pixels"),
        ({"alpha": 3, "sigma": 0}, "sigma is 0; give the smoothness"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(ValueError, match=f"Distort.*{message}"):
        Distort(**settings)
