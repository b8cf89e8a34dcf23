"""What is computed with where a value is of another class: the one place that decides.

A Tensor, an ndarray and a number need no decision. Of everything else a value is either

* taken as an ndarray or as a number, where nothing but a label gets lost: lists, buffers,
  subclasses of ndarray with ndarray's own arithmetic, pandas, JAX arrays, `Fraction`, `Decimal`,
* handed over (`NotImplemented`), where its class has arithmetic of its own and asks for it by
  NumPy's protocols, as those of xarray and pint do: it may hold the Tensor inside, in the graph,
* or refused with a sentence, where a Tensor cannot keep what it means: a mask, another product, the
  places of zeros, another library's graph, objects, texts and dates.
"""

from __future__ import annotations

from decimal import Decimal
from numbers import Complex, Real
from typing import Any

import numpy as np

from autodiff.engine.registry import dispatch
from autodiff.errors import AutodiffError, DtypeError, ShapeError, UnsupportedError

__all__ = [
    "KNOWN", "NUMBERS", "check_meaning", "check_numbers", "check_target", "compared", "converted",
    "holds_tensor", "operand",
]  # fmt: skip

# Classes that need no decision. None and NumPy's "no value" stand for arguments left out.
NUMBERS: frozenset[type] = frozenset(
    [
        *(bool, int, float, complex, np.ndarray),
        *(np.dtype(code).type for code in np.typecodes["AllInteger"] + np.typecodes["AllFloat"]),
        np.bool_,
    ]
)
KNOWN: frozenset[type] = NUMBERS | {type(None), type(np._NoValue)}  # type: ignore[attr-defined]

_OPERATORS = [
    f"__{prefix}{name}__"
    for name in ("add", "sub", "mul", "truediv", "matmul", "pow")
    for prefix in ("", "r")
]
_ARITHMETIC = ["__array_ufunc__", "__array_function__", *_OPERATORS]


def operand(value: Any, function: str, reflected: str | None = "") -> Any:
    """A value of another class as an ndarray or a number that `function` can compute with.

    Arguments:
        reflected: the method that Python asks next if this one hands over; "" if NumPy would ask
            for `__array_ufunc__`, None if nobody would.

    Returns:
        Of a list with tensors in it one Tensor; NotImplemented if the value's own class
        shall compute.

    Raises:
        UnsupportedError, DtypeError: it would lose its meaning, or is no number at all.
    """
    kind = value.__class__
    if kind in NUMBERS:
        return value
    if value is None:
        raise DtypeError(f"{function}: None was passed where numbers are wanted")
    if isinstance(value, np.ndarray):
        check_meaning(value, function)
        changed = _own_arithmetic(kind)
        if changed:
            raise _refused(value, function, f"has a {changed} of its own")
    elif _is_handed_over(kind, reflected):
        _check_mixing(value, function)
        return NotImplemented
    elif holds_tensor(value):
        return value if hasattr(kind, "_rebind") else dispatch[np.stack](value)
    return _taken(value, function)


def compared(value: Any, function: str) -> Any:
    """The same for a function whose result is no Tensor; what is no array is left to NumPy."""
    kind = value.__class__
    if kind in KNOWN or isinstance(value, np.generic):
        return value
    if getattr(kind, "__array_ufunc__", value) is None:  # its class compares, as pytest.approx
        return NotImplemented
    if not any(hasattr(kind, name) for name in ("__array__", "__array_ufunc__", "tocoo")):
        return value
    return operand(value, function)


def converted(value: Any, function: str = "tensor", dtype: Any = None) -> Any:
    """The same where the user asks for a conversion: an array for whatever has one.

    Raises:
        UnsupportedError, DtypeError: it would lose its meaning, or is no number at all.
    """
    if value is None:
        raise DtypeError(f"{function}: a Tensor holds numbers, not None; write np.nan or 0.0")
    return value if value.__class__ in KNOWN else _taken(value, function, dtype)


def check_numbers(dtype: np.dtype, function: str) -> None:
    """Raise `DtypeError` unless elements of this dtype are numbers or truth values."""
    if dtype.kind not in "biufc":
        raise DtypeError(f"{function}: a Tensor holds numbers, not {dtype}; {_as_numbers(dtype)}")


def check_target(target: Any, function: str) -> None:
    """Raise `UnsupportedError` unless `target`, no Tensor, can be written to for ``out=``."""
    if not isinstance(target, np.ndarray) or _own_arithmetic(target.__class__):
        raise UnsupportedError(
            f"{function}: out= is a {_name(target)}, into which the value of a Tensor does not go; "
            "write into an ndarray, np.empty(t.shape, t.dtype)"
        )


# ---------------------------------------------------------------- taking


def _taken(value: Any, function: str, dtype: Any = None) -> Any:
    if value.__class__ is list or value.__class__ is tuple:
        return _array(_items(value, function), function, dtype)
    if isinstance(value, np.ndarray):
        check_meaning(value, function)
        return value.view(np.ndarray)
    if isinstance(value, Real | Decimal) and not hasattr(value, "__array__"):
        return float(value)
    if isinstance(value, Complex) and not hasattr(value, "__array__"):
        return complex(value)
    check_meaning(value, function)
    return _array(value, function, dtype)


def holds_tensor(value: Any) -> bool:
    """Whether it is a Tensor, or one is in nested lists."""
    if value.__class__ is list or value.__class__ is tuple:
        return any(map(holds_tensor, value))
    return hasattr(value.__class__, "_rebind")


