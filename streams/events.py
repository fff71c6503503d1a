"""A record of an events topic as a domain event: plain JSON, or CloudEvents 1.0 in both modes (contract.md section 2).

What the fields of an event mean is the business of `engine.events`; this module knows bytes and headers.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

from engine.events import Event, EventError, json_kind, read_event
from engine.ids import event_id
from engine.types import Json
from engine.wire import rfc3339
from streams.codecs import MAX_BYTES, Poison, parse_json, to_json
from streams.trace_context import TRACEPARENT, TRACESTATE, carried

__all__ = ["Headers", "Place", "Poison", "Record", "decode", "decode_at", "encode"]

Headers = Sequence[tuple[str, bytes | None]]

_STRUCTURED: Final = b"application/cloudevents+json"


class Record(Protocol):
    """A record as a consumer gives it, undecoded."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Place(NamedTuple):
    """Where a record lies in the log, and its timestamp."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int


def decode(record: Record) -> Event | None:
    """Read the event of a record; None where it has no value.

    Raises:
        Poison: it is no domain event.
    """
    value = record.value
    if value is None:
        return None
    return decode_at(value, record.headers, Place(record.topic, record.partition, record.offset, record.timestamp))


def decode_at(value: bytes, headers: Headers, place: Place) -> Event:
    """Read an event from the bytes and headers that a record has, or had at its origin.

    Args:
        value: the bytes.
        headers: those of the record.
        place: where the record lies, or lay: an event without an id has its id from there.

    Raises:
        Poison: it is no domain event.
    """
    decoded = _with_headers(value, headers) if headers else parse_json(value)
    try:
        event = read_event(decoded, default_id="", default_timestamp_ms=place.timestamp_ms)
    except EventError as error:
        raise Poison(str(error)) from error
    return event if event.id else replace(event, id=event_id(*place))


def encode(event: Event) -> bytes:
    """Write an event as plain JSON, such that reading it gives the same event wherever it lies."""
    return to_json({
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "timestamp": rfc3339(event.timestamp_ms),
        "payload": event.payload,
        "metadata": event.metadata,
    })  # fmt: skip


# ---- CloudEvents 1.0


@dataclass(frozen=True, slots=True)
class _Mode:
    """The attributes of a CloudEvent, and its data."""

    attributes: Mapping[str, Json]
    data: Json


def _with_headers(value: bytes, headers: Headers) -> Json:
    size = sum(len(name) + len(content or b"") for name, content in headers)
    if size > MAX_BYTES:
        raise Poison(f"has {size} bytes of headers; {MAX_BYTES} is the most", "too_long")
    found = {name.lower(): content for name, content in headers if content is not None}
    if found.get("content-type", b"").strip().lower().startswith(_STRUCTURED):
        mode = _structured(parse_json(value))
        for name in (TRACEPARENT, TRACESTATE):
            if type(attribute := mode.attributes.get(name)) is str:
                found.setdefault(name, attribute.encode())
    elif "ce_specversion" in found:
        mode = _Mode(_attributes(found), parse_json(value))
    else:
        return _traced(parse_json(value), found)
    version = mode.attributes.get("specversion")
    if version != "1.0":
        raise Poison(f"is a CloudEvent of specversion {version!r}; only 1.0 can be read")
    return _traced(_filled(mode), found)


def _traced(decoded: Json, found: Mapping[str, bytes]) -> Json:
    """Return an event with the trace context of its record in its metadata."""
    if type(decoded) is dict and (metadata := carried(decoded.get("metadata"), found)) is not decoded.get("metadata"):
        return {**decoded, "metadata": metadata}
    return decoded


def _attributes(found: Mapping[str, bytes]) -> dict[str, Json]:
    try:
        return {name[3:]: content.decode() for name, content in found.items() if name.startswith("ce_")}
    except UnicodeDecodeError as error:
        raise Poison(f"has a CloudEvents header that is no UTF-8: {error}") from error


def _structured(decoded: Json) -> _Mode:
    if type(decoded) is not dict:
        raise Poison(f"a structured CloudEvent is a JSON object, this is {json_kind(decoded)}")
    if decoded.get("data_base64") is None:
        return _Mode(decoded, decoded.get("data"))
    try:
        data = base64.b64decode(decoded["data_base64"], validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise Poison(f"data_base64 cannot be read: {error}") from error
    return _Mode(decoded, parse_json(data))


def _filled(mode: _Mode) -> Json:
    """Return the data with what it lacks taken from the attributes; other data than an object stays what it is."""
    if type(mode.data) is not dict:
        return mode.data
    event = dict(mode.data)
    for field, attribute in (("id", "id"), ("type", "type"), ("source", "source"), ("timestamp", "time")):
        if event.get(field) is None and mode.attributes.get(attribute) is not None:
            event[field] = mode.attributes[attribute]
    return event
