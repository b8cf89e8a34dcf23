import copy
import pickle
import threading

import numpy as np
import pytest

import autodiff as ad
import nn
from nn.module import StateError


class Block(nn.Module):
    """Parameters and modules in attributes and in every kind of container."""

    def __init__(self, rng=None):
        self.w = nn.Parameter(np.ones((2, 3)))
        self.layers = [nn.Linear(3, 3, rng=rng), nn.ReLU()]
        self.heads = {"a": nn.Linear(3, 1, rng=rng), 7: (nn.Linear(3, 2, rng=rng), [])}
        self.scales = [nn.Parameter(1.0), (nn.Parameter([2.0]),)]
        self.note = "not a parameter"
        self.table = np.zeros(3)

    def forward(self, x):
        x = x @ self.w
        for layer in self.layers:
            x = layer(x)
        return self.heads["a"](x) * self.scales[0] + self.scales[1][0]


class Normaliser(nn.Module):
    buffer_names = ("mean", "count", "unset")

    def __init__(self):
        self.mean = np.zeros(2)
        self.count = np.int64(0)
        self.unset = None

    def forward(self, x):
        self.mean = 0.5 * self.mean + 0.5 * np.mean(x, axis=0)
        self.count += 1
        return x - self.mean


# ---------------------------------------------------------------- finding the parts

BLOCK_PARAMETERS = {  # a module's own come before those of its submodules
    "w": (2, 3),
    "scales.0": (),
    "scales.1.0": (1,),
    "layers.0.weight": (3, 3),
    "layers.0.bias": (3,),
    "heads.a.weight": (3, 1),
    "heads.a.bias": (1,),
    "heads.7.0.weight": (3, 2),
    "heads.7.0.bias": (2,),
}


def test_parameters_are_found_in_attributes_and_containers_and_named_by_their_path():
    found = [(name, p.shape) for name, p in Block().named_parameters()]
    assert found == list(BLOCK_PARAMETERS.items())
    assert list(Block().state_dict()) == list(BLOCK_PARAMETERS)


def test_modules_are_found_outer_ones_first():
    names = [(name, type(m).__name__) for name, m in Block().named_modules()]
    assert names == [
        ("", "Block"),
        ("layers.0", "Linear"),
        ("layers.1", "ReLU"),
        ("heads.a", "Linear"),
        ("heads.7.0", "Linear"),
    ]


def test_a_parameter_or_module_with_two_paths_is_counted_once():
    class Tied(nn.Module):
        def __init__(self):
            self.first = nn.Linear(2, 2)
            self.second = self.first
            self.weight = self.first.weight

    tied = Tied()
    assert len(tied.parameters()) == 2
    assert [name for name, _ in tied.named_modules()] == ["", "first"]
    assert len(tied.state_dict()) == 2


def test_a_module_that_refers_to_its_parent_is_walked_once():
    parent, child = nn.Module(), nn.Linear(2, 2)
    parent.child, child.parent = child, parent  # type: ignore[attr-defined]
    assert [name for name, _ in parent.named_parameters()] == ["child.weight", "child.bias"]
    assert "..." in repr(parent)


def test_a_container_that_contains_itself_is_walked_once():
    module = nn.Module()
    module.items = [nn.Parameter(1.0)]  # type: ignore[attr-defined]
    module.items.append(module.items)  # type: ignore[attr-defined]
    assert [name for name, _ in module.named_parameters()] == ["items.0"]


def test_very_deep_models_are_walked_without_recursion():
    model = nn.Module()
    for _ in range(5000):
        outer = nn.Module()
        outer.inner = model  # type: ignore[attr-defined]
        model = outer
    assert len(model.modules()) == 5001


def test_a_parameter_set_later_or_taken_away_is_noticed():
    layer = nn.Linear(2, 2)
    layer.extra = nn.Parameter(1.0)  # type: ignore[attr-defined]
    del layer.bias
    assert [name for name, _ in layer.named_parameters()] == ["weight", "extra"]


def test_tensors_that_are_no_parameters_are_not_trained():
    module = nn.Module()
    module.seen = ad.tensor([1.0], requires_grad=True)  # type: ignore[attr-defined]
    assert module.parameters() == []


# ---------------------------------------------------------------- parameters


def test_a_parameter_is_a_leaf_with_its_own_copy_and_the_dtype_of_its_data():
    data = np.ones(2, np.float32)
    parameter = nn.Parameter(data)
    assert parameter.requires_grad
    assert parameter.is_leaf
    assert parameter.dtype == np.float32
    assert not np.shares_memory(parameter.numpy(), data)
    assert isinstance(parameter + 1, ad.Tensor)
    assert not isinstance(parameter + 1, nn.Parameter)


def test_whole_numbers_cannot_be_trained():
    with pytest.raises(ad.errors.DtypeError, match="dtype=float"):
        nn.Parameter([1, 2])


