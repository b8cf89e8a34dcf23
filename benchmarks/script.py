"""A step of autodiff as a script: what it makes NumPy do, to be done again without autodiff.

One step is watched by an observer of the engine, which gives every call of a primitive with its
arguments, and the cotangents on the way back. A script calls the same functions in the same
order, each with what the others return: the forward functions, the rules, the sums that undo
broadcasting, and the sums of cotangents that meet.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import numpy as np

import autodiff as ad
from autodiff.declare.primitive import Primitive, plain
from autodiff.engine.graph import Node, Output
from autodiff.engine.modes import observing
from autodiff.engine.shapes import fit

__all__ = ["Piece", "Script", "watched"]


def watched(step: Callable[[], Any]) -> Script:
    """The script of a step."""
    watcher = Watcher()
    with observing(watcher):
        step()
    return Script(watcher.calls, watcher.cotangents)


class Watcher:
    """An Observer that keeps the calls of primitives and the cotangents of nodes, in order."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.cotangents: dict[Node, Any] = {}

    def recorded(
        self, primitive: Primitive, arguments: tuple[Any, ...], result: Any, seconds: float
    ) -> None:
        call = Call(primitive, arguments, result)
        if any(isinstance(item, ad.Tensor) for item in call.results):  # none: it is a rule's
            self.calls.append(call)

    def started(self, output: Any) -> None:
        pass

    def reached(self, node: Node, gradient: Any) -> None:
        self.cotangents[node] = gradient


@dataclass
class Call:
    """One call of a primitive: the arguments, positional ones first, and what it returned."""

    primitive: Primitive
    arguments: tuple[Any, ...]
    result: Any

    @property
    def results(self) -> tuple[Any, ...]:
        """What it returned, as a tuple."""
        return tuple(self.result) if self.primitive.multiple else (self.result,)

    @property
    def node(self) -> Node | None:
        """Its place in the graph."""
        node = next(item.node for item in self.results if isinstance(item, ad.Tensor))
        return node.parent if isinstance(node, Output) else node

    def named(self) -> dict[str, Any]:
        """The arguments by name; those of ``*arrays`` are a tuple."""
        parameters = self.primitive.signature.parameters.values()
        by_keyword = sum(p.kind is p.KEYWORD_ONLY for p in parameters)
        positional = list(self.arguments[: len(self.arguments) - by_keyword])
        keywords = iter(self.arguments[len(positional) :])
        values = {}
        for p in parameters:
            if p.kind is p.VAR_POSITIONAL:
                values[p.name], positional = tuple(positional), []
            else:
                values[p.name] = next(keywords) if p.kind is p.KEYWORD_ONLY else positional.pop(0)
        return values


_NOTHING = [eval(f"lambda {', '.join(f'a{i}' for i in range(count))}: None") for count in range(10)]


class Slot(int):
    """A result in a `Script`, by its number."""


@dataclass
class Piece:
    """A call of a function in a `Script`.

    inline: the step does not pay for the call, since the code stands where it is needed.
    """

    phase: str
    part: str
    function: Callable[..., Any]
    arguments: Sequence[Any]  # a Slot stands for what is in it, also inside of sequences
    keywords: Mapping[str, Any]
    results: list[Slot]
    several: bool
    inline: bool
    last: list[Slot] = field(default_factory=list)  # what nobody needs afterwards


