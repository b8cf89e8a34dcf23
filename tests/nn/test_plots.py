import numpy as np
import pytest

from nn.plots import WRONG, predictions


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


def test_without_wrong_ones_there_is_one_block(pictures):
    images, labels, _ = pictures
    figure = predictions(images, labels, np.eye(10)[labels], list("0123456789"), rows=2)
    assert len(panels(figure)) == 20


def test_few_images_are_enough(pictures):
    images, labels, probabilities = (part[:3] for part in pictures)
    figure = predictions(images, labels, probabilities, list("0123456789"))
    assert len(panels(figure)) == 4
