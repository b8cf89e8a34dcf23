"""Names of classes as pictures can show them. Needs matplotlib, whose own font has no Chinese."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache

import matplotlib
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font

_log = logging.getLogger(__name__)

# What the names of fonts with many characters have in them: these are looked at first.
_HINTS = ("cjk", "han", "hei", "song", "ming", "kai", "gothic", "unicode", "fallback")


def drawable(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names as pictures can show them, and the font families to draw them with.

    Characters that matplotlib's usual font lacks are taken from another installed font. If none
    has all of them, the classes appear by their numbers, and the log says so, once for these names.

    >>> drawable(["cat", "dog"])
    (['cat', 'dog'], ['sans-serif'])
    """
    usual = list(matplotlib.rcParams["font.family"])
    path = font_manager.findfont(font_manager.FontProperties(family=usual))
    missing = frozenset("".join(names)) - _characters(path)
    if not missing:
        return list(names), usual
    family = _family_with(missing)
    if family is not None:
        return list(names), [*usual, family]
    _say_missing(tuple(names))
    return [str(index) for index in range(len(names))], usual


@lru_cache(maxsize=1)
def _family_with(characters: frozenset[str]) -> str | None:
    """An installed font that has all these characters."""
    # The Last Resort font, which comes with matplotlib, has a box for every character.
    fonts = [f for f in font_manager.fontManager.ttflist if not f.name.startswith("Last Resort")]
    hinted = [font for font in fonts if any(hint in font.name.lower() for hint in _HINTS)]
    seen = set()
    for font in (*hinted, *fonts):
        if font.fname not in seen and characters <= _characters(font.fname):
            return font.name
        seen.add(font.fname)
    return None


def _characters(path: str) -> frozenset[str]:
    """What a font file can show; nothing if it cannot be read."""
    try:
        return frozenset(map(chr, FT2Font(path).get_charmap()))
    except (OSError, RuntimeError):
        return frozenset()


@lru_cache
def _say_missing(names: tuple[str, ...]) -> None:
    _log.warning(
        "pictures show classes by their numbers, 0 (%s) to %d (%s), since no installed font has "
        "all their characters; install one, such as Noto Sans CJK",
        names[0],
        len(names) - 1,
        names[-1],
    )
