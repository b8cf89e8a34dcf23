"""Turning the declaration of a primitive into straight-line Python.

Recording one operation costs little more than the operation itself if the code that does it
knows how many arguments there are, which of them have rules, and what the rules need. So that
code is written for each primitive, at its first use, from a template; no generic
``apply(op, *args)`` runs. To see it:

>>> import autodiff as ad
>>> import numpy as np
>>> _ = np.exp(ad.tensor(1.0, requires_grad=True))
>>> print(ad.rules.elementwise.exp.source)  # doctest: +ELLIPSIS
def exp(x):
    if _special:
        return _observe(_primitive, (x,), {})
...

The function that comes out, named like the primitive, computes the result and records a node;
if there are operators, each of them is another such function. `pull` and `pull_recorded` are
methods of that node: they apply the rules to arrays, and to Tensors. The node's class has exactly
the slots that the rules need:

* ``x_node`` for every argument ``x`` with a rule: where it came from (None: no gradient wanted),
* ``x_kept`` for every argument that a rule names, and ``y_kept`` for the result,
* ``x_shape`` for a shape.

Names of the generator's own begin with an underscore, so that arguments can have any other.
"""

from __future__ import annotations

import inspect
import linecache
import re
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from autodiff.declare import codegen_support
from autodiff.declare.declaration import Declaration
from autodiff.declare.kinks import change, steepening
from autodiff.engine import changes
from autodiff.engine.changes import SMALL
from autodiff.engine.dtypes import FLOAT32, FLOAT64
from autodiff.engine.graph import FREED, Node, link, orders
from autodiff.engine.modes import special
from autodiff.engine.registry import lazy
from autodiff.tensors import operands
from autodiff.tensors.tensor import TENSORS, Result, View, as_value, make
from autodiff.tensors.views import recent
from autodiff.tensors.writing import store

__all__ = ["Compiled"]


class Compiled:
    """The generated code of one primitive.

    Attributes:
        source: the text of the recording function and of its node's class.
        record: computes the result and records a node.
        operators: the same as methods of Tensor, plain and with the arguments exchanged; as many
            as the primitive serves. They need not ask whether ``self`` is a Tensor.
    """

    def __init__(self, primitive: Declaration) -> None:
        self._template = template = _Template(primitive)
        self._namespace: dict[str, Any] = {
            **_HELPERS,
            "_forward": primitive.forward,
            "_primitive": primitive,
            **{f"rule_{argument}": rule.function for argument, rule in primitive.rules.items()},
        }
        if primitive.bend:
            self._namespace["bend_at"] = primitive.bend.at.function
            for argument, rule in primitive.bend.forms.items():
                self._namespace[f"bend_{argument}"] = rule.function
        node_class = template.node_class()
        record = template.record()
        self.source = f"{record}\n\n{node_class}"
        self._namespace |= template.defaults
        self._run(node_class, "node")
        self.record = self._run(record, "record")
        self.operators = [
            self._run(template.record(receiver=receiver), method)
            for method, receiver in zip(primitive.operators, template.arguments, strict=False)
        ]

    @lazy
    def ordinary(self) -> Callable[..., Any]:
        """`record` without the look at the special modes."""
        return self._run(self._template.record(checked=False), "ordinary")

    def _run(self, text: str, part: str) -> Any:
        name = self._template.identifier
        filename = f"<autodiff {name} {id(self._namespace):x} {part}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        exec(compile(text, filename, "exec"), self._namespace)
        made = self._namespace[f"{name}_node" if part == "node" else name]
        weakref.finalize(made, linecache.cache.pop, filename, None).atexit = False
        return made


