"""numpy.linalg: complex matrices, degenerate ones, and comparisons with PyTorch.

Random real matrices are visited by the tests of all declarations.
"""

import numpy as np
import pytest

import autodiff as ad
import autodiff.rules.linalg.eigen
import autodiff.rules.linalg.factors
import autodiff.rules.linalg.leastsquares
import autodiff.rules.linalg.norms
import autodiff.rules.linalg.solving
from autodiff.errors import GradientError, UnsupportedError
from autodiff.testing import check_grads

la = np.linalg
rng = np.random.default_rng(0)


def normal(*shape, dtype=complex):
    values = rng.normal(size=shape)
    return values + 1j * rng.normal(size=shape) if dtype is complex else values


SQUARE = normal(3, 3) + 3 * np.diag([1, 2, 3])
HERMITIAN = SQUARE @ SQUARE.conj().T + np.diag([1, 2, 4])
TALL, WIDE = normal(4, 3), normal(3, 4)
DIAGONAL = np.diag([1.0, 2.0, 2.0])  # a repeated eigenvalue


def invariant(factors):
    """What does not depend on the phases of singular vectors."""
    u, s, vh = factors
    k = s.shape[-1]
    return np.abs(u[:, :k]), s, np.abs(vh[:k]), u[:, :k] @ vh[:k]


# ---------------------------------------------------------------- complex numbers

COMPLEX = {
    "solve": (la.solve, SQUARE, normal(3, 2)),
    "solve a stack": (la.solve, np.stack([SQUARE, HERMITIAN]), normal(3)),
    "inv": (la.inv, SQUARE),
    "det": (la.det, SQUARE),
    "det of a singular matrix": (la.det, np.array([[1, 2j], [2, 4j]])),
    "slogdet": (lambda a: tuple(la.slogdet(a)), SQUARE),
    "cholesky": (la.cholesky, HERMITIAN),
    "cholesky of the upper triangle": (lambda a: la.cholesky(a, upper=True), HERMITIAN),
    "qr, tall": (lambda a: tuple(la.qr(a)), TALL),
    "qr, square": (lambda a: tuple(la.qr(a)), SQUARE),
    "qr, wide": (lambda a: tuple(la.qr(a)), WIDE),
    "qr, complete": (lambda a: tuple(la.qr(a, "complete"))[1], TALL),
    "eig": (lambda a: tuple(la.eig(a)), SQUARE),
    "eigvals": (la.eigvals, SQUARE),
    "eigvalsh": (la.eigvalsh, HERMITIAN),
    "eigh": (lambda a: (la.eigh(a)[0], np.abs(la.eigh(a, "U")[1])), HERMITIAN),
    "svdvals": (la.svdvals, TALL),
    "svd, tall": (lambda a: invariant(la.svd(a, full_matrices=False)), TALL),
    "svd, wide": (lambda a: invariant(la.svd(a)), WIDE),
    "svd of a Hermitian matrix": (
        lambda a: invariant(la.svd(a, hermitian=True))[:3],
        HERMITIAN,
    ),
    "pinv": (la.pinv, TALL),
    "pinv of a Hermitian matrix": (lambda a: la.pinv(a, hermitian=True), HERMITIAN),
    "lstsq": (lambda a, b: [la.lstsq(a, b)[k] for k in (0, 1, 3)], TALL, normal(4, 2)),
    "lstsq, wide": (lambda a, b: la.lstsq(a, b)[0], WIDE, normal(3)),
    "matrix_power": (lambda a: la.matrix_power(a, -2), SQUARE),
    "multi_dot": (lambda a, b: la.multi_dot([a, b, a, b[:, 0]]), WIDE, TALL),
}


@pytest.mark.parametrize("case", COMPLEX)
def test_complex_matrices(case):
    function, *arguments = COMPLEX[case]
    check_grads(function, *arguments)


@pytest.mark.parametrize("order", [None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf])
def test_norms_and_condition_numbers_of_complex_matrices(order):
    check_grads(lambda a: la.norm(a, order), TALL)
    check_grads(lambda a: la.cond(a, order), SQUARE)


@pytest.mark.parametrize("order", [0, 1, 2, 3, 1.5, -1, np.inf, -np.inf])
def test_norms_of_complex_vectors(order):
    check_grads(lambda a: la.norm(a, order, axis=0), TALL, atol=1e-12)


def test_eigenvectors_of_a_real_matrix_with_complex_eigenvalues():
    a = np.array([[1.0, 2.0, 0.3], [-2.0, 0.5, 0.1], [0.3, 0.2, 3.0]])
    assert np.iscomplexobj(la.eigvals(a))
    check_grads(lambda a: tuple(la.eig(a)), a)


# ---------------------------------------------------------------- what is not determined


