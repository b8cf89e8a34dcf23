"""The command line of the benchmarks.

python -m benchmarks ops mlp            measure these suites
python -m benchmarks all --kernel both  all of them, with both kernels of OpenBLAS
python -m benchmarks profile ops mlp    where the time of autodiff's steps goes
python -m benchmarks report             write the results into README.md and PROFILES.md
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
from benchmarks.profiles import load_profiles, save_profiles, take
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
        choices=[*SUITES, "all", "profile", "report"],
        metavar="suite",
        help=f"{', '.join(SUITES)}; or all; profile, before or without suites; or report",
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
    add("--smoke", action="store_true", help="one short round, to see that everything runs")
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

        results, profiles = load(options.results, options.clock), load_profiles(options.results)
        write_report(results, profiles, Path(__file__).parent)
        return 0
    warning = busy()
    if warning:
        print(warning, file=sys.stderr)
    settings = Settings(options.clock, options.rounds)
    if options.smoke:
        settings = Settings(options.clock, 1, 0, 0, 0, smoke=True)
    both: tuple[Kernel, ...] = ("default", "fast")
    kernels = both if options.kernel == "both" else (options.kernel,)
    if options.compare:
        slower = [run_comparison(options, kernel, settings) for kernel in kernels]
        return 1 if any(slower) else 0
    run = run_profiles if "profile" in options.what else run_suites
    for kernel in kernels:
        run(options, kernel, settings)
    return 0


def chosen(options: argparse.Namespace) -> Iterator[tuple[str, list[Case]]]:
    """The suites and their cases that are asked for."""
    everything = "all" in options.what or options.what == ["profile"]
    for suite, cases in SUITES.items():
        if suite in options.what or everything:
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


def run_profiles(options: argparse.Namespace, kernel: Kernel, settings: Settings) -> None:
    """Take profiles, print them, and save them unless it was only a part of a suite."""
    with Pool(kernel) as pool:
        where = environment(pool)
        for suite, cases in chosen(options):
            profiles = []
            for case in cases:
                profile = take(case, pool, where, settings)
                if profile is not None:
                    print("\n".join([case.title, *profile.lines(), ""]), flush=True)
                    profiles.append(profile)
            if profiles and not (settings.smoke or options.case or options.threads):
                path = save_profiles(options.results, suite, profiles)
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
