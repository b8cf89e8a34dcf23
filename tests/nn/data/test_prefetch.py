import gc
import subprocess
import sys
import threading
import time
import traceback
import warnings

import numpy as np
import pytest

import nn
from nn.data import BalancedSampler, DataLoader, Dataset
from nn.data.prefetch import prefetched
from nn.data.transforms import Compose, Distort, Standardize, ToUnit
from nn.training import Callback, Checkpoint, Trainer

IMAGES = np.random.default_rng(0).integers(256, size=(50, 1, 8, 8), dtype=np.uint8)
DATA = Dataset(IMAGES, np.arange(50) % 3)


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("prefetch")]


def wait_for_threads() -> None:
    """Until they have ended; ten seconds at most."""
    for thread in threads():
        thread.join(10)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    wait_for_threads()
    assert threads() == []


# the batches


@pytest.mark.parametrize("ahead", [1, 2, 7, 100])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"shuffle": True},
        {"transform": ToUnit()},
        {"shuffle": True, "transform": Compose(Distort(shift=1, alpha=10), ToUnit())},
        {"sampler": BalancedSampler(DATA.targets), "transform": Distort(degrees=20)},
    ],
)
def test_the_batches_are_the_same_as_without(settings, ahead):
    rng = np.random.default_rng(1)
    plain = DataLoader(DATA, 8, rng=np.random.default_rng(1), **settings)
    ahead_of = DataLoader(DATA, 8, rng=rng, prefetch=ahead, **settings)
    for _ in range(3):
        for (inputs, targets), (other, labels) in zip(plain, ahead_of, strict=True):
            assert inputs.tobytes() == other.tobytes()
            assert inputs.dtype == other.dtype
            assert targets.tobytes() == labels.tobytes()
    assert rng.bit_generator.state == plain.rng.bit_generator.state


@pytest.mark.parametrize("prefetch", [0, 3])
def test_the_batches_do_not_depend_on_who_else_draws_from_the_generator(prefetch):
    """A model's dropout often has the same generator; its turn must not depend on a thread."""

    def epoch(disturb: bool) -> list[bytes]:
        rng = np.random.default_rng(1)
        loader = DataLoader(DATA, 8, rng=rng, transform=Distort(shift=2), prefetch=prefetch)
        batches = []
        for inputs, _ in loader:
            batches.append(inputs.tobytes())
            if disturb:
                rng.random(5)
        return batches

    assert epoch(disturb=True) == epoch(disturb=False)


@pytest.mark.parametrize("taken", [1, 3])
def test_an_abandoned_epoch_leaves_the_generator_where_it_would_stand_without(taken):
    after = []
    for prefetch in (0, 4):
        rng = np.random.default_rng(1)
        loader = DataLoader(
            DATA, 8, shuffle=True, rng=rng, transform=Distort(shift=2), prefetch=prefetch
        )
        for _, _ in zip(range(taken), loader, strict=False):
            pass
        after.append((rng.bit_generator.state, next(iter(loader))[0].tobytes()))
    assert after[0] == after[1]


def test_a_new_transformation_is_drawn_for_every_epoch():
    loader = DataLoader(DATA, 50, rng=np.random.default_rng(0), transform=Distort(shift=2))
    ((first, _),), ((second, _),) = loader, loader
    assert not np.array_equal(first, second)


def test_a_transform_that_draws_nothing_leaves_the_generator_alone():
    rng = np.random.default_rng(0)
    before = rng.bit_generator.state
    transform = Compose(ToUnit(), Standardize.fit(IMAGES / 255))
    list(DataLoader(DATA, transform=transform, rng=rng, prefetch=2))
    assert rng.bit_generator.state == before


def test_the_targets_and_whatever_else_there_is_pass_by_the_transform():
    class Three:
        def __len__(self):
            return 4

        def __getitem__(self, index):
            numbers = np.arange(4.0)[index]
            return numbers, -numbers, numbers + 10

    loader = DataLoader(Three(), 4, transform=lambda inputs, rng: inputs * 2)
    (batch,) = loader
    assert [part.tolist() for part in batch] == [[0, 2, 4, 6], [0, -1, -2, -3], [10, 11, 12, 13]]


# the thread


def test_at_most_so_many_items_are_prepared_in_advance():
    made = []

    def items():
        for i in range(20):
            made.append(i)
            yield i

    received = prefetched(items(), ahead=3)
    most = 0
    for i in received:
        time.sleep(0.001)
        most = max(most, len(made) - i - 1)
    assert 1 <= most <= 3
    assert made == list(range(20))


def test_items_are_made_while_others_are_used():
    in_use = threading.Event()
    seen = []

    def items():
        yield 0
        seen.append(in_use.wait(10))
        yield 1

    for item in prefetched(items(), ahead=1):
        if item == 0:
            in_use.set()
    assert seen == [True]


