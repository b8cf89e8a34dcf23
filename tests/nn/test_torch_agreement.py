"""Layers, losses and optimizers give the numbers that PyTorch gives.

Every case is written down twice, once for us and once for PyTorch. PyTorch's numbers are stored in
torch_reference.json, so that the comparison runs everywhere; where PyTorch is installed, a second
test asserts that the stored numbers are still what it computes. After adding a case:

    python tests/nn/test_torch_agreement.py
"""

import json
from pathlib import Path

import numpy as np
import pytest

import autodiff as ad
import nn
from nn import optim

STORED = Path(__file__).with_name("torch_reference.json")

# name: our module, PyTorch's, the shape of the input
LAYERS = {
    "linear": (lambda: nn.Linear(4, 3), lambda torch: torch.nn.Linear(4, 3), (5, 4)),
    "linear on one sample": (lambda: nn.Linear(4, 3), lambda torch: torch.nn.Linear(4, 3), (4,)),
    "linear on a sequence": (
        lambda: nn.Linear(4, 3),
        lambda torch: torch.nn.Linear(4, 3),
        (2, 5, 4),
    ),
    "linear without bias": (
        lambda: nn.Linear(4, 3, bias=False),
        lambda torch: torch.nn.Linear(4, 3, bias=False),
        (5, 4),
    ),
    "relu": (nn.ReLU, lambda torch: torch.nn.ReLU(), (5, 4)),
    "sigmoid": (nn.Sigmoid, lambda torch: torch.nn.Sigmoid(), (5, 4)),
    "tanh": (nn.Tanh, lambda torch: torch.nn.Tanh(), (5, 4)),
    "softplus": (nn.Softplus, lambda torch: torch.nn.Softplus(), (5, 4)),
    "softsign": (nn.Softsign, lambda torch: torch.nn.Softsign(), (5, 4)),
    "softmax": (nn.Softmax, lambda torch: torch.nn.Softmax(-1), (5, 4)),
    "softmax over rows": (lambda: nn.Softmax(0), lambda torch: torch.nn.Softmax(0), (5, 4)),
    "log_softmax": (nn.LogSoftmax, lambda torch: torch.nn.LogSoftmax(-1), (2, 5, 4)),
    "flatten": (nn.Flatten, lambda torch: torch.nn.Flatten(), (2, 3, 4)),
    "identity": (nn.Identity, lambda torch: torch.nn.Identity(), (5, 4)),
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
}

LABELS = np.array([2, 0, 1, 1, 3])
PROBABILITIES = np.random.default_rng(1).dirichlet(np.ones(4), size=5)

# name: our loss, the function of PyTorch with its settings, the target; predictions are (5, 4)
LOSSES = {
    **{
        f"cross entropy, {kind}, {reduction}": (
            nn.cross_entropy,
            "cross_entropy",
            reduction,
            target,
        )
        for reduction in ("mean", "sum", "none")
        for kind, target in (("labels", LABELS), ("probabilities", PROBABILITIES))
    },
    "cross entropy, one-hot": (nn.cross_entropy, "cross_entropy", "mean", np.eye(4)[LABELS]),
    **{
        f"mse, {reduction}": (nn.mse_loss, "mse_loss", reduction, PROBABILITIES)
        for reduction in ("mean", "sum", "none")
    },
}

# name: our class, PyTorch's name of it, the settings
OPTIMIZERS = {
    "sgd": (optim.SGD, "SGD", {"lr": 0.1}),
    "sgd, weight decay": (optim.SGD, "SGD", {"lr": 0.1, "weight_decay": 0.1}),
    "momentum": (optim.SGD, "SGD", {"lr": 0.1, "momentum": 0.9}),
    "momentum, weight decay": (
        optim.SGD,
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1},
    ),
    "nesterov": (optim.SGD, "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "nesterov, weight decay": (
        optim.SGD,
        "SGD",
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
    "adam": (optim.Adam, "Adam", {"lr": 0.01}),
    "adam, all settings": (
        optim.Adam,
        "Adam",
        {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1},
    ),
    "adamw": (optim.AdamW, "AdamW", {"lr": 0.01}),
    "adamw, all settings": (
        optim.AdamW,
        "AdamW",
        {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1},
    ),
}


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def weights(shapes):
    """Values for parameters of these shapes, the same for us and for PyTorch."""
    return [numbers(*shape, seed=10 + index) / 2 for index, shape in enumerate(shapes)]


# ---------------------------------------------------------------- our numbers


def our_layer(name):
    make, _, shape = LAYERS[name]
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


def set_weights(layer):
    state = layer.state_dict()
    values = weights([value.shape for value in state.values()])
    layer.load_state_dict(dict(zip(state, values, strict=True)))


def our_layer_training(name):
    """The parameters, and a factor of every input, after ten steps of gradient descent."""
    make, _, shape = LAYERS[name]
    layer = make().astype(np.float64)
    set_weights(layer)
    factor = nn.Parameter(np.ones(shape))
    optimizer = optim.SGD([*layer.parameters(), factor], lr=0.01, momentum=0.9)
    for step in range(10):
        y = layer(numbers(*shape, seed=step) * factor)
        optimizer.zero_grad()
        nn.mse_loss(y, numbers(*y.shape, seed=100), reduction="sum").backward()
        optimizer.step()
    return {"parameters": [p.numpy() for p in (*layer.parameters(), factor)]}


