"""The command line of the benchmarks, in its short form, and what it does with results."""

import doctest
import importlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as command
from benchmarks import worker
from benchmarks.cases import US, Case, Goal
from benchmarks.compare import Comparison
from benchmarks.measure import Measurement, Settings, Spread, measure, rounds_of
from benchmarks.pool import HERE, Failed, Pool, WorkerProcess, worker_environment
from benchmarks.profiles import LONGEST, Profile, load_profiles, save_profiles
from benchmarks.report import BEGIN, END, write_report
from benchmarks.results import load, save
from benchmarks.suites import SUITES

INSTALLED_WITH_THE_TESTS = ["autodiff", "numpy", "numpy-best"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *arguments], cwd=HERE, capture_output=True, text=True
    )


def test_a_smoke_run_measures_every_case(tmp_path: Path) -> None:
    arguments = ["--smoke", "--results", str(tmp_path), "--only", *INSTALLED_WITH_THE_TESTS]
    result = run("all", *arguments)
    assert result.returncode == 0, result.stderr
    for suite in SUITES.values():
        for case in suite():
            assert f"{case.suite}: {case.name}" in result.stdout
    missing = [line for line in result.stdout.splitlines() if "missing" in line]
    assert [line for line in missing if "/proc/" not in line] == []  # macOS has none
    assert list(tmp_path.iterdir()) == []


def test_a_smoke_run_profiles_every_step(tmp_path: Path) -> None:
    result = run("profile", "--smoke", "--results", str(tmp_path))
    assert result.returncode == 0, result.stderr
    for suite in SUITES.values():
        for case in suite():
            timed = case.style == "time" and case.kind != "growth" and case.per <= LONGEST
            assert (case.title in result.stdout.splitlines()) == timed
    assert list(tmp_path.iterdir()) == []


def test_a_worker_uses_the_tree_that_it_is_given(tmp_path: Path) -> None:
    package = tmp_path / "autodiff"
    package.mkdir()
    (package / "__init__.py").write_text("raise ImportError('this is the other tree')")
    process = WorkerProcess(US, 1, "default", tmp_path)
    try:
        with pytest.raises(Failed, match="this is the other tree"):
            process.ask(prepare="chain", arguments={}, warm=None)
    finally:
        process.close()


def test_a_contender_that_cannot_take_part_is_named_with_the_reason() -> None:
    case = Case(
        "ops", "tanh", "chain", ("micrograd", "sklearn"), {"op": "x", "size": 0, "length": 2}
    )
    with Pool("default") as pool:
        result = measure(case, pool, Settings(rounds=1))
    assert set(result.missing) == {"micrograd", "sklearn"}
    assert all("Error" in reason for reason in result.missing.values())
    assert result.rounds == {}


def test_repetitions_alternate_and_a_failing_one_is_out() -> None:
    calls: list[str] = []

    def answer(name: str) -> dict[str, float]:
        calls.append(name)
        if name == "b" and calls.count("b") == 2:
            raise Failed("broken")
        return {"elapsed": 1.0}

    failed: dict[str, str] = {}
    both = {name: lambda name=name: answer(name) for name in "ab"}
    rounds = rounds_of(both, 3, failed)
    assert "".join(calls) == "ababa"
    assert (rounds, failed) == ({"a": {"elapsed": [1.0] * 3}}, {"b": "broken"})


def test_ratios_are_formed_within_a_round() -> None:
    case = Case("ops", "tanh", "chain", (US, "numpy"), goals=(Goal(0.6, "numpy"),))
    rounds = {US: {"elapsed": [1.0, 10.0, 3.0]}, "numpy": {"elapsed": [2.0, 20.0, 4.0]}}
    result = Measurement(case, "default", rounds=rounds)
    assert result.reached(case.goals[0]) == Spread(0.5, 0.5, 0.625)
    assert result.reached(Goal(0.6, "torch")) is None


@pytest.mark.parametrize(
    ("ratio", "slower"),
    [(Spread(1.2, 1.1, 1.3), True), (Spread(1.2, 0.9, 1.5), False), (Spread(1.01, 1, 1.02), False)],
)
def test_slower_is_what_is_beyond_the_tolerance_and_not_by_chance(
    ratio: Spread, slower: bool
) -> None:
    assert Comparison(Case("ops", "", "", (US,)), ratio, {}).slower(0.05) is slower


def test_what_numpy_needs_by_hand_is_the_better_of_its_two_ways() -> None:
    rounds = {
        US: {"elapsed": [4.0, 4.0]},
        "numpy": {"elapsed": [3.0, 3.0]},
        "numpy-best": {"elapsed": [1.0, 2.0]},
        "torch": {"elapsed": [10.0, 20.0]},
    }
    result = Measurement(Case("ops", "tanh", "chain", tuple(rounds)), "default", rounds=rounds)
    assert result.by_hand(Goal(0.2, "torch")) == pytest.approx(0.1)
    assert result.by_hand(Goal(0.2, "numpy")) == pytest.approx(0.5)
    assert result.by_hand(Goal(0.2, "jax")) is None
    assert result.by_hand(Goal(60)) is None


