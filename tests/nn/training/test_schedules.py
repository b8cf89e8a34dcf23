"""Learning-rate schedules, alone and as PyTorch has them; plateaus."""

import math

import numpy as np
import pytest

import nn
from nn.training import schedules
from nn.training.plateau import Plateau

STEPS = 20


def rates(schedule, steps=STEPS):
    """The rates that a loop with a scheduler uses, from a full rate of 2."""
    optimizer = nn.optim.SGD([nn.Parameter(1.0)], lr=2.0)
    scheduler = nn.Scheduler(optimizer, schedule, steps)
    used = []
    for _ in range(steps):
        used.append(optimizer.lr)
        scheduler.step()
    return used


# name: our schedule, PyTorch's of the same rates
PAIRS = {
    "steps": (
        schedules.steps(0.25, 0.5, 0.75, factor=0.3),
        lambda lrs, optimizer: lrs.StepLR(optimizer, STEPS // 4, gamma=0.3),
    ),
    "steps at places": (
        schedules.steps(0.2, 0.7),
        lambda lrs, optimizer: lrs.MultiStepLR(optimizer, [4, 14]),
    ),
    "cosine": (
        schedules.cosine,
        lambda lrs, optimizer: lrs.CosineAnnealingLR(optimizer, STEPS),
    ),
    "restarts": (
        schedules.restarts(4),
        lambda lrs, optimizer: lrs.CosineAnnealingWarmRestarts(optimizer, STEPS // 4),
    ),
    "exponential": (
        schedules.exponential(0.9**STEPS),
        lambda lrs, optimizer: lrs.ExponentialLR(optimizer, 0.9),
    ),
    "warm-up": (
        schedules.warmup(0.5, schedules.constant, start=0.1),
        lambda lrs, optimizer: lrs.LinearLR(optimizer, 0.1, total_iters=STEPS // 2),
    ),
    "warm-up, then cosine": (
        schedules.warmup(0.25, start=0.2),
        lambda lrs, optimizer: lrs.SequentialLR(
            optimizer,
            [
                lrs.LinearLR(optimizer, 0.2, total_iters=STEPS // 4),
                lrs.CosineAnnealingLR(optimizer, STEPS * 3 // 4),
            ],
            [STEPS // 4],
        ),
    ),
}


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.filterwarnings("ignore:.*lr_scheduler.step:UserWarning")
@pytest.mark.filterwarnings("ignore:.*epoch parameter:UserWarning")
def test_the_rates_are_those_of_pytorch(name):
    torch = pytest.importorskip("torch")
    ours, theirs = PAIRS[name]
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=2.0)
    scheduler = theirs(torch.optim.lr_scheduler, optimizer)
    expected = []
    for _ in range(STEPS):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(rates(ours), expected, rtol=1e-9, atol=1e-12)


def test_one_cycle_has_the_turning_points_of_pytorch():
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=2.0)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, 2.0, total_steps=2001, cycle_momentum=False
    )
    used = []
    for _ in range(2001):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step() if len(used) < 2001 else None
    cycle = schedules.one_cycle()
    np.testing.assert_allclose(
        [2 * cycle(k / 2000) for k in range(2001)], used, atol=4e-3, err_msg="up to one step"
    )
    assert used[0] == pytest.approx(2 * cycle(0))
    assert used[-1] == pytest.approx(2 * cycle(1))


@pytest.mark.parametrize("name", schedules.SCHEDULES)
def test_a_schedule_by_name_starts_with_the_full_rate(name):
    assert schedules.SCHEDULES[name](0.0) == 1.0


def test_a_scheduler_stops_at_the_end_and_continues_from_its_state():
    optimizer = nn.optim.SGD([nn.Parameter(1.0)], lr=1.0)
    scheduler = nn.Scheduler(optimizer, schedules.linear, 4)
    for _ in range(9):
        scheduler.step()
    assert optimizer.lr == 0.25
    scheduler = nn.Scheduler(optimizer, schedules.linear, 4)
    optimizer.lr = 1.0
    scheduler.load_state_dict({"taken": 1, "rate": 1.0})
    scheduler.step()
    assert optimizer.lr == 0.5
    assert scheduler.state_dict() == {"taken": 2, "rate": 1.0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.steps(0.5, 30), "steps: 30 is no share of the training"),
        (lambda: schedules.warmup(0), "warmup: 0 is no share"),
        (lambda: schedules.one_cycle(1.0), r"one_cycle: 1\.0 is no share"),
        (lambda: schedules.exponential(0), "exponential: last is 0"),
        (lambda: schedules.restarts(0), "restarts: count is 0"),
        (lambda: rates(schedules.cosine, 0), "Scheduler: steps is 0"),
        (lambda: Plateau(patience=-1), "Plateau: patience is -1"),
        (lambda: nn.ReduceOnPlateau(factor=1.5), r"ReduceOnPlateau: factor is 1\.5"),
    ],
)
def test_wrong_settings_are_explained(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---------------------------------------------------------------- plateaus


def test_the_patience_comes_first_as_in_early_stopping():
    assert nn.ReduceOnPlateau(2).plateau.patience == nn.Plateau(2).patience == 2
    assert nn.EarlyStopping(2).patience == 2
    with pytest.raises(TypeError, match=r"patience is 'accuracy'; .* metric='accuracy'"):
        nn.ReduceOnPlateau("accuracy")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("metric", "minimize"), [("loss", True), ("error", True), ("accuracy", False)]
)
def test_a_metric_says_by_its_name_which_way_is_better(metric, minimize):
    assert nn.ReduceOnPlateau(2, metric=metric).plateau.minimize is minimize
    assert nn.ReduceOnPlateau(2, metric=metric, minimize=True).plateau.minimize


LOSSES = [1.0, 0.8, 0.9, 0.9, 0.79999, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.6, math.nan, 0.6, 0.6, 0.6]


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 1},
        {"patience": 0, "threshold": 0.2},
        {"patience": 1, "cooldown": 2},
        {"patience": 2, "minimize": False},
    ],
)
def test_a_plateau_is_seen_when_pytorch_sees_it(settings):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=1.0)
    theirs = {**settings, "mode": "min" if settings.pop("minimize", True) else "max"}
    theirs.pop("minimize", None)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, **theirs)
    plateau = Plateau(**settings, minimize=theirs["mode"] == "min")
    rate = 1.0
    for loss in LOSSES:
        scheduler.step(loss)
        rate *= 0.5 if plateau.reached(loss) else 1.0
        assert optimizer.param_groups[0]["lr"] == rate
    resumed = Plateau(**settings, minimize=theirs["mode"] == "min")
    resumed.load_state_dict(plateau.state_dict())
    assert [resumed.reached(1.0) for _ in range(5)] == [plateau.reached(1.0) for _ in range(5)]


