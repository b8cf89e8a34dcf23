import json
import pickle

import numpy as np
import pytest
import safetensors.numpy

import nn
from nn.training import CheckpointError, load_checkpoint, save_checkpoint
from nn.training.checkpoints import restore


def equal(a, b) -> bool:
    """Whether two states are the same in structure, types, dtypes and every bit."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, np.ndarray | np.generic):
        return type(a) is type(b) and (a.dtype, a.shape, a.tobytes()) == (
            b.dtype, b.shape, b.tobytes(),
        )  # fmt: skip
    return type(a) is type(b) and a == b


def test_a_state_comes_back_with_every_bit_and_type(tmp_path):
    rng = np.random.default_rng(0)
    state = {
        "arrays": [rng.normal(size=(3, 4)), np.float32([[1, np.nan], [-np.inf, -0.0]])],
        "transposed": rng.normal(size=(2, 3, 4)).T,
        "strided": np.arange(10)[::-3],
        "0-d": np.array(2.5),
        "scalar": np.float32(0.1),
        "empty": np.zeros((0, 3), np.float32),
        "bools": np.array([True, False]),
        "nested": {"a": {"b": [1, 2.5, True, None, "text", -(2**127)]}, "a/b": {}},
        "generator": dict(rng.bit_generator.state),
    }
    save_checkpoint(tmp_path / "state", state)
    assert equal(load_checkpoint(tmp_path / "state"), state)


@pytest.mark.parametrize("kind", ["PCG64", "PCG64DXSM", "MT19937", "Philox", "SFC64"])
def test_the_state_of_every_kind_of_generator_comes_back(tmp_path, kind):
    bits = getattr(np.random, kind)(3)
    rng = np.random.Generator(bits)
    rng.integers(10, dtype=np.uint32)
    save_checkpoint(tmp_path / "state", {"rng": dict(bits.state)})
    expected = rng.random(5)
    bits.state = load_checkpoint(tmp_path / "state")["rng"]
    np.testing.assert_array_equal(rng.random(5), expected)


def test_paths_that_look_alike_stay_apart(tmp_path):
    state = {"a": {"b": np.zeros(1)}, "a/b": np.ones(1)}
    save_checkpoint(tmp_path / "state", state)
    assert equal(load_checkpoint(tmp_path / "state"), state)


def test_the_weights_of_a_model_are_plain_safetensors_to_others(tmp_path):
    model = nn.MLP([2, 3, 2])
    save_checkpoint(tmp_path / "model.safetensors", model.state_dict())
    others = safetensors.numpy.load_file(tmp_path / "model.safetensors")
    assert equal(others, dict(model.state_dict()))


def test_a_safetensors_file_of_another_origin_gives_its_arrays(tmp_path):
    arrays = {"weight": np.eye(2, dtype=np.float32)}
    safetensors.numpy.save_file(arrays, tmp_path / "others.safetensors")
    assert equal(load_checkpoint(tmp_path / "others.safetensors"), arrays)


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"last\.safetensors: there is no such checkpoint"):
        load_checkpoint(tmp_path / "last.safetensors")
    with pytest.raises(CheckpointError, match="cannot be read: Is a directory"):
        load_checkpoint(tmp_path)


def test_every_truncation_and_every_changed_byte_is_noticed(tmp_path):
    path = tmp_path / "state"
    save_checkpoint(path, {"weight": np.arange(4.0), "steps": 3})
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="state: not a whole checkpoint"):
            load_checkpoint(path)
    for position in range(len(whole)):
        changed = bytearray(whole)
        changed[position] ^= 0x10
        path.write_bytes(changed)
        try:
            loaded = load_checkpoint(path)
        except CheckpointError:
            continue
        # a bit flip may turn our mark in the header into another origin's, never into a lie
        assert isinstance(loaded, dict)
        assert "steps" not in loaded


def test_loading_never_runs_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return pytest.fail, ("code of the file was run",)

    (tmp_path / "trap").write_bytes(pickle.dumps(Trap()))
    with pytest.raises(CheckpointError, match="not a whole checkpoint"):
        load_checkpoint(tmp_path / "trap")


def test_what_cannot_be_saved_is_named_and_nothing_is_written(tmp_path):
    with pytest.raises(TypeError, match="cannot hold the set at 'a/0'"):
        save_checkpoint(tmp_path / "state", {"a": [{1, 2}]})
    with pytest.raises(TypeError, match="cannot hold the key 3 at 'a'"):
        save_checkpoint(tmp_path / "state", {"a": {3: 1}})
    for array in (np.zeros(2, complex), np.zeros(2, np.longdouble), np.array(["text"])):
        with pytest.raises(TypeError, match=f"cannot hold the {array.dtype} array at 'a/b'"):
            save_checkpoint(tmp_path / "state", {"a": {"b": array}})
    assert not (tmp_path / "state").exists()


def test_another_architecture_is_explained_by_the_parameter_that_differs(tmp_path):
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, nn.MLP([2, 3, 2]).state_dict())
    with pytest.raises(CheckpointError, match=r"model\.safetensors: .*layers\.0\.weight is \(2, 3"):
        restore(nn.MLP([2, 4, 2]), load_checkpoint(path), path)
    with pytest.raises(CheckpointError, match=r"model\.safetensors: .*layers\.4\.weight is missi"):
        restore(nn.MLP([2, 3, 2, 2]), load_checkpoint(path), path)


def test_the_header_is_json_that_names_the_arrays(tmp_path):
    save_checkpoint(tmp_path / "state", {"a": {"b": np.zeros(2)}, "n": 1})
    with safetensors.safe_open(tmp_path / "state", "numpy") as file:
        header = json.loads(file.metadata()["autodiff"])
        assert header["state"] == {"a": {"b": {"$array": "a/b"}}, "n": 1}
        assert list(file.keys()) == ["a/b"]
