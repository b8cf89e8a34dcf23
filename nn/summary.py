"""The table that `Module.summary` shows."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np

import autodiff as ad
from nn.module import Module, Parameter, call_observers, members, scope_name

__all__ = ["Recorder", "Row", "Summary", "arrays_in", "readable_bytes", "summarize", "table"]


@dataclass
class Row:
    """One call of a module.

    depth: 0 for the model itself, 1 for the modules that it called, and so on.
    name: the path in the module that called it, and its class.
    outputs: the shape of every array in its result.
    output_bytes: their size.
    parameters: how many numbers its own parameters have, those of submodules and those that an
        earlier row has counted left out; parameter_bytes is their size.
    gradient_bytes: the size of the gradients of those that require one.
    """

    depth: int
    name: str
    outputs: tuple[tuple[int, ...], ...] = ()
    output_bytes: int = 0
    parameters: int = 0
    parameter_bytes: int = 0
    gradient_bytes: int = 0


@dataclass
class Summary:
    """A row for every call, in order, and the totals over all parameters. Print it."""

    rows: list[Row]
    parameters: int
    parameter_bytes: int

    def __str__(self) -> str:
        body = [
            (
                "  " * row.depth + row.name,
                ", ".join(map(str, row.outputs)),
                readable_bytes(row.output_bytes),
                f"{row.parameters:,}",
                readable_bytes(row.parameter_bytes),
            )
            for row in self.rows
        ]
        header = ("module", "output", "output bytes", "parameters", "parameter bytes")
        total = ("total", "", "", f"{self.parameters:,}", readable_bytes(self.parameter_bytes))
        return table([header, *body, total])

    __repr__ = __str__


def table(rows: list[tuple[str, ...]]) -> str:
    """Rows of text in columns: the first two are flush left, numbers follow flush right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        cells = zip(row, widths, strict=True)
        padded = [cell.ljust(w) if i < 2 else cell.rjust(w) for i, (cell, w) in enumerate(cells)]
        lines.append("  ".join(padded))
    return "\n".join(lines)


def readable_bytes(count: int) -> str:
    """`count` bytes in the unit that suits.

    >>> readable_bytes(999), readable_bytes(1_741_608)
    ('999 B', '1.7 MiB')
    """
    size, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if size < 1024:
            break
        size, unit = size / 1024, larger
    return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"


class Recorder:
    """Writes a row for every call of a module in the thread that made the recorder."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self._open: list[tuple[Module, Row]] = []
        self._counted: set[int] = set()
        self._thread = threading.get_ident()

    def entered(self, module: Module) -> None:
        if threading.get_ident() != self._thread:
            return
        enclosing = self._open[-1][0] if self._open else None
        row = Row(len(self._open), scope_name(module, enclosing))
        for _, member in members(module):
            if isinstance(member, Parameter) and id(member) not in self._counted:
                self._counted.add(id(member))
                row.parameters += member.size
                row.parameter_bytes += member.nbytes
                row.gradient_bytes += member.nbytes if member.requires_grad else 0
        self.rows.append(row)
        self._open.append((module, row))

    def left(self, module: Module, result: Any) -> None:
        if threading.get_ident() != self._thread:
            return
        _, row = self._open.pop()
        arrays = arrays_in(result)
        row.outputs = tuple(array.shape for array in arrays)
        row.output_bytes = sum(array.nbytes for array in arrays)


def arrays_in(result: Any) -> list[Any]:
    """The tensors and arrays in a result, also inside containers."""
    if isinstance(result, ad.Tensor | np.ndarray | np.generic):
        return [result]
    if isinstance(result, dict):
        result = result.values()
    elif not isinstance(result, list | tuple):
        return []
    return [array for item in result for array in arrays_in(item)]


def summarize(model: Module, inputs: tuple[Any, ...]) -> Summary:
    """Run `model` on `inputs` and describe every call; see `Module.summary`."""
    recorder = Recorder()
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    call_observers.append(recorder)
    try:
        with ad.no_grad():
            model(*inputs)
    finally:
        call_observers.remove(recorder)
        for module, training in modes:
            module.training = training
    parameters: list[Parameter] = model.parameters()
    return Summary(
        recorder.rows,
        parameters=sum(p.size for p in parameters),
        parameter_bytes=sum(p.nbytes for p in parameters),
    )
