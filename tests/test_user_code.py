"""Programs as users write them. What is tested here is the interface: they run as they stand."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.testing import check_grads, numerical_gradient, numerical_jacobian

RNG = np.random.default_rng(0)
X = RNG.normal(size=(20, 3))
Y = (RNG.random(20) < 0.5).astype(float)
W = RNG.normal(size=3)


def loss(w, X, y):  # an ordinary NumPy function
    p = 1 / (1 + np.exp(-(X @ w)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def test_scalars():
    x = ad.tensor(2.0, requires_grad=True, name="x")
    y = x**3 + 4 * x
    y.backward()
    assert x.grad == 16.0


def test_the_graph_of_scalars_is_drawn(tmp_path):
    pytest.importorskip("graphviz")
    x = ad.tensor(2.0, requires_grad=True, name="x")
    y = x**3 + 4 * x
    y.backward()
    assert "multiply" in str(ad.draw(y))


def test_plain_numpy():
    value, g = ad.value_and_grad(loss)(W, X, Y)
    assert type(g) is np.ndarray
    assert value == pytest.approx(loss(W, X, Y))
    np.testing.assert_allclose(g, numerical_gradient(loss, W, X, Y), rtol=1e-8)

    H = ad.hessian(loss)(W, X, Y)
    np.testing.assert_allclose(
        H, numerical_jacobian(lambda w: ad.grad(loss)(w, X, Y), W), rtol=1e-7
    )

    v = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(ad.hvp(lambda w: loss(w, X, Y), (W,), (v,)), H @ v, rtol=1e-10)

    out, tangent = ad.jvp(lambda w: loss(w, X, Y), (W,), (v,))
    assert (out, tangent) == (pytest.approx(value), pytest.approx(g @ v))

    out, pullback = ad.vjp(lambda w: loss(w, X, Y), W)
    (gw,) = pullback(1.0)
    np.testing.assert_allclose(gw, g)


def test_scipy_minimizes():
    optimize = pytest.importorskip("scipy.optimize")
    w0 = np.zeros(3)
    res = optimize.minimize(ad.value_and_grad(loss), w0, args=(X, Y), jac=True, method="L-BFGS-B")
    assert res.success
    assert np.max(abs(ad.grad(loss)(res.x, X, Y))) < 1e-4
    assert res.fun < loss(w0, X, Y)


def test_nested_parameters():
    def net_loss(p, X, y):
        for W, b in p["layers"]:
            X = np.tanh(X @ W + b)
        return np.mean((p["scale"] * X[:, 0] - y) ** 2)

    W1, b1 = RNG.normal(size=(3, 4)), np.zeros(4)
    W2, b2 = RNG.normal(size=(4, 1)), np.zeros(1)
    params = {"layers": [(W1, b1), (W2, b2)], "scale": 1.0}
    grads = ad.grad(lambda p: net_loss(p, X, Y))(params)
    assert [tuple(g.shape for g in layer) for layer in grads["layers"]] == [
        ((3, 4), (4,)),
        ((4, 1), (1,)),
    ]
    check_grads(lambda p: net_loss(p, X, Y), params)


def test_an_operation_of_ones_own():
    @ad.primitive(x=lambda g, y, x: g * (y + (1 - y) / (1 + np.exp(-x))), domain=ad.real)
    def swish(x):
        return x / (1 + np.exp(-x))

    x = np.array([-1.0, 0.0, 2.0])
    ad.testing.check_grads(swish, x)
    ad.testing.check_primitive(swish)
    slope = ad.elementwise_grad(swish)(x)
    np.testing.assert_allclose(slope, ad.elementwise_grad(lambda x: x / (1 + np.exp(-x)))(x))

    def root(x):
        return np.cbrt(x)

    called = ad.primitive(root, x=lambda g, y: g / (3 * y * y), domain=ad.positive)
    ad.testing.check_grads(called, np.array([1.0, 8.0]))


def nll(theta, X, y):
    """The negative log-likelihood of a Gaussian process."""
    K = np.exp(theta[0]) * np.exp(-0.5 * (X[:, None] - X[None]) ** 2 / np.exp(theta[1])) + np.exp(
        theta[2]
    ) * np.eye(len(X))
    L = np.linalg.cholesky(K)
    a = np.linalg.solve(L, y)
    return 0.5 * a @ a + np.sum(np.log(np.diagonal(L)))


def test_a_gaussian_process():
    x = np.linspace(0, 3, 8)
    check_grads(lambda theta: nll(theta, x, np.sin(x)), np.array([0.1, -0.3, -2.0]))


def test_a_physical_system():
    def energy_after(q, p, steps=1000, h=1e-2):
        for _ in range(steps):
            p = p - h * np.sin(q)
            q = q + h * p
        return 0.5 * p**2 - np.cos(q)

    g = ad.grad(energy_after)(1.0, 0.0)
    assert g == pytest.approx(numerical_gradient(energy_after, 1.0, 0.0), rel=1e-8)
    assert g == pytest.approx(np.sin(1.0), rel=0.05)  # energy is conserved


def tridiagonal_solve(a, b, c, d):  # textbook NumPy, item assignment and all
    n = len(d)
    x = np.zeros_like(d)
    c, d = np.copy(c), np.copy(d)
    c[0] = c[0] / b[0]
    d[0] = d[0] / b[0]
    for i in range(1, n):
        scale = b[i] - a[i] * c[i - 1]
        c[i] = c[i] / scale
        d[i] = (d[i] - a[i] * d[i - 1]) / scale
    x[n - 1] = d[n - 1]
    for i in reversed(range(n - 1)):
        x[i] = d[i] - c[i] * x[i + 1]
    return x


def test_in_place_code():
    a, b, c, d = RNG.normal(size=(4, 5)) + np.array([[0.0], [4.0], [0.0], [0.0]])
    matrix = np.diag(b) + np.diag(a[1:], -1) + np.diag(c[:-1], 1)
    np.testing.assert_allclose(matrix @ tridiagonal_solve(a, b, c, d), d)
    check_grads(tridiagonal_solve, a, b, c, d)


def test_assigning_into_an_array_that_cannot_hold_a_gradient():
    def f(x):
        y = np.zeros(2)
        y[:] = x
        return np.sum(y)

    with pytest.raises(ad.errors.GradientError, match=r"ad\.numpy\.zeros\(n\)|np\.zeros_like"):
        ad.grad(f)(np.ones(2))


def test_a_wrong_number_is_traced_to_the_users_line():
    p, y = ad.tensor([0.5, 0.0], requires_grad=True), np.array([1.0, 1.0])

    def step():
        loss = -np.sum(y * np.log(p))
        loss.backward()

    with pytest.raises(ad.errors.NonFiniteError) as caught, ad.debug():
        step()
    message = str(caught.value)
    assert message.startswith("log produced -inf at element (1,), input 0.0")
    assert "test_user_code.py" in message
    assert "loss = -np.sum(y * np.log(p))" in message
