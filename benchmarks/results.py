"""Results as JSON files, one for each suite and kernel."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import Clock, Kernel
from benchmarks.measure import Measurement, Settings
from benchmarks.suites import SUITES

__all__ = ["Results", "load", "save", "write"]


@dataclass(frozen=True)
class Results:
    """The measurements of a suite, and where they come from."""

    suite: str
    kernel: Kernel
    environment: dict[str, Any]
    measurements: list[Measurement]


def save(
    folder: Path,
    suite: str,
    environment: dict[str, Any],
    settings: Settings,
    measurements: Sequence[Measurement],
) -> Path:
    """Write a file and return its path."""
    kernel = environment["kernel"]
    content = {
        "suite": suite,
        "kernel": kernel,
        "environment": environment,
        "settings": asdict(settings),
        "measurements": [
            {
                "case": result.case.name,
                "threads": result.case.threads,
                "operations": result.case.per,
                "rounds": {
                    contender: {
                        metric: [float(f"{value:.4g}") for value in values]
                        for metric, values in series.items()
                    }
                    for contender, series in result.rounds.items()
                },
                "missing": result.missing,
            }
            for result in measurements
        ],
    }
    return write(folder / f"{suite}-{kernel}.json", content)


def write(path: Path, content: dict[str, Any]) -> Path:
    """Write JSON into a file, whose folder is made if need be; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def load(folder: Path, clock: Clock) -> list[Results]:
    """All results in a folder, in the order of the suites; goals are those of today.

    Cases that no longer exist are left out.
    """
    found = []
    for suite, cases in SUITES.items():
        known = {case.key: case for case in cases()}
        for path in sorted(folder.glob(f"{suite}-*.json")):
            content = json.loads(path.read_text(encoding="utf-8"))
            measurements = [
                Measurement(known[key], content["kernel"], clock, entry["rounds"], entry["missing"])
                for entry in content["measurements"]
                if (key := (suite, entry["case"], entry["threads"])) in known
            ]
            found.append(Results(suite, content["kernel"], content["environment"], measurements))
    return found
