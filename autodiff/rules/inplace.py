"""Functions that write into their first argument.

The target gets a new value, with the graph that belongs to it (see
`autodiff/tensors/writing.py`). NumPy itself says which element gets which value: it is given an
array of places in the target's stead, and the numbers 0, 1, 2, ... in the values' stead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.declare.primitive import composite, plain
from autodiff.rules.indexing import refuse_assignment
from autodiff.rules.selecting import positions
from autodiff.tensors.tensor import Tensor, as_tensor


def _write(name: str, target: Any, values: Any, write: Callable[[Any, Any], Any]) -> None:
    """Bind `target` to what ``write(target, values)`` would make of it."""
    values = as_tensor(values)
    if not isinstance(target, Tensor):
        if values.requires_grad:
            refuse_assignment(target, name)
        write(target, values.data)
        return
    source = np.full(target.shape, -1)
    write(source, positions(values.shape))
    if values.size:
        taken = np.ravel(values)[np.maximum(source, 0)]
        target._rebind(np.where(source < 0, target, taken))


@composite(np.copyto)
def copyto(dst: Any, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """``dst[...] = src`` where `where` holds."""
    where = plain(where)
    _write("copyto", dst, src, lambda a, v: np.copyto(a, v, casting=casting, where=where))


@composite(np.put)
def put(a: Any, ind: Any, v: Any, mode: Any = "raise") -> None:
    """``a.flat[ind] = v``, the values repeated as often as needed."""
    ind = plain(ind)
    _write("put", a, v, lambda target, values: np.put(target, ind, values, mode))


@composite(np.place)
def place(arr: Any, mask: Any, vals: Any) -> None:
    """The values one after the other at the places where `mask` holds."""
    mask = plain(mask)
    _write("place", arr, vals, lambda target, values: np.place(target, mask, values))


@composite(np.putmask)
def putmask(a: Any, /, mask: Any, values: Any) -> None:
    """Where `mask` holds, the value at the same flat place."""
    mask = plain(mask)
    _write("putmask", a, values, lambda target, source: np.putmask(target, mask, source))


@composite(np.put_along_axis)
def put_along_axis(arr: Any, indices: Any, values: Any, axis: int | None) -> None:
    """The counterpart of `take_along_axis`."""
    indices = plain(indices)
    _write("put_along_axis", arr, values, lambda a, v: np.put_along_axis(a, indices, v, axis))


@composite(np.fill_diagonal)
def fill_diagonal(a: Any, val: Any, wrap: bool = False) -> None:
    """The values on the main diagonal."""
    _write("fill_diagonal", a, val, lambda target, values: np.fill_diagonal(target, values, wrap))
