"""Every public name of NumPy has an answer, and every gradient in the table is right."""

import operator

import numpy as np
import pytest

import autodiff as ad
import autodiff.numpy as anp
from autodiff import coverage
from autodiff.declare.primitive import Unsupported, entries
from autodiff.engine.registry import dispatch
from autodiff.errors import AutodiffError, GradientError

ROWS = list(coverage.rows())
CHECKED = [row for row in ROWS if row.checked]


def test_every_public_function_of_numpy_has_an_answer():
    assert [row.name for row in ROWS if not row.kind] == []


def test_only_what_is_deprecated_is_left_out():
    listed = {id(f) for m in coverage.MODULES for f in coverage.public_functions(m).values()}
    public = [(m, name) for m in coverage.MODULES for name in m.__all__]
    values = {n: getattr(m, n) for m, n in public if n != "test" and not n.startswith("_")}
    left_out = [
        name
        for name, value in values.items()
        if callable(value) and not isinstance(value, type) and id(value) not in listed
    ]
    assert set(left_out) <= {"row_stack", "in1d", "trapz", "fix", "typename"}


def test_every_function_that_asks_the_library_is_in_the_registry():
    """What NumPy dispatches by ``__array_function__`` or ``__array_ufunc__``."""
    asking = [
        function
        for module in coverage.MODULES
        for function in coverage.public_functions(module).values()
        if isinstance(function, np.ufunc) or hasattr(function, "_implementation")
    ]
    assert len(asking) > 300
    assert [function for function in asking if function not in dispatch] == []


@pytest.mark.parametrize("row", CHECKED, ids=[row.name for row in CHECKED])
def test_the_gradient_agrees_with_finite_differences(row):
    coverage.check(row)


def test_at_least_259_functions_differentiate_through_their_plain_name():
    plain = [row for row in CHECKED if row.kind != "autodiff.numpy"]
    missing = 2 if np.lib.NumpyVersion(np.__version__) < "2.1.0" else 0
    assert len(plain) >= 259 - missing
    assert {row.name.removeprefix("numpy.") for row in CHECKED} - {
        row.name.removeprefix("numpy.") for row in plain
    } == {
        "array", "asarray", "asanyarray", "ascontiguousarray", "asfortranarray",
        "asarray_chkfinite", "full", "arange",
    }  # fmt: skip


def test_the_table_is_current():
    """Line by line, as another version of NumPy has a few functions more or less."""
    written = set(coverage.TABLE.read_text(encoding="utf-8").splitlines())
    assert [row.name for row in ROWS if coverage.line(row) not in written] == []


def test_the_table_has_no_other_lines():
    if not np.__version__.startswith("2.4."):
        pytest.skip("the table is that of NumPy 2.4")
    assert coverage.table(ROWS) == coverage.TABLE.read_text(encoding="utf-8")


# ---------------------------------------------------------------- what is refused

T = ad.tensor([1.0, 2.0, 3.0], requires_grad=True)

REFUSED = {
    "array": lambda: np.array([T[0], 1.0]),
    "asarray": lambda: np.asarray(T),
    "asanyarray": lambda: np.asanyarray(T),
    "ascontiguousarray": lambda: np.ascontiguousarray(T),
    "asfortranarray": lambda: np.asfortranarray(T),
    "asarray_chkfinite": lambda: np.asarray_chkfinite(T),
    "full": lambda: np.full(3, T[0]),
    "arange": lambda: np.arange(T[0], 5.0),
    "asmatrix": lambda: np.asmatrix(T),
    "bmat": lambda: np.bmat([[T]]),
    "require": lambda: np.require(T),
    "kaiser": lambda: np.kaiser(3, T[0]),
    "nested_iters": lambda: np.nested_iters(T[None], [[0], [1]]),
    "frompyfunc": lambda: np.frompyfunc(abs, 1, 1)(T),
}
UNSUPPORTED = [entry for entry in entries if isinstance(entry, Unsupported)]


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("name", REFUSED)
def test_what_numpy_converts_without_asking_raises(name):
    with pytest.raises(AutodiffError):
        REFUSED[name]()


