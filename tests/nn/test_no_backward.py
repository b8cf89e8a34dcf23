"""nn is NumPy code on tensors: it declares no rule and leaves gradients to the engine.

The sources under nn/ are read, not run. What counts as a breach is listed in `breaches`, and the
second half of this file shows that each kind is found.
"""

import ast
import importlib
from pathlib import Path

import pytest

import autodiff as ad
import nn

ROOT = Path(nn.__file__).parent

# Optimizers change values by gradients, a module moves values in and out of its parameters, and
# those who report on a training look at values. Everybody else computes with tensors.
MAY_USE_GRAD = ("optim/",)
MAY_WRITE_DATA = ("optim/", "module.py")
MAY_READ_DATA = (*MAY_WRITE_DATA, "training/", "commands/", "plots.py")
HIDDEN = {"_value", "_node", "_rebind", "register_hook", "retain_grad"}
PUBLIC_PACKAGES = {"autodiff.graphview", "autodiff.testing"}  # the names in their __all__
DECLARATIONS = {"primitive", "composite", "constant"}
BACKWARD_NAMES = {"backward", "vjp", "jvp", "pull", "pull_recorded", "pullback", "gradient"}


def breaches(source, path):
    """What the file at `path` (relative to nn/) does that nn must not: lines with a reason."""
    found = []
    engines = set()  # the names under which this file knows autodiff

    def breach(node, reason):
        found.append((node.lineno, reason))

    def check_name(node, name):
        if name in DECLARATIONS:
            breach(node, f"declares a rule with autodiff.{name}")
        elif name not in ad.__all__ and name != "__version__":
            breach(node, f"uses autodiff.{name}, which is not public")

    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name == "autodiff":
                    engines.add(alias.asname or "autodiff")
                elif alias.name.startswith("autodiff."):
                    breach(node, f"imports {alias.name}; import autodiff alone")
        elif isinstance(node, ast.ImportFrom) and node.module == "autodiff":
            for alias in node.names:
                check_name(node, alias.name)
        elif isinstance(node, ast.ImportFrom) and node.module in PUBLIC_PACKAGES:
            public = importlib.import_module(node.module).__all__
            for alias in node.names:
                if alias.name not in public:
                    breach(node, f"imports {node.module}.{alias.name}, which is not public")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("autodiff."):
            breach(node, f"imports from {node.module}; import autodiff alone")
    written = {id(node) for target in ast.walk(tree) for node in written_by(target)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name in BACKWARD_NAMES:
            breach(node, f"defines {node.name}")
        if not isinstance(node, ast.Attribute):
            continue
        owner = node.value.id if isinstance(node.value, ast.Name) else None
        if owner in engines:
            check_name(node, node.attr)
        elif node.attr in HIDDEN or (node.attr == "grad" and not path.startswith(MAY_USE_GRAD)):
            breach(node, f"touches .{node.attr}")
        elif node.attr == "data" and owner != "nn":  # nn.data is the package
            if id(node) in written and not path.startswith(MAY_WRITE_DATA):
                breach(node, "writes to .data")
            elif not path.startswith(MAY_READ_DATA):
                breach(node, "reads .data")
    return found


def written_by(target):
    """The attribute that an assignment to `target` writes to: x.data = v, x.data[0] = v."""
    if isinstance(target, ast.Subscript) and isinstance(target.ctx, ast.Store):
        return [target.value]
    return [target] if isinstance(getattr(target, "ctx", None), ast.Store | ast.Del) else []


SOURCES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES)
def test_nothing_in_nn_declares_a_rule_or_touches_gradients(path):
    assert breaches((ROOT / path).read_text(), path) == []


def test_all_of_nn_is_looked_at():
    some = {"module.py", "losses/regression.py", "layers/linear.py", "optim/adam.py"}
    assert some <= set(SOURCES)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import autodiff as ad\nrule = ad.primitive(f, x=g)",
            "declares a rule with autodiff.primi",
        ),
        ("from autodiff import composite", "declares a rule with autodiff.composite"),
        (
            "import autodiff\n@autodiff.constant\ndef f(x): ...",
            "declares a rule with autodiff.const",
        ),
        ("import autodiff.engine.graph", "imports autodiff.engine.graph"),
        ("import autodiff.functions as F", "imports autodiff.functions"),
        (
            "from autodiff.rules.network.basic import relu",
            "imports from autodiff.rules.network.basic",
        ),
        ("from autodiff.graphview import layout", "graphview.layout, which is not public"),
        ("from autodiff.graphview.model import Graph", "imports from autodiff.graphview.model"),
        ("from autodiff import engine", "uses autodiff.engine, which is not public"),
        ("import autodiff as engine\nengine._secret", "uses autodiff._secret"),
        ("def forward(self, x):\n    self.weight.grad = x", "touches .grad"),
        ("def forward(self, x):\n    return self.weight.grad", "touches .grad"),
        ("def f(p):\n    return p.data * 2", "reads .data"),
        ("def f(p):\n    p.data = 2", "writes to .data"),
        ("def f(p):\n    p.data -= 2", "writes to .data"),
        ("def f(p):\n    p.data[0] = 2", "writes to .data"),
        ("class Layer:\n    def backward(self, g):\n        return g", "defines backward"),
        ("def f(x):\n    x._node = None", "touches ._node"),
        ("def f(x):\n    x.register_hook(print)", "touches .register_hook"),
    ],
)
@pytest.mark.parametrize("path", ["layers/bad.py", "losses/bad.py"])
def test_every_kind_of_breach_is_found(source, reason, path):
    assert any(reason in found for _, found in breaches(source, path))


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("import autodiff as ad\ny = ad.functions.relu(x)", "layers/good.py"),
        ("def step(p):\n    p.data = p.data - p.grad", "optim/good.py"),
        ("def state(p):\n    p.data = p.data.copy()", "module.py"),
        ("def report(loss):\n    return loss.data", "training/good.py"),
        ("from autodiff.graphview import DrawingError", "commands/good.py"),
        ("import nn\nnn.data.load('mnist')", "cli.py"),
    ],
)
def test_what_is_allowed_is_not_a_breach(source, path):
    assert breaches(source, path) == []


def test_reporting_on_a_training_may_not_change_it():
    assert breaches("p.data = 2", "training/bad.py") == [(1, "writes to .data")]
    assert breaches("print(p.grad)", "training/bad.py") == [(1, "touches .grad")]
