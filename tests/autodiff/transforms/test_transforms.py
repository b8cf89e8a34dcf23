"""grad, vjp, jvp, jacobian, hessian, hvp: nested containers, nesting, complex numbers."""

import collections
from collections import namedtuple

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import ConstantOutputWarning, DtypeError, GradientError, ShapeError
from autodiff.testing import numerical_gradient, numerical_jacobian

X = np.array([0.5, -1.0, 2.0])
MATRIX = np.array([[2.0, 1.0, 0.0], [1.0, 3.0, -1.0], [0.0, -1.0, 4.0]])


def quadratic(x):
    return 0.5 * x @ MATRIX @ x


# ---------------------------------------------------------------- grad


def test_the_gradient_of_a_quadratic_form():
    np.testing.assert_allclose(ad.grad(quadratic)(X), MATRIX @ X)


def test_value_and_grad_gives_plain_arrays():
    value, g = ad.value_and_grad(quadratic)(X)
    assert value == quadratic(X)
    assert type(g) is np.ndarray
    assert not isinstance(value, ad.Tensor)


def test_the_function_sees_tensors():
    seen = []
    ad.grad(lambda x, y: seen.extend([x, y]) or np.sum(x * y))(X, X)
    assert isinstance(seen[0], ad.Tensor)
    assert seen[1] is X


def test_argnums_chooses_arguments():
    def f(x, y, z):
        return np.sum(x * y**2) + z

    assert ad.grad(f, argnums=2)(X, X, 1.0) == 1.0
    np.testing.assert_allclose(ad.grad(f, argnums=-2)(X, X, 1.0), 2 * X * X)
    first, last = ad.grad(f, argnums=(0, 2))(X, X, 1.0)
    np.testing.assert_allclose(first, X**2)
    assert last == 1.0


def test_an_argument_that_is_not_there_is_an_error():
    with pytest.raises(GradientError, match=r"argnums=3.*2 positional"):
        ad.grad(lambda x, y: x, argnums=3)(1.0, 2.0)


def test_keyword_arguments_are_passed_on():
    assert ad.grad(lambda x, *, scale: scale * x)(1.0, scale=3.0) == 3.0


Layer = namedtuple("Layer", ["weight", "bias"])


def test_gradients_have_the_structure_of_nested_arguments():
    parameters = {"layers": [Layer(X, 1.0), (2 * X, None)], "scale": 2.0}

    def f(p):
        first, second = p["layers"]
        return p["scale"] * (np.sum(first.weight * second[0]) + first.bias)

    g = ad.grad(f)(parameters)
    assert list(g) == ["layers", "scale"]
    assert isinstance(g["layers"][0], Layer)
    assert g["layers"][1][1] is None
    np.testing.assert_allclose(g["layers"][0].weight, 4 * X)
    np.testing.assert_allclose(g["layers"][1][0], 2 * X)
    assert (g["layers"][0].bias, g["scale"]) == (2.0, 2 * np.sum(X * X) + 1)


def test_dtypes_are_kept():
    g = ad.grad(lambda p: np.sum(p[0]) * p[1])([np.ones(2, np.float32), np.float64(2)])
    assert [part.dtype for part in g] == [np.float32, np.float64]


def test_elementwise_grad_is_the_derivative_at_every_element():
    np.testing.assert_allclose(ad.elementwise_grad(np.tanh)(X), 1 - np.tanh(X) ** 2)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: x * 2, r"returned shape \(3,\).*ad\.jacobian"),
        (lambda x: (np.sum(x), x), "returned tuple, not a number"),
        (lambda x: np.sum(x) * 1j, "complex"),
        (lambda x: X, r"plain array of shape \(3,\)"),
    ],
)
def test_a_function_without_a_single_number_has_no_gradient(f, message):
    with pytest.raises(GradientError, match=message):
        ad.grad(f)(X)


def test_whole_numbers_have_no_gradient():
    with pytest.raises(DtypeError, match=r"the int 2.*1\.0 instead of 1"):
        ad.grad(lambda x: x * 1.0)(2)
    with pytest.raises(DtypeError, match=r"argument\[0\]\['n'\].*int64"):
        ad.grad(lambda p: p["x"])({"n": np.arange(3), "x": 1.0})


@pytest.mark.parametrize(
    "f",
    [
        lambda x: 3.0,
        lambda x: float(x.detach()),
        lambda x: x.data * 2,
        lambda x: x.detach().item(),
        lambda x: x.detach() * 2,
    ],
)
def test_a_result_that_does_not_depend_on_the_argument_warns(f):
    with pytest.warns(
        ConstantOutputWarning, match=r"does not depend on the argument.*gradient is 0"
    ):
        assert ad.grad(f)(1.0) == 0.0


def test_the_warning_points_at_the_callers_line():
    with pytest.warns(ConstantOutputWarning) as caught:
        ad.grad(lambda x: 3.0)(1.0)
    assert caught[0].filename == __file__


# ---------------------------------------------------------------- nesting


def test_grad_nests_to_any_order():
    f = np.sin
    for expected in (np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin):
        f = ad.grad(f)
        assert f(0.7) == pytest.approx(expected(0.7), rel=1e-14)


def test_nested_derivatives_with_respect_to_different_variables():
    mixed = ad.grad(lambda y: ad.grad(lambda x: np.sin(x * y))(2.0))
    assert mixed(3.0) == pytest.approx(np.cos(6.0) - 6 * np.sin(6.0))


def test_perturbations_are_not_confused():
    # The inner derivative treats x as a constant although x has a tangent of its own.
    assert ad.grad(lambda x: x * ad.grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert ad.grad(lambda x: x * ad.grad(lambda y: x * y)(2.0))(3.0) == 6.0
    assert (
        ad.jvp(lambda x: x * ad.jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,))[1] == 1.0
    )
    assert ad.grad(lambda x: x * ad.jvp(lambda y: x * y, (2.0,), (1.0,))[1])(3.0) == 6.0


@pytest.mark.filterwarnings("ignore::autodiff.errors.ConstantOutputWarning")
def test_the_inner_function_may_return_the_outer_variable():
    assert ad.grad(lambda x: ad.grad(lambda y: x)(1.0) + x)(2.0) == 1.0


def test_forward_over_reverse_and_reverse_over_forward_agree():
    f = lambda x: np.sum(np.exp(x) * np.sin(x)[::-1])  # noqa: E731
    v = np.array([1.0, 0.5, -0.25])
    forward_over_reverse = ad.jvp(ad.grad(f), (X,), (v,))[1]
    reverse_over_forward = ad.grad(lambda x: ad.jvp(f, (x,), (v,))[1])(X)
    np.testing.assert_allclose(forward_over_reverse, reverse_over_forward, rtol=1e-12)
    np.testing.assert_allclose(forward_over_reverse, ad.hvp(f, (X,), (v,)), rtol=1e-12)
    np.testing.assert_allclose(forward_over_reverse, ad.hessian(f)(X) @ v, rtol=1e-12)


def test_a_transform_of_tensors_returns_tensors_that_differentiate():
    x = ad.tensor(X, requires_grad=True)
    g = ad.grad(lambda x: np.sum(x**3))(x)
    assert isinstance(g, ad.Tensor)
    g.sum().backward()
    np.testing.assert_allclose(x.grad, 6 * X)


def test_captured_tensors_get_no_gradient_from_a_transform():
    w = ad.tensor(2.0, requires_grad=True)
    g = ad.grad(lambda x: w * x)(3.0)
    assert float(g) == 2.0
    assert w.grad is None


def test_a_training_loop_through_a_gradient_step():
    def after_one_step(rate):
        x = ad.as_tensor(X)
        x = x - rate * ad.grad(quadratic)(x)
        return quadratic(x)

    g = MATRIX @ X
    assert ad.grad(after_one_step)(0.1) == pytest.approx(-g @ MATRIX @ (X - 0.1 * g))


# ---------------------------------------------------------------- vjp and jvp


def test_a_pullback_may_be_called_again_and_again():
    out, pullback = ad.vjp(lambda x, y: np.outer(x, y), X, 2 * X)
    np.testing.assert_array_equal(out, np.outer(X, 2 * X))
    for cotangent in (np.ones((3, 3)), np.eye(3)):
        gx, gy = pullback(cotangent)
        np.testing.assert_allclose(gx, cotangent @ (2 * X))
        np.testing.assert_allclose(gy, cotangent.T @ X)


def test_vjp_of_nested_results():
    out, pullback = ad.vjp(lambda x: {"sum": np.sum(x), "all": [x * x]}, X)
    assert out["sum"] == np.sum(X)
    (g,) = pullback({"sum": 1.0, "all": [np.array([1.0, 0.0, 0.0])]})
    np.testing.assert_allclose(g, 1 + 2 * X * [1, 0, 0])


def test_a_pullback_refuses_what_does_not_fit():
    _, pullback = ad.vjp(lambda x: x * 2, X)
    with pytest.raises(ShapeError, match=r"cotangent has shape \(2,\).*\(3,\)"):
        pullback(np.ones(2))
    with pytest.raises(ShapeError, match="2 parts"):
        pullback((X, X))


