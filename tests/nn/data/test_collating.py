"""What a DataLoader takes for a data set, and what it refuses."""

import numpy as np
import pytest

from nn.data import DataLoader, Dataset
from nn.errors import DataError

X, Y = np.arange(10.0).reshape(5, 2), np.arange(5) * 10


class BySlices:
    """Batches at once; the protocol of the package."""

    def __len__(self):
        return 5

    def __getitem__(self, index):
        return X[index], Y[index]


class BatchesAlone(BySlices):
    def __getitem__(self, index):
        if isinstance(index, int):
            raise TypeError("no single positions")
        return X[index], Y[index]


class BySamples:
    """As PyTorch's map-style data sets."""

    def __len__(self):
        return 5

    def __getitem__(self, index):
        row = X.tolist()[index]  # a slice gives a list of lists
        return np.array(row), int(Y[index])  # and here an error


class ScaledSamples(BySlices):
    """It takes slices by accident, and gives something else for them."""

    def __getitem__(self, index):
        return X[index] / np.max(X[index]), Y[index]


class LabelledByIndex(BySlices):
    def __getitem__(self, index):
        return X[index], index


class ThreeParts(BySlices):
    def __getitem__(self, index):
        if not isinstance(index, int):
            raise TypeError
        return X[index], Y[index], np.float32(index)


SCALED = X / np.max(X, axis=1, keepdims=True)
TAKEN = {
    "a pair of arrays": ((X, Y), (X, Y)),
    "a pair of lists": ((X.tolist(), Y.tolist()), (X, Y)),
    "a Dataset": (Dataset(X, Y), (X, Y)),
    "slices": (BySlices(), (X, Y)),
    "batches alone": (BatchesAlone(), (X, Y)),
    "samples": (BySamples(), (X, Y)),
    "samples that depend on their neighbours in a slice": (ScaledSamples(), (SCALED, Y)),
    "an index as the label": (LabelledByIndex(), (X, np.arange(5))),
    "three parts": (ThreeParts(), (X, Y, np.arange(5, dtype="f4"))),
    "a list of pairs": (list(zip(X, Y, strict=True)), (X, Y)),
    "a list of lists": ([[x, y] for x, y in zip(X, Y, strict=True)], (X, Y)),
}


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("shuffle", [False, True])
def test_every_data_set_gives_its_samples(name, shuffle):
    dataset, expected = TAKEN[name]
    loader = DataLoader(dataset, 2, shuffle=shuffle, rng=np.random.default_rng(0))
    batches = list(loader)
    assert [len(batch[0]) for batch in batches] == [2, 2, 1]
    order = np.random.default_rng(0).permutation(5) if shuffle else np.arange(5)
    for found, part in zip(zip(*batches, strict=True), expected, strict=True):
        joined = np.concatenate(found)
        np.testing.assert_array_equal(joined, part[order])
        assert joined.dtype == part.dtype


def test_a_single_sample_is_enough():
    ((inputs, targets),) = DataLoader([(1.5, 2)])
    assert (inputs.tolist(), targets.tolist()) == ([1.5], [2])


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        ([X, Y], r"sample 0 .* an array of shape \(5, 2\).*give a tuple"),
        ([X, X], r"give a tuple"),
        (X, r"an array of shape \(5, 2\) has inputs but no targets"),
        (X[:, 0], r"no targets"),
        ((X,), r"a tuple of 1"),
        ((X, Y, Y), r"a tuple of 3"),
        ([1.0, 2.0], r"sample 0 .* is float, not a pair"),
        ({"x": X, "y": Y}, r"dict is no data set"),
        (iter([(1, 2)]), r"is no data set"),
        ([(1.0, 2), ([1.0, 2.0], 2)], r"shapes \[\(\), \(2,\)\]"),
        ([("a.png", 1), ("b.png", 2)], r"dtype <U5"),
        ([(1.0, 2), (1.0, 2, 3)], r"\[2, 3\] parts"),
    ],
)
def test_what_is_no_data_set_is_refused_with_what_to_pass(dataset, message):
    with pytest.raises(DataError, match=message):
        list(DataLoader(dataset, 2))
