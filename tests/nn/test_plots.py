import numpy as np
import pytest
from matplotlib.colors import to_rgb

from nn.plots import PALETTE, WRONG, decision_regions, predictions, samples


@pytest.fixture
def pictures():
    """(images, labels, probabilities) of 50 images, 7 of them predicted wrongly."""
    rng = np.random.default_rng(0)
    labels = rng.integers(10, size=50)
    probabilities = np.full((50, 10), 0.02)
    seen = labels.copy()
    seen[::8] = (seen[::8] + 1) % 10
    probabilities[np.arange(50), seen] = 0.82
    return rng.random((50, 28, 28)), labels, probabilities


def panels(figure):
    return [axes for axes in figure.axes if axes.images]


def test_wrong_predictions_are_marked_and_say_what_is_true(pictures):
    images, labels, probabilities = pictures
    figure = predictions(images, labels, probabilities, list("0123456789"))
    first, wrong = panels(figure)[:30], panels(figure)[30:]
    assert len(wrong) == 7
    for axes in wrong:
        predicted, true = axes.get_title().split(", not ")
        assert int(predicted) == (int(true) + 1) % 10
        assert axes.title.get_color() == WRONG
    assert [axes.title.get_color() for axes in first[:2]] == [WRONG, "black"]
    assert first[1].get_title() == str(labels[1])
    assert first[1].get_xlabel() == "82 %"


def test_long_names_are_broken_into_lines(pictures):
    figure = predictions(
        pictures[0][:8], np.arange(8) % 2, np.eye(2)[[0] * 8], ["airplane", "automobile"]
    )
    titles = [axes.get_title() for axes in panels(figure)]
    assert titles[:2] == ["airplane", "airplane,\nnot automobile"]


def test_without_wrong_ones_there_is_one_block(pictures):
    images, labels, _ = pictures
    figure = predictions(images, labels, np.eye(10)[labels], list("0123456789"), rows=2)
    assert len(panels(figure)) == 20


def test_few_images_are_enough(pictures):
    images, labels, probabilities = (part[:3] for part in pictures)
    figure = predictions(images, labels, probabilities, list("0123456789"))
    assert len(panels(figure)) == 4


def sheet(figure):
    """The one picture in which all samples are."""
    (axes,) = figure.axes
    (image,) = axes.images
    return np.asarray(image.get_array())


def test_samples_show_each_class_in_its_row():
    labels = np.array([1, 0, 1, 1, 0])
    images = (
        np.full((5, 3, 4, 6), 51, np.uint8) * np.arange(1, 6, dtype=np.uint8)[:, None, None, None]
    )
    figure = samples(images, labels, ["cat", "dog"], per_class=3)
    shown = sheet(figure)
    assert shown.shape == (4 + 1 + 4, 3 * 6 + 2, 3)
    rows = np.round(shown[[0, 5]][:, [0, 7, 14], 0], 6).tolist()
    assert rows == [[0.4, 1.0, 1.0], [0.2, 0.6, 0.8]]  # the third cat is missing
    np.testing.assert_array_equal(shown[4], 1)  # a white line between the rows
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert axes.get_yticks().tolist() == [1.5, 6.5]


def test_samples_may_be_grey_and_without_a_channel_axis():
    images = np.random.default_rng(0).random((6, 8, 8))
    first = sheet(samples(images, np.arange(6) % 2, "ab", per_class=2))
    with_channel = sheet(samples(images[:, None], np.arange(6) % 2, "ab", per_class=2))
    np.testing.assert_array_equal(first, with_channel)
    np.testing.assert_array_equal(first[:8, 9:], images[2])


def test_samples_are_drawn_by_a_generator():
    images = np.arange(100)[:, None, None] / np.full((2, 2), 100)
    labels = np.zeros(100, int)
    first, again, other = (
        sheet(samples(images, labels, ["a"], rng=np.random.default_rng(seed))) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_pixels_of_samples_are_whole():
    images = np.zeros((4, 3, 32, 32), np.uint8)
    figure = samples(images, np.arange(4), ["a", "b", "c", "long name"], per_class=1)
    box = figure.axes[0].get_window_extent()
    assert (box.width, box.height) == pytest.approx((64, 2 * (4 * 34 - 2)))


@pytest.mark.parametrize("shape", [(3, 2, 8, 8), (3, 64), (2, 8, 8)])
def test_samples_of_other_shapes_are_refused(shape):
    with pytest.raises(ValueError, match=r"samples: images have shape .* with 1 or 3 channels"):
        samples(np.zeros(shape), np.zeros(3, int), ["a"])


CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])


def right_half(points):
    """A model that says class 1 to the right of one half, and is sure of it."""
    return (points[:, :1] > 0.5).astype(float)


def dots(axes):
    """The colours of the points of a panel."""
    return axes.collections[-1].get_facecolors()[:, :3].tolist()


def rings(axes):
    return axes.lines[0].get_xydata().tolist() if axes.lines else []


def test_decision_regions_show_the_truth_and_ring_what_is_wrong():
    figure = decision_regions(CORNERS, np.array([0, 1, 1, 1]), {"right\nhalf": right_half})
    truth, model = figure.axes
    no, yes = (list(to_rgb(colour)) for colour in PALETTE[:2])
    assert (truth.get_title(), model.get_title()) == ("truth", "right\nhalf")
    assert dots(truth) == [no, yes, yes, yes]
    assert dots(model) == [no, yes, no, yes]
    assert rings(truth) == []
    assert rings(model) == [[0, 1]]


def test_the_plane_has_the_colour_of_the_answer_and_is_white_where_there_is_none():
    figure = decision_regions(
        CORNERS,
        np.zeros(4),
        {"sure": right_half, "unsure": lambda points: np.full(len(points), 0.5)},
    )
    _, sure, unsure = figure.axes
    colours = np.asarray(sure.images[0].get_array())
    for column, colour in ((0, PALETTE[0]), (-1, PALETTE[1])):
        expected = (1 + np.array(to_rgb(colour))) / 2
        np.testing.assert_allclose(colours[:, column], np.tile(expected, (len(colours), 1)))
    np.testing.assert_array_equal(unsure.images[0].get_array(), 1.0)


def test_a_line_is_drawn_where_the_answer_changes():
    _, axes = decision_regions(CORNERS, np.zeros(4), {"": lambda points: points[:, 0]}).axes
    path = axes.collections[0].get_paths()[0]
    np.testing.assert_allclose(path.vertices[:, 0], 0.5, atol=1e-6)


def test_decision_regions_of_three_classes_and_of_one_point():
    def model(points):
        return np.eye(3)[np.clip(3 * points[:, 1], 0, 2).astype(int)]

    _, axes = decision_regions(CORNERS[[0, 2]], np.array([0, 2]), {"": model}).axes
    assert dots(axes) == [list(to_rgb(PALETTE[index])) for index in (0, 2)]
    assert rings(axes) == []
    decision_regions(CORNERS[:1], np.array([0]), {"": model})  # without a warning


def test_more_models_than_columns_go_into_rows():
    figure = decision_regions(CORNERS, np.zeros(4), dict.fromkeys("abcd", right_half), columns=2)
    shown = [axes.get_title() for axes in figure.axes if axes.axison]
    assert shown == ["truth", "a", "b", "c", "d"]
    assert len(figure.axes) == 6


@pytest.mark.parametrize("points", [np.zeros((4, 3)), np.zeros(4), np.zeros((5, 2))])
def test_decision_regions_need_points_in_a_plane(points):
    with pytest.raises(ValueError, match=r"give points \(n, 2\) and n labels"):
        decision_regions(points, np.zeros(4), {})
