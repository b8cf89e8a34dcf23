"""Numerical derivatives are as good as they say."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import DtypeError
from autodiff.testing import numerical_gradient, numerical_jacobian
from autodiff.testing.differences import Packing, derivative

SMOOTH = {
    "exp": (np.exp, 1.0),
    "pole nearby": (lambda h: 1 / (0.1 + h), -100.0),
    "edge of the domain nearby": (lambda h: np.log(1e-4 + h), 1e4),
    "oscillating": (lambda h: np.sin(1e4 * h), 1e4),
    "nearly flat": (lambda h: np.tanh(10 + h), 8.2446145466263943e-09),
    "large values": (lambda h: 1e8 + h, 1.0),
    "a kink nearby": (lambda h: abs(h - 0.003), -1.0),
    "a symmetric kink": (lambda h: abs(h) + h, 1.0),
    "in single precision": (lambda h: np.float64(np.float32(np.exp(h))), 1.0),
}


@pytest.mark.parametrize(("path", "slope"), SMOOTH.values(), ids=SMOOTH)
def test_the_error_is_small_and_known(path, slope):
    value, error = derivative(lambda h: np.array([path(h)]))
    assert abs(value[0] - slope) <= 1e-5 * abs(slope)
    assert error[0] <= 3e-5 * abs(slope)


def test_elements_do_not_disturb_each_other():
    value, error = derivative(lambda h: np.array([np.exp(h), np.sign(h), 0.0, 1e-9 * h]))
    np.testing.assert_allclose(value[[0, 2, 3]], [1, 0, 1e-9], rtol=1e-7)
    assert error[1] > 1


def test_arrays_are_packed_end_to_end():
    arrays = [np.ones((2, 2)), np.array(1 - 2j), np.zeros(0), np.float64(7.0)]
    packing = Packing(arrays)
    vector = packing.pack(arrays)
    np.testing.assert_array_equal(vector, [1, 1, 1, 1, 1, -2, 7])
    for array, again in zip(arrays, packing.unpack(vector), strict=True):
        np.testing.assert_array_equal(array, again)
    assert packing.place(3) == (0, (1, 1), "")
    assert packing.place(5) == (1, (), "imaginary part")
    assert packing.place(6) == (3, (), "")


def test_the_gradient_has_the_structure_of_the_argument():
    def f(x, p):
        return x * np.sum(p["w"][0] ** 2)

    g = numerical_gradient(f, 2.0, {"w": [np.array([1.0, 3.0])]}, argnums=1)
    np.testing.assert_allclose(g["w"][0], [4, 12])


def test_the_gradient_needs_one_real_number():
    with pytest.raises(ValueError, match=r"returned shape \(2,\).*numerical_jacobian"):
        numerical_gradient(lambda x: x, np.ones(2))
    with pytest.raises(DtypeError, match="gradients need a float"):
        numerical_gradient(lambda x: x, 3)


@pytest.mark.parametrize("shape", [(), (0,), (2,), (2, 2)])
def test_the_jacobian_has_the_form_of_the_analytic_one(shape):
    x = np.arange(1.0, 1 + np.prod(shape)).reshape(shape)

    def f(x):
        return {"a": np.sin(x), "b": [np.sum(x**2), np.stack([x, -x])]}

    numeric, analytic = numerical_jacobian(f, x), ad.jacobian(f)(x)
    np.testing.assert_allclose(numeric["a"], analytic["a"], atol=1e-9)
    for n, a in zip(numeric["b"], analytic["b"], strict=True):
        assert n.shape == a.shape
        np.testing.assert_allclose(n, a, atol=1e-9)


def test_jacobians_of_complex_functions():
    z, x = np.array([1 + 2j, -1j]), np.array([0.5, 2.0])
    np.testing.assert_allclose(numerical_jacobian(lambda z: z**3, z), np.diag(3 * z**2), atol=1e-8)
    np.testing.assert_allclose(
        numerical_jacobian(lambda x: np.exp(1j * x), x), np.diag(1j * np.exp(1j * x)), atol=1e-9
    )
    np.testing.assert_allclose(
        numerical_jacobian(lambda z: np.abs(z) ** 2, z), np.diag(2 * np.conj(z)), atol=1e-8
    )
