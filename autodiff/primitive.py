"""Declaring derivatives: `primitive`, `composite`, `constant` and `unsupported`.

A primitive is declared in one call, with one rule for each argument that has a derivative.
The rule is a plain NumPy expression for the cotangent of that argument, and the names of its
parameters say what it needs:

====================  ==========================================================
``g``                 the cotangent of the result (a tuple if there are several results,
                      with None for those that nothing depends on)
``y``                 the result
an argument's name    that argument
``<argument>_shape``  only its shape
``wanted``            for a sequence: which of its items need a cotangent
====================  ==========================================================

A rule that is plain arithmetic may be given as text, ``a="g * b"``; it is then written into
the generated code as it stands, which saves a call.

What no rule names is not kept alive. A rule need not undo broadcasting, restore a dtype or
spread out reduced axes: the walk makes every cotangent fit. A rule must not write to what it
is given. It is called with arrays in an ordinary backward pass, and with Tensors when the
backward pass is recorded, so it may use anything that works on both.

For complex values, a cotangent ``g`` means that the final real quantity changes by
``Re(sum(g * dx))``; so the rule of a holomorphic function needs no conjugate. Users never see
this: `backward`, `grad` and `vjp` speak of directions of steepest ascent.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from autodiff.domains import Cases, Interval
from autodiff.errors import AutodiffError, UnsupportedError
from autodiff.operands import compared
from autodiff.recording import Compiled
from autodiff.registry import Declared, describe, dispatch, entries, lazy
from autodiff.tensor import TENSORS, Tensor

__all__ = [
    "Bend",
    "Composite",
    "Constant",
    "DeclarationError",
    "Primitive",
    "Rule",
    "Unsupported",
    "composite",
    "constant",
    "entries",
    "primitive",
    "unsupported",
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
class Primitive(Declared):
    """A function with derivative rules. Call it like the function itself.

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

    @lazy
    def compiled(self) -> Compiled:
        """The generated code; it is generated at first use."""
        compiled = Compiled(self)
        if dispatch.get(self.function) is self:
            dispatch[self.function] = compiled.record
            for operator, function in zip(self.operators, compiled.operators, strict=True):
                setattr(Tensor, operator, function)
        # From now on a call goes straight to the generated function: a class looks up its
        # __call__, so this primitive gets a class of its own. What dataclasses.replace makes of
        # it, a primitive with another rule perhaps, must not inherit that call.
        own = {
            "__call__": staticmethod(compiled.record),
            "__new__": lambda cls, *args, **kwargs: Primitive(*args, **kwargs),
        }
        object.__setattr__(self, "__class__", type("Primitive", (Primitive,), own))
        return compiled

    @property
    def source(self) -> str:
        """The text of the generated code."""
        return self.compiled.source

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.compiled.record(*args, **kwargs)

    def put_back(self, x: Any, value: Any, *args: Any) -> Any:
        """`x` with `value` in the place of the view of it that a call with `args` gives."""
        if callable(self.view):
            return self.view(x, value, *args)
        ((name, rule),) = self.rules.items()  # all elements are in the view: it moves them back
        others = list(self.signature.parameters)[1:]
        known = {"g": value, f"{name}_shape": x.shape, **dict(zip(others, args, strict=False))}
        return np.reshape(rule.function(*(known[needed] for needed in rule.names)), x.shape)

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return inspect.getdoc(self.function)

    @property
    def __name__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class Composite(Declared):
    """A function written in terms of others; its derivative follows from theirs."""

    name: str
    function: Any
    implementation: Callable[..., Any]
    domain: Domain | None = None
    points: tuple[Any, ...] = ()
    kinks: tuple[Any, ...] = ()
    order: int = 2

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.implementation(*args, **kwargs)

    @property
    def __name__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class Constant(Declared):
    """A function without a derivative: it is given plain arrays and returns plain arrays."""

    is_constant: ClassVar[bool] = True
    name: str
    function: Any

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        args = plain(args)
        if isinstance(self.function, np.ufunc):
            args = tuple(compared(value, self.name) for value in args)
            if any(value is NotImplemented for value in args):
                return NotImplemented
        return self.function(*args, **plain(kwargs))

    @property
    def __name__(self) -> str:
        return self.name


