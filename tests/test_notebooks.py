"""The notebooks as they are committed: run to the end, in order, free of noise, small, on public
names alone, and with a table of what the report reached and what we reach. CI runs them again on a
small setting."""

import ast
import copy
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
LARGEST = 600_000  # bytes; photographs need most of it
NEED_EXTRAS = {"nn.plots"}  # public, but in no `__all__`, since not every user can import it
COLUMNS = ["report", "ours, its setting", "ours, at best"]  # of the last table
ABSOLUTE = re.compile(r"(?<![\w./<])(?:/(?:home|root|tmp|usr|opt|mnt|srv|work|Users)/|[A-Z]:\\)\w*")


def problems(notebook: dict) -> list[str]:
    """What is wrong with a notebook, given as the content of its file."""
    try:
        nbformat.validate(copy.deepcopy(notebook))
    except nbformat.ValidationError as error:
        return [f"it is not valid: {error.message}"]
    return [*_of_the_whole(notebook), *_of_the_code(notebook)]


def _of_the_whole(notebook: dict) -> Iterator[str]:
    size = len(json.dumps(notebook, ensure_ascii=False).encode())
    if size > LARGEST:
        yield f"it has {size:,} bytes, more than {LARGEST:,}"
    cells = notebook["cells"]
    opening = "".join(cells[0]["source"]) if cells else ""
    if not cells or cells[0]["cell_type"] != "markdown" or not opening.startswith("# "):
        yield "it does not begin with a heading"
    elif "?" not in opening:
        yield "it does not open with a question"
    if not any('os.environ.get("AUTODIFF_SMALL") == "1"' in source for _, source in _code(cells)):
        yield "it has no switch for a small setting"
    if not _is_table(cells[-1] if cells else {}):
        yield "it does not end with a table of the report's figures and ours"


def _of_the_code(notebook: dict) -> Iterator[str]:
    for number, (cell, source) in enumerate(_code(notebook["cells"]), start=1):
        place = f"code cell {number}"
        for name in _private_names(source):
            yield f"{place}: it imports {name}, which is not public"
        if cell["execution_count"] != number:
            yield f"{place}: its execution count is {cell['execution_count']}; run all, in order"
        if "execution" in cell["metadata"]:
            yield f"{place}: its metadata say when it was run"
        for output in cell["outputs"]:
            if output["output_type"] == "error":
                yield f"{place}: it ended with {output['ename']}"
            if output.get("name") == "stderr":
                yield f"{place}: it wrote to stderr"
            if found := ABSOLUTE.search(_text_of(output)):
                yield f"{place}: its output names a place on one machine, {found[0]}"


def _code(cells: list[dict]) -> list[tuple[dict, str]]:
    return [(cell, "".join(cell["source"])) for cell in cells if cell["cell_type"] == "code"]


def _private_names(source: str) -> Iterator[str]:
    """The imports from our packages that a user should not write."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if not _is_public(alias.name))
        elif isinstance(node, ast.ImportFrom):
            names = (f"{node.module}.{alias.name}" for alias in node.names)
            yield from (name for name in names if not _is_public(name))


def _is_public(name: str) -> bool:
    """Whether a dotted name is another package's, or in the `__all__` of ours, all the way."""
    package, *parts = name.split(".")
    if package not in ("autodiff", "nn"):
        return True
    place = import_module(package)
    for part in parts:
        path = f"{place.__name__}.{part}"
        if path in NEED_EXTRAS:
            place = import_module(path)
            continue
        listed = getattr(place, "__all__", None)
        if part.startswith("_") or (part not in listed if listed else not hasattr(place, part)):
            return False
        place = getattr(place, part)
    return True


def _text_of(output: dict) -> str:
    """The text of an output, pictures left out."""
    data = output.get("data", {})
    shown = [data[kind] for kind in data if kind.startswith("text/")]
    return "\n".join("".join(part) for part in [output.get("text", ""), *shown])


