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
    if _mode.special:
        return _observe(_primitive, (x,), {})
...

Three functions come out. The first, named like the primitive, computes the result and records
a node. `pull` and `pull_recorded` are methods of that node: they apply the rules to arrays, and
to Tensors. The node's class has exactly the slots that the rules need:

* ``x_node`` for every argument ``x`` with a rule: where it came from (None: no gradient wanted),
* ``x_kept`` for every argument that a rule names, and ``y_kept`` for the result,
* ``x_shape`` for a shape.

Names of the generator's own begin with an underscore, so that arguments can have any other.
"""

from __future__ import annotations

import inspect
import linecache
import re
from collections.abc import Callable
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from autodiff.errors import AutodiffError, DtypeError, ShapeError, UnsupportedError
from autodiff.graph import FLOAT64, Node, Output, mode, next_order, thread_state
from autodiff.tensor import TENSORS, Result, Tensor, as_value, make, store

if TYPE_CHECKING:
    from autodiff.primitive import Primitive

__all__ = ["Compiled", "constant_argument"]


class Compiled:
    """The generated code of one primitive.

    Attributes:
        source: the text of the recording function and of its node's class.
        record: computes the result and records a node.
        reflected: the same with its two arguments exchanged; None unless it is an operator.
    """

    def __init__(self, primitive: Primitive) -> None:
        self._template = template = _Template(primitive)
        self._namespace: dict[str, Any] = {
            **_HELPERS,
            "_forward": primitive.forward,
            "_primitive": primitive,
            **{f"rule_{argument}": rule.function for argument, rule in primitive.rules.items()},
        }
        node_class = template.node_class()
        record = template.record()
        self.source = f"{record}\n\n{node_class}"
        self._namespace |= template.defaults
        self._run(node_class, "node")
        self.record = self._run(record, "record")
        self.reflected = None
        if len(primitive.operators) > 1:
            self.reflected = self._run(template.record(reflected=True), "reflected")

    @cached_property
    def ordinary(self) -> Callable[..., Any]:
        """`record` without the look at the special modes."""
        return self._run(self._template.record(checked=False), "ordinary")

    def _run(self, text: str, part: str) -> Any:
        name = self._template.identifier
        filename = f"<autodiff {name} {id(self._namespace):x} {part}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        exec(compile(text, filename, "exec"), self._namespace)
        return self._namespace[f"{name}_node" if part == "node" else name]


class _Template:
    """The source text for one primitive."""

    def __init__(self, primitive: Primitive) -> None:
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
        self.kept = [p.name for p in self.parameters if p.name in needed]
        self.shapes = [
            f"{p.name}_shape"
            for p in self.parameters
            if f"{p.name}_shape" in needed and not self._shape_is_known(p.name)
        ]
        self.keeps_result = "y" in needed

    def _shape_is_known(self, argument: str) -> bool:
        # The parent's node has the shape of an argument with a rule; no need to keep it twice
        # if only that argument's own rule asks for it.
        users = [a for a, r in self.primitive.rules.items() if f"{argument}_shape" in r.names]
        return users == [argument] and argument != self.primitive.sequence

    # ------------------------------------------------------------ the recording function

    def record(self, *, checked: bool = True, reflected: bool = False) -> str:
        p = self.primitive
        lines = [f"def {self.identifier}({self._header(reflected)}):"]
        add = lines.append
        if checked:
            add("    if _mode.special:")
            add(f"        return _observe(_primitive, {self._call_arguments()})")
        if "out" in p.signature.parameters:
            without = self._call(self.identifier, {"out": "None"})
            add("    if out is not None:")
            add(f"        return _store(out, {without}, _primitive.name)")
        add("    _tensors = False")
        for argument in self.arguments:
            if argument == p.sequence:
                add(f"    {argument}_node, {argument}, _found = _unwrap({argument})")
                add("    _tensors = _tensors or _found")
                continue
            add(f"    {argument}_node = None")
            add(f"    if {argument}.__class__ in TENSORS:")
            add("        _tensors = True")
            add(f"        {argument}_node = {argument}._node")
            add(f"        {argument} = {argument}._data")
            if p.operators:  # a list would mean something else to Python's operators
                add(f"    elif {argument}.__class__ is list or {argument}.__class__ is tuple:")
                add(f"        {argument} = np.asarray({argument})")
        for argument in p.detached:
            add(f"    if {argument}.__class__ in TENSORS:")
            add("        _tensors = True")
            add(f"        {argument} = {argument}._data")
        for argument in self.without_rule:
            add(f"    if {self._may_be_tensor(argument)}:")
            value = f"_constant_argument(_primitive.name, {argument.name!r}, {argument.name})"
            add(f"        {argument.name} = {value}")
        add("    try:")
        add(f"        y = {self._forward()}")
        add("    except (TypeError, ValueError) as _error:")
        shown = ", ".join([*self.arguments, *p.detached])
        add(f"        raise _explain(_primitive, _error, ({shown},)) from _error")
        if p.operators:  # Python's own complex * np.float64 is a Python number
            add("    if y.__class__ is complex:")
            add("        y = _as_value(y)")
        if not isinstance(p.function, np.ufunc) and not p.multiple:
            add("    if y.__class__ is not ndarray and y.__class__ is not float64:")
            add("        y = _as_value(y)")
            add("    elif not y.shape:")
            add("        y = y[()]")
        untracked = " and ".join(f"{a}_node is None" for a in self.arguments)
        add(f"    if {untracked}:")
        add("        if not _tensors:")
        add("            return y")
        if p.multiple:
            add("        return _several(y, None)")
        else:
            add("        _result = Result()")
            add("        _result._data = y")
            add("        _result._node = None")
            add("        return _result")
        add(f"    _node = {self.identifier}_node()")
        add("    _node.order = _next_order()")
        if p.multiple:
            add("    _node.shape = _node.dtype = None")
            add("    _node.count = len(y)")
        else:
            add("    if y.__class__ is float64:")
            add("        _node.shape = ()")
            add("        _node.dtype = FLOAT64")
            add("    else:")
            add("        _node.shape = y.shape")
            add("        _node.dtype = _dtype = y.dtype")
            add("        if _dtype is not FLOAT32 and _dtype is not FLOAT64:")
            add("            _check_dtype(_primitive, _dtype)")
        lines.extend(f"    _node.{a}_node = {a}_node" for a in self.arguments)
        lines.extend(f"    _node.{name}_kept = {self._keep(name, name)}" for name in self.kept)
        for name in self.shapes:
            argument = name.removesuffix("_shape")
            shape = f"_shapes_of({argument})" if argument == p.sequence else f"np.shape({argument})"
            add(f"    _node.{name} = {shape}")
        if self.keeps_result:
            add(f"    _node.y_kept = {self._keep('y', 'y')}")
        if p.multiple:
            add("    return _several(y, _node)")
        else:
            add("    _result = Result()")
            add("    _result._data = y")
            add("    _result._node = _node")
            add("    return _result")
        return "\n".join(lines) + "\n"

    @staticmethod
    def _may_be_tensor(p: inspect.Parameter) -> str:
        """The test for a tensor; it is quick if the default was passed."""
        default = repr(p.default)
        quick = f"{p.name} is not {default} and " if default in ("None", "True", "False") else ""
        return f"{quick}{p.name}.__class__ in TENSORS"

    def _keep(self, name: str, value: str) -> str:
        """The value to keep, or None if the rules that name it will not run."""
        users = [a for a in self.arguments if name in self.primitive.rules[a].names]
        if len(users) == len(self.arguments):
            return value
        return f"{value} if {' or '.join(f'{a}_node is not None' for a in users)} else None"

    def _header(self, reflected: bool) -> str:
        parameters = self.parameters
        if reflected:
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
            "",
            "    def parents(self):",
            f"        return {self._parents()}",
            "",
            "    def pull(self, g, keep):",
            *self._guarded_pull(recorded=False),
            "        if not keep:",
            "            self.order = -self.order",
            *([f"            {' = '.join(f'self.{k}' for k in kept)} = None"] if kept else []),
            "        return edges",
            "",
            "    def pull_recorded(self, g):",
            *self._guarded_pull(recorded=True),
            "        return edges",
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

    def _guarded_pull(self, *, recorded: bool) -> list[str]:
        lines = self._pull(recorded=recorded)
        if self.primitive.selects:
            lines.insert(0, "        thread_state.selecting = True")
        if self.primitive.singular:
            return [
                "        if thread_state.selecting:",
                "            with np.errstate(divide='ignore', invalid='ignore', over='ignore'):",
                *(f"        {line}" for line in lines),
                "                edges = [(n, zero_stays(r, g)) for n, r in edges]",
                "        else:",
                *(f"    {line}" for line in lines),
            ]
        return lines

    def _pull(self, *, recorded: bool) -> list[str]:
        lines = ["        g = g.filled(self.count)"] if self.primitive.multiple else []
        calls = {a: self._rule_call(a, recorded) for a in self.arguments}
        if self.arguments == [self.primitive.sequence]:
            (a,) = self.arguments
            return [
                *lines,
                "        edges = [",
                f"            (n, r) for n, r in zip(self.{a}_node, {calls[a]}, strict=True)",
                "            if n is not None",
                "        ]",
            ]
        if len(self.arguments) == 1:
            (a,) = self.arguments
            return [*lines, f"        edges = ((self.{a}_node, {calls[a]}),)"]
        if len(self.arguments) == 2 and self.primitive.sequence is None:
            a, b = self.arguments
            return [
                *lines,
                f"        {a}_node = self.{a}_node",
                f"        {b}_node = self.{b}_node",
                f"        if {b}_node is None:",
                f"            edges = (({a}_node, {calls[a]}),)",
                f"        elif {a}_node is None:",
                f"            edges = (({b}_node, {calls[b]}),)",
                "        else:",
                f"            edges = (({a}_node, {calls[a]}), ({b}_node, {calls[b]}))",
            ]
        lines.append("        edges = []")
        for a in self.arguments:
            lines.append(f"        if self.{a}_node is not None:")
            if a == self.primitive.sequence:
                lines.append(f"            pairs = zip(self.{a}_node, {calls[a]}, strict=True)")
                lines.append("            edges.extend((n, r) for n, r in pairs if n is not None)")
            else:
                lines.append(f"            edges.append((self.{a}_node, {calls[a]}))")
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


# ---------------------------------------------------------------- called by generated code


def observe(primitive: Primitive, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Record an operation while a special mode is on in some thread, perhaps this one."""
    state = thread_state
    start = perf_counter() if state.observers else 0.0
    result = primitive.compiled.ordinary(*args, **kwargs)
    seconds = perf_counter() - start if state.observers else 0.0
    if not state.grad_enabled:
        for item in result if isinstance(result, list | tuple) else (result,):
            if item.__class__ is Result:
                item._node = None
    for observer in state.observers:
        observer.recorded(primitive, (*args, *kwargs.values()), result, seconds)
    return result