@dataclass(frozen=True, eq=False)
class Unsupported(Declared):
    """A function that does not work on tensors, and what to use in its place."""

    name: str
    function: Any
    instead: str
    domain: None = None  # it is sampled nowhere

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise UnsupportedError(
            f"{describe(self.function)} does not work on tensors: {self.instead}"
        )


def primitive(
    function: Any = None,
    /,
    *,
    domain: Domain | None = None,
    points: Iterable[Any] = (),
    kinks: Iterable[Any] = (),
    order: int = 2,
    forward: Callable[..., Any] | str | None = None,
    signature: str | None = None,
    sequence: str | None = None,
    multiple: bool = False,
    operators: tuple[str, ...] = (),
    elementwise: bool | None = None,
    selects: bool | str = False,
    singular: bool = False,
    bend: Bend | None = None,
    view: bool | Callable[..., Any] = False,
    name: str | None = None,
    **rules: Callable[..., Any] | str | None,
) -> Any:
    """Declare the derivatives of a function; as a decorator, or called with the function.

    Arguments:
        function: the function; it is left out in the decorator form.
        **rules: for each differentiable argument, by name, the function that computes its
            cotangent (see the head of this module). None says that the argument may be a tensor
            but has no derivative. The arguments of a ufunc are called ``x``, or ``a`` and ``b``.
        domain: where the function may be sampled: an interval such as ``ad.real``, one for each
            argument, or ``ad.domains.cases(...)`` for whole calls.
        points: special values, inside the domain, at which the tests shall look in any case.
        kinks: the same, where the first derivative is a convention and the second does not exist.
        order: the highest order of derivative that exists.
        forward: what computes the result, if it is not `function` itself.
        signature: the parameters as text, where Python cannot tell.
        sequence: the name of an argument that is a sequence of arrays; its rule returns one
            cotangent for each.
        multiple: whether the function returns several arrays.
        operators: Tensor methods that this function serves, first the plain then the reflected.
        elementwise: whether the result, and the cotangent that the rule gives, always have shape
            and dtype of the only argument with a rule; then nobody looks. It is the default for
            NumPy's ufuncs of one argument.
        selects: whether the result leaves elements of an argument out, as `where` and indexing do;
            or the name of a mask among the arguments, which does so unless it is True.
        singular: whether the slope can be infinite. Where an element was left out, its cotangent
            stays 0 then: ``np.where(x > 0, np.log(x), 0)`` has slope 0 at 0, not NaN.
        bend: where the result has a kink though its square may be smooth, see `Bend`; so that the
            second derivative of the square is right (see `autodiff/kinks.py`).
        view: whether the result may be a view of the first argument, as NumPy's is. A write to it
            is then a write to that argument. If not all elements of the argument are in the view,
            it is the function that makes a write one: ``view(x, value, *others)`` is `x` with
            `value` in the view's place. If there are several results, it is what takes one of
            them, ``view(x, i)``, a primitive or the like.
        name: by default the function's own.

    Raises:
        DeclarationError: a rule names something that does not exist.

    >>> import autodiff as ad
    >>> @ad.primitive(x=lambda g, y: g * y * (1 - y), domain=ad.real)
    ... def logistic(x):
    ...     return 1 / (1 + np.exp(-x))
    >>> x = ad.tensor(0.0, requires_grad=True)
    >>> logistic(x).backward()
    >>> float(x.grad)
    0.25
    """
    if function is None:
        return lambda decorated: primitive(
            decorated,
            domain=domain,
            points=points,
            kinks=kinks,
            order=order,
            forward=forward,
            signature=signature,
            sequence=sequence,
            multiple=multiple,
            operators=operators,
            elementwise=elementwise,
            selects=selects,
            singular=singular,
            bend=bend,
            view=view,
            name=name,
            **rules,
        )
    name = name or describe(function).rpartition(".")[2]
    parameters = _signature(function, signature, name)
    named = {argument: rule for argument, rule in rules.items() if rule is not None}
    made = Primitive(
        name=name,
        function=function,
        forward=function if forward is None else forward,
        signature=parameters,
        rules={
            argument: _rule(name, parameters, argument, rule) for argument, rule in named.items()
        },
        detached=tuple(argument for argument, rule in rules.items() if rule is None),
        sequence=_sequence(parameters, named, sequence),
        multiple=multiple,
        operators=operators,
        elementwise=_is_elementwise(function) if elementwise is None else elementwise,
        selects=selects,
        singular=singular,
        bend=bend,
        view=view,
        domain=domain,
        points=tuple(points),
        kinks=tuple(kinks),
        order=order,
    )
    for argument in rules:
        if argument not in parameters.parameters:
            raise DeclarationError(
                f"primitive {name}: there is a rule for {argument!r}, but the arguments are "
                f"{parameters}"
            )
    if not named:
        raise DeclarationError(
            f"primitive {name}: no rule is given; write {next(iter(parameters.parameters))}=..., "
            "or declare it with ad.constant if it has no derivative"
        )
    entries.append(made)
    dispatch[function] = made
    return made


