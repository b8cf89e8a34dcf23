import math

import numpy as np
import pytest

import autodiff as ad
import nn
from nn.data import DataLoader, Dataset
from nn.errors import UserError
from nn.training import Callback, History, LossError, Trainer, TrainingError
from nn.training.schedules import SCHEDULES


def test_it_does_what_the_loop_written_out_does(points, make_trainer):
    trainer = make_trainer()
    history = trainer.fit(points, epochs=2, batch_size=50, progress=False)

    rng = np.random.default_rng(7)
    model = nn.MLP([2, 8, 2], dropout=0.3, rng=rng)
    optimizer = nn.optim.Adam(model.parameters(), lr=0.02)
    for epoch in range(2):
        total = right = 0.0
        for inputs, targets in DataLoader(points, 50, shuffle=True, rng=rng):
            outputs = model(inputs)
            loss = nn.cross_entropy(outputs, targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(targets)
            right += np.sum(outputs.data.argmax(axis=1) == targets)
        assert history.train("loss")[epoch] == pytest.approx(total / 120, rel=1e-12)
        assert history.train("accuracy")[epoch] == right / 120
    for ours, theirs in zip(trainer.model.parameters(), model.parameters(), strict=True):
        np.testing.assert_array_equal(ours.data, theirs.data)


def test_validation_is_measured_after_each_epoch_without_dropout(points, make_trainer):
    trainer = make_trainer(dropout=0.9)
    history = trainer.fit(points, points, epochs=2, progress=False)
    measured = trainer.evaluate(points)
    assert history.epochs[-1].validation == measured
    assert measured == trainer.evaluate(points, batch_size=500)
    logits = trainer.predict(points[0])
    assert measured["loss"] == pytest.approx(float(nn.cross_entropy(logits, points[1])), rel=1e-6)
    assert trainer.evaluate(points, batch_size=7)["accuracy"] == measured["accuracy"]
    assert trainer.evaluate(points, batch_size=7)["loss"] == pytest.approx(measured["loss"])


def test_evaluation_leaves_the_mode_as_it_was_and_records_nothing(points, make_trainer):
    trainer = make_trainer()
    for mode in (True, False):
        trainer.model.train(mode)
        trainer.evaluate(points)
        trainer.predict(points[0])
        assert {module.training for module in trainer.model.modules()} == {mode}
    assert all(parameter.grad is None for parameter in trainer.model.parameters())


def test_predictions_of_nothing_have_the_right_width(make_trainer):
    assert make_trainer().predict(np.zeros((0, 2), np.float32)).shape == (0, 2)


@pytest.mark.parametrize("kind", ["pair", "dataset", "loader"])
def test_data_come_in_three_forms(points, make_trainer, kind):
    data = {
        "pair": points,
        "dataset": Dataset(*points),
        "loader": DataLoader(points, 64, shuffle=True, rng=np.random.default_rng(7)),
    }[kind]
    history = make_trainer().fit(data, data, epochs=1, progress=False)
    assert history.epochs[0].samples == 120
    assert 0 < history.epochs[0].validation["loss"] < 1


def test_other_data_are_refused(make_trainer):
    with pytest.raises(UserError, match="the data are of type generator; give a Dataset, a DataL"):
        make_trainer().fit((pair for pair in ()), progress=False)


def test_fitting_again_goes_on(points, make_trainer):
    whole = make_trainer().fit(points, epochs=3, progress=False)
    trainer = make_trainer()
    trainer.fit(points, epochs=1, progress=False)
    assert trainer.fit(points, epochs=2, progress=False) is trainer.history
    assert [epoch.epoch for epoch in trainer.history] == [1, 2, 3]
    assert trainer.history.train("loss") == whole.train("loss")


def test_metrics_may_be_functions(points, make_trainer):
    def confidence(outputs, targets):
        return float(np.ptp(outputs, axis=-1).mean())

    trainer = make_trainer(metrics=[confidence, "accuracy"])
    history = trainer.fit(points, points, epochs=1, progress=False)
    assert history.metrics == ("loss", "confidence", "accuracy")


def test_wrong_metrics_are_explained(make_trainer):
    with pytest.raises(UserError, match=r"no metric named 'acuracy' \(did you mean accuracy\?\)"):
        make_trainer(metrics=["acuracy"])
    with pytest.raises(ValueError, match="'loss' is always measured"):
        make_trainer(metrics=[type("loss", (), {"__name__": "loss", "__call__": len})()])


def test_a_summed_loss_is_reported_per_sample(points):
    losses = []
    for reduction in ("mean", "sum"):
        model = nn.Linear(2, 2, rng=np.random.default_rng(0))
        optimizer = nn.optim.SGD(model.parameters(), lr=0)
        trainer = Trainer(model, nn.CrossEntropyLoss(reduction), optimizer)
        losses.append(trainer.fit(points, points, epochs=1, progress=False).epochs[0])
    assert losses[0].train["loss"] == pytest.approx(losses[1].train["loss"], rel=1e-6)
    assert losses[0].validation["loss"] == pytest.approx(losses[1].validation["loss"], rel=1e-6)


def test_regression_works_without_metrics():
    x = np.linspace(-1, 1, 64)[:, None]
    model = nn.MLP([1, 16, 1], activation="tanh", dtype=np.float64, rng=np.random.default_rng(0))
    trainer = Trainer(model, nn.MSELoss(), nn.optim.Adam(model.parameters(), lr=0.05))
    history = trainer.fit((x, x**2), epochs=200, batch_size=64, progress=False)
    assert history.train("loss")[-1] < 1e-3 < history.train("loss")[0]


class Rates(Callback):
    def __init__(self):
        self.seen = []

    def on_batch_end(self, trainer):
        self.seen.append(trainer.optimizer.lr)


def test_a_schedule_sees_the_share_of_the_whole_training(points, make_trainer):
    rates = Rates()
    trainer = make_trainer(lr=0.5, schedule=SCHEDULES["linear"], callbacks=[rates])
    history = trainer.fit(points, epochs=2, batch_size=60, progress=False)
    assert rates.seen == [0.5, 0.375, 0.25, 0.125]
    assert [epoch.learning_rate for epoch in history] == [0.375, 0.125]
    assert trainer.optimizer.lr == 0.5


def test_without_a_schedule_a_rate_that_was_set_on_the_way_stays(points, make_trainer):
    class Halve(Callback):
        def on_epoch_end(self, trainer):
            trainer.optimizer.lr /= 2

    trainer = make_trainer(lr=0.5, callbacks=[Halve()])
    trainer.fit(points, epochs=2, progress=False)
    assert trainer.optimizer.lr == 0.125


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_begin_with_the_full_rate_and_never_rise(name):
    factors = [SCHEDULES[name](i / 100) for i in range(100)]
    assert factors[0] == 1
    assert factors == sorted(factors, reverse=True)
    assert min(factors) > 0


def test_a_diverging_training_stops_before_the_step_that_would_spoil_the_weights(
    points, make_trainer
):
    trainer = make_trainer(lr=1e30, optimizer=nn.optim.SGD)
    with pytest.raises(
        TrainingError,
        match=r"epoch 1, batch \d+: the loss is (nan|inf); lower the learning rate \(1e\+30\), or",
    ):
        trainer.fit(points, epochs=5, batch_size=10, progress=False)


def test_bad_inputs_are_told_from_a_bad_learning_rate(points, make_trainer):
    inputs = points[0].copy()
    inputs[15, 1] = np.nan
    with pytest.raises(
        TrainingError,
        match=r"epoch 1, batch 2: the loss is nan; 1 of the 20 values in the inputs of this batch",
    ):
        make_trainer().fit((inputs, points[1]), batch_size=10, shuffle=False, progress=False)


def test_bad_validation_data_are_told_from_bad_training_data(points, make_trainer):
    inputs = points[0].copy()
    inputs[3, 0] = np.inf
    with pytest.raises(TrainingError, match="validation after epoch 1: the loss is not a finite"):
        make_trainer().fit(points, (inputs, points[1]), progress=False)


def test_shapes_that_do_not_align_are_explained_by_the_layer(points, make_trainer):
    with pytest.raises(ad.errors.ShapeError, match=r"Linear\(2, 8\).*shape \(64, 3\)"):
        make_trainer().fit((np.zeros((120, 3), np.float32), points[1]), progress=False)


def test_callbacks_are_called_in_order_and_always_to_the_end(points, make_trainer):
    events = []

    class Recorder(Callback):
        def on_fit_start(self, trainer):
            events.append("start")

        def on_epoch_start(self, trainer):
            events.append(f"epoch {trainer.epoch} of {trainer.last_epoch}")

        def on_batch_end(self, trainer):
            events.append(f"batch {trainer.batch} of {trainer.batches}")
            if trainer.epoch == 2:
                raise KeyboardInterrupt

        def on_epoch_end(self, trainer):
            events.append(f"{len(trainer.history)} in history")

        def on_fit_end(self, trainer):
            events.append("end")

    trainer = make_trainer(callbacks=[Recorder()])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(points, epochs=3, batch_size=60, progress=False)
    assert events == [
        "start", "epoch 1 of 3", "batch 1 of 2", "batch 2 of 2", "1 in history",
        "epoch 2 of 3", "batch 1 of 2", "end",
    ]  # fmt: skip


def test_without_data_and_without_epochs_nothing_happens(points, make_trainer):
    assert make_trainer().fit(points, epochs=0, progress=False) == History()
    with pytest.raises(UserError, match="the data set is empty"):
        make_trainer().fit((np.zeros((0, 2)), np.zeros(0, int)), progress=False)


def test_the_means_so_far_can_be_watched(points, make_trainer):
    class Watch(Callback):
        def on_epoch_start(self, trainer):
            assert math.isnan(trainer.means.values()["loss"]) or trainer.epoch > 1

        def on_batch_end(self, trainer):
            assert trainer.means.samples == 20 * trainer.batch
            assert 0 <= trainer.means.values()["accuracy"] <= 1

    make_trainer(callbacks=[Watch()]).fit(points, epochs=2, batch_size=20, progress=False)


cross_entropy = nn.CrossEntropyLoss()
NO_LOSSES = {
    "a loss of each sample": (nn.CrossEntropyLoss("none"), "shape .* one number is needed"),
    "two losses": (lambda y, t: (cross_entropy(y, t), 0.0), "returned a tuple"),
    "a float": (lambda y, t: float(cross_entropy(y, t)), "a float.*return the Tensor itself"),
    "nothing": (lambda y, t: None, "returned a NoneType"),
    "a detached tensor": (lambda y, t: cross_entropy(y, t).detach(), "no gradient flows from"),
    "an array": (lambda y, t: np.ones(3), "returned a ndarray"),
    "a whole number": (lambda y, t: ad.tensor(3), "no gradient flows from"),
    "a complex number": (lambda y, t: cross_entropy(y, t) * 1j, "a complex number.*np.real"),
    "one of something else": (
        lambda y, t: ad.tensor(2.0, requires_grad=True) * 2,
        "not depend on any of the parameters",
    ),
}


@pytest.mark.parametrize(("loss", "message"), NO_LOSSES.values(), ids=NO_LOSSES)
def test_what_is_no_loss_is_refused_before_anything_changes(points, loss, message):
    model = nn.MLP([2, 4, 2], rng=np.random.default_rng(0))
    before = [p.data.copy() for p in model.parameters()]
    trainer = Trainer(model, loss, nn.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(LossError, match=message):
        trainer.fit(points, progress=False)
    for parameter, value in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(parameter.data, value)
        assert parameter.grad is None
    assert len(trainer.history) == 0


def test_a_loss_that_is_no_function_is_refused():
    model = nn.Linear(2, 2)
    with pytest.raises(LossError, match=r"the loss is 'mse'; give a function.*nn\.MSELoss"):
        Trainer(model, "mse", nn.optim.SGD(model.parameters(), lr=0.1))


@pytest.mark.parametrize("wrong", [None, "sgd", nn.optim.SGD])
def test_what_is_no_optimizer_is_refused(wrong):
    with pytest.raises(UserError, match=r"the optimizer is .*; give one .*nn\.optim\.SGD\("):
        Trainer(nn.Linear(2, 2), nn.MSELoss(), wrong)


@pytest.mark.parametrize("wrong", [None, len, nn.Linear, "mlp"])
def test_what_is_no_model_is_refused(wrong):
    optimizer = nn.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
    with pytest.raises(UserError, match=r"the model is .*; give an nn\.Module"):
        Trainer(wrong, nn.MSELoss(), optimizer)


def test_a_class_of_losses_is_no_loss():
    model = nn.Linear(2, 2)
    with pytest.raises(LossError, match=r"the loss is <class .*MSELoss.*; give .*nn\.MSELoss\(\)"):
        Trainer(model, nn.MSELoss, nn.optim.SGD(model.parameters(), lr=0.1))


def test_a_loss_with_one_element_is_a_number(points):
    model = nn.MLP([2, 4, 2], rng=np.random.default_rng(0))
    trainer = Trainer(
        model, lambda y, t: cross_entropy(y, t)[None], nn.optim.SGD(model.parameters(), lr=0.1)
    )
    assert np.isfinite(trainer.fit(points, points, progress=False).validation("loss")).all()
