"""Layers of images: convolution, pooling, normalisation, residuals."""

import re

import numpy as np
import pytest

import autodiff as ad
import nn

# ---------------------------------------------------------------- convolution


def test_weights_are_small_in_float32_and_reproducible():
    one, two = (nn.Conv2d(8, 6, 3, groups=2, rng=np.random.default_rng(5)) for _ in range(2))
    assert one.weight.shape == (6, 4, 3, 3)
    assert one.bias.shape == (6,)
    np.testing.assert_array_equal(one.weight.numpy(), two.weight.numpy())
    for parameter in one.parameters():
        assert parameter.dtype == np.float32
        assert np.abs(parameter.numpy()).max() <= 1 / 6
    assert nn.ConvTranspose2d(8, 6, 3, groups=2).weight.shape == (8, 3, 3, 3)


def test_initialisers_and_the_dtype_can_be_chosen():
    layer = nn.Conv1d(
        2, 3, 5, weight_init=nn.init.kaiming_normal, bias_init=nn.init.zeros, dtype=np.float64
    )
    assert layer.weight.dtype == np.float64
    assert not layer.bias.numpy().any()


def test_float32_stays_float32_through_a_network_of_images():
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, padding="same", groups=2),
        nn.GroupNorm(2, 4),
        nn.GELU(),
        nn.AvgPool2d(2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 3),
    )
    loss = nn.cross_entropy(model(np.ones((5, 1, 8, 8), np.float32)), np.zeros(5, int))
    loss.backward()
    assert loss.dtype == np.float32
    assert {p.grad.dtype for p in model.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.Conv2d(3, 4, 3), (5, 8, 8, 3), "np.moveaxis(x, -1, 1)"),
        (nn.Conv2d(3, 4, 3), (3, 8, 8), "add an axis with x[None]"),
        (nn.Conv2d(3, 4, 3), (5, 2, 8, 8), "but (n, 3, height, width) is needed"),
        (nn.Conv1d(3, 4, 3), (5, 3), "Conv1d(3, 4, 3): the input has shape (5, 3), but (n, 3, l"),
        (nn.ConvTranspose3d(3, 4, 3), (5, 3, 8, 8), "(n, 3, depth, height, width) is needed"),
        (nn.Conv2d(3, 4, 5), (5, 3, 4, 8), "a window of 5 does not fit into an axis of 4"),
        (nn.MaxPool2d(2), (3, 4, 4), "MaxPool2d(2): the input has shape (3, 4, 4), but (n, chan"),
        (nn.AdaptiveAvgPool1d(2), (3, 4, 4, 4), "AdaptiveAvgPool1d(2): the input has shape"),
        (nn.BatchNorm2d(3), (3, 3), "BatchNorm2d(3): the input has shape (3, 3), but (n, 3, ...)"),
        (nn.BatchNorm1d(3), (3, 2), "(n, 3, ...) with 2 or 3 axes is needed"),
        (nn.GroupNorm(1, 4), (3, 2, 5), "GroupNorm(1, 4): the input has shape (3, 2, 5)"),
        (nn.LayerNorm((2, 3)), (5, 3, 2), "its last axes must be (2, 3)"),
        (nn.RMSNorm(4), (5, 3), "RMSNorm(4): the input has shape (5, 3)"),
    ],
)
def test_an_input_of_the_wrong_shape_is_explained(layer, shape, message):
    with pytest.raises(ad.errors.ShapeError, match=re.escape(message)):
        layer(np.ones(shape))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: nn.Conv2d(0, 4, 3), "Conv2d: in_channels is 0; give a whole number"),
        (lambda: nn.Conv2d(3, 2.0, 3), r"out_channels is 2\.0"),
        (lambda: nn.Conv2d(3, 4, 3, groups=2), "3 input and 4 output channels do not fall into 2"),
        (lambda: nn.Conv2d(3, 4, (3, 3, 3)), r"kernel_size is \(3, 3, 3\); give .* or 2 of them"),
        (lambda: nn.Conv2d(3, 4, 3, 0), "stride is 0"),
        (lambda: nn.MaxPool2d((2, 2, 2)), r"MaxPool2d: \(2, 2, 2\) does not fit"),
        (lambda: nn.GroupNorm(3, 4), "4 channels do not fall into 3 groups"),
        (lambda: nn.LayerNorm(4, eps=0), "eps is 0; give a small positive number"),
    ],
)
def test_wrong_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (nn.Conv2d(3, 4, 3), "Conv2d(3, 4, 3)"),
        (
            nn.Conv2d(4, 6, (3, 5), (1, 2), "valid", dilation=2, groups=2),
            "Conv2d(4, 6, (3, 5), stride=(1, 2), padding='valid', dilation=2, groups=2)",
        ),
        (
            nn.Conv1d(1, 1, 2, bias=False, dtype=np.float64),
            "Conv1d(1, 1, 2, bias=False, dtype=float64)",
        ),
        (
            nn.ConvTranspose2d(3, 4, 2, 2, output_padding=1),
            "ConvTranspose2d(3, 4, 2, stride=2, output_padding=1)",
        ),
        (nn.MaxPool2d(2), "MaxPool2d(2)"),
        (nn.MaxPool2d((3, 2), 2, padding=1, dilation=2), None),
        (nn.AvgPool1d(2, count_padding=False), "AvgPool1d(2, count_padding=False)"),
        (nn.AdaptiveMaxPool2d((1, 2)), "AdaptiveMaxPool2d((1, 2))"),
        (nn.BatchNorm2d(3, momentum=0.2, affine=False), None),
        (nn.LayerNorm((3, 4)), "LayerNorm((3, 4))"),
        (nn.RMSNorm(4, dtype=np.float64), "RMSNorm(4, dtype=float64)"),
        (nn.GroupNorm(2, 4), "GroupNorm(2, 4)"),
    ],
)
def test_layers_show_what_is_unusual(layer, text):
    others = {
        nn.MaxPool2d: "MaxPool2d((3, 2), stride=2, padding=1, dilation=2)",
        nn.BatchNorm2d: "BatchNorm2d(3, momentum=0.2, affine=False)",
    }
    assert repr(layer) == (text or others[type(layer)])


