"""This tree against another revision of it, the two in alternation."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.cases import US, Case, Kernel
from benchmarks.imports import import_seconds
from benchmarks.measure import Measurement, Settings, Spread, repetition, rounds_of, spread
from benchmarks.pool import HERE, Failed, WorkerProcess

__all__ = ["Comparison", "checked_out", "compare"]


@dataclass(frozen=True)
class Comparison:
    """What this tree needs for a case, as a multiple of what the other needs."""

    case: Case
    ratio: Spread | None
    failed: dict[str, str]  # why there is no ratio, by tree

    def slower(self, tolerance: float) -> bool:
        """Whether this tree is slower by more than `tolerance`, and not by chance."""
        return self.ratio is not None and self.ratio.median > 1 + tolerance and self.ratio.low > 1


@contextmanager
def checked_out(revision: str) -> Iterator[Path]:
    """The files of a git revision, in a folder that goes away again."""
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder, "tree")
        _git("worktree", "add", "--detach", "--quiet", str(tree), revision)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def compare(
    tree: Path, cases: Iterable[Case], kernel: Kernel, settings: Settings
) -> Iterator[Comparison]:
    """Measure autodiff from this tree and from the other, with the benchmarks of this one."""
    with ExitStack() as stack:
        workers: dict[tuple[Path, int], WorkerProcess] = {}
        for case in cases:
            if case.style == "resident":
                continue
            trees = {"this tree": HERE, "the other": tree}
            repetitions, failed = {}, {}
            for name, where in trees.items():
                try:
                    if case.style == "import":
                        import_seconds(US, where)
                        repetitions[name] = partial(_import, where)
                        continue
                    key = where, case.threads
                    if key not in workers:
                        workers[key] = WorkerProcess(US, case.threads, kernel, where)
                        stack.callback(workers[key].close)
                    repetitions[name] = repetition(case, workers[key], settings)
                except Failed as failure:
                    failed[name] = str(failure)
            if failed:
                yield Comparison(case, None, failed)
                continue
            rounds = rounds_of(repetitions, min(settings.rounds, case.rounds), failed)
            metric = Measurement(case, kernel, settings.clock).metric
            ratio = None
            if not failed:
                ours, theirs = (rounds[name][metric] for name in trees)
                ratio = spread([a / b for a, b in zip(ours, theirs, strict=True)])
            yield Comparison(case, ratio, failed)


def _import(tree: Path) -> dict[str, float]:
    return {"elapsed": import_seconds(US, tree)}


def _git(*arguments: str) -> None:
    result = subprocess.run(["git", *arguments], cwd=HERE, capture_output=True, text=True)
    if result.returncode:
        raise SystemExit(f"git {' '.join(arguments)}: {result.stderr.strip()}")
