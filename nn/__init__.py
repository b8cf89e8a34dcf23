"""Neural networks on top of `autodiff`: plain NumPy code, recorded and differentiated.

>>> import numpy as np
>>> import nn
>>> rng = np.random.default_rng(0)
>>> model = nn.MLP([2, 16, 2], activation="tanh", rng=rng)
>>> optimizer = nn.optim.Adam(model.parameters(), lr=0.05)
>>> x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
>>> y = np.array([0, 1, 1, 0])
>>> for _ in range(100):
...     loss = nn.cross_entropy(model(x), y)
...     optimizer.zero_grad()
...     loss.backward()
...     optimizer.step()
>>> model(x).argmax(axis=1)
array([0, 1, 1, 0])
"""

from nn import data, errors, functional, init, optim, training
from nn.layers import (
    MLP,
    Dropout,
    Flatten,
    Identity,
    Linear,
    LogSoftmax,
    ReLU,
    Sequential,
    Sigmoid,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    activation,
)
from nn.losses import CrossEntropyLoss, MSELoss, cross_entropy, mse_loss
from nn.module import Module, Parameter
from nn.random import default_rng, seed
from nn.training import (
    Callback,
    Checkpoint,
    EarlyStopping,
    History,
    LivePlot,
    ProgressBar,
    Trainer,
    load_checkpoint,
    save_checkpoint,
)

__all__ = [
    "MLP",
    "Callback",
    "Checkpoint",
    "CrossEntropyLoss",
    "Dropout",
    "EarlyStopping",
    "Flatten",
    "History",
    "Identity",
    "Linear",
    "LivePlot",
    "LogSoftmax",
    "MSELoss",
    "Module",
    "Parameter",
    "ProgressBar",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "Trainer",
    "activation",
    "cross_entropy",
    "data",
    "default_rng",
    "errors",
    "functional",
    "init",
    "load_checkpoint",
    "mse_loss",
    "optim",
    "save_checkpoint",
    "seed",
    "training",
]
