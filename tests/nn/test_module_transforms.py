"""Modules as arguments and results of autodiff's transforms."""

import copy
from collections import namedtuple

import numpy as np
import pytest

import autodiff as ad
import nn
from autodiff.errors import ShapeError
from autodiff.testing import check_grads, numerical_gradient

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 2))


def mlp(seed=0):
    rng = np.random.default_rng(seed)
    model = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng))
    return model.astype(np.float64)


def loss(model, x=X, y=Y):
    return np.mean((model(x) - y) ** 2)


def gradients_by_backward(model, function):
    model.zero_grad()
    function(model).backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad()
    return found


def assert_same(module, expected):
    """The parameters of a module are these arrays."""
    found = dict(module.named_parameters())
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name].data, array, rtol=1e-12, atol=1e-15, err_msg=name)


class Pair(nn.Module):
    """Parameters in attributes, containers and submodules; one shared, one frozen, one buffer."""

    buffer_names = ("seen",)
    Ends = namedtuple("Ends", ["low", "high"])

    def __init__(self):
        self.first = nn.Parameter([1.0, 2.0])
        self.table = {"a": [nn.Parameter(3.0), None], "b": self.first}
        self.ends = self.Ends(nn.Parameter([0.5]), "high")
        self.frozen = nn.Parameter(4.0, requires_grad=False)
        self.inner = nn.Linear(2, 1, rng=np.random.default_rng(1)).astype(np.float64)
        self.again = self.inner
        self.seen = np.zeros(2)
        self.rng = np.random.default_rng(2)
        self.settings = {"eps": 1e-3}

    def forward(self, x):
        self.seen += 1
        total = np.sum(self.first * x + self.table["b"] ** 2) * self.table["a"][0]
        return (
            total * self.frozen + np.sum(self.inner(x)) * np.sum(self.again(x)) + self.ends.low[0]
        )


# ---------------------------------------------------------------- grad


def test_the_gradient_is_a_module_with_gradients_for_parameters():
    model = mlp()
    gradient = ad.grad(loss)(model)
    assert type(gradient) is nn.Sequential
    assert_same(gradient, gradients_by_backward(model, loss))
    assert all(isinstance(parameter, nn.Parameter) for parameter in gradient.parameters())
    assert all(parameter.is_leaf for parameter in gradient.parameters())


def test_the_model_is_left_as_it_was():
    model = Pair().eval()
    before, parameters = model.state_dict(), model.parameters()
    ad.grad(lambda m: m(np.ones(2)))(model)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    assert all(parameter.grad is None for parameter in model.parameters())
    np.testing.assert_array_equal(model.seen, 0)


def test_everything_else_is_carried_along():
    model = Pair().eval()
    inside = []
    gradient = ad.grad(lambda m: inside.append(m) or m(np.ones(2)))(model)
    for module in (gradient, inside[0]):
        assert module is not model
        assert module.training is False
        assert module.inner.training is False
        assert module.settings == model.settings
        assert module.rng is model.rng  # it goes on where it was, also for the next call
        assert module.ends.high == "high"
        assert module.table["a"][1] is None
        assert module.seen is not model.seen
    assert inside[0].seen[0] == 1
    assert not gradient.frozen.requires_grad


def test_what_is_shared_stays_shared_and_counts_once():
    model = Pair()
    gradient = ad.grad(lambda m: m(np.ones(2)))(model)
    assert gradient.table["b"] is gradient.first
    assert gradient.again is gradient.inner
    assert [name for name, _ in gradient.named_parameters()] == [
        name for name, _ in model.named_parameters()
    ]
    np.testing.assert_allclose(gradient.first.data, 12 * (1 + 2 * model.first.data))


def test_frozen_parameters_have_a_gradient_here_too():
    gradient = ad.grad(lambda m: m(np.ones(2)))(Pair())
    assert gradient.frozen.data == 3 * (1 + 2 + 1 + 4)


def test_a_module_that_contains_itself():
    class Node(nn.Module):
        def __init__(self):
            self.weight = nn.Parameter(2.0)
            self.me = self

    gradient = ad.grad(lambda m: m.me.me.weight**3)(Node())
    assert gradient.weight.data == 12
    assert gradient.me is gradient


def test_the_function_may_ask_for_the_parameters():
    def penalised(model):
        return loss(model) + sum(np.sum(p**2) for p in model.parameters() if p.ndim > 1)

    model = mlp()
    assert_same(ad.grad(penalised)(model), gradients_by_backward(model, penalised))


def test_the_value_and_the_dtypes_are_kept():
    model = mlp().astype(np.float32)
    value, gradient = ad.value_and_grad(lambda m: loss(m, X.astype("f4"), Y.astype("f4")))(model)
    assert value.dtype == np.float32
    assert not isinstance(value, ad.Tensor)
    assert {parameter.dtype for parameter in gradient.parameters()} == {np.dtype(np.float32)}


