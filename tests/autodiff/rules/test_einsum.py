"""einsum of operands that are large enough to go through BLAS, and the choice itself."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.rules import products

N = 48  # N**3 products are more than enough
RNG = np.random.default_rng(0)
PRODUCTS = {
    "ij,jk->ik": [(N, N), (N, N)],
    "ij,jk": [(N, N), (N, N)],
    "ij,kj->ki": [(N, N), (N, N)],
    "bij,bjk->bik": [(2, N, N), (2, N, N)],
    "...ij,jk->...ik": [(2, N, N), (N, N)],
    "ij,jk,kl->il": [(N, N), (N, N), (N, 2)],
    "iij,jk->ik": [(N, N, N), (N, N)],
    "ij,jk->": [(N, N), (N, N)],
}
OTHERS = {
    "ij,jk->ik": [(8, 8), (8, 8)],
    "ij,ij->ij": [(N, N), (N, N)],
    "ij,ij->i": [(N, N), (1, N)],
    "ij->ji": [(N * N, N)],
}


@pytest.mark.parametrize("subscripts", PRODUCTS)
def test_large_products_have_the_value_and_the_gradients_of_the_plain_loop(subscripts):
    arrays = [RNG.standard_normal(shape) for shape in PRODUCTS[subscripts]]
    leaves = [ad.tensor(array, requires_grad=True) for array in arrays]
    result = np.einsum(subscripts, *leaves)
    plain = np.einsum(subscripts, *arrays)
    np.testing.assert_allclose(result.data, plain, rtol=1e-10, atol=1e-9)
    g = RNG.standard_normal(plain.shape)
    result.backward(g)
    for index, leaf in enumerate(leaves):
        # The result is linear in each operand: its change along a direction is exact.
        along = RNG.standard_normal(leaf.shape)
        moved = [along if i == index else array for i, array in enumerate(arrays)]
        expected = np.sum(g * np.einsum(subscripts, *moved))
        np.testing.assert_allclose(np.sum(leaf.grad * along), expected, rtol=1e-9)


def chosen(monkeypatch, subscripts, shapes, **options):
    """What `optimize` is when NumPy is called for these operands, and for their gradients."""
    seen = []
    plain = np.einsum

    def einsum(*args, optimize=False, **kwargs):
        seen.append(optimize)
        return plain(*args, optimize=optimize, **kwargs)

    leaves = [ad.tensor(np.ones(shape), requires_grad=True) for shape in shapes]
    result = np.einsum(subscripts, *leaves, **options)  # compiles what is called first
    monkeypatch.setattr(products.np, "einsum", einsum)
    result = products.einsum(subscripts, *leaves, **options)
    result.backward(np.ones(result.shape))
    monkeypatch.undo()
    return seen


@pytest.mark.parametrize("subscripts", [s for s in PRODUCTS if not s.endswith("->")])
def test_large_products_go_through_blas_forward_and_back(monkeypatch, subscripts):
    assert all(chosen(monkeypatch, subscripts, PRODUCTS[subscripts]))


@pytest.mark.parametrize("subscripts", OTHERS)
def test_what_has_few_products_does_not_look_for_a_way_through_blas(monkeypatch, subscripts):
    assert not any(chosen(monkeypatch, subscripts, OTHERS[subscripts]))


def test_a_wish_is_respected(monkeypatch):
    assert chosen(monkeypatch, "ij,jk->ik", [(2, 2), (2, 2)], optimize="greedy")[0] == "greedy"


def test_wrong_subscripts_of_large_operands_are_an_error():
    t = ad.tensor(np.ones((400, 400)), requires_grad=True)
    with pytest.raises(ValueError, match="3 operands but 2 arrays"):
        np.einsum("ij,jk,kl->il", t, t)
    with pytest.raises(ValueError, match="einsum"):
        np.einsum("ijk,jk->i", t, t)
