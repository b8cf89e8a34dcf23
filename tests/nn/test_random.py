import numpy as np
import pytest

from nn.random import as_generator, default_rng, seed


def test_a_seed_repeats_the_same_numbers():
    seed(3)
    first = default_rng().random(5)
    seed(3)
    np.testing.assert_array_equal(default_rng().random(5), first)
    np.testing.assert_array_equal(np.random.default_rng(3).random(5), first)


def test_seeding_reaches_those_who_hold_the_default_generator_already():
    held = default_rng()
    seed(3)
    assert held is default_rng()
    assert held.random() == np.random.default_rng(3).random()


def test_a_seed_drops_a_half_used_word():
    default_rng().integers(10, dtype=np.uint32)  # uses 32 of 64 drawn bits
    seed(3)
    expected = np.random.default_rng(3).integers(10, size=4, dtype=np.uint32)
    np.testing.assert_array_equal(default_rng().integers(10, size=4, dtype=np.uint32), expected)


def test_a_given_generator_is_used_and_none_means_the_default():
    rng = np.random.default_rng(0)
    assert as_generator(rng, "Dropout") is rng
    assert as_generator(None, "Dropout") is default_rng()


@pytest.mark.parametrize("wrong", [7, np.random.RandomState(0), "seed"])
def test_anything_else_is_refused_and_the_caller_named(wrong):
    with pytest.raises(TypeError, match=r"Dropout: rng must be .*write np\.random\.default_rng"):
        as_generator(wrong, "Dropout")