def unwrap(sequence: Any) -> tuple[tuple[Node | None, ...] | None, Any, bool]:
    """The nodes of the items (None if no item has one), their values, and if any is a Tensor."""
    if sequence.__class__ in TENSORS:
        sequence = tuple(sequence)
    elif not isinstance(sequence, list | tuple):
        if isinstance(sequence, np.ndarray):
            return None, sequence, False
        sequence = tuple(sequence)
    nodes: list[Node | None] = []
    values = []
    found = False
    for item in sequence:
        if item.__class__ in TENSORS:
            found = True
            nodes.append(item._node)
            values.append(item._data)
        else:
            nodes.append(None)
            values.append(item)
    tracked = any(node is not None for node in nodes)
    return (tuple(nodes) if tracked else None), values, found


def constant_argument(function: str, name: str, value: Any) -> Any:
    """What was passed for an argument without a rule, if a Tensor, as its value.

    Raises:
        UnsupportedError: it is in the graph, and its gradient would be lost.
    """
    if value.__class__ not in TENSORS:
        return value
    if value._node is not None and thread_state.grad_enabled:
        raise UnsupportedError(
            f"{function}: the argument {name!r} has no derivative rule, and the tensor passed for "
            "it is in the graph; pass t.detach() if no gradient shall flow"
        )
    return value._data


