"""Freed memory is used again: a process that imports the engine does not ask the system twice."""

import os
import platform
import subprocess
import sys

import pytest

# Whether an array of 2 MiB is a mapping of its own, which is made and given back each time. It is
# counted by the C library: the fourth number of `mallinfo`.
MAPPED = """
import ctypes, sys
import numpy as np
if sys.argv[1] == "engine":
    import autodiff
libc = ctypes.CDLL(None)
class Info(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in "abcdefghij"]
libc.mallinfo.restype = Info
before = libc.mallinfo().d
x = np.empty(2**18)
print(libc.mallinfo().d - before)
"""


def mappings(what: str, **environment: str) -> int:
    run = subprocess.run(
        [sys.executable, "-c", MAPPED, what],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(run.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="about the C library of Linux")
def test_large_arrays_come_from_memory_that_is_at_hand():
    assert mappings("NumPy alone") == 1
    assert mappings("engine") == 0
    assert mappings("engine", AUTODIFF_PRIME="0") == 1
