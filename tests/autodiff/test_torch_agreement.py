"""Gradients of NumPy's functions agree with those of PyTorch, wherever it has the function."""

import numpy as np
import pytest

import autodiff as ad
from autodiff.domains import Interval
from autodiff.primitive import Primitive, entries
from autodiff.testing.declared import entry_of, intervals_of

torch = pytest.importorskip("torch")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
P = RNG.uniform(0.3, 2.0, size=(3, 4))
SQUARE = X[:, :3] @ X[:, :3].T + 3 * np.eye(3)
COMPLEX = X + 1j * RNG.normal(size=(3, 4))
INDEX = np.array([[0, 3], [1, 1], [2, 0]])


def compare(ours, theirs, arrays):
    """Values, and gradients of a weighted sum of the results, with real and complex weights."""
    tensors = [ad.tensor(array, requires_grad=True) for array in arrays]
    references = [torch.tensor(array, requires_grad=True) for array in arrays]
    results, expected = ours(*tensors), theirs(*references)
    if not isinstance(results, list | tuple):
        results, expected = [results], [expected]
    rng = np.random.default_rng(1)
    total, reference = 0.0, 0.0
    for y, z in zip(results, expected, strict=True):
        np.testing.assert_allclose(y.data, z.detach().resolve_conj().numpy(), rtol=1e-9, atol=1e-12)
        weights = rng.normal(size=y.shape)
        part = y * weights
        other = z * torch.tensor(weights)
        total = total + np.sum(np.real(part) + (np.imag(part) if np.iscomplexobj(y) else 0))
        reference = reference + torch.sum(other.real + (other.imag if other.is_complex() else 0))
    total.backward()
    reference.backward()
    for tensor, other in zip(tensors, references, strict=True):
        got = np.zeros(tensor.shape) if tensor.grad is None else tensor.grad
        wanted = np.zeros(tensor.shape) if other.grad is None else other.grad.resolve_conj().numpy()
        np.testing.assert_allclose(got, wanted, rtol=1e-8, atol=1e-12)


# ---------------------------------------------------------------- ufuncs of the same name

# Where the two have different meanings, or one of them has no derivative there.
_DIFFERENT = {"float_power", "frexp", "modf", "ldexp", "nextafter", "divmod", "heaviside"}


# The differentiable ufuncs of NumPy that PyTorch has under the same name.
UFUNCS = [
    entry.name
    for entry in entries
    if isinstance(entry, Primitive)
    and isinstance(entry.function, np.ufunc)
    and isinstance(entry.domain, Interval | tuple)
    and getattr(np, entry.name, None) is entry.function
    and hasattr(torch, entry.name)
    and entry.name not in _DIFFERENT
]


@pytest.mark.parametrize("name", UFUNCS)
def test_ufuncs(name):
    ufunc = getattr(np, name)
    intervals = intervals_of(entry_of(ufunc))
    arrays = [interval.sample(RNG, (3, 4)) for interval in intervals]
    compare(ufunc, getattr(torch, name), [a for a in arrays if a.dtype.kind == "f"])


# ---------------------------------------------------------------- everything else