def test_a_worker_with_several_threads_waits_until_they_rest() -> None:
    def compute() -> None:
        end = time.perf_counter() + 0.2
        while time.perf_counter() < end:
            pass

    thread = threading.Thread(target=compute)
    thread.start()
    worker.rest()
    assert not thread.is_alive()


@pytest.mark.parametrize(
    ("busy", "waited"), [(0.0, worker.LOOK), (0.3, 0.3 + worker.LOOK), (1e9, worker.REST_LIMIT)]
)
def test_threads_that_never_rest_are_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, busy: float, waited: float
) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds
        assert now < 2 * worker.REST_LIMIT, "it waits for ever"

    monkeypatch.setattr(worker, "sleep", sleep)
    monkeypatch.setattr(worker, "perf_counter", lambda: now)
    monkeypatch.setattr(worker, "process_time", lambda: min(now, busy))
    assert worker.rest() == pytest.approx(waited, abs=worker.LOOK)


@pytest.mark.parametrize(("contender", "guarded"), [("mygrad", True), ("mygrad-unguarded", False)])
def test_mygrad_takes_part_with_memory_guarding_and_without(contender: str, guarded: bool) -> None:
    pytest.importorskip("mygrad")
    program = (
        "import mygrad as mg; x = mg.tensor([1.0]); y = x * x; print(not x.data.flags.writeable)"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        env=worker_environment(contender, 1, "default"),
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == str(guarded), result.stderr


def worktrees() -> str:
    listed = subprocess.run(["git", "worktree", "list"], cwd=HERE, capture_output=True, text=True)
    return listed.stdout


@pytest.mark.skipif(not (HERE / ".git").exists(), reason="not in a git repository")
def test_this_tree_is_compared_with_a_revision(capsys: pytest.CaptureFixture[str]) -> None:
    before = worktrees()
    command.main(["scalars", "--smoke", "--compare", "HEAD"])
    assert "scalars: MLP(2, [16, 16, 1])" in capsys.readouterr().out
    assert worktrees() == before


def test_results_are_saved_and_reported(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    case = next(SUITES["ops"]())
    elapsed = {US: 1e-4, "torch": 1e-3, "numpy": 6e-4, "numpy-best": 5e-5, "autograd": 2e-4}
    times = {name: {"elapsed": [s], "processor": [s]} for name, s in elapsed.items()}
    times["micrograd"] = {"elapsed": [1e-4], "processor": [1e-4]}
    missing = {"jax": "ModuleNotFoundError: no jax"}
    measured = Measurement(case, "default", "elapsed", times, missing)
    with Pool("default") as pool:
        where = command.environment(pool)
    where["blas"]["kernel"] = "Haswell"
    save(tmp_path, "ops", where, Settings(), [measured])
    rows = [("forward", "add", 50, 1e-5), ("backward", "walk", 0, 3e-5)]
    profile = Profile(case, where, 4.1e-5, 4e-5, rows, [("walk", 1, 0.5)], 2.0)
    save_profiles(tmp_path, "ops", [profile])
    (loaded,) = load_profiles(tmp_path)
    assert list(loaded.lines()) == list(profile.lines())
    (results,) = load(tmp_path, "elapsed")
    assert results.measurements == [measured]

    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_report([results], [loaded], tmp_path)
    text = readme.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| ops: muladd, scalar | torch | 0.2 | 0.10 (0.10 to 0.10) | 0.05 | met |" in text
    missed = "**not met**; NumPy by hand needs 0.25 ([profile](PROFILES.md#ops-muladd-scalar))"
    assert (
        f"| ops: muladd, scalar | autograd | 0.2 | 0.50 (0.50 to 0.50) | 0.25 | {missed} |" in text
    )
    assert "| ops: muladd, scalar | mygrad | 0.2 |  |  | not measured |" in text
    assert "| mlp: sgd, batch 64, fast kernel | torch | 0.45 |  |  | not measured |" in text
    assert "1 of 3 are met. Of the 2 others, 2 ask for less than NumPy by hand needs." in text
    page = (tmp_path / "PROFILES.md").read_text()
    assert "\n## ops: muladd, scalar\n" in page
    assert "| backward | walk |  | 30 µs | 75.0% |" in page
    assert "- jax in ops, muladd, scalar: ModuleNotFoundError: no jax" in text
    assert f"NumPy {np.__version__}".lower() in text
    assert str(Path.home()) not in text
    assert os.uname().nodename not in text if hasattr(os, "uname") else True
    assert "<svg" in (tmp_path / "ratios.svg").read_text()


@pytest.mark.parametrize("module", ["cases", "measure", "profiles", "tables"])
def test_examples(module: str) -> None:
    assert doctest.testmod(importlib.import_module(f"benchmarks.{module}")).failed == 0
