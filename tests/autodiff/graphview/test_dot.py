"""The picture as text: the same in every run, and safe from what users write in names."""

import re
import shutil
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import autodiff as ad

needs_dot = pytest.mark.skipif(shutil.which("dot") is None, reason="needs Graphviz's dot")

WICKED = [
    'say "hi"',
    "a<b>&c",
    "<<B>bold</B>>",
    "back\\slash\\n",
    "line\nbreak",
    "tab\tand \x00 nul",
    "{x|y}",
    "Ünïcödé ∂ 変数",
    "",
]


def test_a_scalar_program(scalar, expect):
    expect("scalar.dot", ad.draw(scalar).dot)


def test_a_network(network, expect):
    trace, names = network
    expect("network.dot", ad.draw(trace, names=names).dot)


def test_scopes_are_nested_boxes(network):
    trace, names = network
    boxes, parents = {}, []
    for line in ad.draw(trace, names=names).dot.splitlines():
        if found := re.search(r"subgraph (cluster_\d+)", line):
            boxes[found[1]] = list(parents)
            parents.append(found[1])
        elif line.strip() == "{":
            parents.append("rank")
        elif line.strip() == "}" and parents:
            parents.pop()
    assert boxes == {"cluster_0": [], "cluster_1": ["cluster_0"]}


def test_a_box_around_one_node_is_its_caption(network):
    trace, names = network
    dot = ad.draw(trace, names=names).dot
    assert "<B>layers.0: Linear</B>" in dot
    assert re.search(r"n5 \[label=<<B><FONT[^>]*>layers.1: Tanh</FONT></B><BR/>tanh", dot)


def test_names_do_not_repeat_the_titles_of_their_boxes(network):
    trace, names = network
    dot = ad.draw(trace, names=names).dot
    assert "<B>weight</B>" in dot
    assert "<B>layers.0.weight</B>" not in dot


def test_shapes_are_on_the_edges_between_operations(network):
    trace, names = network
    assert re.findall(r"(n\d -> n\d) \[.*label=\" ([^\"]*)\"", ad.draw(trace, names=names).dot) == [
        ("n2 -> n4", "4×2"),  # noqa: RUF001
        ("n4 -> n5", "4×2"),  # noqa: RUF001
        ("n5 -> n7", "4×2"),  # noqa: RUF001
        ("n7 -> n8", "4×2"),  # noqa: RUF001
    ]


def test_the_choices(network):
    trace, names = network

    def dot(**choices):
        return ad.draw(trace, names=names, **choices).dot

    assert "rankdir=LR" in dot()
    assert "rankdir=TB" in dot(direction="TB")
    assert "all 0.5" in dot(values=True).replace("value: all 0.5", "")
    assert "all 0.5" not in dot().replace("value: all 0.5", "")
    assert "grad|" not in dot(gradients=False)
    assert "<TABLE" in dot(legend=True)
    assert "<TABLE" not in dot(legend=False)


def test_long_graphs_run_from_top_to_bottom():
    y = x = ad.tensor(1.0, requires_grad=True)
    for step in range(20):
        y = np.sin(y) if step % 2 else np.exp(y)
    assert "rankdir=TB" in ad.draw(y).dot
    assert "rankdir=LR" in ad.draw(np.sin(x)).dot


@needs_dot
@pytest.mark.parametrize("name", WICKED)
def test_any_name_can_be_drawn(name):
    x = ad.tensor(np.ones(3), requires_grad=True, name=name)
    with ad.trace() as t, ad.scope(name):
        y = np.exp(x) + 1
        y.name = name
    svg = ad.draw(t, legend=True).svg()
    shown = "".join(ET.fromstring(svg.encode()).itertext())
    expected = "".join(c if c.isprintable() else " " for c in name)
    assert " ".join(expected.split()) in " ".join(shown.replace("\xa0", " ").split())
    ad.draw(y).svg()


@needs_dot
def test_the_picture_is_svg_with_every_id(network):
    trace, names = network
    drawing = ad.draw(trace, names=names)
    root = ET.fromstring(drawing.svg().encode())
    titles = {element.text for element in root.iter("{http://www.w3.org/2000/svg}title")}
    shown = {node.id for node in drawing.graph if node.kind != "constant"}
    assert shown <= titles


@needs_dot
def test_options_and_indices_can_be_drawn():
    x = ad.tensor(np.arange(12.0).reshape(3, 4), requires_grad=True, name="x")
    with ad.trace() as t:
        y = x[1:, ::2, None] + x[..., 0][:2, None, None] - x[[0, 1], [0, 1]].sum()
        np.sum(y, axis=(0, 1), keepdims=True) / np.einsum("ij->", x)
    drawing = ad.draw(t)
    assert "[1:, ::2, None]" in drawing.dot
    assert "axis=(0, 1), keepdims=True" in drawing.dot
    drawing.svg()
