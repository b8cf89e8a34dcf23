"""Recurrent networks: the plain one, the GRU and the LSTM."""

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

import autodiff as ad
from nn import functional as F
from nn import init
from nn.arrays import numbers
from nn.module import Module, Parameter
from nn.random import as_generator

__all__ = ["GRU", "LSTM", "RNN"]


class _Direction(Module):
    """One layer of a recurrent network, run in one direction.

    weight_ih: (inputs, gates * hidden). weight_hh: (hidden, gates * hidden). bias_ih, bias_hh:
    (gates * hidden,), or None. They are PyTorch's, transposed, with the gates in the same order.
    """

    def __init__(
        self,
        inputs: int,
        hidden: int,
        gates: int,
        bias: bool,
        dtype: DTypeLike,
        rng: np.random.Generator,
    ) -> None:
        def initial(*shape: int) -> Parameter:
            return Parameter(init.uniform(shape, bound=1 / math.sqrt(hidden), rng=rng, dtype=dtype))

        self.weight_ih = initial(inputs, gates * hidden)
        self.weight_hh = initial(hidden, gates * hidden)
        self.bias_ih = initial(gates * hidden) if bias else None
        self.bias_hh = initial(gates * hidden) if bias else None

    def extra_repr(self) -> str:
        return f"{self.weight_ih.shape[0]}, {self.weight_hh.shape[0]}"


