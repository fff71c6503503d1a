"""Types that configs of several nodes share: ids, paths, texts, numbers and times, each with its own check.

Validators raise ValueError and nothing else, whatever a template was rendered to. Knows no node type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, ValidationInfo

from engine.context import ROOTS
from engine.events import opaque_id
from engine.json_values import json_equal
from engine.problems import one_of
from engine.systems import BY_EVENT_TYPE
from engine.types import Json
from engine.wire import parse_rfc3339

MAX_WAIT_SECONDS: Final = 100 * 365.25 * 86_400
"""A hundred years (product.md section 4, delay)."""

YEAR_SECONDS: Final = 365.25 * 86_400
"""A longer wait gets a warning at publish (product.md section 1)."""

RENDERED: Final[Mapping[str, Json]] = {"rendered": True}
"""The validation context of a config whose templates are filled in; without it, a config is as it was drawn."""

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d))?", re.ASCII)


def read_time(value: Json) -> int | None:
    """Read an RFC 3339 time, or a date as midnight UTC, as milliseconds since the epoch; None where it is neither."""
    if not isinstance(value, str) or not _TIME.fullmatch(value):
        return None
    text = value.upper() if len(value) > len("2026-11-01") else f"{value}T00:00:00Z"
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        return None


def values_given(config: type[BaseModel], raw: Mapping[str, Json]) -> dict[str, Json]:
    """Return what a raw config sets, by field name, before it is validated."""
    aliases = {field.alias or name: name for name, field in config.model_fields.items()}
    return {aliases[key]: value for key, value in raw.items() if key in aliases}


def agrees(wanted: Json, value: Json) -> bool:
    """Whether an event has the value that a trigger wants; None wants nothing."""
    return wanted is None or json_equal(wanted, value)


def _id(value: Json) -> Json:
    return opaque_id(value) or value


def _words(value: Json, info: ValidationInfo) -> Json:
    """Take a number or a boolean that a template gave for the text it is: `{{ engagement.openCount }}` as a message."""
    if info.context is not RENDERED or not isinstance(value, (int, float)):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _path(value: str) -> str:
    root, *rest = value.split(".")
    if root not in ROOTS:
        raise ValueError(f"{value!r} starts with the unknown root {root!r}; the roots are {', '.join(sorted(ROOTS))}")
    if not all(rest):
        raise ValueError(f"{value!r} has an empty part; write a path such as event.contactId")
    return value


def _whole(value: float) -> float:
    return int(value) if value.is_integer() else value


def _time(value: str) -> str:
    if read_time(value) is None:
        raise ValueError(f"{value!r} is no time; write it like 2026-11-01T10:30:00Z")
    return value


def _address(value: str) -> str:
    if "@" not in value.strip("@"):
        raise ValueError(f"{value!r} is no email address; write it like artist@example.com")
    return value


def _event_type(value: str) -> str:
    if value not in BY_EVENT_TYPE:
        raise ValueError(f"no system publishes it; use one of {one_of(BY_EVENT_TYPE)}")
    return value


OpaqueId = Annotated[str, BeforeValidator(_id), Field(min_length=1)]
"""An id of a TAP system; an integer is read as its decimal text (contract.md section 2)."""

EventType = Annotated[str, AfterValidator(_event_type)]
"""The type of an event that a TAP system publishes."""

FieldPath = Annotated[str, AfterValidator(_path), Field(json_schema_extra={"format": "field-path"})]
"""Where to look a value up, such as `event.contactId`."""

Time = Annotated[str, AfterValidator(_time), Field(json_schema_extra={"format": "date-time"})]
"""An RFC 3339 time, or a date as midnight UTC."""

Text = Annotated[str, BeforeValidator(_words), Field(min_length=1)]
"""A text that must say something. Drawn, it is a text; a template may give a number."""

Number = Annotated[float, Field(allow_inf_nan=False), AfterValidator(_whole)]
"""A number; whole ones stay whole."""

Seconds = Annotated[Number, Field(ge=0, le=MAX_WAIT_SECONDS)]
"""A duration in seconds, 0 to 100 years."""

Days = Annotated[Number, Field(ge=0, le=MAX_WAIT_SECONDS / 86_400)]
"""A duration in days, 0 to 100 years."""

Ids = Annotated[tuple[OpaqueId, ...], Field(strict=False, min_length=1)]
"""One id or more. (Not strict, so that a JSON array becomes a tuple; its items stay strict.)"""

AnyIds = Annotated[tuple[OpaqueId, ...], Field(strict=False)]
"""Ids that narrow a choice; none at all narrows nothing."""

AnyTexts = Annotated[tuple[Text, ...], Field(strict=False)]
"""Texts that narrow a choice; none at all narrows nothing."""

Address = Annotated[Text, AfterValidator(_address)]
"""An email address, with or without a name before it."""
