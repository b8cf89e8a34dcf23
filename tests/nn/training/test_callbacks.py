import io
import os

import numpy as np
import pytest

import nn
from nn.training import Callback, Checkpoint, EarlyStopping, SaveError, load_checkpoint


class Validation(Callback):
    """Replaces what was measured by a given series of validation losses."""

    def __init__(self, *losses):
        self.losses = losses

    def on_epoch_end(self, trainer):
        trainer.history.epochs[-1].validation["loss"] = self.losses[trainer.epoch - 1]


def test_checkpoints_hold_the_last_and_the_best_epoch(tmp_path, points, make_trainer):
    checkpoint = Checkpoint(tmp_path / "new" / "folder")
    trainer = make_trainer(callbacks=[Validation(0.5, 0.3, 0.4), checkpoint])
    trainer.fit(points, points, epochs=3, progress=False)
    assert len(load_checkpoint(checkpoint.last)["history"]) == 3
    assert len(load_checkpoint(checkpoint.best)["history"]) == 2
    assert sorted(os.listdir(checkpoint.folder)) == ["best.safetensors", "last.safetensors"]


def test_the_checkpoint_of_the_last_epoch_survives_a_disk_that_runs_full(
    tmp_path, points, make_trainer, monkeypatch
):
    checkpoint = Checkpoint(tmp_path)
    make_trainer(callbacks=[checkpoint]).fit(points, epochs=1, progress=False)
    before = checkpoint.last.read_bytes()

    class Full(io.FileIO):
        def write(self, content):
            super().write(content[:100])
            raise OSError(28, os.strerror(28))

    monkeypatch.setattr("nn.training.files.open", Full, raising=False)
    with pytest.raises(SaveError, match="the disk is full; the file that was there before is whol"):
        make_trainer(callbacks=[checkpoint]).fit(points, epochs=2, progress=False)
    assert checkpoint.last.read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["best.safetensors", "last.safetensors"]


def test_training_stops_after_a_number_of_epochs_without_a_better_one(points, make_trainer):
    losses = Validation(0.5, 0.4, 0.45, 0.4, 0.3, 0.2)
    trainer = make_trainer(callbacks=[losses, EarlyStopping(patience=2)])
    trainer.fit(points, points, epochs=6, progress=False)
    assert len(trainer.history) == 4
    assert trainer.stop_reason == (
        "stopped: no better validation loss for 2 epochs (best in epoch 2)"
    )


def test_early_stopping_can_go_by_another_metric(points, make_trainer):
    trainer = make_trainer(lr=0.0, callbacks=[EarlyStopping(1, metric="accuracy")])
    trainer.fit(points, points, epochs=9, progress=False)
    assert len(trainer.history) == 2


def test_patience_is_at_least_one():
    with pytest.raises(ValueError, match="patience is 0; give a number of epochs of at least 1"):
        EarlyStopping(0)


def test_where_stderr_is_no_terminal_there_is_a_line_per_epoch(points, make_trainer, capsys):
    trainer = make_trainer(lr=0.0, callbacks=[EarlyStopping(1)])
    trainer.fit(points, points, epochs=3)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("epoch 1/3: loss 0.")
    assert "validation accuracy" in lines[1]
    assert lines[2] == "stopped: no better validation loss for 1 epoch (best in epoch 1)"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_a_bar_shows_loss_and_accuracy(points, make_trainer, monkeypatch):
    monkeypatch.setattr("sys.stderr", screen := Terminal())
    monkeypatch.setattr("nn.training.progress._INTERVAL", 0)
    make_trainer().fit(points, points, epochs=2, batch_size=40)
    shown = screen.getvalue()
    bars = [state for state in shown.split("\r") if "|" in state]
    assert any("epoch 1/2 |" in bar and "loss 0." in bar and "accuracy" in bar for bar in bars)
    lines = [line.rpartition("\r")[2] for line in shown.split("\n")[:-1]]
    assert [line.partition(",")[0][:17] for line in lines] == [
        "epoch 1/2: loss 0",
        "epoch 2/2: loss 0",
    ]
    assert all("validation accuracy" in line for line in lines)


def test_a_terminal_that_does_not_know_its_width_has_a_bar_too(points, make_trainer, monkeypatch):
    monkeypatch.setattr("sys.stderr", screen := Terminal())
    monkeypatch.setenv("COLUMNS", "0")
    make_trainer().fit(points, epochs=1)
    assert "epoch 1/1 |" in screen.getvalue()


def test_a_bar_is_closed_when_the_training_breaks(points, make_trainer, monkeypatch):
    monkeypatch.setattr("sys.stderr", screen := Terminal())
    inputs = np.full_like(points[0], np.nan)
    with pytest.raises(nn.training.TrainingError):
        make_trainer().fit((inputs, points[1]))
    assert screen.getvalue().endswith("\r")


def test_a_live_plot_writes_a_file_after_every_epoch(tmp_path, points, make_trainer):
    path = tmp_path / "curves.svg"
    sizes = []

    class Look(Callback):
        def on_epoch_end(self, trainer):
            sizes.append(path.read_bytes())

    callbacks = [nn.training.LivePlot(path, seconds=0), Look()]
    make_trainer(callbacks=callbacks).fit(points, points, epochs=2, progress=False)
    assert len(sizes) == len(set(sizes)) == 2
    assert all(content.startswith(b"<?xml") for content in sizes)


def test_a_live_plot_of_quick_epochs_draws_the_first_and_the_last(
    tmp_path, points, make_trainer, monkeypatch
):
    drawn = []
    monkeypatch.setattr(nn.History, "plot", lambda history, path: drawn.append(len(history)))
    callbacks = [nn.training.LivePlot(tmp_path / "curves.svg", seconds=3600)]
    trainer = make_trainer(callbacks=callbacks)
    trainer.fit(points, epochs=4, progress=False)
    assert drawn == [1, 4]
    trainer.fit(points, epochs=1, progress=False)
    assert drawn == [1, 4, 5]


def test_without_a_display_a_live_plot_goes_to_a_file(tmp_path, points, make_trainer, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_trainer(callbacks=[nn.training.LivePlot()]).fit(points, epochs=1, progress=False)
    assert os.listdir(tmp_path) == ["learning-curves.svg"]


def test_in_a_notebook_a_live_plot_updates_one_picture(points, make_trainer, monkeypatch):
    shown = []

    class Handle:
        def update(self, picture):
            shown.append(("updated", picture))

    def display(picture, display_id):
        shown.append(("shown", picture))
        return Handle()

    monkeypatch.setattr("nn.training.live.in_notebook", lambda: True)
    pytest.importorskip("IPython")
    monkeypatch.setattr("IPython.display.display", display)
    live = nn.training.LivePlot(seconds=0)
    make_trainer(callbacks=[live]).fit(points, epochs=3, progress=False)
    assert [what for what, _ in shown] == ["shown", "updated", "updated"]
    assert all(picture.data.startswith(b"\x89PNG") for _, picture in shown)


def test_in_a_window_a_live_plot_redraws_one_figure(points, make_trainer, monkeypatch):
    from matplotlib import pyplot

    monkeypatch.setattr("nn.training.live.has_window", lambda: True)
    callback = nn.training.LivePlot(seconds=0)
    try:
        make_trainer(callbacks=[callback]).fit(points, points, epochs=3, progress=False)
        assert len(pyplot.get_fignums()) == 1
        loss, accuracy = pyplot.gcf().axes
        assert (len(loss.lines[0].get_xdata()), accuracy.get_ylabel()) == (3, "accuracy")
    finally:
        pyplot.close("all")
        pyplot.ioff()
