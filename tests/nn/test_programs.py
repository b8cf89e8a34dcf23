"""The programs that users write, as they write them."""

from functools import partial

import numpy as np
import pytest

import autodiff as ad
import nn
from nn import optim


@pytest.fixture
def train():
    rng = np.random.default_rng(1)
    labels = rng.integers(10, size=640)
    images = rng.normal(size=(640, 784)).astype(np.float32) / 4
    images[np.arange(640), labels] += 5
    return nn.data.Dataset(images, labels)


def test_a_network(train):
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        nn.Linear(784, 512, rng=rng), nn.ReLU(),
        nn.Linear(512, 64, rng=rng), nn.ReLU(),
        nn.Linear(64, 10, rng=rng),
    )  # fmt: skip
    opt = optim.Adam(model.parameters(), lr=1e-3)
    first = nn.cross_entropy(model(train.inputs), train.targets).item()
    for _ in range(8):
        for images, labels in nn.data.DataLoader(train, batch_size=64, shuffle=True, rng=rng):
            loss = nn.cross_entropy(model(images), labels)
            opt.zero_grad()
            loss.backward()
            opt.step()
    assert first == pytest.approx(np.log(10), abs=0.1)
    assert nn.cross_entropy(model(train.inputs), train.targets).item() < 0.1


class TwoLayerNet(nn.Module):
    def __init__(self, d_in, d_hidden, d_out, *, rng):
        self.W1 = nn.Parameter(rng.normal(scale=1e-2, size=(d_in, d_hidden)))
        self.b1 = nn.Parameter(np.zeros(d_hidden))
        self.head = nn.Linear(d_hidden, d_out, rng=rng)

    def forward(self, X):  # any Python: loops, branches, recursion  # fmt: skip
        return self.head(np.maximum(X @ self.W1 + self.b1, 0))


def test_a_model_of_ones_own():
    rng = np.random.default_rng(0)
    X, y, reg = rng.normal(size=(5, 4)), np.array([0, 1, 2, 2, 1]), 0.05

    net = TwoLayerNet(4, 10, 3, rng=rng)
    loss = nn.cross_entropy(net(X), y) + reg * sum(
        np.sum(p**2) for p in net.parameters() if p.ndim > 1
    )
    loss.backward()

    assert [name for name, _ in net.named_parameters()] == ["W1", "b1", "head.weight", "head.bias"]
    assert all(p.grad.shape == p.shape for p in net.parameters())
    assert list(net.state_dict()) == ["W1", "b1", "head.weight", "head.bias"]
    assert net.train() is net.eval()
    assert repr(net) == (
        "TwoLayerNet(\n  W1: Parameter (4, 10) float64\n  b1: Parameter (10,) float64\n"
        "  head: Linear(10, 3)\n)"
    )
    assert str(net.summary(X)).splitlines()[-1].split() == ["total", "83", "532", "B"]


def test_its_gradients_are_the_numerical_ones():
    rng = np.random.default_rng(0)
    net = TwoLayerNet(4, 10, 3, rng=rng).astype(np.float64)
    net.W1.data = net.W1.data * 30  # away from the kinks
    X, y, step = rng.normal(size=(5, 4)), np.array([0, 1, 2, 2, 1]), 1e-6
    nn.cross_entropy(net(X), y).backward()
    for name, parameter in net.named_parameters():
        numeric = np.zeros(parameter.shape)
        for index in np.ndindex(parameter.shape):
            losses = []
            for sign in (1, -1):
                state = net.state_dict()
                state[name][index] += sign * step
                moved = TwoLayerNet(4, 10, 3, rng=rng).astype(np.float64)
                moved.load_state_dict(state)
                losses.append(nn.cross_entropy(moved(X), y).item())
            numeric[index] = (losses[0] - losses[1]) / (2 * step)
        error = np.abs(numeric - parameter.grad).max() / np.abs(numeric).max()
        assert error < 1e-8, name


# The exercise of a student report, as a function of its parameters.
TOY_LABELS = np.array([0, 1, 2, 2, 1])


def scores(params, X):
    return np.maximum(X @ params["W1"] + params["b1"], 0) @ params["W2"] + params["b2"]


def regularised(params, X, y, reg):
    penalty = np.sum(params["W1"] ** 2) + np.sum(params["W2"] ** 2)
    return nn.cross_entropy(scores(params, X), y) + reg * penalty


@pytest.fixture(params=range(3))
def toy(request):
    """Five samples, and tiny weights."""
    rng = np.random.default_rng(request.param)
    X = rng.normal(scale=10, size=(5, 4))
    params = {"W1": (4, 10), "b1": (10,), "W2": (10, 3), "b2": (3,)}
    return X, {
        name: rng.normal(scale=3e-4, size=shape) * (name[0] == "W")
        for name, shape in params.items()
    }


def test_a_network_with_tiny_weights_has_a_loss_of_ln_3(toy):
    X, params = toy
    assert regularised(params, X, TOY_LABELS, 0.05) == pytest.approx(np.log(3), abs=5e-6)


