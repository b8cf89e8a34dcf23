import io

import numpy as np
import pytest
from PIL import Image

from nn.training import Epoch, History
from nn.training.curves import DRAWING_COLOURS, PALETTE, Plot, comparison


def run(*losses, validation=(), **metrics):
    """A history of these losses, and of metrics with one value for all epochs."""
    return History(
        [
            Epoch(i + 1, {"loss": loss, **metrics}, {"loss": v} if v else {}, 1.0, 10, 0.1)
            for i, (loss, v) in enumerate(
                zip(losses, validation or [None] * len(losses), strict=True)
            )
        ]
    )


def test_a_comparison_has_a_line_for_each_run_and_a_panel_for_what_all_measured():
    figure = comparison({"a": run(3, 2, accuracy=0.5), "b": run(4, f1=0.1)}, title="both")
    (axes,) = figure.axes
    assert axes.get_ylabel() == "loss"
    assert [line.get_label() for line in axes.lines] == ["a", "b"]
    assert [line.get_ydata().tolist() for line in axes.lines] == [[3, 2], [4]]
    assert [line.get_color() for line in axes.lines] == list(PALETTE[:2])
    assert figure.get_suptitle() == "both"


def test_a_comparison_shows_the_validation_where_there_is_one():
    both = {"a": run(3, 2, validation=(5, 6)), "b": run(4, validation=(7,))}
    (axes,) = comparison(both).axes
    assert axes.get_ylabel() == "validation loss"
    assert [line.get_ydata().tolist() for line in axes.lines] == [[5, 6], [7]]
    (axes,) = comparison(both | {"c": run(1)}).axes
    assert axes.get_ylabel() == "loss"  # not all of it is validation


def test_the_metrics_of_a_comparison_can_be_chosen():
    runs = {"a": run(1, binary_accuracy=0.5)}
    assert [axes.get_ylabel() for axes in comparison(runs).axes] == ["loss", "binary accuracy"]
    (axes,) = comparison(runs, ["binary_accuracy"]).axes
    assert axes.yaxis.get_major_formatter()(0.5) in ("50%", "50.0%")


@pytest.mark.parametrize(
    ("runs", "metrics", "message"),
    [
        ({}, (), "there are no runs"),
        ({"a": History()}, (), "run 'a' has no epochs yet"),
        ({"a": run(1, f1=1), "b": run(1)}, ["f1"], "the metric 'f1'; all have loss"),
    ],
)
def test_what_cannot_be_compared_is_named(runs, metrics, message):
    with pytest.raises(ValueError, match=message):
        comparison(runs, metrics)


@pytest.mark.parametrize(
    ("losses", "ticks"), [((0.1, 1), {0.1, 0.2, 0.5, 1.0}), ((1e-6, 1), {1e-6, 1e-4, 1e-2, 1.0})]
)
def test_a_wide_range_has_a_tick_for_each_power_of_ten_alone(losses, ticks):
    (axes,) = comparison({"a": run(*losses)}).axes
    shown = {float(f"{tick:.3g}") for tick in axes.get_yticks()}
    assert ticks <= shown
    assert (0.5 in shown) == (0.5 in ticks)


def picture(plot):
    return Image.open(io.BytesIO(plot._repr_png_()))


def test_a_drawing_in_a_notebook_has_a_palette_and_looks_the_same():
    plot = comparison({name: run(3, 2, 1) for name in "abcdef"})
    buffer = io.BytesIO()
    plot.savefig(buffer, format="png")
    full, small = Image.open(buffer), picture(plot)
    assert small.mode == "P"
    assert len(plot._repr_png_()) < 0.7 * len(buffer.getvalue())
    difference = np.asarray(full.convert("RGB"), int) - np.asarray(small.convert("RGB"), int)
    assert np.abs(difference).mean() < 0.5  # of 255


def test_a_photograph_in_a_notebook_keeps_its_colours():
    plot = Plot(figsize=(2, 2), dpi=100)
    plot.subplots().imshow(np.random.default_rng(0).random((150, 150, 3)))
    assert picture(plot).mode != "P"
    assert picture(plot).convert("RGB").getcolors(DRAWING_COLOURS) is None
