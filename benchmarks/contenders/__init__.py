"""Who takes part. Each module has one function per kind of work that it can do.

Such a function gets the arguments of a case and returns a step to be timed: a function without
arguments. A step returns its results (loss, gradients), so that a test can see that all
contenders compute the same; nothing in a step exists only for that. A step that measures its own
parts returns a dict of numbers instead.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["CONTENDERS", "Contender"]


@dataclass(frozen=True)
class Contender:
    """One library, or one way of using it.

    module: in this package. imports: what its users import. packages: the distributions whose
    versions are reported. settings: added to the arguments of every case. environment: variables
    that are set for it.
    """

    about: str
    module: str
    imports: str
    packages: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


_NUMPY = ("numpy", ("numpy",))
_MYGRAD = ("mygrad_tensors", "mygrad", ("mygrad",))
_TORCH = ("pytorch", "torch", ("torch",))

CONTENDERS = {
    "autodiff": Contender("this engine", "engine", "autodiff", ("autodiff-numpy",)),
    "numpy": Contender("NumPy by hand, as a student writes it", "numpy_plain", *_NUMPY),
    "numpy-best": Contender(
        "NumPy by hand at its best: fewest passes, buffers made once", "numpy_best", *_NUMPY
    ),
    "micrograd": Contender("micrograd", "micrograd_values", "micrograd.engine", ("micrograd",)),
    "autograd": Contender("HIPS autograd", "hips", "autograd.numpy", ("autograd",)),
    "mygrad": Contender("MyGrad as it is, memory guarding on", *_MYGRAD),
    "mygrad-unguarded": Contender(
        "MyGrad, memory guarding off, as its documentation advises where speed counts",
        *_MYGRAD,
        environment={"MYGRAD_MEM_GUARD": "False"},
    ),
    "torch": Contender("PyTorch eager", *_TORCH),
    "torch-foreach": Contender(
        "PyTorch eager, optimizers with foreach=True", *_TORCH, {"foreach": True}
    ),
    "torch-fused": Contender("PyTorch eager, optimizers with fused=True", *_TORCH, {"fused": True}),
    "torch-compile": Contender(
        "PyTorch, torch.compile around the loss and the optimizer's step",
        *_TORCH,
        {"compiled": True},
    ),
    "jax": Contender("JAX, the whole step jitted", "jax_jit", "jax", ("jax", "jaxlib")),
    "sklearn": Contender(
        "scikit-learn, MLPClassifier.partial_fit",
        "scikit",
        "sklearn.neural_network",
        ("scikit-learn",),
    ),
}
