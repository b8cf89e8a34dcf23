"""What the settings of an optimizer may be: a type for each kind of them, with its check.

A class that annotates its attributes with these has a table of its settings:

>>> class Example:
...     lr: Amount
...     nesterov: Switch
>>> list(settings_of(Example))
['lr', 'nesterov']
"""

import math
from collections.abc import Callable
from typing import Annotated, Any, get_type_hints

import numpy as np

__all__ = ["Amount", "Check", "Count", "Fraction", "Fractions", "Switch", "checked", "settings_of"]

Check = Callable[[Any], Any]  # the value in its own type; the ValueError says what to give


def amount(value: Any) -> float:
    """A finite number of at least 0."""
    if not _is_number(value) or not 0 <= value < math.inf:
        raise ValueError("a finite number of at least 0")
    return float(value)


def fraction(value: Any) -> float:
    """A number of at least 0 and below 1."""
    if not _is_number(value) or not 0 <= value < 1:
        raise ValueError("a finite number of at least 0, below 1")
    return float(value)


def fractions(value: Any) -> tuple[float, float]:
    """Two numbers, of at least 0 and below 1 each."""
    try:
        first, second = value
        return fraction(first), fraction(second)
    except (TypeError, ValueError):
        raise ValueError("two numbers of at least 0, below 1, such as (0.9, 0.999)") from None


def count(value: Any) -> int:
    """A whole number of at least 1."""
    if not isinstance(value, int | np.integer) or value < 1:
        raise ValueError("a positive whole number")
    return int(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating)


Amount = Annotated[float, amount]
Fraction = Annotated[float, fraction]
Fractions = Annotated[tuple[float, float], fractions]
Count = Annotated[int, count]
Switch = Annotated[bool, bool]


def settings_of(owner: type) -> dict[str, Check]:
    """The check of each setting, by name; inherited ones come first."""
    hints = get_type_hints(owner, include_extras=True)
    return {
        name: hint.__metadata__[0] for name, hint in hints.items() if hasattr(hint, "__metadata__")
    }


def checked(owner: str, name: str, value: Any, check: Check) -> Any:
    """What `check` makes of the value.

    >>> checked("SGD", "lr", -1, amount)
    Traceback (most recent call last):
    ...
    ValueError: SGD: lr is -1; give a finite number of at least 0
    """
    try:
        return check(value)
    except ValueError as advice:
        raise ValueError(f"{owner}: {name} is {value!r}; give {advice}") from None
