"""`ad.checkpoint`: the second run begins where the first did, and leaves no trace."""

import copy
import functools
import gc
import inspect
import pickle
import random
import sys
import threading
import weakref
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest

import autodiff as ad
import nn
from autodiff.errors import StaleValueError

GLOBAL = np.random.default_rng(0)
COUNT = 0
SIZE = 200


def noisy(x, rng):
    """Dropout by hand."""
    return np.where(rng.random(x.shape) < 0.5, 0.0, x * x)


def fresh():
    return np.random.default_rng(7)


# ---------------------------------------------------------------- where a generator may be


class Holder:
    common = fresh()

    def __init__(self):
        self.rng = fresh()
        self.parts = {"inner": [fresh()]}

    def method(self, x):
        return noisy(x, self.rng)

    def nested(self, x):
        return noisy(x, self.parts["inner"][0])

    def of_class(self, x):
        return noisy(x, type(self).common)

    def __call__(self, x):
        return noisy(x, self.rng)

    @property
    def drawn(self):
        return GLOBAL.random(SIZE)

    def through_property(self, x):
        return x * x * self.drawn

    def through_global(self, x):
        return helper(x)


class Slotted:
    __slots__ = ("rng",)

    def __init__(self):
        self.rng = fresh()

    def __call__(self, x):
        return noisy(x, self.rng)


@dataclass(slots=True)
class Record:
    rng: np.random.Generator = field(default_factory=fresh)

    def __call__(self, x):
        return noisy(x, self.rng)


class Child(Holder):
    pass


def helper(x):
    return noisy(x, GLOBAL)


def by_closure():
    rng = fresh()
    return lambda x: noisy(x, rng)


def by_inner_function():
    rng = fresh()

    def outer(x):
        def inner(y):
            return noisy(y, rng)

        return inner(x)

    return outer


def by_default():
    def function(x, rng=fresh()):  # noqa: B008
        return noisy(x, rng)

    return function


def by_keyword_default():
    def function(x, *, rng=fresh()):  # noqa: B008
        return noisy(x, rng)

    return function


def by_attribute_of_a_function():
    def function(x):
        return noisy(x, function.rng)

    function.rng = fresh()  # type: ignore[attr-defined]
    return function


def by_state():
    old, bits = np.random.RandomState(3), np.random.MT19937(3)
    return lambda x: noisy(x, old) + noisy(x, np.random.Generator(bits))


def by_decorator():
    rng = fresh()

    def decorate(function):
        @functools.wraps(function)
        def wrapped(x):
            return noisy(function(x), rng)

        return wrapped

    @decorate
    def function(x):
        return x * 3

    return function


SOURCES = {
    "closure": by_closure,
    "inner function": by_inner_function,
    "default": by_default,
    "keyword default": by_keyword_default,
    "attribute of a function": by_attribute_of_a_function,
    "decorator": by_decorator,
    "argument": lambda: functools.partial(noisy, rng=fresh()),
    "global": lambda: helper,
    "bound method": lambda: Holder().method,
    "container": lambda: Holder().nested,
    "class": lambda: Holder().of_class,
    "base class": lambda: Child().through_global,
    "property": lambda: Holder().through_property,
    "callable object": Holder,
    "slots": Slotted,
    "dataclass": Record,
    "bound method of a generator": lambda: (
        lambda draw: lambda x: np.where(draw(x.shape) < 0.5, 0.0, x * x)
    )(fresh().random),
    "older generators": by_state,
    "np.random": lambda: lambda x: np.where(np.random.rand(*x.shape) < 0.5, 0.0, x * x),  # noqa: NPY002
    "random": lambda: lambda x: x * x * random.random() + random.gauss(0, 1),
    "nn": lambda: lambda x: nn.functional.dropout(x * x, 0.5),
    "nn.random": lambda: lambda x: noisy(x, nn.random.default_rng()),
    "nn.Dropout": lambda: nn.Dropout(0.5),
    "layers": lambda: nn.Sequential(nn.ReLU(), nn.Dropout(0.5, rng=fresh()), nn.Dropout(0.1)),
}


@pytest.fixture(params=SOURCES)
def source(request):
    return SOURCES[request.param]


def both(run):
    """What `run(wrap)` gives without and with checkpoints, from the same random states."""
    results = []
    for wrap in (lambda f: f, ad.checkpoint):
        start()
        Holder.common = fresh()
        results.append(run(wrap))
    return results


