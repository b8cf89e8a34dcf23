"""Gradients agree with those of JAX and PyTorch, wherever they have the function.

What the peers compute is stored in `test_peers.json`, so that the comparison runs everywhere; where
they are installed, stored numbers are compared with what they compute now (JAX compiles every call,
so of its numbers a part is looked at). Running this file as a program stores them again, and
writes which peers agree about which function to `autodiff/rules/peers.json`, from where it gets
into the table of what works on tensors.
"""

import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.linalg
import scipy.special
from peers import (
    WANTED,
    Case,
    Jax,
    Refused,
    Torch,
    agree,
    components,
    declared,
    drawn,
    ours,
    theirs,
)

import autodiff as ad
import autodiff.rules.scipy.linalg  # with scipy.special, whose rules are then loaded as well
from autodiff import coverage
from autodiff.engine.registry import load_rules
from autodiff.testing.primitives import BoundCall

load_rules()
STORED = Path(__file__).with_suffix(".json")
SUMMARY = coverage.PEERS
PEERS = {peer.name: peer for peer in (Jax, Torch)}
PACKAGES = {"JAX": "jax", "PyTorch": "torch"}
MODULES = {
    module.__name__: module for module in (np, np.linalg, np.fft, scipy.special, scipy.linalg)
}

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 4))
P = RNG.uniform(0.3, 2.0, size=(3, 4))
SQUARE = X[:, :3] @ X[:, :3].T + 3 * np.eye(3)
COMPLEX = X + 1j * RNG.normal(size=(3, 4))
HERMITIAN = COMPLEX[:, :3] + 4 * np.eye(3)
HOLES = np.where(P > 0.4, X, np.nan)
INDEX = np.array([[0, 3], [1, 1], [2, 0]])


def symmetric(a: Any) -> Any:
    """The mean of both triangles, which is what the peers look at; NumPy, and we, read one."""
    return (a + a.mT) / 2


def hermitian(a: Any) -> Any:
    return (a + a.mT.conj()) / 2


class Written(dict[str, Any]):
    """A call that is written down, because a peer has other names or arguments.

    By name of the peer, a function of its module that returns the function of the arrays; `ours`
    and `arrays` are by default those of the coverage table.
    """


def written(ours: Any = None, arrays: Any = None, **peers: Any) -> Written:
    return Written(ours=ours, arrays=arrays, **peers)


