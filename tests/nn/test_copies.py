"""Copies and pickles of all that has a state go on exactly as the original does."""

import copy
import inspect
import pickle

import numpy as np
import pytest
from test_optim import OPTIMIZERS

import autodiff as ad
import nn
from nn import optim
from nn.training import EarlyStopping, ReduceOnPlateau, Scheduler, schedules

OPTIMIZERS = {**OPTIMIZERS, "lbfgs": lambda p, **kw: optim.LBFGS(p, max_iter=3, **kw)}
COPIES = {
    "deepcopy": copy.deepcopy,
    **{
        f"pickle {protocol}": lambda value, protocol=protocol: pickle.loads(
            pickle.dumps(value, protocol)
        )
        for protocol in (2, pickle.HIGHEST_PROTOCOL)
    },
}
SCHEDULES = {
    "constant": schedules.constant,
    "linear": schedules.linear,
    "cosine": schedules.cosine,
    "steps": schedules.steps(0.3, 0.6),
    "exponential": schedules.exponential(0.1),
    "warmup": schedules.warmup(0.3, schedules.steps(0.5)),
    "restarts": schedules.restarts(3, schedules.exponential(0.5)),
    "one_cycle": schedules.one_cycle(),
}


@pytest.fixture(params=COPIES)
def copied(request):
    return COPIES[request.param]


class Everything:
    """A training with all that takes part in it, in one object."""

    def __init__(self, make, groups=False):
        rng = np.random.default_rng(0)
        self.model = nn.Sequential(
            nn.Linear(3, 4, rng=rng), nn.BatchNorm1d(4), nn.Dropout(0.3, rng=rng)
        )
        # of no dimensions, not contiguous, and complex
        self.scale = nn.Parameter(np.float64(1.5))
        self.turned = nn.Parameter(np.asfortranarray(rng.normal(size=(4, 3))))
        self.phase = nn.Parameter(rng.normal(size=3) + 1j)
        own = [self.scale, self.turned, self.phase]
        layers = self.model.parameters()
        given = [{"params": own, "lr": 0.01}, {"params": layers}] if groups else [*own, *layers]
        self.optimizer = make(given)
        self.scheduler = Scheduler(self.optimizer, schedules.warmup(0.5, start=0.5), steps=20)
        self.ema = optim.EMA(self.model, 0.9)
        inputs = rng.normal(size=(12, 3))
        data = (inputs, inputs[:, :1])
        self.loader = nn.data.DataLoader(data, batch_size=4, shuffle=True, rng=rng)

    def loss(self, inputs, targets):
        # Written out: the walk adds up in the order of the operations
        outputs = self.model(inputs) @ self.turned * self.scale
        return np.mean((outputs - targets) ** 2) + np.mean(np.abs(self.phase - 1) ** 2)

    def backward(self, batch):
        self.optimizer.zero_grad()
        loss = self.loss(*batch)
        loss.backward()
        return loss

    def step(self, batch):
        needs_closure = isinstance(self.optimizer, optim.LBFGS)
        self.optimizer.step((lambda: self.backward(batch)) if needs_closure else None)
        self.scheduler.step()
        self.ema.update()

    def train(self, epochs):
        for _ in range(epochs):
            for batch in self.loader:
                self.backward(batch)
                self.step(batch)
        return self

    def state(self):
        return {
            **self.model.state_dict(),
            **{f"ema {name}": value for name, value in self.ema.averages.items()},
            "scale": self.scale.data,
            "turned": self.turned.data,
            "phase": self.phase.data,
            "lr": self.optimizer.lr,
        }


def assert_equal(first, second):
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


@pytest.mark.parametrize("epochs", [0, 1, 2], ids=["new", "after steps", "after more steps"])
@pytest.mark.parametrize(
    ("name", "groups"),
    [(name, groups) for name in OPTIMIZERS for groups in (False, True)][:-1],  # LBFGS takes none
)
def test_a_copied_training_goes_on_to_the_last_bit(name, epochs, groups, copied):
    original = Everything(OPTIMIZERS[name], groups).train(epochs)
    other = copied(original)
    before = original.state()
    assert_equal(other.state(), before)
    other.train(2)
    assert_equal(original.state(), before)
    moved = other.state()
    assert all(np.any(moved[key] != before[key]) for key in ("scale", "turned", "phase"))
    assert_equal(original.train(2).state(), moved)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_copy_between_the_backward_pass_and_the_step_has_the_gradients(name, copied):
    original = Everything(OPTIMIZERS[name]).train(1)
    batch = next(iter(original.loader))
    original.backward(batch)
    other = copied(original)
    for training in (original, other):
        training.step(batch)
    assert_equal(original.train(1).state(), other.train(1).state())


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_alone_takes_its_parameters_along(name, copied):
    training = Everything(OPTIMIZERS[name]).train(1)
    other = copied(training.optimizer)
    mine, theirs = training.optimizer.parameters, other.parameters
    assert [type(p) for p in theirs] == [type(p) for p in mine]
    for old, new in zip(mine, theirs, strict=True):
        assert not np.shares_memory(old.data, new.data)
        np.testing.assert_array_equal(new.data, old.data)

    def run(optimizer):
        def closure():
            optimizer.zero_grad()
            parts = [np.sum(np.abs(p) ** 2) for p in optimizer.parameters]
            loss = np.sum(np.stack(parts))
            loss.backward()
            return loss

        for _ in range(3):
            closure()
            optimizer.step(closure)

    run(other)
    run(training.optimizer)
    for old, new in zip(mine, theirs, strict=True):
        np.testing.assert_array_equal(new.data, old.data)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_pickled_optimizer_is_as_large_as_what_it_keeps(name):
    model = nn.Linear(100, 100)
    optimizer = OPTIMIZERS[name](model.parameters())

    def closure():
        loss = np.sum(model(np.ones((1, 100))) ** 2)
        loss.backward()
        return loss

    closure()
    optimizer.step(closure)
    kept = sum(array.nbytes for array in optimizer.state_dict()["arrays"].values())
    held = sum(p.nbytes + p.grad.nbytes for p in model.parameters())
    assert len(pickle.dumps(optimizer)) < kept + held + 5000


