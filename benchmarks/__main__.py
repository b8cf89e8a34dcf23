"""The command line of the benchmarks.

python -m benchmarks ops mlp            measure these suites
python -m benchmarks all --kernel both  all of them, with both kernels of OpenBLAS
python -m benchmarks report             write the results into benchmarks/README.md
python -m benchmarks ops --compare HEAD this tree beside the last commit
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from benchmarks.cases import Case, Kernel
from benchmarks.compare import checked_out, compare
from benchmarks.contenders import CONTENDERS
from benchmarks.environment import busy, environment
from benchmarks.measure import Settings, measure
from benchmarks.pool import HERE, Pool
from benchmarks.results import load, save
from benchmarks.suites import SUITES
from benchmarks.tables import comparison, terminal

RESULTS = HERE / "runs" / "benchmarks"


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    result = argparse.ArgumentParser(
        "python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add(
        "what",
        nargs="+",
        choices=[*SUITES, "all", "report"],
        metavar="suite",
        help=f"{', '.join(SUITES)}; all; or report",
    )
    add("--kernel", choices=["default", "fast", "both"], default="default", help="of OpenBLAS")
    add("--only", nargs="+", choices=CONTENDERS, metavar="contender", help=", ".join(CONTENDERS))
    add("--case", default="", metavar="text", help="only cases whose name contains it")
    add("--threads", type=int, choices=[1, 2], help="only cases with so many")
    add("--rounds", type=int, default=Settings.rounds, help="%(default)s by default")
    add(
        "--clock",
        choices=["elapsed", "processor"],
        default="elapsed",
        help="of cases with one thread; that of the processor is disturbed less by other programs",
    )
    add("--smoke", action="store_true", help="one short round of everything, to see that it runs")
    add("--compare", metavar="revision", help="measure autodiff alone, beside a git revision")
    add(
        "--tolerance",
        type=float,
        default=0.05,
        help="with --compare, how much slower is a failure; %(default)s by default",
    )
    add(
        "--results",
        type=Path,
        default=RESULTS,
        metavar="folder",
        help="of the JSON files that are written, and read by report; runs/benchmarks by default",
    )
    return result


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = parser().parse_args(arguments)
    if "report" in options.what:
        from benchmarks.report import write_report  # needs matplotlib

        write_report(load(options.results, options.clock), Path(__file__).parent)
        return 0
    warning = busy()
    if warning:
        print(warning, file=sys.stderr)
    settings = Settings(options.clock, options.rounds)
    if options.smoke:
        settings = Settings(options.clock, 1, 0, 0, smoke=True)
    both: tuple[Kernel, ...] = ("default", "fast")
    kernels = both if options.kernel == "both" else (options.kernel,)
    if options.compare:
        slower = [run_comparison(options, kernel, settings) for kernel in kernels]
        return 1 if any(slower) else 0
    for kernel in kernels:
        run_suites(options, kernel, settings)
    return 0


def chosen(options: argparse.Namespace) -> Iterator[tuple[str, list[Case]]]:
    """The suites and their cases that are asked for."""
    for suite, cases in SUITES.items():
        if suite in options.what or "all" in options.what:
            yield (
                suite,
                [
                    case
                    for case in cases()
                    if options.case in case.name and options.threads in (None, case.threads)
                ],
            )


def run_suites(options: argparse.Namespace, kernel: Kernel, settings: Settings) -> None:
    """Measure, print, and save unless only a part was measured."""
    with Pool(kernel) as pool:
        where = environment(pool)
        for suite, cases in chosen(options):
            results = []
            for case in cases:
                if settings.smoke:
                    case = replace(case, goals=())
                result = measure(case, pool, settings, options.only)
                print("\n".join(terminal(result)), flush=True)
                results.append(result)
            if not (settings.smoke or options.only or options.case or options.threads):
                path = save(options.results, suite, where, settings, results)
                print(f"written to {path}")


def run_comparison(options: argparse.Namespace, kernel: Kernel, settings: Settings) -> bool:
    """Measure beside another revision; returns whether this tree is slower anywhere."""
    cases = [case for _, cases in chosen(options) for case in cases]
    slower = False
    with checked_out(options.compare) as tree:
        for result in compare(tree, cases, kernel, settings):
            print(comparison(result, kernel, options.tolerance), flush=True)
            slower = slower or result.slower(options.tolerance)
    return slower


if __name__ == "__main__":
    sys.exit(main())
