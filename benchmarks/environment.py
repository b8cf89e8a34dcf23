"""Where results come from: machine, versions, BLAS."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.contenders import CONTENDERS
from benchmarks.pool import HERE, Pool, worker_environment

__all__ = ["busy", "environment"]


def environment(pool: Pool) -> dict[str, Any]:
    """The facts that are written beside results; all can be written as JSON."""
    return {
        "cpu": _processor(),
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "system": f"{platform.system()} {platform.machine()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "revision": _revision(),
        "versions": {
            package: _version(package)
            for contender in CONTENDERS.values()
            for package in contender.packages
        },
        "kernel": pool.kernel,
        "OPENBLAS_CORETYPE": worker_environment("numpy", 1, pool.kernel).get("OPENBLAS_CORETYPE"),
        "blas": pool.get("numpy", 1).ask(blas=True),
    }


def busy() -> str | None:
    """A warning if other programs are running."""
    processors = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load < 0.5 * processors:
        return None
    return (
        f"The load average is {load:.1f} on {processors} processors: other programs are running. "
        "Trust the ratios with one thread at most; several threads wait for one another."
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _revision() -> str | None:
    """The git revision, marked if there are changes; None outside of a repository."""
    command = ["git", "describe", "--always", "--dirty"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, cwd=HERE)
    except OSError:
        return None
    return result.stdout.strip() or None
