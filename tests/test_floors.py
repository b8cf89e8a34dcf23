"""The layout: which module may import which, and how much one place may hold."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import autodiff as ad

ROOT = Path(__file__).parents[1]

# The floors, lowest first. A module imports from the floors below its own, never from above.
AUTODIFF = (
    "errors",
    "engine",
    "tensors",
    "declare",
    "rules",
    "functions",
    "numpy",
    "scipy",
    "distributions",
    "transforms",
    "inspecting",
    "graphview",
    "testing",
    "coverage",
    "info",
    "__main__",
)
NN = (
    "errors",
    "arrays",
    "extras",
    "names",
    "random",
    "module",
    "summary",
    "memory",
    "init",
    "functional",
    "data",
    "layers",
    "losses",
    "optim",
    "training",
    "plots",
    "commands",
    "cli",
    "__main__",
)
FLOORS = {"autodiff": AUTODIFF, "nn": NN}
PROGRAMS = {"autodiff": {"coverage", "info", "__main__"}, "nn": {"commands", "cli", "__main__"}}
PUBLIC = {*ad.__all__, "__version__"}  # what nn may use of autodiff

# What each part may import from outside of this repository, besides the standard library.
# Inside of functions more is allowed: what is imported there is needed by nobody else.
THIRD_PARTY = {
    "autodiff": {"numpy"},
    "autodiff.graphview": {"numpy", "graphviz"},
    "autodiff.testing": {"numpy", "hypothesis"},
    "autodiff.rules.scipy": {"numpy", "scipy"},  # loaded once the user has imported SciPy
    "autodiff.scipy": {"numpy", "scipy"},
    "nn": {"numpy", "tqdm", "matplotlib", "safetensors", "PIL", "sklearn"},
}

# Imports inside of functions that go up on purpose, because a method offers what is built on it.
DEFERRED = {
    ("nn.module", "nn.summary"): "Module.summary()",
    ("nn.module", "nn.memory"): "Module.memory()",
}


class Import:
    """One import: who, what, on which line, if inside of a function, if for type checkers only."""

    def __init__(self, importer: str, target: str, line: int, deferred: bool, typing: bool) -> None:
        self.importer, self.target, self.line = importer, target, line
        self.deferred, self.typing = deferred, typing

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


def imports(module: str, source: str, is_package: bool = False) -> Iterator[Import]:
    """All imports in the source text of a module."""
    package = module if is_package else module.rpartition(".")[0]

    def visit(node: ast.AST, deferred: bool, typing: bool) -> Iterator[Import]:
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for child in node.body:
                yield from visit(child, deferred, True)
            for child in node.orelse:
                yield from visit(child, deferred, typing)
            return
        if isinstance(node, ast.Import):
            for name in node.names:
                yield Import(module, name.name, node.lineno, deferred, typing)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1])
            origin = node.module or ""
            if node.level:
                origin = f"{base}.{origin}".rstrip(".")
            for name in node.names:
                # `from nn import data` imports the module nn.data
                yield Import(module, f"{origin}.{name.name}", node.lineno, deferred, typing)
        inside = deferred or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            yield from visit(child, inside, typing)

    yield from visit(ast.parse(source), False, False)


def floor_of(name: str) -> tuple[str, str] | None:
    """The package and the floor that a dotted name belongs to, or None if it is from outside."""
    package, _, rest = name.partition(".")
    if package not in FLOORS:
        return None
    part = rest.partition(".")[0]
    return package, part if part in FLOORS[package] else ""


def wrong_arrows(module: str, source: str, is_package: bool = False) -> list[str]:
    """What a module imports although it may not."""
    own = floor_of(module)
    assert own is not None
    package, part = own
    wrong = []
    if part == "" and module != package:
        return [f"{module} has no floor; add it to the list in tests/test_floors.py"]
    for arrow in imports(module, source, is_package):
        if arrow.typing:
            continue
        target = floor_of(arrow.target)
        if target is None:
            if not _may_import_outside(arrow):
                wrong.append(f"{arrow}, a package that only functions may import here")
            continue
        target_package, target_part = target
        if target_package != package:
            if package == "autodiff":
                wrong.append(f"{arrow}; autodiff knows nothing of nn")
            elif not _is_public(arrow.target):
                wrong.append(f"{arrow}; nn uses only the public names of autodiff")
            continue
        if module == package or target_part == part:
            continue  # the package itself gathers from all floors
        if target_part == "":
            if part in PROGRAMS[package]:
                continue  # a program is written like any user's
            wrong.append(f"{arrow}; import the module that defines it")
            continue
        if _height(package, target_part) > _height(package, part):
            home = f"{target_package}.{target_part}"
            if not (arrow.deferred and (f"{package}.{part}", home) in DEFERRED):
                wrong.append(f"{arrow}, which is on a higher floor")
    return wrong


def _height(package: str, part: str) -> int:
    return FLOORS[package].index(part)


def _is_public(target: str) -> bool:
    names = target.split(".")
    return len(names) == 1 or (len(names) == 2 and names[1] in PUBLIC)


def _may_import_outside(arrow: Import) -> bool:
    top = arrow.target.partition(".")[0]
    if top in sys.stdlib_module_names or arrow.deferred:
        return True
    homes = [home for home in THIRD_PARTY if f"{arrow.importer}.".startswith(f"{home}.")]
    return top in THIRD_PARTY[max(homes, key=len)]


def private_attributes(module: str, source: str) -> list[str]:
    """Where nn reaches into autodiff past its public names."""
    wrong = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Attribute):
            continue
        is_autodiff = isinstance(node.value, ast.Name) and node.value.id == "ad"
        if (is_autodiff and node.attr not in PUBLIC) or node.attr in ("_node", "_value"):
            wrong.append(f"{module}:{node.lineno} uses {ast.unparse(node)}")
    return wrong


def modules(package: str) -> list[tuple[str, Path]]:
    """The dotted name and the file of each module of a package."""
    found = []
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        parts = parts[:-1] if parts[-1] == "__init__" else parts
        found.append((".".join(parts), path))
    return found


def cycles(arrows: dict[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle."""
    remaining = {module: set(targets) & set(arrows) for module, targets in arrows.items()}
    while True:
        free = [module for module, targets in remaining.items() if not targets]
        if not free:
            return sorted(remaining)
        for module in free:
            del remaining[module]
        for targets in remaining.values():
            targets.difference_update(free)


