"""A domain event as the core sees it, and the rules that read its subject and scope (contract.md section 2).

Bytes, headers and CloudEvents are the business of `streams`; this module starts from a decoded object.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.systems import PEOPLE_EVENT_TYPES
from engine.types import Json, Scope, Subject, scope_of
from engine.wire import FIRST_MS, LAST_MS, parse_rfc3339

MAX_DEPTH = 10
"""Events deeper than this are suppressed `too_deep` (product.md section 2, Loops between flows)."""

TOLD_AS = "parentEventType"
"""Where the metadata of a sub-flow's event says which event its family began with."""

SUBJECT_FIELDS: tuple[tuple[str, str], ...] = (
    ("contactId", "contact"),
    ("campaignId", "campaign"),
    ("releaseId", "release"),
    ("assetId", "asset"),
)


class EventError(ValueError):
    """A decoded object is not a domain event; the message names the field, the value and the rule."""


@dataclass(frozen=True, slots=True)
class Event:
    """One domain event, validated. `timestamp_ms` is the event's own time, not the log's."""

    id: str
    type: str
    source: str
    timestamp_ms: int
    payload: Mapping[str, Json]
    metadata: Mapping[str, Json]
    subject: Subject | None
    scope: Scope | None

    @property
    def depth(self) -> int:
        """How many commands lie between this event and one that nobody of ours caused."""
        if self.type in PEOPLE_EVENT_TYPES:
            return 0
        depth = self.metadata.get("depth")
        return depth if type(depth) is int and depth > 0 else 0

    @property
    def told_as(self) -> str:
        """The type that says what the payload tells: of a sub-flow's event, that of the event its family began with."""
        told = self.metadata.get(TOLD_AS) if self.type == "manual_trigger" else None
        return told if type(told) is str else self.type

    @property
    def user_id(self) -> str | None:
        """The user the event belongs to, as `metadata` has it."""
        return opaque_id(self.metadata.get("userId"))

    @property
    def workspace_id(self) -> str | None:
        """The workspace the event belongs to, as `metadata` has it."""
        return opaque_id(self.metadata.get("workspaceId"))


def opaque_id(value: Json) -> str | None:
    """Read an id of a TAP system: a non-empty string, or an integer as its decimal text; anything else is missing."""
    if type(value) is str:
        return value or None
    if type(value) is int:
        return str(value)
    return None


def subject_of(payload: Mapping[str, Json], metadata: Mapping[str, Json]) -> Subject | None:
    """Return the subject: the first of contactId, campaignId, releaseId, assetId, entityId, metadata.userId.

    Raises:
        EventError: the one that is present is no id.
    """
    for field, kind in SUBJECT_FIELDS:
        if field in payload and (found := _subject_id(payload, "payload", field)):
            return Subject(kind, found)
    if "entityId" in payload and (found := _subject_id(payload, "payload", "entityId")):
        entity_type = payload.get("entityType")
        if type(entity_type) is str and entity_type:
            return Subject(entity_type, found)
    if found := _subject_id(metadata, "metadata", "userId"):
        return Subject("user", found)
    return None


def _subject_id(holder: Mapping[str, Json], name: str, field: str) -> str | None:
    value = holder.get(field)
    if value is None:
        return None
    if found := opaque_id(value):
        return found
    raise EventError(f"{name}.{field} must be a non-empty string, it is {describe(holder, field)}")


def read_event(decoded: Json, *, default_id: str, default_timestamp_ms: int) -> Event:
    """Make an event of a decoded JSON value.

    Args:
        decoded: what the record held.
        default_id: the id where the event has none (`ids.event_id`).
        default_timestamp_ms: the record's timestamp, used where the event has none.

    Raises:
        EventError: it is not an object of the shape of contract.md section 2.
    """
    if type(decoded) is not dict:
        raise EventError(f"a domain event is a JSON object, this is {json_kind(decoded)}")
    kind, source, payload = decoded.get("type"), decoded.get("source"), decoded.get("payload")
    if type(kind) is not str or not kind:
        raise EventError(f"type must be a non-empty string, it is {describe(decoded, 'type')}")
    if type(source) is not str or not source:
        raise EventError(f"source must be a non-empty string, it is {describe(decoded, 'source')}")
    if type(payload) is not dict:
        raise EventError(f"payload must be an object, it is {describe(decoded, 'payload')}")
    metadata = decoded.get("metadata")
    if metadata is None:
        metadata = {}
    elif type(metadata) is not dict:
        raise EventError(f"metadata must be an object, it is {describe(decoded, 'metadata')}")
    event_id = decoded.get("id")
    if event_id is None:
        event_id = default_id
    elif (event_id := opaque_id(event_id)) is None:
        raise EventError(f"id must be a non-empty string, it is {describe(decoded, 'id')}")
    return Event(
        id=event_id,
        type=kind,
        source=source,
        timestamp_ms=_timestamp(decoded, default_timestamp_ms),
        payload=payload,
        metadata=metadata,
        subject=subject_of(payload, metadata),
        scope=scope_of(_subject_id(metadata, "metadata", "userId"), _subject_id(metadata, "metadata", "workspaceId")),
    )


def _timestamp(decoded: Mapping[str, Json], default_ms: int) -> int:
    value = decoded.get("timestamp")
    if value is None:
        return min(max(default_ms, FIRST_MS), LAST_MS)  # a Kafka timestamp can be any number, such as microseconds
    if type(value) is str:
        try:
            return parse_rfc3339(value)
        except (ValueError, OverflowError):
            pass
    raise EventError(f"timestamp must be RFC 3339 like 2026-11-01T10:30:00Z, it is {describe(decoded, 'timestamp')}")


def json_kind(value: Json) -> str:
    """Name the JSON type of a value."""
    if value is None:
        return "null"
    names: tuple[tuple[type, str], ...] = (
        (bool, "a boolean"),
        (str, "a string"),
        (int, "a number"),
        (float, "a number"),
        (list, "an array"),
    )
    return next((name for kind, name in names if isinstance(value, kind)), "an object")


def describe(decoded: Mapping[str, Json], field: str) -> str:
    """Say what a field holds, short enough for a message."""
    if field not in decoded:
        return "missing"
    value = decoded[field]
    text = repr(value) if isinstance(value, (str, int, float)) else json_kind(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
