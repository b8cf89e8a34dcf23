import numpy as np
import pytest

from nn.data import Dataset, duplicates
from nn.errors import DataError


def split(data: Dataset, *sizes: int, seed=0, **settings) -> list[np.ndarray]:
    """The parts, as the positions of their samples; inputs must be the positions."""
    parts = data.split(*sizes, rng=np.random.default_rng(seed), **settings)
    return [part.inputs for part in parts]


def numbered(targets) -> Dataset:
    return Dataset(np.arange(len(targets)), targets, name="toy")


# duplicates


def test_duplicates_are_numbered_as_they_appear():
    inputs = np.array([3, 1, 3, 2, 1, 3])[:, None, None] * np.ones((2, 4))
    assert duplicates(inputs).tolist() == [0, 1, 0, 2, 1, 0]


def test_inputs_that_differ_in_one_bit_are_no_duplicates():
    inputs = np.zeros((3, 28, 28), np.float32)
    inputs[1, 27, 27] = np.nextafter(np.float32(0), np.float32(1))
    assert duplicates(inputs).tolist() == [0, 1, 0]


def test_strided_inputs_and_inputs_of_every_shape_will_do():
    inputs = np.arange(24).reshape(4, 6)[::-1, ::2]
    assert duplicates(inputs).tolist() == [0, 1, 2, 3]
    assert duplicates(np.array([5, 5, 6])).tolist() == [0, 0, 1]
    assert duplicates(np.zeros((0, 3))).tolist() == []


# groups


@pytest.mark.parametrize("stratify", [False, True])
@pytest.mark.parametrize("seed", range(10))
def test_groups_stay_together_and_every_sample_is_dealt_once(seed, stratify):
    rng = np.random.default_rng(seed)
    groups = rng.integers(40, size=100)  # groups of two or three
    data = numbered(groups % 4)
    parts = split(data, 60, 25, 15, seed=seed, groups=groups, stratify=stratify)
    assert sorted(np.concatenate(parts).tolist()) == list(range(100))
    owners = [set(groups[part].tolist()) for part in parts]
    assert sum(map(len, owners)) == len(set.union(*owners))
    largest = np.bincount(groups).max()
    for part, size in zip(parts, (60, 25, 15), strict=True):
        assert abs(len(part) - size) < largest


def test_without_repeated_groups_the_sizes_are_exact():
    data = numbered(np.zeros(10, int))
    parts = split(data, 7, 3, 0, groups=np.arange(10)[::-1] * 5)
    assert [len(part) for part in parts] == [7, 3, 0]


def test_copies_are_dealt_to_both_parts_alike():
    """A part that takes all copies, or none, would not stand for the whole."""
    groups = np.repeat(np.arange(200), np.where(np.arange(200) < 50, 3, 1))
    data = numbered(np.zeros(len(groups), int))
    shares = [
        (groups[split(data, 150, 150, seed=seed, groups=groups)[0]] < 50).mean()
        for seed in range(20)
    ]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.03)


def test_samples_of_one_group_are_not_neighbours_afterwards():
    groups = np.repeat(np.arange(50), 2)
    (part,) = split(numbered(np.zeros(100, int)), 100, groups=groups)
    assert np.mean(groups[part[1:]] == groups[part[:-1]]) < 0.1


# stratify


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("sizes", [(60, 30, 10), (99, 1), (33, 33, 34), (0, 100)])
def test_a_stratified_split_has_the_sizes_and_the_shares(sizes, seed):
    targets = np.random.default_rng(seed).permutation(np.repeat([0, 3, 7], [70, 20, 10]))
    parts = split(numbered(targets), *sizes, seed=seed, stratify=True)
    assert [len(part) for part in parts] == list(sizes)
    for part in parts:
        counts = np.bincount(targets[part], minlength=8)[[0, 3, 7]]
        np.testing.assert_allclose(counts, len(part) * np.array([0.7, 0.2, 0.1]), atol=1.51)


def test_a_stratified_part_is_shuffled():
    targets = np.repeat([0, 1], 50)
    (part,) = split(numbered(targets), 100, stratify=True)
    changes = np.count_nonzero(np.diff(targets[part]))
    assert 30 < changes < 70  # of 99: not class after class, and not by turns


def test_a_stratified_split_is_drawn_from_the_generator_alone():
    data = numbered(np.arange(30) % 3)
    first, again, other = (split(data, 20, 10, seed=s, stratify=True)[1] for s in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert set(first.tolist()) != set(other.tolist())


def test_every_sample_can_come_into_every_part():
    data = numbered(np.arange(12) % 3)
    seen = np.zeros(12)
    for seed in range(100):
        seen[split(data, 6, 6, seed=seed, stratify=True, groups=np.arange(12) // 2)[0]] += 1
    assert seen.min() > 25
    assert seen.max() < 75


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"groups": [0, 1]}, r"toy: cannot split by groups of shape \(2,\) and dtype int64; give"),
        ({"groups": [0.5] * 4}, r"by groups of shape \(4,\) and dtype float64"),
        ({"stratify": True}, r"by targets of shape \(4, 2\) and dtype int64; .* the 4 samples"),
    ],
)
def test_what_cannot_be_split_by_is_named(settings, message):
    data = Dataset(np.arange(4), np.zeros((4, 2), int), name="toy")
    with pytest.raises(DataError, match=message):
        data.split(2, 2, rng=np.random.default_rng(0), **settings)
