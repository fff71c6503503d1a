"""Read events from JSON lines, all of them, before any is sent.

Lines are checked by the rules the worker reads events with, so what is accepted here is not dead-lettered there.
Knows nothing of Kafka.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from engine.events import EventError, json_kind, read_event
from engine.systems import BY_EVENT_TYPE
from streams.codecs import parse_json


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


def _read(line: bytes) -> dict[str, Any]:
    decoded = parse_json(line)
    if type(decoded) is not dict:
        raise EventError(f"a domain event is a JSON object, this is {json_kind(decoded)}")
    if decoded.get("id") is None:
        decoded["id"] = str(uuid4())
    event = read_event(decoded, default_id="", default_timestamp_ms=0)
    if event.type not in BY_EVENT_TYPE:
        raise ValueError(f"no topic takes the type {event.type!r}; known are {', '.join(sorted(BY_EVENT_TYPE))}")
    return decoded
