"""Programs that make views, views of views and copies, and write through any of them.

A program grows step by step, on arrays and on tensors side by side; after each step all of them are
compared. At its end it is a function of the numbers that it began with, whose gradient is compared
with numerical ones, also under `ad.trace`, `ad.checkpoint` and a second differentiation.
"""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

import autodiff as ad
from autodiff.testing import indices
from autodiff.testing.differences import along

SHAPES = [(2, 3), (4,), (2, 1, 2), (3, 3)]
WAYS = {
    "transpose": lambda a: a.T,
    "reshape": lambda a: a.reshape(-1),
    "reshape in Fortran's order": lambda a: np.reshape(a, (-1, 1), order="F"),
    "ravel": np.ravel,
    "ravel as in memory": lambda a: np.ravel(a, order="K"),
    "ravel in its own order": lambda a: np.ravel(a, order="A"),
    "reshape in its own order": lambda a: np.reshape(a, (1, -1), order="A"),
    "view": lambda a: a.view(),
    "swapaxes": lambda a: np.swapaxes(a, 0, -1),
    "moveaxis": lambda a: np.moveaxis(a, 0, -1),
    "flip": np.flip,
    "expand_dims": lambda a: np.expand_dims(a, 0),
    "squeeze": np.squeeze,
    "the same": lambda a: a[...],
    "a new axis": lambda a: a[:, None],
    "backwards": lambda a: a[::-1],
    "the first part": lambda a: a[: max(1, len(a) // 2)],
    "an iteration": lambda a: list(a)[-1],
    "split": lambda a: np.array_split(a, 2)[0],
    "unpacking": lambda a: next(iter(a)),
    "einsum": lambda a: np.einsum("i...->...i", a),
    "broadcast_to": lambda a: np.broadcast_to(a, (2, *a.shape)),
    "diagonal": lambda a: np.diagonal(a) if a.ndim > 1 else a[:1],
    "copy": np.copy,
    "flatten": lambda a: a.flatten(),
    "a list": lambda a: a[[0, -1, 0]],
    "a mask": lambda a: a[np.arange(len(a)) % 2 == 0],
    "arithmetic": np.sin,
}
WRITES = {
    "everything": lambda a, v: a.__setitem__(..., v),
    "the first": lambda a, v: a.__setitem__(0, v),
    "the last": lambda a, v: a[-1:].__setitem__(0, v),
    "fill": lambda a, v: a.fill(v),
    "copyto": lambda a, v: np.copyto(a, v),
    "copyto where": lambda a, v: np.copyto(a, v, where=np.arange(a.shape[-1]) % 2 == 0),
    "put": lambda a, v: np.put(a, [0, -1], v),
    "place": lambda a, v: np.place(a, np.arange(a.size).reshape(a.shape) % 2 == 0, v[None]),
    "putmask": lambda a, v: np.putmask(a, np.arange(a.size).reshape(a.shape) % 3 == 0, v[None]),
    "add.at": lambda a, v: np.add.at(a, [0, 0, -1], v),
    "multiply.at": lambda a, v: np.multiply.at(a, [0, 0], 1 + v),
    "a list": lambda a, v: a.__setitem__([0, -1], v),
    "a mask": lambda a, v: a.__setitem__(np.arange(len(a)) % 2 == 0, v),
}
IN_PLACE = {
    "+=": lambda a, v: a.__iadd__(v),
    "-=": lambda a, v: a.__isub__(v),
    "*=": lambda a, v: a.__imul__(1 + v),
    "/=": lambda a, v: a.__itruediv__(2 + v),
    "out=": lambda a, v: np.add(a, v, out=a),
    "out= and where=": lambda a, v: np.sin(a, out=a, where=np.arange(a.shape[-1]) % 2 == 0),
    "of a part": lambda a, v: add_to_first(a, v),
    "rows": lambda a, v: [row.__isub__(v) for row in np.reshape(a, (len(a), -1))],
}


def add_to_first(a, v):
    a[0] += v


def gap(array):
    """How far apart the closest elements are."""
    return np.min(np.diff(np.sort(array, axis=None)), initial=1.0)


class Program(RuleBasedStateMachine):
    @initialize(shape=st.sampled_from(SHAPES), seed=st.integers(0, 99), order=st.sampled_from("CF"))
    def begin(self, shape, seed, order):
        self.x = np.array(np.random.default_rng(seed).uniform(-1, 1, shape), order=order)
        self.steps = []
        self.plain = [np.copy(self.x)]
        self.tensors = [ad.tensor(self.x, requires_grad=True) * 1]

    def take(self, step):
        """Run a step in both worlds, and note it."""
        step(self.plain)
        step(self.tensors)
        self.steps.append(step)
        for a, t in zip(self.plain, self.tensors, strict=True):
            if a is not None:
                np.testing.assert_allclose(t.data, a, rtol=1e-12, atol=1e-12)

    def which(self, data, accept=lambda a: True):
        good = [i for i, a in enumerate(self.plain) if a is not None and accept(a)]
        return data.draw(st.sampled_from(good)) if good else None

    @precondition(lambda self: len(self.plain) < 8)
    @rule(data=st.data(), way=st.sampled_from(sorted(WAYS)))
    def view(self, data, way):
        i = self.which(data, lambda a: a.ndim and a.size)
        if i is not None:
            self.take(lambda arrays: arrays.append(WAYS[way](arrays[i])))
            self.keep_arrays_only()

    def keep_arrays_only(self):
        if not isinstance(self.plain[-1], np.ndarray):  # a single element is no view
            self.take(lambda arrays: arrays.pop() and None)

    @precondition(lambda self: len(self.plain) < 8)
    @rule(data=st.data())
    def element(self, data):
        i = self.which(data, lambda a: a.ndim and a.size)
        if i is not None:
            index = data.draw(indices(self.plain[i].shape))
            if isinstance(self.plain[i][index], np.ndarray):
                self.take(lambda arrays: arrays.append(arrays[i][index]))

    @rule(data=st.data(), way=st.sampled_from(sorted(WRITES)), constant=st.booleans())
    def write(self, data, way, constant):
        i = self.which(data, lambda a: a.ndim and a.size and a.flags.writeable)
        j = self.which(data, lambda a: a.size)
        if i is not None and j is not None:
            self.take(lambda arrays: WRITES[way](arrays[i], number(arrays[j], constant)))

    @rule(data=st.data(), way=st.sampled_from(sorted(IN_PLACE)))
    def change(self, data, way):
        i = self.which(data, lambda a: a.ndim and a.size and a.flags.writeable)
        j = self.which(data, lambda a: a.size)
        if i is not None and j is not None:
            self.take(lambda arrays: IN_PLACE[way](arrays[i], number(arrays[j], False)))

    @rule(data=st.data())
    def assign_one_to_another(self, data):
        i = self.which(data, lambda a: a.ndim and a.flags.writeable)
        if i is not None:
            j = self.which(data, lambda a: a.shape == self.plain[i].shape)
            self.take(lambda arrays: arrays[i].__setitem__(..., arrays[j]))

    @rule(data=st.data())
    def sort(self, data):
        i = self.which(data, lambda a: a.ndim and a.flags.writeable and gap(a) > 1e-3)
        if i is not None:
            self.take(lambda arrays: arrays[i].sort())

    @rule(data=st.data())
    def a_read_only_view_refuses(self, data):
        i = self.which(data, lambda a: a.size and not a.flags.writeable)
        if i is not None and isinstance(self.tensors[i].data, np.ndarray):
            for array in (self.plain[i], self.tensors[i]):
                with pytest.raises(ValueError, match="read-only"):
                    array[...] = 0

    @rule(data=st.data())
    def forget(self, data):
        i = self.which(data)
        if i is not None and sum(a is not None for a in self.plain) > 1:
            self.take(lambda arrays: arrays.__setitem__(i, None))

    def result(self, x):
        arrays = [np.copy(x)]
        for step in self.steps:
            step(arrays)
        return sum(np.sum(np.sin((k + 1) * a)) for k, a in enumerate(arrays) if a is not None)

    def teardown(self):
        if not getattr(self, "steps", None):
            return
        gradient = ad.grad(self.result)(self.x)
        direction = np.random.default_rng(0).normal(size=self.x.shape)
        close_to(gradient.ravel() @ direction.ravel(), along(self.result, self.x, direction))
        curvature = ad.hvp(self.result, (self.x,), (direction,))
        close_to(curvature, along(ad.grad(self.result), self.x, direction))
        with ad.trace():  # it holds views that nobody else does, which changes the order of sums
            traced = ad.grad(self.result)(self.x)
        again = ad.grad(ad.checkpoint(self.result))(self.x)
        np.testing.assert_allclose(traced, gradient, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(again, gradient, rtol=1e-10, atol=1e-12)


def close_to(value, estimate):
    """`value` is what differences give, as far as these can be trusted."""
    scale = 1e-7 * (1 + np.max(np.abs(value), initial=0))
    assert np.all(np.abs(value - estimate.value) <= scale + 10 * estimate.error)


def number(array, constant):
    return np.float64(0.25) if constant else np.sin(np.sum(array)) / 2


TestProgram = Program.TestCase
TestProgram.settings = settings(
    max_examples=2 * settings.default.max_examples, stateful_step_count=12
)
