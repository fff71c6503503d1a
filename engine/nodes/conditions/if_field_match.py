"""Condition: a field compared with a value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal

from pydantic import Field

from engine.config_templates import is_template
from engine.context import MISSING, Context, Missing
from engine.json_values import is_member, is_number, json_equal
from engine.nodes.base import ConditionType, Config, Failed
from engine.nodes.fields import FieldPath
from engine.patterns import PatternError, check_pattern, finds
from engine.types import Json

Operator = Literal[
    "equals", "not_equals", "contains", "greater_than", "less_than", "in", "not_in", "exists", "not_exists",
    "starts_with", "ends_with", "matches",
]  # fmt: skip

_WITHOUT_VALUE: Final = frozenset({"exists", "not_exists"})
_LISTS: Final = frozenset({"in", "not_in"})


class IfFieldMatch(Config):
    """What is compared with what."""

    field: FieldPath = Field(description="Where the value is, such as event.replied or contact.name.")
    operator: Operator = Field(
        description="How to compare. contains looks into a text, in capitals or not, or into a list; matches takes a "
        "regular expression; greater_than and less_than take numbers only."
    )
    value: Json = Field(default=None, description="What to compare with; a list for in and not_in.")

    @classmethod
    def conflict(cls, given: Mapping[str, Json]) -> str | None:
        """Say where value and operator do not go together."""
        operator, value = given.get("operator"), given.get("value")
        if not isinstance(operator, str) or operator in _WITHOUT_VALUE or operator not in _TESTS:
            return None
        if "value" not in given:
            return f"value is missing; {operator} compares with it"
        if is_template(value):
            return None
        if operator in _LISTS and not isinstance(value, (list, tuple)):
            return f"value must be a list for {operator}, it is {value!r:.80}"
        return _pattern_fault(value) if operator == "matches" else None


def decide(config: IfFieldMatch, context: Context) -> str | Failed:
    """Compare the field with the value, and name the outcome. A pattern too large for its text fails the step."""
    found = context.resolve(config.field)
    if found is MISSING:
        if config.operator not in _WITHOUT_VALUE:
            context.note_missing(config.field)
    else:
        context.note_seen(config.field, found)
    try:
        return "true" if _TESTS[config.operator](found, config.value) else "false"
    except PatternError as error:
        return Failed("pattern_too_large", str(error), config.field)


def _contains(found: Json, value: Json) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value.casefold() in found.casefold()
    return is_member(value, found)


def _pattern_fault(value: Json) -> str | None:
    if not isinstance(value, str):
        return f"value must be a regular expression for matches, it is {value!r:.80}"
    try:
        check_pattern(value)
    except PatternError as error:
        return f"value {error}"
    return None


def _exists(found: Json | Missing) -> bool:
    return found is not MISSING and found is not None


def _both_texts(found: Json, value: Json) -> bool:
    return isinstance(found, str) and isinstance(value, str)


# MISSING is no JSON value, so it equals nothing, is in no list, and is neither text nor number.
_TESTS: Final[Mapping[str, Callable[[Json, Json], bool]]] = {
    "equals": json_equal,
    "not_equals": lambda found, value: not json_equal(found, value),
    "contains": _contains,
    "greater_than": lambda found, value: is_number(found) and is_number(value) and bool(found > value),
    "less_than": lambda found, value: is_number(found) and is_number(value) and bool(found < value),
    "in": is_member,
    "not_in": lambda found, value: not is_member(found, value),
    "exists": lambda found, _value: _exists(found),
    "not_exists": lambda found, _value: not _exists(found),
    "starts_with": lambda found, value: _both_texts(found, value) and found.startswith(value),
    "ends_with": lambda found, value: _both_texts(found, value) and found.endswith(value),
    "matches": lambda found, value: _both_texts(found, value) and finds(value, found),
}

NODE: Final = ConditionType(
    name="if_field_match",
    label="If a field matches",
    help="Compares a field of the event, the contact or an earlier step with a value. 1 equals 1.0; "
    'the text "1" does not.',
    config=IfFieldMatch,
    example={"field": "event.replied", "operator": "equals", "value": False},
    decide=decide,
)
