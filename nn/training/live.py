"""LivePlot: learning curves that grow while a network is trained."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any, Literal

from nn.extras import needs
from nn.training.callbacks import Callback
from nn.training.display import has_window, in_notebook

if TYPE_CHECKING:
    from nn.training.trainer import Trainer

Place = Literal["file", "notebook", "window"]


class LivePlot(Callback):
    """Draws the learning curves anew after every epoch, unless the epochs are quicker than that.

    path: the picture file to write (.svg, .png). Without it the curves go into the notebook, or
        into a window, or, where there is neither, to `learning-curves.svg` in the current folder.
    seconds: the least time between two pictures, so that drawing does not slow the training down.
        The first epoch and the last are drawn in any case.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None, *, seconds: float = 2.0) -> None:
        self.path = path
        self.seconds = seconds
        self._next = 0.0  # when the next picture is due, by the monotonic clock
        self._epochs = 0  # how many the last picture shows
        self._display: Any = None  # IPython's handle of the picture
        self._window: Any = None  # a figure of pyplot

    def place(self) -> Place:
        """Where the curves go."""
        if self.path is not None:
            return "file"
        if in_notebook():
            return "notebook"
        return "window" if has_window() else "file"

    def on_fit_start(self, trainer: Trainer) -> None:
        with needs("matplotlib", "LivePlot"):
            import matplotlib  # noqa: F401
        self._next = 0.0

    def on_epoch_end(self, trainer: Trainer) -> None:
        if time.monotonic() >= self._next:
            self._draw(trainer)
            self._next = time.monotonic() + self.seconds

    def on_fit_end(self, trainer: Trainer) -> None:
        if self._epochs != len(trainer.history):
            self._draw(trainer)

    def _draw(self, trainer: Trainer) -> None:
        self._epochs = len(trainer.history)
        place = self.place()
        if place == "window":
            self._update_window(trainer)
        elif place == "file":
            trainer.history.plot(self.path or "learning-curves.svg")
        else:
            self._update_notebook(trainer)

    def _update_notebook(self, trainer: Trainer) -> None:
        from IPython.display import Image, display

        picture = Image(trainer.history.plot()._repr_png_())
        if self._display is None:
            self._display = display(picture, display_id=True)
        else:
            self._display.update(picture)

    def _update_window(self, trainer: Trainer) -> None:
        from matplotlib import pyplot

        from nn.training.curves import draw_metric

        metrics = trainer.history.metrics
        if self._window is None:
            pyplot.ion()
            self._window, _ = pyplot.subplots(1, len(metrics), figsize=(5 * len(metrics), 3.8))
        for axes, metric in zip(self._window.axes, metrics, strict=True):
            axes.clear()
            draw_metric(axes, trainer.history, metric)
        self._window.tight_layout()
        self._window.canvas.draw_idle()
        self._window.canvas.flush_events()