def test_a_pullback_can_be_differentiated():
    def through(w):
        _, pullback = ad.vjp(np.sin, X)
        return np.sum(pullback(w)[0] ** 2)

    np.testing.assert_allclose(ad.grad(through)(np.ones(3)), 2 * np.cos(X) ** 2)


def test_jvp_is_the_directional_derivative():
    v = np.array([1.0, 2.0, 3.0])
    out, tangent = ad.jvp(lambda x, s: s * np.tanh(x), (X, 2.0), (v, 0.5))
    np.testing.assert_allclose(out, 2 * np.tanh(X))
    np.testing.assert_allclose(tangent, 2 * (1 - np.tanh(X) ** 2) * v + 0.5 * np.tanh(X))


def test_jvp_of_nested_arguments_and_results():
    _, tangent = ad.jvp(
        lambda p: (p["x"] * 2, {"constant": X, "y": np.sum(p["x"])}), ({"x": X},), ({"x": 2 * X},)
    )
    np.testing.assert_array_equal(tangent[0], 4 * X)
    np.testing.assert_array_equal(tangent[1]["constant"], 0)
    assert tangent[1]["y"] == 2 * np.sum(X)


@pytest.mark.parametrize(
    ("primals", "tangents", "message"),
    [
        (X, X, "primals must be a tuple"),
        ((X,), X, "tangents must be a tuple"),
        ((X,), (np.ones(2),), r"tangent\[0\] has shape \(2,\).*\(3,\)"),
        ((X,), (X, X), "1 primals but 2 tangents"),
    ],
)
def test_jvp_refuses_tangents_that_do_not_fit(primals, tangents, message):
    with pytest.raises(ShapeError, match=message):
        ad.jvp(np.sin, primals, tangents)


def test_jvp_records_only_what_depends_on_the_cotangent():
    """The derivative of sin is recorded times the cotangent; the cosine in it is a plain array."""
    with ad.trace() as trace:
        ad.jvp(np.sin, (X,), (np.ones(3),))
    assert [operation.primitive.name for operation in trace] == ["sin", "multiply"]
    with ad.trace() as trace:  # here the outer gradient goes through the cosine, too
        ad.grad(lambda x: np.sum(ad.jvp(np.sin, (x,), (np.ones(3),))[1]))(X)
    assert "cos" in [operation.primitive.name for operation in trace]


def test_in_place_code_has_tangents():
    def f(x):
        y = np.copy(x)
        y[0] = y[1] * y[2]
        y += x
        return y

    tangent = ad.jvp(f, (X,), (np.ones(3),))[1]
    np.testing.assert_allclose(tangent, [X[1] + X[2] + 1, 2, 2])


# ---------------------------------------------------------------- jacobian, hessian, hvp


@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (0,)])
def test_the_jacobian_has_the_shapes_of_result_and_argument(shape):
    x = np.arange(float(np.prod(shape))).reshape(shape)
    jacobian = ad.jacobian(lambda x: np.stack([x, x * x, np.sin(x)]))(x)
    assert jacobian.shape == (3, *shape, *shape)
    size = x.size
    rows = jacobian.reshape(3, size, size)
    for row, slope in zip(rows, (np.ones(size), 2 * x.ravel(), np.cos(x).ravel()), strict=True):
        np.testing.assert_allclose(row, np.diag(slope))


def test_jacobians_of_nested_structures():
    def f(p, x):
        return {"a": p["w"] * x, "b": np.sum(p["w"]) * p["s"]}

    jacobian = ad.jacobian(f)({"w": X, "s": 2.0}, 3.0)
    np.testing.assert_allclose(jacobian["a"]["w"], 3 * np.eye(3))
    np.testing.assert_allclose(jacobian["a"]["s"], np.zeros(3))
    np.testing.assert_allclose(jacobian["b"]["w"], [2, 2, 2])
    assert jacobian["b"]["s"] == np.sum(X)


def test_the_jacobian_for_several_arguments():
    by_x, by_y = ad.jacobian(lambda x, y: x * y, argnums=(0, 1))(X, 2 * X)
    np.testing.assert_allclose(by_x, np.diag(2 * X))
    np.testing.assert_allclose(by_y, np.diag(X))


def test_the_hessian_of_a_quadratic_form():
    np.testing.assert_allclose(ad.hessian(quadratic)(X), MATRIX)


