import numpy as np
import pytest

import nn
from nn.data import toys


def test_the_diagonal_separates_the_linear_points():
    data = toys.linear(1000, rng=np.random.default_rng(0))
    x, y = data.inputs.T
    assert data.inputs.shape == (1000, 2)
    assert data.inputs.min() >= 0
    assert data.inputs.max() <= 1
    np.testing.assert_array_equal(data.targets, np.where(x > y, 0, 1))
    assert 400 < data.targets.sum() < 600
    assert len(toys.linear(rng=np.random.default_rng(0))) == 100


def test_xor_has_21_points_on_the_diagonals():
    data = toys.xor()
    tenths = np.rint(data.inputs * 10).astype(int)
    np.testing.assert_allclose(data.inputs, tenths / 10, atol=1e-7)
    expected = {(i, i): 0 for i in range(11)} | {(i, 10 - i): 1 for i in range(11) if i != 5}
    points = [(x, y) for x, y in tenths.tolist()]
    assert dict(zip(points, data.targets.tolist(), strict=True)) == expected
    assert len(data) == len(expected) == 21


def test_blobs_lie_around_the_corners_of_a_polygon():
    data = toys.blobs(4000, 4, spread=0.1, rng=np.random.default_rng(0))
    corners = [[1, 0], [0, 1], [-1, 0], [0, -1]]
    for label, corner in enumerate(corners):
        points = data.inputs[data.targets == label]
        assert len(points) == 1000
        np.testing.assert_allclose(points.mean(axis=0), corner, atol=0.02)
        np.testing.assert_allclose(points.std(axis=0), 0.1, atol=0.01)


def test_the_arms_of_a_spiral_are_turned_copies_of_each_other():
    data = toys.spiral(300, 3, noise=0.0, rng=np.random.default_rng(0))
    arms = [data.inputs[data.targets == label] for label in range(3)]
    radius = np.hypot(*arms[0].T)
    np.testing.assert_allclose(radius, np.arange(1, 101) / 100, rtol=1e-5)
    turn = 2 * np.pi / 3
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    np.testing.assert_allclose(arms[1], arms[0] @ matrix.T, atol=1e-6)
    turned = np.unwrap(np.arctan2(*arms[0].T[::-1]))
    assert turned[-1] - turned[0] == pytest.approx(4 * 0.99, abs=1e-4)
    assert [len(toys.spiral(n, 3)) for n in (1, 2, 10)] == [1, 2, 10]


def test_sine_is_the_sine_and_the_noise_is_as_asked_for():
    data = toys.sine(5000, rng=np.random.default_rng(0))
    assert data.inputs.shape == data.targets.shape == (5000, 1)
    np.testing.assert_allclose(data.targets, np.sin(data.inputs), atol=1e-6)
    assert np.abs(data.inputs).max() == pytest.approx(np.pi, abs=0.01)
    noisy = toys.sine(5000, noise=0.2, rng=np.random.default_rng(0))
    assert (noisy.targets - np.sin(noisy.inputs)).std() == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("make", [toys.linear, toys.blobs, toys.spiral, toys.sine])
def test_points_are_float32_and_drawn_from_the_generator_alone(make):
    data, again, other = (make(20, rng=np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert data.inputs.dtype == np.float32
    assert data.inputs.tobytes() == again.inputs.tobytes()
    assert data.inputs.tobytes() != other.inputs.tobytes()
    nn.seed(3)
    first = make(20)
    nn.seed(3)
    assert first.inputs.tobytes() == make(20).inputs.tobytes()
    with pytest.raises(TypeError, match=f"toys.{make.__name__}: rng must be a NumPy Generator"):
        make(20, rng=0)
