"""The graph as data, from tensors and from traces."""

import json
import sys

import numpy as np
import pytest

import autodiff as ad
from autodiff.graphview import Graph


def records(graph: Graph):
    return [(node.id, node.kind, node.label) for node in graph]


def arrows(graph: Graph):
    return [(edge.source, edge.target, edge.argument) for edge in graph.edges]


@pytest.fixture
def x():
    return ad.tensor(2.0, requires_grad=True, name="x")


def test_json(scalar, expect):
    text = ad.draw(scalar).graph.to_json()
    for operation in json.loads(text)["nodes"]:
        text = (
            text.replace(json.dumps(operation["seconds"]), "null") if operation["seconds"] else text
        )
    expect("scalar.json", text)


def test_json_has_every_key_and_only_plain_values(network):
    trace, names = network
    content = json.loads(ad.draw(trace, names=names).graph.to_json(), parse_constant=pytest.fail)
    assert (content["format"], content["version"]) == ("autodiff.graph", 1)
    assert content["level"] == "traced"
    keys = {
        *("id", "kind", "label", "operation", "name", "shape", "dtype", "value", "gradient"),
        *("options", "scope", "source", "seconds", "bytes", "count"),
    }
    assert all(set(node) == keys for node in content["nodes"])
    keys = {"source", "target", "argument", "output", "shape", "tracked"}
    assert all(set(edge) == keys for edge in content["edges"])
    assert all(edge["source"] < edge["target"] for edge in content["edges"])


def test_a_recorded_graph_has_leaves_constants_and_operations(x):
    graph = ad.draw(x**3 + 4 * x).graph
    assert records(graph) == [
        ("n0", "leaf", "x"),
        ("n1", "constant", "3"),
        ("n2", "operation", "**"),
        ("n3", "constant", "4"),
        ("n4", "operation", "*"),
        ("n5", "output", "+"),
    ]
    assert arrows(graph) == [
        ("n0", "n2", "a"),
        ("n1", "n2", "b"),
        ("n3", "n4", "a"),
        ("n0", "n4", "b"),
        ("n2", "n5", "a"),
        ("n4", "n5", "b"),
    ]
    assert graph["n0"].value.text == "2"
    assert graph["n5"].value.text == "16"


def test_a_freed_graph_still_has_its_operations_names_and_gradients(x):
    y = x**3 + 4 * x
    y.backward()
    graph = ad.draw(y).graph
    assert records(graph) == [
        ("n0", "leaf", "x"),
        ("n1", "operation", "**"),
        ("n2", "operation", "*"),
        ("n3", "output", "+"),
    ]
    assert graph["n0"].gradient.text == "16"


def test_retained_gradients_and_names_of_results_are_shown(x):
    y = x * 3
    y.name = "y"
    y.retain_grad()
    z = y * y
    z.backward()
    node = next(node for node in ad.draw(z).graph if node.name == "y")
    assert node.gradient.text == "12"


def test_names_also_tell_the_values_and_parameters(network):
    class Parameter(ad.Tensor):
        pass

    w = Parameter([1.0, 2.0], requires_grad=True)
    y = np.sum(w * 2)
    y.backward()
    node = ad.draw(y, names={"head.weight": w}).graph["n0"]
    assert (node.kind, node.name, node.value.text) == ("parameter", "head.weight", "[1, 2]")


def test_ids_are_the_same_in_every_run(x):
    def build():
        a = ad.tensor(np.ones(3), requires_grad=True)
        b = ad.tensor(np.ones(3), requires_grad=True)
        y = np.concatenate([b, a, b]) * np.concatenate([a, a, b])
        return ad.draw(np.sum(y)).graph.to_json()

    assert build() == build()


def test_operations_with_several_results_are_one_node(x):
    a = ad.tensor(np.arange(4.0), requires_grad=True, name="a")
    first, second = np.split(a, 2)
    recorded = ad.draw(np.sum(first * second)).graph
    with ad.trace() as t:
        first, second = np.split(a, 2)
        np.sum(first * second)
    traced = ad.draw(t).graph
    for graph in (recorded, traced):
        assert [node.label for node in graph] == ["a", "array_split", "*", "sum"]
        outputs = [(edge.source, edge.target, edge.output) for edge in graph.edges]
        assert outputs == [("n0", "n1", None), ("n1", "n2", 0), ("n1", "n2", 1), ("n2", "n3", None)]
        assert graph["n1"].shape is None