def _items(values: Any, function: str) -> Any:
    """Nested lists, with what is in them taken; Tensors are left to what makes an array of them."""
    if KNOWN.issuperset(map(type, values)):
        return values
    return [
        _items(item, function)
        if item.__class__ is list or item.__class__ is tuple
        else item
        if hasattr(item.__class__, "_node")
        else converted(item, function)
        for item in values
    ]


def _array(value: Any, function: str, dtype: Any = None) -> Any:
    try:
        array = np.asarray(value, dtype)
    except (AutodiffError, MemoryError):
        raise
    except Exception as error:
        if value.__class__ is list or value.__class__ is tuple:
            if "inhomogeneous" not in str(error):
                raise
            raise ShapeError(f"{function}: nested lists of unequal lengths: {error}") from error
        raise _refused(value, function, f"does not become an array ({error})") from error
    if array.dtype.kind not in "biufc":
        if value.__class__ in (list, tuple, np.ndarray):
            check_numbers(array.dtype, function)
        raise DtypeError(
            f"{function}: a Tensor holds numbers, and a {_name(value)} gives an array of "
            f"{array.dtype}; {_as_numbers(array.dtype)}"
        )
    return array


def _as_numbers(dtype: np.dtype) -> str:
    if dtype.kind in "mM":
        return "write a.astype(float) for their count of units"
    if dtype.kind == "V":
        return "take one field, a['name']"
    if dtype.kind in "SU":
        return "write a.astype(float) if the texts are numbers"
    return "make an array of numbers first: a.astype(float), np.array(list(items), float)"


# ---------------------------------------------------------------- handing over


def _is_handed_over(kind: Any, reflected: str | None) -> bool:
    if reflected is None or kind.__module__ in ("builtins", "array", "collections"):
        return False
    if hasattr(kind, "__pandas_priority__") or hasattr(kind, "backward") or _is_jax(kind):
        return False  # they let our operators answer, or refuse to be mixed
    if hasattr(kind, "__array_ufunc__"):
        return bool(reflected) or kind.__array_ufunc__ is not None
    if not reflected or not hasattr(kind, reflected):
        return False
    is_number = issubclass(kind, Complex | Decimal)
    priority = getattr(kind, "__array_priority__", None)
    if priority is not None:
        return priority > 0
    return not is_number and not hasattr(kind, "__array__")


def _is_jax(kind: Any) -> bool:
    return any(base.__module__.partition(".")[0] in ("jax", "jaxlib") for base in kind.__mro__)


# ---------------------------------------------------------------- refusing


def _own_arithmetic(kind: Any) -> str:
    """The method by which a subclass of ndarray computes differently, or nothing."""
    for name in _ARITHMETIC:
        if getattr(kind, name) is not getattr(np.ndarray, name):
            return name
    return ""


def check_meaning(value: Any, function: str) -> None:
    """Raise `UnsupportedError` if an array of the elements, also in lists, means less."""
    kind = value.__class__
    if kind is list or kind is tuple:
        if not KNOWN.issuperset(map(type, value)):
            for item in value:
                check_meaning(item, function)
        return
    if hasattr(kind, "_rebind"):
        return  # a Tensor
    if isinstance(value, np.ndarray) and hasattr(kind, "mask") and hasattr(kind, "filled"):
        raise _refused(value, function, "has a mask, which a Tensor cannot keep")
    _check_mixing(value, function)
    if hasattr(kind, "magnitude") or hasattr(kind, "unit") or hasattr(kind, "units"):
        raise _refused(value, function, "has a unit, which a Tensor cannot keep")


def _check_mixing(value: Any, function: str) -> None:
    """Raise `UnsupportedError` if the class of `value` cannot hold a Tensor either."""
    kind = value.__class__
    if hasattr(kind, "tocoo") or (hasattr(kind, "nnz") and hasattr(kind, "todense")):
        raise _refused(value, function, "is sparse, for which there are no operations yet")
    if hasattr(kind, "backward") and getattr(value, "requires_grad", True) is not False:
        raise _refused(value, function, "belongs to another library's graph")
    if hasattr(value, "_trace") and hasattr(value, "_node"):
        raise _refused(value, function, "belongs to another library's graph")


def _refused(value: Any, function: str, reason: str) -> UnsupportedError:
    return UnsupportedError(
        f"{function}: a {_name(value)} does not go together with a Tensor: it {reason}; "
        f"{_instead(value)}"
    )


def _instead(value: Any) -> str:
    kind = value.__class__
    if isinstance(value, np.ndarray) and hasattr(kind, "filled"):
        return (
            "write m.filled(0) for its numbers, with np.where(np.ma.getmaskarray(m), 0, ...) "
            "where masked elements shall not count"
        )
    if isinstance(value, np.ndarray) and hasattr(kind, "getA"):
        return "write np.asarray(m), with @ for the matrix product and * for that of elements"
    if hasattr(kind, "toarray"):
        return "write m.toarray()"
    if hasattr(kind, "todense"):
        return "write m.todense()"
    if hasattr(kind, "magnitude"):
        return "write q.magnitude for its numbers"
    if hasattr(kind, "backward"):
        return "write t.detach().numpy() or t.data for its numbers, without the graph"
    return "write np.asarray(a), or make an ndarray of numbers of it"


def _name(value: Any) -> str:
    kind = value.__class__
    root = kind.__module__.partition(".")[0]
    return kind.__qualname__ if root == "builtins" else f"{root}.{kind.__qualname__}"
