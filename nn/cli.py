"""The command line: `python -m nn train`, `evaluate` and `predict`.

Errors are one sentence on stderr. The exit status is 0 when all went well, 2 when the command line
makes no sense, 130 after Ctrl-C, and 1 for the rest.
"""

from __future__ import annotations

import argparse
import difflib
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import autodiff as ad
from nn.commands.evaluate import evaluate
from nn.commands.kernel import KERNELS, restart_if_faster
from nn.commands.predict import predict
from nn.commands.preparing import AUGMENTATIONS, SCALES
from nn.commands.presets import MODELS, PRESETS
from nn.commands.settings import (
    KEPT,
    UsageError,
    parse_augmentations,
    parse_channels,
    parse_layers,
)
from nn.commands.tables import table
from nn.commands.threads import DEFAULT as DEFAULT_THREADS
from nn.commands.threads import blas_threads
from nn.commands.train import Interrupted, train
from nn.data import DATASETS
from nn.data.registry import is_folder
from nn.errors import UserError
from nn.layers.activations import ACTIVATIONS
from nn.names import look_up
from nn.optim import OPTIMIZERS
from nn.training.schedules import SCHEDULES


def main(argv: Sequence[str] | None = None, *, own_process: bool = False) -> int:
    """Run the command line `argv`, by default that of the process; returns the exit status.

    own_process: this process is for this command alone, which may start it again (`nn.commands.
        kernel`).
    """
    arguments = sys.argv[1:] if argv is None else list(argv)
    status, message = 1, ""
    try:
        parsed = _parse(arguments)
        if own_process and getattr(parsed, "blas_kernel", "default") == "auto":
            restart_if_faster()
        with blas_threads(getattr(parsed, "threads", None)):
            parsed.run_command(parsed)
        sys.stdout.flush()
        return 0
    except BrokenPipeError:  # who reads the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + 13  # as a shell reports SIGPIPE
    except UsageError as error:
        caught, status, message = error, 2, str(error)
    except (KeyboardInterrupt, Interrupted) as error:
        caught, status, message = error, 130, str(error) or "interrupted"
    except (UserError, ad.errors.AutodiffError) as error:
        caught, message = error, str(error)
    except Exception as error:
        caught = error
        message = f"{type(error).__name__}: {error} (--traceback shows where it happened)"
    if "--traceback" in arguments:
        raise caught
    print(f"error: {message}", file=sys.stderr)
    return status


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence, and which leaves out flags that are not given."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, argument_default=argparse.SUPPRESS, **settings)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}; {self.prog} --help lists what there is")


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser, commands = _make_parser()
    parsed, unknown = parser.parse_known_args(arguments)
    if unknown:
        command = commands[parsed.command]
        flag = unknown[0].partition("=")[0]
        known = list(command._option_string_actions)
        close = difflib.get_close_matches(flag, known, n=1)
        command.error(
            f"{command.prog} does not know {unknown[0]}"
            + (f" (did you mean {close[0]}?)" if close else "")
        )
    return parsed


