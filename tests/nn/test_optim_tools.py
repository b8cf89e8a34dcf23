"""Parameter groups, L-BFGS, clipping of gradients, averages of weights."""

import json

import numpy as np
import pytest

import autodiff as ad
import nn
from nn import optim
from nn.optim.linesearch import Point, wolfe_step

# ---------------------------------------------------------------- groups


def stepped(optimizer, gradients):
    for gradient in gradients:
        for parameter in optimizer.parameters:
            parameter.grad = np.full(parameter.shape, gradient)
        optimizer.step()
    return [parameter.numpy().copy() for parameter in optimizer.parameters]


def three():
    return [nn.Parameter([1.0, 2.0]), nn.Parameter(0.5), nn.Parameter([[3.0]])]


@pytest.mark.parametrize("name", optim.OPTIMIZERS)
def test_groups_are_like_an_optimizer_each(name):
    kind = optim.get(name)
    a, b, c = three()
    groups = [{"parameters": [a], "lr": 0.01, "weight_decay": 0.1}, {"params": [b, c]}]
    found = stepped(kind(groups, lr=0.1), [1.0, -0.5, 2.0])
    a, b, c = three()
    expected = [
        *stepped(kind([a], lr=0.01, weight_decay=0.1), [1.0, -0.5, 2.0]),
        *stepped(kind([b, c], lr=0.1), [1.0, -0.5, 2.0]),
    ]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_rates_of_groups_change_in_proportion():
    a, b = nn.Parameter([0.0]), nn.Parameter([0.0])
    optimizer = optim.SGD([{"parameters": [a], "lr": 0.1}, {"parameters": [b]}], lr=1.0)
    for rate in (0.0, 0.5):  # a rate of zero forgets nothing
        optimizer.lr = rate
        stepped(optimizer, [-1.0])
    assert (a.item(), b.item()) == (pytest.approx(0.05), 0.5)
    assert optimizer.lr == 0.5


def test_groups_may_keep_different_arrays_and_resume_exactly():
    def make(parameters):
        a, b, c = parameters
        groups = [{"parameters": [a, b], "momentum": 0.9, "lr": 0.02}, {"parameters": c}]
        return optim.SGD(groups, lr=0.1)

    expected = stepped(make(three()), [1.0, 2.0, 3.0])
    parameters = three()
    optimizer = make(parameters)
    stepped(optimizer, [1.0])
    state = optimizer.state_dict()
    assert set(state["arrays"]) == {"0.velocity", "1.velocity"}
    arrays = state.pop("arrays")
    resumed = make(parameters)
    resumed.lr = 7.0
    resumed.load_state_dict({**json.loads(json.dumps(state)), "arrays": arrays})
    for one, other in zip(stepped(resumed, [2.0, 3.0]), expected, strict=True):
        np.testing.assert_array_equal(one, other)
    assert repr(resumed).startswith("SGD(3 parameters of 4 numbers in 2 groups, lr=0.1")


def test_a_state_with_other_groups_is_refused():
    a, b, c = three()
    two = optim.SGD([{"parameters": [a]}, {"parameters": [b, c]}])
    other = optim.SGD([{"parameters": [a, b]}, {"parameters": [c]}])
    with pytest.raises(optim.OptimizerStateError, match="2 groups of parameters, this optimizer 2"):
        other.load_state_dict(two.state_dict())
    with pytest.raises(optim.OptimizerStateError, match="2 groups of parameters, this optimizer 0"):
        optim.SGD([a, b, c]).load_state_dict(two.state_dict())


@pytest.mark.parametrize(
    ("groups", "error", "message"),
    [
        (lambda x, y: {"parameters": [x]}, TypeError, "one group is given; put it into a list"),
        (lambda x, y: [{"parameters": [x]}, y], TypeError, "item 1 is no group; put all"),
        (lambda x, y: [{"weights": [x]}], ValueError, "group 0 has 'weights'; give 'parameters'"),
        (lambda x, y: [{"params": [x], "speed": 1}], ValueError, "what you want of lr, momentum"),
        (
            lambda x, y: [{"params": [x], "momentum": 2}],
            ValueError,
            "momentum is 2; give .*below 1",
        ),
        (lambda x, y: [{"params": [x], "lr": -1}], ValueError, "lr of group 0 is -1"),
        (lambda x, y: [{"params": [x]}, {"params": [x]}], ValueError, "are the same tensor"),
        (lambda x, y: [{"params": []}], ValueError, "no parameters to train"),
    ],
)
def test_wrong_groups_are_explained(groups, error, message):
    with pytest.raises(error, match=f"^SGD: .*{message}"):
        optim.SGD(groups(nn.Parameter(1.0), nn.Parameter(2.0)))


def test_a_group_with_a_rate_needs_a_general_one():
    with pytest.raises(ValueError, match="give a positive lr for all"):
        optim.SGD([{"parameters": [nn.Parameter(1.0)], "lr": 0.1}], lr=0.0)


def test_a_step_may_compute_the_gradients_first():
    x = nn.Parameter(2.0)
    optimizer = optim.SGD([x], lr=0.25)

    def closure():
        optimizer.zero_grad()
        loss = x * x
        loss.backward()
        return loss

    assert optimizer.step(closure).item() == 4.0
    assert x.item() == 1.0


