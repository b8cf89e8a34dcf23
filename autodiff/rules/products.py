"""Products of matrices and tensors."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np

from autodiff.declare.domains import Call, Draw, cases
from autodiff.declare.primitive import composite, primitive
from autodiff.engine.shapes import normalize_axes
from autodiff.rules.shared.viewing import Selection, as_view
from autodiff.tensors.tensor import Tensor

# ---------------------------------------------------------------- matmul


def product(a: Any, b: Any) -> Any:
    """``a @ b``, on arrays by way of `dot`, which is how BLAS is reached fastest.

    It takes half the time of `matmul` for small matrices, and an eighth for an outer product. A
    stack of matrices times one matrix is one product of all their rows.
    """
    if a.__class__ is b.__class__ is np.ndarray and 1 <= b.ndim <= 2 and a.ndim >= 1:
        if a.ndim <= 2:
            return a.dot(b)
        if b.ndim == 2 and a.shape[-1] == len(b):
            return _rows(a).dot(b).reshape(*a.shape[:-1], b.shape[1])
    return np.matmul(a, b)


def _rows(x: Any) -> Any:
    """A stack of matrices as one, with all their rows."""
    return x.reshape(math.prod(x.shape[:-1]), x.shape[-1])


def _flip(x: Any) -> Any:
    """The last two axes exchanged."""
    return x.T if x.ndim == 2 else np.swapaxes(x, -1, -2)


def matmul_a(g: Any, a_shape: tuple[int, ...], b: Any) -> Any:
    if b.ndim == 1:
        return g[..., None] * b if len(a_shape) > 1 else g * b
    if len(a_shape) == 1:
        return product(b, g) if b.ndim == 2 else np.matmul(b, g[..., None])[..., 0]
    return product(g, _flip(b))


def matmul_b(g: Any, a: Any, b_shape: tuple[int, ...]) -> Any:
    if a.ndim == 1:
        return g * a if len(b_shape) == 1 else a[:, None] * g[..., None, :]
    if len(b_shape) == 1:
        return product(a.T, g) if a.ndim == 2 else np.matmul(_flip(a), g[..., None])[..., 0]
    if len(b_shape) == 2 and a.ndim > 2:
        return product(_rows(a).T, _rows(g))
    return product(_flip(a), g)


def _matrices(d: Draw) -> Call:
    n, k, m = (d.integer(1, 3) for _ in range(3))
    kind = d.choice(("plain", "vector right", "vector left", "vectors", "batched"))
    if kind == "vectors":
        return (d.array((k,)), d.array((k,))), {}
    if kind == "plain":
        return (d.array((n, k)), d.array((k, m))), {}
    first, second = d.broadcastable(2)
    if kind == "vector right":
        return (d.array((*first, n, k)), d.array((k,))), {}
    if kind == "vector left":
        return (d.array((k,)), d.array((*second, k, m))), {}
    return (d.array((*first, n, k)), d.array((*second, k, m))), {}


matmul = primitive(
    np.matmul,
    forward=product,
    a=matmul_a,
    b=matmul_b,
    domain=cases(_matrices),
    operators=("__matmul__", "__rmatmul__"),
)


def _dotted(d: Draw) -> Call:
    kind = d.choice(("matrices", "scalar", "deep"))
    if kind == "scalar":
        return (d.array(()), d.array()), {}
    if kind == "deep":
        return (d.array((2, 3)), d.array((2, 3, 2))), {}
    return (d.array((2, 3)), d.array((3, 4))), {}


@composite(np.dot, domain=cases(_dotted))
def dot(a: Any, b: Any, out: Any = None) -> Any:
    """The sum over the last axis of `a` and the last but one of `b`."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    if np.ndim(b) <= 2:
        return np.matmul(a, b)
    return np.tensordot(a, b, axes=(-1, -2))


def _inner_case(d: Draw) -> Call:
    return (d.array((2, 3)), d.array(d.choice(((3,), (4, 3))))), {}


@composite(np.inner, domain=cases(_inner_case))
def inner(a: Any, b: Any) -> Any:
    """The sum over the last axes of both."""
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return np.tensordot(a, b, axes=(-1, -1))


