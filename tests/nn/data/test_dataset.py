import numpy as np
import pytest

from nn.data import Dataset
from nn.errors import DataError, UserError


@pytest.fixture
def data() -> Dataset:
    return Dataset(
        np.arange(60.0).reshape(10, 6),
        np.arange(10) % 3,
        name="toy",
        classes=("a", "b", "c"),
        image_shape=(2, 3),
        source="made by hand",
    )


def test_an_integer_gives_one_sample(data):
    inputs, target = data[2]
    np.testing.assert_array_equal(inputs, [12, 13, 14, 15, 16, 17])
    assert target == 2


@pytest.mark.parametrize(
    "index",
    [slice(3, 7), np.array([3, 4, 5, 6]), [3, 4, 5, 6], np.isin(np.arange(10), [3, 4, 5, 6])],
)
def test_slices_positions_and_masks_select_inputs_and_targets_alike(data, index):
    inputs, targets = data[index]
    np.testing.assert_array_equal(inputs[:, 0], [18, 24, 30, 36])
    np.testing.assert_array_equal(targets, [0, 1, 2, 0])


def test_iterating_visits_every_sample_once(data):
    assert [int(target) for _, target in data] == data.targets.tolist()


def test_a_position_outside_raises_index_error(data):
    with pytest.raises(IndexError):
        data[10]


def test_arrays_are_shared_not_copied():
    inputs, targets = np.zeros((3, 2)), np.zeros(3)
    data = Dataset(inputs, targets)
    assert data.inputs is inputs
    assert data.targets is targets


def test_a_subset_keeps_everything_but_the_other_samples(data):
    part = data.subset([9, 0])
    np.testing.assert_array_equal(part.inputs, data.inputs[[9, 0]])
    assert (part.name, part.classes, part.image_shape, part.source) == (
        data.name,
        data.classes,
        data.image_shape,
        data.source,
    )


def test_a_split_deals_every_sample_to_exactly_one_part(data):
    parts = data.split(5, 4, 1, rng=np.random.default_rng(0))
    assert [len(part) for part in parts] == [5, 4, 1]
    dealt = np.concatenate([part.inputs for part in parts])
    np.testing.assert_array_equal(dealt[np.argsort(dealt[:, 0])], data.inputs)
    for part in parts:
        np.testing.assert_array_equal(part.targets, part.inputs[:, 0] // 6 % 3)


def test_a_split_is_drawn_from_the_generator_alone(data):
    first, again, other = (
        data.split(5, 5, rng=np.random.default_rng(seed))[0].inputs for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


@pytest.mark.parametrize("sizes", [(5, 4), (5, 6), (11, -1), ()])
def test_a_split_that_does_not_add_up_says_by_how_much(data, sizes):
    with pytest.raises(DataError, match=r"toy: cannot split 10 samples .* add up to 10"):
        data.split(*sizes, rng=np.random.default_rng(0))


def test_a_split_by_a_seed_says_to_give_a_generator(data):
    with pytest.raises(TypeError, match=r"split: .*np\.random\.default_rng\(3\)"):
        data.split(5, 5, rng=3)


def test_lengths_that_differ_are_named():
    with pytest.raises(DataError, match="xor: 4 inputs but 3 targets"):
        Dataset(np.zeros((4, 2)), np.zeros(3), name="xor")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([[1, 2], [3]], "the inputs do not form an array"),
        (1.0, "the inputs are a single value"),
        (["cat", "dog"], "the inputs have dtype <U3"),
        ([None, None], "the inputs have dtype object"),
    ],
)
def test_inputs_that_are_not_an_array_of_numbers_are_refused(inputs, message):
    with pytest.raises(DataError, match=message):
        Dataset(inputs, [0, 1])


def test_an_image_shape_that_does_not_fit_is_refused():
    with pytest.raises(DataError, match=r"shape \(28, 28\) has 784 values, but one input has 64"):
        Dataset(np.zeros((2, 64)), [0, 1], image_shape=(28, 28))


@pytest.mark.parametrize("label", [3, -1])
def test_a_label_outside_the_classes_is_named_with_its_position(label):
    with pytest.raises(DataError, match=rf"toy: label 1 is {label}, but there are 3 classes"):
        Dataset(np.zeros((3, 2)), [0, label, 1], name="toy", classes="abc")


def test_probabilities_as_targets_need_not_be_labels():
    data = Dataset(np.zeros((2, 2)), [[0.2, 0.8], [1.0, 0.0]], classes="ab")
    assert data.targets.shape == (2, 2)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", ["inputs", "targets"])
def test_check_finite_names_the_first_bad_value_and_counts_all(kind, value):
    arrays = {"inputs": np.zeros((5, 2, 3)), "targets": np.zeros((5, 2, 3))}
    arrays[kind][1, 0, 2] = value
    arrays[kind][4, 1, 1] = np.nan
    data = Dataset(**arrays, name="toy")
    with pytest.raises(DataError, match=rf"toy: {kind}\[1, 0, 2\] is {value} \(2 of 30 values"):
        data.check_finite()


def test_check_finite_accepts_finite_numbers_of_every_dtype(data):
    data.check_finite()
    Dataset(np.zeros((0, 3), np.float32), np.zeros(0, np.uint8)).check_finite()


def test_repr_says_what_there_is(data):
    assert repr(data) == (
        "Dataset 'toy': 10 samples, inputs (6,) float64, targets () int64, 3 classes"
    )


def test_data_errors_are_value_errors_that_the_command_line_can_print():
    assert issubclass(DataError, ValueError)
    assert issubclass(DataError, UserError)
