"""The records of `mal.triggers`: events sent home to their subject's shard, facts of other entities, manual triggers,
what people want of one execution, matches that a pause held, and questions to a shard.

The topic is our own. One header, always the first, says what a record is: `mal-trigger`, a JSON object with `kind`
and what belongs to it. A re-keyed record is its origin's bytes and headers after that one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, TypeVar, get_args

import orjson

from engine.events import Event
from engine.inputs import Held
from engine.types import VERBS, ExecutionId, FlowId, Json, Standing, Subject, Verb
from streams.codecs import Poison, to_json
from streams.events import Headers, Place, Record, decode_at, encode
from streams.unit import Headers as OutputHeaders

HEADER: Final = "mal-trigger"
_JSON: Final = ("content-type", b"application/json")

Kind = Literal["event", "fact", "manual", "control", "resumed", "asked"]
W = TypeVar("W")
Written = tuple[bytes | None, bytes | None, OutputHeaders]
"""Key, value and headers of a record to write."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """A record of `mal.triggers`, read. `topic`, `partition` and `offset` are those of its origin.

    `entity` is whom a fact is about, `flow_id` the flow that a manual trigger starts, and `version` the version of it,
    where one is named; `verb` is what is wanted of an
    execution, and `execution` which; `held` is when a pause held a match of a flow. `status` and `at_ms` are the change
    of a flow that a shard is asked about.
    """

    kind: Kind
    topic: str
    partition: int
    offset: int
    event: Event
    entity: Subject | None = None
    flow_id: FlowId | None = None
    verb: Verb | None = None
    execution: ExecutionId | None = None
    held: Held | None = None
    status: Standing | None = None
    at_ms: int = 0
    version: int | None = None


class Origin(NamedTuple):
    """A record as it was first written: itself, or what it was before it was re-keyed."""

    place: Place
    key: bytes | None
    value: bytes | None
    headers: OutputHeaders


def rekey_record(record: Record, subject: Subject) -> Written:
    """Return the record that sends an event home: its bytes and headers under its subject, with its origin."""
    told = {
        **_origin(record),
        "kind": "event",
        "key": None if record.key is None else base64.b64encode(record.key).decode(),
    }
    return subject.id.encode(), record.value, (_header(told), *whole(record.headers))


def fact_record(event: Event, entity: Subject) -> Written:
    """Return the record that tells the shard of an entity what an event says of it."""
    told = {"kind": "fact", "entity": {"type": entity.type, "id": entity.id}}
    return entity.id.encode(), encode(event), (_header(told), _JSON)


def manual_record(flow_id: FlowId, event: Event, *, version: int | None = None) -> Written:
    """Return the record that starts a flow by hand, in the version in force or a named one.

    It is keyed by the subject, without which nothing can start.
    """
    key = event.subject.id.encode() if event.subject else None
    told: dict[str, Json] = {"kind": "manual", "flowId": flow_id}
    if version is not None:
        told["version"] = version
    return key, encode(event), (_header(told), _JSON)


def control_record(verb: Verb, execution: ExecutionId, event: Event) -> Written:
    """Return the record that asks something of an execution; keyed by its subject, which the event is about."""
    key = event.subject.id.encode() if event.subject else None
    return key, encode(event), (_header({"kind": "control", "verb": verb, "executionId": execution}), _JSON)


def resumed_record(record: Record, subject: Subject, flow_id: FlowId, held_at_ms: int) -> Written:
    """Return the record that has a flow take a match again that a pause held: the event as it lies in the log."""
    told = {**_origin(record), "kind": "resumed", "flowId": flow_id, "heldAtMs": held_at_ms}
    return subject.id.encode(), record.value, (_header(told), *whole(record.headers))


def asked_record(flow_id: FlowId, status: Standing, at_ms: int, event: Event) -> Written:
    """Return the record that asks a shard to say when it has applied a change of a flow's status."""
    return None, encode(event), (_header({"kind": "asked", "flowId": flow_id, "status": status, "atMs": at_ms}), _JSON)


