"""A tensor in the graph becomes a plain number only where it is known to be read."""

import functools
import itertools
import json
import logging
import math
import operator
import subprocess
import sys
import threading
import warnings
from array import array
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import autodiff as ad
from autodiff.errors import DetachedWarning, GradientError

WARM = 10_000  # runs after which every interpreter has adapted the code that it runs
ROOT = Path(__file__).parents[3]


def tensors(n=3):
    x = ad.tensor(np.linspace(0.3, 0.9, n), requires_grad=True)
    return list(x * 1)


class Holder:
    """Values behind attributes, and functions of a class."""

    cast = float

    def __init__(self, values):
        self.values = values
        self.function = math.exp

    def items(self):
        return map(math.exp, self.values)


# ---------------------------------------------------------------- what loses the gradient

LOSES = {
    "a C function": lambda t: math.exp(t[0]),
    "under another name": lambda t, f=math.exp: f(t[0]),
    "from an attribute": lambda t: Holder(t).function(t[0]),
    "from a list": lambda t: [float, math.exp][1](t[0]),
    "chosen": lambda t: (math.exp if t else float)(t[0]),
    "chosen after float": lambda t: (float and math.exp)(t[0]),
    "with float among the arguments": lambda t: math.pow(float(t[0]), t[1]),
    "of several": lambda t: math.hypot(*t),
    "of several and floats": lambda t: math.hypot(*map(float, t), t[0]),
    "in a list": lambda t: [math.exp(v) for v in t],
    "in a generator": lambda t: sum(math.exp(v) for v in t),
    "sum of a map": lambda t: sum(map(math.exp, t)),
    "list of a map": lambda t: list(map(math.exp, t)),
    "map of maps": lambda t: list(map(float, map(math.exp, t))),
    "map kept in a name": lambda t, m=map: list(m(math.exp, t)),
    "starmap": lambda t: list(itertools.starmap(math.pow, [(t[0], 2)])),
    "accumulate": lambda t: list(itertools.accumulate(t, math.pow)),
    "reduce": lambda t: functools.reduce(math.pow, t),
    "partial": lambda t: partial(math.pow, t[0])(2),
    "partial in a map": lambda t: list(map(partial(math.pow, 2.0), t)),
    "sorted": lambda t: sorted(t, key=math.exp),
    "max": lambda t: max(t, key=math.exp),
    "starred list": lambda t: [*map(math.exp, t)],
    "starred arguments": lambda t: print(*map(math.exp, t)),
    "float of starred arguments": lambda t: float(*map(math.exp, t[:1])),
    "join": lambda t: ",".join(map(str, map(math.exp, t))),
    "zip": lambda t: list(zip(map(math.exp, t), map(float, t), strict=True)),
    "dict": lambda t: dict(enumerate(map(math.exp, t))),
    "any": lambda t: any(map(math.exp, t)),
    "contains": lambda t: 1.0 in map(math.exp, t),
    "next": lambda t: next(map(math.exp, t)),
    "of a method": lambda t: list(map(float, Holder(t).items())),
    "complex of two": lambda t: complex(t[0], t[1]),
    "complex of two in a map": lambda t: list(map(complex, t, t)),
    "array.array": lambda t: array("d", t),
    "array of floats and not": lambda t: array("d", [float(t[0]), t[1]]),
    "fsum": lambda t: math.fsum(t),
    "dist": lambda t: math.dist(t, t),
    "prod": lambda t: math.exp(math.prod(t)),
    "an item that is a map": lambda t: list(map(float, [map(math.exp, t)][0])),
    "an item within a dict": lambda t: list(map(float, {"x": (map(math.exp, t),)}["x"][0])),
    "a function in a list": lambda t: [len, float][1](t[0]) + [math.exp][0](t[0]),
    "map of a function in a list": lambda t: list(map(float, map([math.exp][0], t))),
    "map of a function of a dict": lambda t: list(map(float, map({1: math.exp}.get(1), t))),
    "map of a function that is got": lambda t: list(map(float, map(getattr(math, "exp"), t))),  # noqa: B009
    "map of an attribute": lambda t: list(map(float, map(operator.attrgetter("exp")(math), t))),
    "a map of an item": lambda t: list(map(math.exp, {"losses": t}["losses"])),
    "a map of a slice": lambda t: list(map(math.exp, t[1:])),
    "fsum of a map": lambda t: math.fsum(map(math.exp, t)),
    "fsum of floats and not": lambda t: math.fsum(itertools.chain(map(float, t), t)),
    "fromiter": lambda t: np.fromiter(t, float),
    "fromiter of a map": lambda t: np.fromiter(map(math.exp, t), float),
    "a library's function": lambda t: np.spacing(math.exp(t[0])),
    "an element": lambda t: np.zeros(2).__setitem__(0, t[0]),
    "json": lambda t: json.dumps(t, default=math.exp),
    "a lambda": lambda t: (lambda v: math.exp(v))(t[0]),
    "a lambda of a map": lambda t: list(map(float, (lambda: map(math.exp, t))())),
    "a float of a user": lambda t: type("F", (float,), {})(t[0]),
}