def test_training_by_the_gradient_of_a_module():
    model = mlp()
    start = loss(model).item()
    for _ in range(20):
        gradient = ad.grad(loss)(model)
        for parameter, slope in zip(model.parameters(), gradient.parameters(), strict=True):
            parameter.data = parameter.data - 0.1 * slope.data
    assert loss(model).item() < 0.8 * start


def test_nested_containers_of_modules_and_arrays():
    nested = {"encoder": mlp(0), "decoders": [(nn.Linear(2, 3).astype(float), 2.0), None]}

    def f(p):
        (decoder, scale), _ = p["decoders"]
        return np.mean((decoder(np.tanh(p["encoder"](X))) * scale - X) ** 2)

    g = ad.grad(f)(nested)
    assert list(g) == ["encoder", "decoders"]
    assert g["decoders"][1] is None
    assert_same(g["encoder"], gradients_by_backward(nested["encoder"], lambda _: f(nested)))
    decoder = nested["decoders"][0][0]
    assert_same(g["decoders"][0][0], gradients_by_backward(decoder, lambda _: f(nested)))
    scale = ad.grad(lambda s: f({**nested, "decoders": [(decoder, s), None]}))(2.0)
    assert g["decoders"][0][1] == pytest.approx(float(scale))


def test_a_module_among_several_arguments():
    model = mlp()
    by_model, by_x = ad.grad(loss, argnums=(0, 1))(model, X)
    assert_same(by_model, gradients_by_backward(model, loss))
    np.testing.assert_allclose(by_x, ad.grad(lambda x: loss(model, x))(X))


def test_the_gradient_agrees_with_numerical_ones():
    model = mlp()
    check_grads(loss, model, order=2)
    numerical = numerical_gradient(loss, model)
    assert_same(numerical, {k: p.data for k, p in numerical.named_parameters()})
    for mine, theirs in zip(ad.grad(loss)(model).parameters(), numerical.parameters(), strict=True):
        np.testing.assert_allclose(mine.data, theirs.data, rtol=1e-8, atol=1e-12)


def test_an_exception_leaves_the_module_as_it_was():
    model = mlp()
    before, parameters = model.state_dict(), model.parameters()

    def broken(m):
        m(X)
        raise ZeroDivisionError("on purpose")

    for call in (ad.grad(broken), lambda m: ad.jvp(broken, (m,), (m,))):
        with pytest.raises(ZeroDivisionError, match="on purpose"):
            call(model)
    assert all(a is b for a, b in zip(model.parameters(), parameters, strict=True))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert_same(ad.grad(loss)(model), gradients_by_backward(model, loss))


def test_backward_still_reaches_the_model_after_a_transform():
    model = mlp()
    ad.grad(loss)(model)
    loss(model).backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


# ---------------------------------------------------------------- the other transforms


def test_a_pullback_returns_modules():
    model = mlp()
    out, pullback = ad.vjp(lambda m: m(X), model)
    np.testing.assert_allclose(out, model(X).data)
    (gradient,) = pullback(2 * (out - Y) / Y.size)
    assert_same(gradient, gradients_by_backward(model, loss))


def test_a_tangent_is_a_module():
    model, direction = mlp(), mlp(7)
    out, tangent = ad.jvp(loss, (model,), (direction,))
    gradient = ad.grad(loss)(model)
    pairs = zip(gradient.parameters(), direction.parameters(), strict=True)
    assert tangent == pytest.approx(sum(np.sum(g.data * v.data) for g, v in pairs))
    assert out == pytest.approx(loss(model).item())


def test_a_tangent_of_another_shape_is_named():
    other = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 2)).astype(np.float64)
    with pytest.raises(
        ShapeError, match=r"tangent\[0\]\['layers\.0\.weight'\].*\(3, 5\).*\(3, 4\)"
    ):
        ad.jvp(loss, (mlp(),), (other,))


def flat(module):
    return np.concatenate([parameter.data.ravel() for parameter in module.parameters()])


def unflat(vector):
    """A model with these numbers for parameters."""
    model = mlp()
    for parameter in model.parameters():
        parameter.data = vector[: parameter.size].reshape(parameter.shape)
        vector = vector[parameter.size :]
    return model


def test_the_hessian_times_a_module():
    model, direction = mlp(), mlp(7)
    product = ad.hvp(loss, (model,), (direction,))
    assert type(product) is nn.Sequential
    h = 1e-5
    there, back = (unflat(flat(model) + side * h * flat(direction)) for side in (1, -1))
    expected = (flat(ad.grad(loss)(there)) - flat(ad.grad(loss)(back))) / (2 * h)
    np.testing.assert_allclose(flat(product), expected, rtol=1e-6, atol=1e-9)
    forward_over_reverse = ad.jvp(ad.grad(loss), (model,), (direction,))[1]
    np.testing.assert_allclose(flat(forward_over_reverse), flat(product), rtol=1e-12)