class _Template:
    """The source text for one primitive."""

    def __init__(self, primitive: Declaration) -> None:
        self.primitive = primitive
        self.identifier = "".join(c if c.isalnum() else "_" for c in primitive.name)
        self.parameters = list(primitive.signature.parameters.values())
        self.arguments = [p.name for p in self.parameters if p.name in primitive.rules]
        # What nothing is declared for: a tensor there would come back to us from NumPy, endlessly.
        self.without_rule = [
            p
            for p in self.parameters
            if p.name not in (*primitive.rules, *primitive.detached, "out")
            and p.kind is not p.VAR_POSITIONAL
        ]
        self.defaults: dict[str, Any] = {}
        needed = {name for rule in primitive.rules.values() for name in rule.names}
        if isinstance(primitive.selects, str):
            needed.add(primitive.selects)
        if primitive.bend:
            needed |= primitive.bend.needed
        self.kept = [p.name for p in self.parameters if p.name in needed]
        self.shapes = [
            f"{p.name}_shape"
            for p in self.parameters
            if f"{p.name}_shape" in needed and not self._shape_is_known(p.name)
        ]
        self.keeps_result = "y" in needed
        # Whose value has to be made safe from changes: what a rule needs of another argument.
        self.exposed = [name for name in self.kept if self._needed_by(name)]

    def _shape_is_known(self, argument: str) -> bool:
        # The parent's node has the shape of an argument with a rule; no need to keep it twice
        # if only that argument's own rule asks for it.
        users = [a for a, r in self.primitive.rules.items() if f"{argument}_shape" in r.names]
        return users == [argument] and argument != self.primitive.sequence

    def _needed_by(self, name: str) -> list[str]:
        """The arguments whose cotangents need the value of `name` if it has none itself."""
        p = self.primitive
        return [
            a
            for a in self.arguments
            if (a != name or a == p.sequence) and (name in p.rules[a].names or name == p.selects)
        ]

    # ------------------------------------------------------------ the recording function

    def record(self, *, checked: bool = True, receiver: str | None = None) -> str:
        """The recording function; as a method of Tensor, if `receiver` is given.

        Arguments:
            checked: whether it looks at the special modes.
            receiver: the argument that is the method's ``self``; it comes first.
        """
        p = self.primitive
        lines = [f"def {self.identifier}({self._header(receiver)}):"]
        add = lines.append
        if checked:
            add("    if _special:")
            add(f"        return _observe(_primitive, {self._call_arguments()})")
        if "out" in p.signature.parameters:
            without = self._call(self.identifier, {"out": "None"})
            add("    if out is not None:")
            add(f"        return _store(out, {without}, _primitive.name)")
        if self.kept:
            add("    _guarded = _shown")  # whether something kept can be changed by the user
        if p.view:
            add(f"    _base = {self.arguments[0]}")
        if receiver is None:
            add("    _tensors = False")
        else:
            add(f"    {receiver}_node = {receiver}._node")
            add(f"    {receiver} = {receiver}._value")
        for argument in self.arguments:
            if argument != receiver:
                lines.extend(self._unwrapped(argument, receiver, checked))
        for argument in p.detached:
            add(f"    {argument}_class = {argument}.__class__")
            add(f"    if {argument}_class in TENSORS:")
            add("        _tensors = True")
            add(f"        {argument} = {argument}._value")
            add(f"    elif {argument}_class is not ndarray and {argument}_class not in _KNOWN:")
            add(f"        {argument} = _operand({argument}, {p.name!r}, None)")
            add(f"        if {argument}.__class__ in TENSORS:")  # of a list with tensors in it
            add(
                f"            {argument} = _constant_argument({p.name!r}, {argument!r}, {argument})"
            )
            if argument in self.exposed:
                add(f"    if {argument}_class not in _FIXED and {argument}_class not in TENSORS:")
                add("        _guarded = True")
        for argument in self.without_rule:
            value = f"_constant_argument(_primitive.name, {argument.name!r}, {argument.name})"
            if argument.name in self.exposed:
                add(f"    if {self._may_be(argument, 'not in _FIXED')}:")
                add("        _guarded = True")
            else:
                add(f"    if {self._may_be(argument, 'in TENSORS')}:")
            add(f"        {argument.name} = {value}")
        add("    try:")
        add(f"        y = {self._forward()}")
        add("    except (TypeError, ValueError) as _error:")
        shown = ", ".join([*self.arguments, *p.detached])
        add(f"        raise _explain(_primitive, _error, ({shown},)) from _error")
        untracked = " and ".join(f"{a}_node is None" for a in self.arguments)
        if p.view:
            view = f"_viewing(_base, y, _owner, {self._taken()})"
            if p.multiple:
                view = "_several(y, None, _base, _primitive.view)"
            else:
                lines.extend(self._owner_of_result())
            add(f"    if {untracked}:")
            add(f"        return {view if receiver else f'{view} if _tensors else y'}")
        else:
            add(f"    if {untracked}:")
            add(f"        return _untracked(y, {'True' if receiver else '_tensors'}, {p.multiple})")
            lines.extend(self._checked_result())
        lines.extend(self._new_node(receiver))
        add("    _node.order = next(_orders)")
        lines.extend(self._shape_and_dtype())
        lines.extend(f"    _node.{a}_node = {a}_node" for a in self.arguments)
        lines.extend(f"    _node.{name}_kept = {self._keep(name, name)}" for name in self.kept)
        for name in self.shapes:
            argument = name.removesuffix("_shape")
            shape = f"_shapes_of({argument})" if argument == p.sequence else f"np.shape({argument})"
            add(f"    _node.{name} = {shape}")
        if self.keeps_result:
            add(f"    _node.y_kept = {self._keep('y', 'y')}")
        if p.multiple:
            view = ", _base, _primitive.view" if p.view else ""
            add(f"    return _several(y, _node{view})")
        else:
            lines.extend(self._new_result())
            add("    _result._value = y")
            add("    _result._node = _node")
            add("    return _result")
        return "\n".join(lines) + "\n"

    def _unwrapped(self, argument: str, receiver: str | None, checked: bool) -> list[str]:
        """What sets the node of an argument, and replaces a Tensor by its value."""
        p = self.primitive
        if argument == p.sequence:
            return [
                f"    {argument}_node, {argument}, _found = _unwrap({argument}, {p.name!r})",
                "    _tensors = _tensors or _found",
                *(["    _guarded = True"] if argument in self.exposed else []),
            ]
        kind = f"{argument}_class"
        lines = [
            f"    {kind} = {argument}.__class__",
            f"    if {kind} is Result or {kind} in TENSORS:",
            *(["        _tensors = True"] if receiver is None else []),
            f"        {argument}_node = {argument}._node",
            f"        {argument} = {argument}._value",
            "    else:",
            f"        {argument}_node = None",
        ]
        if receiver is not None and isinstance(p.forward, str):
            # Arithmetic with a number takes NumPy twice as long as with an array that has no
            # dimensions; the backward pass often needs the number once more.
            dtype = f"{receiver}.dtype if {receiver}.__class__ is ndarray else None"
            lines += [
                f"        if {kind} is float or {kind} is int:",
                f"            _dtype = {dtype}",
                "            if _dtype is FLOAT32 or _dtype is FLOAT64:",
                f"                {argument} = _array({argument}, _dtype)",
                *self._ours(argument, receiver, checked, "elif"),
            ]
        else:
            lines += self._ours(argument, receiver, checked, "if")
        return lines

    def _ours(self, argument: str, receiver: str | None, checked: bool, first: str) -> list[str]:
        """What makes an array or a number of an argument of another class (`operands.py`)."""
        exposed = argument in self.exposed
        lines = []
        if exposed:
            lines = [f"        {first} {argument}_class is ndarray:", "            _guarded = True"]
            first = "elif"
        unknown = f"{argument}_class is not ndarray and " if not exposed else ""
        is_optional = self.primitive.signature.parameters[argument].default is None
        known = "_KNOWN" if is_optional else "_NUMBERS"
        lines += [
            f"        {first} {unknown}{argument}_class not in {known}:",
            *(["            _guarded = True"] if exposed else []),
            f"            {argument} = _operand({argument}, {self._asked(receiver, checked)})",
        ]
        if receiver is not None or isinstance(self.primitive.function, np.ufunc):
            lines += [
                f"            if {argument} is NotImplemented:",
                "                return NotImplemented",
            ]
        return [  # of a list with tensors in it there is a Tensor now
            *lines,
            f"            if {argument}.__class__ in TENSORS:",
            *([f"                _base = {argument}"] if self._is_base(argument) else []),
            *(["                _tensors = True"] if receiver is None else []),
            f"                {argument}_node = {argument}._node",
            f"                {argument} = {argument}._value",
        ]

    def _is_base(self, argument: str) -> bool:
        return bool(self.primitive.view) and argument == self.arguments[0]

    def _asked(self, receiver: str | None, checked: bool) -> str:
        """The arguments of `operand` that say who asks, and whom Python or NumPy asks next."""
        p = self.primitive
        next_asked: str | None = "" if isinstance(p.function, np.ufunc) else None
        # Without the look at the special modes it answers for operators, too (see `observe`).
        if len(p.operators) > 1 and (not checked or receiver == self.arguments[0]):
            next_asked = p.operators[1]
        return f"{p.name!r}, {next_asked!r}"

    def _checked_result(self) -> list[str]:
        """What turns the result into an array or a NumPy scalar; a ufunc gives one by itself."""
        if isinstance(self.primitive.function, np.ufunc) or self.primitive.multiple:
            return []
        return [
            "    if y.__class__ is not float64:",
            "        if y.__class__ is not ndarray:",
            "            y = _as_value(y)",
            "        elif not y.shape:",
            "            y = y[()]",
        ]

    def _owner_of_result(self) -> list[str]:
        """The same, and whose memory the result is in: None if it is in its own."""
        (x,) = self.arguments
        return [
            "    _owner = None",
            "    if y.__class__ is ndarray:",
            f"        _owner = y.base if y is not {x} else y",
            "        if not y.shape:",
            "            y = y[()]",
            "    elif y.__class__ is not float64:",
            "        y = _as_value(y)",
        ]

    def _taken(self) -> str:
        """How a view was taken: the primitive, and what it needs besides the base."""
        others = [p.name for p in self.parameters[1:] if p.kind is not p.KEYWORD_ONLY]
        return ", ".join(["_primitive", *others])

    def _new_result(self) -> list[str]:
        """What makes the tensor that is returned; only a view knows where it came from."""
        if not self.primitive.view:
            return ["    _result = Result()"]
        (x,) = self.arguments
        return [
            f"    if _owner is not None and (_owner is {x} or _owner is {x}.base):",
            "        _result = View()",
            f"        _result._from = (_base, {self._taken()})",
            "        _recent.add(_ref(_result, _forget))",
            "    else:",
            "        _result = Result()",
        ]

    def _shape_and_dtype(self) -> list[str]:
        p = self.primitive
        if p.multiple:
            return ["    _node.shape = _node.dtype = None", "    _node.count = len(y)"]
        if p.elementwise:
            (a,) = self.arguments
            return [f"    _node.shape = {a}_node.shape", f"    _node.dtype = {a}_node.dtype"]
        return [
            "    if y.__class__ is float64:",
            "        _node.shape = ()",
            "        _node.dtype = FLOAT64",
            "    else:",
            "        try:",
            "            _node.shape = y.shape",
            "        except AttributeError:",
            "            y = _number(y, _primitive.name)",
            "            _node.shape = y.shape",
            "        _node.dtype = _dtype = y.dtype",
            "        if _dtype is not FLOAT32 and _dtype is not FLOAT64:",
            "            _check_dtype(_primitive, _dtype)",
        ]

    @staticmethod
    def _may_be(p: inspect.Parameter, test: str) -> str:
        """A test of the class; it is quick if the default was passed."""
        default = repr(p.default)
        quick = f"{p.name} is not {default} and " if default in ("None", "True", "False") else ""
        return f"{quick}{p.name}.__class__ {test}"

    def _new_node(self, receiver: str | None) -> list[str]:
        """What makes the node; before that, what it keeps is made safe from changes."""
        new = f"{self.identifier}_node"
        if not self.kept:
            return [f"    _node = {new}()"]
        lines = [
            "    if not _guarded:",
            f"        _node = {new}()",
            "    else:",
            "        _prints = None",
        ]
        for name in self.exposed:
            if name != receiver:
                lines.extend(self._guarded(name))
        values = [name for name in self.kept if name != self.primitive.sequence]
        if values:
            lines.append("        if _shown:")
        for name in values:
            users = self._users(name)
            call = f"{name}, _prints = _unshared('{name}_kept', {name}, _prints)"
            lines.append(f"            {f'if {users}: ' if users else ''}{call}")
        lines.append(
            f"        _node = {new}() if _prints is None else _checked_node({new}, _prints)"
        )
        return lines

    def _guarded(self, name: str) -> list[str]:
        p = self.primitive
        users = self._users(name) if len(self.arguments) > 2 else ""  # else some are tracked
        used = f"if {users}: " if users else ""
        call = f"{name}, _prints = _guard('{name}_kept', {name}, _prints)"
        if name == p.sequence:
            items = f"_guard_items('{name}_kept', {name}, {name}_node, _prints)"
            return [f"        {used}{name}, _prints = {items}"]
        if name not in self.arguments and name not in p.detached:
            return [
                f"        if {name}.__class__ not in _FIXED:",
                f"            {call}",
            ]
        return [
            f"        if {name}_class is ndarray and {name}.size <= {SMALL}:",
            f"            {used}{name} = _array({name})",
            f"        elif {name}_class not in _FIXED and {name}_class not in TENSORS:",
            f"            {used}{call}",
        ]

    def _users(self, name: str) -> str:
        """The test whether rules that name a value will run; empty if some will in any case."""
        users = [a for a in self.arguments if name in self.primitive.rules[a].names]
        if len(users) in (0, len(self.arguments)):
            return ""
        return " or ".join(f"{a}_node is not None" for a in users)

    def _keep(self, name: str, value: str) -> str:
        """The value to keep, or None if the rules that name it will not run."""
        users = self._users(name)
        return f"{value} if {users} else None" if users else value

    def _header(self, receiver: str | None) -> str:
        parameters = self.parameters
        if receiver is not None and receiver != parameters[0].name:
            parameters = parameters[1::-1]
        parts: list[str] = []
        starred = False
        for p in parameters:
            if p.kind is p.VAR_POSITIONAL:
                starred = True
                parts.append(f"*{p.name}")
                continue
            if p.kind is p.KEYWORD_ONLY and not starred:
                starred = True
                parts.append("*")
            parts.append(p.name + self._default(p))
        return ", ".join(parts)

    def _default(self, p: inspect.Parameter) -> str:
        if p.default is p.empty:
            return ""
        if p.default is None or isinstance(p.default, bool | int | float | str):
            return f"={p.default!r}"
        self.defaults[f"default_{p.name}"] = p.default
        return f"=default_{p.name}"

    def _call_arguments(self) -> str:
        """All arguments, as a tuple of positional ones and a dict of keyword ones."""
        positional = "".join(
            f"{'*' if p.kind is p.VAR_POSITIONAL else ''}{p.name}, "
            for p in self.parameters
            if p.kind is not p.KEYWORD_ONLY
        )
        keyword = ", ".join(
            f"{p.name!r}: {p.name}" for p in self.parameters if p.kind is p.KEYWORD_ONLY
        )
        return f"({positional.rstrip()}), {{{keyword}}}"

    def _forward(self) -> str:
        if isinstance(self.primitive.forward, str):
            return self.primitive.forward
        return self._call("_forward", {})

    def _call(self, function: str, values: dict[str, str]) -> str:
        """A call with all parameters, some of them replaced."""
        call = ", ".join(
            f"*{p.name}"
            if p.kind is p.VAR_POSITIONAL
            else f"{p.name}={values.get(p.name, p.name)}"
            if p.kind is p.KEYWORD_ONLY
            else values.get(p.name, p.name)
            for p in self.parameters
        )
        return f"{function}({call})"

    # ------------------------------------------------------------ the node

    def node_class(self) -> str:
        nodes = [f"{a}_node" for a in self.arguments]
        kept = [f"{name}_kept" for name in (*self.kept, *(["y"] if self.keeps_result else []))]
        slots = [*nodes, *kept, *self.shapes, *(["count"] if self.primitive.multiple else [])]
        lines = [
            f"class {self.identifier}_node(Node):",
            f"    __slots__ = {tuple(slots)!r}",
            f"    operation = {self.primitive.name!r}",
            f"    kept = {tuple(kept)!r}",
            *(["    fits = True"] if self.primitive.elementwise else []),
            "",
            "    def parents(self):",
            f"        return {self._parents()}",
            "",
            "    def pull(self, g, walk):",
            *self._pull(recorded=False),
            "        if not walk.keep and self.order > 0:",  # another thread may have freed it
            "            self.order = -self.order",
            *([f"            {' = '.join(f'self.{k}' for k in kept)} = FREED"] if kept else []),
            "        return edge",
            "",
            "    def pull_recorded(self, g, walk):",
            *self._pull(recorded=True),
            "        return edge",
        ]
        return "\n".join(lines) + "\n"

    def _parents(self) -> str:
        if self.arguments == [self.primitive.sequence]:
            return f"tuple(n for n in self.{self.arguments[0]}_node if n is not None)"
        parts = [
            f"*(self.{a}_node or ())" if a == self.primitive.sequence else f"self.{a}_node"
            for a in self.arguments
        ]
        if len(parts) == 1:
            return f"({parts[0]},)"
        return f"tuple(n for n in ({', '.join(parts)}) if n is not None)"

    def _pull(self, *, recorded: bool) -> list[str]:
        p = self.primitive
        calls = {a: self._rule_call(a, recorded) for a in self.arguments}
        lines = []
        if p.multiple:
            lines.append("        if len(g) < self.count:")
            lines.append("            walk.selecting = True")
            lines.append("        g = g.filled(self.count)")
        if p.selects is True:
            lines.append("        walk.selecting = True")
        elif p.selects:
            lines.append(f"        if self.{p.selects}_kept is not True:")
            lines.append("            walk.selecting = True")
        if p.bend and recorded:
            at = self._bend_call("at", p.bend.at.names)
            lines.append(f"        q, refusal = steepening(self, g, walk, {at}, {p.bend.smooth})")
            for a, form in p.bend.forms.items():
                calls[a] += f" if q is None else {calls[a]} + {self._bend_call(a, form.names)}"
        if not p.singular:
            return [*lines, *self._edges(calls)]
        staying = {a: self._staying(a, call, recorded) for a, call in calls.items()}
        inner = self._edges(staying)
        if not all(call.startswith("product_stays") for call in staying.values()):
            quiet = "        with np.errstate(divide='ignore', invalid='ignore', over='ignore'):"
            inner = [quiet, *(f"    {line}" for line in inner)]
        return [
            *lines,
            "        if walk.selecting:",
            *(f"    {line}" for line in inner),
            "        else:",
            *(f"    {line}" for line in self._edges(calls)),
        ]

    def _staying(self, argument: str, call: str, recorded: bool) -> str:
        """The code of a cotangent that stays 0 where an element was left out."""
        factor = re.fullmatch(r"g \* (\w+)", self.primitive.rules[argument].text)
        if factor:  # that is cheaper to look at than the product
            return f"product_stays(g, {self._rule_value(argument, factor[1], recorded)})"
        return f"zero_stays({call}, g)"

    def _edges(self, calls: dict[str, str]) -> list[str]:
        """What sets `edge`, given the code of each argument's cotangent."""
        if self.primitive.sequence is None:
            if len(calls) == 1:
                ((a, call),) = calls.items()
                return [f"        edge = (self.{a}_node, {call}, None)"]
            if len(calls) == 2:
                (a, call_a), (b, call_b) = calls.items()
                return [
                    f"        {a}_node = self.{a}_node",
                    f"        {b}_node = self.{b}_node",
                    f"        if {b}_node is None:",
                    f"            edge = ({a}_node, {call_a}, None)",
                    f"        elif {a}_node is None:",
                    f"            edge = ({b}_node, {call_b}, None)",
                    "        else:",
                    f"            edge = ({a}_node, {call_a}, ({b}_node, {call_b}, None))",
                ]
        lines = ["        edge = None"]
        for a, call in reversed(calls.items()):
            lines.append(f"        if self.{a}_node is not None:")
            if a == self.primitive.sequence:
                lines.append(
                    f"            edge = link(zip(self.{a}_node, {call}, strict=True), edge)"
                )
            else:
                lines.append(f"            edge = (self.{a}_node, {call}, edge)")
        return lines

    def _rule_call(self, argument: str, recorded: bool) -> str:
        rule = self.primitive.rules[argument]
        values = {name: self._rule_value(argument, name, recorded) for name in rule.names}
        if rule.text:
            return re.sub(r"[^\W\d]\w*", lambda name: values[name[0]], rule.text)
        return f"rule_{argument}({', '.join(values.values())})"

    def _rule_value(self, argument: str, name: str, recorded: bool) -> str:
        if name == "g":
            return "g"
        if name == "wanted":
            return f"[n is not None for n in self.{argument}_node]"
        if name.endswith("_shape") and name not in self.kept:
            return f"self.{name}" if name in self.shapes else f"self.{argument}_node.shape"
        if recorded and name == "y":
            if self.primitive.multiple:
                return "recorded_outputs(self)"
            return "make(self.y_kept, self)"
        if recorded and name in self.arguments:
            return f"recorded(self.{name}_kept, self.{name}_node)"
        return f"self.{name}_kept"

    def _bend_call(self, part: str, names: tuple[str, ...]) -> str:
        changes = {f"d{a}": f"change(self.{a}_node, refusal)" for a in self.arguments}
        values = [name if name == "q" else changes.get(name, f"self.{name}_kept") for name in names]
        return f"bend_{part}({', '.join(values)})"


