"""Functions without a derivative: tests, comparisons, positions, bits, information."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from autodiff.declare.primitive import Constant, constant
from autodiff.tensors.conversions import asked_by_solver


class _AskedBySolvers(Constant):
    """What SciPy's solvers ask about what the user's function returned."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        for value in args:
            if getattr(value, "_node", None) is not None:
                asked_by_solver(value, sys._getframe(2))
        return super().__call__(*args, **kwargs)


constant(*(np.isnan, np.less, np.less_equal, np.greater, np.greater_equal), kind=_AskedBySolvers)
constant(  # comparisons and tests of elements
    np.equal,
    np.not_equal,
    np.logical_and,
    np.logical_or,
    np.logical_xor,
    np.logical_not,
    np.isfinite,
    np.isinf,
    np.isnat,
    np.signbit,
    np.spacing,
    np.isneginf,
    np.isposinf,
    np.iscomplex,
    np.isreal,
    np.isclose,
    np.allclose,
    np.array_equal,
    np.array_equiv,
    np.isin,
)
constant(  # whole numbers and bits
    np.bitwise_and,
    np.bitwise_or,
    np.bitwise_xor,
    np.invert,
    np.left_shift,
    np.right_shift,
    np.gcd,
    np.lcm,
)
constant(np.all, np.any)
constant(  # positions
    np.argmax,
    np.argmin,
    np.nanargmax,
    np.nanargmin,
    np.argsort,
    np.argpartition,
    np.lexsort,
    np.argwhere,
    np.nonzero,
    np.flatnonzero,
    np.count_nonzero,
    np.searchsorted,
    np.digitize,
)
constant(np.shape, np.ndim, np.size, np.iscomplexobj, np.isrealobj)  # information
constant(np.result_type, np.can_cast, np.min_scalar_type, np.common_type)
constant(np.shares_memory, np.may_share_memory)
constant(np.array2string, np.array_repr, np.array_str)
constant(np.save, np.savetxt, np.savez, np.savez_compressed)
