"""The contract of optimizers: every one goes through every test."""

import json
import math
import tracemalloc

import numpy as np
import pytest
from optim_references import REFERENCE

import autodiff as ad
import nn
from nn import optim
from nn.optim.optimizer import CHUNK_BYTES

# name: how to make it. A new optimizer is tested by adding it here and to REFERENCE.
OPTIMIZERS = {
    "sgd": lambda p, **kw: optim.SGD(p, **{"lr": 0.05, **kw}),
    "sgd, weight decay": lambda p, **kw: optim.SGD(p, **{"lr": 0.05, "weight_decay": 1e-3, **kw}),
    "momentum": lambda p, **kw: optim.SGD(p, **{"lr": 0.02, "momentum": 0.8, **kw}),
    "nesterov": lambda p, **kw: optim.SGD(
        p, **{"lr": 0.02, "momentum": 0.8, "nesterov": True, "weight_decay": 1e-3, **kw}
    ),
    "adam": lambda p, **kw: optim.Adam(p, **{"lr": 0.05, **kw}),
    "adam, weight decay": lambda p, **kw: optim.Adam(p, **{"lr": 0.05, "weight_decay": 1e-3, **kw}),
    "adamw": lambda p, **kw: optim.AdamW(p, **{"lr": 0.05, "weight_decay": 1e-3, **kw}),
    "rmsprop": lambda p, **kw: optim.RMSprop(p, **{"lr": 0.03, **kw}),
    "rmsprop, all settings": lambda p, **kw: optim.RMSprop(
        p, **{"lr": 0.01, "momentum": 0.7, "centered": True, "weight_decay": 1e-3, **kw}
    ),
    "adagrad": lambda p, **kw: optim.Adagrad(
        p, **{"lr": 1.0, "initial": 0.1, "weight_decay": 1e-4, **kw}
    ),
    "adadelta": lambda p, **kw: optim.Adadelta(
        p, **{"lr": 1.0, "eps": 1e-4, "weight_decay": 1e-3, **kw}
    ),
    "lion": lambda p, **kw: optim.Lion(
        p, **{"lr": 0.02, "betas": (0.8, 0.9), "weight_decay": 1e-3, **kw}
    ),
}

# How fast to go down Rosenbrock's valley.
VALLEY = {
    optim.SGD: 1e-3,
    optim.Adam: 0.02,
    optim.AdamW: 0.02,
    optim.RMSprop: 2e-3,
    optim.Adagrad: 0.3,
    optim.Adadelta: 0.3,
    optim.Lion: 1e-3,
}


@pytest.fixture(params=OPTIMIZERS)
def name(request):
    return request.param


@pytest.fixture
def make(name):
    return OPTIMIZERS[name]


def minimise(loss, parameters, optimizer, steps):
    """Take steps that become shorter towards the end, so that those of one length end too."""
    rate = optimizer.lr
    for step in range(steps):
        optimizer.lr = rate * min(1, 5 - 5 * step / steps)
        optimizer.zero_grad()
        loss(*parameters).backward()
        optimizer.step()


def parabola(x):
    return np.sum((x - [1.0, -2.0]) ** 2)


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


# ---------------------------------------------------------------- they minimise


def test_it_finds_the_bottom_of_a_parabola(make):
    x = nn.Parameter([5.0, 5.0])
    minimise(parabola, [x], make([x]), 500)
    np.testing.assert_allclose(x.numpy(), [1.0, -2.0], atol=1e-2)


def test_it_goes_down_rosenbrocks_valley(make):
    x = nn.Parameter([-1.2, 1.0])
    optimizer = make([x])
    optimizer.lr = VALLEY[type(optimizer)]
    minimise(rosenbrock, [x], optimizer, 5000)
    assert rosenbrock(x).item() < 0.05  # it starts at 24.2


# ---------------------------------------------------------------- they are the formulas


PIECE = CHUNK_BYTES // 8  # float64 numbers that are changed at once


