"""`nn.load_run`: a finished run in Python."""

import numpy as np
import pytest

import nn
from nn.cli import main
from nn.errors import DataError, UserError


def test_a_run_predicts_in_python_what_the_command_predicts(trained, tmp_path, digits_image):
    run = nn.load_run(trained)
    test = nn.data.digits("test")
    probabilities = run.probabilities(test.inputs)
    assert probabilities.shape == (360, 10)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    accuracy = np.mean(np.array(run.predict(test.inputs)) == test.targets.astype(str))
    assert accuracy > 0.85
    label = digits_image(tmp_path / "a.png", 3)
    for images in (tmp_path / "a.png", str(tmp_path / "a.png"), [tmp_path / "a.png"]):
        assert run.predict(images) == [str(label)]
    assert run.classes == test.classes
    assert not run.model.training
    direct = run.model(run.scaling(test.inputs)).argmax(axis=1)
    np.testing.assert_array_equal(probabilities.argmax(axis=1), direct)


@pytest.mark.parametrize("full", [1, 255])
@pytest.mark.parametrize("shape", [(8, 8), (1, 8, 8), (64,)])
def test_arrays_come_in_several_forms(trained, shape, full):
    run = nn.load_run(trained)
    images = nn.data.digits("test").inputs[:5]
    given = (images * full).reshape(5, *shape)
    np.testing.assert_allclose(
        run.probabilities(given), run.probabilities(images), rtol=1e-4, atol=1e-6
    )


def test_what_cannot_be_used_is_explained(trained, tmp_path):
    run = nn.load_run(trained)
    with pytest.raises(DataError, match=r"has shape \(3, 7, 7\), but the network takes"):
        run.predict(np.ones((3, 7, 7)))
    with pytest.raises(DataError, match="there is no such file"):
        run.predict("none.png")
    with pytest.raises(UserError, match="there is no such run folder"):
        nn.load_run(tmp_path / "none")
    assert main(["predict", str(trained), "none.png"]) == 1
