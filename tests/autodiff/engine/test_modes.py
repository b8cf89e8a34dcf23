"""Recording on and off, hooks, and gradients of intermediate results."""

import threading

import numpy as np
import pytest

import autodiff as ad
from autodiff.engine.modes import mode
from autodiff.errors import GradientError


def leaf(value, **options):
    return ad.tensor(value, requires_grad=True, **options)


# ---------------------------------------------------------------- no_grad and enable_grad


def test_nothing_is_recorded_within_no_grad():
    x = leaf([1.0, 2.0])
    with ad.no_grad():
        results = [x * 2, np.exp(x), x[0], np.stack([x, x]), *np.split(x, 2), x.reshape(2, 1)]
    assert not any(result.requires_grad for result in results)
    assert (x * 2).requires_grad


def test_enable_grad_records_within_no_grad():
    x = leaf(1.0)
    with ad.no_grad():
        assert not ad.grad_enabled()
        with ad.enable_grad():
            assert ad.grad_enabled()
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    assert ad.grad_enabled()


def test_enable_grad_where_it_is_enabled_anyway_costs_nothing():
    """Transforms run their function in it."""
    with ad.enable_grad():
        assert mode.special == 0
        with ad.no_grad(), ad.enable_grad():
            assert mode.special == 1
    assert mode.special == 0


def test_no_grad_decorates_functions():
    x = leaf(1.0)

    @ad.no_grad()
    def value(x, depth):
        """A docstring."""
        return x * 2 if depth == 0 else value(x, depth - 1)

    assert not value(x, 3).requires_grad
    assert value.__doc__ == "A docstring."
    assert (x * 2).requires_grad


def test_the_same_no_grad_can_be_entered_again():
    mode = ad.no_grad()
    with mode:
        with mode:
            pass
        assert not ad.grad_enabled()
    assert ad.grad_enabled()


def test_an_exception_restores_the_mode():
    with pytest.raises(ZeroDivisionError), ad.no_grad():
        raise ZeroDivisionError
    assert ad.grad_enabled()


def test_no_grad_holds_for_one_thread():
    x = leaf(1.0)
    inside, checked = threading.Event(), threading.Event()
    recorded = []

    def other():
        inside.wait(5)
        recorded.append((x * 2).requires_grad)
        checked.set()

    thread = threading.Thread(target=other)
    thread.start()
    with ad.no_grad():
        inside.set()
        checked.wait(5)
    thread.join()
    assert recorded == [True]


def test_leaves_made_within_no_grad_want_gradients_afterwards():
    with ad.no_grad():
        x = leaf(3.0)
    (x * x).backward()
    assert x.grad == 6.0


def test_a_transform_records_within_no_grad():
    with ad.no_grad():
        assert ad.grad(np.sin)(0.0) == 1.0


# ---------------------------------------------------------------- hooks


def test_a_hook_sees_the_complete_gradient():
    x = leaf([1.0, 2.0])
    y = x * 3
    seen = []
    y.register_hook(seen.append)
    np.sum(y * y + y).backward()
    np.testing.assert_array_equal(seen, [2 * y.data + 1])


def test_what_a_hook_returns_replaces_the_gradient():
    x = leaf([1.0, 2.0])
    y = x * 3
    y.register_hook(lambda g: np.clip(g, -1, 1))
    np.sum(y * y).backward()
    np.testing.assert_array_equal(x.grad, [3, 3])


def test_a_hook_on_a_leaf_sees_each_pass_and_not_the_sum():
    x = leaf(1.0)
    seen = []
    x.register_hook(seen.append)
    for _ in range(2):
        (x * 2 + x).backward()
    assert seen == [3.0, 3.0]
    assert x.grad == 6.0


def test_hooks_run_in_order_until_they_are_removed():
    x = leaf(1.0)
    y = x * 1
    remove = y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: g + 1)
    y.backward(retain_graph=True)
    assert x.grad == 11.0
    remove()
    remove()  # once more is allowed
    x.grad = None
    y.backward()
    assert x.grad == 2.0


def test_a_hook_that_keeps_the_gradient_does_not_see_it_change():
    x, kept = leaf([1.0, 2.0]), []
    x.register_hook(kept.append)
    (x * 1).sum().backward()
    (x * 1).sum().backward()
    np.testing.assert_array_equal(kept[0], [1, 1])


def test_a_hook_of_a_complex_tensor_sees_the_direction_of_ascent():
    z = leaf(1.0 + 2.0j)
    seen = []
    z.register_hook(seen.append)
    (np.abs(z) ** 2).backward()
    assert seen == [pytest.approx(2 + 4j)]
    assert z.grad == pytest.approx(2 + 4j)


# ---------------------------------------------------------------- retain_grad


def test_intermediate_results_have_no_gradient_unless_asked_for():
    x = leaf(2.0)
    y = x * 3
    (y * y).backward()
    assert y.grad is None


def test_retain_grad_keeps_the_gradient_and_adds_up():
    x = leaf(2.0)
    y = x * 3
    y.retain_grad()
    y.retain_grad()  # once more changes nothing
    loss = y * y
    loss.backward(retain_graph=True)
    assert y.grad == 12.0
    loss.backward()
    assert y.grad == 24.0
    y.grad = None
    assert y.grad is None


def test_a_retained_gradient_is_not_the_next_ones_memory():
    x = leaf([1.0, 2.0])
    y = x * 1
    y.retain_grad()
    (y + 0).sum().backward()
    y.grad += 1
    np.testing.assert_array_equal(x.grad, [1, 1])


@pytest.mark.parametrize("method", ["retain_grad", "register_hook"])
def test_outside_of_a_graph_there_is_no_gradient_to_see(method):
    arguments = [print] if method == "register_hook" else []
    with pytest.raises(GradientError, match=f"{method}: no gradient flows"):
        getattr(ad.tensor(1.0), method)(*arguments)
