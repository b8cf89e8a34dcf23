"""How long importing a library takes beyond importing NumPy, in a bare process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.pool import HERE, Failed

__all__ = ["import_seconds"]

PROGRAM = """
import sys, time
sys.path.insert(0, sys.argv[1])
import numpy
start = time.perf_counter()
import {module}
print(time.perf_counter() - start)
"""


def import_seconds(contender: str, tree: Path = HERE) -> float:
    """One measurement. Raises Failed if the library cannot be imported."""
    environment = os.environ | {"PYTHONWARNINGS": "ignore"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled once, as usual
    result = subprocess.run(
        [
            *(sys.executable, "-P", "-c"),
            *(PROGRAM.format(module=CONTENDERS[contender].imports), str(tree)),
        ],
        capture_output=True,
        text=True,
        env=environment,
        cwd=tree,
    )
    if result.returncode:
        raise Failed(result.stderr.strip().splitlines()[-1])
    return float(result.stdout)
