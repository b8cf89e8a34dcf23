import re
from functools import partial

import numpy as np
import pytest

import autodiff as ad
import nn
from nn import functional as F

# ---------------------------------------------------------------- linear


def test_weights_are_inputs_by_outputs_in_float32_and_small():
    layer = nn.Linear(100, 3, rng=np.random.default_rng(0))
    assert layer.weight.shape == (100, 3)
    assert layer.bias.shape == (3,)
    for parameter in layer.parameters():
        assert parameter.dtype == np.float32
        assert np.abs(parameter.numpy()).max() <= 0.1


def test_the_same_seed_gives_the_same_layer_and_the_default_generator_is_nns():
    one, two = (nn.Linear(4, 3, rng=np.random.default_rng(5)) for _ in range(2))
    np.testing.assert_array_equal(one.weight.numpy(), two.weight.numpy())
    nn.seed(5)
    np.testing.assert_array_equal(nn.Linear(4, 3).weight.numpy(), one.weight.numpy())


def test_initialisers_can_be_chosen():
    init = nn.init
    layer = nn.Linear(
        400,
        300,
        weight_init=partial(init.normal, std=1e-2),
        bias_init=partial(init.constant, value=0.5),
        dtype=np.float64,
    )
    assert layer.weight.numpy().std() == pytest.approx(1e-2, rel=0.02)
    assert set(layer.bias.numpy()) == {0.5}
    assert layer.weight.dtype == np.float64


def test_an_mlp_hands_its_initialisers_to_every_layer():
    weights, biases = partial(nn.init.constant, value=2.0), partial(nn.init.constant, value=-0.5)
    model = nn.MLP([4, 8, 5, 3], weight_init=weights, bias_init=biases)
    linear = [layer for layer in model if isinstance(layer, nn.Linear)]
    assert [set(layer.weight.numpy().ravel()) for layer in linear] == [{2.0}] * 3
    assert [set(layer.bias.numpy()) for layer in linear] == [{-0.5}] * 3


def test_float32_stays_float32_from_the_input_to_the_gradient():
    model = nn.MLP([4, 8, 3], dropout=0.5)
    loss = nn.cross_entropy(model(np.ones((5, 4), np.float32)), np.zeros(5, int))
    loss.backward()
    assert loss.dtype == np.float32
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5, 3), "Linear(4, 2): the input has shape (5, 3), but its last axis must have length 4"),
        ((5, 2, 2), "put nn.Flatten() before this layer"),
        ((), "the input has shape ()"),
    ],
)
def test_an_input_of_the_wrong_width_is_explained(shape, message):
    with pytest.raises(ad.errors.ShapeError, match=re.escape(message)):
        nn.Linear(4, 2)(np.ones(shape))


@pytest.mark.parametrize("sizes", [(0, 2), (2, -1), (2.5, 2), (2, None)])
def test_wrong_numbers_of_features_are_refused(sizes):
    with pytest.raises(ValueError, match=r"features is .*; give a whole number of at least 1"):
        nn.Linear(*sizes)


def test_linear_shows_what_is_unusual():
    assert repr(nn.Linear(4, 3, bias=False, dtype=np.float64)) == (
        "Linear(4, 3, bias=False, dtype=float64)"
    )


# ---------------------------------------------------------------- containers


def test_sequential_can_be_indexed_sliced_and_iterated():
    layers = [nn.Linear(2, 3), np.tanh, nn.Linear(3, 1)]
    model = nn.Sequential(*layers)
    assert list(model) == layers
    assert model[-1] is layers[2]
    tail = model[1:]
    assert isinstance(tail, nn.Sequential)
    assert list(tail) == layers[1:]
    assert len(model) == 3
    x = np.ones((4, 2))
    np.testing.assert_array_equal(model(x).numpy(), layers[2](np.tanh(layers[0](x))).numpy())


def test_an_empty_sequential_is_the_identity():
    x = np.ones(3)
    assert nn.Sequential()(x) is x


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((nn.ReLU(), 3), "layer 1 is of type int, which cannot be called"),
        (([nn.ReLU()],), r"unpack the list: Sequential\(\*layers\)"),
        ((nn.ReLU,), r"layer 0 is the class ReLU; make an object of it: ReLU\(\.\.\.\)"),
    ],
)
def test_what_is_not_a_layer_is_refused(layers, message):
    with pytest.raises(TypeError, match=message):
        nn.Sequential(*layers)


def kinds(model):
    return [getattr(layer, "__name__", type(layer).__name__) for layer in model]


def test_an_mlp_has_activations_and_dropout_between_its_linear_layers():
    assert kinds(nn.MLP([4, 5, 3])) == ["Linear", "ReLU", "Linear"]
    assert kinds(nn.MLP([4, 3])) == ["Linear"]
    assert kinds(nn.MLP([4, 5, 3], activation=None)) == ["Linear", "Linear"]
    assert kinds(nn.MLP([4, 5, 3], activation=np.sin)) == ["Linear", "sin", "Linear"]
    assert kinds(
        nn.MLP([4, 5, 6, 3], activation=nn.Tanh, output_activation="sigmoid", dropout=0.1)
    ) == [*["Linear", "Tanh", "Dropout"] * 2, "Linear", "Sigmoid"]


