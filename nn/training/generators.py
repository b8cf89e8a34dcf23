"""The states of random generators: what a resumed run needs to draw the same numbers."""

from __future__ import annotations

from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

import autodiff as ad

_LEAVES = (
    type, ModuleType, FunctionType, BuiltinFunctionType, MethodType,
    str, bytes, int, float, np.ndarray, ad.Tensor,
)  # fmt: skip


def find_generators(*roots: Any) -> list[np.random.Generator]:
    """The generators among `roots` and in their attributes and containers, however deep.

    Each is listed once, in an order that is the same for objects that are built the same way.

    >>> import nn
    >>> rng = np.random.default_rng(0)
    >>> model = nn.Sequential(nn.Dropout(0.5, rng=rng), nn.ReLU(), nn.Dropout(0.5, rng=rng))
    >>> find_generators(model) == [rng]
    True
    """
    found, seen, stack = [], set(), [*reversed(roots)]
    while stack:
        value = stack.pop()
        if value is None or isinstance(value, _LEAVES) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, np.random.Generator):
            found.append(value)
        elif isinstance(value, dict):
            stack.extend(reversed(value.values()))
        elif isinstance(value, list | tuple):
            stack.extend(reversed(value))
        elif hasattr(value, "__dict__"):
            stack.extend(reversed(vars(value).values()))
    return found


def states(generators: list[np.random.Generator]) -> list[dict[str, Any]]:
    """Where the generators stand."""
    return [dict(generator.bit_generator.state) for generator in generators]


def set_states(generators: list[np.random.Generator], saved: list[dict[str, Any]]) -> None:
    """Put generators where `states` found them.

    Raises ValueError if there are more or fewer of them than were saved, or of another kind.

    >>> rng = np.random.default_rng(0)
    >>> before = states([rng])
    >>> first = rng.random()
    >>> set_states([rng], before)
    >>> rng.random() == first
    True
    """
    now = [generator.bit_generator.state["bit_generator"] for generator in generators]
    then = [state["bit_generator"] for state in saved]
    if now != then:
        raise ValueError(
            f"there are other random generators ({', '.join(now)}) than were saved "
            f"({', '.join(then)}); build the model, the data and the trainer as they were"
        )
    for generator, state in zip(generators, saved, strict=True):
        generator.bit_generator.state = state
