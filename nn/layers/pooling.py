"""Pooling over one, two or three axes."""

from typing import Any, ClassVar

import numpy as np

import autodiff as ad
from nn import functional as F
from nn.module import Module

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]

PerAxis = int | tuple[int, ...]


class _Pooling(Module):
    """What all pooling shares: a number of axes, and the check of the input."""

    axes: ClassVar[int]

    def forward(self, x: Any) -> Any:
        if np.ndim(x) != self.axes + 2:
            names = ("length", "height, width", "depth, height, width")[self.axes - 1]
            raise ad.errors.ShapeError(
                f"{self!r}: the input has shape {np.shape(x)}, but (n, channels, {names}) is needed"
            )
        return self._pool(x)

    def _pool(self, x: Any) -> Any:
        raise NotImplementedError


class _Pool(_Pooling):
    def __init__(
        self, kernel_size: PerAxis, stride: PerAxis | None = None, *, padding: PerAxis = 0
    ) -> None:
        self.kernel_size = self._tuple(kernel_size)
        self.stride = self.kernel_size if stride is None else self._tuple(stride)
        self.padding = self._tuple(padding)

    def _tuple(self, value: PerAxis) -> tuple[int, ...]:
        numbers = value if isinstance(value, tuple) else (value,) * self.axes
        if len(numbers) != self.axes:
            raise ValueError(
                f"{type(self).__name__}: {value!r} does not fit; give one number, or one for each "
                f"of {self.axes} axes"
            )
        return numbers

    def extra_repr(self) -> str:
        parts = [str(_short(self.kernel_size))]
        if self.stride != self.kernel_size:
            parts.append(f"stride={_short(self.stride)}")
        if any(self.padding):
            parts.append(f"padding={_short(self.padding)}")
        return ", ".join(parts)


def _short(numbers: tuple[int, ...]) -> Any:
    return numbers[0] if len(set(numbers)) == 1 else numbers


class _MaxPool(_Pool):
    def __init__(
        self,
        kernel_size: PerAxis,
        stride: PerAxis | None = None,
        *,
        padding: PerAxis = 0,
        dilation: PerAxis = 1,
    ) -> None:
        super().__init__(kernel_size, stride, padding=padding)
        self.dilation = self._tuple(dilation)

    def _pool(self, x: Any) -> Any:
        return F.max_pool(
            x, self.kernel_size, stride=self.stride, padding=self.padding, dilation=self.dilation
        )

    def extra_repr(self) -> str:
        spaced = set(self.dilation) != {1}
        return super().extra_repr() + (f", dilation={_short(self.dilation)}" if spaced else "")


class MaxPool1d(_MaxPool):
    """The maximum of each window over sequences (n, channels, length); see `MaxPool2d`."""

    axes = 1


class MaxPool2d(_MaxPool):
    """The maximum of each window over images (n, channels, height, width).

    kernel_size, dilation: a number, or one for each axis. stride: by default the kernel_size, so
    that windows lie side by side. padding: how far a window may reach beyond the ends, at most half
    of its length; what lies there does not count. Equal maxima share the gradient equally.

    >>> import numpy as np
    >>> MaxPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 5.,  7.],
             [13., 15.]]]])
    """

    axes = 2


class MaxPool3d(_MaxPool):
    """The maximum of each window over volumes (n, channels, depth, height, width)."""

    axes = 3


class _AvgPool(_Pool):
    def __init__(
        self,
        kernel_size: PerAxis,
        stride: PerAxis | None = None,
        *,
        padding: PerAxis = 0,
        count_padding: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding=padding)
        self.count_padding = count_padding

    def _pool(self, x: Any) -> Any:
        return F.avg_pool(
            x,
            self.kernel_size,
            stride=self.stride,
            padding=self.padding,
            count_padding=self.count_padding,
        )

    def extra_repr(self) -> str:
        return super().extra_repr() + ("" if self.count_padding else ", count_padding=False")


class AvgPool1d(_AvgPool):
    """The mean of each window over sequences (n, channels, length); see `AvgPool2d`."""

    axes = 1


class AvgPool2d(_AvgPool):
    """The mean of each window over images (n, channels, height, width).

    Settings as for `MaxPool2d`; count_padding: whether what lies beyond the ends counts as zeros.

    >>> import numpy as np
    >>> AvgPool2d(2)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[ 2.5,  4.5],
             [10.5, 12.5]]]])
    """

    axes = 2


class AvgPool3d(_AvgPool):
    """The mean of each window over volumes (n, channels, depth, height, width)."""

    axes = 3


class _Adaptive(_Pooling):
    def __init__(self, output_size: PerAxis) -> None:
        self.output_size = output_size

    def extra_repr(self) -> str:
        return str(self.output_size)


class _AdaptiveAvgPool(_Adaptive):
    def _pool(self, x: Any) -> Any:
        return F.adaptive_avg_pool(x, self.output_size)


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The means over `output_size` windows of sequences; see `AdaptiveAvgPool2d`."""

    axes = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The means over as many windows as `output_size` says, whatever the size of the images.

    >>> import numpy as np
    >>> AdaptiveAvgPool2d(1)(np.arange(16.0).reshape(1, 1, 4, 4))
    array([[[[7.5]]]])
    """

    axes = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The means over `output_size` windows of volumes; see `AdaptiveAvgPool2d`."""

    axes = 3


class _AdaptiveMaxPool(_Adaptive):
    def _pool(self, x: Any) -> Any:
        return F.adaptive_max_pool(x, self.output_size)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The maxima over `output_size` windows of sequences; see `AdaptiveAvgPool2d`."""

    axes = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The maxima over `output_size` windows of images; see `AdaptiveAvgPool2d`."""

    axes = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The maxima over `output_size` windows of volumes; see `AdaptiveAvgPool2d`."""

    axes = 3
