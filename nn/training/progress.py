"""ProgressBar: how far the training is, and how good."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, Any

from nn.training.callbacks import Callback
from nn.training.display import in_notebook
from nn.training.history import show

if TYPE_CHECKING:
    from nn.training.trainer import Trainer

_INTERVAL = 0.1  # seconds between two updates of the bar


class ProgressBar(Callback):
    """A bar with the loss and the metrics so far; after each epoch a line with what came out.

    Where stderr is no terminal, or tqdm is not installed, there are only the lines.
    """

    def __init__(self) -> None:
        self._bar: Any = None
        self._updated = 0.0  # when

    def on_epoch_start(self, trainer: Trainer) -> None:
        bar = _bar_class()
        if bar is not None:
            self._bar = bar(
                total=trainer.batches,
                desc=_title(trainer),
                bar_format="{desc} |{bar:20}| {elapsed}<{remaining}{postfix}",
                # terminals that do not know their width say 0, and tqdm would show nothing
                ncols=shutil.get_terminal_size((120, 24)).columns,
                mininterval=0,  # on_batch_end sees to that
                leave=False,
                file=sys.stderr,
            )

    def on_batch_end(self, trainer: Trainer) -> None:
        if self._bar is None:
            return
        now = time.perf_counter()
        if now - self._updated >= _INTERVAL:
            self._updated = now
            so_far = ", ".join(show(*item) for item in trainer.means.values().items())
            self._bar.set_postfix_str(so_far, refresh=False)
            self._bar.update(trainer.batch - self._bar.n)

    def on_epoch_end(self, trainer: Trainer) -> None:
        self._close()
        line = f"{_title(trainer)}: {trainer.history.epochs[-1]}"
        print(line, file=sys.stderr, flush=True)

    def on_fit_end(self, trainer: Trainer) -> None:
        self._close()
        if trainer.stop_reason is not None:
            print(trainer.stop_reason, file=sys.stderr, flush=True)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _title(trainer: Trainer) -> str:
    return f"epoch {trainer.epoch}/{trainer.last_epoch}"


def _bar_class() -> Any:
    """The tqdm that suits this place; None for plain lines."""
    notebook = in_notebook()
    if not notebook and not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    if notebook:
        try:
            import ipywidgets  # noqa: F401  # pyright: ignore[reportMissingImports]
            from tqdm.notebook import tqdm as notebook_tqdm
        except ImportError:
            return tqdm
        return notebook_tqdm
    return tqdm
