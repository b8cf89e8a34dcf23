"""Progress bars of what takes a while before the training: downloads, and reading many files."""

from typing import Any


class _NoBar:
    def update(self, n: int = 1) -> None:
        """Show nothing."""

    def close(self) -> None:
        """Nothing to close."""


def progress_bar(title: str, total: int | None, **options: Any):
    """A bar on the terminal, which disappears at the end; nothing without a terminal or tqdm.

    It has `update(n)` and `close()`. total: None when nobody knows. options: of tqdm.
    """
    try:
        from tqdm import tqdm
    except ImportError:
        return _NoBar()
    return tqdm(desc=title, total=total, disable=None, leave=False, **options)
