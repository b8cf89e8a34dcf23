"""Every function of `autodiff.numpy` takes lists of tensors where NumPy takes lists of numbers."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import autodiff as ad
import autodiff.numpy as anp
from autodiff.declare.domains import NumpyDraw
from autodiff.declare.primitive import Composite, Primitive, entries
from autodiff.engine.registry import load_rules
from autodiff.testing.primitives import draw_call
from autodiff.transforms.trees import flatten

load_rules()


def of(module: Any, own: Any, prefix: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The declared functions of one of NumPy's modules: name, declaration, and ours."""
    public = {id(v): name for name, v in vars(module).items() if name[0] != "_" and callable(v)}
    for entry in entries:
        name = public.get(id(entry.function))
        if isinstance(entry, Primitive | Composite) and entry.domain is not None and name:
            yield prefix + name, entry, getattr(own, name)


FUNCTIONS = {
    name: (entry, function)
    for name, entry, function in (
        *of(np, anp),
        *of(np.linalg, anp.linalg, "linalg."),
        *of(np.fft, anp.fft, "fft."),
    )
}
# Where a list means something else than an array.
STRUCTURE = {"block", "histogramdd"}


def nested(t: Any) -> Any:
    return [nested(row) for row in t] if t.ndim else t


def mixed(t: Any) -> list[Any]:
    return [*t[:-1], t.data[-1].tolist()] if len(t) > 1 else [*t]


FORMS: dict[str, Callable[[Any], Any]] = {
    "rows": list,
    "numbers": nested,
    "a tuple": tuple,
    "the last without gradient": mixed,
}


def places(value: Any, put: Callable[[Any], Any]) -> Iterator[tuple[Any, Callable[[Any], Any]]]:
    """The arrays of real numbers in an argument, and the argument with another in their place."""
    if isinstance(value, np.ndarray) and value.dtype == np.float64 and value.ndim and value.size:
        yield value, put
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):

            def put_item(v: Any, i: int = i) -> Any:
                return put(type(value)([*value[:i], v, *value[i + 1 :]]))

            yield from places(item, put_item)


def gradient(call: Callable[[Any], Any], x: np.ndarray, form: Callable[[Any], Any]) -> Any:
    """The values of a call with a tensor in this form, and the gradient of their weighted sum."""
    t = ad.tensor(x, requires_grad=True)
    parts = [p for p in flatten(call(form(t * 1))).leaves if isinstance(p, ad.Tensor)]
    rng = np.random.default_rng(1)
    total = sum(np.sum(np.real(p * rng.normal(size=p.shape))) for p in parts)
    if isinstance(total, ad.Tensor) and total.requires_grad:
        total.backward()
    return [p.data for p in parts], np.zeros_like(x) if t.grad is None else t.grad


def tried(name: str) -> Iterator[tuple[Callable[[Any], Any], np.ndarray]]:
    """Calls as functions of one array in them, and that array."""
    entry, function = FUNCTIONS[name]
    draw, seen = NumpyDraw(np.random.default_rng(0)), set()
    for _ in range(4):
        args, kwargs = draw_call(entry, draw)
        for n, (x, put) in enumerate(places(tuple(args), lambda v: v)):
            if n not in seen:
                seen.add(n)
                yield lambda v, put=put, kwargs=kwargs: function(*put(v), **kwargs), x


@pytest.mark.parametrize("name", sorted(FUNCTIONS.keys() - STRUCTURE))
def test_a_list_of_tensors_is_an_array(name):
    with warnings.catch_warnings(action="ignore"), np.errstate(all="ignore"):
        for call, x in tried(name):
            try:
                values, slopes = gradient(call, x, lambda t: t)
            except ad.errors.AutodiffError:  # an argument without a derivative
                continue
            for form, given in FORMS.items():
                found, found_slopes = gradient(call, x, given)
                expected = slopes.copy()
                if given is mixed and len(x) > 1:
                    expected[-1] = 0
                np.testing.assert_allclose(found_slopes, expected, err_msg=form)
                for first, second in zip(found, values, strict=True):
                    np.testing.assert_allclose(first, second, err_msg=form)


def test_most_functions_are_tried_with_lists():
    counts = [sum(1 for _ in tried(name)) for name in FUNCTIONS]
    assert len(counts) > 200
    assert sum(map(bool, counts)) > 0.9 * len(counts)


def test_a_number_is_read_by_its_class():
    t = ad.tensor(2.5, requires_grad=True) * 1
    assert (anp.float64(t), anp.float32(t), anp.int64(t)) == (2.5, 2.5, 2)
