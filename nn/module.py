"""Module and Parameter: models as plain Python objects.

A module is an object with a `forward` method. Its parameters are found by walking its attributes,
so nothing is registered and no base constructor has to be called:

>>> class Line(Module):
...     def __init__(self):
...         self.slope = Parameter(2.0)
...         self.offset = Parameter(1.0)
...
...     def forward(self, x):
...         return self.slope * x + self.offset
>>> line = Line()
>>> line(3.0).item()
7.0
>>> [name for name, _ in line.named_parameters()]
['slope', 'offset']
"""

from __future__ import annotations

import copy
import reprlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

import autodiff as ad
from nn.errors import UserError

if TYPE_CHECKING:
    from nn.memory import Memory
    from nn.summary import Summary

__all__ = ["Module", "Parameter", "StateError", "call_observers", "members", "scope_name"]


class Parameter(ad.Tensor):
    """A tensor that belongs to a module and is trained: a leaf that requires a gradient.

    data: a number, an array or nested lists; copied, and kept in its dtype unless `dtype` is given.

    Raises autodiff.errors.DtypeError for whole numbers.

    >>> Parameter([1.0, 2.0])
    Parameter([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __init__(
        self,
        data: ArrayLike | ad.Tensor,
        requires_grad: bool = True,
        dtype: DTypeLike | None = None,
        name: str | None = None,
    ) -> None:
        super().__init__(data, requires_grad, dtype, name)


class StateError(UserError, ValueError):
    """A state that does not belong to this module; the message says which entries differ."""


class CallObserver(Protocol):
    """Something that looks on while modules are called; a summary is one."""

    def entered(self, module: Module) -> None: ...

    def left(self, module: Module, result: Any) -> None: ...


# Whoever looks on at the moment, in whichever thread. Empty, and then free, in ordinary use.
call_observers: list[CallObserver] = []


class _Enclosing(threading.local):
    """The modules of this thread whose `forward` is running while a trace is recorded."""

    def __init__(self) -> None:
        self.modules: list[Module] = []


_enclosing = _Enclosing()


class Module:
    """The base of layers, losses and models. Define `forward`; call the module itself.

    Parameters are attributes of type `Parameter`; submodules are attributes of type `Module`.
    Both are also found inside lists, tuples and dicts, however nested. Their name is the path of
    attributes, keys and positions that leads to them: `layers.0.weight`. One that can be reached
    on several paths is counted once, under the first.

    Arrays that are no parameters but belong to the state, such as running means, are buffers: the
    class lists the names of these attributes in `buffer_names`. They stay plain arrays.

    >>> class Centre(Module):
    ...     buffer_names = ("mean",)
    ...     mean = np.zeros(2)
    ...
    ...     def forward(self, x):
    ...         return x - self.mean
    >>> Centre().state_dict()
    {'mean': array([0., 0.])}
    """

    training: bool = True  # whether layers such as Dropout behave as in training
    buffer_names: ClassVar[tuple[str, ...]] = ()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module computes; every module defines its own."""
        raise NotImplementedError(
            f"{type(self).__name__}: define forward(self, x), which computes the output"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The result of `forward`; a trace shows what it does inside a scope with its name."""
        if call_observers or ad.tracing():
            return _observed_call(self, args, kwargs)
        return self.forward(*args, **kwargs)

    # ---------------------------------------------------------------- what it consists of

    def named_modules(self) -> list[tuple[str, Module]]:
        """Every module with its path, outer ones first; this one first, with the path ''."""
        return list(_walk(self))

    def modules(self) -> list[Module]:
        """Every module, outer ones first; this one first."""
        return [module for _, module in _walk(self)]

    def named_parameters(self) -> list[tuple[str, Parameter]]:
        """Every parameter with its path."""
        found: dict[int, tuple[str, Parameter]] = {}
        for path, module in _walk(self):
            for name, member in members(module):
                if isinstance(member, Parameter):
                    found.setdefault(id(member), (_join(path, name), member))
        return list(found.values())

    def parameters(self) -> list[Parameter]:
        """Every parameter, for an optimizer.

        >>> import nn
        >>> sum(p.size for p in nn.Linear(3, 2).parameters())
        8
        """
        return [parameter for _, parameter in self.named_parameters()]

    def named_buffers(self) -> list[tuple[str, np.ndarray]]:
        """Every buffer with its path; those that are None are left out."""
        return [
            (_join(path, name), np.asarray(getattr(module, name)))
            for path, module in _walk(self)
            for name in module.buffer_names
            if getattr(module, name, None) is not None
        ]

    # ---------------------------------------------------------------- its state

    def state_dict(self) -> dict[str, np.ndarray]:
        """Copies of all parameters and buffers, by path."""
        state: dict[str, np.ndarray] = {}
        for name, value in self._state():
            if name in state:
                raise StateError(
                    f"{type(self).__name__}: two entries of the state are called {name!r}; rename "
                    "one of the attributes or dictionary keys that this path is made of"
                )
            state[name] = value.copy()
        return state

    def load_state_dict(
        self, state: Mapping[str, Any], strict: bool = True
    ) -> tuple[list[str], list[str]]:
        """Take over the values in `state`, converted to the dtypes of this module.

        strict: whether `state` must have exactly the entries of this module. If not, entries that
            only one of them has are left alone.

        Returns the names that `state` lacks and the names that this module lacks.
        Raises StateError, before anything is changed, that names all entries that do not fit.

        >>> import nn
        >>> nn.Linear(2, 3).load_state_dict(nn.Linear(2, 4).state_dict())
        Traceback (most recent call last):
        ...
        nn.module.StateError: Linear: the state does not fit: weight is (2, 4) in the state but \
(2, 3) in the module, bias is (4,) in the state but (3,) in the module; build the module with \
the settings with which the state was saved
        """
        own = dict(self._state())
        new = {name: np.asarray(value) for name, value in state.items()}
        missing = [name for name in own if name not in new]
        unexpected = [name for name in new if name not in own]
        problems = []
        if strict:
            problems += [f"{name} is missing from the state" for name in missing]
            problems += [f"{name} is not in the module" for name in unexpected]
        for name, value in new.items():
            if name in own:
                problems += _misfits(name, value, own[name])
        if problems:
            shown = ", ".join(problems[:6])
            more = f" and {len(problems) - 6} more" if len(problems) > 6 else ""
            raise StateError(
                f"{type(self).__name__}: the state does not fit: {shown}{more}; build the module "
                "with the settings with which the state was saved"
            )
        for name, parameter in self.named_parameters():
            if name in new:
                parameter.data = np.array(new[name], dtype=parameter.dtype)
        for path, module in _walk(self):
            for name in module.buffer_names:
                value = new.get(_join(path, name))
                if value is not None:
                    setattr(module, name, np.array(value, dtype=own[_join(path, name)].dtype))
        return missing, unexpected

    def _state(self) -> Iterator[tuple[str, np.ndarray]]:
        for name, parameter in self.named_parameters():
            yield name, parameter.numpy()
        yield from self.named_buffers()

    def astype(self, dtype: DTypeLike) -> Self:
        """Convert the parameters and buffers of floating-point dtypes in place; returns itself.

        Gradients are forgotten. Do this before an optimizer takes its first step.

        >>> import nn
        >>> nn.Linear(2, 3).astype(np.float64).weight.dtype
        dtype('float64')
        """
        for parameter in self.parameters():
            if parameter.dtype.kind == "f":
                parameter.zero_grad()
                parameter.data = parameter.numpy().astype(dtype)
        for module in self.modules():
            for name in module.buffer_names:
                value = getattr(module, name, None)
                if value is not None and np.asarray(value).dtype.kind == "f":
                    setattr(module, name, np.asarray(value).astype(dtype))
        return self

    # ---------------------------------------------------------------- as an argument of transforms

    def tree_flatten(self) -> tuple[dict[str, Parameter], Callable[[dict[str, Any]], Self]]:
        """The parameters by path, and a function that makes a similar module of other ones.

        So `ad.grad`, `ad.jvp` and the other transforms differentiate functions of a module, and
        return modules with gradients in place of the parameters, frozen ones included. A copy has
        modules, containers and buffers of its own, so a call that updates running means leaves the
        original alone; all else, such as the settings and a generator, it has in common with it.

        >>> import nn
        >>> model = nn.Linear(2, 1)
        >>> gradient = ad.grad(lambda model: np.sum(model(np.ones((3, 2)))))(model)
        >>> gradient.bias
        Parameter([3.], dtype=float32, requires_grad=True)
        """
        named = self.named_parameters()

        def rebuild(parts: dict[str, Any]) -> Self:
            others = {id(old): _replaced(old, parts[name]) for name, old in named}
            return _copied(self, others)

        return dict(named), rebuild

    # ---------------------------------------------------------------- modes

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below it to training; returns itself."""
        for module in self.modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Switch this module and all below it to evaluation; returns itself."""
        return self.train(False)

    def requires_grad_(self, wanted: bool = True) -> Self:
        """Let gradients flow to all parameters, or freeze them; returns itself."""
        for parameter in self.parameters():
            parameter.requires_grad = wanted
        return self

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.zero_grad()

    # ---------------------------------------------------------------- for the reader

    def summary(self, *inputs: Any) -> Summary:
        """A table of what happens to `inputs`: every module called, its output, its parameters.

        The model is run once in evaluation mode, without gradients, and is left as it was.

        >>> import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> model.summary(np.zeros((5, 4), np.float32))
        module              output  output bytes  parameters  parameter bytes
        Sequential          (5, 3)          60 B           0              0 B
          layers.0: Linear  (5, 8)         160 B          40            160 B
          layers.1: ReLU    (5, 8)         160 B           0              0 B
          layers.2: Linear  (5, 3)          60 B          27            108 B
        total                                             67            268 B
        """
        from nn.summary import summarize

        return summarize(self, inputs)

    def memory(
        self, *inputs: Any, targets: Any = None, loss: Callable[..., Any] | None = None
    ) -> Memory:
        """A table of the memory that a training step needs, computed from the graph.

        inputs, targets: arrays with the samples along their first axes.
        loss: a function of (outputs, targets), or of the outputs if there are no targets; by
            default the step ends with the model's outputs.

        Its `for_samples` says what other batch sizes need, its attributes give numbers. The model
        is run in training mode without being changed; see `nn.memory` for what is counted.

        >>> import nn
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> x, labels = np.zeros((5, 4), np.float32), np.zeros(5, int)
        >>> memory = model.memory(x, targets=labels, loss=nn.CrossEntropyLoss())
        >>> memory
        module              output  output bytes  parameters  gradients   kept
        Sequential          (5, 3)          60 B         0 B        0 B    0 B
          layers.0: Linear  (5, 8)         160 B       160 B      160 B    0 B
          layers.1: ReLU    (5, 8)         160 B         0 B        0 B  160 B
          layers.2: Linear  (5, 3)          60 B       108 B      108 B    0 B
        CrossEntropyLoss    ()               4 B         0 B        0 B   60 B
        total                                          268 B      268 B  220 B
        batch of 5: 120 B of inputs and targets, 876 B in all, 976 B at the peak
        >>> memory.for_samples(5000).kept
        220000
        """
        from nn.memory import measure

        return measure(self, inputs, loss, targets)

    def extra_repr(self) -> str:
        """What `repr` shows in the parentheses; by default the parameters and submodules."""
        return ""

    @reprlib.recursive_repr()
    def __repr__(self) -> str:
        name = type(self).__name__
        settings = self.extra_repr()
        lines = []
        for path, member in members(self):
            if isinstance(member, Module):
                first, *rest = repr(member).split("\n")
                lines += [f"  {path}: {first}", *(f"  {line}" for line in rest)]
            elif not settings:
                lines.append(f"  {path}: Parameter {member.shape} {member.dtype}")
        if not lines:
            return f"{name}({settings})"
        return "\n".join([f"{name}({settings}", *lines, ")"])


def members(module: Module) -> Iterator[tuple[str, Module | Parameter]]:
    """The modules and parameters that `module` holds itself, with their paths in it."""
    entered = set()
    stack: list[tuple[str, Any]] = [*reversed(vars(module).items())]
    while stack:
        path, value = stack.pop()
        if isinstance(value, Module | Parameter):
            yield path, value
        elif isinstance(value, list | tuple | dict) and id(value) not in entered:
            entered.add(id(value))
            items = value.items() if isinstance(value, dict) else enumerate(value)
            stack.extend(reversed([(_join(path, key), item) for key, item in items]))


def _walk(root: Module) -> Iterator[tuple[str, Module]]:
    """`root` and every module below it, each once, with its path; outer ones first."""
    seen = set()
    stack = [("", root)]
    while stack:
        path, module = stack.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        yield path, module
        inner = [(_join(path, key), m) for key, m in members(module) if isinstance(m, Module)]
        stack.extend(reversed(inner))


def _replaced(old: Parameter, part: Any) -> Any:
    """What takes the place of a parameter: a tensor or array as a parameter, or anything else."""
    if isinstance(part, ad.Tensor):
        return part.as_subclass(Parameter)
    if isinstance(part, np.ndarray | np.generic):
        return Parameter(part, requires_grad=old.requires_grad, name=old.name)
    return part


def _copied(value: Any, others: dict[int, Any]) -> Any:
    """A copy of a module or a container, with what is in `others` in the place of its parts.

    others: by the id of the original; copies are added to it, so that what occurs twice, or within
        itself, does so in the copy.
    """
    if id(value) in others:
        return others[id(value)]
    if isinstance(value, Module):
        copied = others[id(value)] = copy.copy(value)
        attributes = {name: _copied(part, others) for name, part in vars(value).items()}
        for name in value.buffer_names:
            buffer = attributes.get(name, getattr(value, name, None))
            attributes[name] = None if buffer is None else np.copy(buffer)
        vars(copied).update(attributes)
        return copied
    if isinstance(value, list | dict):
        copied = others[id(value)] = copy.copy(value)
        for key, part in [*(value.items() if isinstance(value, dict) else enumerate(value))]:
            copied[key] = _copied(part, others)
        return copied
    if isinstance(value, tuple):
        make: Any = getattr(type(value), "_make", type(value))
        return make([_copied(part, others) for part in value])
    return value


def _join(path: str, key: Any) -> str:
    return f"{path}.{key}" if path else str(key)


def _misfits(name: str, value: np.ndarray, own: np.ndarray) -> list[str]:
    """What keeps `value` from taking the place of `own`."""
    if value.shape != own.shape:
        return [f"{name} is {value.shape} in the state but {own.shape} in the module"]
    if not np.can_cast(value.dtype, own.dtype, "same_kind"):
        return [f"{name} is {value.dtype} in the state but {own.dtype} in the module"]
    return []


def _observed_call(module: Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Call `module` while a trace is recorded or somebody looks on."""
    observers = tuple(call_observers)
    for observer in observers:
        observer.entered(module)
    if ad.tracing():
        _name_parameters(module)
    enclosing = _enclosing.modules
    name = scope_name(module, enclosing[-1] if enclosing else None)
    enclosing.append(module)
    try:
        with ad.scope(name):
            result = module.forward(*args, **kwargs)
    finally:
        enclosing.pop()
    for observer in observers:
        observer.left(module, result)
    return result


def _name_parameters(module: Module) -> None:
    """Name the nameless parameters that `module` holds itself, for the pictures of a trace."""
    for path, member in members(module):
        if isinstance(member, Parameter) and member.name is None:
            member.name = path


def scope_name(module: Module, enclosing: Module | None) -> str:
    """What a part of a picture or table is called: the path in `enclosing`, and the class.

    >>> import nn
    >>> model = nn.Sequential(nn.ReLU())
    >>> scope_name(model, None), scope_name(model[0], model)
    ('Sequential', 'layers.0: ReLU')
    """
    kind = type(module).__name__
    if enclosing is not None:
        for path, member in _walk(enclosing):
            if member is module and path:
                return f"{path}: {kind}"
    return kind
