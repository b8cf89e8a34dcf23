"""Functions that do not ask the library, or make no sense on tensors; and those without arrays.

NumPy converts the arguments of some functions without asking anybody. A tensor that is being
differentiated then refuses to become an array, with a message that says what to write; the
reasons are listed here, for the coverage table and its test.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autodiff.declare.primitive import constant, unsupported


def _known(*names: str) -> list[Any]:
    """The functions of NumPy with these names, as far as the installed version has them."""
    return [getattr(np, name) for name in names if name in dir(np)]


unsupported(
    *_known("array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray"),
    *_known("asarray_chkfinite", "full", "arange"),
    instead="NumPy converts without asking; import autodiff.numpy, which has this function for "
    "tensors, or use np.stack",
)
unsupported(np.fromiter, instead="use np.stack([...])")
unsupported(np.frompyfunc, instead="declare the function with ad.primitive, or write it in NumPy")
unsupported(*_known("asmatrix", "bmat"), instead="np.matrix holds no tensors; use np.block")
unsupported(np.require, instead="a tensor has no memory layout; use t.astype or t.numpy()")
unsupported(np.from_dlpack, instead="it shares memory, which carries no gradient; use t.numpy()")
unsupported(np.nested_iters, instead="iterate over np.ndindex(t.shape) and index the tensor")
unsupported(
    np.kaiser,
    instead="NumPy converts beta without asking; with x = np.linspace(-1, 1, n) write "
    "np.i0(beta * np.sqrt(1 - x**2)) / np.i0(beta)",
)

# ---------------------------------------------------------------- no array goes in

constant(
    *_known("zeros", "ones", "empty", "eye", "identity", "tri", "indices"),
    *_known("diag_indices", "tril_indices", "triu_indices", "mask_indices"),
    *_known("bartlett", "blackman", "hamming", "hanning"),
    np.fft.fftfreq,
    np.fft.rfftfreq,
    np.fromfunction,
)
constant(  # bytes and files
    *_known("frombuffer", "fromfile", "fromregex", "fromstring", "genfromtxt", "load", "loadtxt"),
)
constant(  # shapes, dtypes, text
    *_known("broadcast_shapes", "isdtype", "issubdtype", "promote_types", "mintypecode"),
    *_known("typename", "datetime_data", "base_repr", "binary_repr"),
    *_known("format_float_positional", "format_float_scientific"),
    *_known("iterable", "isscalar", "isfortran", "info"),
)
constant(  # settings
    *_known("geterr", "seterr", "geterrcall", "seterrcall", "getbufsize", "setbufsize"),
    *_known("get_printoptions", "set_printoptions", "printoptions"),
    *_known("get_include", "show_config", "show_runtime"),
)

# ---------------------------------------------------------------- bits, dates

constant(*_known("packbits", "unpackbits", "bitwise_count"))
constant(*_known("busday_count", "busday_offset", "is_busday", "datetime_as_string"))
