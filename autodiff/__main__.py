"""The command line of the engine: ``python -m autodiff info``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from autodiff import info

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command that is named by `arguments`, by default those of the process."""
    parser = argparse.ArgumentParser("python -m autodiff", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    commands.add_parser(
        "info", help="versions, BLAS, its kernel and threads, and how to make it faster"
    )
    parser.parse_args(arguments)
    print("\n".join(info.report()))


if __name__ == "__main__":
    main()