def test_a_gradient_that_depends_on_the_phase_of_an_eigenvector_is_refused():
    with pytest.raises(GradientError, match="exp\\(i phi\\)"):
        ad.grad(lambda a: np.real(np.sum(la.eigh(a)[1])))(HERMITIAN)
    with pytest.raises(GradientError, match="exp\\(i phi\\)"):
        ad.grad(lambda a: np.real(np.sum(la.svd(a)[0])))(SQUARE)


def test_eigenvalues_may_coincide():
    np.testing.assert_allclose(ad.grad(lambda a: np.sum(la.eigvalsh(a)))(np.eye(3)), np.eye(3))
    np.testing.assert_allclose(
        ad.grad(lambda a: np.sum(la.eigvalsh(a) ** 2))(DIAGONAL), 2 * DIAGONAL, atol=1e-12
    )
    np.testing.assert_allclose(ad.grad(lambda a: la.norm(a, "nuc"))(np.eye(3)), np.eye(3))
    np.testing.assert_allclose(ad.grad(lambda a: la.norm(a, 2))(np.eye(2)), np.eye(2) / 2)


def test_eigenvectors_of_other_eigenvalues_may_be_used():
    def first(a):
        v = la.eigh(a)[1][:, 0]
        return np.abs(v[0] * v[1]) + np.abs(v[0] * v[2])

    near = DIAGONAL + 0.01 * (np.ones((3, 3)) - np.eye(3))
    check_grads(first, near)
    a = np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.0], [0.2, 0.0, 2.0]])
    g = ad.grad(lambda a: np.sum(la.eigh(a)[1][:, 0] ** 2 * np.arange(3)))(a)
    assert np.all(np.isfinite(g))


@pytest.mark.parametrize("function", [la.eigh, la.eig, la.svd])
def test_vectors_of_equal_values_are_refused(function):
    def spectral(a):
        vectors = np.real(function(a)[-1])  # those of `eig` are complex from NumPy 2.5 on
        return np.sum(vectors * np.arange(9).reshape(3, 3))

    with pytest.raises(GradientError, match="are equal"):
        ad.grad(spectral)(DIAGONAL)
    with pytest.raises(GradientError, match="are equal"):
        ad.jvp(spectral, (DIAGONAL,), (np.ones((3, 3)),))


def test_the_vector_of_a_singular_value_zero_is_refused():
    a = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    with pytest.raises(GradientError, match="singular value is 0"):
        ad.grad(lambda a: np.sum(la.svd(a, full_matrices=False)[0][:, 1]))(a)
    g = ad.grad(lambda a: np.sum(la.svd(a, full_matrices=False)[0][:, 0]))(a)
    u = np.array([1, 2, 3]) / np.sqrt(14)
    side = np.sign(la.svd(a)[0][0, 0])
    np.testing.assert_allclose(g[:, 0], side * (1 - u * u.sum()) / np.sqrt(14), atol=1e-12)


@pytest.mark.parametrize("full", [lambda a: la.svd(a)[0], lambda a: la.qr(a, "complete")[0]])
def test_an_arbitrary_basis_may_be_used_for_its_space_only(full):
    def space(a):
        rest = full(a)[:, 2:]
        return rest @ rest.T

    a = normal(4, 2, dtype=float)
    check_grads(space, a)
    with pytest.raises(GradientError, match="arbitrary basis"):
        ad.grad(lambda a: full(a)[0, 2])(a)


def test_the_other_triangle_has_no_gradient():
    a = np.array([[2.0, np.nan], [0.3, 1.0]])
    for function in (la.cholesky, la.eigvalsh):
        g = ad.grad(lambda a, f=function: np.sum(f(a)))(a)
        assert np.all(np.isfinite(g))
        assert g[0, 1] == 0
    check_grads(la.cholesky, np.array([[2.0, 7.0], [0.3, 1.0]]))


# ---------------------------------------------------------------- singular matrices

SINGULAR = {
    "rank n - 1": np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]),
    "nearly": np.array([[1.0, 2.0], [2.0, 4.0 + 1e-9]]),
    "rank n - 2": np.ones((3, 3)),
    "rank n - 3": np.ones((4, 4)),
    "zero": np.zeros((2, 2)),
    "of one element": np.zeros((1, 1)),
}


def minors(a):
    """The determinant, by Laplace's expansion."""
    if len(a) == 1:
        return a[0, 0]
    rest = range(len(a))
    return sum((-1) ** k * a[0, k] * minors(a[1:][:, [j for j in rest if j != k]]) for k in rest)


@pytest.mark.parametrize("case", SINGULAR)
def test_the_determinant_of_a_singular_matrix_is_a_polynomial_like_any_other(case):
    a = SINGULAR[case]
    for derivative in (ad.grad, ad.hessian):
        np.testing.assert_allclose(derivative(la.det)(a), derivative(minors)(a), atol=1e-12)