# For both peers or all but one: PyTorch's names are another, or NumPy's function works in place.
WRITTEN: dict[str, Written] = {
    "numpy.fill_diagonal": written(
        JAX=lambda jnp: lambda x, v: jnp.fill_diagonal(x, v, inplace=False)
    ),
    "numpy.place": written(
        JAX=lambda jnp: lambda x, v: jnp.place(x, coverage._X > 0, v, inplace=False)
    ),
    "numpy.put": written(
        JAX=lambda jnp: lambda x, v: jnp.put(x, coverage._PLACES, v, inplace=False),
        PyTorch=lambda torch: lambda x, v: x.put(torch.tensor(coverage._PLACES), v),
    ),
    "numpy.put_along_axis": written(
        JAX=lambda jnp: lambda x, v: jnp.put_along_axis(x, coverage._PLACES, v, 0, inplace=False),
        PyTorch=lambda torch: lambda x, v: x.scatter(0, torch.tensor(coverage._PLACES), v),
    ),
    "numpy.copyto": written(
        PyTorch=lambda torch: lambda x, y: torch.where(torch.tensor([True, False, True]), y, x)
    ),
    "numpy.putmask": written(
        lambda x, y: coverage._written(np.putmask, coverage._X > 0)(x, y),
        [coverage._X, coverage._X**2],
        PyTorch=lambda torch: lambda x, y: torch.where(torch.tensor(coverage._X > 0), y, x),
    ),
    "numpy.broadcast_arrays": written(
        JAX=lambda jnp: jnp.broadcast_arrays, PyTorch=lambda torch: torch.broadcast_tensors
    ),
    "numpy.astype": written(
        JAX=lambda jnp: lambda x: jnp.astype(x, float),
        PyTorch=lambda torch: lambda x: x.to(torch.float64),
    ),
    "numpy.intersect1d": written(JAX=lambda jnp: lambda x: jnp.intersect1d(x, x[1:4])),
    "numpy.array": written(
        JAX=lambda jnp: lambda x, y: jnp.array([[x[0], y[0]], [1.0, x[1] * y[1]]])
    ),
    "numpy.asarray": written(JAX=lambda jnp: lambda x: jnp.asarray([x, x * x])),
    "numpy.ascontiguousarray": written(PyTorch=lambda torch: lambda x: (x * x).contiguous()),
    "numpy.arange": written(JAX=lambda jnp: lambda x: x[0] + x[3] * jnp.arange(3.0)),
    "numpy.full": written(
        JAX=lambda jnp: lambda x: jnp.full((3, 6), x),
        PyTorch=lambda torch: lambda x: x.expand(3, 6),
    ),
    "numpy.vecdot": written(
        np.vecdot, [COMPLEX, np.conj(COMPLEX)],
        JAX=lambda jnp: jnp.vecdot, PyTorch=lambda torch: torch.linalg.vecdot,
    ),
    "numpy.gradient": written(
        lambda x: np.gradient(x, 0.5, axis=1), [X],
        JAX=lambda jnp: lambda x: jnp.gradient(x, 0.5, axis=1),
        PyTorch=lambda torch: lambda x: torch.gradient(x, spacing=0.5, dim=1)[0],
    ),
    "numpy.piecewise": written(
        lambda x: np.piecewise(x, [X < 0, X >= 0], [np.sin, np.exp]), [X],
        JAX=lambda jnp: lambda x: jnp.piecewise(x, [X < 0, X >= 0], [jnp.sin, jnp.exp]),
    ),
    "numpy.polydiv": written(
        lambda u, v: np.polydiv(u, v)[0], [X[0], np.array([2.0, 0.3])],
        JAX=lambda jnp: lambda u, v: jnp.polydiv(u, v)[0],
    ),
    # one triangle
    **{
        f"numpy.linalg.{name}{kind}": written(
            lambda a, name=name, part=part: getattr(np.linalg, name)(part(a)), [array],
            JAX=lambda jnp, name=name, part=part: lambda a: getattr(jnp.linalg, name)(part(a)),
            PyTorch=lambda torch, name=name, part=part: lambda a: getattr(torch.linalg, name)(
                part(a)
            ),
        )
        for name in ("cholesky", "eigh", "eigvalsh")
        for kind, part, array in (("", symmetric, SQUARE), (", complex", hermitian, HERMITIAN))
        if (name, kind) != ("eigh", ", complex")  # the phases of the vectors are arbitrary
    },
    "scipy.linalg.cholesky": written(
        lambda a: autodiff.rules.scipy.linalg.cholesky(symmetric(a)), [SQUARE],
        JAX=lambda jnp: lambda a: jnp.linalg.cholesky(symmetric(a), upper=True),
        PyTorch=lambda torch: lambda a: torch.linalg.cholesky(symmetric(a)).mT,
    ),
    "scipy.linalg.cholesky, complex": written(
        lambda a: autodiff.rules.scipy.linalg.cholesky(hermitian(a)), [HERMITIAN],
        JAX=lambda jnp: lambda a: jnp.linalg.cholesky(hermitian(a), upper=True),
        PyTorch=lambda torch: lambda a: torch.linalg.cholesky(hermitian(a)).mH,
    ),
    "scipy.linalg.solve_triangular": written(
        autodiff.rules.scipy.linalg.solve_triangular, [SQUARE, X],
        PyTorch=lambda torch: lambda a, b: torch.linalg.solve_triangular(a, b, upper=True),
    ),
    "numpy.linalg.pinv": written(
        np.linalg.pinv, [X],
        JAX=lambda jnp: jnp.linalg.pinv, PyTorch=lambda torch: torch.linalg.pinv,
    ),
    "numpy.linalg.pinv, complex": written(
        np.linalg.pinv, [COMPLEX],
        JAX=lambda jnp: jnp.linalg.pinv, PyTorch=lambda torch: torch.linalg.pinv,
    ),
    "numpy.linalg.svd": written(
        lambda x: np.linalg.svd(x, full_matrices=False), [X],
        JAX=lambda jnp: lambda x: jnp.linalg.svd(x, full_matrices=False),
        PyTorch=lambda torch: lambda x: torch.linalg.svd(x, full_matrices=False),
    ),
    "numpy.linalg.eig": written(  # PyTorch's results are always complex
        lambda a: np.abs(np.linalg.eig(a)[1]) ** 2, [SQUARE + np.triu(X[:, :3])],
        PyTorch=lambda torch: lambda a: torch.linalg.eig(a)[1].abs() ** 2,
    ),
    "numpy.linalg.lstsq": written(
        lambda a, b: np.linalg.lstsq(a, b)[0], [X.T, P.T],
        JAX=lambda jnp: lambda a, b: jnp.linalg.lstsq(a, b)[0],
        PyTorch=lambda torch: lambda a, b: torch.linalg.lstsq(a, b).solution,
    ),
}  # fmt: skip

