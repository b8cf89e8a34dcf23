"""What operations and their arguments are called."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np

from autodiff.tensors.tensor import Tensor

__all__ = ["SYMBOLS", "option_text", "with_constants"]

SYMBOLS = {
    "add": "+",
    "subtract": "-",
    "multiply": "*",
    "divide": "/",
    "power": "**",
    "matmul": "@",
    "negative": "-",
    "remainder": "%",
}

LONGEST = 28  # of the text of an option


def option_text(value: Any) -> str:
    """An argument as the user would write it, in short.

    >>> option_text((slice(None), slice(1, None), 0))
    '[:, 1:, 0]'
    >>> option_text(np.arange(1000))
    'int64 (1000,)'
    >>> option_text(-1), option_text("ij,j->i")
    ('-1', 'ij,j->i')
    """
    if isinstance(value, tuple) and any(isinstance(p, slice | EllipsisType) for p in value):
        text = f"[{', '.join(map(_part, value))}]"
    elif isinstance(value, slice):
        text = f"[{_part(value)}]"
    elif isinstance(value, np.ndarray | Tensor):
        text = f"{value.dtype} {value.shape}"
    elif isinstance(value, str):
        text = value
    else:
        text = getattr(value, "__name__", None) or str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _part(index: Any) -> str:
    if isinstance(index, slice):
        ends = "".join(f":{'' if end is None else end}" for end in (index.stop, index.step))
        if index.step is None:
            ends = ends[:-1]
        return f"{'' if index.start is None else index.start}{ends}"
    if index is None or index is Ellipsis:
        return "None" if index is None else "..."
    return option_text(index)


def with_constants(label: str, operation: str | None, operands: list[str | None]) -> str:
    """The label of an operation with its constants put in.

    operands: the text of a constant, or None where another node's value comes in.

    >>> with_constants("*", "multiply", ["4", None])
    '4 *'
    >>> with_constants("**", "power", [None, "3"])
    '** 3'
    >>> with_constants("maximum", "maximum", [None, "0"])
    'maximum(·, 0)'
    """
    if not any(operands):
        return label
    if operation in SYMBOLS and len(operands) == 2:
        first, second = operands
        return " ".join(part for part in (first, label, second) if part is not None)
    return f"{label}({', '.join(text or '·' for text in operands)})"
