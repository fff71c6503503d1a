"""Read the fields of records that come from the log, strictly: what does not fit is not ours, and says so.

Hand-written rather than pydantic models: every record of every execution passes here, and models take ten times longer.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Final

import orjson

from engine.problems import kind_of
from engine.types import Json

MAX_ID_CHARS: Final = 200
"""Ids of ours stand in btree indexes, which refuse more than 2,704 bytes."""
MAX_INTEGER: Final = 2**31 - 1

# Postgres stores no U+0000. Found in the text of the JSON, where a run of backslashes may end in one that is escaped.
_NUL: Final = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")
_NUL_MARK: Final = b"\\u0000"


class ForeignRecordError(Exception):
    """A record has not the shape of its topic. It is counted and skipped; the message says why."""


def read_object(value: bytes | None) -> dict[str, Json]:
    """Decode a record; U+0000 becomes the visible U+FFFD.

    Raises:
        ForeignRecordError: it is no JSON object.
    """
    if value is None:
        raise ForeignRecordError("it has no value")
    if _NUL_MARK in value:
        value = _NUL.sub(rb"\1\\ufffd", value)
    try:
        record = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise ForeignRecordError(f"it is no JSON: {error}") from error
    if not isinstance(record, dict):
        raise ForeignRecordError(f"it is no object but {kind_of(record)}")
    return record


def identity(record: Mapping[str, Json], name: str) -> str:
    """Read an id of ours.

    Raises:
        ForeignRecordError: it is missing, no text, or too long.
    """
    value = record.get(name)
    if isinstance(value, str) and 0 < len(value) <= MAX_ID_CHARS:
        return value
    raise ForeignRecordError(f"{name} is {kind_of(value)}, not an id of 1 to {MAX_ID_CHARS} characters")


def text(record: Mapping[str, Json], name: str) -> str:
    """Read a text that must be there.

    Raises:
        ForeignRecordError: it is missing or no text.
    """
    value = record.get(name)
    if isinstance(value, str):
        return value
    raise ForeignRecordError(f"{name} is {kind_of(value)}, not text")


def text_or_none(record: Mapping[str, Json], name: str) -> str | None:
    """Read a text that may be absent.

    Raises:
        ForeignRecordError: it is something else.
    """
    return None if record.get(name) is None else text(record, name)


def number(record: Mapping[str, Json], name: str) -> int:
    """Read a whole number from 0 up that a column can hold.

    Raises:
        ForeignRecordError: it is something else.
    """
    value = record.get(name)
    if type(value) is int and 0 <= value <= MAX_INTEGER:
        return value
    raise ForeignRecordError(f"{name} is {kind_of(value)}, not a whole number from 0 to {MAX_INTEGER:,}")


def moment(record: Mapping[str, Json], name: str) -> datetime:
    """Read an RFC 3339 time.

    Raises:
        ForeignRecordError: it is something else.
    """
    value = record.get(name)
    try:
        read = datetime.fromisoformat(value)  # type: ignore[arg-type]  # what it is not, the except says
    except (TypeError, ValueError):
        read = None
    if read is None or read.tzinfo is None:
        raise ForeignRecordError(f"{name} is {kind_of(value)}, not a time like 2026-11-01T10:30:00Z")
    return read


def moment_or_none(record: Mapping[str, Json], name: str) -> datetime | None:
    """Read an RFC 3339 time that may be absent.

    Raises:
        ForeignRecordError: it is something else.
    """
    return None if record.get(name) is None else moment(record, name)


def subject(record: Mapping[str, Json]) -> tuple[str | None, str | None]:
    """Read type and id of the subject, each None where there is no subject.

    Raises:
        ForeignRecordError: it is something else.
    """
    value = record.get("subject")
    if value is None:
        return None, None
    if not isinstance(value, dict):
        raise ForeignRecordError(f"subject is {kind_of(value)}, not an object")
    return text(value, "type"), text(value, "id")


def json_or_none(value: Json) -> bytes | None:
    """Write a value for a jsonb column; JSON's null is SQL's.

    Raises:
        ForeignRecordError: it is nested deeper than anything of ours.
    """
    if value is None:
        return None
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError as error:
        raise ForeignRecordError(f"a value cannot be stored: {error}") from error


def rest(record: Mapping[str, Json], known: Collection[str]) -> bytes | None:
    """Write the fields that have no column, None where there are none."""
    others = {name: value for name, value in record.items() if name not in known}
    return json_or_none(others) if others else None
