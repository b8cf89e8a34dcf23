"""What is checked: a function of arrays at a point, and how to speak of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autodiff.engine.registry import describe
from autodiff.tensors.tensor import as_tensor
from autodiff.testing.differences import Packing, as_array
from autodiff.transforms.gradients import vjp
from autodiff.transforms.trees import flatten

__all__ = ["Subject", "WrongGradient", "cotangents", "subject_of"]


class WrongGradient(AssertionError):
    """A derivative is wrong, or a rule misbehaves."""


@dataclass(frozen=True)
class Subject:
    """A function of floating and complex arrays, and the arrays at which to look.

    Attributes:
        name: of the function.
        function: takes the arrays (or Tensors), and returns its inexact results in a list.
        arrays: the point.
        paths: where each array is among the arguments.
    """

    name: str
    function: Callable[..., list[Any]]
    arrays: list[np.ndarray]
    paths: list[str]

    def results(self, arrays: Sequence[np.ndarray] | None = None) -> list[np.ndarray]:
        """The values of the function."""
        tensors = map(as_tensor, self.arrays if arrays is None else arrays)
        return [as_array(result) for result in self.function(*tensors)]

    def in_double(self) -> Subject:
        """The same at float64 and complex128 arrays in C order."""
        packing = Packing(self.arrays)
        return replace(self, arrays=packing.unpack(packing.pack(self.arrays)))

    def alone(self, which: int) -> Subject:
        """The same with a single one of the results."""
        return replace(self, function=lambda *leaves: [self.function(*leaves)[which]])

    def gradient(self, rng: np.random.Generator) -> Subject:
        """The function that computes the gradient, for fixed random cotangents."""
        weights = cotangents(self.results(), rng)

        def gradient(*leaves: Any) -> list[Any]:
            return list(vjp(self.function, *leaves)[1](weights))

        return replace(self, name=f"the gradient of {self.name}", function=gradient)

    def wrong(self, what: str, **facts: Any) -> WrongGradient:
        """The exception that says what is wrong, with the inputs that show it."""
        lines = [f"{self.name}: {what}"]
        lines += [f"  {key.replace('_', ' '):22} {value}" for key, value in facts.items()]
        with np.printoptions(floatmode="unique", threshold=1000):
            lines += [
                f"  args{path} = {array!r}"
                for path, array in zip(self.paths, self.arrays, strict=True)
            ]
        return WrongGradient("\n".join(line.rstrip() for line in lines))


def subject_of(f: Callable[..., Any], args: tuple[Any, ...]) -> Subject:
    """`f` as a function of the inexact leaves of `args`.

    >>> subject_of(lambda x, n: {"y": x**n}, (2.0, 3)).results()
    [array(8.)]
    """
    tree = flatten(args, values=True)
    arrays = [as_array(leaf) for leaf in tree.leaves]
    varied = [index for index, array in enumerate(arrays) if array.dtype.kind in "fc"]
    if not varied:
        raise ValueError("check_grads: no argument is a floating or complex number or array")

    def function(*leaves: Any) -> list[Any]:
        full = list(tree.leaves)
        for index, leaf in zip(varied, leaves, strict=True):
            full[index] = leaf
        return [leaf for leaf in flatten(f(*tree.rebuild(full))).leaves if _is_inexact(leaf)]

    name = getattr(f, "name", None) or describe(f)
    return Subject(name, function, [arrays[i] for i in varied], [tree.paths[i] for i in varied])


def _is_inexact(value: Any) -> bool:
    dtype = value.dtype if hasattr(value, "dtype") else np.asarray(value).dtype
    return dtype.kind in "fc"


def cotangents(results: Sequence[np.ndarray], rng: np.random.Generator) -> list[np.ndarray]:
    """Random cotangents, which cannot be written to."""
    weights = []
    for result in results:
        weight = rng.normal(size=result.shape)
        if result.dtype.kind == "c":
            weight = weight + 1j * rng.normal(size=result.shape)
        weights.append(locked(np.asarray(weight, result.dtype)))
    return weights


def locked(array: np.ndarray) -> np.ndarray:
    """A view of an array that cannot be written to."""
    view = array.view()
    view.flags.writeable = False
    return view
