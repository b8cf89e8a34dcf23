"""The exceptions of the engine.

Each one subclasses the built-in exception that NumPy or Python would raise in the same
place, so that code which catches the built-in keeps working.
"""

from __future__ import annotations

__all__ = [
    "AutodiffError",
    "ConstantOutputWarning",
    "DetachedWarning",
    "DtypeError",
    "FreedGraphError",
    "GradientError",
    "InPlaceError",
    "NonFiniteError",
    "ReadOnlyError",
    "ShapeError",
    "StaleValueError",
    "UnsupportedError",
]


class AutodiffError(Exception):
    """The base of every exception that the engine raises itself."""


class GradientError(AutodiffError, RuntimeError):
    """A gradient was asked for where there is none to give, or would have been lost."""


class FreedGraphError(GradientError):
    """A second backward pass met a part of the graph that the first one freed."""


class StaleValueError(GradientError):
    """A value that the backward pass needs was changed after it was recorded."""


class InPlaceError(GradientError):
    """An assignment would have cut a gradient off, or changed a leaf under its graph."""


class ReadOnlyError(InPlaceError, ValueError):
    """An assignment to a view through which NumPy does not write either."""


class ShapeError(AutodiffError, ValueError):
    """Shapes do not fit."""


class DtypeError(AutodiffError, TypeError):
    """Gradients were asked for on a dtype that has none."""


class UnsupportedError(AutodiffError, TypeError):
    """A function has no derivative rule, or does not work with an argument's class."""


class NonFiniteError(AutodiffError, FloatingPointError):
    """Under ``ad.debug()``: a value or a gradient became NaN or infinite."""


class ConstantOutputWarning(UserWarning):
    """A transform met an output that does not depend on its input, so its gradient is zero."""


class DetachedWarning(UserWarning):
    """Inside a transform, a tensor in its graph was turned into a plain number."""