def test_the_summary_of_a_network_of_images_has_its_shapes():
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.MaxPool2d(2))
    text = str(model.summary(np.zeros((2, 3, 8, 8), np.float32)))
    assert "(2, 8, 8, 8)" in text
    assert "(2, 8, 4, 4)" in text


# ---------------------------------------------------------------- normalisation


def test_running_statistics_are_buffers_that_follow_in_training_only():
    layer = nn.BatchNorm1d(2, momentum=0.5, dtype=np.float64)
    x = np.random.default_rng(0).normal(3.0, 2.0, size=(64, 2))
    y = layer(x).numpy()
    np.testing.assert_allclose(y.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(y.std(axis=0), 1, rtol=1e-4)
    np.testing.assert_allclose(layer.running_mean, 0.5 * x.mean(axis=0))
    np.testing.assert_allclose(layer.running_var, 0.5 + 0.5 * x.var(axis=0, ddof=1))
    state = layer.state_dict()
    assert set(state) == {"weight", "bias", "running_mean", "running_var"}
    layer.eval()(x)
    np.testing.assert_array_equal(layer.running_mean, state["running_mean"])
    other = nn.BatchNorm1d(2, dtype=np.float64).eval()
    other.load_state_dict(state)
    np.testing.assert_array_equal(other(x).numpy(), layer(x).numpy())


def test_running_statistics_follow_without_a_graph_too_and_stay_float32():
    layer = nn.BatchNorm2d(2)
    with ad.no_grad():
        layer(ad.tensor(np.full((2, 2, 3, 3), 4.0)))
    assert layer.running_mean.dtype == np.float32
    np.testing.assert_allclose(layer.running_mean, 0.4, rtol=1e-6)
    assert isinstance(layer.running_mean, np.ndarray)


def test_a_batch_of_one_value_is_refused_in_training_alone():
    layer = nn.BatchNorm2d(3)
    with pytest.raises(ValueError, match=r"only one value for each channel; give more samples, or"):
        layer(np.ones((1, 3, 1, 1)))
    assert layer.eval()(np.ones((1, 3, 1, 1))).shape == (1, 3, 1, 1)


def test_a_constant_input_is_normalised_to_zero_with_a_finite_gradient():
    for layer in (nn.LayerNorm(4), nn.RMSNorm(4), nn.GroupNorm(2, 4), nn.BatchNorm1d(4)):
        x = ad.tensor(np.zeros((3, 4)), requires_grad=True)
        y = layer(x)
        np.sum(y * y + y).backward()
        assert not y.numpy().any()
        assert np.isfinite(x.grad).all()


# ---------------------------------------------------------------- around other layers


def test_a_residual_adds_its_input():
    x = np.ones((2, 3))
    np.testing.assert_array_equal(nn.Residual(np.negative)(x), 0 * x)
    layer = nn.Residual(nn.Linear(3, 3), nn.ReLU())
    np.testing.assert_allclose(layer(x).numpy(), x + layer.body(x).numpy())
    assert len(layer.parameters()) == 2


def test_a_shortcut_may_change_the_shape():
    block = nn.Residual(
        nn.Conv2d(2, 4, 3, 2, 1), nn.ReLU(), shortcut=nn.Conv2d(2, 4, 1, 2, bias=False)
    )
    assert block(np.ones((1, 2, 8, 8))).shape == (1, 4, 4, 4)
    assert len(block.parameters()) == 3
    with pytest.raises(ad.errors.ShapeError, match=r"make \(1, 4\) of an input that is \(1, 2\)"):
        nn.Residual(nn.Linear(2, 4))(np.ones((1, 2)))


def test_a_function_becomes_a_module():
    layer = nn.Lambda(lambda x, y: x + y)
    assert layer(1, 2) == 3
    assert repr(nn.Lambda(np.tanh)) == "Lambda(tanh)"
    with pytest.raises(TypeError, match="Lambda: 3 cannot be called"):
        nn.Lambda(3)
