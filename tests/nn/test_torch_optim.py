"""Optimizers take the steps that PyTorch's take.

After adding a case: python tests/nn/test_torch_optim.py
"""

import pytest
from agreement import Agreement

from nn import optim


def case(name, theirs=None, **settings):
    """One of our optimizers, and PyTorch's of the same name; `theirs` has names that differ."""
    other = settings if theirs is None else theirs
    return (
        lambda parameters: getattr(optim, name)(parameters, **settings),
        lambda torch, parameters: getattr(torch.optim, name)(parameters, **other),
    )


def in_groups(name, **settings):
    """The last parameter, and the others, with settings of their own."""

    def ours(parameters):
        groups = [
            {"parameters": parameters[:2], "lr": 0.02},
            {"parameters": parameters[2:-1], "weight_decay": 0.1},
            {"parameters": parameters[-1:]},
        ]
        return getattr(optim, name)(groups, lr=0.05, **settings)

    def theirs(torch, parameters):
        groups = [
            {"params": parameters[:2], "lr": 0.02},
            {"params": parameters[2:-1], "weight_decay": 0.1},
            {"params": parameters[-1:]},
        ]
        return getattr(torch.optim, name)(groups, lr=0.05, **settings)

    return ours, theirs


OPTIMIZERS = {
    "sgd": case("SGD", lr=0.1),
    "sgd, weight decay": case("SGD", lr=0.1, weight_decay=0.1),
    "momentum": case("SGD", lr=0.1, momentum=0.9),
    "momentum, weight decay": case("SGD", lr=0.1, momentum=0.9, weight_decay=0.1),
    "nesterov": case("SGD", lr=0.1, momentum=0.9, nesterov=True),
    "nesterov, weight decay": case(
        "SGD", lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.1
    ),
    "adam": case("Adam", lr=0.01),
    "adam, all settings": case(
        "Adam", lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1
    ),
    "adamw": case("AdamW", lr=0.01),
    "adamw, all settings": case(
        "AdamW", lr=0.05, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1
    ),
    "rmsprop": case("RMSprop"),
    "rmsprop, momentum": case("RMSprop", lr=0.02, momentum=0.8, weight_decay=0.1),
    "rmsprop, centered": case("RMSprop", lr=0.02, centered=True, alpha=0.9, eps=1e-3),
    "rmsprop, all settings": case(
        "RMSprop", lr=0.02, centered=True, momentum=0.5, weight_decay=0.1
    ),
    "adagrad": case("Adagrad"),
    "adagrad, all settings": case(
        "Adagrad",
        lr=0.1,
        lr_decay=0.1,
        initial=0.5,
        eps=1e-3,
        weight_decay=0.1,
        theirs={
            "lr": 0.1,
            "lr_decay": 0.1,
            "initial_accumulator_value": 0.5,
            "eps": 1e-3,
            "weight_decay": 0.1,
        },
    ),
    "adadelta": case("Adadelta"),
    "adadelta, all settings": case("Adadelta", lr=0.5, rho=0.8, eps=1e-3, weight_decay=0.1),
    "groups of sgd": in_groups("SGD", momentum=0.9),
    "groups of adamw": in_groups("AdamW"),
    "groups of rmsprop": in_groups("RMSprop", centered=True),
    "lbfgs": case(
        "LBFGS", lr=0.5, max_iter=3, theirs={"lr": 0.5, "max_iter": 3, "max_eval": 100}
    ),
    "lbfgs, short history": case(
        "LBFGS", lr=0.3, max_iter=2, history=2,
        theirs={"lr": 0.3, "max_iter": 2, "history_size": 2, "max_eval": 100},
    ),
}  # fmt: skip

AGREEMENT = Agreement(__file__, {"optimizer": OPTIMIZERS})


@pytest.mark.parametrize(("kind", "name"), AGREEMENT.cases)
def test_ten_steps_are_those_of_pytorch(kind, name):
    AGREEMENT.assert_ours_is_stored(kind, name)


def test_the_stored_numbers_are_those_that_pytorch_computes():
    AGREEMENT.assert_stored_is_pytorchs(pytest.importorskip("torch"))


if __name__ == "__main__":
    AGREEMENT.store()