def _is_table(cell: dict) -> bool:
    """Whether the last output of a cell is a table whose last columns are COLUMNS."""
    outputs = cell.get("outputs", [])
    if not outputs:
        return False
    lines = "".join(outputs[-1].get("data", {}).get("text/markdown", "")).splitlines()
    columns = [column.strip() for column in lines[0].strip("|").split("|")] if lines else []
    return columns[1:] == COLUMNS and len(lines) > 2


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_fit_to_be_read(path):
    assert problems(json.loads(path.read_text(encoding="utf-8"))) == []


@pytest.fixture
def sound():
    """A notebook without any problem."""
    v4 = nbformat.v4
    first = v4.new_markdown_cell("# Title\n\nWhat is it?", id="a")
    switch = v4.new_code_cell(
        'import os\n\nSMALL = os.environ.get("AUTODIFF_SMALL") == "1"\nprint("read")',
        id="b",
        execution_count=1,
        outputs=[v4.new_output("stream", name="stdout", text="read\n")],
    )
    header = f"| | {' | '.join(COLUMNS)} |"
    table = v4.new_code_cell(
        "table",
        id="c",
        execution_count=2,
        outputs=[
            v4.new_output(
                "execute_result",
                {"text/markdown": f"{header}\n|---|---|---|---|\n| a | 1 | 2 | 3 |"},
                execution_count=2,
            )
        ],
    )
    return json.loads(nbformat.writes(v4.new_notebook(cells=[first, switch, table])))


def test_a_sound_notebook_has_no_problems(sound):
    assert problems(sound) == []


def _fail(notebook):
    failed = nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[])
    notebook["cells"][1]["outputs"].append(failed)


def _say(notebook, text, name="stdout"):
    spoken = nbformat.v4.new_output("stream", name=name, text=text)
    notebook["cells"][1]["outputs"].append(spoken)


BREAKS = {
    "it is not valid": lambda n: n["cells"][1].pop("outputs"),
    "it has 600,": lambda n: _say(n, "x" * LARGEST),
    "it does not begin with a heading": lambda n: n["cells"][0].update(source="Title. What is it?"),
    "it does not open with a question": lambda n: n["cells"][0].update(source="# Title"),
    "it has no switch": lambda n: n["cells"][1].update(source="import os"),
    "it does not end with a table": lambda n: n["cells"].append(
        nbformat.v4.new_markdown_cell("That was all.", id="d")
    ),
    "code cell 2: its execution count is 7": lambda n: n["cells"][2].update(execution_count=7),
    "code cell 2: its execution count is None": lambda n: n["cells"][2].update(
        execution_count=None
    ),
    "code cell 1: its metadata say when": lambda n: n["cells"][1]["metadata"].update(execution={}),
    "code cell 1: it ended with ValueError": _fail,
    "code cell 1: it wrote to stderr": lambda n: _say(n, "warning", "stderr"),
    "code cell 1: its output names a place": lambda n: _say(n, "read from /home/me/mnist"),
    "code cell 1: it imports nn.commands.presets.preset, which": lambda n: n["cells"][1][
        "source"
    ].append("\nfrom nn.commands.presets import preset"),
}


@pytest.mark.parametrize("message", BREAKS)
def test_a_problem_is_noticed(sound, message):
    BREAKS[message](sound)
    (found,) = problems(sound)
    assert found.startswith(message)


@pytest.mark.parametrize(
    "table",
    [
        "",
        "| | report |\n|---|---|\n| a | 1 |",
        "| | report | ours |\n|-|-|-|\n| a | 1 | 2 |",
        "| | report | ours, at best | ours, its setting |\n|-|-|-|-|\n| a | 1 | 2 | 3 |",
    ],
)
def test_a_table_without_all_columns_is_none(sound, table):
    sound["cells"][2]["outputs"][0]["data"]["text/markdown"] = table
    assert problems(sound) == ["it does not end with a table of the report's figures and ours"]


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("numpy.linalg._umath_linalg", True),  # not ours to judge
        ("nn", True),
        ("nn.data.transforms", True),
        ("nn.errors.DataError", True),
        ("nn.plots.Plot", True),
        ("nn.plots.WRONG", False),
        ("nn.commands.presets.preset", False),
        ("nn.training.history._x", False),
        ("autodiff.testing.check_grads", True),
        ("autodiff.declare.codegen", False),
    ],
)
def test_what_a_notebook_may_import(name, public):
    assert _is_public(name) is public