def start():
    GLOBAL.bit_generator.state = np.random.default_rng(0).bit_generator.state
    np.random.seed(0)  # noqa: NPY002
    random.seed(0)
    nn.seed(0)


def assert_same(run, tolerance=0.0):
    """With a tolerance where a sum of gradients is taken in another order."""
    plain, repeated = both(run)
    for first, second in zip(plain, repeated, strict=True):
        np.testing.assert_allclose(second, first, rtol=tolerance)


def x0():
    return ad.tensor(np.linspace(0.5, 2.0, SIZE), requires_grad=True)


def test_the_second_run_draws_what_the_first_did(source):
    """And what is drawn afterwards is what would be drawn without a second run."""

    def run(wrap):
        function, x = source(), x0()
        block = wrap(function)
        y = block(block(x))
        between = function(x).data
        y.sum().backward()
        return y.data, between, x.grad, function(x).data

    assert_same(run)


def test_nested_checkpoints_draw_the_same(source):
    def run(wrap):
        function, x = source(), x0()
        inner = wrap(function)
        outer = wrap(lambda z: inner(function(inner(z))))
        y = outer(x)
        y.sum().backward()
        return y.data, x.grad, function(x).data

    assert_same(run)


def test_a_graph_that_is_kept_is_gone_through_again_with_the_same_draws(source):
    def run(wrap):
        function, x = source(), x0()
        y = wrap(function)(x).sum()
        y.backward(retain_graph=True)
        first = x.grad.copy()
        function(x)
        x.grad = None
        y.backward()
        return first, x.grad, function(x).data

    assert_same(run)


TRANSFORMS = {
    "grad of grad": lambda f, x: [
        ad.grad(lambda z: np.sum(ad.grad(lambda w: np.sum(f(w) ** 2))(z) * z))(x)
    ],
    "jvp": lambda f, x: list(ad.jvp(f, (x,), (np.cos(x),))),
    "hvp": lambda f, x: [ad.hvp(lambda z: np.sum(f(z) ** 2), (x,), (np.cos(x),))],
    "jacobian": lambda f, x: [ad.jacobian(f)(x)],
    "create_graph": lambda f, x: _twice(f, x),
    "vjp called twice": lambda f, x: _pulled_twice(f, x),
}


def _twice(f, x):
    t = ad.tensor(x, requires_grad=True)
    np.sum(f(t) ** 2).backward(create_graph=True)
    gradient = t.grad
    t.grad = None
    np.sum(gradient**2).backward()
    return [gradient.data, t.grad]


def _pulled_twice(f, x):
    out, pullback = ad.vjp(f, x)
    return [out, pullback(np.ones(SIZE))[0], pullback(np.ones(SIZE))[0]]


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("name", ["closure", "nn.Dropout", "np.random", "bound method"])
def test_transforms_see_the_same_draws(transform, name):
    def run(wrap):
        function = SOURCES[name]()
        return [
            *TRANSFORMS[transform](wrap(function), x0().data),
            function(x0()).data,
        ]

    assert_same(run, 1e-13)


def test_a_generator_that_blocks_inside_and_outside_share():
    def run(wrap):
        rng, x = fresh(), x0()
        block = wrap(lambda z: noisy(z, rng))
        parts = [block(x), noisy(x, rng), block(x * 2), noisy(x * 3, rng), block(block(x))]
        np.sum(np.stack(parts)).backward()
        return x.grad, rng.random(5)

    assert_same(run, 1e-13)


def test_after_an_error_in_the_second_run_the_states_are_those_of_before():
    rng, x, history, fail = fresh(), x0(), [], []

    class Block:
        def __init__(self):
            self.mean = np.zeros(2)

        def __call__(self, z):
            y = noisy(z, rng)
            self.mean = self.mean + 1
            history.append(1)
            if fail:
                raise ZeroDivisionError
            return y

    block = Block()
    y = ad.checkpoint(block)(x).sum()
    rng.random(3)
    state, mean = rng.bit_generator.state, block.mean
    fail.append(True)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            y.backward(retain_graph=True)
        assert rng.bit_generator.state == state
        assert block.mean is mean
        assert history == [1]
    fail.clear()
    y.backward()
    assert rng.bit_generator.state == state


