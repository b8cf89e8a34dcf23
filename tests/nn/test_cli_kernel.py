"""A command that starts itself again with a faster BLAS kernel, and only where it should."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import autodiff as ad
import nn
from nn.cli import main
from nn.commands import kernel

SLOW = ad.info.Blas("scipy-openblas", "0.3.30", "Haswell", 2, dynamic=True)


@pytest.mark.parametrize(
    ("used", "avx512", "environment", "expected"),
    [
        (SLOW, True, {}, True),
        (SLOW, False, {}, False),  # the processor cannot run the other kernel
        (replace(SLOW, kernel="SkylakeX"), True, {}, False),  # it is in use already
        (replace(SLOW, dynamic=False), True, {}, False),  # a build for one processor
        (ad.info.Blas("accelerate", None), True, {}, False),
        (SLOW, True, {"OPENBLAS_CORETYPE": "Haswell"}, False),  # the user has decided
        (SLOW, True, {"OPENBLAS_CORETYPE": "SKYLAKEX"}, False),  # it was started again
    ],
)
def test_it_is_worth_it_only_where_the_kernel_is_slow_and_nobody_chose_it(
    used, avx512, environment, expected
):
    assert kernel.is_worth_it(used, avx512, environment) is expected


@pytest.fixture
def started(monkeypatch) -> list[tuple]:
    """What a process that could be faster is replaced by."""
    calls: list[tuple] = []
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.setattr(ad.info, "blas", lambda: SLOW)
    monkeypatch.setattr(ad.info, "has_avx512", lambda: True)
    monkeypatch.setattr(os, "execve", lambda *arguments: calls.append(arguments))
    monkeypatch.setattr("nn.cli.train", lambda arguments: None)
    return calls


@pytest.mark.skipif(os.name != "posix", reason="processes are replaced on POSIX alone")
def test_the_process_is_started_again_with_the_same_command_line(started, monkeypatch, capsys):
    monkeypatch.setattr(sys, "orig_argv", ["python", "-X", "dev", "-m", "nn", "train"])
    assert main(["train"], own_process=True) == 0
    ((program, arguments, environment),) = started
    assert program == sys.executable
    assert arguments == [sys.executable, "-X", "dev", "-m", "nn", "train"]
    assert environment == {**os.environ, "OPENBLAS_CORETYPE": "SKYLAKEX"}
    assert capsys.readouterr().out == (
        "OpenBLAS kernel SKYLAKEX for this process; --blas-kernel default keeps the default\n"
    )


@pytest.mark.parametrize(
    ("arguments", "own_process"),
    [
        (["train"], False),  # called from a program
        (["train", "--blas-kernel", "default"], True),
        (["evaluate", "none"], True),
        (["train", "--lr", "x"], True),
    ],
)
def test_otherwise_it_goes_on(started, arguments, own_process):
    main(arguments, own_process=own_process)
    assert started == []


# A process that finds the slow kernel, whatever there is, and asks for one that all x86 can run.
PROGRAM = """
import os
import autodiff as ad
ad.info.blas = lambda: ad.info.Blas("openblas", "0.3", "Haswell", 1, True)
ad.info.has_avx512 = lambda: True
ad.info.FAST_KERNEL = "PRESCOTT"
import nn.cli
nn.cli.train = lambda arguments: print("kernel:", os.environ.get("OPENBLAS_CORETYPE"))
raise SystemExit(nn.cli.main(own_process=True))
"""


@pytest.mark.skipif(os.name != "posix", reason="processes are replaced on POSIX alone")
@pytest.mark.parametrize(
    ("flags", "chosen", "said"),
    [
        ([], None, ["OpenBLAS kernel PRESCOTT for this process; --blas-kernel default keeps the "
                    "default", "kernel: PRESCOTT"]),
        (["--blas-kernel", "default"], None, ["kernel: None"]),
        ([], "Haswell", ["kernel: Haswell"]),
    ],
)  # fmt: skip
def test_a_process_starts_again_once(flags, chosen, said):
    root = Path(nn.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path])}
    environment.pop("OPENBLAS_CORETYPE", None)
    if chosen:
        environment["OPENBLAS_CORETYPE"] = chosen
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "train", *flags],
        env=environment, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert (done.returncode, done.stdout.splitlines()) == (0, said), done.stderr


def test_python_m_nn_owns_its_process():
    source = Path(nn.__file__).with_name("__main__.py").read_text()
    assert "main(own_process=True)" in source
