"""The BLAS kernel of a command: a process may start again, with a faster one."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping

import autodiff as ad

KERNELS = {"auto": "the fastest for this processor", "default": "the one that OpenBLAS picks"}
_VARIABLE = "OPENBLAS_CORETYPE"  # read when NumPy is imported, so it has to be set before


def is_worth_it(
    used: ad.info.Blas, avx512: bool, environment: Mapping[str, str] = os.environ
) -> bool:
    """Whether a process would be faster with the kernel for AVX-512.

    Never where the environment names a kernel: the user has decided, or this is the process that
    was started again.
    """
    return _VARIABLE not in environment and ad.info.advice(used, avx512) is not None


def restart_if_faster() -> None:
    """Start this process again, same command line, if another BLAS kernel is faster here.

    Nothing may have been done yet. It takes about as long as importing NumPy.
    """
    if os.name != "posix":  # elsewhere, who waits for this process would not wait for the new one
        return
    if not is_worth_it(ad.info.blas(), ad.info.has_avx512()):
        return
    kernel = ad.info.FAST_KERNEL
    print(
        f"OpenBLAS kernel {kernel} for this process; --blas-kernel default keeps the default",
        flush=True,
    )
    sys.stderr.flush()
    environment = {**os.environ, _VARIABLE: kernel}
    # not orig_argv[0], by which Python would look for its own packages
    os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)