def trained(folder, epochs, *, resume=False, reduce_first=True):
    """The rate of every epoch, and the weights, of a training that cannot get better."""
    model = nn.Linear(2, 1, rng=np.random.default_rng(0))
    optimizer = nn.optim.SGD(model.parameters(), lr=1e-3)
    callbacks = [nn.ReduceOnPlateau(factor=0.5, patience=0, threshold=0.5), nn.Checkpoint(folder)]
    trainer = nn.Trainer(
        model,
        nn.MSELoss(),
        optimizer,
        callbacks=callbacks if reduce_first else callbacks[::-1],
        rng=np.random.default_rng(1),
    )
    x = np.random.default_rng(2).normal(size=(8, 2)).astype(np.float32)
    history = trainer.fit(
        (x, x[:, :1]), epochs=epochs, progress=False, resume=folder if resume else None
    )
    return [epoch.learning_rate for epoch in history.epochs], model.weight.numpy()


@pytest.mark.parametrize("reduce_first", [True, False])
def test_a_trainer_reduces_the_rate_and_resumes_exactly(tmp_path, reduce_first):
    expected, weights = trained(tmp_path / "all", 6, reduce_first=reduce_first)
    assert expected[0] == 1e-3
    assert expected[-1] == pytest.approx(1e-3 * 0.5**4)
    trained(tmp_path / "part", 3, reduce_first=reduce_first)
    found, resumed = trained(tmp_path / "part", 6, resume=True, reduce_first=reduce_first)
    assert found == expected
    np.testing.assert_array_equal(resumed, weights)


@pytest.mark.parametrize("schedule", [schedules.warmup(0.5), schedules.cosine, schedules.linear])
@pytest.mark.parametrize("taken", [0, 1, 3, 4, 5])
@pytest.mark.parametrize("made_first", [False, True])
def test_a_scheduler_restores_the_rate_in_whatever_order_things_are_made(
    schedule, taken, made_first
):
    def prepared():
        return nn.optim.SGD([nn.Parameter(1.0)], lr=0.1)

    optimizer = prepared()
    scheduler = nn.Scheduler(optimizer, schedule, 4)
    for _ in range(taken):
        scheduler.step()
    saved, state, rate = optimizer.state_dict(), scheduler.state_dict(), optimizer.lr

    optimizer = prepared()
    if made_first:
        again = nn.Scheduler(optimizer, schedule, 4)
        optimizer.load_state_dict(saved)
    else:
        optimizer.load_state_dict(saved)
        again = nn.Scheduler(optimizer, schedule, 4)
    again.load_state_dict(state)
    assert optimizer.lr == rate
    scheduler.step()
    again.step()
    assert optimizer.lr == scheduler.optimizer.lr
