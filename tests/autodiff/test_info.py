"""``python -m autodiff info``."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest

from autodiff import info
from autodiff.info import Blas

HASWELL = Blas("scipy-openblas", "0.3.31", "Haswell", 2, dynamic=True)


def command(**environment: str) -> str:
    import os

    return subprocess.run(
        [sys.executable, "-m", "autodiff", "info"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def test_versions_and_blas_are_printed() -> None:
    lines = command().splitlines()
    assert [line.split()[0] for line in lines[:6]] == [
        *("autodiff", "Python", "NumPy", "BLAS", "kernel", "threads")
    ]
    assert np.__version__ in lines[2]


@pytest.mark.skipif(info.blas().kernel is None, reason="NumPy does not use OpenBLAS here")
def test_the_kernel_and_threads_of_openblas_are_those_of_the_process() -> None:
    threadpoolctl = pytest.importorskip("threadpoolctl")
    (found,) = (p for p in threadpoolctl.threadpool_info() if "numpy" in p["filepath"])
    assert (info.blas().kernel, info.blas().threads) == (
        found["architecture"],
        found["num_threads"],
    )
    assert "threads   1" in command(OPENBLAS_NUM_THREADS="1")


@pytest.mark.skipif(
    not (info.has_avx512() and info.blas().dynamic), reason="there is no faster kernel here"
)
def test_the_advice_is_given_where_it_helps_and_following_it_helps() -> None:
    assert "OPENBLAS_CORETYPE=SKYLAKEX" in command(OPENBLAS_CORETYPE="Haswell")
    followed = command(OPENBLAS_CORETYPE="SKYLAKEX")
    assert "SkylakeX" in followed
    assert "faster" not in followed


@pytest.mark.parametrize(
    ("used", "avx512"),
    [
        (HASWELL, False),
        (Blas("scipy-openblas", "0.3.31", "SkylakeX", 2, dynamic=True), True),
        (Blas("openblas", "0.3.31", "Haswell", 2, dynamic=False), True),
        (Blas("mkl", "2026.0"), True),
    ],
)
def test_there_is_no_advice_that_would_not_help(used: Blas, avx512: bool) -> None:
    assert info.advice(used, avx512) is None


def test_the_advice_says_why_the_kernel_is_slow() -> None:
    text = info.advice(HASWELL, avx512=True, asked="Haswell")
    assert text is not None
    assert "because OPENBLAS_CORETYPE=Haswell is set" in text


def test_another_blas_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(info, "_candidates", lambda: iter(()))
    assert info.blas().kernel is None
    assert "kernel    unknown" in list(info.report())


def test_a_library_that_cannot_be_loaded_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(path: str) -> ctypes.CDLL:
        raise OSError(path)

    monkeypatch.setattr(ctypes, "CDLL", fail)
    assert info.blas().kernel is None