def test_freezing_and_forgetting_gradients():
    model = nn.Linear(2, 1)
    np.sum(model(np.ones((1, 2)))).backward()
    assert all(p.grad is not None for p in model.parameters())
    model.zero_grad()
    assert all(p.grad is None for p in model.parameters())
    assert model.requires_grad_(False) is model
    assert not model(np.ones((1, 2))).requires_grad
    assert len(model.parameters()) == 2
    model.requires_grad_()
    assert model(np.ones((1, 2))).requires_grad


# ---------------------------------------------------------------- modes


def test_train_and_eval_reach_every_module():
    block = Block()
    assert block.training
    assert block.eval() is block
    assert not any(m.training for m in block.modules())
    block.train()
    assert all(m.training for m in block.modules())


def test_a_module_without_forward_says_so():
    class Half(nn.Module):
        pass

    with pytest.raises(NotImplementedError, match=r"Half: define forward\(self, x\)"):
        Half()(1)


# ---------------------------------------------------------------- state


def test_a_state_is_a_copy_and_loads_into_another_model():
    one, two = (Block(np.random.default_rng(seed)) for seed in (1, 2))
    state = one.state_dict()
    assert two.load_state_dict(state) == ([], [])
    x = np.ones((4, 2))
    np.testing.assert_array_equal(one(x).numpy(), two(x).numpy())
    state["w"][:] = 5
    assert two.w.numpy().max() == 1
    assert one.w.numpy().max() == 1


def test_loading_keeps_the_parameters_and_their_dtype():
    layer = nn.Linear(2, 3)
    before = layer.weight
    layer.load_state_dict(nn.Linear(2, 3, dtype=np.float64).state_dict())
    assert layer.weight is before
    assert layer.weight.dtype == np.float32


def test_loading_does_not_disturb_a_graph_recorded_before():
    layer = nn.Linear(1, 1, bias=False, dtype=np.float64, weight_init=nn.init.zeros)
    x = ad.tensor([[3.0]], requires_grad=True)
    y = layer(x)
    layer.load_state_dict({"weight": [[7.0]]})
    y.backward()
    assert x.grad.item() == 0.0


def test_buffers_are_part_of_the_state_but_not_trained():
    norm = Normaliser()
    norm(np.array([[2.0, 4.0]]))
    assert norm.parameters() == []
    state = norm.state_dict()
    assert {name: value.tolist() for name, value in state.items()} == {"mean": [1, 2], "count": 1}
    other = Normaliser()
    other.load_state_dict(state)
    np.testing.assert_array_equal(other.mean, [1, 2])
    assert other.count == 1
    assert dict(nn.Sequential(norm).named_buffers()).keys() == {"layers.0.mean", "layers.0.count"}


def test_a_state_that_does_not_fit_is_refused_with_every_difference_and_nothing_changes():
    model = Block()
    before = model.state_dict()
    state = {**before, "w": np.ones((5, 5)), "scales.0": np.array(1j), "other": np.ones(1)}
    del state["layers.0.bias"]
    with pytest.raises(StateError) as caught:
        model.load_state_dict(state)
    assert str(caught.value) == (
        "Block: the state does not fit: layers.0.bias is missing from the state, "
        "other is not in the module, w is (5, 5) in the state but (2, 3) in the module, "
        "scales.0 is complex128 in the state but float64 in the module; "
        "build the module with the settings with which the state was saved"
    )
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])


def test_many_differences_are_counted_rather_than_listed():
    with pytest.raises(StateError, match=r"heads\.a\.weight is missing from the state and 3 more;"):
        Block().load_state_dict({})


def test_what_is_missing_can_be_allowed_and_is_told():
    model = nn.Linear(2, 2)
    missing, unexpected = model.load_state_dict(
        {"weight": np.ones((2, 2)), "x": np.ones(1)}, strict=False
    )
    assert (missing, unexpected) == (["bias"], ["x"])
    assert model.weight.numpy().tolist() == [[1, 1], [1, 1]]
    with pytest.raises(StateError, match=r"weight is \(1,\) in the state"):
        model.load_state_dict({"weight": np.ones(1)}, strict=False)


def test_two_entries_of_the_same_name_are_refused():
    module = nn.Module()
    module.a = {1: nn.Parameter(1.0), "1": nn.Parameter(2.0)}  # type: ignore[attr-defined]
    with pytest.raises(StateError, match=r"two entries of the state are called 'a\.1'"):
        module.state_dict()


def test_astype_converts_parameters_and_buffers_but_not_counters():
    model = nn.Sequential(nn.Linear(2, 2), Normaliser())
    assert model.astype(np.float16) is model
    assert {name: value.dtype.name for name, value in model.state_dict().items()} == {
        "layers.0.weight": "float16",
        "layers.0.bias": "float16",
        "layers.1.mean": "float16",
        "layers.1.count": "int64",
    }
    x = np.ones((1, 2), np.float16)
    np.sum(model[0](x)).backward()
    assert model[0].weight.grad.dtype == np.float16


