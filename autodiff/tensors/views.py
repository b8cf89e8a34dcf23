"""Who is a view of whom: the tensors that share memory in NumPy's sense.

A view keeps, in `_from`, the tensor that it was taken of and how: `(base, primitive, *arguments)`.
Nothing leads the other way until somebody writes. So making a view costs one entry in a set, and
tensors that are no views cost nothing.

Writes are functional: no array that a rule has kept is changed. A write to a view is a write to its
base, and so on down to a tensor that is no view; that one gets a new value at a new place in the
graph, and then the views of it are taken anew (see `writing.py`).
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

__all__ = ["note", "recent", "views_of"]

# Views that were made since the last write; a view that nobody holds any more leaves by itself.
recent: set[weakref.ref[Any]] = set()
_forget = recent.discard

# The id of a tensor -> its views, once somebody has written. A view holds its base, so while one
# lives, the id is that of its base.
_known: dict[int, list[weakref.ref[Any]]] = {}
_swept = 64  # how many entries there may be before those without living views are removed


def note(view: Any) -> Any:
    """Remember a new view, and return it; its `_from` is set."""
    recent.add(weakref.ref(view, _forget))
    return view


def views_of(base: Any) -> Iterator[Any]:
    """The living views of a tensor, those of views after the views that they were taken of."""
    _sort()
    waiting = [base]
    while waiting:
        parent = waiting.pop()
        for reference in _known.get(id(parent), ()):
            view = reference()
            if view is not None and view._from is not None and view._from[0] is parent:
                yield view
                waiting.append(view)


def _sort() -> None:
    """Sort the recent views by their bases."""
    global _swept
    while recent:
        try:
            reference = recent.pop()
        except KeyError:  # another thread was faster
            break
        view = reference()
        if view is not None and view._from is not None:
            _known.setdefault(id(view._from[0]), []).append(reference)
    if len(_known) > _swept:
        for key, references in tuple(_known.items()):
            alive = [reference for reference in references if reference() is not None]
            if alive:
                _known[key] = alive
            else:
                del _known[key]
        _swept = 2 * len(_known) + 64
