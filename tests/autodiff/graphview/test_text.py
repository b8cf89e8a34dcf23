"""The graph in a terminal."""

import numpy as np

import autodiff as ad


def test_a_scalar_program(scalar, expect):
    expect("scalar.txt", f"{ad.draw(scalar)}\n")


def test_a_network_under_the_titles_of_its_scopes(network, expect):
    trace, names = network
    expect("network.txt", f"{ad.draw(trace, names=names)}\n")


def test_modules_without_their_insides(network, expect):
    trace, names = network
    expect("network-depth-0.txt", f"{ad.draw(trace, names=names, depth=0)}\n")


def test_several_results_indices_and_options():
    x = ad.tensor(np.arange(6.0), requires_grad=True, name="x")
    a, b = np.split(x, 2)
    text = str(ad.draw(np.sum(a[1:] * b[:2]))).splitlines()
    assert [line.split("  ")[1].strip() for line in text] == [
        "x",
        "array_split(n0, indices_or_sections=2)",
        "n1[0][1:]",
        "n1[1][:2]",
        "n2 * n3",
        "sum(n4)",
    ]
