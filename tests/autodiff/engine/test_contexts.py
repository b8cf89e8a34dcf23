"""Modes hold within their `with` statement and end with it, whatever happens."""

import asyncio
import contextlib
import functools
import sys
import threading

import numpy as np
import pytest

import autodiff as ad
from autodiff.declare import codegen_support
from autodiff.engine import contexts, modes
from autodiff.engine.contexts import special
from autodiff.engine.modes import mode, observing, thread_state


class Watcher:
    """An observer that counts what it sees."""

    def __init__(self):
        self.seen = 0

    def recorded(self, primitive, arguments, result, seconds):
        self.seen += 1

    def started(self, output):
        pass

    def reached(self, node, gradient):
        pass


CONTEXTS = {
    "no_grad": ad.no_grad,
    "enable_grad": ad.enable_grad,
    "trace": ad.trace,
    "scope": lambda: ad.scope("part"),
    "debug": ad.debug,
    "observing": lambda: observing(Watcher()),
}


def state():
    """Everything that a context of any kind changes in this thread, and the common counter."""
    with ad.trace() as trace:
        ad.tensor(1.0) + 1
    return (
        ad.grad_enabled(),
        [type(who) for who in thread_state.observers],
        ad.tracing(),
        trace.operations[0].scope,
        np.geterr(),
        mode.special,
    )


@pytest.fixture(autouse=True)
def nothing_stays_open():
    before = state()
    assert mode.special == 0
    yield
    assert state() == before


def instructions(function):
    """How many instructions `function` and what it calls take."""
    _interrupted(function, -1)  # Python 3.12.1 begins to count only after this
    return _interrupted(function, -1)


# Elsewhere an interrupt may come where Python drops it: while it clears a weak dictionary.
TRACED = (__file__, contexts.__file__, modes.__file__, codegen_support.__file__)


def _interrupted(function, at):
    """Run `function` with a KeyboardInterrupt in place of instruction number `at`."""
    count = 0

    def tracer(frame, event, argument):
        nonlocal count
        if frame.f_code.co_filename not in TRACED:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            if count == at:
                raise KeyboardInterrupt
            count += 1
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("nested", [False, True], ids=["alone", "within no_grad"])
@pytest.mark.parametrize("kind", CONTEXTS)
def test_an_interrupt_at_any_instruction_leaves_no_mode_on(kind, nested):
    """Also while the exception is handled, and its traceback holds on to all frames."""
    x = ad.tensor([1.0, 2.0], requires_grad=True)
    kept = CONTEXTS[kind]()

    def run():
        with CONTEXTS[kind]():
            _ = x * 2
        with kept, kept:
            pass

    with ad.no_grad() if nested else contextlib.nullcontext():
        before = state()
        run()
        total = instructions(run)
        assert total > 100
        for at in range(total):
            with pytest.raises(KeyboardInterrupt) as caught:
                _interrupted(run, at)
            assert state() == before, f"after an interrupt at instruction {at} of {total}"
            del caught
            assert (x * 2).requires_grad is not nested


def test_an_interrupt_within_a_decorated_function_leaves_no_mode_on():
    @ad.no_grad
    def value():
        return 1

    @ad.no_grad
    def values():
        yield 1
        yield 2

    def run():
        value()
        list(values())

    before = state()
    for at in range(instructions(run)):
        with pytest.raises(KeyboardInterrupt) as caught:
            _interrupted(run, at)
        assert state() == before
        del caught


def test_what_an_interrupt_left_is_forgotten_by_the_next_operation():
    """So that operations are on their ordinary path again."""
    x = ad.tensor(1.0, requires_grad=True)
    context = ad.no_grad()
    exit_function = context.__exit__
    context.__enter__()
    assert special
    del exit_function  # as a `with` statement does, if an interrupt keeps it from calling it
    assert ad.grad_enabled()
    x * 2
    assert not special


# ---------------------------------------------------------------- one object, several users


