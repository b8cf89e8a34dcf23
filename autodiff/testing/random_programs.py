"""Random small NumPy programs, put together from what the registry declares."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cache, lru_cache
from types import CodeType
from typing import Any

import hypothesis.strategies as st
import numpy as np

from autodiff.declare.domains import Cases, Interval, real
from autodiff.declare.primitive import Composite, Primitive, entries
from autodiff.engine.registry import load_rules
from autodiff.testing.primitives import intervals_of
from autodiff.testing.strategies import arrays, domain_pieces

__all__ = ["Program", "programs"]

LARGEST = 8.0  # values stay below it, so that no numerical derivative is lost in rounding
SIZE = 12  # elements that a value has at most

# Steps from one value or two to a new one; `v` is its name.
ALWAYS = "{v} = np.tanh({a})"  # fits any value
OPERATORS = (
    "{v} = {a} + {b}",
    "{v} = {a} - {b}",
    "{v} = {a} * {b}",
    "{v} = {a} / (2 + {b} * {b})",
    "{v} = {a} @ {b}",
    "{v} = 1 - 2 * {a}",
    "{v} = {a} ** 2",
)
SHAPES = (
    "{v} = {a}.T",
    "{v} = {a}.reshape(-1)",
    "{v} = {a}[..., None]",
    "{v} = {a}[::-1]",
    "{v} = {a}[[0, -1, 0]]",
    "{v} = np.stack([{a}, {b}])",
    "{v} = np.concatenate([{a}, {b}])",
    "{v} = np.where(np.arange({a}.size).reshape({a}.shape) % 2 == 0, {a}, {b})",
)
REDUCTIONS = (
    "{v} = np.sum({a}, axis=0)",
    "{v} = np.mean({a}, axis=-1, keepdims=True)",
    "{v} = np.prod({a})",
    "{v} = np.cumsum({a})",
    "{v} = np.outer({a}, {b})",
)
IN_PLACE = (
    "{v} = np.copy({a})\n    {v}[0] = {b}",
    "{v} = np.copy({a})\n    {v}[..., ::2] *= {b}",
    "{v} = np.copy({a})\n    {v} += {b}",
)

Family = dict[str, tuple[Interval, ...]]  # steps, with the domains of their operands


class Program:
    """A straight-line NumPy program, and inputs at which it is smooth.

    >>> program = Program([np.array([1.0, 2.0])], ["v0 = np.exp(x0)", "v1 = v0 * x0"], "v1")
    >>> program(*program.inputs)
    array([ 2.71828183, 14.7781122 ])
    >>> print(program.source)
    def program(x0):
        v0 = np.exp(x0)
        v1 = v0 * x0
        return v1
    """

    def __init__(self, inputs: list[np.ndarray], lines: list[str], result: str) -> None:
        self.inputs = inputs
        names = [f"x{index}" for index in range(len(inputs))]
        body = "\n".join(f"    {line}" for line in [*lines, f"return {result}"])
        self.source = f"def program({', '.join(names)}):\n{body}"
        namespace: dict[str, Any] = {"np": np}
        exec(compile(self.source, "<program>", "exec"), namespace)
        self._function: Callable[..., Any] = namespace["program"]

    def __call__(self, *inputs: Any) -> Any:
        return self._function(*inputs)

    def __repr__(self) -> str:
        with np.printoptions(floatmode="unique"):
            given = "\n".join(f"x{index} = {x!r}" for index, x in enumerate(self.inputs))
        return f"{self.source}\n{given}"


@st.composite
def programs(draw: Callable[..., Any], *, max_inputs: int = 3, max_steps: int = 6) -> Program:
    """Random programs of ufuncs, operators, reductions, indexing and assignments.

    Every function whose domain is an interval takes part, wherever its operands are inside of it.
    The programs are smooth at their inputs, so first and second derivatives can be checked.

    >>> from hypothesis import given
    >>> @given(programs())
    ... def test_gradients(program):
    ...     autodiff.testing.check_grads(program, *program.inputs)
    """
    shapes = st.sampled_from([(), (2,), (3,), (2, 3), (1,), (3, 2), (2, 1, 2)])
    count = draw(st.integers(1, max_inputs))
    inputs = [draw(arrays(real, draw(shapes))) for _ in range(count)]
    known = {f"x{index}": value for index, value in enumerate(inputs)}
    lines: list[str] = []
    unused = set(known)
    for index in range(draw(st.integers(1, max_steps))):
        names = list(known)[::-1]  # the latest value first: as the simplest and likeliest choice
        a, b = draw(st.sampled_from(names[:1] + names)), draw(st.sampled_from(names))
        name = f"v{index}"
        family = draw(st.sampled_from(list(_families())))
        steps = list(_steps(_families()[family], name, a, b, known))
        line, known[name] = draw(st.sampled_from(steps))
        lines.append(line)
        unused = (unused | {name}) - (set(re.findall(r"\w+", line)) - {name})
    *others, last = known
    result = [last, *(f"np.sum({name})" for name in others if name in unused)]
    return Program(inputs, lines, " + ".join(result))


def _steps(
    family: Family, name: str, a: str, b: str, known: dict[str, np.ndarray]
) -> Iterator[tuple[str, np.ndarray]]:
    """The steps of a family that are possible with the operands `a` and `b`, and their values."""
    for template, domains in family.items():
        operands = zip((known[a], known[b]), domains, strict=False)
        if not all(_inside(values, domain) for values, domain in operands):
            continue
        line, values = template.format(v=name, a=a, b=b), dict(known)
        try:
            exec(_compiled(line), {"np": np}, values)
        except (ValueError, IndexError):
            continue  # the shapes do not fit
        value = np.asarray(values[name])
        if 0 < value.size <= SIZE and np.all(abs(value) <= LARGEST):
            yield line, value


@lru_cache(maxsize=10_000)
def _compiled(line: str) -> CodeType:
    return compile(line.replace("\n    ", "\n"), "<step>", "exec")


def _inside(values: np.ndarray, domain: Interval) -> bool:
    """Whether all values are where samples of the domain come from."""
    inside = [(low <= values) & (values <= high) for low, high in domain_pieces(domain)]
    return bool(np.all(np.any(inside, axis=0)))


@cache
def _families() -> dict[str, Family]:
    """All steps, with the domains of their operands where these are not any numbers."""
    load_rules()
    functions: Family = {}
    for entry in entries:
        if not isinstance(entry, Primitive | Composite) or isinstance(entry.domain, Cases):
            continue
        if entry.domain is None or getattr(np, entry.name, None) is not entry.function:
            continue
        domains = intervals_of(entry)
        single = getattr(entry.function, "nout", 1) == 1
        if single and len(domains) <= 2 and not any(domain.integer for domain in domains):
            operands = ("{a}", "{b}")[: len(domains)]
            functions[f"{{v}} = np.{entry.name}({', '.join(operands)})"] = domains
    families = {
        "functions": functions,
        "more functions": functions,
        "operators": dict.fromkeys(OPERATORS, ()),
        "shapes": dict.fromkeys(SHAPES, ()),
        "reductions": dict.fromkeys(REDUCTIONS, ()),
        "in place": dict.fromkeys(IN_PLACE, ()),
    }
    return {name: {**family, ALWAYS: ()} for name, family in families.items()}