def test_every_element_of_its_gradient_is_right_to_the_last_digits(toy):
    """By the complex step, f(x + ih).imag / h, which subtracts nothing and so loses no digits."""
    X, params = toy
    h = 1e-20
    gradient = ad.grad(regularised)(params, X, TOY_LABELS, 0.05)
    for name, array in params.items():
        for index in np.ndindex(array.shape):
            moved = {key: value.astype(complex) for key, value in params.items()}
            moved[name][index] += 1j * h
            expected = regularised(moved, X, TOY_LABELS, 0.05).imag / h
            assert gradient[name][index] == pytest.approx(expected, rel=1e-9, abs=0), name


def test_gradient_descent_learns_the_five_samples_and_layers_do_the_same(toy):
    X, initial = toy
    params = initial
    for _ in range(200):
        gradient = ad.grad(regularised)(params, X, TOY_LABELS, 1e-6)
        params = {name: params[name] - 0.1 * gradient[name] for name in params}
    assert scores(params, X).argmax(axis=1).tolist() == TOY_LABELS.tolist()
    assert regularised(params, X, TOY_LABELS, 1e-6) < 0.01

    model = nn.MLP([4, 10, 3], dtype=np.float64)
    names = [name for name, _ in model.named_parameters()]
    model.load_state_dict(dict(zip(names, initial.values(), strict=True)))
    W1, b1, W2, b2 = model.parameters()
    groups = [{"parameters": [W1, W2], "weight_decay": 2e-6}, {"parameters": [b1, b2]}]
    trainer = nn.Trainer(model, nn.CrossEntropyLoss(), optim.SGD(groups, lr=0.1))
    data = X, TOY_LABELS
    trainer.fit(data, epochs=200, batch_size=5, shuffle=False, progress=False)
    for parameter, expected in zip(model.parameters(), params.values(), strict=True):
        np.testing.assert_allclose(parameter.data, expected, rtol=1e-9, atol=1e-12)


def points_of(name):
    """The points of a toy set, and a column of zeros and ones."""
    data = {
        "linear": nn.data.toys.linear(100, rng=np.random.default_rng(0)),
        "xor": nn.data.toys.xor(),
    }[name]
    return data.inputs, data.targets[:, None].astype(np.float32)


def trainer_of_points(activation, make_optimizer, **settings):
    rng = np.random.default_rng(0)
    model = nn.MLP(
        [2, 128, 64, 1], activation=activation, output_activation=activation, rng=rng, **settings
    )
    optimizer = make_optimizer(model.parameters())
    return nn.Trainer(model, nn.MSELoss(), optimizer, metrics=["binary_accuracy"], rng=rng)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "softsign"])
@pytest.mark.parametrize("name", ["linear", "xor"])
def test_every_activation_learns_both_sets_of_points(name, activation):
    data = points_of(name)
    trainer = trainer_of_points(activation, partial(optim.Adam, lr=1e-2))
    trainer.fit(data, epochs=300, batch_size=100, progress=False)
    assert trainer.evaluate(data)["binary_accuracy"] == 1


def test_xor_is_learned_by_plain_gradient_descent_too():
    data = points_of("xor")
    trainer = trainer_of_points("tanh", partial(optim.SGD, lr=1e-2))
    trainer.fit(data, epochs=400, batch_size=1, progress=False)
    assert trainer.evaluate(data)["binary_accuracy"] == 1


def test_without_activations_wide_weights_diverge_and_the_trainer_says_so():
    trainer = trainer_of_points(
        None, partial(optim.SGD, lr=1e-2), weight_init=partial(nn.init.normal, std=1.0)
    )
    with pytest.raises(nn.training.TrainingError, match=r"the loss is .*lower the learning rate"):
        trainer.fit(points_of("linear"), batch_size=1, progress=False)


def test_without_activations_no_weights_separate_xor():
    data = points_of("xor")
    trainer = trainer_of_points(None, partial(optim.Adam, lr=1e-2))
    trainer.fit(data, epochs=300, batch_size=100, progress=False)
    least_squares = np.linalg.lstsq(np.c_[data[0], np.ones(21)], data[1], rcond=None)[1] / 21
    assert trainer.evaluate(data)["loss"] == pytest.approx(least_squares[0], rel=1e-3)


def test_a_sine_is_fitted():
    rng = np.random.default_rng(0)
    train = nn.data.toys.sine(64, rng=rng)
    model = nn.MLP([1, 100, 100, 1], rng=rng)
    optimizer = optim.Adam(model.parameters(), lr=3e-4)
    trainer = nn.Trainer(model, nn.MSELoss(), optimizer, rng=rng)
    trainer.fit(train, epochs=1000, batch_size=64, progress=False)
    x = np.linspace(-np.pi, np.pi, 200, dtype=np.float32)[:, None]
    assert trainer.evaluate(train)["loss"] < 1e-4
    assert trainer.evaluate((x, np.sin(x)))["loss"] < 1e-4