# PyTorch's arguments have other names, or are fewer.
TORCH: dict[str, tuple[Any, Any, list[np.ndarray]]] = {
    "numpy.bincount": (
        lambda w: np.bincount([0, 2, 2, 1], w),
        lambda torch: lambda w: torch.zeros(3, dtype=w.dtype).index_add(
            0, torch.tensor([0, 2, 2, 1]), w
        ),
        [X[0]],
    ),
    "numpy.clip": (
        lambda x: np.clip(x, -0.5, 0.7), lambda torch: lambda x: torch.clip(x, -0.5, 0.7), [X]
    ),
    "numpy.cov": (np.cov, lambda torch: torch.cov, [X]),
    "numpy.cross": (np.cross, lambda torch: torch.linalg.cross, [X[:, :3], P[:, :3]]),
    "numpy.diagflat": (np.diagflat, lambda torch: torch.diagflat, [X]),
    "numpy.diagonal": (
        lambda x: np.diagonal(x, 1), lambda torch: lambda x: torch.diagonal(x, 1), [X]
    ),
    "numpy.dot": (np.dot, lambda torch: torch.dot, [X[0], P[0]]),
    "numpy.flip": (
        lambda x: np.flip(x, (0, 1)), lambda torch: lambda x: torch.flip(x, (0, 1)), [X]
    ),
    "numpy.imag": (np.imag, lambda torch: torch.imag, [COMPLEX]),
    "numpy.linspace": (
        lambda a, b: np.linspace(a, b, 5),
        lambda torch: lambda a, b: a + (b - a) * torch.linspace(0, 1, 5, dtype=a.dtype)[:, None],
        [X[0], P[0]],
    ),
    "numpy.max": (np.max, lambda torch: torch.max, [np.round(X)]),
    "numpy.median": (np.median, lambda torch: lambda x: torch.quantile(x, 0.5), [X[:, :3]]),
    "numpy.min": (np.min, lambda torch: torch.min, [np.round(X)]),
    "numpy.nanmedian": (
        np.nanmedian, lambda torch: lambda x: torch.nanquantile(x, 0.5), [HOLES]
    ),
    "numpy.nanquantile": (
        lambda x: np.nanquantile(x, 0.3, axis=1),
        lambda torch: lambda x: torch.nanquantile(x, 0.3, dim=1),
        [HOLES],
    ),
    "numpy.outer": (np.outer, lambda torch: torch.outer, [X[0], P[1]]),
    "numpy.quantile": (
        lambda x, q: np.quantile(x, q, axis=1),
        lambda torch: lambda x, q: torch.quantile(x, q, dim=1),
        [X, np.array([0.3, 0.85])],
    ),
    "numpy.ravel": (np.ravel, lambda torch: torch.ravel, [X]),
    "numpy.repeat": (
        lambda x: np.repeat(x, 2, 1), lambda torch: lambda x: torch.repeat_interleave(x, 2, 1), [X]
    ),
    "numpy.reshape": (
        lambda x: np.reshape(x, (2, 6)), lambda torch: lambda x: torch.reshape(x, (2, 6)), [X]
    ),
    "numpy.rot90": (np.rot90, lambda torch: torch.rot90, [X]),
    "numpy.select": (
        lambda x, y: np.select([X > 0, P > 1], [x, y]),
        lambda torch: lambda x, y: torch.where(
            torch.tensor(X > 0), x, torch.where(torch.tensor(P > 1), y, 0.0)
        ),
        [X, P],
    ),
    "numpy.sign, complex": (np.sign, lambda torch: torch.sgn, [COMPLEX]),
    "numpy.std": (
        lambda x: np.std(x, 0), lambda torch: lambda x: torch.std(x, 0, correction=0), [X]
    ),
    "numpy.take": (
        lambda x: np.take(x, INDEX), lambda torch: lambda x: torch.take(x, torch.tensor(INDEX)), [X]
    ),
    "numpy.take_along_axis": (
        lambda x: np.take_along_axis(x, INDEX, 1),
        lambda torch: lambda x: torch.take_along_dim(x, torch.tensor(INDEX), 1),
        [X],
    ),
    "numpy.tensordot": (
        lambda x, y: np.tensordot(x, y, ([0, 1], [0, 1])),
        lambda torch: lambda x, y: torch.tensordot(x, y, ([0, 1], [0, 1])),
        [X, P],
    ),
    "numpy.tile": (
        lambda x: np.tile(x, (2, 1)), lambda torch: lambda x: torch.tile(x, (2, 1)), [X]
    ),
    "numpy.trace": (np.trace, lambda torch: torch.trace, [SQUARE]),
    "numpy.transpose": (np.transpose, lambda torch: lambda x: x.permute(1, 0), [X]),
    "numpy.var": (
        lambda x: np.var(x, 1), lambda torch: lambda x: torch.var(x, 1, correction=0), [X]
    ),
    "numpy.vdot, complex": (
        lambda x, y: np.vdot(x, y), lambda torch: torch.vdot, [COMPLEX[0], COMPLEX[1]]
    ),
    "numpy.linalg.slogdet": (np.linalg.slogdet, lambda torch: torch.linalg.slogdet, [SQUARE]),
    "numpy.linalg.trace": (np.linalg.trace, lambda torch: torch.trace, [SQUARE]),
}  # fmt: skip