@pytest.fixture
def switching():
    """Threads take turns as often as Python can let them."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("switching")
def test_threads_that_share_a_generator_each_get_the_mask_that_they_drew():
    """Also if one looks at the generator while another has put it back to where that one began."""
    rng = fresh()
    block = ad.checkpoint(lambda z: noisy(noisy(z, rng), rng))

    def work(_):
        for _ in range(500):
            x = x0()
            y = block(x)
            y.sum().backward()
            np.testing.assert_array_equal(x.grad != 0, y.data != 0)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))


def test_blocks_without_a_common_generator_run_side_by_side():
    """Each waits for the other; locks that are held meanwhile must not be the same."""
    barrier = threading.Barrier(2, timeout=20)

    def run(_):
        rng, x = fresh(), x0()

        def function(z):
            barrier.wait()
            return noisy(z, rng)

        block = ad.checkpoint(function)
        barrier.wait()
        block(x).sum().backward()
        return True

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, range(2))) == [True, True]


# ---------------------------------------------------------------- statistics


class Counting:
    """State of many kinds, and results that depend on it."""

    shared = np.zeros(3)

    def __init__(self):
        self.calls = 0
        self.mean = np.zeros(3)
        self.sums = np.zeros(3)
        self.parts = {"list": [], "array": np.ones(2), "set": set()}
        self.last = deque([0.0], maxlen=3)
        self.tensor = ad.tensor([1.0, 2.0, 3.0])
        self.inner = Slot()

    def __call__(self, x):
        self.calls += 1
        self.mean = 0.9 * self.mean + 0.1 * self.calls
        self.sums += self.mean
        self.parts["list"].append(self.calls)
        self.parts["array"] = self.parts["array"] * 2
        self.parts[f"key {self.calls}"] = 1.0
        self.parts["set"].add(self.calls)
        self.last.append(float(self.calls))
        self.tensor += 1
        self.inner.value += 1
        if self.calls > 1:
            self.appeared = np.ones(3) * self.calls
        extra = getattr(self, "appeared", 0.0)
        scale = np.sum(self.mean) + np.sum(self.sums) + self.parts["array"][0] + sum(self.last)
        return x * x * (scale + self.inner.value + len(self.parts)) + self.tensor + extra

    def state(self):
        return [
            self.calls, self.mean, self.sums, self.parts["list"], self.parts["array"],
            sorted(self.parts["set"]), list(self.last), self.tensor.data, self.inner.value,
            len(self.parts), getattr(self, "appeared", None) is None,
        ]  # fmt: skip


class Slot:
    __slots__ = ("value",)

    def __init__(self):
        self.value = 0


def test_an_object_changes_once():
    def run(wrap):
        block, x = Counting(), ad.tensor([1.0, 2.0, 3.0], requires_grad=True)
        wrapped = wrap(block)
        y = wrapped(wrapped(x)) + wrapped(x)
        middle = block.state()
        y.sum().backward(retain_graph=True)
        y.sum().backward()
        return [y.data, x.grad, *middle, *block.state()]

    assert_same(run, 1e-13)


def test_what_a_closure_holds_changes_once():
    def run(wrap):
        count, total, log = 0, np.zeros(2), []

        @wrap
        def block(x):
            nonlocal count, total
            global COUNT
            count += 1
            COUNT += 1
            total += count
            log.append(count)
            return x * total * COUNT

        global COUNT
        COUNT = 0
        x = ad.tensor([1.0, 2.0], requires_grad=True)
        y = block(block(x))
        y.sum().backward()
        return y.data, x.grad, count, total, log, COUNT

    assert_same(run)


class Follower(nn.Module):
    """A module of the user's, whose statistics are used in training."""

    buffer_names = ("mean",)

    def __init__(self):
        self.mean = np.zeros(4)
        self.steps = 0
        self.weight = nn.Parameter(np.ones(4))

    def forward(self, x):
        self.steps += 1
        self.mean *= 0.9
        self.mean += 0.1 * np.mean(x.detach().numpy(), axis=0)
        return (x - self.mean) * self.weight / self.steps


def layers():
    rng = fresh()
    return nn.Sequential(
        nn.Linear(4, 4, rng=rng),
        nn.BatchNorm1d(4),
        nn.Dropout(0.4),
        Follower(),
        nn.Dropout(0.3, rng=rng),
        nn.BatchNorm1d(4, affine=False),
    )