def _make_parser() -> tuple[_Parser, dict[str, _Parser]]:
    parser = _Parser(prog="python -m nn", description="Train neural networks and use them.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    made = {}
    for name, run, add_flags, purpose in (
        ("train", train, _add_train_flags, "train a network on a data set of images"),
        ("evaluate", evaluate, _add_evaluate_flags, "measure a trained network on test images"),
        ("predict", predict, _add_predict_flags, "recognise what is in images"),
    ):
        command = commands.add_parser(
            name,
            help=purpose,
            description=purpose.capitalize() + ".",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.set_defaults(run_command=run)
        add_flags(command)
        add = _adder(command)
        add("--threads N", _whole(1), f"{DEFAULT_THREADS}", "of the matrix products")
        command.add_argument(
            "--traceback", action="store_true", help="show where an error comes from"
        )
        made[name] = command
    return parser, made


def _add_train_flags(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _presets()
    add = _adder(parser)
    add("--dataset NAME", _dataset(), "mnist; digits where MNIST is not found")
    add("--image-size N", _whole(4), _SIZES, "of a folder: all become squares of N pixels")
    add("--model NAME", _name(MODELS, "model"), "mlp")
    add("--layers SIZES", _value(parse_layers), _BELOW, "of an mlp, as in 784-512-64-10")
    add("--channels SIZES", _value(parse_channels), _BELOW, "of a cnn's blocks, as in 16-32-64")
    add("--activation NAME", _name(ACTIVATIONS, "activation"), "relu")
    add("--optimizer NAME", _name(OPTIMIZERS, "optimizer"), _BELOW)
    add("--lr RATE", _number(0, math.inf, open_below=True), _BELOW, "the learning rate")
    add("--schedule NAME", _name(SCHEDULES, "schedule"), "cosine", "how the rate changes")
    add("--weight-decay RATE", _number(0, math.inf), _BELOW, "how fast weights shrink")
    add("--batch-size N", _whole(1), _BELOW, "images per step")
    add("--epochs N", _whole(1), _BELOW, "rounds through the training images")
    add("--dropout P", _number(0, 1), _BELOW, "probability with which a unit is dropped")
    add("--augment NAMES", _augmentations(), _BELOW, "how images are changed in every epoch")
    parser.add_argument(
        "--no-augment", dest="augment", action="store_const", const=(), help="show them as they are"
    )
    add("--scale NAME", _name(SCALES, "scale"), _BELOW, "pixels")
    add("--validation PART", _held_out, "0.1", "a share, or a number, of the images to hold out")
    add("--keep WHICH", _name(KEPT, "choice"), "last", "weights")
    add("--seed N", _whole(0), "0", "where random numbers start")
    add("--out FOLDER", Path, "the next free runs/DATASET-NUMBER", "new or empty")
    add("--resume RUN", Path, "", "continue this run with its settings; --epochs may be raised")
    add("--blas-kernel NAME", _name(KERNELS, "choice"), "auto", "for matrix products")
    parser.set_defaults(blas_kernel="auto")


_SIZES = "the images' own where all have one of at most 64, otherwise 32"
_BELOW = "see below"  # the default depends on the data set and the model


def _presets() -> str:
    """The table of defaults that depend on the data set and the model."""
    rows = [("data set", "model", "sizes", "epochs", "optimizer, lr", "decay", "dropout", "scale",
             "augmentation")]  # fmt: skip
    for (dataset, model), p in PRESETS.items():
        rows.append((
            dataset, model, "-".join(map(str, p.sizes)), str(p.epochs), f"{p.optimizer} {p.lr:g}",
            f"{p.weight_decay:g}", f"{p.dropout:g}", p.scale, ",".join(p.augment) or "none",
        ))  # fmt: skip
    return (
        "Defaults by data set and model (sizes: hidden units of the mlp's layers, channels of the "
        f"cnn's blocks):\n\n{table(rows, '<<<><>><<')}"
    )


def _adder(parser: argparse.ArgumentParser) -> Callable[..., None]:
    """A function that adds a flag: its name and value, its type, its default, its meaning."""

    def add(flag: str, kind: Callable[[str], Any], default: str, meaning: str = "") -> None:
        name, metavar = flag.split()
        meaning = ": ".join(filter(None, (meaning, getattr(kind, "names", ""))))
        shown = f"{meaning} (default: {default})" if default else meaning
        parser.add_argument(name, type=kind, metavar=metavar, help=shown.replace("%", "%%"))

    return add


def _add_evaluate_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument("--json", action="store_true", default=False, help="print JSON")


def _add_predict_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path, metavar="RUN", help="a run folder")
    parser.add_argument(
        "paths",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="an image file (of any size), a folder of them, or a .npy file with images of the "
        "network's size: (n, height, width) or (n, channels, height, width), 0 to 1 or 0 to 255",
    )
    parser.add_argument(
        "--json", action="store_true", default=False, help="print JSON, with all probabilities"
    )


def _value(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """`parse` as the type of a flag: argparse puts the flag's name before its message."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except UserError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def _name(table: Mapping[str, Any], kind: str) -> Callable[[str], str]:
    """A name in `table`; `kind` says what it names."""

    def check(text: str) -> str:
        look_up(table, text, kind)
        return text

    convert = _value(check)
    convert.names = ", ".join(  # type: ignore[attr-defined]
        f"{name} ({meaning})" if isinstance(meaning, str) else name
        for name, meaning in table.items()
    )
    return convert


def _dataset() -> Callable[[str], str]:
    """A data set's name, or a folder by its absolute path: the run is used elsewhere too."""
    known = _name(DATASETS, "data set")

    def convert(text: str) -> str:
        return str(Path(text).resolve()) if is_folder(text) else known(text)

    names = ", ".join(DATASETS)
    convert.names = f"{names}, or a folder with one folder of images per class"  # type: ignore[attr-defined]
    return convert


def _augmentations() -> Callable[[str], tuple[str, ...]]:
    convert = _value(parse_augmentations)
    known = ", ".join(f"{name} ({meaning})" for name, meaning in AUGMENTATIONS.items())
    convert.names = f"none, or some of {known}"  # type: ignore[attr-defined]
    return convert


def _whole(least: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        try:
            number = int(text)
        except ValueError:
            number = least - 1
        if number < least:
            raise argparse.ArgumentTypeError(
                f"{text!r} is no whole number of at least {least}; write one"
            )
        return number

    return convert


def _number(low: float, high: float, *, open_below: bool = False) -> Callable[[str], float]:
    """A number from `low` to below `high`; `low` itself only if not `open_below`."""
    limit = f"{'above' if open_below else 'of at least'} {low:g}"
    limit += "" if high == math.inf else f" and below {high:g}"

    def convert(text: str) -> float:
        try:
            number = float(text)
        except ValueError:
            number = math.nan
        if not low <= number < high or (open_below and number == low):
            raise argparse.ArgumentTypeError(f"{text!r} is no finite number {limit}; write one")
        return number

    return convert


def _held_out(text: str) -> float:
    number = _number(0, math.inf)(text)
    if number >= 1 and number != int(number):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a share below 1 nor a whole number of images; write 0.1 or 6000"
        )
    return number
