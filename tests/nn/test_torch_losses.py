"""Losses give the values and gradients that PyTorch's give.

After adding a case: python tests/nn/test_torch_losses.py
"""

import numpy as np
import pytest
from agreement import Agreement, numbers

import nn

LABELS = np.array([2, 0, 1, 1, 3])
SIGNS = np.array([1, -1, 1, -1, -1])
BITS = np.array([1.0, 0.0, 0.3, 1.0, 0.0])[:, None] * np.ones(4)
PROBABILITIES = np.random.default_rng(1).dirichlet(np.ones(4), size=5)
WEIGHT = np.array([0.2, 1.5, 0.7, 2.0])
OTHER = numbers(5, 4, seed=3)
THIRD = numbers(5, 4, seed=4)
POSITIVE = np.array([0.5, 2.0, 1.0, 3.0])

# Arguments that are arrays for us and tensors for PyTorch.
ARRAYS = {"weight", "pos_weight"}


def case(name, *others, theirs=None, before=None, their_before=None, **settings):
    """One function, by name, of x (5, 4) and further arrays; for each reduction.

    theirs: PyTorch's name. before: what is done to x before.
    """
    renamed = {"log_targets": "log_target"}
    prepare = before or (lambda x: x)

    def ours(x):
        return getattr(nn, name)(prepare(x), *others, **settings)

    def pytorchs(torch, x):
        options = {
            renamed.get(key, key): torch.from_numpy(value) if key in ARRAYS else value
            for key, value in settings.items()
        }
        if name == "kl_div" and options.get("reduction") == "mean":
            options["reduction"] = "batchmean"
        x = their_before(torch, x) if their_before else x
        function = getattr(torch.nn.functional, theirs or name)
        return function(x, *(torch.from_numpy(np.asarray(o)) for o in others), **options)

    return ours, pytorchs, (5, 4)


def every(label, *args, **settings):
    """A case for every reduction."""
    return {
        f"{label}, {reduction}": case(*args, reduction=reduction, **settings)
        for reduction in ("mean", "sum", "none")
    }


LOG = {
    "before": nn.functional.log_softmax,
    "their_before": lambda torch, x: torch.log_softmax(x, -1),
}
SIGMOID = {
    "before": nn.functional.sigmoid,
    "their_before": lambda torch, x: torch.sigmoid(x),
}

LOSSES = {
    **every("cross entropy", "cross_entropy", LABELS),
    **every("cross entropy of probabilities", "cross_entropy", PROBABILITIES),
    "cross entropy of one-hot rows": case("cross_entropy", np.eye(4)[LABELS]),
    **every("mse", "mse_loss", OTHER),
    **every("cross entropy, weights", "cross_entropy", LABELS, weight=WEIGHT),
    **every("cross entropy, ignored label", "cross_entropy", LABELS, ignore_index=1),
    **every("cross entropy, smoothing", "cross_entropy", LABELS, label_smoothing=0.1),
    **every(
        "cross entropy, all settings", "cross_entropy", LABELS,
        weight=WEIGHT, ignore_index=1, label_smoothing=0.2,
    ),
    **every(
        "cross entropy of probabilities, all settings", "cross_entropy", PROBABILITIES,
        weight=WEIGHT, label_smoothing=0.2,
    ),
    **every("nll", "nll_loss", LABELS, **LOG),
    **every("nll, all settings", "nll_loss", LABELS, weight=WEIGHT, ignore_index=3, **LOG),
    **every("bce with logits", "binary_cross_entropy_with_logits", BITS),
    **every(
        "bce with logits, all settings", "binary_cross_entropy_with_logits", BITS,
        weight=WEIGHT, pos_weight=POSITIVE,
    ),
    **every("bce", "binary_cross_entropy", BITS, **SIGMOID),
    **every("bce, weights", "binary_cross_entropy", BITS, weight=WEIGHT, **SIGMOID),
    **every("l1", "l1_loss", OTHER),
    **every("huber", "huber_loss", OTHER),
    **every("huber, delta", "huber_loss", OTHER, delta=0.3),
    **every("smooth l1", "smooth_l1_loss", OTHER),
    **every("smooth l1, beta", "smooth_l1_loss", OTHER, beta=0.3),
    **every("kl", "kl_div", PROBABILITIES, **LOG),
    **every("kl of logarithms", "kl_div", np.log(PROBABILITIES), log_targets=True, **LOG),
    "kl with zeros": case("kl_div", np.eye(4)[LABELS], reduction="sum", **LOG),
    **every("multi hinge", "multi_hinge_loss", LABELS, theirs="multi_margin_loss"),
    **every(
        "multi hinge, squared", "multi_hinge_loss", LABELS, theirs="multi_margin_loss", p=2,
        margin=0.7,
    ),
    **every("cosine", "cosine_embedding_loss", OTHER, SIGNS),
    **every("cosine, margin", "cosine_embedding_loss", OTHER, SIGNS, margin=0.2),
    "cosine similarity": case("cosine_similarity", OTHER),
    **every("triplet", "triplet_margin_loss", OTHER, THIRD),
    **every(
        "triplet, all settings", "triplet_margin_loss", OTHER, THIRD, margin=2.0, p=3, swap=True
    ),
}  # fmt: skip

AGREEMENT = Agreement(__file__, {"loss": LOSSES})


@pytest.mark.parametrize(("kind", "name"), AGREEMENT.cases)
def test_values_and_gradients_are_those_of_pytorch(kind, name):
    AGREEMENT.assert_ours_is_stored(kind, name)


def test_the_stored_numbers_are_those_that_pytorch_computes():
    AGREEMENT.assert_stored_is_pytorchs(pytest.importorskip("torch"))


if __name__ == "__main__":
    AGREEMENT.store()