def shapes_of(values: Any) -> list[tuple[int, ...]]:
    """The shape of each item."""
    return [np.shape(value) for value in values]


def several(values: Any, node: Node | None) -> Any:
    """The results of an operation with several, as Tensors in the container that NumPy uses."""
    tensors = [
        make(value, None if node is None else Output(node, index, value.shape, value.dtype))
        if node is None or value.dtype.kind in "fc"
        else value
        for index, value in enumerate(as_value(value) for value in values)
    ]
    kind = type(values)
    return kind._make(tensors) if hasattr(kind, "_make") else kind(tensors)


def recorded(value: Any, node: Any) -> Any:
    """An argument that was kept, as the Tensor that it came from."""
    if isinstance(node, tuple):  # a sequence
        return [recorded(v, n) for v, n in zip(value, node, strict=True)]
    return value if node is None else make(value, node)


def recorded_outputs(node: Any) -> list[Tensor]:
    """The results of an operation with several, as the Tensors that it returned."""
    return [
        make(value, Output(node, index, value.shape, value.dtype))
        if value.dtype.kind in "fc"
        else value
        for index, value in enumerate(as_value(value) for value in node.y_kept)
    ]


def zero_stays(r: Any, g: Any) -> Any:
    """The cotangent `r`, with 0 instead of NaN for elements whose cotangent `g` is 0.

    They were left out on the way to the result, so an infinite slope there does not matter.
    """
    values, given = (v._data if v.__class__ in TENSORS else v for v in (r, g))
    if np.shape(values) != np.shape(given):
        return r
    undefined = np.isnan(values) & (given == 0)
    return np.where(undefined, 0, r) if np.any(undefined) else r