CASES = {
    "amax": (lambda x: np.amax(x, 0), lambda x: torch.amax(x, 0), [np.round(X)]),
    "amin": (lambda x: np.amin(x, 0), lambda x: torch.amin(x, 0), [np.round(X)]),
    "angle": (np.angle, torch.angle, [COMPLEX]),
    "bincount": (
        lambda w: np.bincount([0, 2, 2, 1], w),
        lambda w: torch.zeros(3, dtype=w.dtype).index_add(0, torch.tensor([0, 2, 2, 1]), w),
        [X[0]],
    ),
    "clip": (lambda x: np.clip(x, -0.5, 0.7), lambda x: torch.clip(x, -0.5, 0.7), [X]),
    "concatenate": (lambda x, y: np.concatenate([x, y], 1),
                    lambda x, y: torch.cat([x, y], 1), [X, P]),
    "corrcoef": (np.corrcoef, torch.corrcoef, [X]),
    "cov": (np.cov, torch.cov, [X]),
    "cross": (np.cross, torch.linalg.cross, [X[:, :3], P[:, :3]]),
    "cumprod": (lambda x: np.cumprod(x, 1), lambda x: torch.cumprod(x, 1), [X * (P > 0.5)]),
    "cumsum": (lambda x: np.cumsum(x, 0), lambda x: torch.cumsum(x, 0), [X]),
    "det": (np.linalg.det, torch.linalg.det, [SQUARE]),
    "diagonal": (lambda x: np.diagonal(x, 1), lambda x: torch.diagonal(x, 1), [X]),
    "diff": (lambda x: np.diff(x, 2), lambda x: torch.diff(x, 2), [X]),
    "einsum": (lambda x, y: np.einsum("ij,kj->ik", x, y),
               lambda x, y: torch.einsum("ij,kj->ik", x, y), [X, P]),
    "eigvalsh": (lambda x: np.linalg.eigvalsh(x + x.T),
                 lambda x: torch.linalg.eigvalsh(x + x.T), [SQUARE]),
    "fft": (np.fft.fft, torch.fft.fft, [COMPLEX]),
    "irfft": (np.fft.irfft, torch.fft.irfft, [COMPLEX]),
    "rfft2": (np.fft.rfft2, torch.fft.rfft2, [X]),
    "flip": (lambda x: np.flip(x, (0, 1)), lambda x: torch.flip(x, (0, 1)), [X]),
    "getitem": (lambda x: x[[0, 0, 2], 1:], lambda x: x[[0, 0, 2], 1:], [X]),
    "gradient": (lambda x: np.gradient(x, 0.5, axis=1)[None],
                 lambda x: torch.gradient(x, spacing=0.5, dim=1)[0][None], [X]),
    "inv": (np.linalg.inv, torch.linalg.inv, [SQUARE]),
    "kron": (np.kron, torch.kron, [X, P]),
    "linspace": (lambda a, b: np.linspace(a, b, 5),
                 lambda a, b: a + (b - a) * torch.linspace(0, 1, 5, dtype=a.dtype)[:, None],
                 [X[0], P[0]]),
    "matmul": (np.matmul, torch.matmul, [X, P.T.copy()]),
    "mean": (lambda x: np.mean(x, 0), lambda x: torch.mean(x, 0), [X]),
    "median": (np.median, lambda x: torch.quantile(x, 0.5), [X[:, :3]]),
    "meshgrid": (lambda x, y: np.meshgrid(x, y, indexing="ij"),
                 lambda x, y: torch.meshgrid(x, y, indexing="ij"), [X[0], X[1]]),
    "nan_to_num": (np.nan_to_num, torch.nan_to_num, [np.where(P > 1, X, np.nan)]),
    "nanmean": (lambda x: np.nanmean(x, 0), lambda x: torch.nanmean(x, 0),
                [np.where(P > 0.5, X, np.nan)]),
    "nansum": (np.nansum, torch.nansum, [np.where(P > 1, X, np.nan)]),
    "norm": (np.linalg.norm, torch.linalg.norm, [X]),
    "nanquantile": (lambda x: np.nanquantile(x, 0.3, axis=1),
                    lambda x: torch.nanquantile(x, 0.3, dim=1), [np.where(P > 0.4, X, np.nan)]),
    "outer": (np.outer, torch.outer, [X[0], X[1]]),
    "pinv": (np.linalg.pinv, torch.linalg.pinv, [X]),
    "prod": (lambda x: np.prod(x, 1), lambda x: torch.prod(x, 1), [X * (P > 0.5)]),
    "quantile": (lambda x, q: np.quantile(x, q, axis=1)[0],
                 lambda x, q: torch.quantile(x, q, dim=1)[0], [X, np.array([0.3])]),
    "repeat": (lambda x: np.repeat(x, 2, 1), lambda x: torch.repeat_interleave(x, 2, 1), [X]),
    "roll": (lambda x: np.roll(x, 3, 1), lambda x: torch.roll(x, 3, 1), [X]),
    "rot90": (np.rot90, torch.rot90, [X]),
    "slogdet": (lambda x: np.linalg.slogdet(x)[1], lambda x: torch.linalg.slogdet(x)[1], [SQUARE]),
    "solve": (np.linalg.solve, torch.linalg.solve, [SQUARE, X]),
    "sort": (lambda x: np.sort(x, 0), lambda x: torch.sort(x, 0)[0], [X]),
    "stack": (lambda x, y: np.stack([x, y], 1), lambda x, y: torch.stack([x, y], 1), [X, P]),
    "std": (lambda x: np.std(x, ddof=1), torch.std, [X]),
    "svdvals": (np.linalg.svdvals, torch.linalg.svdvals, [X]),
    "take_along_axis": (lambda x: np.take_along_axis(x, INDEX, 1),
                        lambda x: torch.take_along_dim(x, torch.tensor(INDEX), 1), [X]),
    "tensordot": (lambda x, y: np.tensordot(x, y, ([0, 1], [0, 1])),
                  lambda x, y: torch.tensordot(x, y, ([0, 1], [0, 1])), [X, P]),
    "tile": (lambda x: np.tile(x, (2, 1)), lambda x: torch.tile(x, (2, 1)), [X]),
    "trace": (np.trace, torch.trace, [SQUARE]),
    "trapezoid": (np.trapezoid, torch.trapezoid, [X, np.cumsum(P, 1)]),
    "tril": (np.tril, torch.tril, [X]),
    "var": (lambda x: np.var(x, 1), lambda x: torch.var(x, 1, correction=0), [X]),
    "vecdot": (np.vecdot, torch.linalg.vecdot, [COMPLEX, np.conj(COMPLEX)]),
    "where": (lambda x, y: np.where(P > 1, x, y),
              lambda x, y: torch.where(torch.tensor(P > 1), x, y), [X, P]),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_functions(name):
    compare(*CASES[name])


def test_most_ufuncs_are_compared():
    assert len(UFUNCS) > 35