def layouts(rng):
    """Arrays of all the kinds of memory that a parameter may have."""
    yield "one number", np.float64(0.5)
    yield "small", rng.normal(size=3)
    yield "empty", np.zeros((0, 3))
    yield "one piece", rng.normal(size=PIECE)
    yield "several pieces", rng.normal(size=(3, PIECE // 2 + 1))
    yield "column order", np.asfortranarray(rng.normal(size=(5, 4)))
    yield "strided", rng.normal(size=(6, 8))[::2, ::-2]
    yield "transposed", rng.normal(size=(4, 3, 2)).transpose(2, 0, 1)


@pytest.mark.parametrize("order", ["C", "F"])
def test_it_follows_its_formula_whatever_the_memory_layout(make, order):
    rng = np.random.default_rng(0)
    for kind, array in layouts(rng):
        parameter = ad.as_tensor(np.float64(array) if array.ndim == 0 else array)
        parameter.requires_grad = True
        optimizer = make([parameter])
        start = np.array(array)
        gradients = [np.array(rng.normal(size=start.shape), order=order) for _ in range(4)]
        for gradient in gradients:
            parameter.grad = gradient
            optimizer.step()
        expected = REFERENCE[type(optimizer)](optimizer, start, gradients)
        np.testing.assert_allclose(
            parameter.numpy(), expected, rtol=1e-12, atol=1e-12, err_msg=kind
        )
        if start.ndim:
            assert parameter.data is array  # changed in place


def test_complex_numbers_are_stepped_as_pairs_of_real_ones(make):
    rng = np.random.default_rng(0)
    z = rng.normal(size=3) + 1j * rng.normal(size=3)
    pairs = np.stack([z.real, z.imag], axis=-1)
    one, two = nn.Parameter(z), nn.Parameter(pairs)
    first, second = make([one]), make([two])
    for _ in range(3):
        g = rng.normal(size=3) + 1j * rng.normal(size=3)
        one.grad, two.grad = g, np.stack([g.real, g.imag], axis=-1)
        first.step()
        second.step()
    np.testing.assert_allclose(one.numpy(), two.numpy() @ [1, 1j], rtol=1e-12)


def test_the_dtype_of_the_parameter_is_kept_and_the_gradient_is_not_changed(make):
    for dtype in (np.float16, np.float32, np.float64):
        parameter, scalar = nn.Parameter([1, 2, 3], dtype=dtype), nn.Parameter(1, dtype=dtype)
        optimizer = make([parameter, scalar])
        gradient = np.array([0.1, 0.2, 0.3], dtype)
        gradient.flags.writeable = False
        parameter.grad, scalar.grad = gradient, dtype(0.5)
        optimizer.step()
        assert parameter.dtype == dtype
        assert scalar.dtype == dtype
        assert isinstance(scalar.data, dtype)


def test_a_parameter_without_a_gradient_is_left_alone(make):
    used, unused = nn.Parameter([1.0]), nn.Parameter([1.0])
    optimizer = make([used, unused])
    used.grad = np.array([1.0])
    optimizer.step()
    assert used.item() != 1.0
    assert unused.item() == 1.0
    assert optimizer.state_dict()["steps"] == [1, 0]


def test_a_frozen_parameter_is_left_alone(make):
    model = nn.Linear(2, 2, rng=np.random.default_rng(0))
    before = model.state_dict()
    optimizer = make(model.parameters())
    model.weight.requires_grad = False
    np.sum(model(np.ones((1, 2)))).backward()
    optimizer.step()
    np.testing.assert_array_equal(model.weight.numpy(), before["weight"])
    assert not np.array_equal(model.bias.numpy(), before["bias"])


def test_gradients_that_are_tensors_are_used_too(make):
    x, y = nn.Parameter([2.0]), nn.Parameter([2.0])
    for parameter, recorded in ((x, False), (y, True)):
        optimizer = make([parameter])
        np.sum(parameter**2).backward(create_graph=recorded)
        optimizer.step()
    assert x.item() == y.item()


def test_zero_grad_forgets_the_gradients(make):
    x = nn.Parameter([1.0])
    optimizer = make([x])
    x.grad = np.array([1.0])
    optimizer.zero_grad()
    assert x.grad is None


def test_the_learning_rate_can_be_changed_between_steps(make):
    x = nn.Parameter([1.0])
    optimizer = make([x])
    optimizer.lr = 0
    x.grad = np.array([1.0])
    optimizer.step()
    assert x.item() == 1.0
    with pytest.raises(ValueError, match="lr is nan; give a finite number"):
        optimizer.lr = math.nan


def test_after_the_first_step_nothing_is_allocated(make):
    rng = np.random.default_rng(0)
    parameters = [nn.Parameter(rng.normal(size=(500, 700)).astype("f4")), nn.Parameter(1.0)]
    optimizer = make(parameters)
    for parameter in parameters:
        parameter.grad = np.asarray(rng.normal(size=parameter.shape), parameter.dtype)[()]
    optimizer.step()
    tracemalloc.start()
    try:
        optimizer.step()
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for _ in range(5):
            optimizer.step()
        after, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak - before < 8192  # views and Python numbers; the parameters have 1.4 MB
    assert after - before < 2048


def test_a_backward_pass_through_values_from_before_the_step_is_refused(make):
    x = nn.Parameter([2.0, 3.0])
    loss = np.sum(x * x)
    loss.backward(retain_graph=True)
    make([x]).step()
    with pytest.raises(ad.errors.StaleValueError):
        loss.backward()


# ---------------------------------------------------------------- they resume exactly


def training(make, seed=0):
    """A model, its optimizer, and a function that takes the next few steps."""
    rng = np.random.default_rng(seed)
    model = nn.MLP([3, 8, 2], activation="tanh", rng=rng)
    scale = nn.Parameter(1.0)
    optimizer = make([*model.parameters(), scale])

    def steps(first, last):
        for step in range(first, last):
            x = np.random.default_rng(step).normal(size=(4, 3))
            logits = model(x) * scale if step % 2 else model(x)
            optimizer.zero_grad()
            nn.cross_entropy(logits, np.array([0, 1, 1, 0])).backward()
            optimizer.step()

    def weights():
        return [p.numpy().copy() for p in (*model.parameters(), scale)]

    return model, scale, optimizer, steps, weights


@pytest.mark.parametrize("stop", [0, 1, 6])
def test_a_resumed_training_is_the_same_to_the_last_bit(make, stop):
    *_, steps, weights = training(make)
    steps(0, 12)
    expected = weights()

    model, scale, optimizer, steps, _ = training(make)
    steps(0, stop)
    state, saved_model, saved_scale = optimizer.state_dict(), model.state_dict(), scale.item()
    steps(stop, 12)  # what was saved is a copy
    arrays = state.pop("arrays")
    state = {**json.loads(json.dumps(state)), "arrays": arrays}

    model, scale, optimizer, steps, weights = training(make, seed=1)
    optimizer.lr = 0.7
    model.load_state_dict(saved_model)
    scale.data = saved_scale
    optimizer.load_state_dict(state)
    steps(stop, 12)
    for one, other in zip(weights(), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert optimizer.state_dict().keys() == state.keys()


def test_a_state_of_something_else_is_refused_and_nothing_is_changed(make, name):
    x = nn.Parameter([1.0, 2.0])
    optimizer = make([x])
    x.grad = np.ones(2)
    optimizer.step()
    before = optimizer.state_dict()

    two = make([nn.Parameter([1.0, 2.0]), nn.Parameter(1.0)])
    with pytest.raises(optim.OptimizerStateError, match=r"has 2 parameters .* but .* has 1"):
        optimizer.load_state_dict(two.state_dict())

    other = optim.Adam if isinstance(optimizer, optim.SGD) else optim.SGD
    with pytest.raises(optim.OptimizerStateError, match=f"state is one of '{other.__name__}'"):
        optimizer.load_state_dict(other([x]).state_dict())

    if optimizer.array_names:
        longer = nn.Parameter([1.0, 2.0, 3.0])
        different = make([longer], lr=0.7)
        longer.grad = np.ones(3)
        different.step()
        with pytest.raises(optim.OptimizerStateError, match=r"has shape \(3,\) as 0\..*\(2,\)"):
            optimizer.load_state_dict(different.state_dict())

    after = optimizer.state_dict()
    assert after["settings"] == before["settings"]
    assert after["steps"] == before["steps"]
    for key, array in before["arrays"].items():
        np.testing.assert_array_equal(after["arrays"][key], array)


# ---------------------------------------------------------------- wrong arguments

CLASSES = list(optim.OPTIMIZERS.values())


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    ("parameters", "error", "message"),
    [
        (lambda x: [], ValueError, "no parameters to train; a model's are its attributes of type"),
        (lambda x: iter([]), ValueError, "nothing left, perhaps because it was used before"),
        (lambda x: [x, x * 2], ValueError, r"parameter 1, of shape \(2,\), is the result of a"),
        (lambda x: [x, x], ValueError, "parameters 0 and 1 are the same tensor"),
        (
            lambda x: [x, np.ones(2)],
            TypeError,
            "parameter 1 is of type ndarray, not a tensor; wrap",
        ),
        (lambda x: [("x", x)], TypeError, "named_parameters.. gives pairs"),
        (lambda x: x, TypeError, "one tensor is given; put it into a list"),
        (lambda x: nn.Linear(2, 2), TypeError, "a module is given; write .*model.parameters"),
    ],
)
def test_wrong_parameters_are_explained(kind, parameters, error, message):
    with pytest.raises(error, match=f"^{kind.__name__}: .*{message}"):
        kind(parameters(nn.Parameter([1.0, 2.0])))


def test_a_generator_can_be_used_once():
    parameters = (p for p in nn.Linear(2, 2).parameters())
    optim.SGD(parameters)
    with pytest.raises(ValueError, match="used before; pass a list"):
        optim.Adam(parameters)


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "settings", [{"lr": -1}, {"lr": math.inf}, {"lr": "0.1"}, {"weight_decay": -0.1}]
)
def test_a_wrong_setting_is_named_with_its_value(kind, settings):
    ((name, value),) = settings.items()
    with pytest.raises(ValueError, match=f"^{kind.__name__}: {name} is {value!r}; give a finite"):
        kind([nn.Parameter(1.0)], **settings)


@pytest.mark.parametrize(
    ("kind", "settings", "message"),
    [
        (optim.SGD, {"momentum": 1.0}, "momentum is 1.0; give .*below 1"),
        (optim.SGD, {"nesterov": True}, "nesterov needs a momentum"),
        (optim.Adam, {"betas": (0.9, 1.0)}, r"betas is \(0.9, 1.0\); give two .*below 1"),
        (optim.Adam, {"betas": 0.9}, "betas is 0.9; give two numbers"),
        (optim.AdamW, {"betas": (-0.1, 0.9)}, r"betas is \(-0.1, 0.9\)"),
        (optim.AdamW, {"eps": -1e-8}, "eps is -1e-08"),
    ],
)
def test_a_wrong_setting_of_its_own_is_explained(kind, settings, message):
    with pytest.raises(ValueError, match=f"^{kind.__name__}: {message}"):
        kind([nn.Parameter(1.0)], **settings)


@pytest.mark.parametrize("kind", CLASSES)
def test_every_setting_is_checked_when_it_is_assigned(kind):
    optimizer = kind([nn.Parameter(1.0)])
    for name, value in optimizer.state_dict()["settings"].items():
        if not isinstance(value, bool):
            with pytest.raises(ValueError, match=f"^{kind.__name__}: {name} is -1; give"):
                setattr(optimizer, name, -1)
        setattr(optimizer, name, value)
        assert getattr(optimizer, name) == value
    with pytest.raises(ValueError, match="nesterov needs a momentum"):
        optim.SGD([nn.Parameter(1.0)], momentum=0.9, nesterov=True).momentum = 0.0


def test_momentum_that_is_switched_on_later_is_used():
    late, always = (nn.Parameter([1.0, -2.0]) for _ in range(2))
    optimizer = optim.SGD([late], lr=0.1)
    other = optim.SGD([always], lr=0.1, momentum=0.9)
    for step in range(4):
        for parameter, stepped in ((late, optimizer), (always, other)):
            parameter.grad = np.array([1.0, float(step > 0)])
            stepped.step()
        if not step:
            optimizer.momentum = 0.9
            other.load_state_dict({**other.state_dict(), "arrays": {"0.velocity": np.zeros(2)}})
    np.testing.assert_array_equal(late.data, always.data)


def test_optimizers_are_found_by_name():
    assert optim.get("sgd") is optim.SGD
    assert optim.get("adamw") is optim.AdamW
    with pytest.raises(ValueError, match=r"no optimizer named 'Adm' \(did you mean adam\?\)"):
        optim.get("Adm")


def test_an_optimizer_shows_its_settings():
    model = nn.Linear(4, 3)
    assert repr(optim.Adam(model.parameters())) == (
        "Adam(2 parameters of 15 numbers, "
        "lr=0.001, betas=(0.9, 0.999), eps=1e-08, weight_decay=0.0)"
    )
