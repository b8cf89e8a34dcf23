import gc
import tracemalloc

import numpy as np
import pytest

import autodiff as ad
import nn

RNG = np.random.default_rng(0)
OBJECTS = 1024  # bytes of Python objects for each operation: its node, its tensor, their shapes


def mlp(**settings):
    return nn.MLP([100, 300, 50, 10], rng=RNG, **settings)


def cnn():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, rng=RNG),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, bias=False, rng=RNG),
        nn.Sigmoid(),
        nn.Flatten(),
        nn.Linear(16 * 8 * 8, 10, rng=RNG),
    )


def attention():
    return nn.Sequential(
        nn.TransformerBlock(32, 4, rng=RNG), nn.Flatten(), nn.Linear(32 * 8, 10, rng=RNG)
    )


class Skipping(nn.Module):
    """Part of it is computed again in the backward pass, and part leads nowhere."""

    def __init__(self):
        self.first = nn.Linear(100, 100, rng=RNG)
        self.inner = nn.MLP([100, 400, 100], activation="tanh", rng=RNG)
        self.head = nn.Linear(100, 10, rng=RNG)

    def forward(self, x):
        np.exp(self.first(x))
        return self.head(np.tanh(ad.checkpoint(self.inner)(np.tanh(self.first(x)))))


MODELS = {
    "mlp": (mlp, (100,)),
    "dropout": (lambda: mlp(dropout=0.5, activation="tanh"), (100,)),
    "cnn": (cnn, (3, 16, 16)),
    "attention": (attention, (8, 32)),
    "checkpoint": (Skipping, (100,)),
}


@pytest.fixture(params=MODELS)
def case(request):
    """A model, inputs and labels of 128 samples."""
    make, shape = MODELS[request.param]
    inputs = RNG.random((128, *shape), dtype=np.float32)
    return make(), inputs, RNG.integers(10, size=128)


def copied(*arrays):
    """Bytes by which a node makes itself safe from changes of plain arrays."""
    return sum(array.nbytes if array.size <= 1024 else 300 * array.itemsize for array in arrays)


def traced(model, inputs, labels):
    """Bytes that a forward pass leaves, and the most during the backward pass; and operations."""
    nn.cross_entropy(model(inputs), labels).backward()  # what is made once
    model.zero_grad()
    with ad.trace() as trace:
        nn.cross_entropy(model(inputs), labels)
    operations = len(trace)
    del trace
    gc.collect()
    tracemalloc.start()
    try:
        loss = nn.cross_entropy(model(inputs), labels)
        after_forward, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        loss.backward()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return after_forward, peak, operations


def test_what_is_kept_is_what_a_forward_pass_leaves_behind(case):
    model, inputs, labels = case
    memory = model.memory(inputs, targets=labels, loss=nn.CrossEntropyLoss())
    left, _, operations = traced(model, inputs, labels)
    most = memory.kept + OBJECTS * operations + copied(inputs, labels)
    assert memory.kept <= left <= most


@pytest.mark.parametrize("name", ["mlp", "dropout", "cnn", "attention"])
def test_a_backward_pass_needs_the_peak_and_the_rules_working_space(name):
    make, shape = MODELS[name]
    model, labels = make(), RNG.integers(10, size=256)
    inputs = RNG.random((256, *shape), dtype=np.float32)
    memory = model.memory(inputs, targets=labels, loss=nn.CrossEntropyLoss())
    _, peak, _ = traced(model, inputs, labels)
    assert memory.peak - memory.inputs - memory.parameters <= peak


def test_the_peak_is_exact_where_rules_need_no_working_space():
    model, inputs = mlp(activation=None), RNG.random((512, 100), dtype=np.float32)
    labels = RNG.integers(10, size=512)
    memory = model.memory(inputs, targets=labels, loss=nn.CrossEntropyLoss())
    _, peak, operations = traced(model, inputs, labels)
    there_before = memory.inputs + memory.parameters
    most = OBJECTS * operations + copied(inputs, labels)
    assert 0 <= peak - (memory.peak - there_before) <= most


def test_memory_of_other_batch_sizes_is_extrapolated(case):
    model, inputs, labels = case
    loss = nn.CrossEntropyLoss()
    memory = model.memory(inputs, targets=labels, loss=loss)
    few = model.memory(inputs[:3], targets=labels[:3], loss=loss)
    assert (
        vars(few.for_samples(128)).items()
        >= {key: value for key, value in vars(memory).items() if key != "_measured"}.items()
    )
    assert few.for_samples(50_000).for_samples(3).peak == few.peak
    assert few.for_samples(50_000).inputs == 50_000 * (inputs[0].nbytes + labels[0].nbytes)


