import numpy as np
import pytest

from nn.data import BalancedSampler, DataLoader, Dataset, WeightedSampler
from nn.errors import DataError

TARGETS = np.repeat([4, 2, 9], [90, 9, 1])


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_weights_are_the_frequencies(rng):
    sampler = WeightedSampler([1, 0, 2, 7], size=100_000)
    positions = sampler(rng)
    assert len(positions) == len(sampler) == 100_000
    np.testing.assert_allclose(np.bincount(positions) / 1e5, [0.1, 0, 0.2, 0.7], atol=0.01)
    assert len(WeightedSampler([1, 2, 3])) == 3


@pytest.mark.parametrize("weights", [[], [0, 0], [1, -1], [1, np.nan], [1, np.inf], [[1, 2]]])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(DataError, match="WeightedSampler: the weights must be finite numbers of"):
        WeightedSampler(weights)


def test_every_class_comes_equally_often(rng):
    sampler = BalancedSampler(TARGETS, size=300)
    for _ in range(3):
        positions = sampler(rng)
        assert np.bincount(TARGETS[positions])[[2, 4, 9]].tolist() == [100, 100, 100]


def test_the_samples_of_a_class_take_turns(rng):
    counts = np.bincount(BalancedSampler(TARGETS, size=300)(rng), minlength=100)
    assert set(counts[:90]) == {1, 2}
    assert set(counts[90:99]) == {11, 12}
    assert counts[99] == 100


def test_what_is_left_over_goes_to_other_classes_each_time(rng):
    sampler = BalancedSampler(TARGETS)
    assert len(sampler) == 100
    more = set()
    for _ in range(50):
        counts = np.bincount(TARGETS[sampler(rng)])[[2, 4, 9]]
        assert sorted(counts) == [33, 33, 34]
        more.add(int(np.argmax(counts)))
    assert more == {0, 1, 2}


def test_the_classes_are_mixed(rng):
    drawn = TARGETS[BalancedSampler(TARGETS, size=300)(rng)]
    assert 150 < np.count_nonzero(np.diff(drawn)) < 250


@pytest.mark.parametrize("targets", [[], [0.5, 1.0], [[0, 1]]])
def test_targets_that_are_no_labels_are_refused(targets):
    with pytest.raises(DataError, match=r"BalancedSampler: targets of shape .* are not labels"):
        BalancedSampler(targets)


@pytest.mark.parametrize("make", [BalancedSampler, WeightedSampler])
def test_an_epoch_without_samples_is_refused(make):
    with pytest.raises(ValueError, match=f"{make.__name__}: size is 0; give the number of samples"):
        make([1, 2], size=0)


# in a loader


def test_a_loader_takes_the_samples_that_the_sampler_draws_from_its_generator(rng):
    data = Dataset(np.arange(100), TARGETS)
    sampler = BalancedSampler(TARGETS, size=30)
    loader = DataLoader(data, batch_size=8, sampler=sampler, rng=rng)
    assert len(loader) == 4
    expected = sampler(np.random.default_rng(0))
    batches = list(loader)
    assert [len(targets) for _, targets in batches] == [8, 8, 8, 6]
    np.testing.assert_array_equal(np.concatenate([inputs for inputs, _ in batches]), expected)
    again = np.concatenate([inputs for inputs, _ in loader])
    assert not np.array_equal(again, expected)


def test_positions_to_iterate_over_will_do():
    data = Dataset(np.arange(5), np.arange(5))
    loader = DataLoader(data, batch_size=2, sampler=[4, 4, 0], drop_last=True)
    assert [inputs.tolist() for inputs, _ in loader] == [[4, 4]]
    assert [inputs.tolist() for inputs, _ in loader] == [[4, 4]]


def test_a_sampler_without_a_length_is_refused():
    with pytest.raises(TypeError, match="has no length; give it a __len__"):
        DataLoader((np.zeros(3), np.zeros(3)), sampler=lambda rng: [0, 1])


def test_a_sampler_and_shuffle_exclude_each_other():
    with pytest.raises(ValueError, match="the sampler decides about the order"):
        DataLoader((np.zeros(3), np.zeros(3)), sampler=[0, 1], shuffle=True)


class Wrong:
    """A sampler that does not keep its word."""

    def __init__(self, positions):
        self.positions = positions

    def __len__(self):
        return 2

    def __call__(self, rng):
        return self.positions


@pytest.mark.parametrize("positions", [[0], [0, 1, 2], [0.0, 1.0], [[0], [1]], [True, False]])
def test_positions_that_are_not_as_promised_are_refused(positions):
    loader = DataLoader((np.zeros(3), np.zeros(3)), sampler=Wrong(positions))
    with pytest.raises(DataError, match=r"the sampler gave positions of shape .*give 2 integers"):
        list(loader)


def test_a_position_outside_raises_index_error():
    with pytest.raises(IndexError):
        list(DataLoader((np.zeros(3), np.zeros(3)), sampler=[0, 3]))
