"""Convolutions and transposed convolutions over one, two or three axes."""

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

import autodiff as ad
from nn import functional as F
from nn import init
from nn.module import Module, Parameter
from nn.random import as_generator

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

PerAxis = int | tuple[int, ...]
Padding = PerAxis | tuple[tuple[int, int], ...] | str


class _Convolution(Module):
    """What all convolutions share: the settings, the initial weights, the check of the input."""

    axes: ClassVar[int]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        stride: PerAxis = 1,
        padding: Padding = 0,
        *,
        dilation: PerAxis = 1,
        groups: int = 1,
        bias: bool = True,
        weight_init: init.Initializer | None = None,
        bias_init: init.Initializer | None = None,
        dtype: DTypeLike = np.float32,
        rng: np.random.Generator | None = None,
    ) -> None:
        kind = type(self).__name__
        counts = {"in_channels": in_channels, "out_channels": out_channels, "groups": groups}
        for name, count in counts.items():
            if not isinstance(count, int | np.integer) or count < 1:
                raise ValueError(f"{kind}: {name} is {count!r}; give a whole number of at least 1")
        if in_channels % groups or out_channels % groups:
            raise ValueError(
                f"{kind}: {in_channels} input and {out_channels} output channels do not fall into "
                f"{groups} groups of equal size; choose a number that divides both"
            )
        self.in_channels = int(in_channels)
        self.out_channels = int(out_channels)
        self.kernel_size = self._numbers("kernel_size", kernel_size)
        self.stride = self._numbers("stride", stride)
        self.padding = padding
        self.dilation = self._numbers("dilation", dilation)
        self.groups = int(groups)
        rng = as_generator(rng, kind)
        shape = self._weight_shape()
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = Parameter(_initial(weight_init, shape, bound, rng, dtype))
        self.bias = (
            Parameter(_initial(bias_init, (self.out_channels,), bound, rng, dtype))
            if bias
            else None
        )

    def _numbers(self, name: str, value: PerAxis) -> tuple[int, ...]:
        numbers = (value,) * self.axes if isinstance(value, int | np.integer) else tuple(value)
        if len(numbers) != self.axes or min(numbers) < 1:
            raise ValueError(
                f"{type(self).__name__}: {name} is {value!r}; give a whole number of at least 1, "
                f"or {self.axes} of them"
            )
        return tuple(int(number) for number in numbers)

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.out_channels, self.in_channels // self.groups, *self.kernel_size)

    def _check(self, x: Any) -> None:
        shape = np.shape(x)
        if len(shape) != self.axes + 2 or shape[1] != self.in_channels:
            names = ("length", "height, width", "depth, height, width")[self.axes - 1]
            message = (
                f"{self!r}: the input has shape {shape}, but (n, {self.in_channels}, {names}) is "
                "needed"
            )
            if len(shape) == self.axes + 2 and shape[-1] == self.in_channels:
                message += "; move the channels to the second axis with np.moveaxis(x, -1, 1)"
            elif len(shape) == self.axes + 1:
                message += "; add an axis with x[None] (one image) or x[:, None] (one channel)"
            raise ad.errors.ShapeError(message)

    def extra_repr(self) -> str:
        parts = [str(self.in_channels), str(self.out_channels), str(_short(self.kernel_size))]
        for name, usual in (("stride", 1), ("padding", 0), ("dilation", 1), ("groups", 1)):
            value = _short(getattr(self, name))
            if value != usual:
                parts.append(f"{name}={value!r}")
        if self.bias is None:
            parts.append("bias=False")
        if self.weight.dtype != np.float32:
            parts.append(f"dtype={self.weight.dtype}")
        return ", ".join(parts)


def _initial(
    initializer: init.Initializer | None,
    shape: tuple[int, ...],
    bound: float,
    rng: np.random.Generator,
    dtype: DTypeLike,
) -> np.ndarray:
    if initializer is None:
        return init.uniform(shape, bound=bound, rng=rng, dtype=dtype)
    return initializer(shape, rng=rng, dtype=dtype)


def _short(value: Any) -> Any:
    """One number for a tuple of equal ones."""
    return value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value


class _Conv(_Convolution):
    def forward(self, x: Any) -> Any:
        self._check(x)
        return F.convolve(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
        )


class Conv1d(_Conv):
    """A kernel moved along sequences (n, in_channels, length); see `Conv2d`."""

    axes = 1


class Conv2d(_Conv):
    """A kernel moved over images (n, in_channels, height, width): (n, out_channels, h, w).

    weight: (out_channels, in_channels / groups, *kernel_size). bias: (out_channels,), or None with
        bias=False.
    kernel_size, stride, dilation: a number, or one for each axis.
    padding: zeros on both sides: a number, one for each axis, a pair (before, after) for each, or
        "same" (the size is kept; at stride 1) or "valid" (none).
    groups: into how many parts the channels fall; each output sees the inputs of its part alone.
    weight_init, bias_init, dtype, rng: as for `Linear`; by default uniform with the bound
        1 / sqrt(inputs that an output sees), as in PyTorch.

    >>> Conv2d(3, 16, 3, padding=1)(np.zeros((2, 3, 32, 32), np.float32)).shape
    (2, 16, 32, 32)
    """

    axes = 2


class Conv3d(_Conv):
    """A kernel moved through volumes (n, in_channels, depth, height, width); see `Conv2d`."""

    axes = 3


class _ConvTranspose(_Convolution):
    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: PerAxis,
        stride: PerAxis = 1,
        padding: Padding = 0,
        *,
        output_padding: PerAxis = 0,
        **settings: Any,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, stride, padding, **settings)
        self.output_padding = output_padding

    def _weight_shape(self) -> tuple[int, ...]:
        return (self.in_channels, self.out_channels // self.groups, *self.kernel_size)

    def forward(self, x: Any) -> Any:
        self._check(x)
        return F.convolve_transpose(
            x,
            self.weight,
            self.bias,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
            dilation=self.dilation,
            groups=self.groups,
        )

    def extra_repr(self) -> str:
        extra = f", output_padding={self.output_padding}" if self.output_padding else ""
        return super().extra_repr() + extra


class ConvTranspose1d(_ConvTranspose):
    """The transpose of `Conv1d`; see `ConvTranspose2d`."""

    axes = 1


class ConvTranspose2d(_ConvTranspose):
    """The transpose of `Conv2d` with the same settings: with a stride, images become larger.

    weight: (in_channels, out_channels / groups, *kernel_size). output_padding: how much longer the
    result is at the end of each axis, less than the stride. Other settings: as for `Conv2d`.

    >>> ConvTranspose2d(16, 3, 2, stride=2)(np.zeros((2, 16, 8, 8), np.float32)).shape
    (2, 3, 16, 16)
    """

    axes = 2


class ConvTranspose3d(_ConvTranspose):
    """The transpose of `Conv3d`; see `ConvTranspose2d`."""

    axes = 3
