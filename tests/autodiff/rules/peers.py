"""JAX and PyTorch as peers: the same call of the same function, and its gradient.

Most functions are found by their name, and called as NumPy's are, with what the domain of the
declaration draws. A peer may refuse a call (an option that it lacks); what it accepts must give
NumPy's value, or it is another function of the same name.
"""

import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

import autodiff as ad
from autodiff.declare.domains import NumpyDraw
from autodiff.declare.primitive import Composite, Primitive, entries
from autodiff.testing.primitives import BoundCall, draw_call
from autodiff.transforms.trees import flatten

DRAWS = 8  # calls drawn from a domain, of which the first ones that a peer accepts are compared
WANTED = 2
DIRECTIONS = 2  # of each gradient, what is stored are its components in so many random directions


class Case(NamedTuple):
    """A function of arrays, ours and theirs, and the arrays."""

    ours: Callable[..., Any]
    theirs: Callable[..., Any]
    arrays: Sequence[np.ndarray]


class Refused(Exception):
    """A peer does not take the call, or knows no derivative of it."""


class Found(NamedTuple):
    """Values and gradients, for random cotangents, in PyTorch's convention."""

    values: list[np.ndarray]
    gradients: list[np.ndarray]


def plain(value: Any) -> np.ndarray:
    return np.asarray(value.data if isinstance(value, ad.Tensor) else value)