@pytest.mark.parametrize("package", FLOORS)
def test_modules_import_only_from_the_floors_below(package):
    wrong = []
    for module, path in modules(package):
        source = path.read_text(encoding="utf-8")
        wrong += wrong_arrows(module, source, path.name == "__init__.py")
        if package == "nn":
            wrong += private_attributes(module, source)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", FLOORS)
def test_modules_do_not_import_each_other_in_a_circle(package):
    """In autodiff not even inside of functions, or for type checkers."""
    known = dict(modules(package))
    arrows: dict[str, set[str]] = {}
    for module, path in known.items():
        targets = set()
        for arrow in imports(module, path.read_text(encoding="utf-8"), path.name == "__init__.py"):
            if package == "nn" and (arrow.deferred or arrow.typing):
                continue
            home = arrow.target if arrow.target in known else arrow.target.rpartition(".")[0]
            targets.add(home)
        arrows[module] = targets - {module}
    del arrows[package]  # the package itself gathers from all floors, and programs use it
    assert cycles(arrows) == []


@pytest.mark.parametrize(("part", "reason"), [(key, DEFERRED[key]) for key in DEFERRED])
def test_every_exception_is_still_needed(part, reason):
    importer, target = part
    path = ROOT.joinpath(*importer.split(".")).with_suffix(".py")
    found = imports(importer, path.read_text(encoding="utf-8"))
    assert any(arrow.deferred and arrow.target.startswith(target) for arrow in found), reason


@pytest.mark.parametrize(
    ("module", "source", "message"),
    [
        ("autodiff.engine.graph", "from autodiff.tensors.tensor import Tensor", "higher floor"),
        ("autodiff.engine.graph", "import autodiff.tensors.tensor", "higher floor"),
        ("autodiff.engine.graph", "from ..tensors.tensor import Tensor", "higher floor"),
        ("autodiff.engine.graph", "from ..tensors import tensor", "higher floor"),
        (
            "autodiff.engine.graph",
            "def f():\n    from autodiff.tensors import tensor",
            "higher floor",
        ),
        (
            "autodiff.engine.graph",
            "class A:\n    if True:\n        import autodiff.tensors.tensor",
            "higher floor",
        ),
        (
            "autodiff.rules.linalg.norms",
            "from autodiff.transforms.gradients import grad",
            "higher floor",
        ),
        ("autodiff.tensors.tensor", "import autodiff as ad", "the module that defines it"),
        ("autodiff.tensors.tensor", "import nn", "knows nothing of nn"),
        (
            "autodiff.tensors.tensor",
            "def f():\n    from nn.layers import Linear",
            "knows nothing of nn",
        ),
        ("autodiff.tensors.tensor", "import scipy.special", "only functions may import"),
        ("autodiff.tensors.tensor", "import hypothesis", "only functions may import"),
        ("autodiff.novelty", "", "has no floor"),
        ("nn.layers.linear", "from nn.optim import SGD", "higher floor"),
        ("nn.layers.linear", "from autodiff.tensors.tensor import Tensor", "public names"),
        ("nn.layers.linear", "from autodiff import graph", "public names"),
        ("nn.layers.linear", "import torch", "only functions may import"),
    ],
)
def test_a_wrong_arrow_is_noticed(module, source, message):
    (wrong,) = wrong_arrows(module, source)
    assert message in wrong


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("autodiff.tensors.tensor", "import numpy as np\nfrom autodiff.engine.graph import Node"),
        (
            "autodiff.engine.graph",
            "if TYPE_CHECKING:\n    from autodiff.tensors.tensor import Tensor",
        ),
        ("autodiff.engine.graph", "def f():\n    import matplotlib"),
        ("autodiff.rules.linalg.norms", "from autodiff.rules.products import matmul"),
        ("autodiff.testing.strategies", "import hypothesis"),
        ("nn.layers.linear", "import autodiff as ad\nfrom autodiff import Tensor"),
        ("nn.layers.linear", "from nn import init\nfrom nn.module import Module"),
    ],
)
def test_a_right_arrow_is_let_through(module, source):
    assert wrong_arrows(module, source) == []


@pytest.mark.parametrize("source", ["ad.graph.walk", "x._node", "self.weight._value"])
def test_reaching_past_the_public_names_is_noticed(source):
    assert len(private_attributes("nn.x", source)) == 1


def test_a_circle_is_noticed():
    assert cycles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}, "e": set()}) == list("abcd")
    assert cycles({"a": {"b"}, "b": {"c"}, "c": set()}) == []


def test_importing_autodiff_imports_nothing_that_is_slow_or_optional():
    code = "import sys, autodiff; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    heavy = {"matplotlib", "graphviz", "hypothesis", "tqdm", "scipy", "pandas", "torch", "nn"}
    assert loaded & heavy == set()
