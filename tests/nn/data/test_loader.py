import numpy as np
import pytest

import nn.random
from nn.data import DataLoader, Dataset
from nn.errors import DataError


@pytest.fixture
def data() -> Dataset:
    return Dataset(np.arange(20.0).reshape(10, 2), np.arange(10))


def targets_of(loader: DataLoader) -> list[list[int]]:
    return [targets.tolist() for _, targets in loader]


@pytest.mark.parametrize(
    ("batch_size", "drop_last", "lengths"),
    [
        (1, False, [1] * 10),
        (3, False, [3, 3, 3, 1]),
        (3, True, [3, 3, 3]),
        (5, True, [5, 5]),
        (10, False, [10]),
        (64, False, [10]),
    ],
)
@pytest.mark.parametrize("shuffle", [False, True])
def test_batches_have_the_promised_sizes(data, batch_size, drop_last, lengths, shuffle):
    loader = DataLoader(data, batch_size, shuffle=shuffle, drop_last=drop_last)
    assert [len(targets) for _, targets in loader] == lengths
    assert len(loader) == len(lengths)


def test_without_shuffle_batches_come_in_order_as_views(data):
    loader = DataLoader(data, batch_size=4)
    assert targets_of(loader) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert all(np.shares_memory(inputs, data.inputs) for inputs, _ in loader)


def test_shuffling_visits_every_sample_once_with_its_own_target(data):
    loader = DataLoader(data, batch_size=3, shuffle=True, rng=np.random.default_rng(0))
    batches = list(loader)
    inputs = np.concatenate([inputs for inputs, _ in batches])
    targets = np.concatenate([targets for _, targets in batches])
    assert sorted(targets.tolist()) == list(range(10))
    np.testing.assert_array_equal(inputs[:, 0], 2 * targets)


def test_every_epoch_is_shuffled_anew_and_repeats_with_the_seed(data):
    loader, again = (
        DataLoader(data, batch_size=3, shuffle=True, rng=np.random.default_rng(0)) for _ in range(2)
    )
    epochs = [targets_of(loader) for _ in range(3)]
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs == [targets_of(again) for _ in range(3)]


def test_a_saved_generator_state_resumes_with_the_same_epochs(data):
    rng = np.random.default_rng(0)
    loader = DataLoader(data, batch_size=3, shuffle=True, rng=rng)
    list(loader)
    state = rng.bit_generator.state
    expected = targets_of(loader)
    rng.bit_generator.state = state
    assert targets_of(loader) == expected


def test_shuffling_without_rng_follows_the_default_seed(data):
    loader = DataLoader(data, batch_size=3, shuffle=True)
    nn.random.seed(5)
    first = targets_of(loader)
    nn.random.seed(5)
    assert targets_of(loader) == first


def test_without_shuffle_no_random_number_is_drawn(data):
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    list(DataLoader(data, rng=rng))
    assert rng.bit_generator.state == before


def test_a_pair_of_arrays_will_do():
    ((inputs, targets),) = DataLoader((np.eye(3), [0, 1, 2]))
    assert inputs.shape == (3, 3)
    assert targets.tolist() == [0, 1, 2]


def test_any_object_that_answers_slices_and_positions_will_do():
    class Squares:
        def __len__(self):
            return 5

        def __getitem__(self, index):
            numbers = np.arange(5)[index]
            return numbers, numbers**2, -numbers

    loader = DataLoader(Squares(), batch_size=5, shuffle=True, rng=np.random.default_rng(0))
    ((numbers, squares, negative),) = loader
    np.testing.assert_array_equal(squares, numbers**2)
    np.testing.assert_array_equal(negative, -numbers)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "64", None])
def test_a_batch_size_that_is_no_count_is_refused(data, batch_size):
    with pytest.raises(ValueError, match=r"DataLoader: batch_size is .*at least 1"):
        DataLoader(data, batch_size)


def test_an_empty_data_set_is_refused():
    with pytest.raises(DataError, match="the data set is empty"):
        DataLoader(Dataset(np.zeros((0, 2)), np.zeros(0)))


def test_dropping_every_sample_is_refused(data):
    with pytest.raises(ValueError, match="drop_last leaves none of the 10 samples"):
        DataLoader(data, batch_size=11, drop_last=True)


def test_a_seed_instead_of_a_generator_is_refused(data):
    with pytest.raises(TypeError, match="DataLoader: rng must be a NumPy Generator, not int"):
        DataLoader(data, shuffle=True, rng=0)