def in_threads(*functions):
    """Run functions in threads of their own; exceptions come out."""
    errors = []

    def guarded(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.mark.parametrize("kind", CONTEXTS)
def test_threads_may_share_one_object(kind):
    """The first to enter is the first to leave, so that a common stack would be mixed up."""
    shared, turns = CONTEXTS[kind](), [threading.Event() for _ in range(3)]
    before = state()[:-1]

    def first():
        with shared:
            turns[0].set()
            turns[1].wait(10)
        turns[2].set()
        assert state()[:-1] == before

    def second():
        turns[0].wait(10)
        with ad.no_grad(), ad.enable_grad(), shared:
            inside = state()
            turns[1].set()
            turns[2].wait(10)
            assert state()[:-1] == inside[:-1]
        assert state()[:-1] == before

    in_threads(first, second)


@pytest.mark.parametrize("kind", CONTEXTS)
def test_an_object_may_be_entered_again_before_it_is_left(kind):
    context = CONTEXTS[kind]()
    with context:
        once = state()
        with context, context:
            pass
        assert state() == once


@pytest.mark.parametrize("kind", CONTEXTS)
def test_contexts_may_be_left_in_another_order(kind):
    """As generators with a `with` statement in their body leave them."""
    before = state()

    def steps(context):
        with context:
            yield

    first, second = steps(CONTEXTS[kind]()), steps(ad.no_grad())
    next(first), next(second)
    with contextlib.suppress(StopIteration):
        next(first)
    assert not ad.grad_enabled()
    with contextlib.suppress(StopIteration):
        next(second)
    assert state() == before


@pytest.mark.parametrize("kind", CONTEXTS)
def test_contexts_may_be_entered_and_left_by_hand(kind):
    before = state()
    context = CONTEXTS[kind]()
    with context:
        inside = state()
    for _ in range(2):
        context.__enter__()
        assert state() == inside
        context.__exit__(None, None, None)
        assert state() == before
    with contextlib.ExitStack() as stack:
        stack.enter_context(context)
        assert state() == inside
        hasattr(context, "__exit__")
        assert state() == inside
    assert state() == before


def test_what_is_left_by_hand_is_what_was_entered_last():
    no_grad, enable_grad = ad.no_grad(), ad.enable_grad()
    no_grad.__enter__()
    enable_grad.__enter__()
    no_grad.__enter__()
    no_grad.__exit__(None, None, None)
    assert ad.grad_enabled()
    enable_grad.__exit__(None, None, None)
    assert not ad.grad_enabled()
    no_grad.__exit__(None, None, None)


def test_exceptions_pass():
    for kind in CONTEXTS.values():
        with pytest.raises(ZeroDivisionError), kind():
            raise ZeroDivisionError


def test_debug_may_be_used_again_and_as_a_decorator():
    debug = ad.debug()
    x = ad.tensor(0.0, requires_grad=True)

    @ad.debug
    def bare():
        return np.log(x)

    @debug
    def called():
        return np.log(x)

    for function in (bare, called, called):
        with pytest.raises(ad.errors.NonFiniteError):
            function()
    with pytest.raises(ad.errors.NonFiniteError), debug:
        np.log(x)
    with np.errstate(divide="ignore"):
        assert np.log(x).item() == -np.inf


def test_debug_leaves_the_warnings_of_other_code_alone():
    with ad.debug(), pytest.warns(RuntimeWarning, match="divide by zero"):
        np.log(np.zeros(1))


def test_several_threads_may_write_into_one_trace():
    trace = ad.trace()

    def work():
        with trace:
            for _ in range(50):
                ad.tensor(1.0) * 2

    in_threads(work, work, work)
    assert len(trace) == 150


# ---------------------------------------------------------------- as decorators


def recorded():
    return ad.grad_enabled()


@pytest.mark.parametrize("decorator", [ad.no_grad, ad.no_grad()], ids=["bare", "called"])
def test_no_grad_decorates_every_kind_of_function(decorator):
    @decorator
    def plain():
        """A docstring."""
        return recorded()

    @decorator
    def generator():
        """A docstring."""
        yield recorded()
        yield recorded()

    @decorator
    async def coroutine():
        """A docstring."""
        first = recorded()
        await asyncio.sleep(0)
        return first or recorded()

    @decorator
    async def stream():
        """A docstring."""
        yield recorded()
        await asyncio.sleep(0)
        yield recorded()

    async def collected():
        found = []
        async for inside in stream():
            found += [inside, recorded()]
        return found

    async def meanwhile():
        """What another task sees while the decorated one waits."""
        task = asyncio.ensure_future(coroutine())
        seen = []
        while not task.done():
            seen.append(recorded())
            await asyncio.sleep(0)
        return await task, seen

    assert plain() is False
    assert [(inside, recorded()) for inside in generator()] == [(False, True)] * 2
    assert asyncio.run(collected()) == [False, True, False, True]
    inside, outside = asyncio.run(meanwhile())
    assert inside is False
    assert outside
    assert all(outside)
    for function in (plain, generator, coroutine, stream):
        assert function.__doc__ == "A docstring."


def test_enable_grad_decorates_without_parentheses_within_no_grad():
    @ad.enable_grad
    def function():
        return recorded()

    with ad.no_grad():
        assert function()
        assert not recorded()


def test_a_decorated_generator_passes_on_what_is_sent_thrown_and_returned():
    closed = []

    @ad.no_grad
    def talk():
        try:
            got = yield recorded()
            try:
                yield (got, recorded())
            except KeyError as error:
                yield (str(error), recorded())
            return "end"
        finally:
            closed.append(recorded())

    steps = talk()
    assert next(steps) is False
    assert steps.send("sent") == ("sent", False)
    assert steps.throw(KeyError("thrown")) == ("'thrown'", False)
    with pytest.raises(StopIteration) as stop:
        next(steps)
    assert stop.value.value == "end"
    steps = talk()
    next(steps)
    steps.close()
    assert closed == [False, False]
    steps = talk()
    next(steps)
    with pytest.raises(ZeroDivisionError):
        steps.throw(ZeroDivisionError)


def test_decorated_async_generators_pass_on_what_is_sent_thrown_and_closed():
    closed = []

    @ad.no_grad
    async def talk():
        try:
            got = yield recorded()
            try:
                yield (got, recorded())
            except KeyError:
                yield ("caught", recorded())
        finally:
            closed.append(recorded())

    async def run():
        steps = talk()
        assert await steps.asend(None) is False
        assert await steps.asend("sent") == ("sent", False)
        assert await steps.athrow(KeyError) == ("caught", False)
        await steps.aclose()
        assert closed == [False]

    asyncio.run(run())


def test_threads_may_share_a_decorated_function():
    barrier = threading.Barrier(2, timeout=10)

    @ad.no_grad()
    def function():
        barrier.wait()
        assert not recorded()
        barrier.wait()

    def run():
        function()
        assert recorded()

    in_threads(run, run)


def test_decorating_what_is_no_function_is_explained():
    with pytest.raises(TypeError, match=r"no_grad: 3 is no function; decorate functions"):
        ad.no_grad(3)  # pyright: ignore[reportCallIssue, reportArgumentType]


@pytest.mark.parametrize("decorate", [ad.no_grad, ad.no_grad()])
def test_methods_are_decorated_above_and_below_their_other_decorators(decorate):
    class Model:
        @decorate
        @classmethod
        def above(cls):
            return cls is Model, recorded()

        @classmethod
        @decorate
        def below(cls):
            return cls is Model, recorded()

        @decorate
        @staticmethod
        def plain():
            return True, recorded()

        @decorate
        @property
        def value(self):
            return isinstance(self, Model), recorded()

        @value.setter
        def value(self, value):
            value.append(recorded())

    model, given = Model(), []
    model.value = given
    assert given == [True]  # the setter has no decorator
    for found in (model.above(), Model.above(), model.below(), model.plain(), model.value):
        assert found == (True, False)
    assert recorded()


@pytest.mark.parametrize("wrong", [int, functools.cached_property(len), "f", True, [len]])
@pytest.mark.parametrize("decorate", [ad.no_grad, ad.no_grad(), ad.debug()])
def test_what_cannot_be_decorated_is_refused(decorate, wrong):
    with pytest.raises(TypeError, match=r"is no function; decorate functions and methods, below"):
        decorate(wrong)
