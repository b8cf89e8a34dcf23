"""Layers give the outputs, gradients and trainings that PyTorch's give.

After adding a case: python tests/nn/test_torch_layers.py
"""

import numpy as np
import pytest
from agreement import Agreement, Calls, numbers, torch_calls

import nn

INDICES = np.array([[0, 2, 2], [4, 0, 1]])
MASK = np.tri(4, 4, 1, dtype=bool)


def conv(kind, *args, shape, **settings):
    """One of our convolutions, PyTorch's of the same name, and the shape of the input."""
    return (
        lambda: getattr(nn, kind)(*args, **settings),
        lambda torch: getattr(torch.nn, kind)(*args, **settings),
        shape,
    )


def same(kind, *args, shape, theirs=None, **settings):
    """The same for any layer; `theirs` are PyTorch's settings where they have other names."""
    return (
        lambda: getattr(nn, kind)(*args, **settings),
        lambda torch: getattr(torch.nn, kind)(*args, **(settings if theirs is None else theirs)),
        shape,
    )


def recurrent(kind, call=lambda m, x: m(x)[0], shape=(2, 5, 3), **settings):
    return (
        lambda: Calls(getattr(nn, kind)(3, 4, **settings), call),
        lambda torch: torch_calls(
            torch, getattr(torch.nn, kind)(3, 4, batch_first=True, **settings), call
        ),
        shape,
    )


def embedded(ours, theirs):
    return (
        lambda: Calls(nn.Embedding(5, 3, **ours), lambda m, x: m(INDICES) * x),
        lambda torch: torch_calls(
            torch,
            torch.nn.Embedding(5, 3, **theirs),
            lambda m, x: m(torch.from_numpy(INDICES)) * x,
        ),
        (2, 3, 3),
    )


def attention(ours, theirs):
    return (
        lambda: Calls(nn.MultiHeadAttention(6, 2), ours),
        lambda torch: torch_calls(
            torch,
            torch.nn.MultiheadAttention(6, 2, batch_first=True),
            lambda m, x: theirs(torch, m, x),
        ),
        (2, 4, 6),
    )


def block(norm_first, activation):
    return (
        lambda: nn.TransformerBlock(6, 2, 8, norm_first=norm_first, activation=activation),
        lambda torch: torch.nn.TransformerEncoderLayer(
            6, 2, 8, dropout=0.0, norm_first=norm_first, activation=activation, batch_first=True
        ),
        (2, 4, 6),
    )


def evaluated(case):
    """The same layers in evaluation, after one batch in training."""
    make, theirs, shape = case
    batch = 2 * numbers(*shape, seed=5)

    def warm(layer, x):
        layer(x)
        return layer.eval()

    return (
        lambda: warm(make().astype(float), batch),
        lambda torch: warm(theirs(torch).double(), torch.from_numpy(batch)),
        shape,
    )


