"""What a record of an events topic is read as, and what can never be read."""

from __future__ import annotations

import base64
import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.events import Event
from engine.ids import event_id
from engine.wire import rfc3339
from streams.codecs import MAX_BYTES
from streams.events import Poison, decode, encode
from tests.streams.records import AT_MS, OPEN, TOPIC, record

BINARY = (
    ("content-type", b"application/json"),
    ("ce_specversion", b"1.0"),
    ("ce_id", b"ce-1"),
    ("ce_type", b"email_open"),
    ("ce_source", b"email_engine"),
    ("ce_time", b"2026-11-02T00:00:00Z"),
)
STRUCTURED = (("content-type", b"application/cloudevents+json; charset=utf-8"),)
ATTRIBUTES = {
    "specversion": "1.0", "id": "ce-1", "type": "email_open", "source": "email_engine", "time": "2026-11-02T00:00:00Z",
}  # fmt: skip
BARE = {"payload": OPEN["payload"], "metadata": OPEN["metadata"]}


def read(value: Any, headers: Any = (), **more: Any) -> Event:
    event = decode(record(value, headers, **more))
    assert event is not None
    return event


def test_a_plain_event() -> None:
    event = read(OPEN)
    assert (event.id, event.type, event.source) == ("e-1", "email_open", "email_engine")
    assert rfc3339(event.timestamp_ms) == "2026-11-01T10:30:00Z"
    assert event.payload == OPEN["payload"]


def test_a_record_without_a_value_is_no_event() -> None:
    assert decode(record(None)) is None


def test_id_and_time_that_are_missing_come_from_the_record() -> None:
    event = read({key: value for key, value in OPEN.items() if key not in {"id", "timestamp"}})
    assert event.id == event_id(TOPIC, 2, 41, AT_MS)
    assert event.timestamp_ms == AT_MS


@pytest.mark.parametrize("headers", [(), (("trace", None), ("content-type", b"application/json"))])
def test_other_headers_change_nothing(headers: Any) -> None:
    assert read(OPEN, headers).id == "e-1"


@pytest.mark.parametrize(
    ("value", "headers"),
    [
        (BARE, BINARY),
        ({**ATTRIBUTES, "data": BARE}, STRUCTURED),
        ({**ATTRIBUTES, "data_base64": base64.b64encode(json.dumps(BARE).encode()).decode()}, STRUCTURED),
    ],
    ids=["binary", "structured", "structured base64"],
)
def test_the_attributes_of_a_cloud_event_fill_in_what_its_data_lacks(value: Any, headers: Any) -> None:
    event = read(value, headers)
    assert (event.id, event.type, event.source) == ("ce-1", "email_open", "email_engine")
    assert rfc3339(event.timestamp_ms) == "2026-11-02T00:00:00Z"
    assert event.payload == OPEN["payload"]
    assert event.user_id == "user_001"


@pytest.mark.parametrize(
    ("value", "headers"),
    [(OPEN, BINARY), ({**ATTRIBUTES, "data": OPEN}, STRUCTURED)],
    ids=["binary", "structured"],
)
def test_a_whole_event_in_a_cloud_event_wins_over_its_attributes(value: Any, headers: Any) -> None:
    event = read(value, headers)
    assert event.id == "e-1"
    assert rfc3339(event.timestamp_ms) == "2026-11-01T10:30:00Z"


@pytest.mark.parametrize(
    ("value", "headers", "why"),
    [
        (b"\xff", (), "is no JSON"),
        (b"", (), "is no JSON"),
        (b"null", (), "this is null"),
        (b"[]", (), "this is an array"),
        (b"{}", (), "type must be a non-empty string, it is missing"),
        ({**OPEN, "payload": None}, (), "payload must be an object"),
        ({**OPEN, "timestamp": "noon"}, (), "timestamp must be RFC 3339"),
        ({**OPEN, "timestamp": "0001-01-01T00:00:00+23:59"}, (), "timestamp must be RFC 3339"),
        ({**OPEN, "payload": {"contactId": ""}}, (), "payload.contactId must be a non-empty string"),
        (b'{"type":"t","source":"s","payload":{"a":"\\ud800"}}', (), "is no JSON"),
        (b" " * (MAX_BYTES + 1), (), "is 1048577 bytes long"),
        (b'{"type":"t","source":"s","payload":{"a":' + b"[" * 63 + b"]" * 63 + b"}}", (), "nested deeper than 64"),
        (b"null", BINARY, "this is null"),
        (BARE, (("ce_specversion", b"0.3"),), "specversion '0.3'"),
        (BARE, (("ce_specversion", b"1.0"), ("ce_id", b"\xff")), "no UTF-8"),
        (BARE, (("ce_specversion", b"1.0"),), "type must be a non-empty string"),
        (b"[]", STRUCTURED, "this is an array"),
        ({**ATTRIBUTES}, STRUCTURED, "this is null"),
        ({**ATTRIBUTES, "data": "text"}, STRUCTURED, "this is a string"),
        ({**ATTRIBUTES, "data_base64": "?"}, STRUCTURED, "data_base64 cannot be read"),
        (OPEN, (("huge", b"x" * (MAX_BYTES + 1)),), "bytes of headers"),
    ],
)  # fmt: skip
def test_what_can_never_be_read_says_why(value: Any, headers: Any, why: str) -> None:
    with pytest.raises(Poison) as poison:
        decode(record(value, headers))
    assert why in str(poison.value)


def test_an_event_may_be_nested_64_deep() -> None:
    value = b'{"type":"t","source":"s","payload":{"a":' + b"[" * 62 + b"]" * 62 + b"}}"
    assert read(value).type == "t"


def test_a_timestamp_of_a_record_beyond_the_calendar_is_its_last_moment() -> None:
    event = decode(record({key: value for key, value in OPEN.items() if key != "timestamp"}, timestamp=2**60))
    assert event is not None
    assert rfc3339(event.timestamp_ms) == "9999-12-31T23:59:59.999Z"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = ("id", "type", "source", "timestamp", "payload", "metadata", "data", "data_base64", "specversion", "time")
LIKE_EVENTS = st.dictionaries(st.sampled_from(FIELDS), JSON | st.just("1.0") | st.just({"contactId": 7}))
HEADERS = st.lists(
    st.tuples(
        st.sampled_from(["content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "x"]),
        st.none() | st.binary(max_size=8) | st.sampled_from([b"application/cloudevents+json", b"1.0", b"t"]),
    ),
    max_size=4,
)


@settings(max_examples=300)
@given(st.binary(max_size=64) | (JSON | LIKE_EVENTS).map(lambda value: json.dumps(value).encode()), HEADERS)
def test_whatever_lies_there_is_an_event_or_poison(value: bytes, headers: list[tuple[str, bytes | None]]) -> None:
    try:
        event = decode(record(value, headers))
    except Poison:
        return
    assert event is not None
    assert event.id
    rfc3339(event.timestamp_ms)
    orjson.dumps([event.payload, event.metadata])
    again = decode(record(encode(event), offset=99))
    assert again is not None
    assert (again.id, again.payload, again.subject, again.scope) == (
        event.id, event.payload, event.subject, event.scope,
    )  # fmt: skip