def our_loss(name):
    function, _, reduction, target = LOSSES[name]
    x = ad.tensor(3 * numbers(5, 4), requires_grad=True)
    loss = function(x, target, reduction=reduction)
    loss.backward(np.ones(loss.shape))
    return {"output": loss.numpy(), "input": x.grad}


def our_training(name):
    """The parameters after ten steps, one parameter without a gradient in every other step."""
    kind, _, settings = OPTIMIZERS[name]
    model = nn.MLP([4, 5, 3], activation="tanh", dtype=np.float64)
    set_weights(model)
    scale = nn.Parameter(1.5)
    optimizer = kind([*model.parameters(), scale], **settings)
    for step in range(10):
        logits = model(numbers(6, 4, seed=step))
        if step % 2:
            logits = logits * scale
        optimizer.zero_grad()
        nn.cross_entropy(logits, np.arange(6) % 3).backward()
        optimizer.step()
    return {"parameters": [p.numpy() for p in (*model.parameters(), scale)]}


# ---------------------------------------------------------------- PyTorch's numbers


def torch_layer(torch, name):
    _, make, shape = LAYERS[name]
    layer = make(torch).double()
    torch_weights(torch, layer)
    x = torch.tensor(numbers(*shape), requires_grad=True)
    y = layer(x)
    y.backward(torch.from_numpy(numbers(*y.shape, seed=1)))
    grads = [p.grad.numpy().T for p in layer.parameters()]
    return {"output": y.detach().numpy(), "input": x.grad.numpy(), "parameters": grads}


def torch_layer_training(torch, name):
    _, make, shape = LAYERS[name]
    layer = make(torch).double()
    torch_weights(torch, layer)
    factor = torch.nn.Parameter(torch.ones(shape, dtype=torch.float64))
    optimizer = torch.optim.SGD([*layer.parameters(), factor], lr=0.01, momentum=0.9)
    for step in range(10):
        y = layer(torch.from_numpy(numbers(*shape, seed=step)) * factor)
        optimizer.zero_grad()
        target = torch.from_numpy(numbers(*y.shape, seed=100))
        torch.nn.functional.mse_loss(y, target, reduction="sum").backward()
        optimizer.step()
    weights = [p.detach().numpy().T for p in layer.parameters()]
    return {"parameters": [*weights, factor.detach().numpy()]}


def torch_weights(torch, layer):
    # PyTorch's matrices are (outputs, inputs), ours (inputs, outputs).
    parameters = list(layer.parameters())
    with torch.no_grad():
        for p, value in zip(
            parameters, weights([(*p.shape,)[::-1] for p in parameters]), strict=True
        ):
            p.copy_(torch.from_numpy(value.T))


def torch_loss(torch, name):
    _, function, reduction, target = LOSSES[name]
    x = torch.tensor(3 * numbers(5, 4), requires_grad=True)
    loss = getattr(torch.nn.functional, function)(x, torch.from_numpy(target), reduction=reduction)
    loss.backward(torch.ones_like(loss))
    return {"output": loss.detach().numpy(), "input": x.grad.numpy()}


def torch_training(torch, name):
    _, kind, settings = OPTIMIZERS[name]
    model = torch.nn.Sequential(
        torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 3)
    ).double()
    torch_weights(torch, model)
    scale = torch.nn.Parameter(torch.tensor(1.5, dtype=torch.float64))
    optimizer = getattr(torch.optim, kind)([*model.parameters(), scale], **settings)
    for step in range(10):
        logits = model(torch.from_numpy(numbers(6, 4, seed=step)))
        if step % 2:
            logits = logits * scale
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(logits, torch.arange(6) % 3).backward()
        optimizer.step()
    return {"parameters": [p.detach().numpy().T for p in (*model.parameters(), scale)]}


# ---------------------------------------------------------------- the comparison

GROUPS = {
    "layers": (LAYERS, our_layer, torch_layer),
    "training of layers": (LAYERS, our_layer_training, torch_layer_training),
    "losses": (LOSSES, our_loss, torch_loss),
    "optimizers": (OPTIMIZERS, our_training, torch_training),
}
CASES = [(group, name) for group, (cases, _, _) in GROUPS.items() for name in cases]


def assert_same(found, expected):
    assert found.keys() == expected.keys()
    for key, value in found.items():
        if key == "parameters":
            for one, other in zip(value, expected[key], strict=True):
                np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12, err_msg=key)
        else:
            np.testing.assert_allclose(value, expected[key], rtol=1e-10, atol=1e-12, err_msg=key)


@pytest.fixture(scope="module")
def stored():
    return json.loads(STORED.read_text())


@pytest.mark.parametrize(("group", "name"), CASES)
def test_values_and_gradients_and_ten_steps_are_those_of_pytorch(stored, group, name):
    _, ours, _ = GROUPS[group]
    assert_same(ours(name), stored[group][name])


def test_the_stored_numbers_are_those_that_pytorch_computes(stored):
    torch = pytest.importorskip("torch")
    for group, name in CASES:
        _, _, torchs = GROUPS[group]
        assert_same(torchs(torch, name), stored[group][name])


def write_reference():
    """Compute PyTorch's numbers again and store them."""
    import torch

    reference = {
        group: {name: as_lists(torchs(torch, name)) for name in cases}
        for group, (cases, _, torchs) in GROUPS.items()
    }
    STORED.write_text(json.dumps(reference, indent=0) + "\n")


def as_lists(value):
    if isinstance(value, dict):
        return {key: as_lists(item) for key, item in value.items()}
    return [as_lists(item) for item in value] if isinstance(value, list) else value.tolist()


if __name__ == "__main__":
    write_reference()
