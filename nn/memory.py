"""The memory that a forward and a backward pass need, computed from the graph of a forward pass.

The graph says which arrays it keeps for the backward pass, and in which order that will give them
up; so nothing is measured, and no backward pass is run. The forward pass is run twice, on some
samples and on twice as many, which tells what grows with the number of samples and what does not.

Not counted, since it is in no graph: what an operation needs only while it runs (a convolution
unfolds a few images at a time), what a checkpoint computes again, and the state of an optimizer.
"""

from __future__ import annotations

import copy
import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

import autodiff as ad
from nn import random
from nn.errors import UserError
from nn.module import Module, call_observers
from nn.summary import Recorder, arrays_in, readable_bytes, table

__all__ = ["Memory", "Row", "measure"]


@dataclass(frozen=True)
class Row:
    """One call of a module. Sizes are in bytes, and each array is counted in one row only.

    depth, name: as in a summary.
    outputs, output_bytes: the shapes of the arrays in its result, and their size.
    parameters, gradients: the size of its own parameters, and of their gradients.
    kept: the size of what it keeps for the backward pass, beside parameters and inputs.
    """

    depth: int
    name: str
    outputs: tuple[tuple[int, ...], ...]
    output_bytes: int
    parameters: int
    gradients: int
    kept: int


@dataclass(frozen=True)
class Step:
    """The forward and the backward pass of one batch, in bytes.

    rows: every call of a module, in order. inputs: the inputs and the targets.
    moments: all that there is at each step of the backward pass.
    """

    samples: int
    rows: tuple[Row, ...]
    inputs: int
    moments: tuple[int, ...]


class Memory:
    """What a forward and a backward pass need for so many `samples`, in bytes. Print it.

    rows: every call of a module, in order.
    inputs: the size of the inputs and the targets.
    parameters, gradients: of all rows.
    kept: what the forward pass leaves for the backward pass, of all rows.
    total: inputs, parameters, gradients and what is kept.
    peak: the most that there is at one moment of the backward pass. As it goes back, gradients of
        activations come and go, those of parameters come and stay, and what was kept goes.
    """

    def __init__(self, once: Step, twice: Step, samples: int) -> None:
        def extrapolated(small: int, large: int) -> int:
            return small + (large - small) * (samples - once.samples) // once.samples

        self._measured = once, twice
        self.samples = samples
        self.rows = [
            Row(
                row.depth,
                row.name,
                tuple(
                    tuple(map(extrapolated, *shapes))
                    for shapes in zip(row.outputs, larger.outputs, strict=True)
                ),
                extrapolated(row.output_bytes, larger.output_bytes),
                row.parameters,
                row.gradients,
                extrapolated(row.kept, larger.kept),
            )
            for row, larger in zip(once.rows, twice.rows, strict=True)
        ]
        self.inputs = extrapolated(once.inputs, twice.inputs)
        self.parameters = sum(row.parameters for row in self.rows)
        self.gradients = sum(row.gradients for row in self.rows)
        self.kept = sum(row.kept for row in self.rows)
        self.total = self.inputs + self.parameters + self.gradients + self.kept
        self.peak = max(map(extrapolated, once.moments, twice.moments))

    def for_samples(self, samples: int) -> Memory:
        """The same for a batch of another size, such as a whole data set."""
        return Memory(*self._measured, samples)

    def __str__(self) -> str:
        header = ("module", "output", "output bytes", "parameters", "gradients", "kept")
        body = [
            (
                "  " * row.depth + row.name,
                ", ".join(map(str, row.outputs)),
                *map(readable_bytes, (row.output_bytes, row.parameters, row.gradients, row.kept)),
            )
            for row in self.rows
        ]
        sums = map(readable_bytes, (self.parameters, self.gradients, self.kept))
        return (
            f"{table([header, *body, ('total', '', '', *sums)])}\n"
            f"batch of {self.samples:,}: {readable_bytes(self.inputs)} of inputs and targets, "
            f"{readable_bytes(self.total)} in all, {readable_bytes(self.peak)} at the peak"
        )

    __repr__ = __str__


def measure(
    model: Module, inputs: tuple[Any, ...], loss: Callable[..., Any] | None, targets: Any
) -> Memory:
    """The memory of a training step; see `Module.memory`."""
    labels = () if targets is None else (targets,)
    samples = _samples((*inputs, *labels))
    generator = random.default_rng().bit_generator
    state = generator.state
    try:
        once = _step(model, inputs, labels, loss)
        twice = _step(model, _doubled(inputs), _doubled(labels), loss)
    finally:
        generator.state = state
    if len(once.moments) != len(twice.moments):
        raise UserError(
            f"{type(model).__name__}: the graph of {2 * samples} samples is not that of {samples} "
            "with larger arrays, so its memory cannot be extrapolated; use a model that does the "
            "same with every sample"
        )
    return Memory(once, twice, samples)


def _samples(arrays: Iterable[Any]) -> int:
    """The length of the first axes."""
    lengths = {np.shape(array)[:1] for array in arrays}
    if len(lengths) != 1 or lengths <= {(), (0,)}:
        shapes = ", ".join(str(np.shape(array)) for array in arrays)
        raise ad.errors.ShapeError(
            f"memory: the inputs and targets have the shapes {shapes}; give arrays that have the "
            "same number of samples, at least one, along their first axes"
        )
    return lengths.pop()[0]