def test_every_array_is_counted_once_where_it_is_first_kept():
    weight = nn.Linear(6, 6, rng=RNG)
    model = nn.Sequential(weight, nn.Tanh(), nn.Flatten(), weight, nn.Identity())
    memory = model.memory(np.zeros((5, 6), np.float32))
    assert [row.name.split(": ")[-1] for row in memory.rows] == [
        *("Sequential", "Linear", "Tanh", "Flatten", "Linear", "Identity")
    ]
    # tanh keeps its result, of which Flatten makes a view, which the second Linear keeps
    assert [row.kept for row in memory.rows] == [0, 0, 5 * 6 * 4, 0, 0, 0]
    assert [row.parameters for row in memory.rows] == [0, 42 * 4, 0, 0, 0, 0]
    assert memory.total == 5 * 6 * 4 + 2 * 42 * 4 + 5 * 6 * 4


class Checkpointed(nn.Module):
    def __init__(self):
        self.inner = nn.MLP([4, 50, 4], rng=RNG)

    def forward(self, x):
        return ad.checkpoint(self.inner)(x)


def test_a_checkpoint_keeps_its_input_and_nothing_inside():
    model = nn.Sequential(nn.Linear(4, 4, rng=RNG), Checkpointed(), nn.Tanh())
    memory = model.memory(np.zeros((5, 4), np.float32))
    kept = {row.name.split(": ")[-1]: row.kept for row in memory.rows}
    assert kept == {
        "Sequential": 0,
        "Checkpointed": 80,
        "MLP": 0,
        "Linear": 0,
        "ReLU": 0,
        "Tanh": 80,
    }


def test_frozen_parameters_need_no_gradients():
    model = nn.Sequential(nn.Linear(4, 4, rng=RNG).requires_grad_(False), nn.Linear(4, 2, rng=RNG))
    memory = model.memory(np.zeros((3, 4), np.float32))
    assert [row.gradients for row in memory.rows] == [0, 0, 10 * 4]
    frozen = model.requires_grad_(False).memory(np.zeros((3, 4), np.float32))
    assert (frozen.kept, frozen.gradients) == (0, 0)
    assert frozen.peak == frozen.total == frozen.inputs + frozen.parameters


def test_a_function_as_loss_has_a_row_too():
    inputs = np.zeros((3, 4), np.float32)
    memory = nn.Linear(4, 2, rng=RNG).memory(inputs, loss=lambda outputs: np.mean(outputs**2))
    assert [row.name for row in memory.rows] == ["Linear", "Loss"]
    assert memory.rows[1].kept == 3 * 2 * 4


def test_the_model_stays_as_it_is():
    nn.seed(3)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5)).eval()
    before, state = model.state_dict(), nn.default_rng().bit_generator.state
    with ad.no_grad():
        memory = model.memory(np.ones((6, 4), np.float32))
    assert memory.kept > 6 * 4 * 4  # as in training
    assert not any(module.training for module in model.modules())
    assert nn.default_rng().bit_generator.state == state
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_the_table_is_readable():
    inputs, labels = np.zeros((64, 3, 8, 8), np.float32), np.zeros(64, int)
    model = nn.Sequential(nn.Conv2d(3, 8, 3, rng=RNG), nn.ReLU(), nn.Flatten(), nn.Linear(288, 2))
    memory = model.memory(inputs, targets=labels, loss=nn.CrossEntropyLoss())
    assert (
        str(memory.for_samples(50_000))
        == """\
module               output            output bytes  parameters  gradients       kept
Sequential           (50000, 2)           390.6 KiB         0 B        0 B        0 B
  layers.0: Conv2d   (50000, 8, 6, 6)      54.9 MiB       896 B      896 B        0 B
  layers.1: ReLU     (50000, 8, 6, 6)      54.9 MiB         0 B        0 B   54.9 MiB
  layers.2: Flatten  (50000, 288)          54.9 MiB         0 B        0 B        0 B
  layers.3: Linear   (50000, 2)           390.6 KiB     2.3 KiB    2.3 KiB        0 B
CrossEntropyLoss     ()                         4 B         0 B        0 B  390.6 KiB
total                                                   3.1 KiB    3.1 KiB   55.3 MiB
batch of 50,000: 37.0 MiB of inputs and targets, 92.3 MiB in all, 201.8 MiB at the peak"""
    )


@pytest.mark.parametrize("shapes", [((), None), ((0, 4), None), ((3, 4), (4,))])
def test_arrays_without_common_samples_are_refused(shapes):
    inputs, targets = (None if shape is None else np.zeros(shape) for shape in shapes)
    with pytest.raises(ad.errors.ShapeError, match="the same number of samples, at least one"):
        nn.Linear(4, 2, rng=RNG).memory(inputs, targets=targets)


class Varying(nn.Module):
    def __init__(self):
        self.scale = nn.Parameter(np.ones(1))

    def forward(self, x):
        for _ in range(len(x)):
            x = x * self.scale
        return x


def test_a_graph_that_depends_on_the_number_of_samples_is_refused():
    with pytest.raises(nn.errors.UserError, match="Varying: the graph of 6 samples is not that"):
        Varying().memory(np.ones((3, 1)))