def read_trigger(record: Record) -> Trigger:
    """Read a record of `mal.triggers`. One that was re-keyed gives the event that it was at its origin.

    Raises:
        Poison: it is no trigger of ours.
    """
    told = _told(record.headers)
    if told is None:
        raise Poison(f"is no trigger: its first header is not {HEADER} with a JSON object")
    if record.value is None:
        raise Poison("is no trigger: it has no value")
    kind = told.get("kind")
    if kind == "event":
        place = _origin_place(told)
        event = decode_at(record.value, record.headers[1:], place)
        return Trigger("event", place.topic, place.partition, place.offset, event)
    if kind == "resumed":
        return _resumed(record.value, record.headers[1:], told)
    place = Place(record.topic, record.partition, record.offset, record.timestamp)
    event = decode_at(record.value, (), place)
    if kind == "fact":
        return Trigger("fact", *place[:3], event, entity=_entity(told))
    if kind == "manual":
        flow_id = FlowId(_text(told, "flowId"))
        return Trigger("manual", *place[:3], event, flow_id=flow_id, version=_version(told))
    if kind == "control":
        execution = ExecutionId(_text(told, "executionId"))
        return Trigger("control", *place[:3], event, verb=_one_of(told, "verb", VERBS), execution=execution)
    if kind == "asked":
        status = _one_of(told, "status", get_args(Standing))
        flow_id = FlowId(_text(told, "flowId"))
        return Trigger("asked", *place[:3], event, flow_id=flow_id, status=status, at_ms=_number(told, "atMs"))
    raise Poison(f"is no trigger: kind is {kind!r}; it is one of {', '.join(get_args(Kind))}")


def origin_of(record: Record) -> Origin:
    """Return a record as it was first written: one that was re-keyed with the place, key and headers it came from."""
    told = _told(record.headers)
    if told is not None and told.get("kind") == "event":
        try:
            return Origin(_origin_place(told), _origin_key(told), record.value, whole(record.headers[1:]))
        except Poison:
            pass  # not written by us: it comes from where it lies
    place = Place(record.topic, record.partition, record.offset, record.timestamp)
    return Origin(place, record.key, record.value, whole(record.headers))


def whole(headers: Headers) -> OutputHeaders:
    """Return headers to be written again; one without content gets an empty one."""
    return tuple((name, content or b"") for name, content in headers)


def _origin(record: Record) -> dict[str, Json]:
    return {name: getattr(record, name) for name in ("topic", "partition", "offset", "timestamp")}


def _header(told: Mapping[str, Json]) -> tuple[str, bytes]:
    return HEADER, to_json(told)


def _told(headers: Headers) -> dict[str, Json] | None:
    if not headers or headers[0][0] != HEADER:
        return None
    try:
        told = orjson.loads(headers[0][1] or b"")
    except orjson.JSONDecodeError:
        return None
    return told if type(told) is dict else None


def _origin_place(told: Mapping[str, Json]) -> Place:
    return Place(_text(told, "topic"), *(_number(told, name) for name in ("partition", "offset", "timestamp")))


def _origin_key(told: Mapping[str, Json]) -> bytes | None:
    key = told.get("key")
    if key is None:
        return None
    try:
        return base64.b64decode(key, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise Poison(f"is no trigger: key cannot be read: {error}") from error


def _entity(told: Mapping[str, Json]) -> Subject:
    entity = told.get("entity")
    if type(entity) is not dict:
        raise Poison("is no trigger: a fact names its entity")
    return Subject(_text(entity, "type"), _text(entity, "id"))


def _resumed(value: bytes, headers: Headers, told: Mapping[str, Json]) -> Trigger:
    place = _origin_place(told)
    # What starts a flow by hand lies on our own topic; its headers come after ours.
    first = _told(headers)
    by_hand = first is not None and first.get("kind") == "manual"
    version = _version(first) if first is not None and by_hand else None
    event = decode_at(value, headers, place)
    held = Held(_number(told, "heldAtMs"), by_hand, version)
    return Trigger("resumed", *place[:3], event, flow_id=FlowId(_text(told, "flowId")), held=held)


def _version(told: Mapping[str, Json]) -> int | None:
    return None if told.get("version") is None else _number(told, "version")


def _one_of(told: Mapping[str, Json], name: str, choices: tuple[W, ...]) -> W:
    value = told.get(name)
    for known in choices:
        if value == known:
            return known
    raise Poison(f"is no trigger: {name} is {value!r}; it is one of {', '.join(map(str, choices))}")


def _text(told: Mapping[str, Json], name: str) -> str:
    value = told.get(name)
    if type(value) is not str or not value:
        raise Poison(f"is no trigger: {name} must be a non-empty string")
    return value


def _number(told: Mapping[str, Json], name: str) -> int:
    value = told.get(name)
    if type(value) is not int:
        raise Poison(f"is no trigger: {name} must be a whole number")
    return value