def test_inputs_of_transforms_are_seen_through():
    graphs = []

    def f(v):
        y = np.sum(v * 2)
        graphs.append(ad.draw(y).graph)
        return y

    ad.grad(f)(np.ones(3))
    a = ad.tensor(np.ones(3), requires_grad=True, name="a")
    ad.grad(f)(a)
    assert [node.kind for node in graphs[0]] == ["leaf", "constant", "operation", "output"]
    assert [node.label for node in graphs[1]] == ["a", "2", "*", "sum"]


def test_a_leaf_alone_is_a_graph(x):
    assert records(ad.draw(x).graph) == [("n0", "leaf", "x")]


def test_a_chain_of_100_000_operations_needs_no_recursion(x):
    y = x
    for _ in range(100_000):
        y = np.sin(y)
    y.backward()
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(150)
    try:
        drawing = ad.draw(y)
        whole = ad.draw(y, max_nodes=None).graph
    finally:
        sys.setrecursionlimit(limit)
    assert len(whole) == 100_001
    assert len(drawing.graph) < 10
    assert "the same operation, 99,997 times (99,997 nodes)" in drawing.text


def test_a_trace_has_constants_data_and_what_no_gradient_flows_through():
    x = ad.tensor([1.0, 2.0], requires_grad=True, name="x")
    with ad.trace() as t:
        np.where(np.array([True, False]), x, 0.0) * x.detach()
    graph = ad.draw(t).graph
    assert records(graph) == [
        ("n0", "input", "condition"),
        ("n1", "leaf", "x"),
        ("n2", "constant", "0"),
        ("n3", "operation", "where"),
        ("n4", "output", "*"),
    ]
    assert [(edge.source, edge.tracked) for edge in graph.inputs["n4"]] == [
        ("n3", True),
        ("n1", False),
    ]


def test_a_trace_knows_scopes_and_source_lines(network):
    trace, names = network
    graph = ad.draw(trace, names=names).graph
    matmul = next(node for node in graph if node.operation == "matmul")
    assert matmul.scope == ("model", "layers.0: Linear")
    assert (matmul.source.file, matmul.source.line) == ("model.py", 4)
    assert matmul.source.text == "hidden = images @ weight + bias"
    by_name = {node.name: node for node in graph}
    assert by_name["layers.0.weight"].kind == "parameter"
    assert by_name["layers.0.weight"].scope == matmul.scope
    assert by_name["images"].kind == "input"
    assert by_name["images"].scope == ()
    assert by_name["loss"].kind == "output"
    assert by_name["loss"].gradient.text == "1"


def test_the_statistics_leave_out_what_is_not_finite():
    with ad.trace() as t:
        ad.tensor([1.0, np.nan, np.inf, 3.0, -2.0]) * 1
    value = ad.draw(t).graph["n0"].value
    assert (value.minimum, value.maximum, value.nonfinite) == (-2.0, 3.0, 2)
    assert value.text == "-2 to 3, 2 not finite"


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3)),
        np.array(["a", "b"]),
        np.array([1 + 2j, 3]),
        np.array([True, False] * 4),
        np.full(8, np.nan),
        np.full(3, 1e300),
        np.full(3, 1e-300),
        np.array([np.finfo(np.float32).max] * 9, np.float32),
        np.array(np.inf),
        np.array(2**62),
    ],
    ids=lambda array: f"{array.dtype}-{array.shape}",
)
def test_any_array_can_be_summarised(array):
    from autodiff.graphview.summary import summarize

    summary = summarize(array)
    json.dumps([summary.minimum, summary.maximum, summary.mean, summary.norm], allow_nan=False)
    assert summary.text or not array.size or array.dtype.kind == "c"


def test_the_norm_neither_overflows_nor_vanishes():
    from autodiff.graphview.summary import summarize

    assert summarize(np.full(4, 1e300)).norm == pytest.approx(2e300)
    assert summarize(np.full(4, 1e-300)).norm == pytest.approx(2e-300)
