"""The records of what is declared for a primitive, and how they are read from the declaration."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from autodiff.declare.domains import Cases, Interval
from autodiff.engine.registry import Declared
from autodiff.errors import AutodiffError

__all__ = [
    "Bend",
    "Declaration",
    "DeclarationError",
    "Domain",
    "Rule",
    "is_elementwise",
    "rule_of",
    "sequence_of",
    "signature_of",
]

Domain = Interval | Cases | tuple[Interval, ...]


class DeclarationError(AutodiffError, TypeError):
    """A primitive is declared in a way that cannot work."""


@dataclass(frozen=True)
class Rule:
    """The derivative with respect to one argument, and what it needs."""

    function: Callable[..., Any]
    names: tuple[str, ...]
    text: str = ""  # of a rule that was given as text


class Bend:
    """Where the result of a primitive has a kink, though its square is smooth.

    Near such a place the square of the result is a quadratic form in the arguments' changes.

    Attributes:
        at: gives truth values in the shape of the result: where the kinks are.
        smooth: whether the square is smooth there; if not, a second derivative that depends on it
            raises an error.
        forms: for each differentiable argument, half the slope of the square there, times `q`;
            linear in the changes, ``dx`` for an argument called ``x``.
    """

    def __init__(
        self, at: Callable[..., Any], smooth: bool = True, **forms: Callable[..., Any]
    ) -> None:
        self.smooth = smooth
        self.at = Rule(at, at.__code__.co_varnames[: at.__code__.co_argcount])
        self.forms = {
            argument: Rule(form, form.__code__.co_varnames[: form.__code__.co_argcount])
            for argument, form in forms.items()
        }

    @property
    def needed(self) -> set[str]:
        """The arguments, and the result, whose values are asked for."""
        names = {name for rule in (self.at, *self.forms.values()) for name in rule.names}
        return names - {"q", *(f"d{argument}" for argument in self.forms)}


@dataclass(eq=False)
class Declaration(Declared):
    """All that is declared for a primitive.

    Attributes:
        name: the function's name, for messages and pictures.
        function: the public function that it answers for.
        forward: what computes the result from plain values: a function, or an expression in
            the arguments' names.
        signature: the parameters.
        rules: the derivative rule of each differentiable argument.
        detached: further arguments that may be tensors, but have no derivative.
        sequence: the argument that is a sequence of arrays, if there is one.
        multiple: whether there are several results.
        operators: the Tensor methods that it serves.
        elementwise, selects, singular, bend, view: see `primitive`.
        domain, points, kinks: where it is tested (see `primitive`).
        order: the highest order of derivative that exists and is tested.
    """

    name: str
    function: Any
    forward: Callable[..., Any] | str
    signature: inspect.Signature
    rules: dict[str, Rule]
    detached: tuple[str, ...]
    sequence: str | None
    multiple: bool
    operators: tuple[str, ...]
    elementwise: bool
    selects: bool | str
    singular: bool
    bend: Bend | None
    view: bool | Callable[..., Any]
    domain: Domain | None
    points: tuple[Any, ...]
    kinks: tuple[Any, ...]
    order: int

    def put_back(self, x: Any, value: Any, *args: Any) -> Any:
        """`x` with `value` in the place of the view of it that a call with `args` gives."""
        if callable(self.view):
            return self.view(x, value, *args)
        ((name, rule),) = self.rules.items()  # all elements are in the view: it moves them back
        others = list(self.signature.parameters)[1:]
        known = {"g": value, f"{name}_shape": x.shape, **dict(zip(others, args, strict=False))}
        return np.reshape(rule.function(*(known[needed] for needed in rule.names)), x.shape)


def is_elementwise(function: Any) -> bool:
    return (
        isinstance(function, np.ufunc)
        and function.nin == function.nout == 1
        and getattr(np, function.__name__, None) is function  # SciPy's turn float16 into float32
    )


def signature_of(function: Any, text: str | None, name: str) -> inspect.Signature:
    if text is None and isinstance(function, np.ufunc) and function.nin <= 2:
        text = "x" if function.nin == 1 else "a, b"
    if text is not None:
        return _parse(text)
    try:
        found = inspect.signature(function)
    except (TypeError, ValueError):
        raise DeclarationError(
            f"primitive {name}: Python cannot tell its arguments; pass signature='x, axis=None'"
        ) from None
    for parameter in found.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD or parameter.name in ("g", "y"):
            raise DeclarationError(
                f"primitive {name}: an argument called {parameter} does not work in a rule ('g' is "
                "the cotangent and 'y' the result); rename it, or pass signature="
            )
    return found


@lru_cache(maxsize=256)
def _parse(text: str) -> inspect.Signature:
    """The signature that ``"x, axis=None"`` describes."""
    return inspect.signature(eval(f"lambda {text}: None", {"np": np}))


def sequence_of(
    signature: inspect.Signature, rules: dict[str, Any], sequence: str | None
) -> str | None:
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL and parameter.name in rules:
            return parameter.name
    return sequence


def rule_of(name: str, signature: inspect.Signature, argument: str, rule: Any) -> Rule:
    function: Any
    text = rule if isinstance(rule, str) else ""
    if text:
        names = tuple(dict.fromkeys(re.findall(r"[^\W\d]\w*", text)))
        function = eval(f"lambda {', '.join(names)}: {text}")
    else:
        function = rule
        code = getattr(rule, "__code__", None)  # inspect.signature is slow, and there are hundreds
        names = (
            code.co_varnames[: code.co_argcount]
            if code
            else tuple(inspect.signature(function).parameters)
        )
    for needed in names:
        base = needed.removesuffix("_shape")
        if needed not in ("g", "y", "wanted") and not (
            needed in signature.parameters or base in signature.parameters
        ):
            raise DeclarationError(
                f"primitive {name}: the rule for {argument!r} asks for {needed!r}; it may ask for "
                f"g, y, and the arguments {signature} (or <argument>_shape)"
            )
    return Rule(function, names, text)
