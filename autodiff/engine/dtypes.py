"""The two dtypes of nearly all arrays, which the engine tells apart by ``is``.

NumPy has one object for each, so that identity is a quick test; what fails it (another byte order,
say) takes the general path.
"""

import numpy as np

__all__ = ["FLOAT32", "FLOAT64"]

FLOAT32 = np.dtype(np.float32)
FLOAT64 = np.dtype(np.float64)