# ---------------------------------------------------------------- copies


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_are_independent_and_keep_what_is_shared(copied):
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5), nn.ReLU(), nn.MLP([2, 3, 1]))
    model.tied = model[0].weight  # type: ignore[attr-defined]
    model.eval()
    other = copied(model)
    x = np.ones((3, 2))
    np.testing.assert_array_equal(model(x).numpy(), other(x).numpy())
    assert other.tied is other[0].weight
    assert len(other.parameters()) == len(model.parameters())
    assert not other.training
    np.sum(other(x)).backward()
    assert model[0].weight.grad is None
    assert isinstance(other[0].weight, nn.Parameter)


# ---------------------------------------------------------------- for the reader


def test_repr_shows_settings_submodules_and_parameters_that_are_the_modules_own():
    assert repr(Block()) == (
        "Block(\n"
        "  w: Parameter (2, 3) float64\n"
        "  layers.0: Linear(3, 3)\n"
        "  layers.1: ReLU()\n"
        "  heads.a: Linear(3, 1)\n"
        "  heads.7.0: Linear(3, 2)\n"
        "  scales.0: Parameter () float64\n"
        "  scales.1.0: Parameter (1,) float64\n"
        ")"
    )
    assert repr(nn.Sequential(nn.Sequential(nn.Tanh()))) == (
        "Sequential(\n  layers.0: Sequential(\n    layers.0: Tanh()\n  )\n)"
    )


def test_a_summary_lists_every_call_with_shapes_parameters_and_bytes():
    model = Block()
    summary = model.summary(np.ones((4, 2)))
    assert str(summary).splitlines() == [
        "module              output  output bytes  parameters  parameter bytes",
        "Block               (4, 1)          32 B           8             64 B",
        "  layers.0: Linear  (4, 3)          96 B          12             48 B",
        "  layers.1: ReLU    (4, 3)          96 B           0              0 B",
        "  heads.a: Linear   (4, 1)          32 B           4             16 B",
        "total                                             32            160 B",
    ]
    assert repr(summary) == str(summary)
    assert summary.parameters == sum(p.size for p in model.parameters())


def test_a_summary_leaves_the_model_as_it_was():
    rng = np.random.default_rng(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5, rng=rng), nn.ReLU())
    model[2].eval()
    state, draws = model.state_dict(), copy.deepcopy(rng)
    model.summary(np.ones((1, 2)))
    assert [m.training for m in model.modules()] == [True, True, True, False]
    assert rng.random() == draws.random()
    assert all(p.grad is None for p in model.parameters())
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, state[name])


def test_a_summary_counts_a_layer_that_is_called_twice_once():
    shared = nn.Linear(2, 2)
    summary = nn.Sequential(shared, shared).summary(np.ones((1, 2)))
    assert [row.parameters for row in summary.rows] == [0, 6, 0]
    assert summary.parameters == 6


def test_a_summary_shows_results_that_are_containers():
    class Pair(nn.Module):
        def forward(self, x):
            return {"both": (x, [x[0], x.sum()])}, "text"

    (row,) = Pair().summary(np.ones((2, 3))).rows
    assert row.outputs == ((2, 3), (3,), ())
    assert row.output_bytes == (6 + 3 + 1) * 8


def test_a_summary_that_fails_leaves_nothing_behind():
    model = nn.Linear(2, 2)
    with pytest.raises(ValueError, match="last axis"):
        model.summary(np.ones((1, 3)))
    assert model.training
    assert nn.module.call_observers == []


def test_a_summary_does_not_see_calls_in_other_threads():
    class Slow(nn.Module):
        def forward(self, x):
            thread = threading.Thread(target=nn.ReLU(), args=(x,))
            thread.start()
            thread.join()
            return x

    assert len(Slow().summary(np.ones(1)).rows) == 1


def test_modules_are_scopes_of_a_trace():
    model = nn.Sequential(nn.MLP([2, 3, 1]), np.tanh)
    with ad.trace() as trace:
        model(np.ones((1, 2)))
    assert [(operation.name, operation.scope) for operation in trace.operations] == [
        ("affine", ("Sequential", "layers.0: MLP", "layers.0: Linear")),
        ("relu", ("Sequential", "layers.0: MLP", "layers.1: ReLU")),
        ("affine", ("Sequential", "layers.0: MLP", "layers.2: Linear")),
        ("tanh", ("Sequential",)),
    ]
    assert ad.tracing() is False


def test_a_trace_gives_parameters_the_names_of_their_attributes():
    block = Block()
    block.scales[0].name = "my own"
    with ad.trace():
        block(np.ones((1, 2)))
    assert [p.name for p in block.parameters()[:5]] == [
        "w",
        "my own",
        "scales.1.0",
        "weight",
        "bias",
    ]