# Where a gradient of a peer's is another one, and why. In all of them finite differences are on our
# side (see test_rules.py).
DIFFERENT = {
    **{
        (f"numpy.{name}{kind}", "JAX"): "its gradient is 0"
        for name in (
            "setdiff1d", "setxor1d", "union1d", "unique", "unique_all", "unique_counts",
            "unique_inverse", "unique_values",
        )
        for kind in ("", ", complex")
    },
    ("numpy.intersect1d", "JAX"): "its gradient is 0",
    ("numpy.sign, complex", "JAX"): "of complex numbers its gradient is 0",
    ("numpy.ldexp", "PyTorch"): "not where the exponent is negative, there it is 0",
    ("numpy.linalg.det", "PyTorch"): "not at a singular matrix, there it is 0",
    ("scipy.special.spence", "JAX"): "not between 1 and 1.5, there it is NaN",
}  # fmt: skip

# What neither has, or has no derivative for.
ALONE = {
    "numpy.asanyarray",
    "numpy.asarray_chkfinite",
    "numpy.asfortranarray",
    "numpy.real_if_close",
}


# ---------------------------------------------------------------- the comparison


def names() -> list[str]:
    """Every function with a gradient: the table's, and those of SciPy that are declared."""
    found = [row.name for row in coverage.rows() if row.checked]
    for module in (scipy.special, scipy.linalg):
        public = [n for n in sorted(dir(module)) if not n.startswith("_")]
        found += [f"{module.__name__}.{n}" for n in public if declared(getattr(module, n))]
    return [f"{name}{kind}" for name in found for kind in ("", ", complex")]


