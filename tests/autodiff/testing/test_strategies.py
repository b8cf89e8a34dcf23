"""The hypothesis strategies give what they promise."""

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

import autodiff as ad
from autodiff.declare.domains import Interval
from autodiff.testing import arrays, broadcastable_arrays, calls, indices, layouts, programs

DOMAINS = {
    "real": ad.real,
    "positive": ad.positive,
    "nonzero": ad.nonzero,
    "above": ad.above(-1),
    "between": ad.between(-0.9, 0.9),
    "narrow": ad.between(0.25, 0.26),
    "far": ad.above(1e6),
    "with holes": ad.real.without(-1.0, 1.0),
}


@pytest.mark.parametrize("domain", DOMAINS.values(), ids=DOMAINS)
@given(data=st.data())
def test_arrays_are_inside_of_their_domain(domain, data):
    x = data.draw(arrays(domain))
    assert x.dtype == np.float64
    assert np.all((domain.low < x) & (x < domain.high))
    for hole in domain.holes:
        assert np.all(abs(x - hole) >= domain.margin * 0.99)


@given(arrays(ad.integers(-2, 3)))
def test_whole_numbers_include_both_ends(x):
    assert x.dtype == np.int64
    assert np.all((x >= -2) & (x <= 3))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.complex64, np.complex128])
@given(data=st.data())
def test_arrays_have_the_dtype_and_shape_asked_for(dtype, data):
    x = data.draw(arrays(ad.nonzero, (2, 1), dtype))
    assert (x.shape, x.dtype) == ((2, 1), dtype)


def test_arrays_shrink_to_simple_ones():
    def contains(x):
        return x.size > 1 and x.max() > 1

    assert find(arrays(ad.real), contains).max() in (1.5, 2.0, 1.25, 1.0009765625)
    np.testing.assert_array_equal(find(arrays(ad.real, (3,)), lambda x: True), np.zeros(3))


@given(broadcastable_arrays(ad.real, ad.positive, ad.nonzero))
def test_arrays_broadcast_together(drawn):
    np.broadcast_shapes(*(x.shape for x in drawn))
    assert np.all(drawn[1] > 0)
    assert np.all(drawn[2] != 0)


@given(st.data())
def test_indices_are_valid(data):
    shape = data.draw(st.sampled_from([(), (3,), (2, 0), (2, 3, 1)]))
    np.zeros(shape)[data.draw(indices(shape))]


@pytest.mark.parametrize(
    "is_kind",
    [
        lambda index: index is None or (isinstance(index, tuple) and None in index),
        lambda index: isinstance(index, np.ndarray) and index.dtype == bool,
        lambda index: isinstance(index, np.ndarray) and index.dtype.kind == "i" and index.ndim == 2,
        lambda index: isinstance(index, tuple) and {type(i) for i in index} >= {slice, np.ndarray},
        lambda index: isinstance(index, tuple) and any(isinstance(i, list) for i in index),
    ],
)
def test_there_are_indices_of_every_kind(is_kind):
    def wanted(index):
        try:
            return bool(is_kind(index))
        except ValueError:  # comparing arrays with None
            return False

    find(indices((3, 2)), wanted, settings=settings(max_examples=2000, phases=[Phase.generate]))


@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (2, 1, 3)])
def test_layouts_differ_in_memory_only(shape):
    array = np.arange(float(np.prod(shape))).reshape(shape)
    seen = set()

    @given(layouts(array))
    @settings(max_examples=30)
    def collect(other):
        np.testing.assert_array_equal(other, array)
        assert not np.shares_memory(other, array) or not array.size
        seen.add((other.strides, other.flags.writeable))

    collect()
    assert len(seen) >= (4 if array.size > 2 else 2)


@pytest.mark.parametrize("function", [np.add, np.sum, np.concatenate, np.einsum, np.where])
@given(data=st.data())
def test_calls_can_be_made(function, data):
    args, kwargs = data.draw(calls(function, dtypes=(np.float32,), any_layout=True))
    result = function(*args, **kwargs)
    assert result.dtype == np.float32


def test_a_function_without_a_declaration_has_no_calls():
    with pytest.raises(ValueError, match="is not declared"):
        find(calls(np.save), lambda call: True)


# ---------------------------------------------------------------- programs


@given(programs(max_inputs=2, max_steps=4))
def test_a_program_can_be_printed_and_run_again(program):
    names = {"np": np, "array": np.array}
    source, given_inputs = repr(program).rsplit("\nx0 = ", 1)
    exec(f"{source}\nx0 = {given_inputs}", names)
    again = names["program"](*(names[f"x{i}"] for i in range(len(program.inputs))))
    np.testing.assert_array_equal(again, program(*program.inputs))


def test_programs_use_many_functions():
    seen = set()

    @given(programs())
    @settings(max_examples=150)
    def collect(program):
        seen.update(line.strip() for line in program.source.splitlines()[1:-1])

    collect()
    text = "\n".join(seen)
    used = [name for name in dir(np) if f"np.{name}(" in text]
    assert len(used) > 25
    assert any("+=" in line for line in seen)


def test_interval_edges_are_kept_away_from():
    assert Interval(0.0, 1.0).low == 0.0
    assert find(arrays(Interval(0.0, 1.0), ()), lambda x: x < 0.12) >= 0.1
