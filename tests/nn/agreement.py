"""The comparison with PyTorch that test_torch_*.py make, each with tables of its own cases.

Every case is written down twice, once for us and once for PyTorch. What PyTorch computes is stored
beside the tables, so that the comparison runs everywhere; where PyTorch is installed, the stored
numbers are compared with what it computes now. Running a test file as a program stores them again.

Parameters are given the same values on both sides, in the order of `parameters()`. PyTorch's
matrices are (outputs, inputs) and ours (inputs, outputs); all other parameters have one shape.
"""

import importlib
import json
from functools import partial
from pathlib import Path

import numpy as np

import autodiff as ad
import nn
from nn import optim

SHORT = 24  # longer arrays are stored as their projections on a few random directions
DIRECTIONS = 6


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def weights(shapes):
    """Values for parameters of these shapes, the same for us and for PyTorch."""
    return [numbers(*shape, seed=10 + index) / 2 for index, shape in enumerate(shapes)]


class Calls(nn.Module):
    """A module that is called in a way of its own."""

    def __init__(self, module, call):
        self.module = module
        self.call = call

    def forward(self, x):
        return self.call(self.module, x)


# ---------------------------------------------------------------- our numbers


def set_weights(layer):
    parameters = layer.parameters()
    for parameter, value in zip(parameters, weights([p.shape for p in parameters]), strict=True):
        parameter.data = value


def our_layer(make, _, shape):
    """The output, and the gradients of the input and the parameters."""
    layer = make().astype(np.float64)
    set_weights(layer)
    x = ad.tensor(numbers(*shape), requires_grad=True)
    y = layer(x)
    y.backward(numbers(*y.shape, seed=1))
    return {
        "output": y.numpy(),
        "input": x.grad,
        "parameters": [p.grad for p in layer.parameters()],
    }


def our_layer_training(make, _, shape):
    """Parameters, buffers and a factor of every input, after ten steps of gradient descent."""
    layer = make().astype(np.float64)
    set_weights(layer)
    factor = nn.Parameter(np.ones(shape))
    optimizer = optim.SGD([*layer.parameters(), factor], lr=0.01, momentum=0.9)
    for step in range(10):
        y = layer(numbers(*shape, seed=step) * factor)
        optimizer.zero_grad()
        nn.mse_loss(y, numbers(*y.shape, seed=100), reduction="mean").backward()
        optimizer.step()
    return {
        "parameters": [p.numpy() for p in (*layer.parameters(), factor)],
        "buffers": [buffer for _, buffer in layer.named_buffers()],
    }


def our_loss(function, _, shape):
    """The value of a function of one array, and its gradient."""
    x = ad.tensor(2 * numbers(*shape), requires_grad=True)
    loss = function(x)
    loss.backward(np.ones(loss.shape))
    return {"output": loss.numpy(), "input": x.grad}


def our_training(make, _):
    """The parameters after ten steps; one of them has no gradient in every other step."""
    model = nn.MLP([4, 5, 3], activation="tanh", dtype=np.float64)
    set_weights(model)
    scale = nn.Parameter(1.5)
    optimizer = make([*model.parameters(), scale])

    def loss_of(step):
        logits = model(numbers(6, 4, seed=step))
        if step % 2:
            logits = logits * scale
        optimizer.zero_grad()
        loss = nn.cross_entropy(logits, np.arange(6) % 3)
        loss.backward()
        return loss

    for step in range(10):
        optimizer.step(partial(loss_of, step))
    return {"parameters": [p.numpy() for p in (*model.parameters(), scale)]}


# ---------------------------------------------------------------- PyTorch's numbers


def ours(layer, values):
    """Values of PyTorch's parameters, as we have them."""
    torch = importlib.import_module("torch")
    same = torch.nn.Embedding, torch.nn.LayerNorm
    kept = {id(p) for m in layer.modules() if isinstance(m, same) for p in m.parameters()}
    return [
        value.T if value.ndim == 2 and id(parameter) not in kept else value
        for parameter, value in zip(layer.parameters(), values, strict=True)
    ]


def torch_weights(torch, layer):
    parameters = list(layer.parameters())
    shapes = [value.shape for value in ours(layer, [p.detach().numpy() for p in parameters])]
    with torch.no_grad():
        for p, value in zip(parameters, ours(layer, weights(shapes)), strict=True):
            p.copy_(torch.from_numpy(value))