def check_dtype(primitive: Primitive, dtype: np.dtype) -> None:
    """Raise `DtypeError` unless a result of this dtype can have a gradient."""
    if dtype.kind not in "fc":
        raise DtypeError(
            f"{primitive.name}: the result has dtype {dtype}, through which no gradient can flow; "
            "convert the arguments to numbers, or pass t.detach()"
        )


def explain(primitive: Primitive, error: Exception, values: tuple[Any, ...]) -> Exception:
    """The same error, with the function's name, the shapes that it met and the next step."""
    if isinstance(error, AutodiffError):
        return error
    name = primitive.name
    shapes = [shapes_of(v) if isinstance(v, list | tuple) else np.shape(v) for v in values]
    met = " and ".join(map(str, shapes))
    if type(error) is ValueError and len(shapes) == 2:
        if name == "matmul":
            return ShapeError(f"matmul: shapes {met} do not align{_transpose_hint(*shapes)}")
        if isinstance(primitive.function, np.ufunc):
            return ShapeError(f"{name}: shapes {met} do not broadcast")
    met = f"shapes {met}" if len(shapes) > 1 else f"shape {met}"
    kind: type[Exception] = ShapeError if type(error) is ValueError else type(error)
    if isinstance(error, TypeError):  # NumPy's own kinds of it want other arguments
        kind = TypeError
    return kind(f"{name}: with arguments of {met}: {error}")


def _transpose_hint(first: Any, second: Any) -> str:
    if not first or not second:
        return "; multiply by a number with *"
    if len(second) > 1 and first[-1] == second[-1]:
        return "; transpose the second?"
    if len(first) > 1 and first[-2] == second[-2 if len(second) > 1 else 0]:
        return "; transpose the first?"
    return ""


_HELPERS: dict[str, Any] = {
    "FLOAT32": np.dtype(np.float32),
    "FLOAT64": FLOAT64,
    "Node": Node,
    "TENSORS": TENSORS,
    "Result": Result,
    "_as_value": as_value,
    "_check_dtype": check_dtype,
    "_constant_argument": constant_argument,
    "_explain": explain,
    "float64": np.float64,
    "make": make,
    "_mode": mode,
    "ndarray": np.ndarray,
    "_next_order": next_order,
    "np": np,
    "_observe": observe,
    "recorded": recorded,
    "recorded_outputs": recorded_outputs,
    "_several": several,
    "_shapes_of": shapes_of,
    "_store": store,
    "thread_state": thread_state,
    "_unwrap": unwrap,
    "zero_stays": zero_stays,
}
