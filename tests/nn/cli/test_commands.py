"""`python -m nn`, mostly in this process; what ends a process is tested in one of its own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import nn.data
from nn.cli import main
from nn.training import load_checkpoint

QUICK = ["--layers", "64-16-10", "--epochs", "2"]
ROOT = Path(nn.data.__file__).parents[2]


# ------------------------------------------------------------------ train


def test_a_run_folder_has_everything(trained):
    assert sorted(path.name for path in trained.iterdir() if path.name != "graph.svg") == [
        "best.safetensors", "config.json", "curves.svg", "last.safetensors", "metrics.json",
        "model.safetensors", "predictions.png",
    ]  # fmt: skip
    metrics = json.loads((trained / "metrics.json").read_text())
    assert metrics["dataset"] == "digits"
    assert metrics["test_accuracy"] > 0.85
    assert 0 < metrics["test_loss"] < 1
    assert metrics["epochs"] == len(metrics["history"]) == 10
    assert metrics["seconds"] > 0
    assert metrics["images_per_second"] > 0
    assert [epoch["epoch"] for epoch in metrics["history"]] == list(range(1, 11))
    assert {"loss", "accuracy", "validation_loss", "validation_accuracy"} < set(
        metrics["history"][0]
    )
    assert metrics["settings"]["layers"] == [64, 32, 10]
    assert metrics["versions"]["numpy"] == np.__version__


@pytest.mark.skipif(shutil.which("dot") is None, reason="the program dot is not installed")
def test_the_graph_shows_modules_and_shapes(trained):
    graph = (trained / "graph.svg").read_text()
    assert "layers.0: Linear" in graph
    assert "CrossEntropyLoss" in graph
    assert "64\u00d732" in graph


def test_without_dot_the_graph_is_left_out_and_a_sentence_says_so(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert main(["train", "--dataset", "digits", *QUICK]) == 0
    assert "graph.svg is left out: draw: SVG needs the program `dot`" in capsys.readouterr().err
    assert not Path("runs/digits-1/graph.svg").exists()
    assert Path("runs/digits-1/metrics.json").exists()


def test_it_says_where_the_data_come_from_and_what_came_out(capsys):
    assert main(["train", "--dataset", "digits", *QUICK]) == 0
    said = capsys.readouterr()
    assert "digits: read from scikit-learn" in said.out
    assert "64-16-10 with relu, 1,210 parameters; adam with lr 0.002 (cosine)" in said.out
    assert "1,293 images to train on, 144 held out for validation" in said.out
    assert re.search(r"test accuracy \d+\.\d\d %, loss \d\.\d+, on 360 images", said.out)
    assert "written to runs/digits-1: " in said.out
    assert "epoch 1/2: loss" in said.err


def test_without_mnist_it_says_so_and_uses_the_digits(capsys):
    assert main(["train", "--epochs", "1"]) == 0
    said = capsys.readouterr().out
    assert "mnist was not found (AUTODIFF_DATA is not set; " in said
    assert "scikit-learn's digits (8 x 8 pixels) are used instead." in said
    assert json.loads(Path("runs/digits-1/metrics.json").read_text())["dataset"] == "digits"


def test_mnist_that_was_asked_for_is_not_replaced(fails):
    assert "put train-images-idx3-ubyte.gz" in fails("train", "--dataset", "mnist")
    assert not Path("runs").exists()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others():
    def weights(seed, out):
        flags = ["--dataset", "digits", *QUICK, "--dropout", "0.5", "--seed", seed, "--out", out]
        assert main(["train", *flags]) == 0
        return Path(out, "model.safetensors").read_bytes()

    assert weights("3", "a") == weights("3", "b") != weights("4", "c")


@pytest.mark.parametrize("scale", ["raw", "standard"])
def test_pixels_can_be_scaled_and_the_scaling_is_kept(scale, capsys, digits_image):
    flags = ["--scale", scale, "--epochs", "10", "--lr", "1e-3", "--out", "run"]
    assert main(["train", "--dataset", "digits", *flags]) == 0
    digits_image(Path("a.png"), 0)
    digits_image(Path("b.png"), 1, size=40, invert=True)
    capsys.readouterr()
    assert main(["predict", "run", "a.png", "--json"]) == 0
    row = json.loads(capsys.readouterr().out)[0]
    assert row["class"] == str(nn.data.digits("test").targets[0])


@pytest.mark.parametrize(
    "flags",
    [
        ["--optimizer", "sgd", "--lr", "0.5", "--schedule", "constant"],
        ["--optimizer", "adamw", "--activation", "softsign", "--dropout", "0"],
        ["--validation", "0", "--batch-size", "500"],
        ["--validation", "100", "--layers", "64,10"],
    ],
)
def test_other_settings_work(flags):
    assert main(["train", "--dataset", "digits", "--epochs", "2", *flags]) == 0
    assert Path("runs/digits-1/curves.svg").exists()


def test_runs_are_numbered_and_never_overwritten(fails):
    for number in (1, 2):
        assert main(["train", "--dataset", "digits", *QUICK]) == 0
        assert Path(f"runs/digits-{number}/metrics.json").exists()
    before = Path("runs/digits-1/metrics.json").read_bytes()
    said = fails("train", "--dataset", "digits", *QUICK, "--out", "runs/digits-1", status=2)
    assert "runs/digits-1: the folder is not empty, and a run is never overwritten" in said
    assert Path("runs/digits-1/metrics.json").read_bytes() == before


def threads_seen(monkeypatch, *flags) -> set[int]:
    """How many BLAS threads a training uses."""
    threadpoolctl = pytest.importorskip("threadpoolctl")
    seen = set()

    def look(*arguments, **keywords):
        infos = threadpoolctl.threadpool_info()
        seen.update(info["num_threads"] for info in infos if info["user_api"] == "blas")
        raise nn.errors.UserError("enough")

    monkeypatch.setattr("nn.commands.train._fit", look)
    assert main(["train", "--dataset", "digits", *flags]) == 1
    return seen


def test_one_thread_is_used_unless_somebody_asks_for_more(monkeypatch):
    for variable in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(variable, raising=False)
    assert threads_seen(monkeypatch) == {1}
    assert threads_seen(monkeypatch, "--threads", "2") == {2}


def test_the_environment_may_say_how_many_threads(monkeypatch):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    with threadpoolctl.threadpool_limits(2, user_api="blas"):  # read when NumPy was imported
        assert threads_seen(monkeypatch) == {2}


# ------------------------------------------------------------------ resume


def interrupted_run(out: str, epoch: int, monkeypatch) -> None:
    """Train, and press Ctrl-C in the middle of an epoch."""
    step = nn.optim.Adam.step
    monkeypatch.setattr(nn.optim.Adam, "step", lambda self: interrupt(self))
    steps = iter(range(10**9))

    def interrupt(optimizer):
        if next(steps) == 11 * (epoch - 1) + 5:  # 11 steps an epoch
            raise KeyboardInterrupt
        step(optimizer)

    status = main(["train", "--dataset", "digits", "--epochs", "4", "--out", out])
    monkeypatch.setattr(nn.optim.Adam, "step", step)
    assert status == 130


def test_an_interrupted_run_keeps_its_checkpoint_and_goes_on_bit_by_bit(monkeypatch, capsys, fails):
    assert main(["train", "--dataset", "digits", "--epochs", "4", "--out", "whole"]) == 0
    capsys.readouterr()
    interrupted_run("broken", 3, monkeypatch)
    assert capsys.readouterr().err.splitlines()[-1] == (
        "error: broken: interrupted in epoch 3 of 4; the checkpoint after epoch 2 is whole; "
        "continue with python -m nn train --resume broken"
    )
    assert "the training is not finished; continue it with" in fails("evaluate", "broken")
    assert main(["train", "--resume", "broken"]) == 0
    for name in ("model.safetensors", "config.json"):
        assert Path("broken", name).read_bytes() == Path("whole", name).read_bytes()
    assert json.loads(Path("broken/metrics.json").read_text())["epochs"] == 4


def test_a_run_without_a_finished_epoch_starts_again(monkeypatch, capsys):
    interrupted_run("broken", 1, monkeypatch)
    assert "no epoch was finished, so there is no checkpoint yet" in capsys.readouterr().err
    assert main(["train", "--resume", "broken"]) == 0
    assert "the training starts from the beginning" in capsys.readouterr().out
    assert len(load_checkpoint("broken/last.safetensors")["history"]) == 4


def test_a_finished_run_can_be_given_more_epochs(run):
    assert main(["train", "--resume", str(run), "--epochs", "12"]) == 0
    assert json.loads((run / "metrics.json").read_text())["epochs"] == 12
    assert json.loads((run / "config.json").read_text())["settings"]["epochs"] == 12


def test_resuming_takes_no_other_settings(run, fails):
    said = fails("train", "--resume", run, "--lr", "0.1", "--out", "x", status=2)
    assert "leave out --lr, --out" in said


@pytest.mark.parametrize(
    ("flags", "damage", "status", "message"),
    [
        (["--epochs", "3"], "", 2, "--epochs 3: run was to have 10 epochs"),
        (["--epochs", "9"], "", 2, "write --epochs 10 or more"),
        (["--epochs", "12"], "last.safetensors", 1, "not a whole checkpoint"),
    ],
)
def test_resuming_that_is_refused_leaves_the_settings_as_they_are(
    run, fails, monkeypatch, flags, damage, status, message
):
    monkeypatch.chdir(run.parent)
    before = (run / "config.json").read_bytes()
    if damage:
        (run / damage).write_bytes(b"broken")
    assert message in fails("train", "--resume", "run", *flags, status=status)
    assert (run / "config.json").read_bytes() == before


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a signal of POSIX here")
def test_ctrl_c_ends_the_process_with_a_sentence(tmp_path):
    command = [sys.executable, "-m", "nn", "train", "--dataset", "digits", "--epochs", "100000"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    # Where this runs in the background of a shell, Ctrl-C is ignored, and that is inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [*command, "--out", "run"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    signal.signal(signal.SIGINT, before)
    try:
        while process.poll() is None and not (tmp_path / "run" / "last.safetensors").exists():
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "Traceback" not in said
    assert re.search(r"the checkpoint after epoch \d+ is whole; continue with", said)
    assert load_checkpoint(tmp_path / "run" / "last.safetensors")["history"]


# ------------------------------------------------------------------ evaluate and predict


def test_evaluate_repeats_what_the_training_measured(trained, capsys):
    metrics = json.loads((trained / "metrics.json").read_text())
    assert main(["evaluate", str(trained), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["test_accuracy"] == metrics["test_accuracy"]
    assert report["test_loss"] == metrics["test_loss"]
    assert list(report["class_accuracy"]) == list("0123456789")
    assert main(["evaluate", str(trained)]) == 0
    said = capsys.readouterr().out
    wrong = round((1 - metrics["test_accuracy"]) * 360)
    assert f"{wrong} of 360 images are wrong" in said


def test_predict_prints_a_table_or_json(trained, capsys, digits_image):
    true = [str(digits_image(Path(f"{i}.png"), i)) for i in range(20)]
    paths = [f"{i}.png" for i in range(20)]
    assert main(["predict", str(trained), *paths, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["path"] for row in rows] == paths
    right = [row["class"] == label for row, label in zip(rows, true, strict=True)]
    assert sum(right) >= 17
    assert sum(rows[0]["probabilities"].values()) == pytest.approx(1, abs=1e-5)
    assert rows[0]["probability"] == max(rows[0]["probabilities"].values())
    assert main(["predict", str(trained), *paths[:2]]) == 0
    head, first, _ = capsys.readouterr().out.splitlines()
    assert head.split() == ["path", "class", "probability"]
    assert first.split()[:2] == ["0.png", rows[0]["class"]]


def test_help_names_every_flag(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["train", "--help"])
    assert stopped.value.code == 0
    said = capsys.readouterr().out
    for flag in (
        *("dataset", "layers", "activation", "optimizer", "lr", "schedule", "batch-size"),
        *("epochs", "dropout", "validation", "scale", "seed", "out", "resume", "traceback"),
        *("model", "channels", "weight-decay", "augment", "no-augment", "keep", "blas-kernel"),
    ):
        assert f"--{flag} " in said
    assert re.search(r"^hanzi12 +cnn +16-32-64 ", said, re.MULTILINE)  # the table of presets
