"""What the code at one place of a running function calls, read from its byte code.

A function that is written in C leaves no trace on the stack of Python: that `math.sin` runs, and
not `float`, shows only in the instruction that called it, and in the names that were loaded for
the call. Whatever cannot be told is said to be `UNKNOWN`.
"""

from __future__ import annotations

import builtins
import dis
import inspect
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType, FrameType, MemberDescriptorType, MethodDescriptorType, ModuleType
from typing import Any

__all__ = ["UNKNOWN", "Name", "Site", "site"]

UNKNOWN: Any = object()

# Instructions that run through an iterator, and so call what makes its items.
_ITERATES = ("FOR_ITER", "UNPACK_SEQUENCE", "UNPACK_EX", "LIST_EXTEND", "SET_UPDATE")
_FORMATS = ("FORMAT_VALUE", "FORMAT_SIMPLE", "FORMAT_WITH_SPEC", "BUILD_STRING")
# Instructions in an expression that give nothing which the names in it and their calls do not give.
_QUIET = (
    "PUSH_NULL",
    "PRECALL",
    "KW_NAMES",
    "CALL",
    "BUILD_",
    "GET_ITER",
    "LIST_",
    "DICT_",
    "MAKE_FUNCTION",
)
_POPS = {"BINARY_OP": 2, "BINARY_SUBSCR": 2, "BINARY_SLICE": 3, "COMPARE_OP": 2, "IS_OP": 2}
_POPS |= {"CONTAINS_OP": 2, "LOAD_ATTR": 1, "LOAD_METHOD": 1, "GET_ITER": 1, "FORMAT_VALUE": 1}
_POPS |= {"UNARY_NEGATIVE": 1, "UNARY_NOT": 1, "UNARY_INVERT": 1, "STORE_FAST": 1, "POP_TOP": 1}
_NULL_COMES_LAST = sys.version_info >= (3, 13)  # after what is called; it was in front before


@dataclass(frozen=True)
class Name:
    """A name that an expression loads, with the attributes that it takes of it."""

    root: Any  # a name, or a constant
    attributes: tuple[str, ...] = ()
    is_constant: bool = False
    is_called: bool = False
    is_known: bool = True

    def value(self, frame: FrameType) -> Any:
        """What the name stands for in `frame`; looking does not run anybody's code."""
        if not self.is_known:
            return UNKNOWN
        value = self.root
        if not self.is_constant:
            spaces = frame.f_globals, vars(builtins)
            if _is_local(self.root, frame.f_code):  # to make a dict of the locals takes long
                spaces = frame.f_locals, *spaces
            for names in spaces:
                if self.root in names:
                    value = names[self.root]
                    break
            else:
                return UNKNOWN
        for attribute in self.attributes:
            value = _attribute(value, attribute)
        return value


@dataclass(frozen=True)
class Site:
    """One place in a function.

    Attributes:
        called: what is called there; None if nothing is.
        arguments: how many arguments the call has, None if that varies.
        loaded: the names in the expression, what is called among them.
        takes_items: whether the expression takes items or slices of something.
        iterates: whether a function may be called there by another one, or by an iterator.
        formats, compares: whether it puts a value into a text, or compares two.
        around: the instruction that takes the result, and what it calls.
    """

    called: Name | None = None
    arguments: int | None = None
    loaded: tuple[Name, ...] = ()
    takes_items: bool = False
    iterates: bool = False
    formats: bool = False
    compares: bool = False
    around: str = ""
    around_called: Name | None = None


def _is_local(name: str, code: CodeType) -> bool:
    if not code.co_flags & inspect.CO_OPTIMIZED:  # of a module or a class
        return True
    return name in code.co_varnames or name in code.co_freevars or name in code.co_cellvars


@lru_cache(maxsize=1024)
def site(code: CodeType, offset: int) -> Site:
    """What the instruction of `code` at `offset` does."""
    instructions = [i for i in dis.get_instructions(code) if i.opname != "EXTENDED_ARG"]
    # In a caller of Python code, the offset may lie in the cache behind the instruction.
    number = max(n for n, i in enumerate(instructions) if i.offset <= max(offset, 0))
    if instructions[number].opname == "PRECALL":  # the first half of a call, in Python 3.11
        number += 1
    at = instructions[number]
    around, around_called = _around(instructions, number)
    if at.opname == "BINARY_OP" and at.argrepr != "+=":  # that may extend a list
        return Site(formats=at.argrepr in ("%", "%="))
    if at.opname == "COMPARE_OP":
        return Site(compares=True)
    is_call = at.opname.startswith("CALL") and "INTRINSIC" not in at.opname
    span = _span(instructions, number if is_call else _operand(instructions, number))
    loaded = tuple(_names(span))
    return Site(
        called=loaded[0] if is_call and loaded and loaded[0].is_called else None,
        arguments=None if at.opname == "CALL_FUNCTION_EX" or not is_call else at.arg,
        loaded=loaded,
        takes_items=any(map(_takes_item, span)),
        iterates=is_call or at.opname in (*_ITERATES, "BINARY_OP"),
        around=around,
        around_called=around_called,
    )


def _takes_item(i: dis.Instruction) -> bool:
    return i.opname in ("BINARY_SUBSCR", "BINARY_SLICE") or i.argrepr == "[]"


def _operand(instructions: list[dis.Instruction], number: int) -> int:
    """Where the value is made that the instruction with this number takes from the stack."""
    if instructions[number].opname == "FOR_ITER":
        while number and instructions[number].opname != "GET_ITER":
            number -= 1
    return max(number - 1, 0)


