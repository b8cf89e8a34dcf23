import re

import numpy as np
import pytest

import autodiff as ad
import nn
from nn.arrays import NumbersError
from nn.errors import DataError
from nn.losses import TargetError


def one_hot(labels, classes):
    return np.eye(classes)[labels]


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("shape", [(6, 4), (2, 3, 4), (4,)])
def test_labels_one_hot_rows_and_probabilities_are_the_same_target(reduction, shape):
    rng = np.random.default_rng(0)
    labels = rng.integers(4, size=shape[:-1])
    logits = rng.normal(size=shape)
    results = []
    for target in (labels, one_hot(labels, 4), one_hot(labels, 4).astype(bool), labels.tolist()):
        x = ad.tensor(logits, requires_grad=True)
        loss = nn.cross_entropy(x, target, reduction=reduction)
        assert loss.shape == (shape[:-1] if reduction == "none" else ())
        loss.backward(np.ones(loss.shape))
        results.append((loss.numpy(), x.grad))
    for value, grad in results[1:]:
        np.testing.assert_allclose(value, results[0][0], rtol=1e-12)
        np.testing.assert_allclose(grad, results[0][1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("kind", ["labels", "one-hot"])
def test_it_is_stable_at_large_logits(dtype, reduction, kind):
    labels = np.array([0, 1, 1])
    target = labels if kind == "labels" else one_hot(labels, 3).astype(dtype)
    logits = np.array([[1e4, 0, -1e4], [1e4, 0, -1e4], [-1e4, -1e4, -1e4]], dtype)
    x = ad.tensor(logits, requires_grad=True)
    loss = nn.cross_entropy(x, target, reduction=reduction)
    rows = np.array([0, 1e4, np.log(3)])
    expected = {"mean": rows.mean(), "sum": rows.sum(), "none": rows}[reduction]
    np.testing.assert_allclose(loss.numpy(), expected, rtol=1e-6)
    assert loss.dtype == dtype
    loss.backward(np.ones(loss.shape, dtype))
    slopes = np.array([[0, 0, 0], [1, -1, 0], [1 / 3, -2 / 3, 1 / 3]])
    np.testing.assert_allclose(x.grad, slopes / (3 if reduction == "mean" else 1), atol=1e-6)
    assert x.grad.dtype == dtype


def test_the_loss_of_equal_logits_is_the_logarithm_of_the_number_of_classes():
    assert nn.cross_entropy(np.zeros((7, 10)), np.arange(7)) == pytest.approx(np.log(10))


def test_gradients_flow_to_probabilities_that_are_tensors():
    target = ad.tensor([[0.25, 0.75]], requires_grad=True)
    nn.cross_entropy(np.zeros((1, 2)), target).backward()
    np.testing.assert_allclose(target.grad, [[np.log(2), np.log(2)]])


@pytest.mark.parametrize("bad", [-1, 4, 250])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64])
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_a_label_out_of_range_is_named(bad, dtype, reduction):
    labels = np.array([0, 3, bad, 1]).astype(dtype)
    message = f"cross_entropy: label 2 is {labels[2]}, but there are 4 classes, 0 to 3"
    with pytest.raises(DataError, match=message):
        nn.cross_entropy(np.zeros((4, 4)), labels, reduction=reduction)


def test_the_place_of_a_label_out_of_range_is_that_in_the_array_given():
    with pytest.raises(DataError, match="label 1, 2 is 9"):
        nn.cross_entropy(np.zeros((2, 3, 4)), np.array([[0, 1, 2], [3, 0, 9]]))


@pytest.mark.parametrize(
    ("shape", "target", "message"),
    [
        (
            (3, 4),
            np.zeros(3),
            "logits have shape (3, 4) and targets (3,) float64; class indices must be whole "
            "numbers, so write targets.astype(int)",
        ),
        ((3, 4), np.zeros((3, 1), int), "class indices have no axis of their own"),
        ((3, 4), np.zeros(4, int), "give class indices of shape (3,), or a row of 4 numbers each"),
        ((3, 4), np.zeros((3, 5)), "targets (3, 5) float64; give class indices of shape (3,)"),
        ((3, 4), np.zeros((4, 3), int), "targets (4, 3) int64"),
        ((), np.zeros((), int), "give logits of shape (rows, classes)"),
    ],
)
def test_targets_that_do_not_fit_are_explained(shape, target, message):
    with pytest.raises(TargetError, match=re.escape(message)):
        nn.cross_entropy(np.zeros(shape), target)


def test_mse_averages_over_all_elements():
    x, y = np.arange(6.0).reshape(2, 3), np.ones((2, 3))
    assert nn.mse_loss(x, y) == pytest.approx(np.mean((x - y) ** 2))
    assert nn.mse_loss(x, y, reduction="sum") == pytest.approx(np.sum((x - y) ** 2))
    np.testing.assert_array_equal(nn.mse_loss(x, y, reduction="none"), (x - y) ** 2)


def test_mse_does_not_broadcast():
    with pytest.raises(TargetError, match=re.escape("shape (5, 1) but targets (5,); reshape one")):
        nn.mse_loss(np.ones((5, 1)), np.ones(5))


@pytest.mark.parametrize("loss", [nn.cross_entropy, nn.mse_loss])
def test_an_unknown_reduction_is_refused(loss):
    with pytest.raises(ValueError, match="reduction is 'avg'; give 'mean', 'sum' or 'none'"):
        loss(np.ones((1, 2)), np.ones((1, 2)), reduction="avg")


