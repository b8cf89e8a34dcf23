"""`r_` and `c_` with tensors among what they join."""

from __future__ import annotations

from typing import Any

import numpy

from autodiff.numpy.lists import holds_tensor, joined

__all__ = ["c_", "r_"]


class _Joiner:
    """As NumPy's object of this name, which itself says where every element goes.

    It is asked to join the numbers 0, 1, 2, ... in the place of the elements.

    >>> import autodiff as ad
    >>> t = ad.tensor([1.0, 2.0], requires_grad=True)
    >>> r_[t, 3.0, 0:2]
    Tensor([1., 2., 3., 0., 1.], from=getitem)
    """

    def __init__(self, original: Any) -> None:
        self._original = original

    def __getitem__(self, key: Any) -> Any:
        items = key if isinstance(key, tuple) else (key,)
        if not any(map(holds_tensor, items)):
            return self._original[key]
        places, parts, count = [], [], 0
        for item in items:
            if isinstance(item, str):  # how to join
                if item in ("r", "c"):
                    raise TypeError(f"there are no matrices of tensors; leave out the {item!r}")
                places.append(item)
                continue
            part = numpy.r_[item] if isinstance(item, slice) else joined(item)
            size = int(numpy.size(part))
            places.append(numpy.arange(count, count + size).reshape(numpy.shape(part)))
            parts.append(numpy.ravel(part))
            count += size
        return numpy.concatenate(parts)[self._original[tuple(places)]]


r_ = _Joiner(numpy.r_)
c_ = _Joiner(numpy.c_)
