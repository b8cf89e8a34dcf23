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
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, ClassVar

import numpy as np

from autodiff.declare.codegen import Compiled
from autodiff.declare.declaration import (
    Bend,
    Declaration,
    DeclarationError,
    Domain,
    is_elementwise,
    rule_of,
    sequence_of,
    signature_of,
)
from autodiff.engine.registry import Declared, describe, dispatch, enter, entries, lazy
from autodiff.errors import UnsupportedError
from autodiff.tensors.operands import compared
from autodiff.tensors.tensor import TENSORS, Tensor

__all__ = [
    "Composite",
    "Constant",
    "Primitive",
    "Unsupported",
    "composite",
    "constant",
    "entries",
    "primitive",
    "unsupported",
]


class Primitive(Declaration):
    """A function with derivative rules. Call it like the function itself."""

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
            second derivative of the square is right (see `autodiff/declare/kinks.py`).
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
    parameters = signature_of(function, signature, name)
    named = {argument: rule for argument, rule in rules.items() if rule is not None}
    made = Primitive(
        name=name,
        function=function,
        forward=function if forward is None else forward,
        signature=parameters,
        rules={
            argument: rule_of(name, parameters, argument, rule) for argument, rule in named.items()
        },
        detached=tuple(argument for argument, rule in rules.items() if rule is None),
        sequence=sequence_of(parameters, named, sequence),
        multiple=multiple,
        operators=operators,
        elementwise=is_elementwise(function) if elementwise is None else elementwise,
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
    enter(made, (function,), made)
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
        enter(made, functions, implementation)
        return made

    return declare


def constant(*functions: Any, kind: type[Constant] = Constant) -> None:
    """Say that functions have no derivative: tensors go in as arrays, arrays come out."""
    for function in functions:
        made = kind(describe(function).rpartition(".")[2], function)
        enter(made, (function,), made)


def unsupported(*functions: Any, instead: str) -> None:
    """Say that functions do not work on tensors, and what to use in their place."""
    for function in functions:
        made = Unsupported(describe(function).rpartition(".")[2], function, instead)
        enter(made, (function,), made)


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


def module_functions(module: ModuleType) -> list[Any]:
    """The entries whose function is public in `module`."""
    public = {id(value) for key, value in vars(module).items() if not key.startswith("_")}
    return [entry for entry in entries if id(entry.function) in public]
