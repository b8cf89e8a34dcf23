"""How many threads the matrix products of a command use."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext

# One is as fast as two for networks of this size, and many times faster where another program
# wants the processor too: OpenBLAS's threads wait for each other without giving it up.
DEFAULT = 1
_VARIABLES = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS")


def blas_threads(count: int | None) -> AbstractContextManager[object]:
    """Within the block BLAS uses `count` threads; None: DEFAULT, unless the environment says.

    Where threadpoolctl is not installed, nothing is changed.
    """
    if count is None:
        if any(variable in os.environ for variable in _VARIABLES):
            return nullcontext()
        count = DEFAULT
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return nullcontext()
    return threadpool_limits(count, user_api="blas")