def composite(
    *functions: Any,
    domain: Domain | None = None,
    points: Iterable[Any] = (),
    kinks: Iterable[Any] = (),
    order: int = 2,
) -> Callable[[Callable[..., Any]], Composite]:
    """Say how a function is composed of others that have rules; a decorator.

    The decorated function is called in place of each of `functions` (they are synonyms) when a
    Tensor is among the arguments. `domain` and the rest are those of `primitive`.
    """

    def declare(implementation: Callable[..., Any]) -> Composite:
        made = Composite(
            describe(functions[0]).rpartition(".")[2],
            functions[0],
            implementation,
            domain,
            tuple(points),
            tuple(kinks),
            order,
        )
        entries.append(made)
        for function in functions:
            dispatch[function] = implementation
        return made

    return declare


def constant(*functions: Any) -> None:
    """Say that functions have no derivative: tensors go in as arrays, arrays come out."""
    for function in functions:
        made = Constant(describe(function).rpartition(".")[2], function)
        entries.append(made)
        dispatch[function] = made


def unsupported(*functions: Any, instead: str) -> None:
    """Say that functions do not work on tensors, and what to use in their place."""
    for function in functions:
        made = Unsupported(describe(function).rpartition(".")[2], function, instead)
        entries.append(made)
        dispatch[function] = made


def plain(value: Any) -> Any:
    """`value` with every Tensor in it, also inside containers, replaced by its array."""
    if value.__class__ in TENSORS:
        return value._value
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(plain(item) for item in value)  # type: ignore[attr-defined]
    if isinstance(value, list | tuple):
        return type(value)(plain(item) for item in value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def _is_elementwise(function: Any) -> bool:
    return (
        isinstance(function, np.ufunc)
        and function.nin == function.nout == 1
        and getattr(np, function.__name__, None) is function  # SciPy's turn float16 into float32
    )


def _signature(function: Any, text: str | None, name: str) -> inspect.Signature:
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


def _sequence(
    signature: inspect.Signature, rules: dict[str, Any], sequence: str | None
) -> str | None:
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL and parameter.name in rules:
            return parameter.name
    return sequence


def _rule(name: str, signature: inspect.Signature, argument: str, rule: Any) -> Rule:
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


def module_functions(module: ModuleType) -> list[Any]:
    """The entries whose function is public in `module`."""
    public = {id(value) for key, value in vars(module).items() if not key.startswith("_")}
    return [entry for entry in entries if id(entry.function) in public]
