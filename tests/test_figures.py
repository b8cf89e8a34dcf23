"""The figures of the reports and ours are in one place, `notebooks/figures.json`: a row for each
figure, as the last tables of the notebooks show them. README and the benchmark of MNIST say the
same. `python notebooks/execute.py --figures` writes the file."""

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from benchmarks import mnist_report

ROOT = Path(__file__).parents[1]
_spec = spec_from_file_location("execute", ROOT / "notebooks" / "execute.py")
execute = module_from_spec(_spec)
_spec.loader.exec_module(execute)

NOTEBOOKS = execute.notebooks()
NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?(?:e-?\d+)?(?: ?%)?")


def opening(notebook: dict) -> str:
    """The text in which a notebook states the report's settings and figures."""
    texts = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "markdown"]
    (section,) = (text for text in texts if text.startswith("## The report\n"))
    return section


def readme_section(text: str) -> str:
    """What README says about the reports."""
    return text.partition("\n## Five reports, in notebooks\n")[2].partition("\n## ")[0]


def readme_rows(text: str) -> list[tuple[str, execute.Row]]:
    """The rows of README's table: the notebook, and the figure that it is said to have."""
    lines = [line for line in readme_section(text).splitlines() if line.startswith("| [")]
    rows = []
    for line in lines:
        link, *cells = execute.cells_of(line)
        rows.append((link[1:].partition("]")[0], dict(zip(execute.COLUMNS, cells, strict=True))))
    return rows


def numbers(text: str) -> set[str]:
    """The numbers in a text, with their unit if that is %; file names are left out."""
    return set(NUMBER.findall(re.sub(r"\[[^\]]*\]\([^)]*\)", "", text)))


def figures() -> dict[str, list[execute.Row]]:
    return json.loads(execute.FIGURES.read_text(encoding="utf-8"))


def read(path: Path) -> dict:
    return json.loads(path.read_text(encoding="utf-8"))


def test_every_notebook_has_its_figures_there():
    assert list(figures()) == [path.stem for path in NOTEBOOKS]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_figures_are_those_that_a_notebook_ends_with(path):
    assert figures()[path.stem] == execute.last_table(read(path))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_reports_column_has_what_the_notebook_said_of_the_report(path):
    """So no aim of ours, and nothing that we measured, gets there."""
    stated = numbers(opening(read(path)))
    for row in figures()[path.stem]:
        assert numbers(row["report"]) <= stated, row


def test_readme_has_rows_of_figures_and_one_of_each_notebook_at_least():
    known = figures()
    rows = readme_rows((ROOT / "README.md").read_text(encoding="utf-8"))
    for stem, row in rows:
        assert row in known[stem], f"README's {row} is no row of {stem} in {execute.FIGURES.name}"
    assert list(dict.fromkeys(stem for stem, _ in rows)) == list(known)


def test_readme_has_no_figures_of_reports_but_in_its_table():
    section = readme_section((ROOT / "README.md").read_text(encoding="utf-8"))
    prose = "\n".join(line for line in section.splitlines() if not line.startswith("|"))
    assert "Each began as a student's program" in prose
    assert not [number for number in numbers(prose) if "." in number or "%" in number]


def test_the_benchmark_of_mnist_says_the_same():
    known = set().union(*(numbers(str(row)) for row in figures()["1-mnist"]))
    said = re.findall(r"[\d,.]+(?= images/s)|[\d.]+ %", mnist_report.__doc__)
    assert said
    assert set(said) <= known
    for what in (mnist_report.TRAINING, mnist_report.INFERENCE):
        assert numbers(mnist_report.stated(what)) <= known


def test_numbers_are_found_with_their_units():
    text = "1,040 images/s, 97.56 %, 90% and 8.5e-6; [1-mnist](notebooks/1-mnist.ipynb)"
    assert numbers(text) == {"1,040", "97.56 %", "90%", "8.5e-6"}


def test_rows_are_read_from_a_table():
    line = "| [1-mnist](notebooks/1-mnist.ipynb) | test accuracy | 97.56 % | 98.2 % | 98.6 % |"
    text = f"# Title\n\n## Five reports, in notebooks\n\n{line}\n\n## Next\n\n| [a](b) | c |\n"
    row = dict(zip(execute.COLUMNS, ["test accuracy", "97.56 %", "98.2 %", "98.6 %"], strict=True))
    assert readme_rows(text) == [("1-mnist", row)]
