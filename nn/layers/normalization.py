"""Layers that give activations mean 0 and variance 1, and then a learned scale and offset."""

import math
from typing import Any, ClassVar

import numpy as np
from numpy.typing import DTypeLike

import autodiff as ad
from nn import functional as F
from nn.arrays import numbers
from nn.module import Module, Parameter

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "LayerNorm", "RMSNorm"]


class _Affine(Module):
    """What they share: a learned scale and offset, in one of two shapes."""

    weight: Parameter | None
    bias: Parameter | None
    eps: float

    def _make(
        self, shape: int | tuple[int, ...], eps: float, affine: bool, bias: bool, dtype: DTypeLike
    ) -> None:
        if not eps > 0:
            raise ValueError(f"{type(self).__name__}: eps is {eps}; give a small positive number")
        self.eps = eps
        self.weight = Parameter(np.ones(shape, dtype)) if affine else None
        self.bias = Parameter(np.zeros(shape, dtype)) if affine and bias else None

    def _scaled(self, x: Any, axes: int = 0) -> Any:
        """`x` times the weight plus the bias; these belong to the axis before the last `axes`."""
        if self.weight is not None:
            x = x * _column(self.weight, axes)
        return x if self.bias is None else x + _column(self.bias, axes)

    def _unusual(self) -> list[str]:
        """The settings of the scale and offset that `repr` shows."""
        if self.weight is None:
            return ["affine=False"]
        return [] if self.weight.dtype == np.float32 else [f"dtype={self.weight.dtype}"]


def _column(parameter: Any, axes: int) -> Any:
    return np.reshape(parameter, (-1,) + (1,) * axes) if axes else parameter


class LayerNorm(_Affine):
    """Each sample normalised over its last axes.

    shape: the lengths of these axes; a number for the last one alone.
    affine: whether there are a weight and a bias of this shape; bias=False leaves out the latter.

    J. L. Ba, J. R. Kiros, G. E. Hinton, "Layer normalization", 2016.

    >>> LayerNorm(3)(np.array([[1.0, 2.0, 3.0]])).numpy().round(3)
    array([[-1.225,  0.   ,  1.225]])
    """

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        eps: float = 1e-5,
        affine: bool = True,
        bias: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self._make(self.shape, eps, affine, bias, dtype)

    def forward(self, x: Any) -> Any:
        _check_last(self, x, self.shape)
        return self._scaled(F.normalize(x, _last_axes(self.shape), self.eps)[0])

    def extra_repr(self) -> str:
        shape = self.shape[0] if len(self.shape) == 1 else self.shape
        return ", ".join([str(shape), *self._unusual()])