@pytest.mark.parametrize(
    ("kind", "function"), [(nn.CrossEntropyLoss, nn.cross_entropy), (nn.MSELoss, nn.mse_loss)]
)
def test_losses_are_modules_too(kind, function):
    x, target = np.array([[1.0, 2.0]]), np.array([[0.0, 1.0]])
    assert kind()(x, target) == function(x, target)
    assert kind("sum")(x, target) == function(x, target, reduction="sum")
    assert repr(kind()) == f"{kind.__name__}()"
    assert repr(kind("sum")) == f"{kind.__name__}(reduction='sum')"
    with pytest.raises(ValueError, match=f"{kind.__name__}: reduction is 'avg'"):
        kind("avg")


@pytest.mark.parametrize(
    ("first", "second", "axis"),
    [((2, 3), (2, 1), -1), ((1,), (4, 3), -1), ((3, 2), (1, 2), 0), ((5, 1, 3), (4, 3), 1)],
)
def test_cosines_of_vectors_that_are_spread_out_stay_below_one(first, second, axis):
    rng = np.random.default_rng(0)
    a, b = rng.uniform(0.5, 1, first), rng.uniform(0.5, 1, second)
    shape = np.broadcast_shapes(first, second)
    expected = nn.cosine_similarity(np.broadcast_to(a, shape), np.broadcast_to(b, shape), axis=axis)
    found = nn.cosine_similarity(a, b, axis=axis)
    np.testing.assert_allclose(found, expected)
    assert np.all(found <= 1 + 1e-15)
    ad.testing.check_grads(lambda a, b: nn.cosine_similarity(a, b, axis=axis), a, b, order=1)


PAIRS = {  # of a loss: predictions and targets
    nn.mse_loss: ([[0.2, 0.5], [0.1, 0.9]], [[0.0, 1.0], [1.0, 0.0]]),
    nn.l1_loss: ([[0.2, 0.5], [0.1, 0.9]], [[0.0, 1.0], [1.0, 0.0]]),
    nn.huber_loss: ([[0.2, 0.5], [0.1, 0.9]], [[0.0, 1.0], [1.0, 0.0]]),
    nn.smooth_l1_loss: ([[0.2, 0.5], [0.1, 0.9]], [[0.0, 1.0], [1.0, 0.0]]),
    nn.binary_cross_entropy: ([[0.2, 0.5], [0.1, 0.9]], [[0.0, 1.0], [1.0, 0.0]]),
    nn.binary_cross_entropy_with_logits: ([[0.2, 0.5], [0.1, 0.9]], [[0, 1], [1, 0]]),
    nn.cross_entropy: ([[0.2, 0.5], [0.1, 0.9]], [0, 1]),
    nn.nll_loss: ([[-0.2, -0.5], [-0.1, -0.9]], [0, 1]),
    nn.kl_div: ([[-0.2, -0.5], [-0.1, -0.9]], [[0.0, 1.0], [1.0, 0.0]]),
    nn.hinge_loss: ([0.2, 0.5], [1, -1]),
    nn.multi_hinge_loss: ([[0.2, 0.5], [0.1, 0.9]], [0, 1]),
}
each_loss = pytest.mark.parametrize(
    ("loss", "predictions", "targets"),
    [(loss, *pair) for loss, pair in PAIRS.items()],
    ids=[loss.__name__ for loss in PAIRS],
)


@each_loss
def test_a_loss_takes_lists_of_numbers_and_of_tensors(loss, predictions, targets):
    expected = loss(np.array(predictions), np.array(targets))
    assert loss(predictions, targets) == expected
    x = ad.tensor(predictions, requires_grad=True)
    loss(x, targets).backward()
    y = ad.tensor(predictions, requires_grad=True)
    rows = [row * 1 for row in y]
    value = loss(rows, targets)
    assert value.item() == expected
    value.backward()
    np.testing.assert_array_equal(y.grad, x.grad)


@each_loss
@pytest.mark.parametrize("wrong", [None, "abc", object(), [["a"]], [1, [2, 3]], {"a": 1}])
def test_a_loss_says_what_is_no_number(loss, predictions, targets, wrong):
    for given in ((wrong, targets), (predictions, wrong)):
        with pytest.raises(NumbersError, match=f"{loss.__name__}: .* numbers"):
            loss(*given)


@each_loss
@pytest.mark.parametrize("dtype", [bool, int])
def test_whole_numbers_and_truth_values_are_predictions(loss, predictions, targets, dtype):
    """And their dtype is not that of the targets, whose fractions would be lost."""
    given = np.round(np.abs(predictions)).astype(dtype)
    with np.errstate(all="ignore"):
        assert loss(given, targets) == loss(given.astype(float), targets)
        if np.ndim(targets) == np.ndim(predictions) and loss is not nn.hinge_loss:
            fractions = np.full(np.shape(targets), 0.3)
            assert loss(given, fractions) == loss(given.astype(float), fractions)


def test_cosines_of_whole_numbers_and_of_what_does_not_broadcast():
    assert nn.cosine_similarity([3, 0], [1, 0]) == 1.0
    with pytest.raises(TargetError, match=r"cosine_similarity: .*\(2, 3\) and \(5,\) do not broad"):
        nn.cosine_similarity(np.ones((2, 3)), np.ones(5))
