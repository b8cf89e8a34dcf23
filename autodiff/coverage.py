"""Which functions of NumPy work on tensors: the table, and the check behind each row.

``python -m autodiff.coverage`` calls every differentiable function of the installed NumPy once
through its plain name, compares its gradient with finite differences, prints the totals and
writes the table to ``autodiff/rules/README.md``.
"""

from __future__ import annotations

import ast
import inspect
import json
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import autodiff.numpy as anp
from autodiff.declare.domains import NumpyDraw
from autodiff.declare.primitive import Composite, Constant, Primitive, Unsupported, entries
from autodiff.engine.registry import load_rules
from autodiff.tensors.tensor import Tensor
from autodiff.testing import WrongGradient, check_grads
from autodiff.testing.primitives import BoundCall, draw_call

__all__ = ["MODULES", "TABLE", "Row", "check", "line", "public_functions", "rows", "table"]

MODULES = (np, np.linalg, np.fft)
TABLE = Path(__file__).parent / "rules" / "README.md"
_PEERS = ("JAX", "PyTorch")
PEERS = TABLE.with_name("peers.json")  # written by tests/autodiff/rules/test_peers.py


@dataclass(frozen=True)
class Row:
    """One function of the table.

    Attributes:
        name: with its module, such as ``numpy.linalg.svd``.
        kind: ``primitive``, ``composite``, ``constant``, ``unsupported``, ``autodiff.numpy`` for
            a function that works under that name only, or an empty string if there is no answer.
        checked: whether there is a gradient to compare with finite differences.
        peers: which of JAX and PyTorch give the same gradient, or how theirs differs.
        note: other names, or what to use in place of an unsupported function.
    """

    name: str
    kind: str
    checked: bool
    peers: str = ""
    note: str = ""


# ---------------------------------------------------------------- what NumPy has


def public_functions(module: ModuleType) -> dict[str, Any]:
    """The functions in a namespace by name: no types, no modules, nothing deprecated, no tester."""
    found = {}
    for name in sorted(dir(module)):
        if name.startswith("_") or name == "test":
            continue
        value = getattr(module, name)
        if callable(value) and not isinstance(value, type) and not _deprecated(value):
            found[name] = value
    return found


def _deprecated(function: Any) -> bool:
    """Whether the first thing that a function does is to warn that it is deprecated."""
    function = getattr(function, "_implementation", function)
    if not inspect.isfunction(function):
        return False
    definition = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(definition, ast.FunctionDef)
    first = definition.body[1 if ast.get_docstring(definition) is not None else 0]
    text = ast.unparse(first)
    return isinstance(first, ast.Expr) and "warn(" in text and "DeprecationWarning" in text


def rows() -> Iterator[Row]:
    """The answer to every public function of NumPy."""
    load_rules()
    answers: dict[int, Any] = {}
    for entry in entries:  # a composite may call a primitive that was declared for its function
        answers[id(entry.function)] = entry
    for module in MODULES:
        names: dict[int, list[str]] = {}
        functions = public_functions(module)
        for name, function in functions.items():
            names.setdefault(id(function), []).append(name)
        for same in names.values():
            function = functions[same[0]]
            own = getattr(function, "__name__", "")
            name = own if own in same else same[0]
            others = ", ".join(f"`{other}`" for other in same if other != name)
            note = f"also {others}" if others else ""
            yield _row(f"{module.__name__}.{name}", name, answers.get(id(function)), note)


def _row(full_name: str, name: str, answer: Any, note: str) -> Row:
    checked = full_name in _CALLS or getattr(answer, "domain", None) is not None
    peers = _peers().get(full_name, "")
    if isinstance(answer, Unsupported):
        own = vars(anp).get(name)
        if own is not None and not hasattr(own, "__wrapped__"):
            note = "NumPy does not let it be intercepted"
            return Row(full_name, "autodiff.numpy", checked, peers, note)
        return Row(full_name, "unsupported", False, note=answer.instead)
    kinds = {Primitive: "primitive", Composite: "composite", Constant: "constant"}
    kind = next((kinds[k] for k in kinds if isinstance(answer, k)), "")
    return Row(full_name, kind, checked, peers, note)


