"""A process that holds one contender and runs single repetitions of a case when asked.

It reads requests from its standard input, one JSON object a line, and answers each in the same
way. ``{"prepare": kind, "arguments": {...}, "warm": seconds}`` builds a step and runs it for so
long, at least once (not at all, if null); ``{"time": number}`` gives the mean duration of that
many steps; ``{"traced": steps}`` and ``{"resident": steps}`` give bytes; ``{"profile": seconds}``
says where the time of a step of autodiff goes; ``{"blas": true}`` says what NumPy uses in this
process. With several threads, an answer comes when all of them rest.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from itertools import repeat
from time import perf_counter, process_time, sleep
from typing import Any

from benchmarks.contenders import CONTENDERS

__all__ = ["Worker", "main", "rest"]

REST_LIMIT = 1.0  # seconds; a library whose threads never rest is not waited for
LOOK = 0.025  # seconds; Linux adds up the time of a thread that is running every 10 ms only


class Worker:
    """The answers to the requests."""

    def __init__(self, contender: str) -> None:
        self.contender = CONTENDERS[contender]
        self.step: Callable[[], Any] = _nothing

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The answer; a failure, of whatever kind, is an answer too."""
        try:
            if "blas" in request:
                return used_blas()
            if "prepare" in request:
                return self.prepare(request["prepare"], request["arguments"], request["warm"])
            if "time" in request:
                return timed(self.step, request["time"])
            if "profile" in request:
                from benchmarks.profiler import profile  # autodiff's; other workers do without

                clock = perf_counter if several_threads() else process_time
                return profile(self.step, request["profile"], clock)
            if "traced" in request:
                return traced(self.step, request["traced"])
            return resident(self.step, request["resident"])
        except Exception as error:
            lines = str(error).strip().splitlines() or [""]
            return {"failed": f"{type(error).__name__}: {lines[0]}"[:200]}

    def prepare(self, kind: str, arguments: dict[str, Any], warm: float | None) -> dict[str, Any]:
        """Import the library, build the step, and run it until it is in its stride."""
        self.step = _nothing
        gc.collect()
        module = importlib.import_module(f"benchmarks.contenders.{self.contender.module}")
        self.step = getattr(module, kind)(**arguments, **self.contender.settings)
        if warm is not None:
            end = perf_counter() + warm
            self.step()
            while perf_counter() < end:
                self.step()
        return {}


def _nothing() -> None:
    raise RuntimeError("no step was prepared")


def used_blas() -> dict[str, Any]:
    """The library, its version, kernel and threads."""
    from autodiff.info import blas  # not before: it imports NumPy, which a contender may not need

    return asdict(blas())


def timed(step: Callable[[], Any], number: int) -> dict[str, float]:
    """The mean duration of `number` steps, elapsed and of the processor, in seconds.

    The garbage collector is on, as it is in a user's program. A step that measures its own parts
    returns a dict of them.
    """
    if number > 1:
        step()  # the caches and thread pools of the others have to make room
    gc.collect()
    result = None
    processor, start = process_time(), perf_counter()
    for _ in repeat(None, number):
        result = step()
    elapsed, processor = perf_counter() - start, process_time() - processor
    times = {"elapsed": elapsed / number, "processor": processor / number}
    return times | result if isinstance(result, dict) else times


def several_threads() -> bool:
    """Whether this process may use more than one."""
    return os.environ["OMP_NUM_THREADS"] != "1"


def rest() -> float:
    """Wait until no thread of this process computes any more; returns for how many seconds.

    The threads of BLAS, OpenMP and XLA wait for more work in a loop before they sleep, those of
    OpenBLAS for more than 0.1 s, and would take a processor from the contender that comes next.
    """
    start = now = perf_counter()
    while now - start < REST_LIMIT:
        before, used = now, process_time()  # that of all threads
        sleep(LOOK)
        now = perf_counter()
        if process_time() - used < 0.1 * (now - before):
            break
    return now - start


def traced(step: Callable[[], Any], steps: int) -> dict[str, float]:
    """The peak of the memory that tracemalloc sees, in bytes, beyond what was there before."""
    import tracemalloc

    gc.collect()
    tracemalloc.start()
    try:
        for _ in repeat(None, steps):
            step()
        return {"bytes": tracemalloc.get_traced_memory()[1]}
    finally:
        tracemalloc.stop()


def resident(step: Callable[[], Any], steps: int) -> dict[str, float]:
    """How far the resident memory of this process grows at most, in bytes."""
    gc.collect()
    with open("/proc/self/clear_refs", "w") as refs:
        refs.write("5")  # forget the peak so far
    before = _status("VmRSS")
    for _ in repeat(None, steps):
        step()
    return {"bytes": _status("VmHWM") - before}


def _status(key: str) -> int:
    with open("/proc/self/status") as status:
        for line in status:
            if line.startswith(f"{key}:"):
                return int(line.split()[1]) * 1024
    raise OSError(f"no {key} in /proc/self/status")


def main() -> None:
    """Answer requests until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print does not mix with the answers
    worker = Worker(sys.argv[1])
    for line in sys.stdin:
        answer = worker.answer(json.loads(line))
        if several_threads():
            rest()
        print(json.dumps(answer), file=answers, flush=True)
