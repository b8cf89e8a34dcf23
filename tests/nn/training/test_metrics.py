import numpy as np
import pytest

import nn
from nn.training import accuracy, binary_accuracy


def test_accuracy_of_a_single_column_is_refused_because_it_would_always_be_one():
    with pytest.raises(ValueError, match=r"outputs of shape \(4, 1\) .* 'binary_accuracy'"):
        accuracy(np.zeros((4, 1)), np.array([[0], [1], [1], [0]]))


@pytest.mark.parametrize("shape", [(4,), (4, 1), (2, 2)])
def test_binary_accuracy_counts_what_is_on_the_right_side_of_one_half(shape):
    outputs = np.array([0.1, 0.6, 0.4, 3.0], np.float32).reshape(shape)
    targets = np.array([0, 1, 1, 1]).reshape(shape)
    assert binary_accuracy(outputs, targets) == 0.75


def test_binary_accuracy_does_not_broadcast():
    with pytest.raises(ValueError, match=r"outputs have shape \(4, 1\) but targets \(4,\)"):
        binary_accuracy(np.zeros((4, 1)), np.zeros(4))


def test_a_trainer_measures_yes_and_no():
    optimizer = nn.optim.SGD([nn.Parameter(1.0)])
    trainer = nn.Trainer(nn.Identity(), nn.MSELoss(), optimizer, metrics=["binary_accuracy"])
    data = np.array([[0.0], [0.7], [0.2]]), np.array([[0.0], [1.0], [1.0]])
    assert trainer.evaluate(data)["binary_accuracy"] == pytest.approx(2 / 3)