# ---------------------------------------------------------------- L-BFGS


def closure_of(loss, parameters, optimizer):
    def closure():
        optimizer.zero_grad()
        value = loss(*parameters)
        value.backward()
        return value

    return closure


def rosenbrock(x):
    return np.sum((1 - x[:-1]) ** 2 + 100 * (x[1:] - x[:-1] ** 2) ** 2)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_lbfgs_with_a_line_search_finds_the_end_of_rosenbrocks_valley(dtype):
    x = nn.Parameter(np.array([-1.2, 1.0], dtype))
    optimizer = optim.LBFGS([x], line_search=True, max_iter=200, tolerance_change=1e-14)
    first = optimizer.step(closure_of(rosenbrock, [x], optimizer))
    assert first.item() == pytest.approx(24.2)
    assert x.dtype == dtype
    np.testing.assert_allclose(x.numpy(), 1, atol=1e-3 if dtype == np.float32 else 1e-6)


def test_lbfgs_solves_a_quadratic_in_as_many_steps_as_it_has_dimensions():
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6))
    matrix, target = root @ root.T + np.eye(6), rng.normal(size=6)
    x, y = nn.Parameter(np.zeros((2, 2))), nn.Parameter(np.zeros(2))

    def loss(x, y):
        error = np.concatenate([np.ravel(x), y]) - target
        return error @ matrix @ error

    optimizer = optim.LBFGS([x, y], line_search=True, max_iter=30, tolerance_change=0.0)
    optimizer.step(closure_of(loss, [x, y], optimizer))
    np.testing.assert_allclose(x.numpy().ravel(), target[:4], atol=1e-6)


def test_lbfgs_steps_complex_numbers_and_scalars():
    z, scalar = nn.Parameter(2 + 1j), nn.Parameter(3.0)

    def loss(z, s):
        return np.abs(z - 1j) ** 2 + (s - 1) ** 2

    optimizer = optim.LBFGS([z, scalar], line_search=True)
    optimizer.step(closure_of(loss, [z, scalar], optimizer))
    assert z.item() == pytest.approx(1j)
    assert scalar.item() == pytest.approx(1.0)


def test_lbfgs_resumes_exactly():
    def run(stop):
        x = nn.Parameter([-1.2, 1.0])
        optimizer = optim.LBFGS([x], line_search=True, max_iter=2)
        for step in range(6):
            if step == stop:
                state = optimizer.state_dict()
                arrays = state.pop("arrays")
                state = json.loads(json.dumps(state))
                optimizer = optim.LBFGS([x], max_iter=7)
                optimizer.load_state_dict({**state, "arrays": arrays})
            optimizer.step(closure_of(rosenbrock, [x], optimizer))
        return x.numpy()

    for stop in (0, 1, 4):
        np.testing.assert_array_equal(run(stop), run(None))


def test_what_lbfgs_cannot_do_is_explained():
    x = nn.Parameter([1.0])
    optimizer = optim.LBFGS([x])
    with pytest.raises(TypeError, match=r"optimizer\.step\(closure\)"):
        optimizer.step()
    with pytest.raises(ValueError, match="give no groups"):
        optim.LBFGS([{"parameters": [x]}])
    with pytest.raises(ValueError, match="max_iter is 0; give a positive"):
        optim.LBFGS([x], max_iter=0)
    with pytest.raises(optim.OptimizerStateError, match="state is one of 'SGD'"):
        optimizer.load_state_dict(optim.SGD([x]).state_dict())
    longer = nn.Parameter([1.0, 2.0])
    other = optim.LBFGS([longer])
    other.step(closure_of(lambda x: np.sum(x * x), [longer], other))
    with pytest.raises(optim.OptimizerStateError, match="of 2 numbers, but the parameters have 1"):
        optimizer.load_state_dict(other.state_dict())


@pytest.mark.parametrize("first", [1e-3, 0.1, 1.0, 50.0])
@pytest.mark.parametrize(
    ("loss", "slope"),
    [
        (lambda t: (t - 2) ** 2, lambda t: 2 * (t - 2)),
        (lambda t: -np.sin(t), lambda t: -np.cos(t)),
        (lambda t: np.log1p((t - 4) ** 2), lambda t: 2 * (t - 4) / (1 + (t - 4) ** 2)),
        (lambda t: abs(t - 3) ** 1.5, lambda t: 1.5 * np.sign(t - 3) * abs(t - 3) ** 0.5),
    ],
)
def test_the_line_search_ends_where_the_strong_wolfe_conditions_hold(loss, slope, first):
    def at(t):
        return Point(t, loss(t), np.array([slope(t)]))

    found = wolfe_step(at, at(0.0), np.array([1.0]), first)
    assert found.loss <= loss(0.0) + 1e-4 * found.length * slope(0.0)
    assert abs(slope(found.length)) <= 0.9 * abs(slope(0.0))


# ---------------------------------------------------------------- limits for gradients


