"""Modules made of a row of others."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, overload

import numpy as np
from numpy.typing import DTypeLike

from nn import init
from nn.layers.activations import activation as make_activation
from nn.layers.dropout import Dropout
from nn.layers.linear import Linear
from nn.module import Module
from nn.random import as_generator

__all__ = ["MLP", "Sequential"]

Layer = Callable[[Any], Any]


class Sequential(Module):
    """Layers one after the other: modules, or any functions, such as np.tanh.

    >>> model = Sequential(Linear(4, 3), np.tanh, Linear(3, 2))
    >>> model[0], len(model), len(model[:-1])
    (Linear(4, 3), 3, 2)
    """

    def __init__(self, *layers: Layer) -> None:
        for index, layer in enumerate(layers):
            if not callable(layer):
                hint = "; unpack the list: Sequential(*layers)" if isinstance(layer, list) else ""
                raise TypeError(
                    f"Sequential: layer {index} is of type {type(layer).__name__}, which cannot be "
                    f"called; give modules or functions{hint}"
                )
            if isinstance(layer, type):
                raise TypeError(
                    f"Sequential: layer {index} is the class {layer.__name__}; make an object of "
                    f"it: {layer.__name__}(...)"
                )
        self.layers = list(layers)

    def forward(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> "Sequential": ...
    def __getitem__(self, index: int | slice) -> Any:
        """The layer at `index`; for a slice, a Sequential of the same layers (not copies)."""
        return Sequential(*self.layers[index]) if isinstance(index, slice) else self.layers[index]


class MLP(Sequential):
    """Linear layers with an activation, and dropout if wanted, after each but the last.

    sizes: the number of inputs, of the units of each hidden layer, and of outputs.
    activation: a name (see `nn.activation`), a class or a function; None for no activation.
    output_activation: the same for after the last layer.
    dropout: the probability with which a hidden unit is dropped in training.
    weight_init, bias_init, dtype, rng: as for `Linear`; `rng` also draws for dropout.

    >>> MLP([784, 64, 10], dropout=0.2)
    MLP(
      layers.0: Linear(784, 64)
      layers.1: ReLU()
      layers.2: Dropout(p=0.2)
      layers.3: Linear(64, 10)
    )
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        activation: str | Layer | None = "relu",
        output_activation: str | Layer | None = None,
        dropout: float = 0.0,
        weight_init: init.Initializer | None = None,
        bias_init: init.Initializer | None = None,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        sizes = list(sizes)
        if len(sizes) < 2:
            raise ValueError(
                f"MLP: sizes are {sizes}; give at least the number of inputs and of outputs"
            )
        as_generator(rng, "MLP")
        layers: list[Layer] = []
        for index in range(len(sizes) - 1):
            last = index == len(sizes) - 2
            layers.append(
                Linear(
                    sizes[index],
                    sizes[index + 1],
                    weight_init=weight_init,
                    bias_init=bias_init,
                    dtype=dtype,
                    rng=rng,
                )
            )
            kind = output_activation if last else activation
            if kind is not None:
                layers.append(make_activation(kind))
            if dropout and not last:
                layers.append(Dropout(dropout, rng=rng))
        super().__init__(*layers)
        self.sizes = sizes
