"""Numbers as arrays without dimensions, by dtype: ``ONE[y.dtype] - y``.

NumPy converts a Python number anew in every operation, which takes longer than the operation on
an array of ten elements does.
"""

from __future__ import annotations

import numpy as np

__all__ = ["ONE", "SATURATED", "ZERO"]


class _Number(dict[np.dtype, np.ndarray]):
    """One number in each dtype that was asked for."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __missing__(self, dtype: np.dtype) -> np.ndarray:
        made = self[dtype] = np.array(self.value, dtype)
        made.flags.writeable = False
        return made


ZERO = _Number(0)
ONE = _Number(1)
# From here on 1 is nothing beside exp(x), which does not overflow yet.
SATURATED = _Number(80)
SATURATED[np.dtype(np.float16)] = np.array(11, np.float16)