def with_gradients(*gradients):
    parameters = []
    for gradient in gradients:
        parameter = nn.Parameter(np.zeros(np.shape(gradient), np.float32))
        parameter.grad = None if gradient is None else np.float32(gradient)
        parameters.append(parameter)
    return parameters


def test_a_large_norm_is_scaled_down_over_all_gradients_together():
    parameters = with_gradients([3.0, 0.0], None, 4.0)
    assert optim.clip_grad_norm(parameters, 1.0) == pytest.approx(5.0)
    np.testing.assert_allclose(parameters[0].grad, [0.6, 0.0], rtol=1e-6)
    np.testing.assert_allclose(parameters[2].grad, 0.8, rtol=1e-6)
    assert parameters[0].grad.dtype == np.float32
    assert parameters[1].grad is None


def test_a_small_norm_stays_and_so_does_nothing_at_all():
    parameters = with_gradients([3.0, 4.0])
    before = parameters[0].grad
    assert optim.clip_grad_norm(parameters, 5.0) == 5.0
    assert parameters[0].grad is before
    assert optim.clip_grad_norm(with_gradients(None), 1.0) == 0.0
    assert optim.clip_grad_norm(with_gradients([3.0, -4.0]), 10.0, order=np.inf) == 4.0


def test_elements_are_cut_off_one_by_one():
    parameters = with_gradients([3.0, -0.1], -2.0, None)
    optim.clip_grad_value(parameters, 0.5)
    np.testing.assert_allclose(parameters[0].grad, [0.5, -0.1], rtol=1e-6)
    assert parameters[1].grad == -0.5


def test_gradients_that_are_tensors_are_limited_too():
    x = nn.Parameter([3.0, 4.0])
    np.sum(x * x / 2).backward(create_graph=True)
    assert optim.clip_grad_norm([x], 1.0) == 5.0
    np.testing.assert_allclose(x.grad.detach().numpy(), [0.6, 0.8])


@pytest.mark.parametrize("clip", [optim.clip_grad_norm, optim.clip_grad_value])
def test_wrong_arguments_of_clipping_are_explained(clip):
    x = nn.Parameter(1.0)
    with pytest.raises(ValueError, match="limit is 0; give a positive number"):
        clip([x], 0)
    with pytest.raises(TypeError, match="put it into a list"):
        clip(x, 1.0)
    with pytest.raises(TypeError, match=r"write model\.parameters\(\)"):
        clip(nn.Linear(1, 1), 1.0)


# ---------------------------------------------------------------- averages of weights


def test_averages_follow_the_formula_and_buffers_are_copied():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).astype(np.float64)
    ema = optim.EMA(model, decay=0.9)
    expected = model.state_dict()
    for step in range(4):
        model(np.random.default_rng(step).normal(size=(5, 2)))
        for parameter in model.parameters():
            parameter.data = parameter.numpy() + 1
        ema.update()
        for name, value in model.state_dict().items():
            kept = 0.0 if "running" in name else 0.9
            expected[name] = kept * expected[name] + (1 - kept) * value
    for name, value in expected.items():
        np.testing.assert_allclose(ema.averages[name], value, rtol=1e-12)


def test_averages_are_in_the_model_for_a_while_even_if_something_fails():
    model = nn.Linear(2, 1)
    ema = optim.EMA(model, decay=0.5)
    before = model.weight.numpy().copy()
    model.weight.data = before + 2
    ema.update()

    def look_and_fail():
        with ema.applied() as averaged:
            np.testing.assert_allclose(averaged.weight.numpy(), before + 1, rtol=1e-6)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        look_and_fail()
    np.testing.assert_array_equal(model.weight.numpy(), before + 2)


def test_with_a_warmup_the_first_values_are_soon_forgotten():
    model = nn.Linear(1, 1, bias=False, weight_init=nn.init.zeros)
    ema = optim.EMA(model, decay=0.999, warmup=True)
    model.weight.data = np.ones((1, 1), np.float32)
    for _ in range(50):
        ema.update()
    assert ema.averages["weight"].item() > 0.99


def test_averages_resume_exactly_and_only_for_their_model():
    model = nn.Linear(2, 1)
    ema, other = optim.EMA(model), optim.EMA(model)
    model.weight.data = model.weight.numpy() + 1
    ema.update()
    other.load_state_dict(ema.state_dict())
    for each in (ema, other):
        each.update()
    np.testing.assert_array_equal(ema.averages["weight"], other.averages["weight"])
    assert other.updates == 2
    with pytest.raises(nn.module.StateError, match="that of another model"):
        optim.EMA(nn.Linear(3, 1)).load_state_dict(ema.state_dict())
    with pytest.raises(ValueError, match=r"decay is 1\.0; give"):
        optim.EMA(model, decay=1.0)


def test_average_of_a_parameter_without_dimensions():
    class Scale(nn.Module):
        def __init__(self):
            self.factor = nn.Parameter(1.0)

    model = Scale()
    ema = optim.EMA(model, decay=0.5)
    model.factor.data = 3.0
    ema.update()
    with ema.applied():
        assert isinstance(model.factor, ad.Tensor)
        assert model.factor.item() == 2.0