def complex_call(bound: BoundCall) -> BoundCall | None:
    """The call at complex numbers, if NumPy takes any there."""
    if any(array.dtype.kind == "c" for array in bound.arrays):
        return None
    rng = np.random.default_rng(0)
    arrays = [x + 1j * rng.uniform(-0.5, 0.5, x.shape) for x in bound.arrays]
    args, kwargs = bound.with_arrays(arrays)
    try:
        with warnings.catch_warnings(action="error"):
            bound.entry.function(*args, **kwargs)
    except Exception:
        return None
    return BoundCall(bound.entry, args, kwargs)


def written_case(name: str, peer: Any) -> Case | None:
    given = WRITTEN.get(name, {})
    if peer.name in given:
        function, arrays = given["ours"], given["arrays"]
        if function is None:
            function, arrays = coverage._CALLS[name]
        return Case(function, given[peer.name](peer.module), arrays)
    if peer.name == "PyTorch" and name in TORCH:
        function, other, arrays = TORCH[name]
        return Case(function, other(peer.module), arrays)
    return None


def is_written(name: str, peer: str) -> bool:
    return peer in WRITTEN.get(name, {}) or (peer == "PyTorch" and name in TORCH)


def calls(name: str) -> Iterator[tuple[str, BoundCall]]:
    """What the domain of the function draws, numbered."""
    full, _, kind = name.partition(", ")
    module, _, short = full.rpartition(".")
    entry = declared(getattr(MODULES[module], short, None))
    for number, bound in enumerate(drawn(entry) if entry is not None else ()):
        call = complex_call(bound) if kind else bound
        if call is None:
            return
        yield str(number), call


def cases(name: str, peer: Any) -> Iterator[tuple[str, Case]]:
    case = written_case(name, peer)
    if case is not None:
        yield "written", case
        return
    module, _, short = name.partition(", ")[0].rpartition(".")
    functions = [getattr(n, short) for n in peer.namespaces[module] if hasattr(n, short)]
    if functions:
        for number, call in calls(name):
            yield number, Case(call, peer.call(functions[0], call), call.arrays)


def our_case(name: str, peer: str, number: str) -> Case:
    """The case of that number, of our side alone."""
    if number != "written":
        return next(Case(call, call, call.arrays) for n, call in calls(name) if n == number)
    if name in WRITTEN:
        function, arrays = WRITTEN[name]["ours"], WRITTEN[name]["arrays"]
        if function is None:
            function, arrays = coverage._CALLS[name]
        return Case(function, function, arrays)
    function, _, arrays = TORCH[name]
    return Case(function, function, arrays)


def compared(name: str, peer: Any) -> tuple[dict[str, list[float]], bool]:
    """Gradients of the peer's that agree with ours, in short, by number; and if others do not."""
    found, others = {}, False
    for number, case in cases(name, peer):
        try:
            mine = ours(case)
            other = theirs(peer, case, mine.values)
        except (Refused, ad.errors.AutodiffError):
            continue
        if not agree(mine.gradients, other.gradients):
            others = True
        elif len(found) < WANTED:
            found[number] = components(other.gradients)
        if len(found) == WANTED and peer.name == "JAX":  # which is slow
            break
    return found, others


