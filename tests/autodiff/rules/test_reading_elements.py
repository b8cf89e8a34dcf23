"""Elements, rows and slices that are read one by one: the backward pass takes linear time."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.engine.graph import Placed

ROWS = 24
READS = {
    "elements": lambda x, i: x[i, 0] * i,
    "negative": lambda x, i: x[-1 - i, i % 3] * i,
    "rows": lambda x, i: np.sum(x[i] * i),
    "slices": lambda x, i: np.sum(x[i : i + 2] * i),
    "columns": lambda x, i: np.sum(x[:, i % 3] * i),
    "steps": lambda x, i: np.sum(x[::-2, None, i % 3 :] * i),
    "of a row": lambda x, i: x[i][1] * i,
    "whole numbers of NumPy": lambda x, i: x[np.int64(i), np.uint8(2)] * i,
    "everything": lambda x, i: np.sum(x[...] * i),
    "lists": lambda x, i: np.sum(x[[i, i, 0]] * i),
    "masks": lambda x, i: np.sum(x[np.arange(ROWS) > i] * i),
}


def total(read, x):
    return sum(read(x, i) for i in range(ROWS))


def expected(read, dtype):
    """One read after the other, added up."""
    slopes = np.zeros((ROWS, 3), dtype)
    for i in range(ROWS):
        slopes += ad.grad(lambda x, i=i: np.real(read(x, i) * (1 + 2j)))(np.ones((ROWS, 3), dtype))
    return slopes


@pytest.mark.parametrize("dtype", ["f", "d", "F", "D"])
@pytest.mark.parametrize("inner", [False, True], ids=["leaf", "inner"])
@pytest.mark.parametrize("name", READS)
@pytest.mark.filterwarnings("ignore::autodiff.errors.ConstantOutputWarning")
def test_many_reads_add_up(name, inner, dtype):
    read = READS[name]
    x = ad.tensor(np.ones((ROWS, 3), dtype), requires_grad=True)
    y = x * np.ones((), dtype) if inner else x
    seen = []
    y.register_hook(seen.append)
    loss = np.real(total(read, y) * (1 + 2j))
    loss.backward(retain_graph=True)
    slopes = expected(read, dtype)
    np.testing.assert_allclose(x.grad, slopes, rtol=1e-5)
    assert x.grad.dtype == dtype
    assert [type(g) for g in seen] == [np.ndarray]
    loss.backward()
    np.testing.assert_allclose(x.grad, 2 * slopes, rtol=1e-5)


@pytest.mark.parametrize("name", READS)
def test_many_reads_among_other_uses(name):
    read = READS[name]
    x = np.linspace(0.5, 1.5, 3 * ROWS).reshape(ROWS, 3)

    def f(x):
        return np.sum(np.exp(x)) + total(lambda x, i: read(x * x, i) + read(x, i), x) + x[0, 0] ** 3

    reads = ad.grad(lambda x: total(read, x))(x)
    slopes = np.exp(x) + reads * (1 + 2 * x)
    slopes[0, 0] += 3 * x[0, 0] ** 2
    np.testing.assert_allclose(ad.grad(f)(x), slopes)
    second = ad.grad(lambda x: np.sum(ad.grad(f)(x)))(x)
    steeper = np.exp(x) + 2 * reads
    steeper[0, 0] += 6 * x[0, 0]
    np.testing.assert_allclose(second, steeper)


@pytest.mark.parametrize("name", [n for n in READS if n not in ("lists", "masks", "of a row")])
def test_arrays_of_zeros_are_made_for_the_first_two_reads_only(name, monkeypatch):
    made = []
    dense = Placed.dense
    monkeypatch.setattr(Placed, "dense", lambda p, shape: made.append(shape) or dense(p, shape))
    ad.grad(lambda x: total(READS[name], x))(np.ones((ROWS, 3)))
    assert made == [(ROWS, 3)] * 2