# What the generated code may name.
_HELPERS: dict[str, Any] = {
    "FLOAT32": FLOAT32,
    "FLOAT64": FLOAT64,
    "FREED": FREED,
    "Node": Node,
    "Result": Result,
    "TENSORS": TENSORS,
    "View": View,
    "_array": np.array,
    "_as_value": as_value,
    "_FIXED": changes.FIXED,
    "_KNOWN": operands.KNOWN,
    "_NUMBERS": operands.NUMBERS,
    "_check_dtype": codegen_support.check_dtype,
    "_checked_node": changes.checked_node,
    "_constant_argument": codegen_support.constant_argument,
    "_explain": codegen_support.explain,
    "_forget": recent.discard,
    "_guard": changes.guarded,
    "_guard_items": changes.guarded_items,
    "_number": codegen_support.number,
    "_observe": codegen_support.observe,
    "_operand": operands.operand,
    "_orders": orders,
    "_recent": recent,
    "_ref": weakref.ref,
    "_several": codegen_support.several,
    "_shapes_of": codegen_support.shapes_of,
    "_shown": changes.shown,
    "_special": special,
    "_store": store,
    "_unshared": changes.unshared,
    "_untracked": codegen_support.untracked,
    "_unwrap": codegen_support.unwrap,
    "change": change,
    "_viewing": codegen_support.viewing,
    "float64": np.float64,
    "link": link,
    "make": make,
    "ndarray": np.ndarray,
    "np": np,
    "product_stays": codegen_support.product_stays,
    "recorded": codegen_support.recorded,
    "recorded_outputs": codegen_support.recorded_outputs,
    "steepening": steepening,
    "zero_stays": codegen_support.zero_stays,
}