@composite(np.outer, domain=cases(lambda d: ((d.array(), d.array()), {})))
def outer(a: Any, b: Any, out: Any = None) -> Any:
    """The products of all elements of two flattened arrays."""
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


@composite(np.vdot, domain=cases(lambda d: ((d.array((2, 3)), d.array((2, 3))), {})))
def vdot(a: Any, b: Any) -> Any:
    """The dot product of two flattened arrays, the first conjugated."""
    return np.matmul(np.ravel(np.conjugate(a)), np.ravel(b))


def _axis_pairs(axes: Any, a_ndim: int, b_ndim: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if np.ndim(axes) == 0 and not isinstance(axes, list | tuple):
        return tuple(range(a_ndim - axes, a_ndim)), tuple(range(axes))
    a_axes, b_axes = axes
    return normalize_axes(a_axes, a_ndim), normalize_axes(b_axes, b_ndim)


def _tensordot_case(d: Draw) -> Call:
    axes = d.choice((1, 0, ([1, 2], [1, 0]), (-1, 0)))
    return (d.array((2, 3, 4)), d.array((4, 3, 2))), {"axes": axes}


@composite(np.tensordot, domain=cases(_tensordot_case))
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum over pairs of axes, as one matrix product."""
    a_axes, b_axes = _axis_pairs(axes, np.ndim(a), np.ndim(b))
    a_free = [axis for axis in range(np.ndim(a)) if axis not in a_axes]
    b_free = [axis for axis in range(np.ndim(b)) if axis not in b_axes]
    a_shape, b_shape = np.shape(a), np.shape(b)
    if [a_shape[i] for i in a_axes] != [b_shape[i] for i in b_axes]:
        raise ValueError(
            f"tensordot: axes {a_axes} of shape {a_shape} do not match axes {b_axes} of {b_shape}"
        )
    summed = math.prod(a_shape[axis] for axis in a_axes)
    rows = math.prod(a_shape[axis] for axis in a_free)
    columns = math.prod(b_shape[axis] for axis in b_free)
    left = np.reshape(np.transpose(a, (*a_free, *a_axes)), (rows, summed))
    right = np.reshape(np.transpose(b, (*b_axes, *b_free)), (summed, columns))
    shape = [a_shape[axis] for axis in a_free] + [b_shape[axis] for axis in b_free]
    return np.reshape(np.matmul(left, right), shape)


@composite(np.kron, domain=cases(lambda d: ((d.array((2, 3)), d.array((3, 2))), {})))
def kron(a: Any, b: Any) -> Any:
    """The Kronecker product."""
    ndim = max(np.ndim(a), np.ndim(b))
    a_shape = (1,) * (ndim - np.ndim(a)) + np.shape(a)
    b_shape = (1,) * (ndim - np.ndim(b)) + np.shape(b)
    left = np.reshape(a, [n for side in a_shape for n in (side, 1)])
    right = np.reshape(b, [n for side in b_shape for n in (1, side)])
    return np.reshape(left * right, [m * n for m, n in zip(a_shape, b_shape, strict=True)])


@composite(np.cross, domain=cases(lambda d: ((d.array((2, 3)), d.array((3,))), {})))
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """The cross product of vectors with three components (or two, deprecated by NumPy)."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if np.shape(a)[-1] != 3 or np.shape(b)[-1] != 3:
        raise ValueError(
            f"cross: vectors must have 3 components, not {np.shape(a)[-1]} and {np.shape(b)[-1]}; "
            "write a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0] for vectors in the plane"
        )
    after, before = [1, 2, 0], [2, 0, 1]
    result = a[..., after] * b[..., before] - a[..., before] * b[..., after]
    return np.moveaxis(result, -1, axisc)


# ---------------------------------------------------------------- einsum


def _spare_labels() -> Iterator[str]:
    """Labels that no subscript string contains."""
    return map(chr, count(0x4E00))


def _explicit(subscripts: str, shapes: list[tuple[int, ...]]) -> tuple[list[str], str]:
    """The labels of each operand and of the result, with no ellipsis left."""
    subscripts = subscripts.replace(" ", "")
    left, arrow, result = subscripts.partition("->")
    operands = left.split(",")
    if len(operands) != len(shapes):
        raise ValueError(
            f"einsum: {subscripts!r} has {len(operands)} operands but {len(shapes)} arrays came"
        )
    letters = sorted({c for c in left if c.isalpha()})
    if not arrow:
        once = [c for c in letters if left.count(c) == 1]
        result = ("..." if "..." in left else "") + "".join(once)
    spare = _spare_labels()
    widths = [len(s) - len(o.replace("...", "")) for o, s in zip(operands, shapes, strict=True)]
    widths = [w if "..." in o else 0 for o, w in zip(operands, widths, strict=True)]
    extra = "".join(next(spare) for _ in range(max(widths, default=0)))
    full = [
        o.replace("...", extra[len(extra) - w :]) for o, w in zip(operands, widths, strict=True)
    ]
    return full, result.replace("...", extra)


_MANY = 100_000  # products; from here on it pays to look for a way through BLAS


def _through_blas(labels: list[str], shapes: list[tuple[int, ...]]) -> bool:
    """Whether `einsum` shall look for products of matrices, which takes it some 10 µs."""
    if len(shapes) < 2 or math.prod(map(math.prod, shapes)) < _MANY:
        return False
    sizes: dict[str, int] = {}
    for names, shape in zip(labels, shapes, strict=True):
        for name, size in zip(names, shape, strict=False):  # einsum itself complains
            sizes[name] = max(size, sizes.get(name, 0))
    return math.prod(sizes.values()) >= _MANY


def _contract(subscripts: str, *operands: Any, optimize: Any) -> Any:
    if optimize is False:
        shapes = [np.shape(operand) for operand in operands]
        if math.prod(map(math.prod, shapes)) >= _MANY:
            optimize = _through_blas(_explicit(subscripts, shapes)[0], shapes)
    return np.einsum(subscripts, *operands, optimize=optimize)


def _ascii(labels: list[str], result: str) -> str:
    """The subscripts in letters that NumPy takes."""
    names = sorted({c for part in (*labels, result) for c in part})
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    table = dict(zip(names, letters, strict=False))
    parts = ["".join(table[c] for c in part) for part in (*labels, result)]
    return ",".join(parts[:-1]) + "->" + parts[-1]


def _einsum_rule(g: Any, subscripts: str, operands: list[Any], wanted: list[bool]) -> list[Any]:
    shapes = [np.shape(operand) for operand in operands]
    labels, result = _explicit(subscripts, shapes)
    return [
        _einsum_operand(g, result, labels, operands, index) if want else None
        for index, want in enumerate(wanted)
    ]


def _einsum_operand(g: Any, result: str, labels: list[str], operands: list[Any], index: int) -> Any:
    """The cotangent of one operand: the others contracted with `g`."""
    own, shape = labels[index], np.shape(operands[index])
    inputs = [g, *(o for i, o in enumerate(operands) if i != index)]
    names = [result, *(n for i, n in enumerate(labels) if i != index)]
    known = set().union(*names)
    target = ""
    spare = _spare_labels()
    for axis, label in enumerate(own):
        if label in target:  # a diagonal: the cotangent is zero off it
            fresh = next(spare)
            inputs.append(np.eye(shape[axis], dtype=g.dtype))
            names.append(label + fresh)
            known.add(label)
            target += fresh
        else:
            target += label
    made = "".join(label for label in target if label in known or label not in own)
    made = "".join(label for label in made if any(label in name for name in names))
    optimize = len(inputs) > 2 or _through_blas(names, [np.shape(value) for value in inputs])
    value = np.einsum(_ascii(names, made), *inputs, optimize=optimize)
    missing = tuple(axis for axis, label in enumerate(target) if label not in made)
    return np.expand_dims(value, missing) if missing else value


def _contraction(d: Draw) -> Call:
    n, m, k = d.integer(1, 3), d.integer(2, 3), d.integer(1, 2)
    kinds = {
        "ij,jk->ik": [(n, m), (m, k)],
        "ij,jk": [(n, m), (m, k)],
        "ij->ji": [(n, m)],
        "ii->i": [(m, m)],
        "ii": [(m, m)],
        "ij->": [(n, m)],
        "i,j->ij": [(n,), (m,)],
        "ij,ij->i": [(n, m), (n, m)],
        "...ij,...jk->...ik": [(2, n, m), (m, k)],
        "ij,kj,j->ik": [(n, m), (k, m), (m,)],
        "iij,j->i": [(m, m, k), (k,)],
        "i...->...": [(n, m)],
        "ij,ij->ij": [(n, m), (1, m)],
    }
    subscripts = d.choice(tuple(kinds))
    return (subscripts, *(d.array(shape) for shape in kinds[subscripts])), {}


_einsum = primitive(
    np.einsum,
    forward=_contract,
    signature="subscripts, *operands, optimize=False",
    operands=_einsum_rule,
    selects=True,
    domain=cases(_contraction),
)


@composite(np.einsum, domain=cases(_contraction))
def einsum(*operands: Any, out: Any = None, optimize: Any = False, **options: Any) -> Any:
    """The sum of products over the axes that `subscripts` labels."""
    if not isinstance(operands[0], str):
        operands = _from_lists(operands)
    result = _einsum(*operands, optimize=optimize)
    subscripts, x, *others = operands
    if others or not isinstance(x, Tensor):
        return result
    (labels,), kept = _explicit(subscripts, [x.shape])
    if set(labels) != set(kept):
        return result  # something was summed
    return as_view(result, x, _relabelled, subscripts)


_relabelled = Selection("einsum", lambda x, subscripts: np.einsum(subscripts, x))


def _from_lists(operands: tuple[Any, ...]) -> tuple[Any, ...]:
    """The form ``einsum(a, [0, 1], b, [1, 2], [0, 2])`` as subscripts."""
    pairs = len(operands) // 2
    arrays = operands[0 : 2 * pairs : 2]

    def text(labels: Any) -> str:
        return "".join("..." if c is Ellipsis else chr(ord("a") + int(c)) for c in labels)

    left = ",".join(text(operands[2 * i + 1]) for i in range(pairs))
    result = "->" + text(operands[-1]) if len(operands) % 2 else ""
    return (left + result, *arrays)


@composite(np.einsum_path)
def einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: bool = False) -> Any:
    """The order of contraction: it depends on shapes alone."""
    stand_ins = [o if isinstance(o, str) else np.broadcast_to(0.0, np.shape(o)) for o in operands]
    path: Any = np.einsum_path
    return path(*stand_ins, optimize=optimize)


