"""Read events from JSON lines, all of them, before any is sent.

Lines are checked by the rules the worker reads events with, so what is accepted here is not dead-lettered there.
Knows nothing of Kafka.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from engine.events import EventError, json_kind, read_event
from engine.systems import BY_EVENT_TYPE
from streams.codecs import parse_json

WELL: Final[Mapping[str, Any]] = {"type": "any", "source": "any", "payload": {}}
MOST_TOLD: Final = 5


class BadLinesError(ValueError):
    """Some lines are no events that can be sent; the message has one line for each, with its number."""


def read_lines(content: bytes) -> list[dict[str, Any]]:
    """Read one event a line; empty lines are passed over. An event without an id gets one.

    Raises:
        BadLinesError: a line is no event, or its type has no topic.
    """
    events: list[dict[str, Any]] = []
    bad: list[str] = []
    for number, line in enumerate(content.split(b"\n"), 1):
        if not line.strip():
            continue
        try:
            events.append(_read(line))
        except ValueError as error:
            bad.append(f"line {number}: {error}")
    if bad:
        raise BadLinesError("\n".join(bad))
    return events


def reaching_nothing(events: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each event that is fine but can start nothing, and why; a few at most, then how many more."""
    found = [(number, why) for number, event in enumerate(events, 1) if (why := _why_nothing(event))]
    for number, why in found[:MOST_TOLD]:
        yield f"event {number} is sent but starts nothing: {why}"
    if len(found) > MOST_TOLD:
        yield f"… so are {len(found) - MOST_TOLD:,} more"


def _why_nothing(decoded: Mapping[str, Any]) -> str | None:
    event = read_event(dict(decoded), default_id="", default_timestamp_ms=0)
    if event.scope is None:
        return "its metadata has neither userId nor workspaceId, so it is nobody's"
    if event.subject is None:
        return "its payload has no contactId, campaignId, releaseId or assetId, so it is about nobody"
    return None


def _read(line: bytes) -> dict[str, Any]:
    decoded = parse_json(line)
    if type(decoded) is not dict:
        raise EventError(f"a domain event is a JSON object, this is {json_kind(decoded)}")
    if decoded.get("id") is None:
        decoded["id"] = str(uuid4())
    if faults := list(dict.fromkeys(_faults(decoded))):
        raise EventError("; ".join(faults))
    return decoded


def _faults(decoded: dict[str, Any]) -> Iterator[str]:
    """Yield all that is wrong with an event: each field is read beside others that are well."""
    for field in (*WELL, "metadata", "id", "timestamp"):
        others = {key: value for key, value in WELL.items() if key != field}
        given = {field: decoded[field]} if field in decoded else {}
        try:
            read_event(others | given, default_id="", default_timestamp_ms=0)
        except EventError as error:
            yield str(error)
    kind = decoded.get("type")
    if type(kind) is str and kind and kind not in BY_EVENT_TYPE:
        yield f"no topic takes the type {kind!r}; known are {', '.join(sorted(BY_EVENT_TYPE))}"
