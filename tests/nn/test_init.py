import math
from functools import partial

import numpy as np
import pytest

from nn import init

SHAPE = (300, 200)  # 300 inputs, 200 outputs
KERNEL = (40, 30, 5, 5)  # 40 outputs, 30 inputs, a window of 25

# name: the initialiser, the shape, and the standard deviation that its formula gives
SCALES = {
    "kaiming_uniform": (init.kaiming_uniform, SHAPE, math.sqrt(2 / 300)),
    "kaiming_uniform, fan_out": (
        partial(init.kaiming_uniform, mode="fan_out", gain=1),
        SHAPE,
        math.sqrt(1 / 200),
    ),
    "kaiming_uniform, kernel": (init.kaiming_uniform, KERNEL, math.sqrt(2 / 750)),
    "kaiming_normal": (init.kaiming_normal, SHAPE, math.sqrt(2 / 300)),
    "kaiming_normal, kernel, fan_out": (
        partial(init.kaiming_normal, mode="fan_out"),
        KERNEL,
        math.sqrt(2 / 1000),
    ),
    "xavier_uniform": (init.xavier_uniform, SHAPE, math.sqrt(2 / 500)),
    "xavier_normal": (partial(init.xavier_normal, gain=5 / 3), SHAPE, 5 / 3 * math.sqrt(2 / 500)),
    "normal": (partial(init.normal, std=0.02), SHAPE, 0.02),
    "uniform": (partial(init.uniform, bound=0.3), SHAPE, 0.3 / math.sqrt(3)),
}
BOUNDED = [name for name in SCALES if "uniform" in name]


@pytest.mark.parametrize("name", SCALES)
def test_the_spread_is_that_of_the_formula(name):
    initializer, shape, std = SCALES[name]
    values = initializer(shape, rng=np.random.default_rng(0), dtype=np.float64)
    assert values.shape == shape
    assert values.std() == pytest.approx(std, rel=0.02)
    assert abs(values.mean()) < 0.02 * std
    if name in BOUNDED:
        assert np.abs(values).max() == pytest.approx(math.sqrt(3) * std, rel=0.01)
        assert np.abs(values).max() <= math.sqrt(3) * std
    else:
        assert np.abs(values).max() > 3 * std


@pytest.mark.parametrize("name", SCALES)
def test_the_same_seed_gives_the_same_values_in_every_dtype(name):
    initializer, shape, _ = SCALES[name]
    double = initializer(shape, rng=np.random.default_rng(3), dtype=np.float64)
    single = initializer(shape, rng=np.random.default_rng(3), dtype=np.float32)
    assert double.dtype == np.float64
    assert single.dtype == np.float32
    np.testing.assert_array_equal(double.astype(np.float32), single)


@pytest.mark.parametrize("name", SCALES)
def test_a_seed_in_place_of_a_generator_is_refused(name):
    initializer, shape, _ = SCALES[name]
    with pytest.raises(TypeError, match=r"write np\.random\.default_rng\(0\)"):
        initializer(shape, rng=0)


def test_constants():
    np.testing.assert_array_equal(init.zeros((2, 3)), np.zeros((2, 3), np.float32))
    np.testing.assert_array_equal(init.constant(2, value=7, dtype=np.float64), [7.0, 7.0])


@pytest.mark.parametrize("shape", [(), 3, (3,), (0, 3)])
@pytest.mark.parametrize(
    "name", ["kaiming_uniform", "kaiming_normal", "xavier_uniform", "xavier_normal"]
)
def test_a_shape_without_inputs_and_outputs_is_refused(name, shape):
    with pytest.raises(ValueError, match=f"{name}: .*give two or more dimensions"):
        getattr(init, name)(shape)


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="mode is 'fan'; give 'fan_in' or 'fan_out'"):
        init.kaiming_normal((2, 2), mode="fan")