def _doubled(arrays: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(np.concatenate([array, array]) for array in arrays)


def _step(
    model: Module,
    inputs: tuple[Any, ...],
    targets: tuple[Any, ...],
    loss: Callable[..., Any] | None,
) -> Step:
    """What the graph of one forward pass in training mode says."""
    model = copy.deepcopy(model).train()  # the running means, generators and mode stay as they are
    with ad.trace() as trace, ad.enable_grad():
        recorder = _Recorder(trace)
        call_observers.append(recorder)
        try:
            result = model(*inputs)
            if loss is not None:
                result = (loss if isinstance(loss, Module) else Loss(loss))(result, *targets)
        finally:
            call_observers.remove(recorder)
    given = (*inputs, *targets)
    existing = [*given, *model.parameters(), *(buffer for _, buffer in model.named_buffers())]
    graph = _Graph(arrays_in(result), existing, trace.copies)
    kept: Counter[int] = Counter()
    for node, size in graph.first_kept():
        kept[recorder.row_of(node)] += size
    rows = tuple(
        Row(
            call.depth,
            call.name,
            call.outputs,
            call.output_bytes,
            call.parameter_bytes,
            call.gradient_bytes,
            kept[index],
        )
        for index, call in enumerate(recorder.rows)
    )
    size_given = sum(array.nbytes for array in given)
    always = size_given + sum(parameter.nbytes for parameter in model.parameters())
    moments = tuple(always + size for size in graph.on_the_way_back())
    return Step(len(given[0]), rows, size_given, moments)


class Loss(Module):
    """A loss that is a plain function, so that it has a row too."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def forward(self, *args: Any) -> Any:
        return self.function(*args)


class _Recorder(Recorder):
    """Writes rows as for a summary, and notes which row each node of the graph belongs to."""

    def __init__(self, trace: Any) -> None:
        super().__init__()
        self._trace = trace
        self._seen = 0  # operations of the trace
        self._ends: list[int] = []  # the number of the last node of each stretch of operations,
        self._rows: list[int] = []  # and the innermost call during that stretch

    def entered(self, module: Module) -> None:
        self._end_stretch()
        super().entered(module)

    def left(self, module: Module, result: Any) -> None:
        self._end_stretch(arrays_in(result))
        super().left(module, result)

    def _end_stretch(self, results: Iterable[Any] = ()) -> None:
        if not self._open:
            return
        made = [value for op in self._trace.operations[self._seen :] for value in op.outputs]
        self._seen = len(self._trace)
        # a checkpoint's node is in no trace, but its result is a result of the module
        nodes = (getattr(value, "node", None) for value in (*made, *results))
        last = max((node.order for node in nodes if node is not None), default=0)
        self._ends.append(max(last, self._ends[-1] if self._ends else 0))
        innermost = self._open[-1][1]
        self._rows.append(next(i for i, row in enumerate(self.rows) if row is innermost))

    def row_of(self, node: Any) -> int:
        """The index of the row of the call that made `node`."""
        return self._rows[bisect_left(self._ends, node.order)]


class _Graph:
    """The nodes that a backward pass from `results` visits, and the memory that each keeps.

    existing: arrays and parameters that are there anyway.
    copies: small arrays, with the copies that nodes keep of them. Those of existing arrays do not
        count: of larger batches there are none.
    """

    def __init__(
        self, results: Iterable[Any], existing: Iterable[Any], copies: Iterable[tuple[Any, Any]]
    ) -> None:
        tensors = [value for value in results if isinstance(value, ad.Tensor)]
        roots: set[Any] = {tensor.node for tensor in tensors if tensor.node is not None}
        found, stack = set(roots), [*roots]
        while stack:
            for parent in stack.pop().parents():
                if parent not in found:
                    found.add(parent)
                    stack.append(parent)
        self._roots = roots
        self._nodes = sorted(found, key=lambda node: -node.order)  # in the order of the way back
        there = {id(_owner(a)) for a in existing}
        there |= {id(copy) for given, copy in copies if id(_owner(given)) in there}
        # of each node: the size of each piece of memory, by its identity
        self._saved = {
            node: {
                id(owner): owner.nbytes
                for owner in map(_owner, node.saved())
                if id(owner) not in there
            }
            for node in self._nodes
        }

    def first_kept(self) -> Iterator[tuple[Any, int]]:
        """Each node with the size of what it keeps and no older node does."""
        seen = set()
        for node in reversed(self._nodes):
            saved = self._saved[node]
            yield node, sum(size for piece, size in saved.items() if piece not in seen)
            seen.update(saved)

    def on_the_way_back(self) -> Iterator[int]:
        """What is kept, and the gradients that exist, while each node is visited."""
        keepers = Counter(piece for saved in self._saved.values() for piece in saved)
        kept = sum(size for _, size in self.first_kept())
        gradients = {node: _size(node) for node in self._roots}
        yield kept + sum(gradients.values())
        for node in self._nodes:
            if node.order == 0:
                break  # leaves are all that is left
            for parent in node.parents():
                if parent.shape is None:  # of an operation with several values: their gradients
                    gradients[parent] = gradients.get(parent, 0) + gradients.pop(node)
                else:
                    gradients.setdefault(parent, _size(parent))
            yield kept + sum(gradients.values())
            gradients.pop(node, None)
            for piece, size in self._saved[node].items():
                keepers[piece] -= 1
                kept -= size if not keepers[piece] else 0


def _owner(array: Any) -> np.ndarray:
    """The array whose memory a view or a tensor shows."""
    array = ad.borrowed(array) if isinstance(array, ad.Tensor) else array
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _size(node: Any) -> int:
    """The size of a gradient."""
    return math.prod(node.shape or ()) * node.dtype.itemsize