def test_a_singular_matrix_among_others():
    a = np.stack([SINGULAR["rank n - 2"], SQUARE.real])
    g = ad.grad(lambda a: np.sum(la.det(a)))(a)
    np.testing.assert_allclose(g[0], np.zeros((3, 3)), atol=1e-12)
    np.testing.assert_allclose(g[1], la.det(a[1]) * la.inv(a[1]).T)


def test_slogdet_of_a_singular_matrix():
    a = np.stack([np.zeros((2, 2)), 2 * np.eye(2)])

    def total(a):
        sign, log = la.slogdet(a)
        return np.sum(np.where(sign == 0, 0, log))

    np.testing.assert_allclose(ad.grad(total)(a), [np.zeros((2, 2)), np.eye(2) / 2])
    with pytest.raises(la.LinAlgError, match="singular"):
        ad.grad(lambda a: la.slogdet(a)[1][0])(a)
    with pytest.raises(la.LinAlgError, match="singular"):
        ad.grad(la.cond)(np.zeros((2, 2)))


def test_norms_are_flat_at_zero():
    for order in (None, 1, 2, 3, np.inf, -np.inf, 0):
        np.testing.assert_array_equal(
            ad.grad(lambda x, o=order: la.norm(x, o))(np.zeros(3)), np.zeros(3)
        )
    for order in (None, "nuc", 1, 2, np.inf):
        np.testing.assert_array_equal(
            ad.grad(lambda x, o=order: la.norm(x, o))(np.zeros((2, 3))), np.zeros((2, 3))
        )


def test_norms_where_some_elements_are_zero():
    x = np.array([0.0, 2.0, 0.0])
    for order in (None, 1, 1.5, 3):
        np.testing.assert_allclose(ad.grad(lambda x, o=order: la.norm(x, o))(x), [0, 1, 0])
    np.testing.assert_allclose(ad.hessian(lambda x: la.norm(x, 3))(x), np.zeros((3, 3)))


def test_matrix_power_zero_is_constant():
    np.testing.assert_array_equal(
        ad.grad(lambda a: np.sum(la.matrix_power(a, 0)))(SQUARE.real), np.zeros((3, 3))
    )


# ---------------------------------------------------------------- errors


def test_errors_say_what_to_do():
    a = ad.tensor(SQUARE.real, requires_grad=True)
    with pytest.raises(UnsupportedError, match="reduced"):
        la.qr(a, "raw")
    with pytest.raises(ValueError, match="fro"):
        la.norm(a, "frobenius")
    with pytest.raises(TypeError, match="integer"):
        la.matrix_power(a, 2.5)
    with pytest.raises(ValueError, match="two vectors"):
        la.outer(a, a)
    with pytest.raises(ValueError, match="solve"):
        la.solve(a, np.ones(2))
    with pytest.raises(la.LinAlgError, match="square system"):
        la.tensorsolve(np.ones((2, 3)) * a[0, 0], np.ones(2))


# ---------------------------------------------------------------- PyTorch

TORCH = {
    "solve": (lambda m, a: m.solve(a, a @ a), True),
    "inv": (lambda m, a: m.inv(a), True),
    "det": (lambda m, a: m.det(a), True),
    "slogdet": (lambda m, a: m.slogdet(a)[1], True),
    "cholesky": (lambda m, a: m.cholesky(a @ a.T.conj() + 1.0 * m.matrix_power(a, 0)), True),
    "qr": (lambda m, a: m.qr(a)[0] + 2 * m.qr(a)[1], True),
    "svdvals": (lambda m, a: m.svdvals(a), True),
    "polar": (
        lambda m, a: m.svd(a, full_matrices=False)[0] @ m.svd(a, full_matrices=False)[2],
        True,
    ),
    "eigh": (lambda m, a: abs(m.eigh(a @ a.T.conj())[1]), True),
    "eigvals": (lambda m, a: abs(m.eigvals(a)), True),
    "pinv": (lambda m, a: m.pinv(a[:2]), True),
    "lstsq": (lambda m, a: m.lstsq(a, a @ a)[0], True),
    "matrix_power": (lambda m, a: m.matrix_power(a, 3), True),
    "nuc": (lambda m, a: m.matrix_norm(a, ord="nuc"), True),
    "vector_norm": (lambda m, a: m.vector_norm(a, ord=3), True),
    "cond": (lambda m, a: m.cond(a), True),
}


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("case", TORCH)
def test_gradients_agree_with_pytorch(case, dtype):
    torch = pytest.importorskip("torch")
    function, _ = TORCH[case]
    a = SQUARE if dtype is complex else SQUARE.real
    other = torch.tensor(a, requires_grad=True)
    (abs(function(torch.linalg, other)) ** 2).sum().backward()
    ours = ad.grad(lambda a: np.sum(np.abs(function(la, a)) ** 2))(a)
    np.testing.assert_allclose(ours, other.grad.resolve_conj().numpy(), rtol=1e-8, atol=1e-10)
