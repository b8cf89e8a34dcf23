"""How hypothesis runs here: the same examples every time, unless asked to explore.

``HYPOTHESIS_PROFILE=explore`` looks at many fresh examples instead.
"""

import os

# With many tiny matrices the threads of BLAS do nothing but wait for each other. This must be
# said before NumPy is imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings

common = {
    "deadline": None,
    "print_blob": True,
    "report_multiple_bugs": False,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("repeatable", max_examples=10, derandomize=True, database=None, **common)
settings.register_profile("explore", max_examples=300, **common)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))
