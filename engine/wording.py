"""What a wrong value should have been, as a plain sentence: the words for people beside the error types of pydantic."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic_core import ErrorDetails, ValidationError

_QUOTED: Final = re.compile(r"'((?:[^'\\]|\\.)*)'")
_WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "mapping_type": "must be an object",
    "extra_forbidden": "is an unknown key",
    "none_required": "must be null",
}
_BOUNDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "greater_than": lambda bound: f"must be more than {bound['gt']:g}",
    "greater_than_equal": lambda bound: f"must be at least {bound['ge']:.12g}",
    "less_than": lambda bound: f"must be less than {bound['lt']:.12g}",
    "less_than_equal": lambda bound: f"must be at most {bound['le']:.12g}",
    "string_too_short": lambda bound: f"must have {bound['min_length']} characters or more",
    "string_too_long": lambda bound: f"must have {bound['max_length']} characters at most",
    "too_short": lambda bound: f"must have {bound['min_length']} or more, it has {bound['actual_length']}",
    "too_long": lambda bound: f"must have {bound['max_length']} at most, it has {bound['actual_length']}",
    "literal_error": lambda bound: f"use {choices(bound['expected'])}",
    "enum": lambda bound: f"use {choices(bound['expected'])}",
}


def plain(error: ErrorDetails) -> str:
    """Return what is asked of the value of an error, to stand behind the value: `must be a whole number`."""
    if words := _WORDS.get(error["type"]):
        return words
    if words_of := _BOUNDS.get(error["type"]):
        return words_of(error["ctx"])
    if error["type"] == "value_error":
        return error["msg"].removeprefix("Value error, ")
    return f"{error['msg'][:1].lower()}{error['msg'][1:]}"


def first_fault(error: ValidationError, whole: str) -> tuple[str, ErrorDetails]:
    """Return the place of the first thing that is wrong, and what it is.

    Args:
        error: of any model.
        whole: what the place is called where it is the whole value.
    """
    first = error.errors(include_url=False)[0]
    return ".".join(str(part) for part in first["loc"]) or whole, first


def choices(expected: str) -> str:
    """Write pydantic's `'a', 'b' or 'c'` as `a, b, c`."""
    return ", ".join(_QUOTED.findall(expected)) or expected
