"""Executes notebooks in full, as they are committed, and writes the figures that they end with.

    python notebooks/execute.py                # all of them: more than an hour
    python notebooks/execute.py 2-two-layer-net
    python notebooks/execute.py --figures      # none; only writes figures.json

The data sets have to lie in the folder named by AUTODIFF_DATA. `figures.json` has a row for each
figure of a report, with ours at its setting and at our best; tests/test_figures.py compares it with
README and the benchmarks. CI runs the notebooks on a small setting, and keeps nothing.
"""

import argparse
import json
from pathlib import Path

FOLDER = Path(__file__).parent
FIGURES = FOLDER / "figures.json"
COLUMNS = ("what", "report", "its setting", "best")  # of a figure

Row = dict[str, str]


def notebooks() -> list[Path]:
    return sorted(FOLDER.glob("*.ipynb"))


def execute(path: Path) -> None:
    """Run all cells and save the outputs, with nothing about the time and the machine."""
    import nbformat  # here, since tests of the figures alone need neither
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    place = {"metadata": {"path": str(path.parent)}}
    client = NotebookClient(
        notebook, timeout=None, resources=place, record_timing=False, coalesce_streams=True
    )
    client.execute()
    notebook.metadata["language_info"] = {"name": "python"}
    nbformat.write(notebook, path)


def cells_of(line: str) -> list[str]:
    """The cells of a line of a table in Markdown."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def last_table(notebook: dict) -> list[Row]:
    """The rows of the table that a notebook, the content of its file, ends with."""
    shown = notebook["cells"][-1]["outputs"][-1]["data"]["text/markdown"]
    _, _, *lines = "".join(shown).splitlines()
    return [dict(zip(COLUMNS, cells_of(line), strict=True)) for line in lines]


def figures() -> dict[str, list[Row]]:
    """What the notebooks end with, by their names."""
    return {
        path.stem: last_table(json.loads(path.read_text(encoding="utf-8"))) for path in notebooks()
    }


def main() -> None:
    parser = argparse.ArgumentParser("python notebooks/execute.py")
    parser.add_argument("names", nargs="*", help="such as 1-mnist; by default all")
    parser.add_argument("--figures", action="store_true", help="write the figures, run nothing")
    options = parser.parse_args()
    known = [path.stem for path in notebooks()]
    for name in options.names:
        if name not in known:
            parser.error(f"there is no notebook {name!r}; choose from {', '.join(known)}")
    for path in notebooks() if not options.figures else ():
        if path.stem in (options.names or known):
            print(path.stem, flush=True)
            execute(path)
    text = json.dumps(figures(), indent=1, ensure_ascii=False)
    FIGURES.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