def test_nothing_starts_before_the_first_batch_is_asked_for():
    iter(DataLoader(DATA, prefetch=2))
    assert threads() == []


def failing(inputs, rng):
    if failing.count == 3:
        raise ZeroDivisionError("in the transform")
    failing.count += 1
    return inputs


def test_an_exception_comes_where_its_batch_would_have_come():
    failing.count = 0
    received = []
    with pytest.raises(ZeroDivisionError, match="in the transform") as caught:
        received.extend(DataLoader(DATA, 8, transform=failing, prefetch=2))
    assert len(received) == 3
    places = [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert places[-1] == "failing"


@pytest.mark.parametrize("how", ["break", "error", "close", "garbage", "cycle"])
def test_an_abandoned_iteration_leaves_no_thread(how):
    loader = DataLoader(DATA, 2, transform=Distort(shift=1), prefetch=3)
    if how == "break":
        for _ in loader:
            break
    elif how == "error":
        with pytest.raises(KeyError):
            [{}[len(batch)] for batch in loader]
    else:
        batches = iter(loader)
        next(batches)
        assert len(threads()) == 1
        if how == "close":
            batches.close()
        if how == "cycle":
            cycle = [batches]
            cycle.append(cycle)
            del cycle
        del batches
        gc.collect()


def test_abandoning_does_not_wait_for_the_item_that_is_being_made_and_makes_no_more():
    begun, release, finished, asked_again = (threading.Event() for _ in range(4))

    def items():
        yield 0
        begun.set()
        release.wait(10)
        finished.set()
        yield 1
        asked_again.set()

    received = prefetched(items(), ahead=2)
    next(received)
    assert begun.wait(10)
    received.close()
    assert not finished.is_set()
    release.set()
    wait_for_threads()
    assert finished.is_set()
    assert not asked_again.is_set()


def test_a_program_ends_although_an_iteration_is_left_half_done():
    program = (
        "import numpy as np, nn.data\n"
        "data = np.zeros((100, 1, 8, 8)), np.zeros(100)\n"
        "batches = iter(nn.data.DataLoader(data, 2, prefetch=3))\n"
        "next(batches)\n"
        "print('done')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=60)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, b"done", b"")


def test_the_error_state_of_numpy_holds_in_the_thread_too():
    def divide(inputs, rng):
        return inputs / np.zeros_like(inputs)

    loader = DataLoader((np.ones(4), np.ones(4)), 2, transform=divide, prefetch=2)
    with np.errstate(divide="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(list(loader)) == 2
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        list(loader)


@pytest.mark.parametrize("prefetch", [-1, 1.5, "2", None])
def test_a_prefetch_that_is_no_count_is_refused(prefetch):
    with pytest.raises(ValueError, match=r"DataLoader: prefetch is .* 0 for none"):
        DataLoader(DATA, prefetch=prefetch)


def test_a_transform_that_is_no_function_is_refused():
    with pytest.raises(TypeError, match=r"transform is 255; give a function of \(inputs, rng\)"):
        DataLoader(DATA, transform=255)


# in a training


class Interrupt(Callback):
    def on_batch_end(self, trainer):
        if (trainer.epoch, trainer.batch) == (3, 4):
            raise KeyboardInterrupt


def trained(prefetch: int, *callbacks: Callback, shared: bool, resume=None) -> bytes:
    """The weights after a training in which dropout and augmentation draw random numbers."""
    rng = np.random.default_rng(7)
    model = nn.Sequential(
        nn.Flatten(),
        nn.Linear(64, 16, rng=rng),
        nn.Dropout(0.5, rng=rng),
        nn.Linear(16, 3, rng=rng),
    )
    optimizer = nn.optim.Adam(model.parameters())
    loader = DataLoader(
        DATA, 8, shuffle=True, transform=Compose(Distort(shift=1, degrees=10), ToUnit()),
        prefetch=prefetch, rng=rng if shared else np.random.default_rng(8),
    )  # fmt: skip
    trainer = Trainer(model, nn.CrossEntropyLoss(), optimizer, rng=rng, callbacks=callbacks)
    trainer.fit(loader, epochs=5, resume=resume, progress=False)
    return b"".join(value.tobytes() for value in model.state_dict().values())


@pytest.mark.parametrize("shared", [True, False])
def test_a_training_has_the_same_weights_with_and_without(shared):
    assert trained(0, shared=shared) == trained(3, shared=shared)


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("prefetch", [0, 3])
def test_a_resumed_training_has_the_same_weights(tmp_path, prefetch, shared):
    with pytest.raises(KeyboardInterrupt):
        trained(prefetch, Checkpoint(tmp_path), Interrupt(), shared=shared)
    resumed = trained(prefetch, shared=shared, resume=tmp_path)
    assert resumed == trained(prefetch, shared=shared)
