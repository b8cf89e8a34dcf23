"""Looking up rows of a table, and adding to them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import primitive
from autodiff.errors import DtypeError
from autodiff.rules.indexing import rows_added

__all__ = ["embed"]


def _drawn(d: Draw) -> tuple[int, tuple[int, ...], np.ndarray]:
    """The number of rows, their shape, and indices."""
    rows = d.integer(1, 4)
    shape = d.shape(max_dims=2)
    wanted = d.shape(max_dims=2)
    chosen = [d.integer(-rows, rows - 1) for _ in range(math.prod(wanted))]
    return rows, shape, np.array(chosen, int).reshape(wanted)


def _looked_up(d: Draw) -> Call:
    rows, shape, indices = _drawn(d)
    return (d.array((rows, *shape)), indices), {}


def _added(d: Draw) -> Call:
    rows, shape, indices = _drawn(d)
    return (d.array((*indices.shape, *shape)), indices, rows), {}


def _embed(table: Any, indices: Any) -> Any:
    """Rows of a table: ``table[indices]`` for an array of whole numbers.

    The derivative is that of indexing, but faster: repeated rows are added up in one pass.

    Raises:
        IndexError: an index is beyond the table; the message names it.

    >>> _embed(np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 1, 0]))
    array([[3., 4.],
           [3., 4.],
           [1., 2.]])
    """
    indices, rows = np.asarray(indices), len(table)
    if indices.dtype.kind not in "iu" and indices.size:
        raise DtypeError(f"embed: indices are whole numbers, not {indices.dtype}")
    if indices.size and not -rows <= indices.min() <= indices.max() < rows:
        wrong = indices[(indices < -rows) | (indices >= rows)][0]
        raise IndexError(f"embed: index {wrong} is beyond a table of {rows} rows")
    return np.take(table, indices.astype(np.intp, copy=False), axis=0)


embed = primitive(
    _embed,
    name="embed",
    table=lambda g, indices, table_shape: add_rows(g, indices, table_shape[0]),
    indices=None,
    selects=True,
    domain=cases(_looked_up),
)
add_rows = primitive(
    rows_added,
    name="add_rows",
    v=lambda g, indices: embed(g, indices),
    indices=None,
    domain=cases(_added),
)