class _Recurrent(Module):
    """What the three share: layers of directions, and the walk along the sequence."""

    gates: ClassVar[int]
    states: ClassVar[int] = 1  # how many arrays the state of a layer consists of
    inner_bias: ClassVar[bool] = False  # whether the state's bias cannot be joined to the input's

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        bias: bool = True,
        bidirectional: bool = False,
        dropout: float = 0.0,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        kind = type(self).__name__
        sizes = {"input_size": input_size, "hidden_size": hidden_size, "num_layers": num_layers}
        for name, size in sizes.items():
            if not isinstance(size, int | np.integer) or size < 1:
                raise ValueError(f"{kind}: {name} is {size!r}; give a whole number of at least 1")
        if not 0 <= dropout < 1:
            raise ValueError(f"{kind}: dropout is {dropout}; give a probability below 1")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.rng = rng
        draws = as_generator(rng, kind)
        ways = 2 if bidirectional else 1
        self.layers = [
            [_Direction(width, hidden_size, self.gates, bias, dtype, draws) for _ in range(ways)]
            for width in [input_size] + [ways * hidden_size] * (num_layers - 1)
        ]

    def forward(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        x = numbers(x, "inputs", self)
        shape = x.shape
        if len(shape) != 3 or shape[2] != self.input_size:
            raise ad.errors.ShapeError(
                f"{type(self).__name__}({self.extra_repr()}): the input has shape {shape}, but "
                f"(n, length, {self.input_size}) is needed"
            )
        before = self._initial_states(state, shape[0], x)
        after = []
        directions = [direction for layer in self.layers for direction in layer]
        ways = len(self.layers[0])
        for index in range(len(self.layers)):
            if index and self.dropout and self.training:
                x = F.dropout(x, self.dropout, rng=self.rng)
            made = []
            for way in range(ways):
                at = index * ways + way
                outputs, last = self._run(directions[at], x, before[at], backwards=way == 1)
                made.append(outputs)
                after.append(last)
            x = made[0] if ways == 1 else np.concatenate(made, axis=-1)
        stacked = tuple(np.stack(parts) for parts in zip(*after, strict=True))
        return x, stacked if self.states > 1 else stacked[0]

    def _initial_states(self, state: Any, count: int, x: Any) -> list[tuple[Any, ...]]:
        """For each direction of each layer, the arrays (n, hidden) of its state."""
        number = len(self.layers) * len(self.layers[0])
        shape = (number, count, self.hidden_size)
        if state is None:
            weight = self.layers[0][0].weight_hh
            zeros = np.zeros(shape[1:], np.result_type(weight.dtype, x.dtype))
            return [(zeros,) * self.states] * number
        parts = (state,) if self.states == 1 else tuple(state)
        if len(parts) != self.states or any(np.shape(part) != shape for part in parts):
            raise ad.errors.ShapeError(
                f"{type(self).__name__}({self.extra_repr()}): the state has shapes "
                f"{[np.shape(part) for part in parts]}, but {self.states} of {shape} are needed"
            )
        return [tuple(part[index] for part in parts) for index in range(number)]

    def _run(
        self, cell: _Direction, x: Any, state: tuple[Any, ...], *, backwards: bool
    ) -> tuple[Any, tuple[Any, ...]]:
        """The outputs (n, length, hidden) of one direction, and its last state."""
        length = np.shape(x)[1]
        joined = x @ cell.weight_ih
        if cell.bias_ih is not None and cell.bias_hh is not None:
            joined = joined + (cell.bias_ih if self.inner_bias else cell.bias_ih + cell.bias_hh)
        if not length:
            return np.zeros((*np.shape(x)[:2], self.hidden_size), joined.dtype), state
        # One operation for all steps, so that the way back joins them once.
        steps = [np.squeeze(part, 1) for part in np.split(joined, length, axis=1)]
        outputs: list[Any] = [None] * length
        for at in reversed(range(length)) if backwards else range(length):
            state = self._step(cell, steps[at], state)
            outputs[at] = state[0]
        return np.stack(outputs, axis=1), state

    def _step(self, cell: _Direction, x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        """The next state, from the input's part of the gates (n, gates * hidden)."""
        raise NotImplementedError

    def extra_repr(self) -> str:
        parts = [f"{self.input_size}, {self.hidden_size}"]
        if self.bidirectional:
            parts.append("bidirectional=True")
        if self.dropout:
            parts.append(f"dropout={self.dropout}")
        return ", ".join(parts)


class RNN(_Recurrent):
    """h = tanh(x @ weight_ih + bias_ih + h @ weight_hh + bias_hh), along a sequence.

    Arguments as for `LSTM`; nonlinearity: "tanh" or "relu". The state is h alone.

    >>> output, state = RNN(3, 5)(np.zeros((2, 7, 3), np.float32))
    >>> output.shape, state.shape
    ((2, 7, 5), (1, 2, 5))
    """

    gates = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        *,
        nonlinearity: str = "tanh",
        **settings: Any,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity is {nonlinearity!r}; give 'tanh' or 'relu'")
        super().__init__(input_size, hidden_size, num_layers, **settings)
        self.nonlinearity = nonlinearity

    def _step(self, cell: _Direction, x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        total = x + state[0] @ cell.weight_hh
        return (np.tanh(total) if self.nonlinearity == "tanh" else F.relu(total),)


class GRU(_Recurrent):
    """The gated recurrent unit: gates r (reset), z (update) and n (new), in this order.

        r, z = sigmoid(...)        n = tanh(x_n + r * h_n)        h = (1 - z) * n + z * h

    where x_n and h_n are the input's and the state's part of n. Arguments as for `LSTM`; the state
    is h alone.

    K. Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014, in the
    form of PyTorch, where r multiplies the product and not the state.

    >>> output, state = GRU(3, 5)(np.zeros((2, 7, 3), np.float32))
    >>> output.shape, state.shape
    ((2, 7, 5), (1, 2, 5))
    """

    gates = 3
    inner_bias = True

    def _step(self, cell: _Direction, x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        (hidden,) = state
        size = self.hidden_size
        inner = hidden @ cell.weight_hh
        if cell.bias_hh is not None:
            inner = inner + cell.bias_hh
        gates = F.sigmoid(x[:, : 2 * size] + inner[:, : 2 * size])
        new = np.tanh(x[:, 2 * size :] + gates[:, :size] * inner[:, 2 * size :])
        update = gates[:, size:]
        return (new + update * (hidden - new),)


class LSTM(_Recurrent):
    """Long short-term memory: gates i (input), f (forget), g (new) and o (output), in this order.

        i, f, o = sigmoid(...)        g = tanh(...)        c = f * c + i * g        h = o * tanh(c)

    input_size, hidden_size: the features of the input and of the state. num_layers: layers one on
    top of the other. bidirectional: a second network reads each sequence from its end, and the
    outputs are joined. dropout: the probability of a zero between layers, in training.
    bias, dtype, rng: as for `Linear`; weights are uniform with the bound 1 / sqrt(hidden_size).

    Call it with x (n, length, input_size) and, if wanted, the state to start from. Returns the
    outputs of the last layer (n, length, hidden_size; twice as many if bidirectional) and the
    state after the last step: (h, c), each (num_layers, n, hidden_size), where each direction
    counts as a layer.

    S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9, 1997, with the
    forget gate of F. Gers et al., 2000.

    >>> output, (h, c) = LSTM(3, 5, num_layers=2)(np.zeros((2, 7, 3), np.float32))
    >>> output.shape, h.shape, c.shape
    ((2, 7, 5), (2, 2, 5), (2, 2, 5))
    """

    gates = 4
    states = 2

    def _step(self, cell: _Direction, x: Any, state: tuple[Any, ...]) -> tuple[Any, ...]:
        hidden, memory = state
        i, f, g, o = np.split(x + hidden @ cell.weight_hh, 4, axis=-1)
        memory = F.sigmoid(f) * memory + F.sigmoid(i) * np.tanh(g)
        return F.sigmoid(o) * np.tanh(memory), memory