def test_the_hessian_of_nested_arguments():
    hessian = ad.hessian(lambda p: p["a"] ** 2 * np.sum(p["b"]))({"a": 3.0, "b": X})
    assert hessian["a"]["a"] == pytest.approx(2 * np.sum(X))
    np.testing.assert_allclose(hessian["a"]["b"], [6, 6, 6])
    np.testing.assert_allclose(hessian["b"]["b"], np.zeros((3, 3)))


def test_hvp_of_several_arguments():
    def f(x, y):
        return np.sum(x**2 * y)

    v, w = np.array([1.0, 0.0, 2.0]), np.array([0.5, 1.0, 0.0])
    by_x, by_y = ad.hvp(f, (X, 2 * X), (v, w))
    np.testing.assert_allclose(by_x, 2 * (2 * X) * v + 2 * X * w)
    np.testing.assert_allclose(by_y, 2 * X * v)


def test_rosenbrock_against_numerical_derivatives():
    def f(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    np.testing.assert_allclose(ad.grad(f)(X), numerical_gradient(f, X), rtol=1e-9)
    np.testing.assert_allclose(ad.hessian(f)(X), numerical_jacobian(ad.grad(f), X), rtol=1e-9)


# ---------------------------------------------------------------- complex numbers


def test_gradients_of_complex_arguments_point_uphill():
    z = np.array([1 + 2j, -3j])
    g = ad.grad(lambda z: np.sum(np.abs(z) ** 2))(z)
    np.testing.assert_allclose(g, 2 * z)
    np.testing.assert_allclose(numerical_gradient(lambda z: np.sum(np.abs(z) ** 2), z), 2 * z)


def test_the_jacobian_of_a_holomorphic_function_is_its_derivative():
    z = np.array([1 + 2j, -3j])
    np.testing.assert_allclose(ad.jacobian(np.sin)(z), np.diag(np.cos(z)))
    np.testing.assert_allclose(numerical_jacobian(np.sin, z), np.diag(np.cos(z)), atol=1e-9)


def test_the_jacobian_of_a_complex_function_of_real_numbers_is_complex():
    jacobian = ad.jacobian(lambda x: np.exp(1j * x))(X)
    np.testing.assert_allclose(jacobian, np.diag(1j * np.exp(1j * X)))


def test_jvp_of_complex_functions():
    z, v = np.array([1 + 2j, -3j]), np.array([1j, 2.0])
    np.testing.assert_allclose(ad.jvp(np.exp, (z,), (v,))[1], np.exp(z) * v)
    tangent = ad.jvp(lambda x: np.exp(1j * x), (X,), (np.ones(3),))[1]
    np.testing.assert_allclose(tangent, 1j * np.exp(1j * X))


def test_a_pullback_of_complex_numbers_is_the_adjoint():
    z, w = np.array([1 + 2j, -3j]), np.array([2 - 1j, 1j])
    (g,) = ad.vjp(np.exp, z)[1](w)
    np.testing.assert_allclose(g, np.conj(np.exp(z)) * w)


def test_gradients_of_real_arguments_through_complex_numbers_are_real():
    g = ad.grad(lambda x: np.sum(np.abs(np.exp(1j * x) + 1) ** 2))(X)
    assert g.dtype == np.float64
    np.testing.assert_allclose(g, -2 * np.sin(X))


# ---------------------------------------------------------------- holomorphic or not

Z = np.array([1 + 2j, -0.5 + 0.25j])
HOLOMORPHIC = {
    "square": (lambda z: z * z, lambda z: np.diag(2 * z)),
    "exp": (np.exp, lambda z: np.diag(np.exp(z))),
    "inverse": (lambda z: 1 / z, lambda z: np.diag(-1 / z**2)),
    "sum of sines": (lambda z: np.sum(np.sin(z)), np.cos),
    "linear": (lambda z: np.array([[1j, 2], [3, 4j]]) @ z, lambda z: np.array([[1j, 2], [3, 4j]])),
    "conjugated twice": (lambda z: np.conj(np.conj(z) ** 2), lambda z: np.diag(2 * z)),
    "constant": (lambda z: 0 * z, lambda z: np.zeros((2, 2))),
}
OTHERS = {
    "conj": np.conj,
    "abs": np.abs,
    "real": np.real,
    "imag": np.imag,
    "angle": np.angle,
    "square of abs": lambda z: np.abs(z) ** 2,
    "z conj(z)": lambda z: z * np.conj(z),
    "real of the square": lambda z: np.real(z * z),
    "norm": np.linalg.norm,
    "sign": np.sign,
    "nearly holomorphic": lambda z: z + 1e-3 * np.conj(z),
    "in one element": lambda z: z * z + np.array([0, 1]) * np.conj(z),
    "gradient": ad.grad(lambda z: np.real(np.sum(z**3))),
}


@pytest.mark.parametrize("dtype", ["F", "D"])
@pytest.mark.parametrize("name", HOLOMORPHIC)
def test_a_holomorphic_function_has_a_complex_jacobian(name, dtype):
    function, expected = HOLOMORPHIC[name]
    z = Z.astype(dtype)
    found = ad.jacobian(function)(z)
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected(z), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", ["F", "D"])
@pytest.mark.parametrize("name", OTHERS)
def test_no_other_function_has(name, dtype):
    with pytest.raises(GradientError, match=r"not holomorphic.*real=True"):
        ad.jacobian(OTHERS[name])(Z.astype(dtype))
    with pytest.raises(GradientError, match="not holomorphic"):
        ad.jacobian(lambda x, z: (x, OTHERS[name](z)), (0, 1))(1.0, Z.astype(dtype))


@pytest.mark.parametrize("name", [*HOLOMORPHIC, *OTHERS])
def test_every_function_has_a_jacobian_of_real_and_imaginary_parts(name):
    function = OTHERS[name] if name in OTHERS else HOLOMORPHIC[name][0]

    def parts(x):
        y = np.asarray(function(x[..., 0] + 1j * x[..., 1]))
        return np.stack([y.real, y.imag], -1) if y.dtype.kind == "c" else y

    x = np.stack([Z.real, Z.imag], -1)
    np.testing.assert_allclose(
        ad.jacobian(function, real=True)(Z), numerical_jacobian(parts, x), rtol=1e-6, atol=1e-7
    )


def test_a_hessian_by_complex_numbers_is_one_by_their_parts():
    for function in (lambda z: np.real(z * z), lambda z: np.abs(z) ** 2, lambda z: np.imag(z**3)):
        with pytest.raises(GradientError, match="real=True"):
            ad.hessian(function)(1 + 2j)
    found = [
        ad.hessian(f, real=True)(1 + 2j)
        for f in (lambda z: np.real(z * z), lambda z: np.abs(z) ** 2)
    ]
    np.testing.assert_allclose(found, [[[2, 0], [0, -2]], [[2, 0], [0, 2]]], atol=1e-15)
    with pytest.raises(GradientError, match="real=True"):
        ad.hessian(lambda x, z: x * np.abs(z), (0, 1))(1.0, 1j)
    blocks = ad.hessian(lambda x, z: x * np.real(z * z), (0, 1), real=True)(2.0, 1 + 2j)
    np.testing.assert_allclose(blocks[0][1], [2, -4])
    np.testing.assert_allclose(blocks[1][0], [2, -4])
    np.testing.assert_allclose(blocks[1][1], [[4, 0], [0, -4]], atol=1e-15)


def test_real_arguments_do_not_care_about_real():
    x = np.array([1.0, 2.0])
    for transform in (ad.jacobian, ad.hessian):
        found = [transform(lambda x: np.sum(x**3), real=real)(x) for real in (False, True)]
        np.testing.assert_array_equal(*found)


def test_hessian_vector_products_by_complex_numbers_are_those_of_the_parts():
    v = 1 - 3j
    for function in (lambda z: np.real(z**3), lambda z: np.abs(z) ** 3):
        matrix = ad.hessian(function, real=True)(1 + 2j)
        expected = matrix @ [v.real, v.imag]
        found = ad.hvp(function, (1 + 2j,), (v,))
        np.testing.assert_allclose([found.real, found.imag], expected)


@pytest.mark.parametrize("kind", ["dict", "OrderedDict", "defaultdict"])
def test_a_mapping_comes_back_as_its_own_class(kind):
    weights = {"w": np.array([1.0, 2.0]), "b": 3.0}
    if kind == "OrderedDict":
        weights = collections.OrderedDict(weights)
    elif kind == "defaultdict":
        weights = collections.defaultdict(float, weights)
    gradient = ad.grad(lambda p: np.sum(p["w"] ** 2) * p["b"])(weights)
    assert type(gradient) is type(weights)
    assert list(gradient) == ["w", "b"]
    np.testing.assert_allclose(gradient["w"], [6.0, 12.0])
    assert gradient["b"] == 5.0
    if kind == "defaultdict":
        assert gradient.default_factory is float
    assert list(weights) == ["w", "b"]
    assert weights["b"] == 3.0  # the argument itself is left alone