@pytest.mark.parametrize("parts", [1, 2, 6])
def test_the_statistics_of_modules_move_once(parts):
    def run(wrap):
        model = layers()
        pieces = [nn.Sequential(*model.layers[i : i + 6 // parts]) for i in range(0, 6, 6 // parts)]
        x = ad.tensor(np.random.default_rng(1).normal(size=(8, 4)), requires_grad=True)
        found = []
        for _ in range(3):
            y = x
            for piece in pieces:
                y = wrap(piece)(y)
            np.sum(y**2).backward()
            found += [y.data, x.grad, *model.state_dict().values()]
            found += [parameter.grad for parameter in model.parameters()]
            x.grad = None
            model.zero_grad()
        return found

    assert_same(run)


def test_a_module_as_an_argument_of_a_transform():
    def run(wrap):
        model = layers()
        x = np.random.default_rng(1).normal(size=(8, 4))
        block = wrap(lambda model, x: np.sum(model(x) ** 2))
        gradient = ad.grad(block)(model, x)
        return [p.data for p in gradient.parameters()] + list(model.state_dict().values())

    assert_same(run)


# ---------------------------------------------------------------- as a part of other things


class Repeating(nn.Module):
    def __init__(self):
        self.inner = layers()
        self.block = ad.checkpoint(self.inner)

    def forward(self, x):
        return self.block(x)

    @ad.checkpoint
    def method(self, x):
        """A docstring."""
        return self.inner(x)


@ad.checkpoint
def decorated(x):
    """A docstring."""
    return x * 2


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
def test_a_copy_of_a_module_computes_its_own_parts_again(copied):
    model = Repeating()
    other = copied(model)
    assert other.block.__wrapped__ is other.inner
    for function in (other, other.method):
        other.zero_grad()
        np.sum(function(np.random.default_rng(1).normal(size=(8, 4))) ** 2).backward()
        assert all(parameter.grad is not None for parameter in other.parameters())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert copied(decorated) is decorated


def test_decorated_functions_look_like_themselves():
    assert decorated.__name__ == "decorated"
    assert decorated.__doc__ == Repeating.method.__doc__ == "A docstring."
    assert list(inspect.signature(decorated).parameters) == ["x"]


def test_what_a_cached_function_draws_is_found():
    """It is a wrapper in C, and not a function."""

    def run(wrap):
        @functools.lru_cache
        def draw(rng):
            return rng

        rng, x = fresh(), x0()
        y = wrap(lambda z: noisy(z, draw(rng)))(x)
        y.sum().backward()
        return y.data, x.grad, rng.random(3)

    assert_same(run)


# ---------------------------------------------------------------- what cannot be seen


def test_a_second_run_that_gives_something_else_is_an_error():

    x = x0()
    weights = ad.tensor(np.ones(SIZE))
    y = ad.checkpoint(lambda z: z * z * weights)(x)
    weights.data = np.full(SIZE, 2.0)
    with pytest.raises(StaleValueError, match=r"second run of <lambda>.*other values"):
        y.sum().backward(retain_graph=True)
    assert x.grad is None
    weights.data = np.ones(SIZE)
    y.sum().backward()
    np.testing.assert_allclose(x.grad, 2 * x.data)


def test_hidden_draws_are_an_error():
    hidden = iter(np.random.default_rng(0).random((10, SIZE)))  # no generator is to be found
    x = x0()
    y = ad.checkpoint(lambda z: z * z * next(hidden))(x)
    with pytest.raises(StaleValueError):
        y.sum().backward()


def test_rounding_and_values_that_are_no_numbers_are_no_difference():
    x = ad.tensor([0.0, 1.0, 2.0], requires_grad=True)
    with np.errstate(all="ignore"):
        y = ad.checkpoint(lambda z: np.log(z) + np.sqrt(z - 1))(x)
        y.sum().backward()
    assert x.grad is not None


def test_without_recording_nothing_is_looked_for():
    with ad.no_grad():
        assert not ad.checkpoint(lambda z: z * 2)(x0()).requires_grad


def test_a_large_graph_of_objects_is_searched_without_recursion():
    nested = []
    for _ in range(20_000):
        nested = [nested]
    rng = fresh()
    nested.append(rng)
    x = x0()
    y = ad.checkpoint(lambda z: noisy(z, nested[1]))(x)
    y.sum().backward()
    np.testing.assert_array_equal(x.grad != 0, y.data != 0)


def test_what_a_checkpoint_holds_is_given_up_with_the_graph():
    class Big:
        pass

    kept = Big()
    reference = weakref.ref(kept)
    holder = [kept]

    def function(x):
        holder[0] = None
        return x * 2

    x = x0()
    y = ad.checkpoint(function)(x).sum()
    del kept
    assert reference() is not None
    y.backward()
    gc.collect()
    assert reference() is None
