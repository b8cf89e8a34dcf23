"""Large arrays from memory that is at hand.

The C library of Linux (glibc) gives every block of more than 128 KiB back to the system when it
is freed, and has to ask for it again; a graph of temporaries then spends most of its time in the
kernel, which clears each page anew. The library stops doing so for blocks up to the size of
the largest one that was ever freed, and keeps up to twice that size of freed memory. So one such
block, reserved and freed without being touched, does it: it takes microseconds and no memory.

``AUTODIFF_PRIME=0 python -m benchmarks ops conv attention`` shows what it is without. Half the
size does not do for a transformer block; twice the size is no faster and keeps more.
"""

from __future__ import annotations

import os

import numpy as np

__all__ = ["BLOCK", "PRIMED"]

BLOCK = 16 * 2**20  # bytes; the library has a limit of 32 MiB
PRIMED = os.environ.get("AUTODIFF_PRIME") != "0"  # other C libraries do not mind

if PRIMED:
    np.empty(BLOCK, np.uint8)  # and freed at once
