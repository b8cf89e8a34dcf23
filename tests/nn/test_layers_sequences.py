"""Layers of sequences: embeddings, recurrent networks, attention; and activations with settings."""

import re

import numpy as np
import pytest

import autodiff as ad
import nn
from nn import functional as F

# ---------------------------------------------------------------- embedding


def test_an_embedding_is_drawn_and_looked_up():
    layer = nn.Embedding(100, 50, rng=np.random.default_rng(0))
    assert layer.weight.numpy().std() == pytest.approx(1, abs=0.02)
    tokens = ad.tensor(np.array([[3, 3], [0, 99]]))
    np.testing.assert_array_equal(layer(tokens).numpy(), layer.weight.numpy()[tokens.numpy()])
    assert repr(nn.Embedding(5, 3, padding=-1)) == "Embedding(5, 3, padding=4)"


def test_the_row_for_padding_is_zero_and_has_no_gradient():
    layer = nn.Embedding(4, 3, padding=1)
    y = layer(np.array([1, 2, 1]))
    assert not y.numpy()[[0, 2]].any()
    np.sum(y).backward()
    np.testing.assert_array_equal(layer.weight.grad.any(axis=1), [False, False, True, False])


@pytest.mark.parametrize(
    ("indices", "error", "message"),
    [
        (np.array([0, 9]), IndexError, "must be whole numbers from 0 to 4: embed: index 9"),
        (np.array([0.0]), TypeError, "Embedding(5, 3): indices of shape (1,) and dtype float64"),
    ],
)
def test_wrong_indices_are_explained(indices, error, message):
    with pytest.raises(error, match=re.escape(message)):
        nn.Embedding(5, 3)(indices)


# ---------------------------------------------------------------- recurrent networks

KINDS = [nn.RNN, nn.GRU, nn.LSTM]


