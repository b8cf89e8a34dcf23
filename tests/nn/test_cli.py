"""`python -m nn`, mostly in this process; what ends a process is tested in one of its own."""

import errno
import gzip
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nn.data
from nn.cli import main
from nn.training import load_checkpoint

QUICK = ["--layers", "64-16-10", "--epochs", "2"]
ROOT = Path(nn.data.__file__).parents[2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """An empty working folder, no MNIST, no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AUTODIFF_DATA", raising=False)
    monkeypatch.setenv("AUTODIFF_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A finished run on the digits; not to be changed."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    flags = ["--epochs", "10", "--layers", "64-32-10", "--lr", "0.01", "--dropout", "0"]
    assert main(["train", "--dataset", "digits", *flags, "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def run(trained, tmp_path) -> Path:
    """A copy of a finished run, to be changed."""
    return Path(shutil.copytree(trained, tmp_path / "run"))


@pytest.fixture
def fails(capsys):
    """A function that runs a command which must fail, and gives the one sentence of the error."""

    def run(*arguments: object, status: int = 1) -> str:
        capsys.readouterr()
        assert main([str(argument) for argument in arguments]) == status
        *_, last = capsys.readouterr().err.splitlines()
        assert last.startswith("error: ")
        assert "Traceback" not in last
        return last.removeprefix("error: ")

    return run


def digits_image(path: Path, index: int, *, size: int = 8, invert: bool = False) -> int:
    """Write a test image of the digits as a file; returns its class."""
    test = nn.data.digits("test")
    pixels = np.rint(test.inputs[index].reshape(8, 8) * 255).astype(np.uint8)
    image = Image.fromarray(255 - pixels if invert else pixels)
    image.resize((size, size), Image.Resampling.BICUBIC).save(path)
    return int(test.targets[index])


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
def test_pixels_can_be_scaled_and_the_scaling_is_kept(scale, capsys):
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


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a signal of POSIX here")
def test_ctrl_c_ends_the_process_with_a_sentence(tmp_path):
    command = [sys.executable, "-m", "nn", "train", "--dataset", "digits", "--epochs", "100000"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    process = subprocess.Popen(
        [*command, "--out", "run"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not (tmp_path / "run" / "last.safetensors").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
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


def test_predict_prints_a_table_or_json(trained, capsys):
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


# ------------------------------------------------------------------ what goes wrong


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["trian"], "invalid choice: 'trian'"),
        (["train", "--learning-rate", "1"], "does not know --learning-rate"),
        (["train", "--optimiser", "sgd"], "--optimiser (did you mean --optimizer?)"),
        (["train", "--bacth-size=3"], "--bacth-size=3 (did you mean --batch-size?)"),
        (["train", "--activation", "rleu"], "--activation: there is no activation named 'rleu' "
         "(did you mean relu?); choose one of relu, sigmoid"),
        (["train", "--optimizer", "Adm"], "(did you mean adam?)"),
        (["train", "--dataset", "minst"], "named 'minst' (did you mean mnist?)"),
        (["train", "--schedule", "cos"], "there is no schedule named 'cos'"),
        (["train", "--lr", "-1"], "--lr: '-1' is no finite number above 0"),
        (["train", "--lr", "nan"], "'nan' is no finite number above 0"),
        (["train", "--lr", "inf"], "'inf' is no finite number above 0"),
        (["train", "--dropout", "1"], "'1' is no finite number of at least 0 and below 1"),
        (["train", "--epochs", "0"], "'0' is no whole number of at least 1"),
        (["train", "--batch-size", "2.5"], "'2.5' is no whole number"),
        (["train", "--validation", "1.5"], "neither a share below 1 nor a whole number"),
        (["train", "--layers", "784-x-10"], "'784-x-10' is no list of layer sizes"),
        (["train", "--layers", "10"], "'10' is no list of layer sizes"),
        (["train", "--layers", "784-0-10"], "is no list of layer sizes"),
        (["train", "--dataset", "digits", "--layers", "784-512-64-10"],
         "--layers begins with 784, but an image of digits has 64 pixels; "
         "write --layers 64-512-64-10"),
        (["train", "--dataset", "digits", "--layers", "64-12"],
         "--layers ends with 12, but digits has 10 classes; write --layers 64-10"),
        (["train", "--dataset", "digits", "--validation", "5000"],
         "--validation 5000 leaves none of the 1437 training images"),
        (["predict", "run"], "the following arguments are required: PATH"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_explained(fails, arguments, message):
    assert message in fails(*arguments, status=2)


def test_a_wrong_command_line_leaves_nothing_behind(fails):
    fails("train", "--dataset", "digits", "--layers", "64-12", "--out", "new", status=2)
    assert os.listdir() == []


def test_the_process_says_one_sentence_and_has_the_status(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    for arguments, status in ((["evaluate", "none"], 1), (["train", "--lr", "x"], 2)):
        done = subprocess.run(
            [sys.executable, "-m", "nn", *arguments],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == status
        assert done.stdout == ""
        assert done.stderr.startswith("error: ")
        assert done.stderr.count("\n") == 1


def test_developers_get_the_traceback_when_they_ask(trained):
    with pytest.raises(nn.errors.UserError, match="no such file"):
        main(["predict", str(trained), "none.png", "--traceback"])


def test_a_mistake_of_ours_is_no_traceback_either(fails, monkeypatch):
    monkeypatch.setattr("nn.commands.train.Settings.make_model", lambda *arguments: 1 / 0)
    said = fails("train", "--dataset", "digits")
    assert said == "ZeroDivisionError: division by zero (--traceback shows where it happened)"


def idx(array: np.ndarray) -> bytes:
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path, monkeypatch) -> Path:
    """A small MNIST in IDX files."""
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for part, count in (("train", 50), ("t10k", 20)):
        images = idx(rng.integers(256, size=(count, 28, 28)))
        (folder / f"{part}-images-idx3-ubyte").write_bytes(images)
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.arange(count) % 10))
    monkeypatch.setenv("AUTODIFF_DATA", str(tmp_path / "data"))
    return folder


def test_damaged_data_are_named_and_nothing_is_left_behind(mnist, fails):
    assert main(["train", "--epochs", "1", "--layers", "784-10", "--out", "good"]) == 0
    images, labels = (mnist / f"train-{name}-ubyte" for name in ("images-idx3", "labels-idx1"))
    whole = images.read_bytes()
    for content, message in [
        (whole[:-100], "train-images-idx3-ubyte: truncated: expected 39200 bytes"),
        (labels.read_bytes(), "train-images-idx3-ubyte: expected images"),
        (gzip.compress(whole)[:-9], "train-images-idx3-ubyte: damaged gzip file"),
        (b"GIF89a", "train-images-idx3-ubyte: not an IDX file"),
    ]:
        images.write_bytes(content)
        assert message in fails("train", "--out", "bad")
    images.write_bytes(whole)
    labels.write_bytes(idx(np.arange(50) % 11))
    assert "label 10 is 10, but there are 10 classes" in fails("train", "--out", "bad")
    assert sorted(os.listdir()) == ["data", "good"]


def test_nan_among_the_inputs_is_found_before_the_training(fails, monkeypatch):
    data = nn.data.digits()
    data.inputs[7, 3] = np.nan
    monkeypatch.setitem(nn.data.DATASETS, "digits", lambda: (data, nn.data.digits("test")))
    said = fails("train", "--dataset", "digits")
    assert said.startswith("digits: inputs[7, 3] is nan (1 of 91968 values is not finite)")
    assert os.listdir() == []


def test_a_diverging_training_says_what_to_try(fails):
    said = fails("train", "--dataset", "digits", *QUICK, "--optimizer", "sgd", "--lr", "1e30")
    assert re.match(r"epoch 1, batch \d+: the loss is (nan|inf); lower the learning rate", said)


def test_run_folders_that_cannot_be_used_are_explained(run, fails, tmp_path):
    assert "none: there is no such run folder" in fails("evaluate", "none")
    (tmp_path / "empty").mkdir()
    assert "empty: not a run folder, since it has no config.json" in fails("evaluate", "empty")

    weights, config = run / "model.safetensors", run / "config.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-10])
    assert "run/model.safetensors: not a whole checkpoint" in fails("evaluate", run)
    weights.unlink()
    assert "run: the training is not finished; continue it with" in fails("evaluate", run)
    weights.write_bytes(whole)

    good = config.read_text()
    for old, new, message in [
        ("32", "33", "layers.0.weight is (64, 32) in the state but (64, 33) in the module"),
        (
            '"format": 2',
            '"format": 1',
            "config.json: its format is 1, but this version reads 2; "
            "train again, or use the version that wrote it",
        ),
        ("relu", "rleu", "no activation named 'rleu'"),
        ('"dropout"', '"dropuot"', "run/config.json: damaged"),
        ("{", "", "run/config.json: damaged"),
        ("64,", "-64,", "in_features is -64"),
    ]:
        config.write_text(good.replace(old, new, 1))
        assert message in fails("predict", run, "a.png")


def test_a_checkpoint_of_another_architecture_is_explained_when_resuming(run, fails):
    config = run / "config.json"
    config.write_text(config.read_text().replace("32", "33", 1))
    said = fails("train", "--resume", run)
    assert "layers.0.weight is (64, 32) in the state but (64, 33)" in said


def test_a_full_disk_is_explained_and_the_checkpoint_before_is_whole(fails, monkeypatch):
    written = []

    class Disk:
        """A file on a disk that becomes full while the third checkpoint is written."""

        def __init__(self, path, mode):
            self.file = open(path, mode)  # noqa: SIM115
            if path.suffix == ".tmp" and "last" in path.name:
                written.append(path)

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            self.file.close()

        def write(self, content):
            if len(written) > 2:
                self.file.write(content[: len(content) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.file.write(content)

        def __getattr__(self, name):
            return getattr(self.file, name)

    with monkeypatch.context() as disk:
        disk.setattr("nn.training.files.open", Disk, raising=False)
        said = fails("train", "--dataset", "digits", "--epochs", "9", "--out", "run")
    assert said.startswith("run/last.safetensors: not saved, the disk is full; the file that was")
    assert len(load_checkpoint(Path("run/last.safetensors"))["history"]) == 2
    assert not [path for path in Path("run").iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(os.name != "posix" or os.getuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_to_is_named(fails, tmp_path):
    (tmp_path / "closed").mkdir(mode=0o555)
    said = fails("train", "--dataset", "digits", "--out", "closed/run")
    assert "closed/run: the folder cannot be made: Permission denied" in said


def test_an_out_that_is_a_file_is_named(fails, tmp_path):
    (tmp_path / "file").touch()
    said = fails("train", "--dataset", "digits", "--out", "file")
    assert "file: the folder cannot be made" in said


def test_images_that_cannot_be_used_are_named(trained, fails, tmp_path):
    digits_image(tmp_path / "good.png", 0, size=200)
    (tmp_path / "cut.png").write_bytes((tmp_path / "good.png").read_bytes()[:300])
    (tmp_path / "text.png").write_text("no image")
    Image.new("L", (30, 30), 255).save("blank.png")
    (tmp_path / "folder").mkdir()
    for name, message in [
        ("none.png", "none.png: there is no such file"),
        ("text.png", "text.png: not an image that can be read"),
        ("cut.png", "cut.png: cannot be read (image file is truncated"),
        ("blank.png", "blank.png: there is nothing to recognise"),
        ("folder", "folder: there are no images in this folder"),
    ]:
        assert message in fails("predict", trained, "good.png", name)


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