def stored() -> dict[str, dict[str, dict[str, list[float]]]]:
    return json.loads(STORED.read_text(encoding="utf-8"))


NUMBERS = stored() if STORED.exists() else {}
AVAILABLE = set(names())
STORED_NAMES = [name for name in NUMBERS if name in AVAILABLE]  # older NumPy has a few less


def assert_stored(gradients: list[np.ndarray], name: str, peer: str, number: str) -> None:
    np.testing.assert_allclose(
        components(gradients), NUMBERS[name][peer][number], rtol=1e-5, atol=1e-7,
        err_msg=f"{name}: {peer}, call {number}; if its domain was changed, run this file",
    )  # fmt: skip


@pytest.mark.parametrize("name", STORED_NAMES)
def test_our_gradient_is_the_one_that_the_peers_gave(name):
    for peer, by_number in NUMBERS[name].items():
        for number in by_number:
            assert_stored(ours(our_case(name, peer, number)).gradients, name, peer, number)


@pytest.mark.parametrize(("name", "step"), [("PyTorch", 1), ("JAX", 16)])
def test_the_stored_numbers_are_those_of_the_peer(name, step):
    pytest.importorskip(PACKAGES[name])
    peer = PEERS[name]()
    checked = [function for function in STORED_NAMES if name in NUMBERS[function]][::step]
    for function in checked:
        number = next(iter(NUMBERS[function][name]))
        case = dict(cases(function, peer))[number]
        found = theirs(peer, case, ours(case).values)
        assert_stored(found.gradients, function, name, number)
    assert len(checked) > 30


def summary(numbers: dict[str, Any]) -> dict[str, str]:
    """For each function of the table, who agrees, and who differs and how."""
    found = {}
    for name in names():
        full = name.partition(", ")[0]
        agreeing = sorted(peer for peer, by_number in numbers.get(name, {}).items() if by_number)
        differing = [
            f"{peer}: {reason}"
            for (function, peer), reason in DIFFERENT.items()
            if function == name
        ]
        known = found.setdefault(full, ([], []))
        known[0].extend(peer for peer in agreeing if peer not in known[0])
        known[1].extend(differing)
    return {name: f"{', '.join(a)} {_others(d)}".strip() for name, (a, d) in found.items()}


def _others(differing: list[str]) -> str:
    return f"({'; '.join(dict.fromkeys(differing))})" if differing else ""


def test_the_summary_is_current():
    expected = json.loads(SUMMARY.read_text(encoding="utf-8"))
    assert {name: expected.get(name) for name in summary(NUMBERS)} == summary(NUMBERS)


def test_nearly_every_function_of_numpy_is_compared():
    table = [row.name for row in coverage.rows() if row.checked]
    agreeing = [name for name in table if NUMBERS.get(name) or NUMBERS.get(f"{name}, complex")]
    alone = set(table) - set(agreeing) - {name for name, _ in DIFFERENT}
    assert alone == ALONE & set(table)
    assert len(NUMBERS) > 450  # complex numbers are counted on their own


def main() -> None:
    peers = [peer() for peer in PEERS.values()]
    numbers: dict[str, Any] = {}
    for name in names():
        for peer in peers:
            found, others = compared(name, peer)
            if others and (name, peer.name) not in DIFFERENT:
                print("another gradient:", name, peer.name)
            if not others and (name, peer.name) in DIFFERENT:
                print("no longer another gradient:", name, peer.name)
            if found:
                numbers.setdefault(name, {})[peer.name] = found
    shown = [f"{json.dumps(name)}: {json.dumps(by_peer)}" for name, by_peer in numbers.items()]
    STORED.write_text("{\n" + ",\n".join(shown) + "\n}\n", encoding="utf-8")
    lines = json.dumps(summary(numbers), indent=1) + "\n"
    SUMMARY.write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()
