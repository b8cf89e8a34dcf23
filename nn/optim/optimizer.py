"""What all optimizers share: the parameters, the walk over them, and the state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np

import autodiff as ad
from nn.errors import UserError
from nn.optim.groups import Group, grouped
from nn.optim.settings import Amount, Check, checked, settings_of

__all__ = ["Closure", "Optimizer", "OptimizerStateError", "Parameters", "Piece", "flat"]

Parameters = Iterable[ad.Tensor] | Iterable[Mapping[str, Any]]  # tensors, or groups of them
Closure = Callable[[], Any]  # computes the gradients and returns the loss

# A step works on pieces of this size, so that what it reads and writes again stays in the cache.
# That need not be a core's own: long pieces are read faster from memory than short ones.
CHUNK_BYTES = 1024 * 1024


class OptimizerStateError(UserError, ValueError):
    """A saved state that belongs to another optimizer or other parameters."""


@dataclass(slots=True)
class Piece:
    """A part of a parameter, and what a step needs to change it.

    All arrays are real, have one dimension and the same length.
    """

    where: slice  # in the parameter's elements
    value: np.ndarray  # to be changed in place
    gradient: np.ndarray  # of this step; not to be changed
    kept: list[np.ndarray]  # the arrays of `array_names`, to be changed in place
    scratch: np.ndarray  # for whatever is needed in between
    spare: np.ndarray  # and a second one

    def decayed(self, weight_decay: float, out: np.ndarray) -> np.ndarray:
        """The gradient, to which weight_decay * value is added (in `out`)."""
        if not weight_decay:
            return self.gradient
        return np.add(np.multiply(self.value, weight_decay, out), self.gradient, out)


class _Work(NamedTuple):
    """A parameter cut into pieces: a step does nothing but go through them."""

    data: Any  # the parameter's value, as long as it is the same array
    value: np.ndarray  # its elements in one dimension
    copied: bool  # whether these are not the elements themselves
    pieces: list[Piece]


class Optimizer:
    """The base of all optimizers.

    A subclass annotates its settings with the types of `nn.optim.settings`, which check them
    whenever they are assigned, and says in `keeps` which arrays it keeps for every parameter; each
    has the parameter's shape and starts at zero. `factors` computes what is the same for all
    elements, and `update` changes one piece of a parameter.

    parameters: the tensors to train, for example `model.parameters()`; or groups of them with
        settings of their own: [{"parameters": ..., "lr": 1e-4}, {"parameters": ...}].
    lr: the learning rate; assign `optimizer.lr` to change it between steps, and those of all groups
        in proportion.

    After the first step, no step allocates memory in proportion to the parameters.
    """

    lr: Amount

    settings: ClassVar[Mapping[str, Check]]  # by name
    keeps: ClassVar[tuple[str, ...]] = ()

    @property
    def array_names(self) -> tuple[str, ...]:
        """The arrays that are kept for every parameter; it may depend on the settings."""
        return self.keeps

    def __init_subclass__(cls) -> None:
        cls.settings = settings_of(cls)

    def __init__(self, parameters: Parameters, lr: float, **settings: Any) -> None:
        settings = {"lr": lr, **settings}
        self.parameters, self._groups = grouped(type(self).__name__, parameters, settings)
        for group in self._groups:
            self._configure({**settings, **group.settings})  # raises if one makes no sense
        self._configure(settings)
        self._steps = [0] * len(self.parameters)  # taken by each parameter
        self._arrays: list[dict[str, np.ndarray]] = [{} for _ in self.parameters]
        self._work: list[_Work | None] = [None for _ in self.parameters]
        self._scratch: dict[np.dtype, np.ndarray] = {}

    def _configure(self, settings: Mapping[str, Any]) -> None:
        """Take over all settings, by name; raises ValueError for one that makes no sense."""
        kind = type(self).__name__
        taken = {
            name: checked(kind, name, settings[name], self.settings[name]) for name in settings
        }
        self.agree(taken)
        vars(self).update(taken)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self.settings:
            super().__setattr__(name, value)
            return
        self._configure({**self._configured(), name: value})
        self._work = [None for _ in self.parameters]  # other arrays may be needed

    def _configured(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.settings}

    def agree(self, settings: Mapping[str, Any]) -> None:
        """Raise ValueError if the settings, each of them right, make no sense together."""

    def factors(self, count: int) -> Any:
        """What `update` needs to know in the step number `count` (from 1) of a parameter."""

    def update(self, piece: Piece, factors: Any) -> None:
        """Change the piece's value and its kept arrays in place."""
        raise NotImplementedError

    def step(self, closure: Closure | None = None) -> Any:
        """Change every parameter that has a gradient.

        closure: computes the gradients first, and returns the loss, which is then returned; few
        optimizers need it.
        """
        loss = None if closure is None else closure()
        if not self._groups:
            self._step_all(0, len(self.parameters))
        for group in self._groups:
            with self._within(group):
                self._step_all(group.first, group.last)
        return loss

    def _step_all(self, first: int, last: int) -> None:
        for index in range(first, last):
            parameter = self.parameters[index]
            gradient = parameter.grad
            if gradient is None:
                continue
            if isinstance(gradient, ad.Tensor):  # after backward(create_graph=True)
                gradient = gradient.detach().numpy()
            self._steps[index] += 1
            self._step(index, gradient, self.factors(self._steps[index]))

    @property
    def has_gradients(self) -> bool:
        """Whether a backward pass has reached any of the parameters since `zero_grad`."""
        return any(parameter.grad is not None for parameter in self.parameters)

    def zero_grad(self) -> None:
        """Forget the gradients: the next backward pass starts from nothing."""
        for parameter in self.parameters:
            parameter.grad = None

    def _step(self, index: int, gradient: Any, factors: Any) -> None:
        parameter = self.parameters[index]
        data = ad.borrowed(parameter)
        work = self._work[index]
        if work is None or work.data is not data:
            work = self._work[index] = self._prepared(index, data)
        gradient = flat(gradient)
        for piece in work.pieces:
            piece.gradient = gradient[piece.where]
            self.update(piece, factors)
        if work.copied:
            self._work[index] = None
            changed = work.value.view(data.dtype)
            if not isinstance(data, np.ndarray):  # a NumPy scalar: a parameter with no dimensions
                parameter.data = changed[0]
                return
            data[...] = changed.reshape(data.shape)
        parameter.data = data  # so that a backward pass that needs the old value raises

    def _prepared(self, index: int, data: Any) -> _Work:
        """The pieces in which a parameter is changed."""
        value = flat(data)
        arrays = [flat(array) for array in self._kept(index)]
        scratch, spare = self._scratch_for(value.dtype)
        pieces = []
        for start in range(0, max(len(value), 1), len(scratch)):
            where = slice(start, start + len(scratch))
            part = value[where]
            kept = [array[where] for array in arrays]
            pieces.append(Piece(where, part, part, kept, scratch[: len(part)], spare[: len(part)]))
        return _Work(data, value, not np.shares_memory(value, data), pieces)

    def _kept(self, index: int) -> list[np.ndarray]:
        """The arrays that are kept for a parameter."""
        kept = self._arrays[index]
        data = ad.borrowed(self.parameters[index])
        for name in self.array_names:
            if name not in kept:
                kept[name] = np.zeros(data.shape, data.dtype)
        return [kept[name] for name in self.array_names]

    def _scratch_for(self, dtype: np.dtype) -> np.ndarray:
        """Two arrays for what is needed in between."""
        if dtype not in self._scratch:
            self._scratch[dtype] = np.empty((2, CHUNK_BYTES // dtype.itemsize), dtype)
        return self._scratch[dtype]

    @contextmanager
    def _within(self, group: Group) -> Iterator[None]:
        """The settings are those of `group` for a while."""
        before = self._configured()
        self._configure({**before, **group.settings, "lr": before["lr"] * group.share})
        try:
            yield
        finally:
            self._configure(before)

    # ---------------------------------------------------------------- saving and resuming

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on exactly as if nothing had happened.

        Entries: `optimizer`, the name of the class; `settings`, by name; `steps`, how many each
        parameter has taken; `arrays`, copies of the kept arrays, named "<parameter>.<array>" with
        the number of the parameter. All but the arrays can be written as JSON.

        >>> optimizer = Optimizer([ad.tensor(1.0, requires_grad=True)], lr=0.1)
        >>> optimizer.state_dict()
        {'optimizer': 'Optimizer', 'settings': {'lr': 0.1}, 'steps': [0], 'arrays': {}}
        """
        groups = {"groups": [asdict(group) for group in self._groups]} if self._groups else {}
        return {
            "optimizer": type(self).__name__,
            **groups,
            "settings": self._configured(),
            "steps": list(self._steps),
            "arrays": {
                f"{index}.{name}": array.copy()
                for index, kept in enumerate(self._arrays)
                for name, array in kept.items()
            },
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state from `state_dict`, settings included.

        Raises OptimizerStateError, before anything is changed, if it is of another optimizer or
        the parameters differ in number or shape.
        """
        kind = type(self).__name__
        if state.get("optimizer") != kind:
            raise OptimizerStateError(
                f"{kind}: the state is one of {state.get('optimizer')!r}; make the optimizer that "
                "it was saved from"
            )
        steps, settings = [int(count) for count in state["steps"]], state["settings"]
        if len(steps) != len(self.parameters) or set(settings) != set(self.settings):
            raise OptimizerStateError(
                f"{kind}: the state has {len(steps)} parameters and the settings "
                f"{', '.join(settings)}, but this optimizer has {len(self.parameters)} and "
                f"{', '.join(self.settings)}; pass the parameters with which it was saved"
            )
        groups = [Group(**group) for group in state.get("groups", ())]
        if [group.last for group in groups] != [group.last for group in self._groups]:
            raise OptimizerStateError(
                f"{kind}: the state has {len(groups)} groups of parameters, this optimizer "
                f"{len(self._groups)}, or groups of other sizes; pass those with which it was saved"
            )
        before = self._configured(), self._groups
        self._configure(settings)
        self._groups = groups
        try:
            arrays = self._all_loaded(steps, state["arrays"])
        except OptimizerStateError:
            self._groups = before[1]
            self._configure(before[0])
            raise
        self._steps, self._arrays = steps, arrays
        self._work = [None for _ in self.parameters]

    def _all_loaded(
        self, steps: list[int], saved: Mapping[str, Any]
    ) -> list[dict[str, np.ndarray]]:
        if not self._groups:
            return [self._loaded(index, count, saved) for index, count in enumerate(steps)]
        loaded = []
        for group in self._groups:
            with self._within(group):
                numbers = range(group.first, group.last)
                loaded += [self._loaded(index, steps[index], saved) for index in numbers]
        return loaded

    def _loaded(self, index: int, steps: int, saved: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Copies of the arrays that were saved for a parameter."""
        if not steps:
            return {}
        loaded = {}
        parameter = self.parameters[index]
        for name in self.array_names:
            key = f"{index}.{name}"
            if key not in saved or np.shape(saved[key]) != parameter.shape:
                found = f"shape {np.shape(saved[key])}" if key in saved else "nothing"
                raise OptimizerStateError(
                    f"{type(self).__name__}: the state has {found} as {key}, but parameter {index} "
                    f"has shape {parameter.shape}; pass the parameters with which it was saved"
                )
            loaded[name] = np.array(saved[key], dtype=parameter.dtype)
        return loaded

    def __getstate__(self) -> dict[str, Any]:
        """What copies and pickles hold: all but the working memory, which has views of the rest."""
        empty = {"_work": [None for _ in self.parameters], "_scratch": {}}
        return {**vars(self), **empty}

    def __repr__(self) -> str:
        numbers = sum(parameter.size for parameter in self.parameters)
        content = f"{len(self.parameters)} parameters of {numbers:,} numbers"
        if self._groups:
            content += f" in {len(self._groups)} groups"
        settings = [f"{name}={getattr(self, name)}" for name in self.settings]
        return f"{type(self).__name__}({', '.join([content, *settings])})"


Optimizer.settings = settings_of(Optimizer)


def flat(array: Any) -> np.ndarray:
    """The elements in one dimension, real: a view if the array is contiguous, otherwise a copy."""
    flat = np.asarray(array).reshape(-1)
    return flat.view(f"f{flat.itemsize // 2}") if flat.dtype.kind == "c" else flat
