"""Finding things by the name that a user wrote."""

import difflib
from collections.abc import Mapping
from typing import TypeVar

from nn.errors import UserError

T = TypeVar("T")


class UnknownNameError(UserError, ValueError):
    """A name that is not in the table; the message lists the names that are."""


def look_up(table: Mapping[str, T], name: str, kind: str) -> T:
    """What `table` has under `name`; `kind` says in the error what was looked for.

    >>> look_up({"relu": max, "tanh": min}, "relo", "activation")
    Traceback (most recent call last):
    ...
    nn.names.UnknownNameError: there is no activation named 'relo' (did you mean relu?); \
choose one of relu, tanh
    """
    if name in table:
        return table[name]
    close = difflib.get_close_matches(str(name).lower(), table, n=1)
    hint = f" (did you mean {close[0]}?)" if close else ""
    raise UnknownNameError(
        f"there is no {kind} named {name!r}{hint}; choose one of {', '.join(table)}"
    )
