"""Optimizers: rules that change parameters by their gradients, in place.

>>> import numpy as np
>>> from nn import Parameter, optim
>>> x = Parameter(3.0)
>>> optimizer = optim.SGD([x], lr=0.25)
>>> for _ in range(20):
...     loss = np.square(x - 1)
...     optimizer.zero_grad()
...     loss.backward()
...     optimizer.step()
>>> round(x.item(), 4)
1.0
"""

from nn.names import look_up
from nn.optim.adagrad import Adadelta, Adagrad
from nn.optim.adam import Adam, AdamW
from nn.optim.averaging import EMA
from nn.optim.clipping import clip_grad_norm, clip_grad_value
from nn.optim.lbfgs import LBFGS
from nn.optim.lion import Lion
from nn.optim.optimizer import Optimizer, OptimizerStateError
from nn.optim.rmsprop import RMSprop
from nn.optim.sgd import SGD

__all__ = [
    "EMA",
    "LBFGS",
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "Optimizer",
    "OptimizerStateError",
    "RMSprop",
    "clip_grad_norm",
    "clip_grad_value",
    "get",
]

# By name. LBFGS is not among them: its steps need a closure.
OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "lion": Lion,
}


def get(name: str) -> type[Optimizer]:
    """The optimizer class of that name in `OPTIMIZERS`.

    Raises nn.names.UnknownNameError, which lists the names.

    >>> get("adam")
    <class 'nn.optim.adam.Adam'>
    """
    return look_up(OPTIMIZERS, name, "optimizer")