class Script:
    """What a step of autodiff makes NumPy do, call by call, to be done again without autodiff.

    arrived: what came to each node on the way back, and whether it may be added to in place.
    """

    def __init__(self, calls: Iterable[Call], cotangents: Mapping[Node, Any]) -> None:
        self.pieces: list[Piece] = []
        self._slots: dict[int, Slot] = {}  # by the id of what is in them
        self._recorded: dict[int, Any] = {}  # by slot; alive, so that ids stay what they are
        self.arrived: dict[Node, tuple[Any, bool]] = {}
        by_node = {}
        for call in calls:
            self._forward(call)
            by_node[call.node] = call
        for node, g in cotangents.items():
            if node in by_node:
                self._back(by_node[node], g)
        self._find_last_uses()

    def replay(self) -> list[float]:
        """The seconds that each piece takes, those of the clock included."""
        values: dict[int, Any] = {}
        times = []
        for piece in self.pieces:
            function, keywords = piece.function, piece.keywords
            arguments = _filled(piece.arguments, values)
            if keywords:
                keywords = dict(zip(keywords, _filled(keywords.values(), values), strict=True))
                start = perf_counter()
                result = function(*arguments, **keywords)
                end = perf_counter()
            else:
                start = perf_counter()
                result = function(*arguments)
                end = perf_counter()
            times.append(end - start)
            values.update(zip(piece.results, result if piece.several else (result,), strict=True))
            for slot in piece.last:
                del values[slot]
            del arguments, result
        return times

    def replay_nothing(self) -> list[float]:
        """What the clock takes of these, and the call of a piece whose code stands inline."""
        times = []
        for piece in self.pieces:
            arguments = _filled(piece.arguments, self._recorded)
            if piece.inline:
                function = _NOTHING[len(arguments)]
                start = perf_counter()
                function(*arguments)
                end = perf_counter()
            else:
                start = perf_counter()
                end = perf_counter()
            times.append(end - start)
        return times

    def _add(
        self,
        phase: str,
        part: str,
        function: Callable[..., Any],
        arguments: Iterable[Any],
        results: Sequence[Any],
        *,
        keywords: Mapping[str, Any] | None = None,
        several: bool = False,
        inline: bool = False,
    ) -> None:
        given = [self._reference(value) for value in arguments]
        named = {name: self._reference(value) for name, value in (keywords or {}).items()}
        slots = []
        for result in results:
            slots.append(Slot(len(self._recorded)))
            self._recorded[slots[-1]] = result
            self._slots[id(result)] = slots[-1]
        self.pieces.append(Piece(phase, part, function, given, named, slots, several, inline))

    def _reference(self, value: Any) -> Any:
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            return type(value)(self._reference(item) for item in value)
        if isinstance(value, np.ndarray | np.generic):
            return self._slots.get(id(value), value)
        return value

    def _find_last_uses(self) -> None:
        seen: set[Slot] = set()
        for piece in reversed(self.pieces):
            used = {*piece.results, *_slots_in([*piece.arguments, *piece.keywords.values()])}
            piece.last = [slot for slot in used if slot not in seen]
            seen.update(used)

    def _forward(self, call: Call) -> None:
        primitive, values = call.primitive, plain(call.named())
        if "out" in values:
            values["out"] = None  # the step stores what comes out without
        function = primitive.forward
        inline = isinstance(function, str)
        if isinstance(function, str):
            function = eval(f"lambda {', '.join(values)}: {function}", {"np": np})
        arguments, keywords = [], {}
        for p in primitive.signature.parameters.values():
            if p.kind is p.VAR_POSITIONAL:
                arguments += values[p.name]
            elif p.kind is p.KEYWORD_ONLY:
                keywords[p.name] = values[p.name]
            else:
                arguments.append(values[p.name])
        self._add(
            "forward",
            primitive.name,
            function,
            arguments,
            plain(call.results),
            keywords=keywords,
            several=primitive.multiple,
            inline=inline,
        )

    def _back(self, call: Call, g: Any) -> None:
        """The rules of a call, and what happens to the cotangents that they give."""
        named = call.named()
        values = plain(named)
        if call.primitive.multiple:
            g = tuple(self.arrived.get(item.node, (None,))[0] for item in call.results)
        elif call.node in self.arrived:
            g = self.arrived[call.node][0]
        for argument, rule in call.primitive.rules.items():
            several = argument == call.primitive.sequence
            items = named[argument] if several else (named[argument],)
            nodes = [getattr(item, "node", None) for item in items]
            if not any(nodes):
                continue
            known = {**values, "g": g, "y": plain(call.result), "wanted": list(map(bool, nodes))}
            for name in rule.names:
                if name not in known:  # the shape of an argument
                    base = name.removesuffix("_shape")
                    sizes = [np.shape(v) for v in values[base]] if several else None
                    known[name] = sizes if several else np.shape(values[base])
            arguments = [known[name] for name in rule.names]
            found = rule.function(*arguments)
            found = list(found) if several else [found]
            part = f"{call.primitive.name}, rule for {argument}"
            self._add(
                "backward",
                part,
                rule.function,
                arguments,
                found,
                several=several,
                inline=bool(rule.text),
            )
            for node, r in zip(nodes, found, strict=True):
                if node is not None:
                    self._arrive(node, r)

    def _arrive(self, node: Node, r: Any) -> None:
        """What the walk does with a cotangent beside passing it on."""
        if node.shape is not None and (
            np.shape(r) != node.shape or getattr(r, "dtype", None) != node.dtype
        ):
            given, r = r, fit(r, node.shape, node.dtype)
            part = "undoing of broadcasting"
            self._add("backward", part, fit, (given, node.shape, node.dtype), [r])
        if node not in self.arrived:
            self.arrived[node] = r, False
            return
        total, owned = self.arrived[node]
        add = operator.iadd if owned else operator.add
        both = add(total, r)
        self._add("backward", "sums of cotangents", add, (total, r), [both])
        self.arrived[node] = both, isinstance(both, np.ndarray)


def _filled(template: Iterable[Any], values: Mapping[int, Any]) -> list[Any]:
    return [
        values[item]
        if item.__class__ is Slot
        else type(item)(_filled(item, values))
        if item.__class__ is list or item.__class__ is tuple
        else item
        for item in template
    ]


def _slots_in(template: Iterable[Any]) -> Iterator[Slot]:
    for item in template:
        if isinstance(item, Slot):
            yield item
        elif isinstance(item, list | tuple):
            yield from _slots_in(item)