def in_a_loop(t):
    total = 0.0
    for value in map(math.exp, t):
        total += value
    return total


def unpacked(t):
    first, *_ = map(math.exp, t)
    return first


def unpacked_exactly(t):
    a, b, c = map(math.exp, t)
    return a + b + c


def from_a_kept_map(t):
    values = map(math.exp, t)
    return list(values)


def over_a_kept_map(t):
    values = zip(map(math.exp, t), t, strict=True)
    return [v for v, _ in values]


def from_a_generator(t):
    def values():
        yield from map(math.exp, t)

    return list(map(float, values()))


def after_a_read(t):
    return float(t[0]) + math.exp(t[0])


def with_a_name_of_pythons(t):
    from math import pow

    return pow(t[0], 2)


def of_functions(t):
    functions = [math.exp]
    return list(map(float, map(functions[0], t)))


def popped(t):
    functions = [math.exp]
    return list(map(float, map(functions.pop(), t)))


def extended(t):
    values = []
    values += map(math.exp, t)
    return values


def shadowed(t):
    float = math.exp
    return float(t[0])


LOSES |= {
    f.__name__: f
    for f in (
        in_a_loop,
        unpacked,
        unpacked_exactly,
        from_a_kept_map,
        over_a_kept_map,
        from_a_generator,
        after_a_read,
        with_a_name_of_pythons,
        of_functions,
        popped,
        extended,
        shadowed,
    )
}

# ---------------------------------------------------------------- what only looks

