"""Large graphs in small pictures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autodiff as ad
from autodiff.graphview import Edge, Graph, GraphNode
from autodiff.graphview.reduce import collapse, fold, limit


def check(graph: Graph) -> None:
    """Ids are unique, edges go forward between nodes that are there."""
    position = {node.id: index for index, node in enumerate(graph.nodes)}
    assert len(position) == len(graph.nodes)
    for edge in graph.edges:
        assert position[edge.source] < position[edge.target]


def simulate(steps):
    q = ad.tensor(1.0, requires_grad=True, name="q")
    p = ad.tensor(0.0, requires_grad=True, name="p")
    for _ in range(steps):
        p = p - 0.01 * np.sin(q)
        q = q + 0.01 * p
    return 0.5 * p**2 - np.cos(q)


def test_small_graphs_are_drawn_in_full():
    assert len(ad.draw(simulate(10)).graph) == 78
    assert not any(node.kind == "folded" for node in ad.draw(simulate(10)).graph)


def test_the_rounds_of_a_loop_are_folded():
    graph = ad.draw(simulate(1000)).graph
    check(graph)
    folded = [node for node in graph if node.kind == "folded"]
    assert [node.label for node in folded] == ["the same 5 operations, 997 times"]
    assert sum(node.count for node in graph) == len(ad.draw(simulate(1000), max_nodes=None).graph)
    assert len(graph) < 40


def test_two_loops_are_folded_apart():
    x = ad.tensor(1.0, requires_grad=True)
    for _ in range(200):
        x = np.sin(x)
    x = x + 1
    for _ in range(300):
        x = np.exp(x) * 0.1
    labels = [node.label for node in ad.draw(x).graph if node.kind == "folded"]
    assert labels == ["the same operation, 197 times", "the same 2 operations, 298 times"]


def test_layers_of_a_deep_network_are_folded():
    rng = np.random.default_rng(0)
    x = np.ones((2, 3))
    with ad.trace() as t, ad.scope("model"):
        for _ in range(60):
            with ad.scope("layer"):
                w = ad.tensor(rng.normal(size=(3, 3)), requires_grad=True)
                x = np.tanh(x @ w + 1)
    graph = ad.draw(t).graph
    check(graph)
    (folded,) = [node for node in graph if node.kind == "folded"]
    assert "3 operations" in folded.label
    assert folded.scope == ("model",)


def test_what_does_not_repeat_is_left_out_with_a_note():
    rng = np.random.default_rng(0)
    x = ad.tensor(1.0, requires_grad=True, name="x")
    for choice in rng.integers(0, 3, 500):
        x = (np.sin, np.cos, np.tanh)[choice](x)
    drawing = ad.draw(x, max_nodes=20)
    check(drawing.graph)
    assert len(drawing.graph) == 20
    (folded,) = [node for node in drawing.graph if node.kind == "folded"]
    assert sum(node.count for node in drawing.graph) == 501
    assert f"... left out ({folded.count} nodes)" in drawing.text
    assert f"{folded.count} nodes" in drawing.dot


def test_max_nodes_none_draws_everything():
    assert len(ad.draw(simulate(100), max_nodes=None).graph) == 708


def test_modules_are_collapsed_to_a_depth(network):
    trace, names = network
    whole = ad.draw(trace, names=names).graph
    for depth, labels in [
        (0, ["images", "model", "2", "**", "mean"]),
        (1, ["images", "layers.0: Linear", "layers.1: Tanh", "2", "**", "mean"]),
        (2, [node.label for node in whole]),
    ]:
        graph = ad.draw(trace, names=names, depth=depth).graph
        check(graph)
        assert [node.label for node in graph] == labels
        assert sum(node.count for node in graph) == len(whole)
    model = ad.draw(trace, names=names, depth=0).graph["n1"]
    assert model.options == {"parameters": "8"}
    assert model.shape == (4, 2)
    assert model.gradient is not None


def test_a_module_that_is_called_again_is_another_box():
    x = ad.tensor([1.0], requires_grad=True)
    with ad.trace() as t:
        for _ in range(2):
            with ad.scope("cell"):
                x = np.tanh(x * 2)
    assert [node.label for node in ad.draw(t, depth=0).graph] == ["cell", "cell #2"]


@st.composite
def graphs(draw):
    """Any graph: each node with edges from some nodes before it, in some scope."""
    count = draw(st.integers(1, 40))
    nodes, edges = [], []
    for index in range(count):
        sources = draw(st.lists(st.integers(0, index - 1), max_size=3)) if index else []
        kind = "operation" if sources else "leaf"
        operation = draw(st.sampled_from(["sin", "exp"])) if sources else None
        # Calls do not interleave, so scopes follow each other.
        scope = (f"s{index // 7}", f"t{index // 3}")[: draw(st.integers(0, 2))] if sources else ()
        nodes.append(GraphNode(f"n{index}", kind, operation or "", operation, scope=scope))
        edges += [
            Edge(f"n{source}", f"n{index}", f"x{position}")
            for position, source in enumerate(sources)
        ]
    return Graph("traced", tuple(nodes), tuple(edges))


@given(graph=graphs(), max_nodes=st.integers(3, 45))
def test_smaller_graphs_have_no_cycles_and_lose_no_node(graph, max_nodes):
    for smaller in (fold(graph), limit(graph, max_nodes), limit(fold(graph), max_nodes)):
        check(smaller)
        assert sum(node.count for node in smaller) == len(graph)
    assert len(limit(graph, max_nodes)) <= max(max_nodes, 3)


@pytest.mark.parametrize("depth", [0, 1])
def test_collapsing_an_open_graph_changes_nothing(depth):
    graph = ad.draw(simulate(3)).graph
    assert collapse(graph, depth) is graph