@cache
def _peers() -> dict[str, str]:
    """Which peers agree about which function."""
    return json.loads(PEERS.read_text(encoding="utf-8"))


# ---------------------------------------------------------------- the check of a row

_X = np.array([0.3, -1.2, 2.1, 0.7, -0.4, 1.6])
_M = _X.reshape(2, 3)
_V = np.array([1.5, -0.5])
_PLACES = np.array([1, 4])


def _written(function: Callable[..., Any], *between: Any, **options: Any) -> Callable[..., Any]:
    """What a function that works in place makes of a copy of its target."""

    def write(target: Any, values: Any) -> Any:
        target = np.copy(target)
        function(target, *between, values, **options)
        return target

    return write


# Calls of what has no domain: a function of arrays, and the arrays.
_CALLS: dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = {
    "numpy.copyto": (_written(np.copyto, where=np.array([True, False, True])), (_M, _M[0])),
    "numpy.fill_diagonal": (_written(np.fill_diagonal), (_M, _V)),
    "numpy.place": (_written(np.place, _X > 0), (_X, _V)),
    "numpy.put": (_written(np.put, _PLACES), (_X, _V)),
    "numpy.putmask": (_written(np.putmask, _X > 0), (_X, _V)),
    "numpy.put_along_axis": (
        lambda x, v: _written(lambda t, u: np.put_along_axis(t, _PLACES, u, 0))(x, v),
        (_X, _V),
    ),
    "numpy.intersect1d": (lambda x: np.intersect1d(x, x[1:4]), (_X,)),
    "numpy.broadcast_arrays": (lambda x, y: np.broadcast_arrays(x, y), (_M, _M[0])),
    "numpy.astype": (lambda x: np.astype(x, np.float64), (_X,)),
    "numpy.array": (lambda x, y: anp.array([[x[0], y[0]], [1.0, x[1] * y[1]]]), (_X, _V)),
    "numpy.asarray": (lambda x: anp.asarray([x, x * x]), (_X,)),
    "numpy.asanyarray": (lambda x: anp.asanyarray([x, x * x]), (_X,)),
    "numpy.ascontiguousarray": (lambda x: anp.ascontiguousarray(x * x), (_X,)),
    "numpy.asfortranarray": (lambda x: anp.asfortranarray(x * x), (_X,)),
    "numpy.asarray_chkfinite": (lambda x: anp.asarray_chkfinite([x, x * x]), (_X,)),
    "numpy.full": (lambda x: anp.full((3, 6), x), (_X,)),
    "numpy.arange": (lambda x: anp.arange(x[0], x[2], x[3]), (_X,)),
}


def check(row: Row) -> None:
    """Call a differentiable function with tensors, and compare its gradient.

    Raises:
        WrongGradient: the gradient is wrong, or there is none.
    """
    for function, arrays in _calls(row.name):
        results = function(*(Tensor(array, requires_grad=True) for array in arrays))
        results = results if isinstance(results, list | tuple) else [results]
        if any(isinstance(result, Tensor) and result.requires_grad for result in results):
            check_grads(function, *arrays, order=1, modes=["reverse"])
            return
    raise WrongGradient(f"{row.name} called with tensors has no gradient")


def _calls(name: str) -> Iterator[tuple[Callable[..., Any], Sequence[np.ndarray]]]:
    """Calls of a function, each as a function of arrays and the arrays."""
    if name in _CALLS:
        yield _CALLS[name]
        return
    module, _, short = name.rpartition(".")
    function = getattr({m.__name__: m for m in MODULES}[module], short)
    entry = next(
        e
        for e in reversed(entries)
        if e.function is function and isinstance(e, Primitive | Composite)
    )
    draw = NumpyDraw(np.random.default_rng(2))
    for _ in range(20):
        call = BoundCall(entry, *draw_call(entry, draw))
        if call.arrays and all(array.size for array in call.arrays):
            yield _through_numpy(function, call), call.arrays


