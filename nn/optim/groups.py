"""The parameters that an optimizer is given: checked, and in groups with settings of their own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

import autodiff as ad
from nn.module import Module

__all__ = ["Group", "grouped"]


@dataclass
class Group:
    """Parameters `first` to `last` - 1, and their settings where these differ from the others'."""

    first: int
    last: int
    settings: dict[str, Any]
    share: float = 1.0  # of the optimizer's learning rate


def grouped(
    kind: str, parameters: Any, settings: Mapping[str, Any]
) -> tuple[list[ad.Tensor], list[Group]]:
    """The parameters as one list, and their groups (none if all have the same settings).

    parameters: tensors; or dicts with such under "parameters" (or "params", as in PyTorch) and
        settings by name. kind: the optimizer's name. settings: what it is given for all.

    Raises TypeError or ValueError that says what is wrong.

    >>> x, y = ad.tensor([1.0], requires_grad=True), ad.tensor([1.0], requires_grad=True)
    >>> grouped("SGD", [{"parameters": [x]}, {"parameters": [y], "lr": 0.5}], {"lr": 1.0})[1]
    [Group(first=0, last=1, settings={}, share=1.0), Group(first=1, last=2, settings={}, share=0.5)]
    """
    items = parameters
    if not isinstance(parameters, Module | ad.Tensor | np.ndarray | Mapping):
        items = parameters if isinstance(parameters, list) else _listed(kind, parameters)
    if isinstance(items, Mapping):
        raise TypeError(f"{kind}: one group is given; put it into a list")
    if not isinstance(items, list) or not any(isinstance(item, Mapping) for item in items):
        return checked(kind, items), []
    tensors: list[Any] = []
    groups = []
    for index, item in enumerate(items):
        if not isinstance(item, Mapping):
            raise TypeError(f"{kind}: item {index} is no group; put all parameters into groups")
        own = dict(item)
        held = own.pop("params" if "params" in own else "parameters", None)
        if held is None or own.keys() - settings.keys():
            raise ValueError(
                f"{kind}: group {index} has {', '.join(map(repr, item))}; give 'parameters' and "
                f"what you want of {', '.join(settings)}"
            )
        first = len(tensors)
        tensors += [held] if isinstance(held, ad.Tensor) else list(held)
        share = _share(kind, index, own.pop("lr", None), settings["lr"])
        groups.append(Group(first, len(tensors), own, share))
    return checked(kind, tensors), groups


def _share(kind: str, index: int, lr: Any, general: Any) -> float:
    if lr is None:
        return 1.0
    number = isinstance(lr, int | float | np.integer | np.floating)
    if not number or not 0 <= lr < np.inf:
        raise ValueError(f"{kind}: lr of group {index} is {lr!r}; give a finite number, at least 0")
    if not general:
        raise ValueError(f"{kind}: a group has an lr of its own, so give a positive lr for all")
    return float(lr) / float(general)


def _listed(kind: str, parameters: Any) -> list[Any]:
    """The items of an iterable, which may be usable once only."""
    used_up = isinstance(parameters, Iterable) and iter(parameters) is parameters
    found = list(parameters)
    if not found and used_up:
        raise ValueError(
            f"{kind}: the iterator of parameters has nothing left, perhaps because it was used "
            "before; pass a list"
        )
    return found


def checked(kind: str, parameters: Any) -> list[ad.Tensor]:
    """The parameters as a list, or an error that says what is wrong with them."""
    if isinstance(parameters, Module):
        raise TypeError(f"{kind}: a module is given; write {kind}(model.parameters(), ...)")
    if isinstance(parameters, ad.Tensor | np.ndarray):
        raise TypeError(f"{kind}: one tensor is given; put it into a list")
    found = list(parameters)
    if not found:
        raise ValueError(
            f"{kind}: there are no parameters to train; a model's are its attributes of type "
            "nn.Parameter, also in submodules, lists and dicts"
        )
    seen: dict[int, int] = {}
    for index, parameter in enumerate(found):
        if not isinstance(parameter, ad.Tensor):
            hint = (
                "; named_parameters() gives pairs, pass parameters()"
                if isinstance(parameter, tuple)
                else "; wrap arrays in nn.Parameter"
            )
            name = type(parameter).__name__
            raise TypeError(f"{kind}: parameter {index} is of type {name}, not a tensor{hint}")
        if not parameter.is_leaf:
            raise ValueError(
                f"{kind}: parameter {index}, of shape {parameter.shape}, is the result of a "
                "computation, so changing it changes nothing; pass the tensors that it was "
                "computed from"
            )
        if seen.setdefault(id(parameter), index) != index:
            raise ValueError(
                f"{kind}: parameters {seen[id(parameter)]} and {index} are the same tensor, which "
                "would be changed twice; pass it once"
            )
    return found