def _vectors(d: Draw) -> Call:
    first, second = d.broadcastable(2)
    return (d.array((*first, 3)), d.array((*second, 3))), {"keepdims": d.flag()}


if hasattr(np, "vecdot"):  # NumPy 2.1 (and 2.0 for vecdot)

    @composite(np.vecdot, domain=cases(_vectors))
    def vecdot(x1: Any, x2: Any, axis: int = -1, keepdims: bool = False) -> Any:
        """The dot products along an axis, the first argument conjugated."""
        axis = operator.index(axis)
        if axis != -1:
            x1, x2 = np.moveaxis(x1, axis, -1), np.moveaxis(x2, axis, -1)
        result = np.sum(np.conjugate(x1) * x2, axis=-1)
        return np.expand_dims(result, axis) if keepdims else result


if hasattr(np, "matvec"):  # NumPy 2.2

    @composite(np.matvec, domain=cases(lambda d: ((d.array((2, 2, 3)), d.array((3,))), {})))
    def matvec(x1: Any, x2: Any) -> Any:
        """Matrices times vectors."""
        return np.matmul(x1, x2[..., None])[..., 0]

    @composite(np.vecmat, domain=cases(lambda d: ((d.array((2, 2)), d.array((2, 2, 3))), {})))
    def vecmat(x1: Any, x2: Any) -> Any:
        """Conjugated vectors times matrices."""
        return np.matmul(np.conjugate(x1)[..., None, :], x2)[..., 0, :]