def _through_numpy(function: Any, call: BoundCall) -> Callable[..., Any]:
    def called(*arrays: Any) -> Any:
        args, kwargs = call.with_arrays(arrays)
        return function(*args, **kwargs)

    return called


# ---------------------------------------------------------------- the table


_HEAD = """\
# What works on tensors

Written by `python -m autodiff.coverage`. `tests/autodiff/rules/test_numpy_coverage.py` fails if a
public function of NumPy is missing here, and compares every gradient again.

{summary}

- A **primitive** has derivative rules of its own, in a file of this folder.
- A **composite** is written in terms of others.
- A **constant** has no derivative: it takes tensors as arrays and returns arrays.
- **`autodiff.numpy`** has the functions for which NumPy converts its arguments without asking.
- An **unsupported** function raises an error that says what to use instead.
- **Checked**: called with tensors under its plain name (or that of `autodiff.numpy`), its gradient
  agrees with finite differences.
- **Agrees with**: the peers that have the function and give the same gradient, and those that do
  not, with the reason (`tests/autodiff/rules/test_peers.py`). {peers}
"""


def table(found: list[Row]) -> str:
    """The table as Markdown."""
    lines = [_HEAD.format(summary="\n".join(summary(found)), peers=_compared(found))]
    for module in MODULES:
        lines += [f"## {module.__name__}", ""]
        lines += ["| function | kind | checked | agrees with | note |", "|---|---|---|---|---|"]
        lines += [*map(line, _of(module, found)), ""]
    return "\n".join(lines)


def line(row: Row) -> str:
    """One line of the table."""
    short = row.name.rpartition(".")[2]
    checked = "yes" if row.checked else ""
    return f"| `{short}` | {row.kind} | {checked} | {row.peers} | {row.note} |"


def _compared(found: list[Row]) -> str:
    """How many functions were compared with peers, in a sentence."""
    checked = [row for row in found if row.checked]
    agreeing = [row.peers.partition("(")[0] for row in checked]
    counts = [f"{sum(peer in names for names in agreeing)} with {peer}" for peer in _PEERS]
    either = sum(bool(names) for names in agreeing)
    alone = sum(not row.peers for row in checked)
    return (
        f"Of {len(checked)} functions {either} agree with a peer, {' and '.join(counts)};\n  about "
        f"{alone} neither says anything."
    )


def _of(module: ModuleType, found: list[Row]) -> list[Row]:
    return [row for row in found if row.name.rpartition(".")[0] == module.__name__]


def summary(found: list[Row]) -> list[str]:
    """How many functions differentiate, as lines of a table."""
    lines = ["| | differentiable | through plain `np.` | no derivative | unsupported |"]
    lines += ["|---|---|---|---|---|"]
    lines += [f"| {m.__name__} | {_counts(_of(m, found))} |" for m in MODULES]
    return [*lines, f"| total | {_counts(found)} |"]


def _counts(found: list[Row]) -> str:
    checked = [row for row in found if row.checked]
    numbers = (
        len(checked),
        sum(row.kind != "autodiff.numpy" for row in checked),
        sum(not row.checked and row.kind != "unsupported" for row in found),
        sum(row.kind == "unsupported" for row in found),
    )
    return " | ".join(map(str, numbers))


def main() -> None:
    """Check every gradient, write the table and print the totals."""
    found = list(rows())
    for row in found:
        if row.checked:
            check(row)
    TABLE.write_text(table(found), encoding="utf-8")
    print("\n".join(summary(found)))


if __name__ == "__main__":
    main()
