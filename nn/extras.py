"""Libraries that only some features need, and what to say when one is missing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from nn.errors import UserError


class MissingLibraryError(UserError, ImportError):
    """A library of the extra `train` is not installed."""


@contextmanager
def needs(library: str, purpose: str) -> Iterator[None]:
    """Explain an ImportError inside the block: `purpose` needs `library`.

    >>> with needs("matplotlib", "drawing curves"):
    ...     raise ImportError
    Traceback (most recent call last):
    ...
    nn.extras.MissingLibraryError: drawing curves needs matplotlib, which is not \
installed; pip install matplotlib
    """
    try:
        yield
    except ImportError as error:
        raise MissingLibraryError(
            f"{purpose} needs {library}, which is not installed; pip install {library}"
        ) from error
