"""`draw` and what can be done with a drawing."""

import shutil
import subprocess
import sys

import numpy as np
import pytest

import autodiff as ad
from autodiff.graphview import DrawingError
from autodiff.graphview import drawing as drawing_module

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz's dot")


@pytest.fixture
def drawing():
    x = ad.tensor(2.0, requires_grad=True, name="x")
    return ad.draw(x * x)


@pytest.fixture
def no_dot(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))


@needs_dot
@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("y.svg", b"<?xml"),
        ("y.PNG", b"\x89PNG"),
        ("y.pdf", b"%PDF"),
        ("y.dot", b"digraph"),
        ("y.json", b'{\n"format"'),
        ("y.txt", b"n0  x"),
    ],
)
def test_save_goes_by_the_ending(drawing, tmp_path, name, start):
    path = drawing.save(tmp_path / name)
    assert path == tmp_path / name
    assert path.read_bytes().startswith(start)
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_an_unknown_ending_is_an_error_that_lists_the_known_ones(drawing, tmp_path):
    with pytest.raises(DrawingError, match=r"'y\.jpg'.* none of .*\.svg.*'y\.svg'"):
        drawing.save(tmp_path / "y.jpg")


def test_without_dot_the_error_says_what_to_install_and_what_works(drawing, tmp_path, no_dot):
    (tmp_path / "y.svg").write_text("before")
    with pytest.raises(DrawingError, match=r"apt install graphviz.*\.save\('graph\.dot'\)"):
        drawing.save(tmp_path / "y.svg")
    assert (tmp_path / "y.svg").read_text() == "before"
    drawing.save(tmp_path / "y.dot")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["y.dot", "y.svg"]


def test_without_dot_a_notebook_shows_text(drawing, no_dot):
    bundle = drawing._repr_mimebundle_()
    assert list(bundle) == ["text/plain"]
    assert bundle["text/plain"].startswith("n0  x")
    assert "apt install graphviz" in bundle["text/plain"]
    assert drawing._repr_svg_() is None


@needs_dot
def test_a_notebook_shows_the_picture(drawing):
    bundle = drawing._repr_mimebundle_()
    assert "<svg" in bundle["image/svg+xml"]
    assert bundle["text/plain"] == str(drawing)
    assert "<svg" in drawing._repr_svg_()


def test_a_full_disk_leaves_the_old_file_and_no_rest(drawing, tmp_path, monkeypatch):
    path = tmp_path / "y.dot"
    path.write_text("before")

    def full(self, content):
        self.touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(drawing_module.Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left"):
        drawing.save(path)
    monkeypatch.undo()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_without_the_python_package_text_and_json_work(drawing, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "graphviz", None)
    with pytest.raises(DrawingError, match="pip install graphviz"):
        drawing.save(tmp_path / "y.svg")
    drawing.save(tmp_path / "y.json")
    assert str(drawing).startswith("n0  x")


def test_a_tensor_without_a_graph_is_an_error_that_says_what_to_do():
    with pytest.raises(ad.errors.GradientError, match=r"requires_grad=True.*ad\.trace"):
        ad.draw(ad.tensor(1.0) * 2)


def test_an_empty_trace_is_an_error_that_says_what_to_do():
    with ad.trace() as t:
        np.exp(np.ones(3))
    with pytest.raises(ad.errors.GradientError, match="no operations"):
        ad.draw(t)


@pytest.mark.parametrize(
    ("target", "options", "error", "message"),
    [
        (1.0, {}, TypeError, "not float"),
        (None, {"direction": "left"}, ValueError, "'LR' or 'TB'"),
        (None, {"max_nodes": 2}, ValueError, "at least 3"),
        (None, {"depth": -1}, ValueError, "depth is at least 0"),
    ],
)
def test_wrong_arguments_are_named(drawing, target, options, error, message):
    with pytest.raises(error, match=message):
        ad.draw(drawing.graph if target is None else target, **options)


def test_a_graph_can_be_drawn_again(drawing):
    assert ad.draw(drawing.graph, direction="TB").graph is drawing.graph
    assert repr(drawing) == "Drawing(2 nodes, 2 edges)"


def test_nothing_is_loaded_before_it_is_used():
    program = """
import sys, autodiff as ad
x = ad.tensor(2.0, requires_grad=True)
y = x * x
y.backward()
assert not {"autodiff.graphview", "graphviz"} & set(sys.modules)
drawing = ad.draw(y)
str(drawing)
assert "graphviz" not in sys.modules
drawing.dot
assert "graphviz" in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)