READS = {
    "float": lambda t: float(t[0]),
    "int": lambda t: int(t[0]),
    "complex": lambda t: complex(t[0]),
    "under another name": lambda t, f=float: f(t[0]),
    "of starred arguments": lambda t: (lambda *one: float(*one))(t[0]),
    "of a choice": lambda t: float(t[0] if t else t[1]),
    "of a sum": lambda t: float(t[0] + t[1] * 2),
    "into a function": lambda t: math.exp(float(t[0])),
    "in a list": lambda t: [float(v) for v in t],
    "in a set": lambda t: {float(v) for v in t},
    "in a dict": lambda t: {i: float(v) for i, v in enumerate(t)},
    "in a generator": lambda t: sum(float(v) for v in t),
    "list of a map": lambda t: list(map(float, t)),
    "sum of a map": lambda t: sum(map(float, t)),
    "max of a map": lambda t: max(map(float, t)),
    "sorted": lambda t: sorted(t, key=float),
    "max": lambda t: max(t, key=float),
    "reduce": lambda t: functools.reduce(operator.add, map(float, t)),
    "starred list": lambda t: [*map(float, t)],
    "starred arguments": lambda t: math.hypot(float(t[0]), *[1.0]),
    "partial": lambda t: list(map(partial(float), t)),
    "a generator": lambda t: list(map(float, (v * 2 for v in t))),
    "enumerate": lambda t: list(enumerate(map(float, t))),
    "of an item": lambda t: list(map(float, {"losses": t}["losses"])),
    "of an item's item": lambda t: list(map(float, {"all": [t, t]}["all"][0])),
    "of a slice": lambda t: list(map(float, t[1:])),
    "of a slice of a slice": lambda t: sum(map(float, t[::-1][: len(t)])),
    "of an element": lambda t: [t[0]].__len__() + max(map(float, t[0:2])),
    "fsum": lambda t: math.fsum(map(float, t)),
    "fsum of a slice": lambda t: math.fsum(map(float, t[1:])),
    "fromiter": lambda t: np.fromiter(map(float, t), float, count=len(t)),
    "array.array": lambda t: array("d", map(float, t)),
    "an f-string": lambda t: f"{t[0]:.3f} {t[0]!r} {t[0]}",
    "an f-string of a float": lambda t: f"{float(t[0]):.3f}",
    "percent": lambda t: "%.3f" % t[0],  # noqa: UP031
    "percent of several": lambda t: "%.3f %d %s" % tuple(t),  # noqa: UP031
    "str.format": lambda t: "{:.3f} {}".format(*t[:2]),
    "format": lambda t: format(t[0], ".2e"),
    "str": lambda t: str(t[0]) + repr(t[0]),
    "comparison": lambda t: t[0] < 1.0 < 2.0 > t[1],
    "sorting": lambda t: sorted(t),
    "isnan": lambda t: math.isnan(t[0]),
    "isfinite": lambda t: math.isfinite(t[0]),
    "isinf": lambda t: math.isinf(t[0]),
    "isclose": lambda t: math.isclose(t[0], t[1]),
    "isclose of an other": lambda t: math.isclose(t[0], 1.0, rel_tol=t[1]),
    "floor": lambda t: math.floor(t[0]),
    "ceil": lambda t: math.ceil(t[0]),
    "trunc": lambda t: math.trunc(t[0]),
    "round": lambda t: round(t[0]),
    "bool": lambda t: bool(t[0]),
    "item": lambda t: t[0].item(),
    "tolist": lambda t: t[0].tolist(),
    "json": lambda t: json.dumps({"loss": t[0], "all": t}, default=float),
    "json with indent": lambda t: json.dumps({"loss": t[0]}, default=float, indent=1),
    "logging": lambda t: logging.LogRecord("", 20, "", 1, "%.3f", (t[0],), None).getMessage(),
}


def loop_of_a_map(t):
    total = 0.0
    for value in map(float, t):
        total += value * math.sin(value)
    return total


def unpacked_floats(t):
    a, b, c = map(float, t)
    return a + b + c


def list_of_a_kept_map(t):
    values = map(float, t)
    return list(values)


def of_an_attribute(t):
    holder = Holder(t)
    return list(map(float, holder.values)), holder.cast(t[0])


def appended(t):
    values, history = [], {"loss": t, "step": 3}
    values.extend(map(float, history["loss"]))
    values += map(float, history["loss"][:-1])
    return values


READS |= {f.__name__: f for f in (loop_of_a_map, unpacked_floats, list_of_a_kept_map, appended)}
READS["of_an_attribute"] = of_an_attribute


@pytest.mark.parametrize("lose", LOSES.values(), ids=LOSES)
def test_a_number_that_is_not_known_to_be_read_is_refused(lose):
    with pytest.raises((GradientError, ValueError)) as caught:
        lose(tensors())
    error = caught.value
    error = error if isinstance(error, GradientError) else error.__cause__
    assert "lose its gradient" in str(error)


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_number_can_be_read(read):
    read(tensors())


