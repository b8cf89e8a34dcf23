"""Tables of text whose columns line up, with characters that are two columns wide too."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes: two for a Chinese character, one for a letter.

    >>> columns_of("ab"), columns_of("博学"), columns_of("e\\N{COMBINING ACUTE ACCENT}")
    (2, 4, 1)
    """
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def table(rows: Iterable[Sequence[str]], align: str) -> str:
    """The rows below each other, two spaces between the columns.

    align: for each column "<" (left) or ">" (right).

    >>> print(table([("path", "class"), ("a.bmp", "博"), ("b.bmp", "x")], "<>"))
    path   class
    a.bmp     博
    b.bmp      x
    """
    rows = list(rows)
    widths = [max(map(columns_of, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(_pad, row, widths, align)).rstrip() for row in rows)


def _pad(text: str, width: int, side: str) -> str:
    blank = " " * (width - columns_of(text))
    return text + blank if side == "<" else blank + text
