"""`python -m nn` on archives of images: small ones, made here in the form of the real ones."""

import io
import json
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import nn.data
from nn.cli import main
from nn.commands.runs import Run

REAL = os.environ.get("AUTODIFF_DATA", "")
CHARACTERS = "博学笃志切问近思自由无用"
THINGS = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip


def character(label: int, rng: np.random.Generator) -> np.ndarray:
    """A drawing (28, 28) of bools, True on ink: as many strokes across or down as its class."""
    ink = np.zeros((28, 28), bool)
    top, left = rng.integers(2, 6, 2)
    for stroke in range(label % 6 + 1):
        ink[top + 3 * stroke, left : left + 18] = True
    return ink if label < 6 else ink.T


def thing(label: int, rng: np.random.Generator) -> np.ndarray:
    """A picture (32, 32, 3) uint8: a stripe in a colour of its class, in one of two places."""
    picture = rng.integers(20, 60, (32, 32, 3), dtype=np.uint8)
    stripe = slice(4, 12) if label < 5 else slice(20, 28)
    picture[stripe] += np.array([(150, 0, 0), (0, 150, 0), (0, 0, 150), (150, 150, 0),
                                 (0, 150, 150)], np.uint8)[label % 5]  # fmt: skip
    return picture


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """A folder with small archives of both data sets."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(folder / "hanzi12-train.zip", "w") as archive:
        for label in range(12):
            for number in range(1, 25):
                # white paper is 1 and ink is 0, as in the real ones
                image = Image.fromarray(~character(label, rng))
                archive.writestr(f"train/{label + 1}/{number}.bmp", encoded(image, "BMP"))
    with zipfile.ZipFile(folder / "cifar10-jpeg.zip", "w") as archive:
        for part, count in (("train", 12), ("test", 4)):
            for label, name in enumerate(THINGS):
                for number in range(count):
                    content = encoded(Image.fromarray(thing(label, rng)), "JPEG")
                    archive.writestr(f"{part}/{name}/{number:04}.jpg", content)
    return folder


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, data, monkeypatch):
    """An empty working folder, the small archives, no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUTODIFF_DATA", str(data))
    monkeypatch.setenv("AUTODIFF_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def undrawn(monkeypatch):
    """Trainings draw no pictures, which takes most of their time here."""
    for name in ("_draw_graph", "_draw_results"):
        monkeypatch.setattr(f"nn.commands.train.{name}", lambda *arguments: None)


def train(out: Path, *flags: str) -> Path:
    assert main(["train", *flags, "--out", str(out)]) == 0
    return out


# a name, the data set, the flags of a short training
RUNS = {
    "hanzi12-mlp": ["--dataset", "hanzi12", "--epochs", "12", "--batch-size", "32"],
    "hanzi12-cnn": ["--dataset", "hanzi12", "--model", "cnn", "--epochs", "10", "--channels", "8-8",
                    "--batch-size", "16", "--lr", "0.01", "--augment", "shift", "--scale", "pixel"],
    "cifar10-mlp": ["--dataset", "cifar10", "--epochs", "8", "--batch-size", "8"],
    "cifar10-cnn": ["--dataset", "cifar10", "--model", "cnn", "--epochs", "12", "--channels", "4-4",
                    "--batch-size", "8", "--lr", "0.01"],
}  # fmt: skip


@pytest.fixture(scope="module")
def runs(tmp_path_factory, data) -> dict[str, Path]:
    """A finished run of each kind; not to be changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTODIFF_DATA", str(data))
        folder = tmp_path_factory.mktemp("runs")
        return {name: train(folder / name, *flags) for name, flags in RUNS.items()}


def metrics(run: Path) -> dict:
    return json.loads((run / "metrics.json").read_text(encoding="utf-8"))


def extracted(data: Path, dataset: str) -> tuple[list[Path], list[str]]:
    """The test images as files in the working folder, in the order of the test set; classes."""
    archive, part = {"hanzi12": ("hanzi12-train.zip", "train"),
                     "cifar10": ("cifar10-jpeg.zip", "test")}[dataset]  # fmt: skip
    _, test = nn.data.load(dataset)
    with zipfile.ZipFile(data / archive) as content:
        content.extractall()
    folders = sorted(Path(part).iterdir(), key=lambda path: path.name.zfill(9))
    known: dict[bytes, Path] = {}
    for folder in folders:
        for path in sorted(folder.iterdir()):
            with Image.open(path) as image:
                pixels = np.asarray(image.convert("L" if dataset == "hanzi12" else "RGB"))
            pixels = 255 - pixels[None] if dataset == "hanzi12" else np.moveaxis(pixels, -1, 0)
            known[np.ascontiguousarray(pixels).tobytes()] = path
    paths = [known[image.tobytes()] for image in test.inputs]
    return paths, [test.classes[label] for label in test.targets]


# ------------------------------------------------------------------ train and evaluate


@pytest.mark.parametrize("name", RUNS)
def test_one_command_trains_from_the_raw_images(runs, name, capsys):
    run = runs[name]
    assert {path.name for path in run.iterdir()} >= {
        "config.json", "model.safetensors", "curves.svg", "predictions.png", "metrics.json",
    }  # fmt: skip
    assert metrics(run)["test_accuracy"] > 0.8
    assert main(["evaluate", str(run), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["test_accuracy"] == metrics(run)["test_accuracy"]
    assert report["test_loss"] == metrics(run)["test_loss"]
    classes = list(CHARACTERS) if name.startswith("hanzi") else list(THINGS)
    assert list(report["class_accuracy"]) == classes


def test_evaluate_lines_up_names_of_any_width(runs, capsys):
    for name in ("hanzi12-mlp", "cifar10-mlp"):
        assert main(["evaluate", str(runs[name])]) == 0
        _, _, head, *rows = capsys.readouterr().out.splitlines()
        wide = sum(2 if c in CHARACTERS else 1 for c in rows[0])
        assert all(sum(2 if c in CHARACTERS else 1 for c in row) == wide for row in rows)
        assert len(head) == wide


def test_the_defaults_depend_on_the_data_set_and_the_model(runs):
    settings = metrics(runs["hanzi12-mlp"])["settings"]
    assert settings["layers"] == [784, 512, 256, 12]
    assert settings["augment"] == ["shift", "rotate", "zoom", "elastic"]
    assert (settings["optimizer"], settings["lr"], settings["scale"]) == ("adamw", 1e-3, "standard")
    settings = metrics(runs["cifar10-cnn"])["settings"]
    assert settings["channels"] == [4, 4]  # as on the command line
    assert settings["augment"] == ["shift", "flip"]
    assert settings["scale"] == "channel"


@pytest.mark.usefixtures("undrawn")
def test_another_optimizer_does_not_get_the_rate_of_the_preset(capsys):
    run = train(Path("run"), "--dataset", "hanzi12", "--optimizer", "sgd", "--epochs", "1")
    settings = metrics(run)["settings"]
    assert (settings["lr"], settings["weight_decay"]) == (0.1, 0)
    assert "sgd with lr 0.1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "names"),
    [
        (["--augment", "erase,flip"], ["erase", "flip"]),
        (["--augment", "none"], []),
        (["--no-augment"], []),
        (["--augment", "elastic"], ["elastic"]),
    ],
)
@pytest.mark.usefixtures("undrawn")
def test_augmentation_can_be_chosen(flags, names, capsys):
    run = train(Path("run"), "--dataset", "hanzi12", "--epochs", "1", *flags)
    assert metrics(run)["settings"]["augment"] == names
    assert f"augmentation: {', '.join(names) or 'none'}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("scale", "shape"),
    [("standard", (1, 1, 1)), ("channel", (3, 1, 1)), ("pixel", (3, 32, 32)), ("unit", ())],
)
@pytest.mark.usefixtures("undrawn")
def test_the_scaling_knows_the_training_part_alone_and_is_saved(scale, shape):
    flags = ["--dataset", "cifar10", "--epochs", "1", "--scale", scale, "--validation", "40"]
    run = Run.open(train(Path("run"), *flags))
    data, _ = nn.data.load("cifar10")
    part, held = run.settings.split(data, np.random.default_rng(run.settings.seed))
    assert len(held) == 40
    assert run.scaling.mean.shape == shape
    if shape:
        inputs = part.inputs / 255
        axes = tuple(i for i, n in enumerate((1, *shape)) if n == 1)
        np.testing.assert_allclose(run.scaling.mean, inputs.mean(axes, keepdims=True)[0], rtol=1e-5)
        deviation = inputs.std(axes, keepdims=True)[0]
        if scale == "pixel":  # one that hardly varies is not blown up
            typical = np.sqrt(np.mean(deviation**2))
            assert np.any(deviation < typical / 2)
            deviation = np.maximum(deviation, typical / 2)
        np.testing.assert_allclose(run.scaling.std, deviation, rtol=1e-5)


@pytest.mark.usefixtures("undrawn")
def test_no_copy_of_a_training_image_is_held_out(data, tmp_path, monkeypatch):
    (tmp_path / "copies").mkdir()
    rng = np.random.default_rng(1)
    with zipfile.ZipFile(tmp_path / "copies" / "hanzi12-train.zip", "w") as archive:
        for label in range(12):
            drawings = [character(label, rng) for _ in range(4)]
            for number in range(40):  # ten copies of each, some the same by chance
                content = encoded(Image.fromarray(~drawings[number % 4]), "BMP")
                archive.writestr(f"train/{label + 1}/{number}.bmp", content)
    monkeypatch.setenv("AUTODIFF_DATA", str(tmp_path / "copies"))
    run = Run.open(train(Path("run"), "--dataset", "hanzi12", "--epochs", "1"))
    data, test = nn.data.load("hanzi12")
    part, held = run.settings.split(data, np.random.default_rng(0))
    seen = [{image.tobytes() for image in images.inputs} for images in (part, held, test)]
    assert all(len(images) >= 4 for images in seen)
    assert not seen[0] & seen[1]
    assert not (seen[0] | seen[1]) & seen[2]


@pytest.mark.usefixtures("undrawn")
def test_the_best_weights_are_chosen_by_validation(capsys):
    flags = ["--dataset", "digits", "--layers", "64-16-10", "--epochs", "6", "--lr", "0.1"]
    best = train(Path("best"), *flags, "--schedule", "constant", "--keep", "best")
    epochs = metrics(best)["history"]
    lowest = min(epochs, key=lambda epoch: epoch["validation_loss"])["epoch"]
    assert lowest < 6, "this training must get worse at its end, or the test shows nothing"
    assert metrics(best)["kept_epoch"] == lowest
    assert f"(weights of epoch {lowest})" in capsys.readouterr().out
    # a training that ends there has these weights
    short = train(Path("short"), *flags, "--schedule", "constant", "--epochs", str(lowest))
    assert (best / "model.safetensors").read_bytes() == (short / "model.safetensors").read_bytes()


@pytest.mark.usefixtures("undrawn")
def test_a_resumed_cnn_has_the_weights_of_one_that_never_stopped(monkeypatch, capsys):
    flags = ["--dataset", "hanzi12", "--model", "cnn", "--channels", "4-4", "--epochs", "3"]
    whole = train(Path("whole"), *flags)
    step = nn.optim.AdamW.step
    steps = iter(range(10**9))

    def interrupt(optimizer):
        if next(steps) == 4:  # in the third epoch, of 2 steps
            raise KeyboardInterrupt
        step(optimizer)

    monkeypatch.setattr(nn.optim.AdamW, "step", interrupt)
    assert main(["train", *flags, "--out", "broken"]) == 130
    monkeypatch.setattr(nn.optim.AdamW, "step", step)
    assert "the checkpoint after epoch 2 is whole" in capsys.readouterr().err
    assert main(["train", "--resume", "broken"]) == 0
    for name in ("model.safetensors", "config.json"):
        assert Path("broken", name).read_bytes() == (whole / name).read_bytes()


def test_the_graph_is_drawn_without_touching_the_model(monkeypatch):
    monkeypatch.setattr("nn.commands.train._draw_results", lambda *arguments: None)
    drawn = train(Path("drawn"), *RUNS["cifar10-cnn"], "--epochs", "1", "--dropout", "0.5")
    with monkeypatch.context() as patch:
        patch.setattr("nn.commands.train._draw_graph", lambda *arguments: None)
        plain = train(Path("plain"), *RUNS["cifar10-cnn"], "--epochs", "1", "--dropout", "0.5")
    assert (drawn / "model.safetensors").read_bytes() == (plain / "model.safetensors").read_bytes()


@pytest.mark.skipif(
    not Path(REAL, "hanzi12-train.zip").is_file(), reason="AUTODIFF_DATA has no hanzi12-train.zip"
)
@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("model", "epochs", "goal"), [("mlp", "16", 0.95), ("cnn", "8", 0.98)])
def test_the_real_characters_are_recognised_after_part_of_the_training(
    monkeypatch, model, epochs, goal
):
    monkeypatch.setenv("AUTODIFF_DATA", REAL)
    flags = ["--dataset", "hanzi12", "--model", model, "--epochs", epochs]
    assert metrics(train(Path("run"), *flags))["test_accuracy"] >= goal


# ------------------------------------------------------------------ predict


@pytest.mark.parametrize("name", RUNS)
def test_predict_sees_in_files_what_evaluate_sees_in_the_data_set(runs, name, data, capsys):
    paths, classes = extracted(data, name.partition("-")[0])
    assert main(["predict", str(runs[name]), *map(str, paths), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    right = [row["class"] == true for row, true in zip(rows, classes, strict=True)]
    assert np.mean(right) == metrics(runs[name])["test_accuracy"]


@pytest.mark.parametrize("name", ["hanzi12-cnn", "cifar10-mlp"])
def test_predict_sees_the_same_in_an_array(runs, name, data, capsys):
    paths, _ = extracted(data, name.partition("-")[0])
    images = []
    for path in paths:
        with Image.open(path) as image:  # one bit per pixel: True is white paper
            images.append(
                np.asarray(image) if image.mode == "1" else np.asarray(image.convert("RGB"))
            )
    array = np.stack(images)
    np.save("a.npy", array if array.ndim == 3 else np.moveaxis(array, -1, 1))
    seen = []
    for arguments in (["a.npy"], [str(path) for path in paths]):
        assert main(["predict", str(runs[name]), *arguments, "--json"]) == 0
        seen.append(json.loads(capsys.readouterr().out))
    assert [row["index"] for row in seen[0]] == list(range(len(paths)))
    for one, other in zip(*seen, strict=True):
        assert one["probabilities"] == other["probabilities"]


def test_predict_goes_through_folders_in_natural_order(runs, data, capsys):
    extracted(data, "hanzi12")
    Path("train/1/.hidden.bmp").write_text("no image")
    Path("train/1/notes.txt").write_text("no image either")
    assert main(["predict", str(runs["hanzi12-mlp"]), "train/1", "train/12/3.bmp", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    wanted = [f"train/1/{number}.bmp" for number in range(1, 25)] + ["train/12/3.bmp"]
    assert [row["path"] for row in rows] == wanted
    assert main(["predict", str(runs["hanzi12-mlp"]), "train", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == 12 * 24


def test_the_table_lines_up_with_wide_characters(runs, data, capsys):
    extracted(data, "hanzi12")
    assert main(["predict", str(runs["hanzi12-mlp"]), "train/1/9.bmp", "train/1/10.bmp"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert head.split() == ["path", "class", "probability"]
    for row in rows:
        assert row.split()[1] in CHARACTERS
        # a Chinese character takes two columns
        assert len(row) + 1 == len(head)
        assert row.index(row.split()[1]) + 2 == head.index("class") + len("class")


def test_what_cannot_be_read_is_named_and_the_rest_is_classified(runs, data, capsys):
    extracted(data, "hanzi12")
    whole = Path("train/1/1.bmp").read_bytes()
    Path("train/1/2.bmp").write_bytes(whole[:70])
    Path("train/1/3.bmp").write_bytes(b"no image")
    assert main(["predict", str(runs["hanzi12-mlp"]), "train/1", "none.bmp", "--json"]) == 1
    said = capsys.readouterr()
    assert len(json.loads(said.out)) == 22
    *named, last = said.err.splitlines()
    assert [line.partition(":")[0] for line in named] == [
        "train/1/2.bmp", "train/1/3.bmp", "none.bmp",
    ]  # fmt: skip
    assert last == "error: 3 of the files or folders were left out; see above"
    assert main(["predict", str(runs["hanzi12-mlp"]), "train/1/2.bmp"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: train/1/2.bmp: cannot be read (")


def test_a_reader_that_stops_early_is_no_error(runs, data):
    extracted(data, "hanzi12")
    read, write = os.pipe()
    os.close(read)
    kept = os.dup(1)
    os.dup2(write, 1)
    try:
        with open(1, "w", closefd=False) as out, pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdout", out)
            assert main(["predict", str(runs["hanzi12-mlp"]), "train/1"]) == 141
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(write)


# ------------------------------------------------------------------ what goes wrong


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dataset", "cifar10", "--layers", "784-10"],
         "an image of cifar10 has 3072 values; write --layers 3072-10"),
        (["--dataset", "hanzi12", "--model", "cnn", "--layers", "784-12"],
         "--layers are those of an mlp"),
        (["--dataset", "hanzi12", "--channels", "8-8"], "--channels are those of a cnn"),
        (["--dataset", "hanzi12", "--model", "cnn", "--channels", "8-8-8-8-8"],
         "an image of 28 x 28 pixels can only be halved 4 times; write --channels 8-8-8-8"),
        (["--model", "cnn", "--channels", "8-x"], "'8-x' is no list of channels"),
        (["--model", "rnn"], "there is no model named 'rnn'"),
        (["--augment", "shfit"], "no augmentation named 'shfit' (did you mean shift?)"),
        (["--augment", ""], "no augmentation named ''"),
        (["--weight-decay", "-1"], "no finite number of at least 0"),
        (["--keep", "first"], "there is no choice named 'first'; choose one of last, best"),
        (["--dataset", "digits", "--keep", "best", "--validation", "0"],
         "--keep best needs images to choose by"),
        (["--blas-kernel", "fast"], "there is no choice named 'fast'"),
    ],
)  # fmt: skip
def test_settings_that_do_not_fit_are_explained_and_nothing_is_left(flags, message, capsys):
    assert main(["train", *flags]) == 2
    assert message in capsys.readouterr().err
    assert not Path("runs").exists()


def test_an_archive_that_is_damaged_is_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "hanzi12-train.zip").write_bytes(b"PK no archive")
    monkeypatch.setenv("AUTODIFF_DATA", str(tmp_path / "bad"))
    assert main(["train", "--dataset", "hanzi12"]) == 1
    assert "hanzi12-train.zip: cannot be read as a zip archive" in capsys.readouterr().err
    assert not Path("runs").exists()
