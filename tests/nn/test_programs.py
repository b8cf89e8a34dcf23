"""The programs that users write, as they write them."""

import numpy as np
import pytest

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
