"""Functions of single elements, or of rows, called for all: their results may be tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy

from autodiff.numpy.lists import joined
from autodiff.tensors.tensor import Tensor, as_tensor

__all__ = ["apply_along_axis", "vectorize"]


class vectorize:
    """As `numpy.vectorize`: a function of numbers becomes one of arrays, broadcast and in a loop.

    Gradients flow to the arguments, and to tensors that the function closes over.

    Arguments:
        pyfunc: the function.
        otypes: the dtypes of the results, as a string of codes or a list.
        excluded: positions and names of arguments that are passed on as they are.
        signature: the axes that one call takes and gives, such as ``"(n),(n)->()"``.
        doc, cache: as in NumPy; there is nothing to cache.

    >>> import autodiff as ad
    >>> f = vectorize(lambda x, limit: x * x if x < limit else 2 * x)
    >>> ad.grad(lambda x: f(x, 2.5).sum())(numpy.array([1.0, 2.0, 3.0]))
    array([2., 4., 2.])
    """

    def __init__(
        self,
        pyfunc: Callable[..., Any],
        otypes: Any = None,
        doc: str | None = None,
        excluded: Collection[int | str] | None = None,
        cache: bool = False,
        signature: str | None = None,
    ) -> None:
        self.pyfunc, self.otypes, self.signature = pyfunc, otypes, signature
        self.excluded = set(excluded or ())
        self.__doc__ = pyfunc.__doc__ if doc is None else doc
        self._inner = None if signature is None else _counts(signature)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given: dict[Any, Any] = {**dict(enumerate(args)), **kwargs}
        looped = {k: joined(v) for k, v in given.items() if k not in self.excluded}
        looped = {k: v if isinstance(v, Tensor) else numpy.asarray(v) for k, v in looped.items()}
        inner = self._inner or [0] * len(looped)
        if len(inner) != len(looped):
            raise TypeError(
                f"vectorize: the signature {self.signature} has {len(inner)} arguments, and "
                f"{len(looped)} were given"
            )
        outer = {
            k: numpy.shape(v)[: numpy.ndim(v) - n]
            for (k, v), n in zip(looped.items(), inner, strict=True)
        }
        shape = numpy.broadcast_shapes(*outer.values())
        count = int(numpy.prod(shape))
        if not count and self.otypes is None:
            raise ValueError("vectorize: there is nothing to call it with; pass otypes=")
        each = {k: _each(v, outer[k], shape) for k, v in looped.items()}
        results = []
        for _ in range(count):
            now = {k: next(each[k]) if k in each else given[k] for k in given}
            results.append(
                self.pyfunc(*(now[i] for i in range(len(args))), **{k: now[k] for k in kwargs})
            )
        return self._put_together(results, shape)

    def _put_together(self, results: list[Any], shape: tuple[int, ...]) -> Any:
        types = list(self.otypes or [None])
        several = isinstance(results[0], tuple) if results else len(types) > 1
        columns = list(zip(*results, strict=True)) if several and results else [results]
        types = types if len(types) == len(columns) else [None] * len(columns)
        made = []
        for column, dtype in zip(columns, types, strict=True):
            array = joined(list(column))
            array = array if isinstance(array, Tensor) else numpy.array(array, dtype)
            array = array if dtype is None else array.astype(dtype)
            made.append(numpy.reshape(array, shape + numpy.shape(array)[1:]))
        return tuple(made) if several else made[0]


def _counts(signature: str) -> list[int]:
    """How many axes of each argument one call takes."""
    if not re.fullmatch(r"\s*\([\w\s,]*\)(\s*,\s*\([\w\s,]*\))*\s*->.*", signature):
        raise ValueError(f"vectorize: {signature!r} is no signature; write one as '(n),(n)->()'")
    parts = re.findall(r"\(([^)]*)\)", signature.partition("->")[0])
    return [len(part.split(",")) if part.strip() else 0 for part in parts]


def _each(value: Any, outer: tuple[int, ...], shape: tuple[int, ...]) -> Iterator[Any]:
    """The elements, or what one call takes, in the order of the loop."""
    inner = numpy.shape(value)[len(outer) :]
    spread = numpy.broadcast_to(value, shape + inner)
    return iter(numpy.reshape(spread, (-1, *inner)))


def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: Any, *args: Any, **kwargs: Any
) -> Any:
    """As `numpy.apply_along_axis`; what `func1d` returns may be tensors."""
    return numpy.apply_along_axis(func1d, axis, as_tensor(joined(arr)), *args, **kwargs)