class RMSNorm(_Affine):
    """Each sample divided by the root of the mean square over its last axes.

    shape, affine: as for `LayerNorm`; there is no bias.

    B. Zhang, R. Sennrich, "Root mean square layer normalization", NeurIPS 2019.

    >>> RMSNorm(2, eps=1e-9)(np.array([3.0, 4.0])).numpy().round(3)
    array([0.849, 1.131])
    """

    def __init__(
        self,
        shape: int | tuple[int, ...],
        *,
        eps: float = 1e-6,
        affine: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.shape = (shape,) if isinstance(shape, int) else tuple(shape)
        self._make(self.shape, eps, affine, False, dtype)

    def forward(self, x: Any) -> Any:
        x = numbers(x, "inputs", self)
        _check_last(self, x, self.shape)
        wide = x.astype(np.float32) if x.dtype == np.float16 else x  # 256 squared is too large
        square = np.mean(np.square(wide), axis=_last_axes(self.shape), keepdims=True)
        return self._scaled((wide * (1 / np.sqrt(square + self.eps))).astype(x.dtype))

    def extra_repr(self) -> str:
        shape = self.shape[0] if len(self.shape) == 1 else self.shape
        return ", ".join([str(shape), *self._unusual()])


def _last_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(range(-len(shape), 0))


def _check_last(layer: Module, x: Any, shape: tuple[int, ...]) -> None:
    if np.shape(x)[-len(shape) :] != shape:
        raise ad.errors.ShapeError(
            f"{layer!r}: the input has shape {np.shape(x)}, but its last axes must be {shape}"
        )


class GroupNorm(_Affine):
    """Each sample normalised over groups of channels, and over all places.

    x: (n, channels, *size). groups: how many; one is a layer normalisation over all but n, as many
    as channels an instance normalisation. weight, bias: (channels,).

    Y. Wu, K. He, "Group normalization", ECCV 2018.

    >>> GroupNorm(2, 4)(np.zeros((1, 4, 3, 3))).shape
    (1, 4, 3, 3)
    """

    def __init__(
        self,
        groups: int,
        channels: int,
        *,
        eps: float = 1e-5,
        affine: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if groups < 1 or channels % groups:
            raise ValueError(
                f"GroupNorm: {channels} channels do not fall into {groups} groups of equal size"
            )
        self.groups = groups
        self.channels = channels
        self._make(channels, eps, affine, True, dtype)

    def forward(self, x: Any) -> Any:
        shape = np.shape(x)
        if len(shape) < 2 or shape[1] != self.channels:
            raise ad.errors.ShapeError(
                f"{self!r}: the input has shape {shape}, but (n, {self.channels}, ...) is needed"
            )
        grouped = np.reshape(x, (shape[0], self.groups, math.prod(shape[1:]) // self.groups))
        normal, _, _ = F.normalize(grouped, -1, self.eps)
        return self._scaled(np.reshape(normal, shape), len(shape) - 2)

    def extra_repr(self) -> str:
        return ", ".join([f"{self.groups}, {self.channels}", *self._unusual()])


class _BatchNorm(_Affine):
    """Each channel normalised over the batch and all places."""

    buffer_names = ("running_mean", "running_var")
    dims: ClassVar[tuple[int, ...]]  # how many axes the input may have

    def __init__(
        self,
        channels: int,
        *,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.channels = channels
        self.momentum = momentum
        self._make(channels, eps, affine, True, dtype)
        wide = np.result_type(dtype, np.float32)  # variances are too large for float16
        self.running_mean = np.zeros(channels, wide)
        self.running_var = np.ones(channels, wide)

    def forward(self, x: Any) -> Any:
        x = numbers(x, "inputs", self)
        shape = x.shape
        if len(shape) not in self.dims or shape[1] != self.channels:
            raise ad.errors.ShapeError(
                f"{self!r}: the input has shape {shape}, but (n, {self.channels}"
                f"{', ...' if max(self.dims) > 2 else ''}) with "
                f"{' or '.join(map(str, self.dims))} axes is needed"
            )
        after = len(shape) - 2
        if self.training:
            return self._scaled(self._normalized(x, shape), after)
        scale = 1 / np.sqrt(self.running_var + self.eps)
        if self.weight is not None:
            scale = scale * self.weight
        offset = -self.running_mean * scale
        if self.bias is not None:
            offset = offset + self.bias
        y = x * _column(scale, after) + _column(offset, after)
        return y.astype(x.dtype) if x.dtype == np.float16 else y

    def _normalized(self, x: Any, shape: tuple[int, ...]) -> Any:
        """The batch normalised by its own mean and variance, which the running ones follow."""
        count = shape[0] * math.prod(shape[2:])
        if count < 2:
            raise ValueError(
                f"{self!r}: the variance of a batch of shape {shape} is not defined, there is only "
                "one value for each channel; give more samples, or call eval()"
            )
        normal, mean, variance = F.normalize(x, (0, *range(2, len(shape))), self.eps)
        self.running_mean = self._follow(self.running_mean, mean)
        self.running_var = self._follow(self.running_var, variance, count / (count - 1))
        return normal

    def _follow(self, running: np.ndarray, found: Any, factor: float = 1.0) -> np.ndarray:
        """`running`, moved towards `factor` times what was found in the batch."""
        value = found.detach().numpy() if isinstance(found, ad.Tensor) else found
        moved = running + self.momentum * (factor * value.reshape(-1) - running)
        return moved.astype(running.dtype, copy=False)

    def extra_repr(self) -> str:
        parts = [str(self.channels)]
        if self.momentum != 0.1:
            parts.append(f"momentum={self.momentum}")
        return ", ".join([*parts, *self._unusual()])


class BatchNorm1d(_BatchNorm):
    """`BatchNorm2d` for inputs (n, channels) or (n, channels, length)."""

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Each channel of (n, channels, height, width) normalised over the batch and all places.

    In training, by the batch's own mean and variance; the running ones move towards these (the
    variance with divisor count - 1) by the share `momentum`. In evaluation, by the running ones.

    weight, bias: (channels,), unless affine=False. running_mean, running_var: (channels,), buffers.

    S. Ioffe, C. Szegedy, "Batch normalization", ICML 2015.

    >>> layer = BatchNorm2d(3)
    >>> layer(np.ones((2, 3, 4, 4))).shape, layer.running_mean
    ((2, 3, 4, 4), array([0.1, 0.1, 0.1], dtype=float32))
    """

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm2d` for inputs (n, channels, depth, height, width)."""

    dims = (5,)