def torch_calls(torch, module, call):
    """PyTorch's counterpart of `Calls`."""

    class TorchCalls(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.module = module

        def forward(self, x):
            return call(self.module, x)

    return TorchCalls()


def torch_layer(torch, _, make, shape):
    layer = make(torch).double()
    torch_weights(torch, layer)
    x = torch.tensor(numbers(*shape), requires_grad=True)
    y = layer(x)
    y.backward(torch.from_numpy(numbers(*y.shape, seed=1)))
    return {
        "output": y.detach().numpy(),
        "input": x.grad.numpy(),
        "parameters": ours(layer, [p.grad.numpy() for p in layer.parameters()]),
    }


def torch_layer_training(torch, _, make, shape):
    layer = make(torch).double()
    torch_weights(torch, layer)
    factor = torch.nn.Parameter(torch.ones(shape, dtype=torch.float64))
    optimizer = torch.optim.SGD([*layer.parameters(), factor], lr=0.01, momentum=0.9)
    for step in range(10):
        y = layer(torch.from_numpy(numbers(*shape, seed=step)) * factor)
        optimizer.zero_grad()
        target = torch.from_numpy(numbers(*y.shape, seed=100))
        torch.nn.functional.mse_loss(y, target, reduction="mean").backward()
        optimizer.step()
    values = ours(layer, [p.detach().numpy() for p in layer.parameters()])
    return {
        "parameters": [*values, factor.detach().numpy()],
        "buffers": [buffer.numpy() for buffer in layer.buffers() if buffer.ndim],
    }


def torch_loss(torch, _, function, shape):
    x = torch.tensor(2 * numbers(*shape), requires_grad=True)
    loss = function(torch, x)
    loss.backward(torch.ones_like(loss))
    return {"output": loss.detach().numpy(), "input": x.grad.numpy()}


def torch_training(torch, _, make):
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)
    ).double()
    torch_weights(torch, model)
    scale = torch.nn.Parameter(torch.tensor(1.5, dtype=torch.float64))
    optimizer = make(torch, [*model.parameters(), scale])

    def loss_of(step):
        logits = model(torch.from_numpy(numbers(6, 4, seed=step)))
        if step % 2:
            logits = logits * scale
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits, torch.arange(6) % 3)
        loss.backward()
        return loss

    for step in range(10):
        optimizer.step(partial(loss_of, step))
    values = ours(model, [p.detach().numpy() for p in model.parameters()])
    return {"parameters": [*values, scale.detach().numpy()]}


# ---------------------------------------------------------------- the comparison

KINDS = {
    "layer": (our_layer, torch_layer),
    "training of a layer": (our_layer_training, torch_layer_training),
    "loss": (our_loss, torch_loss),
    "optimizer": (our_training, torch_training),
}


class Agreement:
    """The cases of one test file, and what PyTorch computes for them.

    tables: for each kind of comparison (see `KINDS`), the cases by name.
    """

    def __init__(self, path, tables):
        self.stored_at = Path(path).with_suffix(".json")
        self.tables = tables
        self.cases = [(kind, name) for kind, table in tables.items() for name in table]

    def assert_ours_is_stored(self, kind, name):
        found = KINDS[kind][0](*self.tables[kind][name])
        assert_same(summary(found), self._stored()[kind][name])

    def assert_stored_is_pytorchs(self, torch):
        torch.set_num_threads(1)  # several wait longer for each other than these cases take
        stored = self._stored()
        for kind, name in self.cases:
            found = KINDS[kind][1](torch, *self.tables[kind][name])
            assert_same(summary(found), stored[kind][name])

    def store(self):
        """Compute PyTorch's numbers again."""
        torch = importlib.import_module("torch")
        stored = {
            kind: {name: summary(KINDS[kind][1](torch, *case)) for name, case in table.items()}
            for kind, table in self.tables.items()
        }
        self.stored_at.write_text(json.dumps(stored, indent=0) + "\n")

    def _stored(self):
        return json.loads(self.stored_at.read_text())


def summary(values):
    """Arrays in lists and dicts as lists of numbers."""
    if isinstance(values, dict):
        return {key: summary(value) for key, value in values.items()}
    if isinstance(values, list):
        return [summary(value) for value in values]
    flat = np.asarray(values, float).reshape(-1)
    if flat.size > SHORT:
        flat = numbers(DIRECTIONS, flat.size, seed=flat.size) @ flat
    return [float(f"{number:.14g}") for number in flat.tolist()]


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in found.items():
        pairs = [(value, expected[key])]
        if key in ("parameters", "buffers"):
            pairs = zip(value, expected[key], strict=True)
        for one, other in pairs:
            np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-10, err_msg=key)
