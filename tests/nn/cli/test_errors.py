"""What goes wrong at the command line: one sentence, a status, and nothing lost."""

import errno
import gzip
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nn.data
from nn.cli import main
from nn.training import load_checkpoint

QUICK = ["--layers", "64-16-10", "--epochs", "2"]
ROOT = Path(nn.data.__file__).parents[2]


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


@pytest.mark.parametrize("lr", ["1e6", "1e10"])
def test_a_training_that_diverges_without_a_nan_is_no_success(fails, lr):
    said = fails("train", "--dataset", "digits", *QUICK, "--lr", lr, "--out", "run")
    assert re.match(r"epoch 1: the training diverged, its loss is \S+ after 2\.\d+ at the", said)
    assert f"lower --lr ({float(lr):g})" in said
    assert not Path("run/model.safetensors").exists()


def test_a_network_that_only_guesses_is_warned_about(capsys):
    assert main(["train", "--dataset", "digits", *QUICK, "--lr", "1e-12", "--seed", "3"]) == 0
    assert "warning: the network learned nothing: whoever says " in capsys.readouterr().err


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


def test_images_that_cannot_be_used_are_named(trained, fails, tmp_path, digits_image):
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
