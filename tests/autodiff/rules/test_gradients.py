"""What gradients are like: their shapes, dtypes, memory, complex numbers, and being Tensors."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import DtypeError, GradientError


def leaf(value, **options):
    return ad.tensor(value, requires_grad=True, **options)


# ---------------------------------------------------------------- what gradients are like

SHAPES = [
    ((3,), (2, 3)),
    ((2, 1), (1, 3)),
    ((), (2, 2)),
    ((1,), ()),
    ((1, 1, 1), (2,)),
    ((0,), (1,)),
]


@pytest.mark.parametrize(("a_shape", "b_shape"), SHAPES)
def test_broadcasting_is_undone(a_shape, b_shape):
    a, b = leaf(np.ones(a_shape)), leaf(np.full(b_shape, 2.0))
    y = a * b
    y.backward(np.ones(y.shape))
    repeats_a, repeats_b = (y.size / max(np.size(t.data), 1) for t in (a, b))
    np.testing.assert_array_equal(a.grad, np.full(a_shape, 2.0 * repeats_a))
    np.testing.assert_array_equal(b.grad, np.full(b_shape, 1.0 * repeats_b))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.complex64, np.complex128])
def test_a_gradient_has_the_dtype_of_its_leaf(dtype):
    x = leaf(np.ones((2, 2)), dtype=dtype)
    loss = np.sum(np.abs(np.exp(x) * 0.5 + x @ x) / 3.0)
    loss.backward()
    assert x.grad.dtype == dtype


def test_a_leaf_keeps_its_dtype_beside_wider_ones():
    x, w = leaf(np.ones(3), dtype=np.float32), leaf(np.ones(3))
    y = np.sum(x * w)
    assert y.dtype == np.float64
    y.backward()
    assert (x.grad.dtype, w.grad.dtype) == (np.float32, np.float64)


@pytest.mark.parametrize("number", [2, 2.0, True])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_python_numbers_do_not_widen(number, dtype):
    x = leaf(np.ones(3), dtype=dtype)
    for y in (x * number, number - x, x**number, number / x, np.maximum(x, number)):
        assert y.dtype == dtype
        y.backward(np.ones(3, dtype), retain_graph=True)
    assert x.grad.dtype == dtype


def test_whole_numbers_have_no_gradient():
    with pytest.raises(DtypeError, match=r"int64; convert it first, for example with dtype=float"):
        ad.tensor([1, 2], requires_grad=True)


@pytest.mark.parametrize(
    ("f", "slope"),
    [
        (lambda z: np.abs(z) ** 2, lambda z: 2 * z),
        (lambda z: np.real(z * z), lambda z: np.conj(2 * z)),
        (lambda z: np.imag(z), lambda z: 1j),
        (lambda z: np.abs(z), lambda z: z / abs(z)),
    ],
)
def test_a_complex_gradient_is_the_direction_of_steepest_ascent(f, slope):
    z = leaf(3.0 - 4.0j)
    f(z).backward()
    assert z.grad == pytest.approx(slope(z.data))
    step = 1e-6 * z.grad
    rise = float((f(z.data + step) - f(z.data - step)) / 2)
    assert rise == pytest.approx(1e-6 * abs(z.grad) ** 2)


def test_a_complex_result_has_no_direction_of_ascent():
    with pytest.raises(GradientError, match=r"complex.*np\.real, np\.imag or np\.abs"):
        (leaf(1j) * 2).backward()


def test_leaves_get_gradients_of_their_own():
    x, z = leaf([1.0, 2.0]), leaf([3.0, 4.0])
    seed = np.ones(2)
    (x + z).backward(seed)
    x.grad += 1
    np.testing.assert_array_equal(z.grad, 1)
    np.testing.assert_array_equal(seed, 1)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x.sum(),
        lambda x: np.reshape(x, -1).sum(),
        lambda x: np.broadcast_to(x, (2, 2, 2)).sum(),
        lambda x: x.T[0, 0],
        lambda x: (x + x).sum(),
    ],
)
def test_a_gradient_can_be_written_to(f):
    x = leaf(np.ones((2, 2)))
    f(x).backward()
    expected = x.grad.copy()
    x.grad += np.arange(4.0).reshape(2, 2)
    np.testing.assert_array_equal(x.grad - expected, [[0, 1], [2, 3]])


def test_the_seed_is_not_the_gradient():
    x, seed = leaf([1.0, 2.0]), np.array([5.0, 6.0])
    (x * 1).reshape(2).backward(seed)
    assert not np.shares_memory(x.grad, seed)


# ---------------------------------------------------------------- second derivatives


def test_create_graph_gives_tensors_that_can_be_differentiated_again():
    x = leaf(2.0)
    (x**4).backward(create_graph=True)
    first = x.grad
    assert isinstance(first, ad.Tensor)
    x.grad = None
    first.backward(create_graph=True)
    second = x.grad
    x.grad = None
    second.backward()
    assert (float(first), float(second), x.grad) == (32.0, 48.0, 48.0)


def test_create_graph_keeps_the_graph():
    x = leaf(2.0)
    y = x**3
    y.backward(create_graph=True)
    y.backward(create_graph=True)
    assert float(x.grad) == 24.0


def test_a_gradient_penalty():
    w = leaf([1.0, 2.0])
    x = leaf([0.3, 0.4])
    np.sum(np.tanh(w * x)).backward(create_graph=True)
    penalty = np.sum(x.grad**2)
    w.grad = None
    penalty.backward()

    def exact(w):
        g = w / np.cosh(w * x.data) ** 2
        return np.sum(g**2)

    np.testing.assert_allclose(w.grad, ad.testing.numerical_gradient(exact, w.data), rtol=1e-8)
