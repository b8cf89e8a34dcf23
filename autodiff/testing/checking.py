"""`check_grads`: analytic derivatives of any function against numerical ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autodiff.testing.differences import Estimate, Packing, along, as_array, partials
from autodiff.testing.invariants import check_conduct
from autodiff.testing.subject import Subject, subject_of
from autodiff.transforms.gradients import jvp, vjp

__all__ = ["Tolerance", "check_derivatives", "check_grads"]

MODES = ("reverse", "forward")
DIRECTIONS = 2  # random directions, of the results and of each input
WHOLE = (16, 6)  # sizes of inputs up to which the whole Jacobian is compared, by order
PARTS = 4  # up to so many results are also looked at one by one
SEARCHED = 256  # elements among which the wrong one is looked for


@dataclass(frozen=True)
class Tolerance:
    """The difference allowed between an analytic and a numerical derivative.

    The numerical one brings its own error estimate. It is doubted ten times over, and must be
    better than `settled`, so that a rule that is wrong by a thousandth is found in any case.
    """

    rtol: float = 1e-6
    atol: float = 0.0
    settled: float = 3e-4


def check_grads(
    f: Callable[..., Any],
    *args: Any,
    order: int = 2,
    modes: Sequence[str] = MODES,
    rtol: float | None = None,
    atol: float | None = None,
    rng: np.random.Generator | None = None,
) -> None:
    """Compare the derivatives of ``f(*args)`` with numerical ones.

    Arguments:
        f: the function; its arguments and results may be nested containers.
        *args: where to look. Floating and complex leaves are varied; all else is kept.
        order: the highest order of derivative to check.
        modes: ``"reverse"`` (`autodiff.vjp`), ``"forward"`` (`autodiff.jvp`), or both.
        rtol: the relative error allowed in a single derivative; by default 1e-6.
        atol: an absolute error allowed on top of it; by default only rounding errors.
        rng: draws the directions; by default they are the same in every call.

    Small inputs have their whole Jacobian compared, large ones several random directions. All
    numbers are compared in float64, where a rule that is wrong by a thousandth is always found;
    gradients in shorter dtypes are then held against the ones in float64. It is also checked that
    neither an input nor a cotangent is written to, that gradients have the shapes and dtypes of
    their inputs, and that the memory layout of the inputs makes no difference.

    Raises:
        WrongGradient: names the derivative and the element, with both numbers and the inputs to
            repeat it with; or says that `f` is not smooth here.

    >>> check_grads(np.sin, np.array([0.0, 1.0]))
    >>> check_grads(lambda p: p["scale"] * np.sum(p["x"]), {"scale": 2.0, "x": np.ones(3)})
    """
    unknown = set(modes) - set(MODES)
    if unknown or order < 1:
        raise ValueError(f"check_grads: order={order}, modes={modes}; the modes are {MODES}")
    rng = np.random.default_rng(0) if rng is None else rng
    tolerance = Tolerance(
        rtol=Tolerance.rtol if rtol is None else rtol,
        atol=Tolerance.atol if atol is None else atol,
        settled=max(Tolerance.settled, rtol or 0),
    )
    subject = subject_of(f, args)
    check_conduct(subject, rng)
    check_derivatives(subject.in_double(), order, modes, tolerance, rng)


def check_derivatives(
    subject: Subject,
    order: int,
    modes: Sequence[str],
    tolerance: Tolerance,
    rng: np.random.Generator,
) -> None:
    """The numbers alone, for a subject in float64."""
    _check_orders(subject, order, modes, tolerance, rng)
    count = len(subject.results())
    if 1 < count <= PARTS:  # one by one too: a rule then gets None for the other cotangents
        chosen = int(rng.integers(count))
        for which in range(count):
            highest = order if which == chosen else 1
            _check_orders(subject.alone(which), highest, modes, tolerance, rng)


def _check_orders(
    subject: Subject,
    order: int,
    modes: Sequence[str],
    tolerance: Tolerance,
    rng: np.random.Generator,
) -> None:
    for level in range(order):
        whole = WHOLE[min(level, len(WHOLE) - 1)]
        _Comparison(subject, tolerance, rng).run(modes, whole)
        if level + 1 < order:
            subject = subject.gradient(rng)


class _Comparison:
    """The first derivatives of a subject against differences, all as vectors of real numbers."""

    def __init__(self, subject: Subject, tolerance: Tolerance, rng: np.random.Generator) -> None:
        self.subject = subject
        self.tolerance = tolerance
        self.rng = rng
        results, self.pullback = vjp(subject.function, *subject.arrays)
        self.inputs, self.results = Packing(subject.arrays), Packing(map(as_array, results))
        self.point = self.inputs.pack(subject.arrays)
        self.size = 0.0  # of the largest value met: what rounding errors are relative to

    def value(self, vector: np.ndarray) -> np.ndarray:
        """The function."""
        values = self.results.pack(self.subject.results(self.inputs.unpack(vector)))
        self.size = max(self.size, np.max(abs(values), initial=0))
        return values

    def reverse(self, weights: np.ndarray) -> np.ndarray:
        """Cotangents of the inputs for cotangents of the results."""
        return self.inputs.pack(self.pullback(self.results.unpack(weights)))

    def forward(self, direction: np.ndarray) -> np.ndarray:
        """The change of the results for a change of the inputs."""
        primals, tangents = self.subject.arrays, self.inputs.unpack(direction)
        return self.results.pack(jvp(self.subject.function, primals, tangents)[1])

    def run(self, modes: Sequence[str], whole: int) -> None:
        """Compare in these modes; the whole Jacobian for up to `whole` inputs."""
        if self.inputs.size == 0 or self.results.size == 0:
            self.reverse(np.zeros(self.results.size))
            self.forward(np.zeros(self.inputs.size))
            return
        compare = {"reverse": self._compare_reverse, "forward": self._compare_forward}
        elementwise = self.inputs.size <= whole
        for directions, slopes in self._whole() if elementwise else self._random_directions():
            for mode in modes:
                if not compare[mode](directions, slopes):
                    self._explain(mode, np.flatnonzero(directions.any(axis=1)))

    def _whole(self) -> Iterator[tuple[np.ndarray, Estimate]]:
        """Every input as a direction, in the columns of a matrix, and the slopes in them."""
        yield np.eye(self.inputs.size), partials(self.value, self.point, range(self.inputs.size))

    def _random_directions(self) -> Iterator[tuple[np.ndarray, Estimate]]:
        """Single directions, each within one input array."""
        for span in self.inputs.spans:
            for _ in range(DIRECTIONS if span.stop > span.start else 0):
                direction = np.zeros(self.inputs.size)
                direction[span] = self.rng.uniform(-1, 1, span.stop - span.start)
                slope = along(self.value, self.point, direction)
                yield direction[:, None], Estimate(slope.value[:, None], slope.error[:, None])

    # ------------------------------------------------------------ comparing

    def _compare_reverse(self, directions: np.ndarray, slopes: Estimate) -> bool:
        columns, count = directions.shape[1], self.results.size
        arrays = self.inputs.spans if columns == self.inputs.size else [slice(None)]
        weights = [self.rng.normal(size=count) for _ in range(DIRECTIONS)]
        if count <= WHOLE[-1]:
            weights += list(np.eye(count))
        return all(
            self._agree(
                Estimate(weight @ slopes.value, np.sqrt(weight**2 @ slopes.error**2)),
                self.reverse(weight) @ directions,
                arrays,
            )
            for weight in weights
        )

    def _compare_forward(self, directions: np.ndarray, slopes: Estimate) -> bool:
        columns = directions.shape[1]
        mixtures = [self.rng.normal(size=columns) for _ in range(DIRECTIONS if columns > 1 else 1)]
        return all(
            self._agree(
                Estimate(slopes.value @ mixture, np.sqrt(slopes.error**2 @ mixture**2)),
                self.forward(directions @ mixture),
                self.results.spans,
            )
            for mixture in mixtures
        )

    def _agree(self, numeric: Estimate, analytic: np.ndarray, arrays: list[slice]) -> bool:
        return not np.any(self._wrong(numeric, analytic, arrays))

    def _wrong(self, numeric: Estimate, analytic: np.ndarray, arrays: list[slice]) -> np.ndarray:
        """Which derivatives are wrong; `arrays` says which numbers belong together."""
        scale = np.empty_like(analytic)
        for span in arrays:  # rounding errors are relative to the largest in the same array
            scale[span] = np.max(abs(numeric.value[span]), initial=0)
        tolerance, doubt = self.tolerance, 10 * numeric.error
        unsettled = ~(doubt <= tolerance.settled * scale + tolerance.atol + 1e-8 * self.size)
        if np.any(unsettled):
            worst = int(np.argmax(unsettled))
            raise self.subject.wrong(
                "the numerical derivative does not settle: the function is not smooth here, or "
                "noisy; move the inputs away from the kink, or ask for a lower order",
                numerical=numeric.value[worst],
                estimated_error=numeric.error[worst],
                analytic=analytic[worst],
            )
        allowed = tolerance.rtol * abs(numeric.value) + tolerance.atol + doubt
        rounding = 1e-9 * scale + 1e-11 * self.size
        return ~(abs(analytic - numeric.value) <= allowed + rounding)

    # ------------------------------------------------------------ explaining

    def _explain(self, mode: str, among: np.ndarray) -> None:
        """Raise `WrongGradient` about a single wrong element of the Jacobian."""
        rows = np.eye(self.results.size)[:SEARCHED]
        gradients = [self.reverse(row) for row in rows] if mode == "reverse" else []
        for index in among[:SEARCHED].tolist():
            numeric = Estimate(
                *(part[: len(rows), 0] for part in partials(self.value, self.point, [index]))
            )
            if mode == "reverse":
                analytic = np.array([gradient[index] for gradient in gradients])
            else:
                analytic = self.forward(np.eye(self.inputs.size)[index])[: len(rows)]
            wrong = self._wrong(numeric, analytic, [slice(None)])
            if np.any(wrong):
                row = int(np.argmax(wrong))
                self._raise(mode, row, index, numeric.value[row], analytic[row])
        raise self.subject.wrong(
            f"wrong derivative in {mode} mode, though not in a single one of the elements looked "
            "at: the rule is not linear, or wrong only for certain cotangents"
        )

    def _raise(self, mode: str, row: int, column: int, numeric: float, analytic: float) -> None:
        which, element, part = self.results.place(row)
        result = f"result {which}" if len(self.results.shapes) > 1 else "the result"
        argument, place, side = self.inputs.place(column)
        facts = {}
        with np.errstate(all="ignore"):
            relative = abs(analytic - numeric) / abs(numeric)
            left, right = self._one_sided(row, column)
            if abs(left - right) > 1e-3 * max(abs(left), abs(right)):
                facts = {"slopes_to_either_side": f"{left:.3g} and {right:.3g}: is it a kink?"}
        raise self.subject.wrong(
            f"wrong derivative in {mode} mode",
            of=f"{result} at element {element} {part}",
            with_respect_to=f"args{self.subject.paths[argument]} at element {place} {side}",
            numerical=repr(float(numeric)),
            analytic=repr(float(analytic)),
            relative_error=f"{relative:.1e} (allowed {self.tolerance.rtol:.0e})",
            **facts,
        )

    def _one_sided(self, row: int, column: int) -> tuple[float, float]:
        step = np.zeros_like(self.point)
        step[column] = 1e-6 * max(1.0, abs(self.point[column]))
        behind, here, ahead = (self.value(self.point + side * step)[row] for side in (-1, 0, 1))
        return (here - behind) / step[column], (ahead - here) / step[column]
