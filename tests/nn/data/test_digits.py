import sys

import numpy as np
import pytest

import nn.data
from nn.errors import DataError


def rows(data) -> set[bytes]:
    return {row.tobytes() for row in data.inputs}


def test_digits_are_flat_float32_from_0_to_1_with_labels_of_ten_classes():
    train, test = nn.data.load("digits")
    assert (train.inputs.shape, test.inputs.shape) == ((1437, 64), (360, 64))
    assert train.inputs.dtype == np.float32
    assert (train.inputs.min(), train.inputs.max()) == (0, 1)
    assert np.unique(test.targets).tolist() == list(range(10))
    assert train.image_shape == (8, 8)
    assert train.source == "digits: read from scikit-learn, which ships them; split by seed 0."


@pytest.mark.parametrize("seed", [0, 7])
def test_the_splits_of_one_seed_are_fixed_and_disjoint(seed):
    train, test = (nn.data.digits(split, seed=seed) for split in ("train", "test"))
    again = nn.data.digits("test", seed=seed)
    np.testing.assert_array_equal(test.inputs, again.inputs)
    assert not rows(train) & rows(test)


def test_another_seed_gives_another_split():
    assert rows(nn.data.digits("test", seed=0)) != rows(nn.data.digits("test", seed=1))


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(DataError, match=r"digits: .*pip install scikit-learn"):
        nn.data.digits()


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="digits: unknown split 'tset'"):
        nn.data.digits("tset")


def test_an_unknown_data_set_is_answered_with_the_known_ones():
    with pytest.raises(DataError, match=r"'minst' \(did you mean mnist\?\); .* mnist, digits"):
        nn.data.load("minst")