@pytest.mark.parametrize("lose", LOSES.values(), ids=LOSES)
def test_a_number_is_refused_by_code_that_is_warm(lose):
    try:
        for _ in range(1_000):
            lose([0.3, 0.6, 0.9])
    except (TypeError, AttributeError):
        pass  # not a function of plain numbers
    t = tensors()
    for _ in range(20):
        with pytest.raises((GradientError, ValueError)):
            lose(t)


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_number_can_be_read_by_code_that_is_warm(read):
    t = tensors()
    for _ in range(200):
        read(t)


def test_every_function_of_math_is_a_question_a_number_or_refused():
    """No function of `math` gives a float that depends on a tensor."""
    t = tensors(1)[0] + 0.1
    let_through = set()
    for name, function in vars(math).items():
        if not callable(function):
            continue
        for arguments in ((t,), (t, 0.5), (0.5, t), ([t],), ([t], [t]), (t, t, t)):
            try:
                result = function(*arguments)
            except (GradientError, TypeError, ValueError):
                continue
            if not isinstance(result, ad.Tensor):
                let_through.add(name)
    looks = {"isnan", "isfinite", "isinf", "isclose", "floor", "ceil", "trunc"}
    assert looks <= let_through
    assert not let_through - looks - {"prod", "sumprod"}


def test_a_loop_that_turns_hot_goes_on_refusing():
    x = ad.tensor(0.5, requires_grad=True)
    refused = 0
    for i in range(WARM):
        value = x if i % 2 else 0.5
        try:
            math.exp(value)
        except GradientError:
            refused += 1
    assert refused == WARM // 2


def test_a_loop_that_reads_turns_hot_and_goes_on():
    x = ad.tensor(0.5, requires_grad=True)
    total = 0.0
    for _ in range(WARM):
        total += float(x)
    assert total == WARM / 2


def test_threads_may_read():
    t = tensors()
    with ThreadPoolExecutor(2) as executor:
        assert list(executor.map(float, t)) == [float(v) for v in t]
        with pytest.raises(GradientError):
            list(executor.map(math.exp, t))
    found = []
    thread = threading.Thread(target=lambda: found.append(float(t[0])))
    thread.start()
    thread.join()
    assert found == [float(t[0])]


@pytest.mark.parametrize("lose", LOSES.values(), ids=LOSES)
def test_inside_no_grad_there_is_nothing_to_lose(lose):
    try:
        lose([v.item() for v in tensors()])
    except (TypeError, AttributeError):
        return  # not of plain numbers either
    with ad.no_grad():
        lose(tensors())


def test_inside_no_grad_a_tensor_becomes_an_array():
    x = ad.tensor([1.0, 2.0], requires_grad=True)
    with ad.no_grad():
        np.testing.assert_array_equal(np.asarray(x), [1, 2])
        np.testing.assert_array_equal(np.array([x, x]), [[1, 2], [1, 2]])
    with pytest.raises(GradientError):
        np.asarray(x)


BARE = """
import math, itertools, functools
import autodiff as ad
x = ad.tensor(0.5, requires_grad=True)
namespace = {"math": math, "x": x, "itertools": itertools, "functools": functools}
for reads in ("float(x)", "int(x)", "float(x + 1)", "float(x * float(x))", "'%g' % x"):
    for _ in range(100):
        exec(reads, namespace)
        (lambda: eval(reads, namespace))()
for loses in ("math.exp(x)", "math.exp(float(x) + x)", "sum(map(math.exp, [x]))",
              "math.pow(float(x), x)", "(math.exp if x else float)(x)", "complex(x, x)",
              "(float and math.exp)(x)", "a, = map(math.exp, [x])", "[float, math.exp][1](x)",
              "math.exp(x if x else float)"):
    code = compile(loses, "<text>", "exec")
    for _ in range(100):
        try:
            exec(code, namespace)
        except ad.errors.GradientError:
            continue
        raise SystemExit(f"let through: {loses}")
def hot(v):
    return math.exp(v), float(v)
for _ in range(10_000):
    hot(0.5)
try:
    hot(x)
except ad.errors.GradientError:
    pass
else:
    raise SystemExit("let through when hot")
"""


