"""The default source of random numbers.

Whatever draws random numbers takes a generator as `rng=`. Where none is given, it draws from the
one generator of this module, so `nn.seed(0)` at the top of a program makes all of it repeatable.
"""

import os

import numpy as np

_default = np.random.default_rng()
_drawing = _default.bit_generator.lock  # held while numbers are drawn
if hasattr(os, "register_at_fork"):  # so that a child does not find it held by a thread of before
    os.register_at_fork(
        before=_drawing.acquire, after_in_parent=_drawing.release, after_in_child=_drawing.release
    )


def seed(n: int) -> None:
    """Start the default generator afresh from the seed `n`.

    The generator is reset in place: objects that already hold it see the new seed too.

    >>> seed(0)
    >>> default_rng().integers(100, size=3)
    array([85, 63, 51])
    >>> bool(np.all(np.random.default_rng(0).integers(100, size=3) == [85, 63, 51]))
    True
    """
    _default.bit_generator.state = np.random.default_rng(n).bit_generator.state


def default_rng() -> np.random.Generator:
    """The generator that is used where no `rng=` is given; always the same object."""
    return _default


def as_generator(rng: np.random.Generator | None, caller: str) -> np.random.Generator:
    """`rng` itself, or the default generator for None; `caller` is named in the error.

    >>> as_generator(0, "Dropout")
    Traceback (most recent call last):
    ...
    TypeError: Dropout: rng must be a NumPy Generator, not int; write np.random.default_rng(0)
    """
    if rng is None:
        return _default
    if not isinstance(rng, np.random.Generator):
        example = f"np.random.default_rng({rng if isinstance(rng, int) else 0})"
        raise TypeError(
            f"{caller}: rng must be a NumPy Generator, not {type(rng).__name__}; write {example}"
        )
    return rng
