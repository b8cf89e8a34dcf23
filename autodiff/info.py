"""What this installation computes with: versions, BLAS, its kernel and its threads."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from autodiff import __version__
from autodiff.engine.allocator import BLOCK, PRIMED

__all__ = ["FAST_KERNEL", "Blas", "advice", "blas", "has_avx512", "report"]

FAST_KERNEL = "SKYLAKEX"  # OpenBLAS's name for its kernel for AVX-512
_SLOW_KERNELS = ("Haswell", "Zen")  # for AVX2, which processors with AVX-512 run too


@dataclass(frozen=True)
class Blas:
    """The library behind matrix products; what could not be found out is None."""

    name: str | None
    version: str | None
    kernel: str | None = None  # the processor that its code was written for
    threads: int | None = None
    dynamic: bool = False  # whether the kernel is chosen when the library is loaded


def blas() -> Blas:
    """The BLAS that NumPy uses in this process; kernel and threads are known for OpenBLAS."""
    built: Any = np.show_config(mode="dicts")
    used = built.get("Build Dependencies", {}).get("blas", {})
    name, version = used.get("name"), used.get("version")
    library = _openblas()
    if library is None:
        return Blas(name, version)
    kernel = _call(library, "get_corename", ctypes.c_char_p)
    configuration = _call(library, "get_config", ctypes.c_char_p) or b""
    return Blas(
        name,
        version,
        kernel.decode() if kernel else None,
        _call(library, "get_num_threads", ctypes.c_int),
        b"DYNAMIC_ARCH" in configuration,
    )


def has_avx512() -> bool:
    """Whether this processor has the AVX-512 instructions that the fast kernel needs."""
    built: Any = np.show_config(mode="dicts")
    simd = built.get("SIMD Extensions", {})
    features = {*simd.get("baseline", ()), *simd.get("found", ())}
    return not features.isdisjoint({"X86_V4", "AVX512_SKX"})


def advice(used: Blas, avx512: bool, asked: str | None = None) -> str | None:
    """How to switch on a faster kernel, or None if there is none.

    asked: the value of OPENBLAS_CORETYPE, if it is set.

    >>> print(advice(Blas("openblas", "0.3", "Haswell", 2, True), avx512=True))
    A faster kernel is available: this processor has AVX-512, but OpenBLAS uses its Haswell kernel.
    Set this in the environment before NumPy is imported; float32 products take about half the time:
        OPENBLAS_CORETYPE=SKYLAKEX
    """
    if not (avx512 and used.dynamic and used.kernel in _SLOW_KERNELS):
        return None
    why = f", because OPENBLAS_CORETYPE={asked} is set" if asked else ""
    return (
        "A faster kernel is available: this processor has AVX-512, but OpenBLAS uses its "
        f"{used.kernel} kernel{why}.\n"
        "Set this in the environment before NumPy is imported; float32 products take about half "
        f"the time:\n    OPENBLAS_CORETYPE={FAST_KERNEL}"
    )


def report() -> Iterator[str]:
    """The lines that ``python -m autodiff info`` prints."""
    used = blas()
    system = f"{platform.python_implementation()}, {platform.system()} {platform.machine()}"
    yield f"autodiff  {__version__}"
    yield f"Python    {platform.python_version()} ({system})"
    yield f"NumPy     {np.__version__}"
    yield f"BLAS      {used.name or 'unknown'} {used.version or ''}".rstrip()
    yield f"kernel    {used.kernel or 'unknown'}"
    yield f"threads   {used.threads or 'unknown'} (processors: {os.cpu_count()})"
    blocks = f"blocks up to {BLOCK >> 20} MiB are used again" if PRIMED else "as the system has it"
    yield f"memory    {blocks}"
    hint = advice(used, has_avx512(), os.environ.get("OPENBLAS_CORETYPE"))
    if hint:
        yield ""
        yield hint


def _openblas() -> ctypes.CDLL | None:
    """The OpenBLAS that NumPy has loaded, or None if it uses another library."""
    for path in _candidates():
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        if _find(library, "get_config") is not None:
            return library
    return None


def _candidates() -> Iterator[Path]:
    """Where it may be: beside NumPy, as in a wheel, or among what this process has loaded."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        yield from sorted(folder.glob("*openblas*"))
    maps = Path("/proc/self/maps")
    if maps.exists():
        loaded = {line.split(maxsplit=5)[-1] for line in maps.read_text().splitlines()}
        yield from sorted(Path(name) for name in loaded if "blas" in Path(name).name)


def _find(library: ctypes.CDLL, name: str) -> Any:
    """The function openblas_`name`, under the prefix and suffix of this build."""
    for prefix in ("scipy_", ""):
        for suffix in ("64_", "", "_64", "_"):
            function = getattr(library, f"{prefix}openblas_{name}{suffix}", None)
            if function is not None:
                return function
    return None


def _call(library: ctypes.CDLL, name: str, result: Any) -> Any:
    function = _find(library, name)
    if function is None:
        return None
    function.restype = result
    return function()
