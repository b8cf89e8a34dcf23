"""Small programs whose pictures the tests know by heart."""

import linecache
import os
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

import autodiff as ad

EXPECTED = Path(__file__).parent / "expected"


def run(file: str, program: str, **variables):
    """The variables after a program, whose lines a picture shows as those of `file`."""
    text = dedent(program)
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), namespace := {"np": np, "ad": ad, **variables})
    return namespace


@pytest.fixture(scope="session")
def scalar():
    """A trace of y = x**3 + 4 * x and of its backward pass."""
    program = """\
        x = ad.tensor(2.0, requires_grad=True, name="x")
        with ad.trace() as t:
            y = x**3 + 4 * x
            y.name = "y"
            y.backward()
        """
    return run("cubic.py", program)["t"]


class Parameter(ad.Tensor):
    """What a model has."""


@pytest.fixture(scope="session")
def network():
    """A trace of one training step of a layer, in scopes, with the names for its picture."""
    weight = Parameter(np.full((3, 2), 0.5), requires_grad=True)
    bias = Parameter([0.0, 1.0], requires_grad=True)
    images = np.ones((4, 3))
    program = """\
        with ad.trace() as t:
            with ad.scope("model"):
                with ad.scope("layers.0: Linear"):
                    hidden = images @ weight + bias
                with ad.scope("layers.1: Tanh"):
                    hidden = np.tanh(hidden)
            loss = np.mean(hidden**2)
            loss.name = "loss"
            loss.backward()
        """
    trace = run("model.py", program, weight=weight, bias=bias, images=images)["t"]
    return trace, {"layers.0.weight": weight, "layers.0.bias": bias, "images": images}


@pytest.fixture
def expect():
    """A function that compares text with a file in expected/.

    After a change that is meant, write the files anew with UPDATE_EXPECTED=1 and look at what git
    says about them.
    """

    def compare(name: str, text: str) -> None:
        path = EXPECTED / name
        if os.environ.get("UPDATE_EXPECTED"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare
