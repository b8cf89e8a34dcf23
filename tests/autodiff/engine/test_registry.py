"""Everything that is declared can be tested, and a declaration that cannot work is refused."""

import functools
import gc
import linecache
import sys
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import pytest

import autodiff as ad
import autodiff.rules.scipy.linalg  # with scipy.special, whose rules are then loaded as well
from autodiff.declare.declaration import DeclarationError
from autodiff.declare.domains import Cases, Interval
from autodiff.declare.primitive import Composite, Primitive, entries
from autodiff.engine.registry import describe, dispatch, load_rules
from autodiff.errors import UnsupportedError
from autodiff.testing import check_grads
from autodiff.testing.primitives import entry_of

load_rules()
DECLARED = tuple(entry for entry in entries if isinstance(entry, Primitive | Composite))

# Composites that no call can be drawn for, and why.
CHANGES = "changes its argument and returns nothing; see rules/test_selecting.py"
CREATES = "has no derivative: it makes a tensor for item assignment"
WITHOUT_DOMAIN = {
    "setitem": f"{CHANGES}; its primitive has a domain",
    "copyto": CHANGES,
    "put": CHANGES,
    "place": CHANGES,
    "putmask": CHANGES,
    "put_along_axis": CHANGES,
    "fill_diagonal": CHANGES,
    "zeros_like": CREATES,
    "ones_like": CREATES,
    "empty_like": f"{CREATES}, and its values are undefined",
    "ufunc": "answers for the options and methods of all ufuncs; see rules/test_ufunc_methods.py",
    "einsum_path": "returns a plan, not numbers",
    "intersect1d": "has a derivative only where numbers coincide",
    "cho_factor": "leaves half of its result undefined; cho_solve has a domain",
}


def without_domain(declared: Iterable[Primitive | Composite]) -> list[str]:
    """The names of the primitives, and of unexplained composites, that cannot be sampled."""
    return [
        entry.name
        for entry in declared
        if entry.domain is None
        and not (isinstance(entry, Composite) and entry.name in WITHOUT_DOMAIN)
    ]


def test_everything_declared_has_a_domain():
    assert without_domain(DECLARED) == []


def test_a_missing_domain_is_noticed():
    primitive = replace(entry_of(np.exp), domain=None)
    composite = replace(entry_of(np.fliplr), domain=None)
    assert without_domain([primitive, composite]) == ["exp", "fliplr"]
    assert without_domain([replace(primitive, name="setitem")]) == ["setitem"]


def test_no_explanation_is_out_of_date():
    known = {entry.name for entry in DECLARED if entry.domain is None}
    assert set(WITHOUT_DOMAIN) - known == set()


def test_every_declaration_is_well_formed():
    for entry in DECLARED:
        domains = entry.domain if isinstance(entry.domain, tuple) else (entry.domain,)
        assert all(isinstance(domain, Interval | Cases | None) for domain in domains), entry.name
        assert entry.order >= 1, entry.name
        assert describe(entry.function), entry.name


@pytest.fixture
def registered() -> Iterator[None]:
    """What a test declares is forgotten afterwards."""
    known, answers = list(entries), dict(dispatch)
    yield
    for entry in set(entries) - set(known):
        entries.remove(entry)
    dispatch.clear()
    dispatch.update(answers)


# ---------------------------------------------------------------- declaring


def test_a_rule_for_an_unknown_argument_is_refused():
    with pytest.raises(DeclarationError, match=r"cube: there is a rule for 'z'.*\(x\)"):

        @ad.primitive(x=lambda g, x: 3 * g * x**2, z=lambda g: g)
        def cube(x):
            return x**3


def test_a_rule_that_asks_for_an_unknown_name_is_refused():
    with pytest.raises(DeclarationError, match=r"cube: the rule for 'x' asks for 'u'"):

        @ad.primitive(x=lambda g, u: 3 * g * u**2)
        def cube(x):
            return x**3


def test_a_primitive_without_rules_is_refused():
    with pytest.raises(DeclarationError, match=r"cube: no rule is given.*ad\.constant"):
        ad.primitive(name="cube")(lambda x: x**3)


def test_argument_names_that_rules_could_not_use_are_refused():
    with pytest.raises(DeclarationError, match="rename it"):
        ad.primitive(lambda g: g, name="same", g=lambda g: g)


def test_a_refused_declaration_leaves_nothing_behind():
    before = len(entries)
    with pytest.raises(DeclarationError):
        ad.primitive(lambda x: x, name="same", z=lambda g: g)
    assert len(entries) == before


def test_a_decorator_and_a_call_declare_the_same(registered):
    def double(x):
        return 2 * x

    called = ad.primitive(double, x=lambda g: 2 * g, domain=ad.real)
    decorated = ad.primitive(x=lambda g: 2 * g, domain=ad.real)(double)
    for twice in (called, decorated):
        x = ad.tensor([1.0, 2.0], requires_grad=True)
        twice(x).backward(np.ones(2))
        np.testing.assert_array_equal(x.grad, [2, 2])


def test_a_primitive_called_with_arrays_returns_arrays():
    assert type(ad.rules.elementwise.exp(np.ones(2))) is np.ndarray


def test_only_what_rules_name_is_kept(registered):
    @ad.primitive(
        x=lambda g, weight: g * weight, weight=lambda g, x_shape: g * x_shape[0], domain=ad.real
    )
    def scale(x, weight, unused=None):
        return x * weight

    x = ad.tensor(np.ones(3), requires_grad=True)
    assert scale(x, 2.0, unused=np.zeros(9)).node.kept == ("weight_kept",)


def test_an_argument_without_a_rule_does_not_lose_a_gradient(registered):
    @ad.primitive(x=lambda g, power: g * power, domain=ad.real)
    def scale(x, power, offset=None):
        return x * power

    x, t = ad.tensor([1.0, 2.0], requires_grad=True), ad.tensor(3.0, requires_grad=True)
    for options in ({"power": t}, {"power": 2.0, "offset": t}):
        with pytest.raises(ad.errors.UnsupportedError, match=r"scale: .*'(power|offset)'.*detach"):
            scale(x, **options)
    scale(x, t.detach()).backward(np.ones(2))
    assert type(x.grad) is np.ndarray
    np.testing.assert_array_equal(x.grad, [3, 3])
    with ad.no_grad():
        np.testing.assert_array_equal(scale(x, t).data, [3, 6])


def test_a_rule_of_the_wrong_shape_is_named(registered):
    @ad.primitive(x=lambda g: np.ones(7), domain=ad.real)
    def odd(x):
        return 2 * x

    x = ad.tensor(np.ones(3), requires_grad=True)
    with pytest.raises(ad.errors.GradientError, match=r"cotangent of shape \(7,\).*\(3,\)"):
        odd(x).backward(np.ones(3))


def test_an_unknown_function_is_named_with_the_way_out():
    clamped = np.frompyfunc(lambda x: max(x, 0.0), 1, 1)  # a ufunc of the user's own
    with pytest.raises(ad.errors.UnsupportedError, match=r"lambda.*ad\.primitive"):
        clamped(ad.tensor(1.0, requires_grad=True))


# ---------------------------------------------------------------- declaring without end


def _backward(f):
    f(ad.tensor(2.0, requires_grad=True)).backward()


def _large(f):
    y = f(ad.tensor(np.ones((60, 60)), requires_grad=True) * 1)
    np.sum(y * np.ones((60, 60))).backward()


def _traced(f):
    with ad.trace() as trace:
        _backward(f)
    ad.draw(trace)
    ad.draw(f(ad.tensor(2.0, requires_grad=True)))


def _debugged(f):
    with ad.debug():
        _backward(f)


USES = {
    "not at all": lambda f: None,
    "backward": _backward,
    "large arrays": _large,
    "lists": lambda f: f([ad.tensor(1.0, requires_grad=True), 2.0]),
    "second derivatives": lambda f: ad.hessian(lambda x: np.sum(f(x)))(np.ones(2)),
    "trace": _traced,
    "debug": _debugged,
    "check": lambda f: check_grads(f, np.ones(2)),
    "checkpoint": lambda f: ad.grad(ad.checkpoint(lambda x: f(x) * f(x)))(2.0),
    "composite": lambda f: ad.composite(f.function)(lambda x: x * 2.0),
    "constant": lambda f: ad.constant(f.function),
}


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_what_was_declared_goes_when_nobody_has_it(use):
    def declare():
        @ad.primitive(x=lambda g, y, x: g * y / x, domain=ad.real)
        def cube(x):
            return x**1.0

        use(cube)
        return weakref.ref(cube), weakref.ref(cube.function)

    declare()  # what is loaded at first use stays
    before = len(entries), len(dispatch), len(linecache.cache)
    references = declare()
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    assert not [name for name in linecache.cache if "autodiff cube" in name]
    assert (len(entries), len(dispatch)) <= before[:2]


def test_ten_thousand_declarations_take_no_memory():
    def declare(i):
        @ad.primitive(x=lambda g: g * i)
        def times(x):
            return x * i

        return times

    for i in range(100):
        declare(i)
    gc.collect()
    before = sys.getallocatedblocks()
    for i in range(10_000):
        declare(i)
    gc.collect()
    assert sys.getallocatedblocks() - before < 10_000  # less than one for each


def test_what_was_declared_lives_as_long_as_its_function():
    def twice(x):
        return x + x

    ad.primitive(twice, x=lambda g: g * 2)
    gc.collect()
    assert dispatch[twice](ad.tensor(2.0, requires_grad=True)).requires_grad
    assert entry_of(twice) in entries


def test_a_graph_outlives_what_it_was_made_with():
    @ad.primitive(x=lambda g: g * 2)
    def twice(x):
        return x + x

    x = ad.tensor(2.0, requires_grad=True)
    y = twice(x)
    del twice
    gc.collect()
    y.backward()
    assert x.grad == 2.0


def test_a_wrapper_of_a_function_is_another_one():
    @ad.primitive(x=lambda g: g * 2)
    def twice(x):
        return x + x

    wrapper = functools.wraps(twice.function)(lambda x: x)
    assert dispatch[twice.function] is twice
    with pytest.raises(UnsupportedError, match="has no derivative rule"):
        dispatch[wrapper]