def as_tuple(state):
    return state if isinstance(state, tuple) else (state,)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_parts_is_the_sequence(kind):
    layer = kind(3, 4, num_layers=2, dtype=np.float64)
    x = np.random.default_rng(0).normal(size=(2, 7, 3))
    whole, last = layer(x)
    first, state = layer(x[:, :4])
    second, end = layer(x[:, 4:], state)
    np.testing.assert_allclose(np.concatenate([first.numpy(), second.numpy()], 1), whole.numpy())
    for one, other in zip(as_tuple(end), as_tuple(last), strict=True):
        np.testing.assert_allclose(one.numpy(), other.numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_the_second_direction_reads_from_the_end(kind):
    layer = kind(3, 4, bidirectional=True, dtype=np.float64)
    x = np.random.default_rng(0).normal(size=(2, 5, 3))
    output, _ = layer(x)
    forward, backward = layer.layers[0]
    layer.layers[0][:] = [backward, forward]
    turned, _ = layer(x[:, ::-1])
    np.testing.assert_allclose(turned.numpy()[:, ::-1, 4:], output.numpy()[..., :4])
    np.testing.assert_allclose(turned.numpy()[:, ::-1, :4], output.numpy()[..., 4:])


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter_and_stay_float32(kind):
    layer = kind(3, 4, num_layers=2, bidirectional=True, dropout=0.2)
    output, _ = layer(np.ones((2, 5, 3), np.float32))
    assert output.dtype == np.float32
    np.sum(output).backward()
    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.dtype == np.float32
    assert "layers.1.0.weight_hh" in dict(layer.named_parameters())


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_between_layers_happens_in_training_alone(kind):
    layer = kind(3, 20, num_layers=2, dropout=0.5, rng=np.random.default_rng(0))
    x = np.ones((1, 4, 3), np.float32)
    assert not np.array_equal(layer(x)[0].numpy(), layer(x)[0].numpy())
    layer.eval()
    np.testing.assert_array_equal(layer(x)[0].numpy(), layer(x)[0].numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_sequence_leaves_the_state(kind):
    layer = kind(3, 4)
    output, state = layer(np.zeros((2, 0, 3), np.float32))
    assert output.shape == (2, 0, 4)
    assert not as_tuple(state)[0].any()


@pytest.mark.parametrize("kind", KINDS)
def test_time_is_linear_in_the_length(kind):
    """Every step is joined to the others once: the graph holds no array for all pairs of steps."""
    layer = kind(2, 2)
    x = ad.tensor(np.zeros((1, 400, 2), np.float32), requires_grad=True)
    np.sum(layer(x)[0]).backward()
    assert x.grad.shape == x.shape


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.LSTM(3, 4)(np.ones((5, 3))), ad.errors.ShapeError, "(n, length, 3) is needed"),
        (lambda: nn.LSTM(3, 4)(np.ones((2, 5, 4))), ad.errors.ShapeError, "LSTM(3, 4): the input"),
        (
            lambda: nn.GRU(3, 4)(np.ones((2, 5, 3)), np.ones((1, 3, 4))),
            ad.errors.ShapeError,
            "the state has shapes [(1, 3, 4)], but 1 of (1, 2, 4) are needed",
        ),
        (lambda: nn.RNN(3, 0), ValueError, "RNN: hidden_size is 0"),
        (lambda: nn.RNN(3, 4, nonlinearity="sin"), ValueError, "give 'tanh' or 'relu'"),
        (lambda: nn.GRU(3, 4, dropout=1.0), ValueError, "GRU: dropout is 1.0"),
    ],
)
def test_wrong_arguments_are_explained(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


# ---------------------------------------------------------------- attention


def test_attention_looks_only_where_it_may():
    rng = np.random.default_rng(0)
    q, k, v = (rng.normal(size=(2, 4, 3)) for _ in range(3))
    causal = F.attention(q, k, v, causal=True)
    np.testing.assert_allclose(causal, F.attention(q, k, v, mask=np.tri(4, dtype=bool)))
    np.testing.assert_allclose(causal[:, 0], v[:, 0])
    added = np.where(np.tri(4, dtype=bool), 0, -np.inf)
    np.testing.assert_allclose(causal, F.attention(q, k, v, mask=added))
    last = F.attention(q[:, 2:], k, v, causal=True)  # the last queries see what they saw before
    np.testing.assert_allclose(last, causal[:, 2:])


def test_a_query_without_any_key_gets_the_plain_mean_and_no_nan():
    v = np.arange(6.0).reshape(1, 3, 2)
    mask = np.array([[True, False, False], [False] * 3, [True] * 3])
    q = ad.tensor(np.ones((1, 3, 2)), requires_grad=True)
    y = F.attention(q, v, v, mask=mask, causal=True)
    np.testing.assert_allclose(y.numpy()[0, 1], v[0].mean(axis=0))
    np.sum(y).backward()
    assert np.isfinite(q.grad).all()


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("causal", [False, True])
def test_a_row_of_minus_infinity_is_a_query_without_any_key(dtype, causal):
    rng = np.random.default_rng(0)
    q, k, v = (ad.tensor(rng.normal(size=(2, 3, 4)), True, dtype=dtype) for _ in range(3))
    seen = np.array([[True, False, True], [False, False, False], [True, True, False]])
    added = np.where(seen, 0, -np.inf).astype(dtype)
    results = []
    for mask in (seen, added):
        y = F.attention(q, k, v, mask=mask, causal=causal)
        np.sum(y[:, [0, 2]] ** 2).backward()
        results.append([y.data, q.grad, k.grad, v.grad])
        q.grad = k.grad = v.grad = None
    for a, b in zip(*results, strict=True):
        assert np.all(np.isfinite(a))
        if not causal:
            np.testing.assert_allclose(a, b, rtol=1e-5)
        else:
            np.testing.assert_allclose(a[:, [0, 2]], b[:, [0, 2]], rtol=1e-5, atol=1e-6)


def test_a_learned_bias_of_attention_gets_a_gradient():
    bias = ad.tensor(np.zeros((4, 4)), requires_grad=True)
    x = np.random.default_rng(0).normal(size=(2, 4, 3))
    np.sum(F.attention(x, x, x, mask=bias) ** 2).backward()
    assert bias.grad.any()


def test_self_attention_is_attention_with_itself():
    layer = nn.MultiHeadAttention(6, 3, rng=np.random.default_rng(0), dtype=np.float64)
    x = np.random.default_rng(1).normal(size=(2, 5, 6))
    np.testing.assert_allclose(layer(x).numpy(), layer(x, x).numpy())
    np.testing.assert_allclose(layer(x, x, x, causal=True).numpy(), layer(x, causal=True).numpy())
    mask = np.random.default_rng(2).random((2, 5, 5)) > 0.3
    np.testing.assert_allclose(layer(x, mask=mask).numpy(), layer(x, mask=mask[:, None]).numpy())
    without = nn.MultiHeadAttention(6, 3, bias=False)
    assert without(x, x).shape == (2, 5, 6)
    assert len(without.parameters()) == 2


def test_a_causal_block_does_not_see_the_future():
    block = nn.TransformerBlock(8, 2, causal=True, rng=np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(1, 6, 8)).astype(np.float32)
    y = block(x).numpy()
    x[:, 4:] += 1
    np.testing.assert_allclose(block(x).numpy()[:, :4], y[:, :4], atol=1e-6)


def test_dropout_of_a_block_happens_in_training_alone():
    block = nn.TransformerBlock(8, 2, dropout=0.5, rng=np.random.default_rng(0))
    x = np.ones((1, 6, 8), np.float32)
    assert not np.array_equal(block(x).numpy(), block(x).numpy())
    block.eval()
    np.testing.assert_array_equal(block(x).numpy(), block(x).numpy())
    assert repr(block.attention).startswith("MultiHeadAttention(8, heads=2, dropout=0.5")


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: nn.MultiHeadAttention(6, 4), ValueError, "6 features do not fall into 4 heads"),
        (lambda: nn.MultiHeadAttention(6, 2, dropout=1.0), ValueError, "dropout is 1.0"),
        (
            lambda: nn.MultiHeadAttention(6, 2)(np.ones((5, 6))),
            ad.errors.ShapeError,
            "the input has shape (5, 6), but (n, length, 6) is needed",
        ),
    ],
)
def test_wrong_arguments_of_attention_are_explained(call, error, message):
    with pytest.raises(error, match=re.escape(message)):
        call()


