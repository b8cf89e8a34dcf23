"""ad.debug() stops at the first wrong number or changed value, and names the user's own line."""

import threading

import numpy as np
import pytest

import autodiff as ad
from autodiff.engine.modes import mode
from autodiff.errors import NonFiniteError, StaleValueError


def leaf(value, **options):
    return ad.tensor(value, requires_grad=True, **options)


def line_of(error):
    """The line of source in the message, without the place in front of it."""
    last = str(error).splitlines()[-1]
    assert "test_debugging.py:" in last, error
    return last.split(": ", 1)[1]


@pytest.fixture(autouse=True)
def nothing_special_is_left_behind():
    yield
    assert mode.special == 0


# ---------------------------------------------------------------- numbers that operations compute


@pytest.mark.parametrize(
    ("compute", "message"),
    [
        (lambda x: np.log(x), r"log produced -inf at element \(1,\), input 0\.0"),
        (lambda x: np.sqrt(x - 1), r"sqrt produced nan at element \(1,\), input -1\.0"),
        (lambda x: 1 / x, r"divide produced inf at element \(1,\), inputs 1 and 0\.0"),
        (lambda x: np.exp(x * 1000), r"exp produced inf at element \(0,\), input 2000\.0"),
        (lambda x: x * np.array([1.0, np.nan]), r"multiply produced nan .*inputs 0\.0 and nan"),
        (lambda x: np.outer(x, [1.0, np.inf]), r"multiply produced inf at element \(0, 1\)"),
        (lambda x: np.mean(x[:0]), r"mean produced nan at element \(\), input of shape \(0,\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:Mean of empty slice:RuntimeWarning")
def test_the_operation_and_the_element_are_named(compute, message):
    with pytest.raises(NonFiniteError, match=message), ad.debug():
        compute(leaf([2.0, 0.0]))


def test_the_line_is_that_of_the_user():
    def step(x):
        y = np.exp(x)
        loss = np.sum(y * np.log(x))
        loss.backward()

    with pytest.raises(NonFiniteError) as caught, ad.debug():
        step(leaf([1.0, 0.0]))
    assert line_of(caught.value) == "loss = np.sum(y * np.log(x))"


def test_the_line_is_that_in_the_function_that_the_user_wrote():
    def entropy(p):
        logs = np.log2(p)
        return -np.sum(p * logs)

    with pytest.raises(NonFiniteError) as caught, ad.debug():
        ad.grad(entropy)(np.array([0.5, 0.0]))
    assert line_of(caught.value) == "logs = np.log2(p)"


def test_functions_made_of_others_are_looked_into():
    with pytest.raises(NonFiniteError, match="divide produced nan") as caught, ad.debug():
        np.corrcoef(leaf(np.ones((2, 3))))
    assert line_of(caught.value) == "np.corrcoef(leaf(np.ones((2, 3))))"


def test_tensors_without_gradients_are_looked_at():
    with pytest.raises(NonFiniteError, match="log produced -inf"), ad.debug():
        np.log(ad.tensor(0.0))


def test_whole_numbers_and_complex_ones():
    with ad.debug():
        np.stack([ad.tensor([1, 2]), ad.tensor([3, 4])])
        np.exp(leaf(1j))
    with pytest.raises(NonFiniteError, match=r"log produced \(?-inf"), ad.debug():
        np.log(leaf(0j))


def test_finite_numbers_pass():
    x = leaf([1.0, 2.0])
    with ad.debug():
        np.sum(np.log(x) ** 2).backward()
        ad.hessian(lambda x: np.sum(np.sin(x)))(np.ones(2))
    np.testing.assert_allclose(x.grad, 2 * np.log(x.data) / x.data)


# ---------------------------------------------------------------- the loss itself


def test_a_loss_that_is_nan_is_noticed_although_its_gradient_is_finite():
    x = leaf([1.0, 2.0])
    loss = np.sum(x) + np.nan  # outside, so that no operation was looked at
    message = r"the tensor itself is nan.*add"
    with pytest.raises(NonFiniteError, match=message) as caught, ad.debug():
        loss.backward()
    assert line_of(caught.value) == "loss.backward()"
    assert x.grad is None


def test_a_leaf_that_is_nan_is_noticed():
    with pytest.raises(NonFiniteError, match=r"itself is nan.*the leaf 'temperature'"), ad.debug():
        leaf(np.nan, name="temperature").backward()


def test_a_gradient_that_is_passed_in_is_looked_at():
    with pytest.raises(NonFiniteError, match="the gradient passed in is inf"), ad.debug():
        np.sum(leaf([1.0, 2.0])).backward(np.inf)


# ---------------------------------------------------------------- numbers of the backward pass


def test_an_infinite_gradient_names_the_rule_and_the_line():
    def step(x):
        y = np.sqrt(x)
        np.sum(y).backward()

    with pytest.raises(NonFiniteError) as caught, ad.debug():
        step(leaf([4.0, 0.0], name="weights"))
    message = str(caught.value)
    assert "inf at element (1,) of the gradient of shape (2,) of the leaf 'weights'" in message
    assert "in the rule of\n  sqrt" in message
    assert line_of(caught.value) == "y = np.sqrt(x)"


def test_the_result_in_between_is_named():
    message = "of the result of multiply, in the rule of"
    with pytest.raises(NonFiniteError, match=message), ad.debug():
        np.sum(np.sqrt(leaf([4.0, 0.0]) * 2)).backward()


def test_a_part_of_several_results_is_named():
    a = leaf(np.diag([1.0, 0.0]))
    with pytest.raises(NonFiniteError, match="of the result of eigh, in the rule of"), ad.debug():
        np.sum(np.sqrt(np.linalg.eigh(a)[0])).backward()


def test_recorded_backward_passes_are_looked_at_too():
    def second_derivative(x):
        (x**1.5).backward(create_graph=True)
        x.grad.backward()

    with pytest.raises(NonFiniteError, match=r"inf .*of a leaf, in the rule of"), ad.debug():
        second_derivative(leaf(0.0))


# ---------------------------------------------------------------- values that change

CONSTANT = np.array([3.0, 4.0])


def through_the_data(x, kept):
    x.data[0] = 9.0


def through_numpy(x, kept):
    x.numpy()[1] = 9.0


def through_a_constant(x, kept):
    kept[0] += 1


@pytest.mark.parametrize("change", [through_the_data, through_numpy, through_a_constant])
def test_a_value_that_a_rule_needs_may_not_change(change):
    x, kept = leaf([1.0, 2.0]), CONSTANT.copy()
    with ad.debug():
        y = np.sum(x * x * kept)
        change(x, kept)
        with pytest.raises(StaleValueError, match=r"argument 'a|b' of shape \(2,\)") as caught:
            y.backward()
    assert line_of(caught.value) == "y = np.sum(x * x * kept)"


def test_a_result_that_a_rule_needs_may_not_change():
    x = leaf([1.0, 2.0])
    with ad.debug():
        y = np.exp(x)
        y.data[:] = 0
        with pytest.raises(StaleValueError, match=r"exp: its result of shape \(2,\)"):
            np.sum(y).backward()


def test_one_of_several_arrays_may_not_change():
    x, others = leaf([1.0, 2.0]), [np.ones(2), np.ones(2)]
    with ad.debug():
        y = np.einsum("i,i,i->", x, *others)
        others[1][0] = 5.0
        with pytest.raises(StaleValueError, match="einsum"):
            y.backward()


def test_a_captured_array_that_changes_in_a_loop_is_noticed():
    """A buffer that is used again for every batch is the common case."""
    x, batch = leaf([1.0, 2.0]), np.zeros(2)
    with ad.debug():
        total = 0.0
        for number in range(2):
            batch[:] = number + 1
            total = total + np.sum(x * batch)
        with pytest.raises(StaleValueError, match="multiply"):
            total.backward()


def test_what_no_rule_needs_may_change():
    x, offset = leaf([1.0, 2.0]), np.ones(2)
    with ad.debug():
        y = np.sum(x + offset)
        offset[:] = 7.0
        y.backward()
    np.testing.assert_array_equal(x.grad, [1, 1])


# ---------------------------------------------------------------- where it holds


def test_it_holds_for_one_thread():
    seen = []

    def work():
        with np.errstate(divide="ignore"):
            seen.append(np.log(leaf(0.0)).data)

    with ad.debug():
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == [-np.inf]


def test_it_may_be_nested_and_used_as_often_as_one_likes():
    x = leaf(4.0)
    with ad.debug(), ad.debug():
        np.sqrt(x).backward()
    with ad.debug():
        np.sqrt(x).backward()
    assert x.grad == 0.5


def test_it_looks_into_a_checkpointed_function():
    @ad.checkpoint
    def block(x):
        return np.log(x)

    with pytest.raises(NonFiniteError) as caught, ad.debug():
        np.sum(block(leaf([1.0, 0.0]))).backward()
    assert line_of(caught.value) == "return np.log(x)"