LAYERS = {
    # dense layers
    "linear": same("Linear", 4, 3, shape=(5, 4)),
    "linear on one sample": same("Linear", 4, 3, shape=(4,)),
    "linear on a sequence": same("Linear", 4, 3, shape=(2, 5, 4)),
    "linear without bias": same("Linear", 4, 3, bias=False, shape=(5, 4)),
    "flatten": same("Flatten", shape=(2, 3, 4)),
    "identity": same("Identity", shape=(5, 4)),
    "dropout in evaluation": (
        lambda: nn.Dropout(0.5).eval(),
        lambda torch: torch.nn.Dropout(0.5).eval(),
        (5, 4),
    ),
    "mlp": (
        lambda: nn.MLP([4, 6, 5, 3], activation="tanh"),
        lambda torch: torch.nn.Sequential(
            torch.nn.Linear(4, 6),
            torch.nn.Tanh(),
            torch.nn.Linear(6, 5),
            torch.nn.Tanh(),
            torch.nn.Linear(5, 3),
        ),
        (7, 4),
    ),
    # convolutions
    "conv1d": conv("Conv1d", 2, 3, 3, shape=(2, 2, 7)),
    "conv1d, all settings": conv(
        "Conv1d", 4, 6, 3, stride=2, padding=2, dilation=2, groups=2, bias=False, shape=(2, 4, 9)
    ),
    "conv1d, same": conv("Conv1d", 2, 3, 3, padding="same", dilation=2, shape=(2, 2, 6)),
    "conv2d": conv("Conv2d", 2, 3, 3, shape=(2, 2, 5, 6)),
    "conv2d, padding": conv("Conv2d", 2, 3, 3, padding=1, shape=(2, 2, 4, 5)),
    "conv2d, positional": conv("Conv2d", 2, 3, 3, 2, 1, shape=(2, 2, 6, 5)),
    "conv2d, settings for each axis": conv(
        "Conv2d", 2, 3, (3, 2), stride=(2, 1), padding=(1, 0), dilation=(1, 2), shape=(2, 2, 6, 5)
    ),
    "conv2d, 1x1": conv("Conv2d", 3, 2, 1, shape=(2, 3, 4, 5)),
    "conv2d, 1x1 with stride": conv("Conv2d", 3, 2, 1, stride=2, shape=(2, 3, 4, 5)),
    "conv2d, stride beyond the kernel": conv("Conv2d", 2, 2, 2, stride=3, shape=(2, 2, 7, 8)),
    "conv2d, groups": conv("Conv2d", 4, 6, 3, groups=2, padding=1, shape=(2, 4, 5, 5)),
    "conv2d, depthwise": conv("Conv2d", 3, 6, 3, groups=3, padding=1, shape=(2, 3, 5, 5)),
    "conv2d, few places": conv("Conv2d", 3, 4, 3, padding=1, shape=(3, 3, 2, 2)),
    "conv3d": conv("Conv3d", 2, 3, 2, padding=1, stride=2, shape=(2, 2, 4, 3, 4)),
    "conv transpose 1d": conv("ConvTranspose1d", 2, 3, 3, stride=2, shape=(2, 2, 5)),
    "conv transpose 2d": conv("ConvTranspose2d", 2, 3, 3, shape=(2, 2, 4, 3)),
    "conv transpose 2d, all settings": conv(
        "ConvTranspose2d", 4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, dilation=2,
        shape=(2, 4, 3, 4),
    ),
    "conv transpose 3d": conv(
        "ConvTranspose3d", 2, 2, 2, stride=2, bias=False, shape=(1, 2, 2, 3, 2)
    ),
    # pooling
    "max pool 1d": same("MaxPool1d", 2, shape=(2, 2, 7)),
    "max pool 2d": same("MaxPool2d", 2, shape=(2, 2, 4, 6)),
    "max pool 2d, overlapping": same("MaxPool2d", 3, 2, padding=1, shape=(2, 2, 5, 6)),
    "max pool 2d, dilated": same("MaxPool2d", 2, 1, dilation=2, shape=(2, 2, 5, 6)),
    "max pool 3d": same("MaxPool3d", (1, 2, 2), shape=(1, 2, 2, 4, 4)),
    "avg pool 1d": same("AvgPool1d", 3, 2, padding=1, shape=(2, 2, 7)),
    "avg pool 2d": same("AvgPool2d", 2, shape=(2, 2, 4, 6)),
    "avg pool 2d, padding not counted": same(
        "AvgPool2d", 3, 2, padding=1, count_padding=False,
        theirs={"padding": 1, "count_include_pad": False}, shape=(2, 2, 5, 6),
    ),
    "avg pool 3d": same("AvgPool3d", 2, shape=(1, 2, 2, 4, 4)),
    "adaptive avg pool 1d": same("AdaptiveAvgPool1d", 3, shape=(2, 2, 7)),
    "adaptive avg pool 2d": same("AdaptiveAvgPool2d", (3, 2), shape=(2, 2, 7, 5)),
    "adaptive avg pool 2d, to one": same("AdaptiveAvgPool2d", 1, shape=(2, 3, 4, 5)),
    "adaptive avg pool 2d, even": same("AdaptiveAvgPool2d", 2, shape=(2, 2, 4, 6)),
    "adaptive avg pool 3d": same("AdaptiveAvgPool3d", 2, shape=(1, 2, 3, 4, 5)),
    "adaptive max pool 1d": same("AdaptiveMaxPool1d", 3, shape=(2, 2, 7)),
    "adaptive max pool 2d": same("AdaptiveMaxPool2d", (3, 2), shape=(2, 2, 7, 5)),
    "adaptive max pool 3d": same("AdaptiveMaxPool3d", 1, shape=(2, 2, 2, 3, 2)),
    # normalisation
    "batch norm 1d": same("BatchNorm1d", 3, shape=(5, 3)),
    "batch norm 1d, sequences": same("BatchNorm1d", 3, shape=(2, 3, 4)),
    "batch norm 2d": same("BatchNorm2d", 3, shape=(2, 3, 3, 2)),
    "batch norm 2d, settings": same(
        "BatchNorm2d", 3, eps=0.1, momentum=0.3, affine=False, shape=(2, 3, 3, 2)
    ),
    "batch norm 3d": same("BatchNorm3d", 2, shape=(2, 2, 2, 2, 2)),
    "batch norm in evaluation": evaluated(same("BatchNorm2d", 3, shape=(2, 3, 3, 2))),
    "batch norm in evaluation, plain": evaluated(
        same("BatchNorm1d", 3, affine=False, shape=(4, 3))
    ),
    "layer norm": same("LayerNorm", 4, shape=(2, 3, 4)),
    "layer norm, two axes": same("LayerNorm", (3, 4), eps=0.1, shape=(2, 3, 4)),
    "layer norm, plain": same(
        "LayerNorm", 4, affine=False, theirs={"elementwise_affine": False}, shape=(5, 4)
    ),
    "layer norm without bias": same("LayerNorm", 4, bias=False, shape=(5, 4)),
    "rms norm": same("RMSNorm", 4, eps=1e-6, shape=(2, 3, 4)),
    "group norm": same("GroupNorm", 2, 4, shape=(2, 4, 3, 2)),
    "group norm, plain": same("GroupNorm", 3, 3, affine=False, eps=0.1, shape=(2, 3, 5)),
    # activations
    "relu": same("ReLU", shape=(5, 4)),
    "sigmoid": same("Sigmoid", shape=(5, 4)),
    "tanh": same("Tanh", shape=(5, 4)),
    "softplus": same("Softplus", shape=(5, 4)),
    "softsign": same("Softsign", shape=(5, 4)),
    "softmax": same("Softmax", -1, shape=(5, 4)),
    "softmax over rows": same("Softmax", 0, shape=(5, 4)),
    "log softmax": same("LogSoftmax", -1, shape=(2, 5, 4)),
    "leaky relu": same("LeakyReLU", 0.1, shape=(5, 4)),
    "prelu": same("PReLU", shape=(5, 4)),
    "prelu, channels": same("PReLU", 3, shape=(2, 3, 4)),
    "elu": same("ELU", 0.7, shape=(5, 4)),
    "selu": same("SELU", shape=(5, 4)),
    "gelu": same("GELU", shape=(5, 4)),
    "gelu, approximate": same(
        "GELU", approximate=True, theirs={"approximate": "tanh"}, shape=(5, 4)
    ),
    "silu": same("SiLU", shape=(5, 4)),
    "mish": same("Mish", shape=(5, 4)),
    "hardtanh": same("Hardtanh", -0.5, 0.8, shape=(5, 4)),
    "relu6": same("ReLU6", shape=(5, 4)),
    # Not Hardsigmoid: PyTorch's gradient has 1/6 rounded to float32, also in float64.
    "hardswish": same("Hardswish", shape=(5, 4)),
    "log sigmoid": same("LogSigmoid", theirs={}, shape=(5, 4)),
    "glu": same("GLU", 1, shape=(2, 4, 3)),
    # embedding
    "embedding": embedded({}, {}),
    "embedding with padding": embedded({"padding": 2}, {"padding_idx": 2}),
    # recurrent networks
    "rnn": recurrent("RNN"),
    "rnn, relu, two layers": recurrent("RNN", nonlinearity="relu", num_layers=2),
    "gru": recurrent("GRU"),
    "gru, both ways, two layers": recurrent("GRU", bidirectional=True, num_layers=2),
    "gru without bias": recurrent("GRU", bias=False),
    "gru, state": recurrent("GRU", lambda m, x: m(x)[1], num_layers=2),
    "lstm": recurrent("LSTM"),
    "lstm, both ways, two layers": recurrent("LSTM", bidirectional=True, num_layers=2),
    "lstm, memory": recurrent("LSTM", lambda m, x: m(x)[1][1], bidirectional=True),
    "lstm, given state": recurrent(
        "LSTM", lambda m, x: m(x[..., :3], (x[None, :, 0] * 2, x[None, :, 1]))[0], shape=(2, 5, 4)
    ),
    # attention
    "attention": attention(
        lambda m, x: m(x),
        lambda torch, m, x: m(x, x, x, need_weights=False)[0],
    ),
    "attention, causal": attention(
        lambda m, x: m(x, causal=True),
        lambda torch, m, x: m(
            x, x, x, attn_mask=torch.triu(torch.ones(4, 4, dtype=torch.bool), 1)
        )[0],
    ),
    "attention, mask": attention(
        lambda m, x: m(x, mask=MASK),
        lambda torch, m, x: m(x, x, x, attn_mask=~torch.from_numpy(MASK))[0],
    ),
    "attention to other keys and values": attention(
        lambda m, x: m(x, x[:, :3] * 2, np.sin(x[:, :3])),
        lambda torch, m, x: m(x, x[:, :3] * 2, torch.sin(x[:, :3]))[0],
    ),
    "transformer block": block(True, "gelu"),
    "transformer block, normalised after": block(False, "relu"),
}  # fmt: skip

AGREEMENT = Agreement(__file__, {"layer": LAYERS, "training of a layer": LAYERS})


@pytest.mark.parametrize(("kind", "name"), AGREEMENT.cases)
def test_values_gradients_and_ten_steps_are_those_of_pytorch(kind, name):
    AGREEMENT.assert_ours_is_stored(kind, name)


OWN_CODE = {"lstm, given state", "attention to other keys and values"}  # indexes the input itself


@pytest.mark.parametrize("name", sorted(LAYERS.keys() - OWN_CODE))
def test_a_layer_takes_nested_lists(name):
    make, _, shape = LAYERS[name]
    layer, x = make(), numbers(*shape)
    found, expected = layer(x.tolist()), layer(x)
    np.testing.assert_allclose(
        *(np.asarray(getattr(y, "data", y)) for y in (found, expected)), rtol=1e-4, atol=1e-6
    )


def test_the_stored_numbers_are_those_that_pytorch_computes():
    AGREEMENT.assert_stored_is_pytorchs(pytest.importorskip("torch"))


if __name__ == "__main__":
    AGREEMENT.store()