def test_what_numpy_takes_apart_raises_an_error_of_its_own():
    with pytest.raises(AutodiffError, match="would lose its gradient"):
        np.fromiter(T, float)
    with pytest.raises(AttributeError, match="dlpack"):
        np.from_dlpack(T)


def test_every_unsupported_function_says_what_to_use():
    assert {entry.name for entry in UNSUPPORTED} == {*REFUSED, "fromiter", "from_dlpack"}
    for entry in UNSUPPORTED:
        with pytest.raises(AutodiffError, match=f"{entry.name} does not work on tensors: "):
            entry(T)


@pytest.mark.parametrize("name", ["vectorize", "nditer", "ndenumerate", "broadcast"])
def test_classes_of_numpy_refuse_a_tensor_in_the_graph(name):
    calls = {"vectorize": lambda: np.vectorize(abs)(T)}
    with pytest.raises(GradientError, match=r"np.stack|ad.numpy.array"):
        calls.get(name, lambda: list(getattr(np, name)(T)))()


# ---------------------------------------------------------------- the members of an ndarray

# Protocols between NumPy, pickle, Python and other libraries; a Tensor has its own, or refuses.
_PROTOCOLS = ("__array", "__class", "__dlpack", "__setstate", "__buffer")


def is_member(name):
    """Whether an ndarray has this, not counting what is deprecated or was removed."""
    private = name.startswith("_") and (name in dir(object) or not name.startswith("__"))
    if private or name.startswith(_PROTOCOLS):
        return False
    return hasattr(np.ones((1, 1)), name) and ".. deprecated::" not in str(
        getattr(np.ndarray, name).__doc__
    )


MEMBERS = [name for name in dir(np.ndarray) if is_member(name)]


def test_every_member_of_ndarray_exists_or_is_refused():
    assert [name for name in MEMBERS if not hasattr(ad.Tensor, name)] == []


def test_what_a_tensor_cannot_have_says_what_to_write():
    refused = [name for name in MEMBERS if not hasattr(T[None], name)]
    assert {"flags", "strides", "tobytes", "flat"} <= set(refused)
    for name in refused:
        with pytest.raises(AttributeError, match=f"no attribute '{name}'; .*(write|t.numpy)"):
            getattr(T, name)


def test_operators_on_truth_values_and_whole_numbers_return_arrays():
    a, b = ad.tensor([1, 2, 7]), np.array([3, 3, 1])
    for name in ("and_", "or_", "xor", "lshift", "rshift"):
        function = getattr(operator, name)
        for result, expected in ((function(a, b), function(a.data, b)),
                                 (function(b, a), function(b, a.data))):  # fmt: skip
            assert type(result) is np.ndarray
            np.testing.assert_array_equal(result, expected)
    np.testing.assert_array_equal(~a, ~a.data)
    a &= 3
    np.testing.assert_array_equal(a.data, [1, 2, 3])


def test_deleting_elements_says_what_to_write():
    t = T * 2
    with pytest.raises(ValueError, match=r"np\.delete"):
        del t[0]


def test_the_device_is_the_cpu():
    assert T.device == "cpu"
    assert T.to_device("cpu") is T
    with pytest.raises(ValueError, match="gpu"):
        T.to_device("gpu")


# ---------------------------------------------------------------- autodiff.numpy


def test_autodiff_numpy_has_all_of_numpy():
    assert dir(anp) == dir(np)
    assert [name for name in np.__all__ if not hasattr(anp, name)] == []


def test_the_rest_of_autodiff_numpy_is_numpys_own():
    assert anp.sin.__wrapped__ is np.sin
    assert anp.linalg.solve.__wrapped__ is np.linalg.solve
    assert anp.pi is np.pi
    assert anp.float32 is np.float32


def test_importing_the_submodules_works_as_with_numpy():
    import autodiff.numpy.linalg as npl
    from autodiff.numpy.fft import fft
    from autodiff.numpy.random import default_rng

    assert npl.solve.__wrapped__ is np.linalg.solve
    assert fft.__wrapped__ is np.fft.fft
    assert default_rng is np.random.default_rng