def test_an_mlp_is_reproducible_dropout_included():
    x = np.ones((3, 4), np.float32)
    one, two = (
        nn.MLP([4, 50, 3], dropout=0.5, rng=np.random.default_rng(0))(x).numpy() for _ in range(2)
    )
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("sizes", [[], [4]])
def test_an_mlp_needs_inputs_and_outputs(sizes):
    with pytest.raises(ValueError, match=r"MLP: sizes are .*; give at least"):
        nn.MLP(sizes)


# ---------------------------------------------------------------- activations


@pytest.mark.parametrize("name", nn.layers.ACTIVATIONS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_activation_keeps_shape_and_dtype_of_arrays_and_tensors(name, dtype):
    layer = nn.activation(name)
    x = np.linspace(-3, 3, 12, dtype=dtype).reshape(3, 4)
    from_array, from_tensor = layer(x), layer(ad.tensor(x))
    assert isinstance(from_array, np.ndarray)
    assert isinstance(from_tensor, ad.Tensor)
    assert from_array.shape == x.shape
    assert from_array.dtype == dtype
    np.testing.assert_array_equal(from_array, from_tensor.numpy())


@pytest.mark.parametrize("name", nn.layers.ACTIVATIONS)
def test_every_activation_is_finite_far_out_and_so_is_its_gradient(name):
    layer = nn.activation(name)
    x = ad.tensor([[-1e4, -50.0, 0.0, 50.0, 1e4]], requires_grad=True)
    y = layer(x)
    np.sum(y).backward()
    assert np.isfinite(y.numpy()).all()
    assert np.isfinite(x.grad).all()


def test_an_unknown_activation_is_answered_with_the_known_ones():
    with pytest.raises(
        ValueError,
        match=r"no activation named 'rellu' \(did you mean relu\?\); choose one of relu,",
    ):
        nn.activation("rellu")


# ---------------------------------------------------------------- dropout


def test_dropout_keeps_the_expected_value_and_the_zeros_are_those_of_the_gradient():
    layer = nn.Dropout(0.25, rng=np.random.default_rng(0))
    x = ad.tensor(np.ones(100_000, np.float32), requires_grad=True)
    y = layer(x)
    assert set(y.numpy()) == {np.float32(0), np.float32(1 / 0.75)}
    assert y.numpy().mean() == pytest.approx(1, abs=0.01)
    np.sum(y).backward()
    np.testing.assert_array_equal(x.grad, y.numpy())


def test_dropout_is_the_identity_in_evaluation_and_at_zero():
    x = np.ones(3)
    assert nn.Dropout(0.5).eval()(x) is x
    assert nn.Dropout(0.0)(x) is x


def test_dropout_draws_anew_in_every_call_from_the_generator_it_was_given():
    one, two = (nn.Dropout(0.5, rng=np.random.default_rng(4)) for _ in range(2))
    x = np.ones(50)
    first, second = one(x), one(x)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(two(x), first)


def test_dropout_without_a_generator_follows_nn_seed_even_when_copied():
    import copy

    layer = copy.deepcopy(nn.Dropout(0.5))
    nn.seed(1)
    first = layer(np.ones(50))
    nn.seed(1)
    np.testing.assert_array_equal(layer(np.ones(50)), first)


def test_dropout_takes_whole_numbers_and_numbers_without_dimensions():
    assert nn.Dropout(0.5)(np.ones(3, int)).dtype == np.float64
    assert nn.Dropout(0.5)(ad.tensor(1.0)).shape == ()


@pytest.mark.parametrize("p", [-0.1, 1.0, 1.5, float("nan")])
def test_a_wrong_probability_is_refused(p):
    with pytest.raises(ValueError, match=f"Dropout: p is {p}"):
        nn.Dropout(p)
    with pytest.raises(ValueError, match=f"dropout: p is {p}"):
        F.dropout(np.ones(3), p)


# ---------------------------------------------------------------- shapes


def test_flatten_joins_the_last_axes():
    assert nn.Flatten()(np.ones((2, 3, 4))).shape == (2, 12)
    assert nn.Flatten()(np.ones((0, 3, 4))).shape == (0, 12)
    assert nn.Flatten()(np.ones(5)).shape == (5, 1)
    assert nn.Flatten(0)(np.ones((2, 3))).shape == (6,)
    assert nn.Flatten(-2)(np.ones((2, 3, 4))).shape == (2, 12)
    with pytest.raises(ValueError, match=r"no axis 3 in an array of shape \(2, 2\)"):
        nn.Flatten(3)(np.ones((2, 2)))
