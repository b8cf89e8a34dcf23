import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

import nn
from nn.training import Callback, Checkpoint, CheckpointError, EarlyStopping, save_checkpoint
from nn.training.schedules import SCHEDULES


class Interrupt(Callback):
    """Presses Ctrl-C in the middle of an epoch."""

    def __init__(self, epoch, batch):
        self.moment = epoch, batch

    def on_batch_end(self, trainer):
        if (trainer.epoch, trainer.batch) == self.moment:
            raise KeyboardInterrupt


def bits(trainer) -> dict[str, bytes]:
    return {name: value.tobytes() for name, value in trainer.model.state_dict().items()}


def measured(trainer) -> list:
    """The history without what a clock measured."""
    return [(e.epoch, e.train, e.validation, e.learning_rate) for e in trainer.history]


SETTINGS = {"epochs": 5, "batch_size": 16, "progress": False}


@pytest.mark.parametrize("schedule", [None, SCHEDULES["cosine"]])
@pytest.mark.parametrize("optimizer", nn.optim.OPTIMIZERS.values())
@pytest.mark.parametrize("moment", [(2, 1), (4, 8)])
def test_a_resumed_run_is_the_same_to_the_last_bit(
    tmp_path, points, make_trainer, optimizer, schedule, moment
):
    settings = {"optimizer": optimizer, "schedule": schedule}
    whole = make_trainer(**settings)
    whole.fit(points, points, **SETTINGS)

    broken = make_trainer(callbacks=[Checkpoint(tmp_path), Interrupt(*moment)], **settings)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(points, points, **SETTINGS)
    nn.seed(99)

    resumed = make_trainer(callbacks=[Checkpoint(tmp_path)], **settings)
    resumed.fit(points, points, resume=tmp_path, **SETTINGS)
    assert bits(resumed) == bits(whole)
    assert measured(resumed) == measured(whole)
    assert resumed.rng.random() == whole.rng.random()


def test_nn_s_own_generator_is_resumed_too(tmp_path, points):
    def trainer(*callbacks):
        nn.seed(5)
        model = nn.MLP([2, 8, 2], dropout=0.5)
        optimizer = nn.optim.SGD(model.parameters(), lr=0.1)
        return nn.training.Trainer(model, nn.CrossEntropyLoss(), optimizer, callbacks=callbacks)

    whole = trainer()
    whole.fit(points, **SETTINGS)
    broken = trainer(Checkpoint(tmp_path), Interrupt(3, 2))
    with pytest.raises(KeyboardInterrupt):
        broken.fit(points, **SETTINGS)
    resumed = trainer()
    resumed.fit(points, resume=tmp_path, **SETTINGS)
    assert bits(resumed) == bits(whole)


def test_a_second_call_of_fit_is_resumed_as_such(tmp_path, points, make_trainer):
    settings = {"schedule": SCHEDULES["linear"]}
    whole = make_trainer(**settings)
    whole.fit(points, **SETTINGS)
    whole.fit(points, **SETTINGS)

    broken = make_trainer(callbacks=[Checkpoint(tmp_path), Interrupt(8, 1)], **settings)
    broken.fit(points, **SETTINGS)
    with pytest.raises(KeyboardInterrupt):
        broken.fit(points, **SETTINGS)

    resumed = make_trainer(**settings)
    resumed.fit(points, resume=tmp_path, **SETTINGS)
    assert bits(resumed) == bits(whole)
    assert len(resumed.history) == 10


def test_resuming_a_finished_run_changes_nothing(tmp_path, points, make_trainer):
    whole = make_trainer(callbacks=[Checkpoint(tmp_path)])
    whole.fit(points, **SETTINGS)
    resumed = make_trainer()
    resumed.fit(points, resume=tmp_path, **SETTINGS)
    assert bits(resumed) == bits(whole)
    assert len(resumed.history) == 5


def test_an_early_stop_stays_where_it_was(tmp_path, points, make_trainer):
    def trainer(*callbacks):
        return make_trainer(lr=0.0, callbacks=[EarlyStopping(2), *callbacks])

    whole = trainer(Checkpoint(tmp_path))
    whole.fit(points, points, **SETTINGS)
    assert len(whole.history) == 3
    resumed = trainer()
    resumed.fit(points, points, resume=tmp_path, **SETTINGS)
    assert len(resumed.history) == 3
    assert resumed.stop_reason == whole.stop_reason


