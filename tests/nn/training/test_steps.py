"""Steps of a Trainer: limited gradients, several batches for one step, an optimizer that fits."""

import warnings

import numpy as np
import pytest

import nn
from nn.training import Trainer


def weights(points, *, reduction="mean", batch_size, **settings):
    """The weights after two epochs of a network without randomness."""
    model = nn.MLP([2, 8, 2], activation="tanh", rng=np.random.default_rng(7))
    loss = nn.CrossEntropyLoss(reduction=reduction)
    trainer = Trainer(model, loss, nn.optim.SGD(model.parameters(), lr=0.01), **settings)
    trainer.fit(points, epochs=2, batch_size=batch_size, shuffle=False, progress=False)
    return np.concatenate([p.numpy().ravel() for p in model.parameters()])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("batches", [2, 3, 7])  # 120 samples: the last step has fewer of some
@pytest.mark.parametrize("clip_norm", [None, 0.05])
def test_accumulated_batches_do_what_one_large_batch_does(points, reduction, batches, clip_norm):
    small = weights(
        points, reduction=reduction, batch_size=16, accumulate=batches, clip_norm=clip_norm
    )
    large = weights(points, reduction=reduction, batch_size=16 * batches, clip_norm=clip_norm)
    np.testing.assert_allclose(small, large, rtol=1e-4, atol=1e-6)
    assert not np.allclose(small, weights(points, reduction=reduction, batch_size=16), rtol=1e-4)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_no_step_is_longer_than_the_limit_allows(points, make_trainer, accumulate):
    trainer = make_trainer(
        optimizer=nn.optim.SGD, lr=1.0, clip_norm=1e-3, accumulate=accumulate, dropout=0
    )
    moved = []
    before = [p.numpy().copy() for p in trainer.model.parameters()]

    class Watch(nn.Callback):
        def on_batch_end(self, trainer):
            now = [p.numpy().copy() for p in trainer.model.parameters()]
            change = [np.sum((a - b) ** 2) for a, b in zip(now, before, strict=True)]
            moved.append(np.sqrt(sum(change)))
            before[:] = now

    trainer.callbacks.append(Watch())
    trainer.fit(points, batch_size=20, progress=False)
    steps = [length for length in moved if length]
    assert len(steps) == 6 // accumulate
    np.testing.assert_allclose(steps, 1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    "settings",
    [{"clip_norm": 0}, {"clip_norm": float("nan")}, {"accumulate": 0}, {"accumulate": 1.5}],
)
def test_settings_that_make_no_sense_are_explained(make_trainer, settings):
    (name,) = settings
    with pytest.raises(ValueError, match=f"Trainer: {name} is .*; give a"):
        make_trainer(**settings)


def test_an_optimizer_of_another_model_is_warned_about(points):
    model, other = nn.MLP([2, 2]), nn.MLP([2, 2])
    trainer = Trainer(model, nn.CrossEntropyLoss(), nn.optim.Adam(other.parameters()))
    with pytest.warns(UserWarning, match="holds none of the model's 2 parameters") as caught:
        trainer.fit(points, progress=False)
    assert caught[0].filename == __file__  # the line of the user


def test_an_optimizer_of_a_part_is_not_warned_about(points):
    model = nn.MLP([2, 4, 2])
    *_, last = model.parameters()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Trainer(model, nn.CrossEntropyLoss(), nn.optim.Adam([last])).fit(points, progress=False)