@pytest.mark.parametrize("options", [[], ["-X", "no_debug_ranges"]], ids=["", "no_debug_ranges"])
def test_code_without_columns_is_told_apart(options):
    run = subprocess.run(
        [sys.executable, *options, "-c", BARE], capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_code_that_pytest_has_rewritten_is_told_apart():
    """All of an assertion has the same line and columns."""
    t, (x, *_) = tensors(), tensors()
    assert float(x) == x.item()
    assert abs(float(x) - float(t[0])) < 1e-9
    assert [float(v) for v in t] == list(map(float, t))
    assert complex(x) == float(x if t else t[0])
    assert math.isclose(x, float(x)), float(x)
    for lose in ("chosen", "chosen after float", "from a list", "sum of a map"):
        with pytest.raises(GradientError):
            assert LOSES[lose](t) == 0
    with pytest.raises(GradientError):
        assert [float, math.exp][1](x) == 0
    with pytest.raises(GradientError):
        assert math.pow(float(x), x) == 0
    with pytest.raises(GradientError):
        assert (float and math.exp)(x) == 0
    with pytest.raises(GradientError):
        assert sum(map(math.exp, t)) == sum(map(float, t))


# ---------------------------------------------------------------- inside a transform


def warns(function, at=3.0):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ad.grad(function)(at)
    return [w for w in caught if w.category is DetachedWarning]


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * float(x),
        lambda x: x * int(x),
        lambda x: x * x.item(),
        lambda x: x * x.tolist(),
        lambda x: x * (x * x).item(),
        lambda x: x * sum(map(float, [x, x])),
        lambda x: x * np.asarray([float(v) for v in (x, x)]).sum(),
        lambda x: ad.grad(lambda y: y * float(x))(x),
        lambda x: x * complex(x).real,
        lambda x: x * max(2.0, float(x)),
    ],
)
def test_a_number_that_leaves_the_graph_of_a_transform_is_named(function):
    (warning,) = warns(function)
    assert __file__ == warning.filename
    assert warning.lineno == function.__code__.co_firstlineno
    assert "t.detach()" in str(warning.message)
    assert f"line {warning.lineno}" in str(warning.message)


def many_times(x):
    for _ in range(50):
        x = x + 0.1 * float(x)
    return x


def test_it_is_named_once_for_a_line():
    assert len(warns(many_times)) == 1


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * 2 if float(x) > 1 else x,
        lambda x: x * 2 if x > 1 and x.item() != 7 else x,
        lambda x: x * len(f"{float(x):.2f}"),
        lambda x: x * len(f"{x.item()}"),
        lambda x: x * len("%.2f" % float(x)),  # noqa: UP031
        lambda x: x * len("{:.2f}".format(float(x))),  # noqa: UP032
        lambda x: x * len(f"{x:.2f}"),
        lambda x: (print(float(x)), x)[1],
        lambda x: x * math.isfinite(x),
        lambda x: x * math.floor(x),
        lambda x: x * float(x.detach()),
        lambda x: x * x.detach().item(),
        lambda x: x * len(json.dumps([x], default=float)),
        lambda x: x * float(ad.tensor(2.0, requires_grad=True) * 2),
    ],
)
def test_what_is_only_looked_at_is_not_named(function):
    assert not warns(function)


def test_what_is_meant_is_not_named():
    def f(x):
        with ad.no_grad():
            scale = float(x)
        return x * scale

    assert not warns(f)


def test_outside_of_a_transform_reading_is_silent():
    x = ad.tensor(2.0, requires_grad=True)
    (x * float(x) * x.item()).backward()
    assert x.grad == 4