def _span(instructions: list[dis.Instruction], last: int) -> list[dis.Instruction]:
    """The instructions of the expression that the one with this number completes."""
    # Go back until all that is taken from the stack was put there. This needs no columns, which
    # python -X no_debug_ranges and the assertions of pytest do without.
    wanted, first = 1, last + 1
    while wanted > 0 and first > 0:
        first -= 1
        i = instructions[first]
        if "JUMP" in i.opname or i.is_jump_target:
            break
        wanted -= dis.stack_effect(i.opcode, i.arg)
    else:
        return instructions[first : last + 1]
    whole = _range(instructions[last])
    return [
        i
        for i in instructions[: last + 1]
        if whole and (r := _range(i)) and whole[0] <= r[0] and r[1] <= whole[1]
    ]


def _range(i: dis.Instruction) -> tuple[tuple[int, int], tuple[int, int]] | None:
    p = i.positions
    if p is None or p.lineno is None or p.end_lineno is None:
        return None
    if p.col_offset is None or p.end_col_offset is None:
        return None
    return (p.lineno, p.col_offset), (p.end_lineno, p.end_col_offset)


def _names(span: list[dis.Instruction]) -> Iterator[Name]:
    """The names that an expression loads, in order; unknown ones for what else happens in it."""
    number = 0
    while number < len(span):
        i, start = span[number], number
        number += 1
        if not i.opname.startswith("LOAD_") or i.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            if not i.opname.startswith(_QUIET) and not _takes_item(i):
                yield Name(None, is_known=False)
            continue
        roots = i.argval if isinstance(i.argval, tuple) and "FAST" in i.opname else (i.argval,)
        attributes = []
        while number < len(span) and span[number].opname in ("LOAD_ATTR", "LOAD_METHOD"):
            attributes.append(span[number].argval)
            number += 1
        for root in roots[:-1]:
            yield Name(root)
        yield Name(
            roots[-1],
            tuple(attributes),
            is_constant="CONST" in i.opname or "SMALL_INT" in i.opname,
            is_called=_is_called(span, start, number),
        )


def _is_called(span: list[dis.Instruction], start: int, end: int) -> bool:
    """Whether what ``span[start:end]`` loads is called; a NULL beside it on the stack says so."""
    if span[end - 1].opname == "LOAD_METHOD" or "NULL|self" in span[end - 1].argrepr:
        return True
    after = span[end:]
    if _NULL_COMES_LAST:
        return "+ NULL" in span[end - 1].argrepr or bool(after and after[0].opname == "PUSH_NULL")
    is_first = start > 0 and span[start - 1].opname == "PUSH_NULL"
    if not is_first and "NULL +" not in span[start].argrepr:
        return False
    # The NULL is in front of an expression that begins with the name. Is that all of it?
    if any("JUMP" in i.opname or i.opname == "COPY" for i in after[:1]):
        return False
    height = 0  # of the stack, above what the name has put there
    for i in after:
        arg = i.arg or 0
        if "JUMP" in i.opname:
            break
        if i.opname in ("PRECALL", "CALL"):
            if height < arg + 2:  # a call among the arguments puts two values before its own
                return height == arg
            height -= 0 if i.opname == "PRECALL" else arg + 1
            continue
        if i.opname == "CALL_FUNCTION_EX":
            return height == 1 + (arg & 1)
        pops = _POPS.get(i.opname, arg if i.opname.startswith("BUILD_") else 0)
        if height < pops:
            return False
        height += dis.stack_effect(i.opcode, i.arg)
    begins = _range(span[start])
    return any(
        "CALL" in i.opname and (r := _range(i)) and begins and r != begins and r[0] == begins[0]
        for i in after
    )


def _around(instructions: list[dis.Instruction], number: int) -> tuple[str, Name | None]:
    """The instruction that takes the result of the one with this number, and what it calls."""
    inner = _range(instructions[number])
    if inner is None:
        return "", None
    best: Any = None
    for place in range(number + 1, len(instructions)):
        r = _range(instructions[place])
        if r is None or r == inner or r[0] > inner[0] or r[1] < inner[1]:
            continue
        if instructions[place].opname.startswith("LOAD_"):
            continue
        if best is None or (r != best[0] and r[0] >= best[0][0] and r[1] <= best[0][1]):
            best = r, place
    if best is None:
        return "", None
    i = instructions[best[1]]
    if i.opname == "BINARY_OP" and i.argrepr == "%":
        return "BUILD_STRING", None
    if "CALL" not in i.opname:
        return i.opname, None
    names = list(_names(_span(instructions, best[1] + (i.opname == "PRECALL"))))
    return i.opname, names[0] if names else None


def _attribute(value: Any, name: str) -> Any:
    """An attribute, without running a property or ``__getattr__``."""
    if value is UNKNOWN:
        return UNKNOWN
    if isinstance(value, ModuleType):
        return vars(value).get(name, UNKNOWN)
    found = inspect.getattr_static(value, name, UNKNOWN)
    if isinstance(found, MemberDescriptorType) and not isinstance(value, type):
        return getattr(value, name, UNKNOWN)  # a slot
    if isinstance(found, MethodDescriptorType) and type(value).__module__ == "builtins":
        return found.__get__(value)
    if isinstance(found, property | staticmethod | classmethod):
        return UNKNOWN
    return found
