"""What a trace keeps, and what it costs when there is none."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import autodiff as ad
from autodiff.engine.modes import mode
from autodiff.inspecting.tracing import Trace, scope, trace, tracing


@pytest.fixture
def x():
    return ad.tensor([1.0, 2.0, 3.0], requires_grad=True, name="x")


def names(t: Trace) -> list[str]:
    return [operation.name for operation in t]


def test_values_stay_after_the_backward_pass_has_freed_the_graph(x):
    with trace() as t:
        y = np.exp(x * 2)
        np.sum(y).backward()
    assert names(t) == ["multiply", "exp", "sum"]
    np.testing.assert_array_equal(t.operations[0].outputs[0].data, [2.0, 4.0, 6.0])
    np.testing.assert_array_equal(t.operations[1].outputs[0].data, np.exp([2.0, 4.0, 6.0]))


def test_inputs_say_what_came_from_where(x):
    with trace() as t:
        np.maximum(x * 2, np.zeros(3))
    multiply, maximum = t.operations
    assert [(i.argument, i.value.data.shape, i.tracked) for i in multiply.inputs] == [
        ("a", (3,), True),
        ("b", (), False),
    ]
    assert multiply.inputs[0].value.name == "x"
    assert maximum.inputs[0].value is multiply.outputs[0]
    assert maximum.inputs[0].value.producer is multiply
    assert maximum.inputs[1].value.producer is None
    assert t.inputs == [multiply.inputs[0].value, multiply.inputs[1].value, maximum.inputs[1].value]
    assert t.outputs == [maximum.outputs[0]]


def test_equal_numbers_are_different_values(x):
    with trace() as t:
        _ = (x * 2) * 2
    assert len(t.inputs) == 3


def test_options_are_the_arguments_that_differ_from_the_defaults(x):
    with trace() as t:
        np.sum(x, axis=0, keepdims=True)
        np.sum(x)
        _ = x[1:]
        np.einsum("i,i->", x, x)
    assert [operation.options for operation in t] == [
        {"axis": 0, "keepdims": True},
        {},
        {"index": slice(1, None)},
        {"subscripts": "i,i->"},
    ]
    assert [i.argument for i in t.operations[3].inputs] == ["operands[0]", "operands[1]"]


def test_items_of_a_sequence_are_inputs(x):
    constant = np.ones(2)
    with trace() as t:
        np.concatenate([x, constant, x])
    inputs = t.operations[0].inputs
    assert [i.argument for i in inputs] == ["arrays[0]", "arrays[1]", "arrays[2]"]
    assert inputs[0].value is inputs[2].value
    assert inputs[1].value.data is constant


def test_operations_with_several_results(x):
    with trace() as t:
        first, *_ = np.split(x, 3)
        _ = first * 2
    split, multiply = t.operations
    assert [value.index for value in split.outputs] == [0, 1, 2]
    assert multiply.inputs[0].value is split.outputs[0]


def test_operations_without_gradients_are_kept_too():
    with trace() as t:
        y = ad.tensor([1.0, 2.0]) + 1
        with ad.no_grad():
            _ = y * ad.tensor(2.0, requires_grad=True)
    add, multiply = t.operations
    assert add.outputs[0].node is None
    assert multiply.inputs[0].value is add.outputs[0]


def test_plain_numpy_is_not_recorded():
    with trace() as t:
        np.exp(np.ones(3))
        ad.functions.relu(np.ones(3))
    assert not t.operations


def test_a_detached_value_is_the_same_value_without_a_gradient(x):
    with trace() as t:
        y = x * 2
        _ = y.detach() * 3
    last = t.operations[1].inputs[0]
    assert last.value is t.operations[0].outputs[0]
    assert not last.tracked


def test_assignment_makes_a_new_value(x):
    with trace() as t:
        y = np.zeros_like(x)
        y[0] = x[1]
        _ = y * 2
    assignment = next(operation for operation in t if operation.name == "setitem")
    assert t.operations[-1].inputs[0].value is assignment.outputs[0]


def test_a_name_belongs_to_the_value_that_the_tensor_had():
    y = ad.tensor([1.0, 2.0], name="before")
    with trace() as t:
        _ = y + 1
        y[0] = 5.0
    assert t.operations[0].inputs[0].value.name is None
    z = ad.tensor([1.0], name="z")
    with trace() as t:
        _ = z + 1
    assert t.operations[0].inputs[0].value.name == "z"


def double(value):
    return value * 2  # the line under test


def test_the_source_is_the_users_line(x):
    with trace() as t:
        double(x)
        np.mean(x)
    source = t.operations[0].source
    assert source is not None
    assert Path(source.file).name == "test_tracing.py"
    assert source.function == "double"
    assert source.text == "return value * 2  # the line under test"
    assert t.operations[1].source.text == "np.mean(x)"


def test_time_and_bytes(x):
    with trace() as t:
        np.exp(x)
    assert t.operations[0].seconds > 0
    assert t.operations[0].nbytes == 24
    assert repr(t) == "Trace(1 operations, 24 bytes)"
    assert len(t) == 1


# ---------------------------------------------------------------- gradients


def test_gradients_of_interior_values(x):
    with trace() as t:
        y = x * 2
        np.sum(y * y).backward()
    np.testing.assert_array_equal(t.gradient(y), 2 * y.data)
    np.testing.assert_array_equal(t.gradient(x), x.grad)
    assert t.gradient(t.operations[-1].outputs[0]) == 1.0
    assert t.gradient(ad.tensor(1.0)) is None


def test_gradients_do_not_change_when_the_leaf_goes_on(x):
    with trace() as t:
        np.sum(x * x).backward()
    x.grad += 100
    np.sum(x * x).backward()
    np.testing.assert_array_equal(t.gradient(x), [2.0, 4.0, 6.0])


def test_backward_passes_add_up(x):
    with trace() as t:
        y = np.sum(x * x)
        y.backward(retain_graph=True)
        y.backward()
    np.testing.assert_array_equal(t.gradient(x), x.grad)


def test_gradients_are_those_of_the_user_for_complex_values():
    z = ad.tensor(1 + 2j, requires_grad=True)
    with trace() as t:
        np.abs(z * 1j).backward()
    assert t.gradient(z) == z.grad


def test_a_recorded_backward_pass_is_in_a_scope_of_its_own(x):
    with trace() as t, scope("loss"):
        y = np.sum(x**3)
        y.backward(create_graph=True)
    assert {operation.scope for operation in t} == {("loss",), ("backward", "loss")}
    gradient = t.gradient(x)
    assert isinstance(gradient, ad.Tensor)
    np.testing.assert_array_equal(gradient.data, 3 * x.data**2)


def test_transforms_inside_a_trace():
    with trace() as t:
        gradient = ad.grad(lambda v: np.sum(np.sin(v)))(np.zeros(2))
    np.testing.assert_array_equal(gradient, [1.0, 1.0])
    assert names(t) == ["sin", "sum"]
    np.testing.assert_array_equal(t.gradient(t.inputs[0]), [1.0, 1.0])


# ---------------------------------------------------------------- where


def test_scopes_nest_and_repetitions_are_counted(x):
    with trace() as t:
        with scope("model"):
            for _ in range(3):
                with scope("layer"):
                    x = x * 2
            with scope("head"):
                x = x * 2
        _ = x * 2
    assert [operation.scope for operation in t] == [
        ("model", "layer"),
        ("model", "layer #2"),
        ("model", "layer #3"),
        ("model", "head"),
        (),
    ]


def test_counting_starts_anew_with_every_trace(x):
    for _ in range(2):
        with trace() as t, scope("model"):
            _ = x * 2
        assert t.operations[0].scope == ("model",)


def test_a_scope_can_be_a_decorator_and_recursive(x):
    @scope("halve")
    def halve(value, times):
        return halve(value * 0.5, times - 1) if times else value

    with trace() as t:
        halve(x, 2)
    assert [operation.scope for operation in t] == [("halve",), ("halve", "halve")]


def test_a_scope_is_left_when_an_error_leaves_it(x):
    with trace() as t:
        with pytest.raises(ZeroDivisionError), scope("broken"):
            raise ZeroDivisionError
        _ = x * 2
    assert t.operations[0].scope == ()


# ---------------------------------------------------------------- when


def test_tracing_tells_whether_a_trace_is_open(x):
    assert not tracing()
    with trace() as outer, trace() as inner:
        assert tracing()
        _ = x * 2
    assert not tracing()
    assert names(outer) == names(inner) == ["multiply"]


def test_nothing_special_is_left_behind(x):
    with pytest.raises(ZeroDivisionError), trace():
        raise ZeroDivisionError
    assert not tracing()
    assert mode.special == 0


def test_a_trace_can_go_on(x):
    t = trace()
    with t:
        y = x * 2
    _ = y + 1
    with t:
        _ = y * 3
    assert names(t) == ["multiply", "multiply"]
    assert t.operations[1].inputs[0].value is t.operations[0].outputs[0]


def test_other_threads_are_not_recorded(x):
    seen = []

    def work():
        seen.append(tracing())
        _ = x * 2

    with trace() as t:
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert not t.operations
    assert seen == [False]


@pytest.mark.parametrize("first", ["trace", "scope", "tracing", "draw"])
def test_public_names_are_functions_whichever_is_used_first(first):
    program = f"import autodiff as ad; ad.{first}; ad.tracing(); ad.trace(); ad.scope('s'); ad.draw"
    subprocess.run([sys.executable, "-c", program], check=True)