# ---------------------------------------------------------------- activations with settings


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.LeakyReLU(), "LeakyReLU(slope=0.01)"),
        (nn.PReLU(3), "PReLU(3)"),
        (nn.ELU(0.5), "ELU(alpha=0.5)"),
        (nn.GELU(), "GELU()"),
        (nn.GELU(approximate=True), "GELU(approximate=True)"),
        (nn.Hardtanh(), "Hardtanh(-1.0, 1.0)"),
        (nn.GLU(1), "GLU(axis=1)"),
    ],
)
def test_activations_show_their_settings(layer, text):
    assert repr(layer) == text


def test_hardsigmoid_is_cut_off_and_has_one_sixth_for_a_slope():
    # PyTorch's gradient is 1/6 in float32 even for float64, so it is not compared with PyTorch.
    x = ad.tensor([-4.0, -1.5, 0.0, 4.0], requires_grad=True)
    y = nn.Hardsigmoid()(x)
    np.testing.assert_allclose(y.numpy(), [0, 0.25, 0.5, 1])
    np.sum(y).backward()
    np.testing.assert_allclose(x.grad, [0, 1 / 6, 1 / 6, 0])


def test_prelu_has_a_slope_for_each_channel():
    layer = nn.PReLU(2, 0.5, dtype=np.float64)
    layer.slope.data = np.array([0.1, 0.2])
    x = -np.ones((3, 2, 4, 4))
    y = layer(x)
    np.testing.assert_allclose(y.numpy()[:, 0], -0.1)
    np.testing.assert_allclose(y.numpy()[:, 1], -0.2)
    np.sum(y).backward()
    np.testing.assert_allclose(layer.slope.grad, [-48, -48])


def test_selu_keeps_mean_and_variance():
    x = np.random.default_rng(0).normal(size=100_000)
    y = F.selu(x)
    assert y.mean() == pytest.approx(0, abs=0.01)
    assert y.var() == pytest.approx(1, abs=0.02)


def test_glu_needs_two_halves():
    with pytest.raises(ValueError, match=r"array of shape \(2, 3\) has no two halves"):
        F.glu(np.ones((2, 3)))
