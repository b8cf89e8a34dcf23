"""Worker processes: how they are started, and how they are talked to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from autodiff.info import FAST_KERNEL
from benchmarks.cases import Kernel
from benchmarks.contenders import CONTENDERS

__all__ = ["HERE", "Failed", "Pool", "WorkerProcess", "worker_environment"]

HERE = Path(__file__).resolve().parent.parent

# The benchmarks come from here; autodiff and nn from the tree that is given.
START = """
import sys
here, tree = sys.argv.pop(1), sys.argv.pop(1)
sys.path.insert(0, here)
from benchmarks import worker
sys.path[0] = tree
worker.main()
"""


class Failed(Exception):
    """A worker could not do what it was asked for; the message says why."""


def worker_environment(contender: str, threads: int, kernel: Kernel) -> dict[str, str]:
    """The environment of a worker: so many threads, the wished BLAS kernel, the contender's own.

    The default kernel is the one that a program gets that is started from here.
    """
    count = str(threads)
    environment = os.environ | {
        "OMP_NUM_THREADS": count,
        "OPENBLAS_NUM_THREADS": count,
        "MKL_NUM_THREADS": count,
        "VECLIB_MAXIMUM_THREADS": count,
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={'false' if threads == 1 else 'true'}",
        "JAX_PLATFORMS": "cpu",
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONWARNINGS": "ignore",
    }
    if kernel == "fast":
        environment["OPENBLAS_CORETYPE"] = FAST_KERNEL
    return environment | CONTENDERS[contender].environment


class WorkerProcess:
    """One contender in a process of its own, on as many processors as it has threads."""

    def __init__(self, contender: str, threads: int, kernel: Kernel, tree: Path = HERE) -> None:
        self.contender = contender
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", START, str(HERE), str(tree), contender],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=worker_environment(contender, threads, kernel),
            cwd=tree,
            text=True,
        )
        if hasattr(os, "sched_setaffinity"):  # not on macOS and Windows
            allowed = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(self.process.pid, allowed[-threads:])

    def ask(self, **request: Any) -> dict[str, Any]:
        """The worker's answer. Raises Failed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            print(json.dumps(request), file=self.process.stdin, flush=True)
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Failed(f"the process ended with code {self.process.wait()}")
        answer = json.loads(line)
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer

    def close(self) -> None:
        """End the process."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Pool:
    """Workers that stay alive from case to case; a context manager."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel: Kernel = kernel
        self._workers: dict[tuple[str, int], WorkerProcess] = {}

    def get(self, contender: str, threads: int) -> WorkerProcess:
        """A living worker for the contender."""
        key = contender, threads
        worker = self._workers.get(key)
        if worker is None or worker.process.poll() is not None:
            worker = self._workers[key] = WorkerProcess(contender, threads, self.kernel)
        return worker

    @contextmanager
    def fresh(self, contender: str, threads: int) -> Iterator[WorkerProcess]:
        """A worker that has done nothing yet, and ends after use."""
        worker = WorkerProcess(contender, threads, self.kernel)
        try:
            yield worker
        finally:
            worker.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for worker in self._workers.values():
            worker.close()
