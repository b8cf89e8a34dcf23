"""L-BFGS."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

import autodiff as ad
from nn.optim.linesearch import Point, wolfe_step
from nn.optim.optimizer import (
    Closure,
    Optimizer,
    OptimizerStateError,
    Parameters,
    flat,
)
from nn.optim.settings import Amount, Count, Switch

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    """Newton's method with an inverse Hessian guessed from the last steps; for the whole data set.

    Every call of `step` takes up to `max_iter` steps along d = -H g, where H is built from the
    `history` last changes of the parameters and of the gradient (J. Nocedal, S. Wright, "Numerical
    optimization", algorithm 7.4). `step` needs a closure that computes the loss and the gradients:

        def closure():
            optimizer.zero_grad()
            loss = ...
            loss.backward()
            return loss

    lr: the length of a step in units of d, or where the line search begins.
    line_search: search along d until the strong Wolfe conditions hold; otherwise the length is lr
        (times the inverse of the sum of absolute gradients in the first step, if that is less).
    tolerance_grad, tolerance_change: stop when no element of the gradient is larger, or when the
        loss or no parameter changes by more.

    >>> from nn import Parameter
    >>> x = Parameter([-1.2, 1.0])
    >>> optimizer = LBFGS([x], line_search=True, max_iter=100)
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    ...     loss.backward()
    ...     return loss
    >>> _ = optimizer.step(closure)
    >>> x.data.round(3)
    array([1., 1.])
    """

    max_iter: Count
    history: Count
    line_search: Switch
    tolerance_grad: Amount
    tolerance_change: Amount

    def __init__(
        self,
        parameters: Parameters,
        lr: float = 1.0,
        *,
        max_iter: int = 20,
        history: int = 100,
        line_search: bool = False,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
    ) -> None:
        super().__init__(
            parameters,
            lr,
            max_iter=max_iter,
            history=history,
            line_search=line_search,
            tolerance_grad=tolerance_grad,
            tolerance_change=tolerance_change,
        )
        if self._groups:
            raise ValueError("LBFGS: all parameters are one vector; give no groups")
        self._iterations = 0
        self._length = 0.0  # of the last step, in units of the direction
        self._scale = 1.0  # of the guess before any change is taken into account
        self._direction = self._gradient = np.zeros(0)
        self._moves: list[np.ndarray] = []  # the last changes of the parameters
        self._turns: list[np.ndarray] = []  # and of the gradient

    def step(self, closure: Closure | None = None) -> Any:
        """Take up to `max_iter` steps; returns the loss before the first."""
        if closure is None:
            raise TypeError(
                "LBFGS: step needs a function that computes the gradients again and returns the "
                "loss: optimizer.step(closure)"
            )
        first = closure()
        here = Point(0.0, float(first.item()), self._gathered())
        place = np.concatenate([flat(ad.borrowed(parameter)) for parameter in self.parameters])
        for count in range(1, self.max_iter + 1):
            if np.abs(here.gradient).max(initial=0.0) <= self.tolerance_grad:
                break
            self._iterations += 1
            self._learn(here.gradient)
            length = self.lr
            if self._iterations == 1:
                length *= min(1.0, 1.0 / float(np.abs(here.gradient).sum()))
            direction = self._direction
            if here.gradient @ direction > -self.tolerance_change:
                break

            at = partial(self._measured, closure, place, direction)
            there = None
            if self.line_search:
                there = wolfe_step(at, here, direction, length)
                length = there.length
            self._length = length
            place = place + length * direction
            self._write(place)
            if there is None:
                if count == self.max_iter:
                    break  # what would be measured here, the next call measures
                there = self._measured(closure, place, direction, 0.0)
            small = length * np.abs(direction).max() <= self.tolerance_change
            change = abs(there.loss - here.loss)
            here = Point(0.0, there.loss, there.gradient)
            if small or change < self.tolerance_change:
                break
        return first

    def _measured(
        self, closure: Closure, place: np.ndarray, direction: np.ndarray, length: float
    ) -> Point:
        """The loss and the gradient at place + length * direction."""
        self._write(place + length * direction)
        loss = closure()
        return Point(length, float(loss.item()), self._gathered())

    def _learn(self, gradient: np.ndarray) -> None:
        """The next direction, from the last step and the gradient after it."""
        if self._iterations == 1:
            self._direction = -gradient
        else:
            move = self._direction * self._length
            turn = gradient - self._gradient
            curvature = turn @ move
            if curvature > 1e-10:
                self._moves = [*self._moves, move][-self.history :]
                self._turns = [*self._turns, turn][-self.history :]
                self._scale = float(curvature / (turn @ turn))
            self._direction = self._newton(gradient)
        self._gradient = gradient

    def _newton(self, gradient: np.ndarray) -> np.ndarray:
        """-H g, by the recursion in two loops over the last changes."""
        pairs = list(zip(self._moves, self._turns, strict=True))
        direction = -gradient
        shares = []
        for move, turn in reversed(pairs):
            share = (move @ direction) / (turn @ move)
            shares.append(share)
            direction -= share * turn
        direction *= self._scale
        for (move, turn), share in zip(pairs, reversed(shares), strict=True):
            direction += (share - (turn @ direction) / (turn @ move)) * move
        return direction

    def _gathered(self) -> np.ndarray:
        """All gradients in one vector; zeros where there is none."""
        parts = []
        for parameter in self.parameters:
            gradient = parameter.grad
            if isinstance(gradient, ad.Tensor):
                gradient = gradient.detach().numpy()
            parts.append(
                flat(np.zeros_like(ad.borrowed(parameter)) if gradient is None else gradient)
            )
        return np.concatenate(parts)

    def _write(self, vector: np.ndarray) -> None:
        """Give all parameters the values in `vector`."""
        end = 0
        for parameter in self.parameters:
            data = ad.borrowed(parameter)
            value = flat(data)
            start, end = end, end + len(value)
            new = vector[start:end].astype(value.dtype).view(data.dtype).reshape(data.shape)
            parameter.data = new if isinstance(data, np.ndarray) else new[()]

    # ---------------------------------------------------------------- saving and resuming

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on exactly as if nothing had happened."""
        state = super().state_dict()
        state["steps"] = [self._iterations]
        state["step"] = {"length": self._length, "scale": self._scale}
        arrays = {"direction": self._direction, "gradient": self._gradient}
        if self._moves:
            arrays |= {"moves": np.stack(self._moves), "turns": np.stack(self._turns)}
        state["arrays"] = {name: array.copy() for name, array in arrays.items()}
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a state from `state_dict`, settings included."""
        if state.get("optimizer") != "LBFGS":
            raise OptimizerStateError(
                f"LBFGS: the state is one of {state.get('optimizer')!r}; make the optimizer that "
                "it was saved from"
            )
        arrays = {name: np.array(array) for name, array in state["arrays"].items()}
        size = sum(flat(ad.borrowed(parameter)).size for parameter in self.parameters)
        if arrays["direction"].size not in (0, size):
            raise OptimizerStateError(
                f"LBFGS: the state is of {arrays['direction'].size} numbers, but the parameters "
                f"have {size}; pass the parameters with which it was saved"
            )
        self._configure(state["settings"])
        self._iterations = int(state["steps"][0])
        self._length, self._scale = state["step"]["length"], state["step"]["scale"]
        self._direction, self._gradient = arrays["direction"], arrays["gradient"]
        self._moves = list(arrays.get("moves", ()))
        self._turns = list(arrays.get("turns", ()))