def test_every_optimizer_is_tried():
    classes = {c for _, c in inspect.getmembers(optim, inspect.isclass)}
    known = {c for c in classes if issubclass(c, optim.Optimizer)} - {optim.Optimizer}
    tried = {type(make([nn.Parameter(1.0)])) for make in OPTIMIZERS.values()}
    assert tried == known


def test_a_copy_of_an_optimizer_may_use_its_arrays_at_once():
    """What is kept is not shared with the original, which goes on as well."""
    x = nn.Parameter([1.0])
    optimizer = optim.Adam([x])
    np.sum(x * x).backward()
    optimizer.step()
    other = copy.deepcopy(optimizer)
    other.step()
    assert other.state_dict()["steps"] == [2]
    assert optimizer.state_dict()["steps"] == [1]


# ---------------------------------------------------------------- other objects with a state


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_can_be_copied(name, copied):
    schedule = SCHEDULES[name]
    other = copied(schedule)
    places = [step / 20 for step in range(20)]
    assert [other(place) for place in places] == [schedule(place) for place in places]


def test_every_schedule_is_tried():
    made = {name for name in schedules.__all__ if name.islower()}
    assert made == set(SCHEDULES)


def test_a_copied_trainer_goes_on_to_the_last_bit(copied):
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 8, rng=rng), nn.Dropout(0.2, rng=rng), nn.Linear(8, 2))
    trainer = nn.Trainer(
        model,
        nn.CrossEntropyLoss(),
        optim.AdamW(model.parameters(), lr=0.05),
        metrics=["accuracy"],
        schedule=schedules.one_cycle(),
        callbacks=[EarlyStopping(patience=5), ReduceOnPlateau(patience=1)],
        rng=rng,
    )
    points = rng.uniform(-1, 1, (40, 2)).astype(np.float32)
    data = points, (points[:, 0] > points[:, 1]).astype(int)
    trainer.fit(data, epochs=2, batch_size=8, progress=False)
    other = copied(trainer)
    for each in (trainer, other):
        each.fit(data, epochs=2, batch_size=8, progress=False)
    assert_equal(trainer.model.state_dict(), other.model.state_dict())
    assert [e.train for e in trainer.history.epochs] == [e.train for e in other.history.epochs]


@pytest.mark.parametrize("name", ad.functions.__all__)
def test_a_module_may_hold_functions_with_rules_and_be_copied(name, copied):
    module = Activated(getattr(ad.functions, name))
    assert copied(module).function is module.function


class Activated(nn.Module):
    def __init__(self, function):
        self.function = function


@pytest.mark.parametrize("kind", [ad.Tensor, nn.Parameter])
@pytest.mark.parametrize("value", [2.0, [1.0, 2.0]], ids=["number", "array"])
def test_a_copied_leaf_has_the_gradient(kind, value, copied):
    x = kind(value, requires_grad=True)
    (3 * x).sum().backward()
    y = copied(x)
    np.testing.assert_array_equal(y.grad, x.grad)
    (3 * y).sum().backward()
    np.testing.assert_array_equal(x.grad, np.full(x.shape, 3.0))
    np.testing.assert_array_equal(y.grad, np.full(x.shape, 6.0))


def test_the_graph_of_a_gradient_is_not_copied(copied):
    x = ad.tensor([1.0, 2.0], requires_grad=True)
    np.sum(x**3).backward(create_graph=True)
    np.testing.assert_array_equal(copied(x).grad, [3.0, 12.0])
    assert type(copied(x).grad) is np.ndarray


class Labelled(ad.Tensor):
    """A tensor with attributes of its own."""


def test_the_attributes_of_a_tensor_are_copied(copied):
    x = Labelled([1.0, 2.0], requires_grad=True)
    vars(x).update(labels=["a", "b"], me=x)
    y = copied(x)
    assert vars(y) == {"labels": ["a", "b"], "me": y}
    assert vars(y)["labels"] is not vars(x)["labels"]


def test_what_shares_an_array_with_a_tensor_shares_it_in_the_copy(copied):
    array = np.zeros(3)
    pair = (ad.as_tensor(array), array)
    tensor, other = copied(pair)
    assert tensor.data is other
