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

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nn import data, errors, functional, init, optim, training
from nn.layers import (
    ELU,
    GELU,
    GLU,
    GRU,
    LSTM,
    MLP,
    RNN,
    SELU,
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    BatchNorm1d,
    BatchNorm2d,
    BatchNorm3d,
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
    Dropout,
    Embedding,
    Flatten,
    GroupNorm,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    Identity,
    Lambda,
    LayerNorm,
    LeakyReLU,
    Linear,
    LogSigmoid,
    LogSoftmax,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
    Mish,
    MultiHeadAttention,
    PReLU,
    ReLU,
    ReLU6,
    Residual,
    RMSNorm,
    Sequential,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Softsign,
    Tanh,
    TransformerBlock,
    activation,
)
from nn.losses import (
    BCELoss,
    BCEWithLogitsLoss,
    CosineEmbeddingLoss,
    CrossEntropyLoss,
    HingeLoss,
    HuberLoss,
    KLDivLoss,
    L1Loss,
    MSELoss,
    MultiHingeLoss,
    NLLLoss,
    SmoothL1Loss,
    TripletMarginLoss,
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    cosine_similarity,
    cross_entropy,
    hinge_loss,
    huber_loss,
    kl_div,
    l1_loss,
    mse_loss,
    multi_hinge_loss,
    nll_loss,
    smooth_l1_loss,
    triplet_margin_loss,
)
from nn.module import Module, Parameter
from nn.random import default_rng, seed
from nn.training import (
    Callback,
    Checkpoint,
    EarlyStopping,
    History,
    LivePlot,
    Plateau,
    ProgressBar,
    ReduceOnPlateau,
    Scheduler,
    Trainer,
    load_checkpoint,
    save_checkpoint,
)

if TYPE_CHECKING:
    from nn.commands.loading import LoadedRun

__all__ = [
    "ELU",
    "GELU",
    "GLU",
    "GRU",
    "LSTM",
    "MLP",
    "RNN",
    "SELU",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BCELoss",
    "BCEWithLogitsLoss",
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "Callback",
    "Checkpoint",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "CosineEmbeddingLoss",
    "CrossEntropyLoss",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "Flatten",
    "GroupNorm",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "HingeLoss",
    "History",
    "HuberLoss",
    "Identity",
    "KLDivLoss",
    "L1Loss",
    "Lambda",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LivePlot",
    "LogSigmoid",
    "LogSoftmax",
    "MSELoss",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Mish",
    "Module",
    "MultiHeadAttention",
    "MultiHingeLoss",
    "NLLLoss",
    "PReLU",
    "Parameter",
    "Plateau",
    "ProgressBar",
    "RMSNorm",
    "ReLU",
    "ReLU6",
    "ReduceOnPlateau",
    "Residual",
    "Scheduler",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "SmoothL1Loss",
    "Softmax",
    "Softplus",
    "Softsign",
    "Tanh",
    "Trainer",
    "TransformerBlock",
    "TripletMarginLoss",
    "activation",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "data",
    "default_rng",
    "errors",
    "functional",
    "hinge_loss",
    "huber_loss",
    "init",
    "kl_div",
    "l1_loss",
    "load_checkpoint",
    "load_run",
    "mse_loss",
    "multi_hinge_loss",
    "nll_loss",
    "optim",
    "save_checkpoint",
    "seed",
    "smooth_l1_loss",
    "training",
    "triplet_margin_loss",
]


def load_run(folder: str | os.PathLike[str]) -> LoadedRun:
    """The finished run in a folder that `python -m nn train` wrote, ready to predict.

    Raises RunError or CheckpointError for a folder that is no finished run.

        run = nn.load_run("runs/digits-1")
        run.model, run.scaling, run.classes
        run.predict(["one.png", "folder/"])  # names of classes; arrays will do too
    """
    from nn.commands.loading import LoadedRun  # which `import nn` does not need

    return LoadedRun.open(Path(folder))
