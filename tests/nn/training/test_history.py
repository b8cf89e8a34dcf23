import json

import pytest

from nn.errors import DataError
from nn.training import Epoch, History


@pytest.fixture
def history() -> History:
    rows = [(0.9, 0.5, 0.8, 0.6), (0.4, 0.8, 0.5, 0.9), (0.2, 0.9, 0.6, 0.8)]
    return History(
        [
            Epoch(i + 1, {"loss": a, "accuracy": b}, {"loss": c, "accuracy": d}, 2.0, 500, 0.1)
            for i, (a, b, c, d) in enumerate(rows)
        ]
    )


def test_series_of_each_metric(history):
    assert history.metrics == ("loss", "accuracy")
    assert history.train("loss") == [0.9, 0.4, 0.2]
    assert history.validation("accuracy") == [0.6, 0.9, 0.8]
    assert (len(history), history.seconds, history.samples_per_second) == (3, 6.0, 250.0)


def test_the_best_epoch_goes_by_the_validation(history):
    assert history.best().epoch == 2
    assert history.best("accuracy").epoch == 2
    assert history.best("accuracy", "min").epoch == 1


def test_the_best_epoch_goes_by_the_training_where_there_is_no_validation():
    history = History([Epoch(i, {"loss": 1 / i}, {}, 1, 1, 1) for i in (1, 2, 3)])
    assert history.best().epoch == 3
    assert history.validation("loss") == []


def test_there_is_no_best_of_nothing_and_of_an_unknown_metric(history):
    with pytest.raises(ValueError, match="no best epoch before the first"):
        History().best()
    with pytest.raises(ValueError, match="no metric 'f1'; choose one of loss, accuracy"):
        history.best("f1")


def test_json_and_back(history, tmp_path):
    assert History.from_json(json.loads(json.dumps(history.to_json()))) == history
    history.save(tmp_path / "history.json")
    assert History.load(tmp_path / "history.json") == history


@pytest.mark.parametrize("content", ["", "{", "[1]", '[{"epoch": 1}]', "3"])
def test_a_file_that_holds_something_else_is_named(tmp_path, content):
    (tmp_path / "history.json").write_text(content)
    with pytest.raises(DataError, match=r"history\.json: not a history file .* History\.save"):
        History.load(tmp_path / "history.json")


def test_it_reads_well(history):
    assert repr(history).splitlines()[1] == (
        "epoch 2: loss 0.4000, accuracy 80.00 %, validation loss 0.5000, "
        "validation accuracy 90.00 %, 2.0 s, 250 samples/s"
    )
    assert repr(History()) == "no epochs yet"


def test_a_plot_has_a_panel_per_metric_and_the_same_history_gives_the_same_file(history, tmp_path):
    figure = history.plot(tmp_path / "a.svg")
    assert [axes.get_ylabel() for axes in figure.axes] == ["loss", "accuracy"]
    assert figure.axes[1].lines[0].get_ydata().tolist() == [0.5, 0.8, 0.9]
    history.plot(tmp_path / "b.svg")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    history.plot(tmp_path / "c.png")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_notebook_can_show_a_plot(history):
    assert history.plot()._repr_png_().startswith(b"\x89PNG")


def test_a_history_without_epochs_can_be_plotted():
    assert len(History().plot().axes) == 1