def test_the_gradient_may_be_the_direction():
    """One step of power iteration: the gradient module goes in where a tangent is wanted."""
    model = mlp()
    gradient = ad.grad(loss)(model)
    product = ad.hvp(loss, (model,), (gradient,))
    curvature = flat(product) @ flat(gradient) / (flat(gradient) @ flat(gradient))
    assert np.isfinite(curvature)
    np.testing.assert_allclose(
        flat(ad.hvp(loss, (model,), (copy.deepcopy(gradient),))), flat(product)
    )


def test_a_jacobian_has_a_module_for_each_result():
    model = nn.Linear(3, 2, rng=np.random.default_rng(0)).astype(np.float64)
    jacobian = ad.jacobian(lambda m: {"out": m(X[0])})(model)["out"]
    assert jacobian.weight.shape == (2, 3, 2)
    np.testing.assert_allclose(jacobian.bias.data, np.eye(2))
    np.testing.assert_allclose(jacobian.weight.data[1, :, 1], X[0])


def test_a_hessian_has_a_module_for_each_parameter():
    model = nn.Linear(3, 2, rng=np.random.default_rng(0)).astype(np.float64)
    hessian = ad.hessian(loss)(model)
    assert hessian.weight.bias.shape == (3, 2, 2)
    np.testing.assert_allclose(hessian.bias.bias.data, np.eye(2), atol=1e-15)
    np.testing.assert_allclose(hessian.weight.weight.data[:, 0, :, 0], X.T @ X / 5, rtol=1e-12)


def test_elementwise_grad_adds_up_the_outputs():
    model = mlp()
    assert_same(
        ad.elementwise_grad(lambda m: m(X))(model),
        gradients_by_backward(model, lambda m: np.sum(m(X))),
    )


# ---------------------------------------------------------------- transforms in transforms


def test_a_gradient_through_a_gradient_step():
    """The learning rate's derivative through one step of training (Maclaurin et al., 2015)."""
    model = mlp()

    def after_one_step(rate):
        def stepped(m):
            gradient = ad.grad(loss)(m)
            slopes = iter(gradient.parameters())
            first, _, second = m.layers

            def linear(layer, x):
                return x @ (layer.weight - rate * next(slopes)) + layer.bias - rate * next(slopes)

            return np.mean((linear(second, np.tanh(linear(first, X))) - Y) ** 2)

        return stepped(model)

    h = 1e-6
    expected = (after_one_step(0.1 + h) - after_one_step(0.1 - h)) / (2 * h)
    assert ad.grad(after_one_step)(0.1) == pytest.approx(float(expected), rel=1e-7)


def test_the_gradient_of_a_gradients_size():
    def size(model):
        return sum(np.sum(p**2) for p in ad.grad(loss)(model).parameters())

    model = mlp()
    gradient = ad.grad(loss)(model)
    twice = ad.hvp(loss, (model,), (gradient,))
    np.testing.assert_allclose(flat(ad.grad(size)(model)), 2 * flat(twice), rtol=1e-10)


def test_a_function_may_return_a_module():
    model = mlp()
    same, pullback = ad.vjp(lambda m: m, model)
    assert type(same) is nn.Sequential
    assert_same(same, model.state_dict())
    (gradient,) = pullback(mlp(3))
    assert_same(gradient, mlp(3).state_dict())


# ---------------------------------------------------------------- checkpoint


def test_a_module_passed_to_a_checkpointed_function_gets_its_gradient():
    model = mlp()
    expected = gradients_by_backward(model, loss)
    assert_same_grads(expected, gradients_by_backward(model, ad.checkpoint(loss)))
    assert_same(ad.grad(ad.checkpoint(loss))(model), expected)
    captured = ad.checkpoint(lambda x: model(x))
    assert_same_grads(
        expected, gradients_by_backward(model, lambda _: np.mean((captured(X) - Y) ** 2))
    )


def assert_same_grads(first, second):
    for name in first:
        np.testing.assert_allclose(first[name], second[name], rtol=1e-12, err_msg=name)


def test_running_means_move_once_in_a_checkpointed_call():
    norm = nn.BatchNorm1d(3).astype(np.float64)
    plain = copy.deepcopy(norm)
    np.sum(ad.checkpoint(lambda m, x: m(x) ** 2)(norm, X)).backward()
    np.sum(plain(X) ** 2).backward()
    for name, array in plain.state_dict().items():
        np.testing.assert_allclose(norm.state_dict()[name], array, err_msg=name)
    assert_same_grads(
        *({k: p.grad for k, p in module.named_parameters()} for module in (norm, plain))
    )