def weights(values: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Random cotangents, always the same."""
    rng = np.random.default_rng(1)
    drawn = []
    for value in values:
        weight = rng.normal(size=value.shape)
        if value.dtype.kind == "c":
            weight = weight + 1j * rng.normal(size=value.shape)
        drawn.append(np.asarray(weight, value.dtype))
    return drawn


def ours(case: Case) -> Found:
    def function(*arrays: Any) -> list[Any]:
        leaves = flatten(case.ours(*arrays)).leaves
        return [leaf for leaf in leaves if plain(leaf).dtype.kind in "fc"]

    results, pullback = ad.vjp(function, *case.arrays)
    values = [plain(value) for value in results]
    return Found(values, [plain(g) for g in pullback(weights(values))])


# ---------------------------------------------------------------- the peers


class Jax:
    name = "JAX"

    def __init__(self) -> None:
        os.environ.setdefault("JAX_PLATFORMS", "cpu")
        import jax
        import jax.numpy as jnp
        import jax.scipy

        jax.config.update("jax_enable_x64", True)
        self.jax, self.module = jax, jnp
        self.namespaces: dict[str, list[Any]] = {
            "numpy": [jnp],
            "numpy.linalg": [jnp.linalg],
            "numpy.fft": [jnp.fft],
            "scipy.special": [jax.scipy.special],
            "scipy.linalg": [jax.scipy.linalg],
        }

    @staticmethod
    def call(function: Callable[..., Any], bound: BoundCall) -> Callable[..., Any]:
        def called(*arrays: Any) -> Any:
            args, kwargs = bound.with_arrays(arrays)
            return function(*args, **kwargs)

        return called

    def gradients(self, case: Case, cotangents: Sequence[np.ndarray]) -> Found:
        jnp, tree = self.module, self.jax.tree_util

        def function(*arrays: Any) -> list[Any]:
            leaves = map(jnp.asarray, tree.tree_leaves(case.theirs(*arrays)))
            return [leaf for leaf in leaves if np.dtype(leaf.dtype).kind in "fc"]

        def both(arrays: Any, given: Any) -> Any:
            values, pullback = self.jax.vjp(function, *arrays)
            if [v.shape for v in values] != [w.shape for w in given]:
                raise Refused("other shapes")
            # JAX's pullback is the transposed Jacobian, PyTorch's and ours the adjoint.
            return values, pullback(
                [jnp.conj(w).astype(v.dtype) for v, w in zip(values, given, strict=True)]
            )

        try:
            found = self.jax.jit(both)(list(case.arrays), list(cotangents))
        except Exception:  # some functions need to see the numbers
            found = both(list(case.arrays), list(cotangents))
        values, gradients = ([np.asarray(part) for part in parts] for parts in found)
        return Found(values, [np.conj(g) for g in gradients])


class Torch:
    name = "PyTorch"

    def __init__(self) -> None:
        import torch

        self.module = torch
        self.namespaces: dict[str, list[Any]] = {
            "numpy": [torch, torch.special],
            "numpy.linalg": [torch.linalg, torch],
            "numpy.fft": [torch.fft],
            "scipy.special": [torch.special],
            "scipy.linalg": [torch.linalg],
        }

    def _converted(self, value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.dtype.kind in "biufc":
            return self.module.tensor(value)
        if isinstance(value, list | tuple):
            return type(value)(self._converted(item) for item in value)
        return value

    def call(self, function: Callable[..., Any], bound: BoundCall) -> Callable[..., Any]:
        names = {"axis": "dim", "axes": "dim", "keepdims": "keepdim", "k": "diagonal"}

        def called(*tensors: Any) -> Any:
            args, kwargs = bound.with_arrays(tensors)
            given = {
                names.get(name, name): self._converted(value)
                for name, value in kwargs.items()
                if value is not None and value is not False
            }
            return function(*self._converted(args), **given)

        return called

    def gradients(self, case: Case, cotangents: Sequence[np.ndarray]) -> Found:
        torch = self.module
        tensors = [torch.tensor(array, requires_grad=True) for array in case.arrays]
        results = [
            result
            for result in flatten(case.theirs(*tensors)).leaves
            if isinstance(result, torch.Tensor)
            and (result.is_floating_point() or result.is_complex())
        ]
        values = [self._array(result) for result in results]
        if [value.shape for value in values] != [weight.shape for weight in cotangents]:
            raise Refused("other shapes")
        given = [torch.tensor(weight) for weight in cotangents]
        gradients = torch.autograd.grad(results, tensors, given, allow_unused=True)
        return Found(
            values,
            [
                np.zeros(array.shape) if g is None else self._array(g)
                for g, array in zip(gradients, case.arrays, strict=True)
            ],
        )

    @staticmethod
    def _array(tensor: Any) -> np.ndarray:
        return tensor.detach().resolve_conj().resolve_neg().numpy()


def theirs(peer: Any, case: Case, values: Sequence[np.ndarray]) -> Found:
    """What a peer computes; raises `Refused` if it does not, or computes something else."""
    with warnings.catch_warnings(action="ignore"):
        try:
            found = peer.gradients(case, weights(values))
        except Exception as error:
            raise Refused(f"{type(error).__name__}: {error}") from error
    for value, other in zip(values, found.values, strict=True):
        if not np.allclose(value, other, rtol=1e-7, atol=1e-9, equal_nan=True):
            raise Refused("other values")
    return found


def agree(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(np.allclose(a, b, rtol=1e-6, atol=1e-8) for a, b in pairs)


# ---------------------------------------------------------------- calls


def declared(function: Any) -> Primitive | Composite | None:
    """The last declaration of a function that has a domain."""
    for entry in reversed(entries):
        if (
            isinstance(entry, Primitive | Composite)
            and entry.function is function
            and entry.domain is not None
        ):
            return entry
    return None


def drawn(entry: Primitive | Composite) -> Iterator[BoundCall]:
    """Calls from the domain, always the same."""
    draw = NumpyDraw(np.random.default_rng(0))
    for _ in range(DRAWS):
        bound = BoundCall(entry, *draw_call(entry, draw))
        if bound.arrays and all(array.size for array in bound.arrays):
            yield bound


def components(arrays: Sequence[np.ndarray]) -> list[float]:
    """Each array in short: its components in random directions, always the same."""
    rng = np.random.default_rng(2)
    found = []
    for array in arrays:
        for _ in range(DIRECTIONS):
            direction = rng.normal(size=array.shape) + 1j * rng.normal(size=array.shape)
            found.append(float(f"{np.real(np.nansum(direction * array)):.9g}"))
    return found
