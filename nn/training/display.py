"""Where pictures and progress bars can be shown."""

from __future__ import annotations

import sys


def in_notebook() -> bool:
    """Whether this is a Jupyter kernel, which shows rich output."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return getattr(shell, "kernel", None) is not None


def has_window() -> bool:
    """Whether matplotlib can open windows here."""
    import matplotlib
    from matplotlib.backends.registry import BackendFilter, backend_registry

    return matplotlib.get_backend().lower() in backend_registry.list_builtin(
        BackendFilter.INTERACTIVE
    )