def test_the_best_checkpoint_continues_from_the_best_epoch(tmp_path, points, make_trainer):
    trainer = make_trainer(callbacks=[checkpoint := Checkpoint(tmp_path, metric="accuracy")])
    trainer.fit(points, points, **SETTINGS)
    best = trainer.history.best("accuracy")
    resumed = make_trainer()
    resumed.fit(points, points, resume=checkpoint.best, epochs=0, progress=False)
    assert len(resumed.history) == best.epoch
    assert resumed.evaluate(points) == best.validation


def test_a_checkpoint_of_something_else_is_explained(tmp_path, points, make_trainer):
    make_trainer(callbacks=[Checkpoint(tmp_path)]).fit(points, epochs=1, progress=False)

    def resume(trainer, path=tmp_path):
        trainer.fit(points, resume=path, **SETTINGS)

    with pytest.raises(CheckpointError, match=r"last\.safetensors: .*layers\.0\.weight is \(2, 8"):
        resume(make_trainer(hidden=9))
    with pytest.raises(CheckpointError, match=r"last\.safetensors: SGD: .*'Adam'"):
        resume(make_trainer(optimizer=nn.optim.SGD))
    with pytest.raises(CheckpointError, match=r"last\.safetensors: there are other random gener"):
        resume(make_trainer(rng=np.random.default_rng(0)))
    with pytest.raises(CheckpointError, match=r"none/last\.safetensors: there is no such"):
        resume(make_trainer(), tmp_path / "none" / "last.safetensors")
    save_checkpoint(tmp_path / "weights", make_trainer().model.state_dict())
    with pytest.raises(CheckpointError, match="weights: no checkpoint of a training, it lacks fir"):
        resume(make_trainer(), tmp_path / "weights")


PROGRAM = """
    import sys
    import numpy as np
    import nn
    from nn.training import Checkpoint, Trainer

    folder, epochs, *resume = sys.argv[1:]
    rng = np.random.default_rng(0)
    inputs = rng.normal(size=(256, 20)).astype(np.float32)
    targets = rng.integers(4, size=256)
    model = nn.MLP([20, 256, 256, 4], dropout=0.2, rng=rng)
    trainer = Trainer(model, nn.CrossEntropyLoss(), nn.optim.Adam(model.parameters()),
                      callbacks=[Checkpoint(folder)], rng=rng)
    trainer.fit((inputs, targets), (inputs, targets), epochs=int(epochs), batch_size=64,
                resume=folder if resume else None)
    nn.training.save_checkpoint(folder + "/final", model.state_dict())
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the system has no SIGKILL")
def test_a_run_that_is_killed_again_and_again_ends_with_the_same_bits(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))

    def start(folder, *arguments):
        command = [sys.executable, str(program), str(tmp_path / folder), "150", *arguments]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    assert start("whole").wait() == 0
    pause = np.random.default_rng(0)
    last = tmp_path / "killed" / "last.safetensors"
    process = start("killed")
    for _ in range(20):
        before = last.stat().st_mtime_ns if last.exists() else None
        while process.poll() is None and (not last.exists() or last.stat().st_mtime_ns == before):
            time.sleep(0.002)
        time.sleep(pause.uniform(0, 0.05))  # in the middle of training, or of saving
        assert process.poll() is None, "it ended before it was killed; give it more epochs"
        process.kill()
        process.wait()
        process = start("killed", "resume")
    assert process.wait() == 0
    whole, killed = (tmp_path / folder / "final" for folder in ("whole", "killed"))
    assert killed.read_bytes() == whole.read_bytes()
    assert sorted(os.listdir(last.parent)) == ["best.safetensors", "final", "last.safetensors"]


def test_a_checkpoint_is_json_and_arrays_only(tmp_path, points, make_trainer):
    trainer = make_trainer(callbacks=[Checkpoint(tmp_path)])
    trainer.fit(points, epochs=1, progress=False)
    state = trainer.state_dict()
    del state["model"], state["optimizer"]["arrays"]
    json.dumps(state)
