"""What goes through `mal.triggers` comes out as what it was."""

from __future__ import annotations

from typing import Any

import pytest

from engine.ids import event_id
from engine.inputs import Held
from engine.types import VERBS, ExecutionId, FlowId, Subject, Verb
from streams.events import Poison, Record, decode
from streams.topics import TRIGGERS
from streams.triggers import (
    HEADER,
    asked_record,
    control_record,
    fact_record,
    manual_record,
    origin_of,
    read_trigger,
    rekey_record,
    resumed_record,
)
from streams.unit import Output
from tests.streams.records import AT_MS, OPEN, TOPIC, record, written

SUBJECT = Subject("contact", "contact_789")
WITHOUT_ID = {key: value for key, value in OPEN.items() if key not in {"id", "timestamp"}}
# An origin may carry headers that look like ours.
HEADERS = ((HEADER, b'{"kind":"manual"}'), ("ce_specversion", b"1.0"), ("ce_id", b"ce-9"), ("trace", b""))


def rekeyed(origin: Record) -> Record:
    key, value, headers = rekey_record(origin, SUBJECT)
    return written(Output(TRIGGERS, 5, key, value, headers, origin.timestamp))


@pytest.mark.parametrize("headers", [(), HEADERS[:1], HEADERS])
@pytest.mark.parametrize("key", [None, b"", b"\xff\x00"])
def test_a_re_keyed_event_is_the_same_event(headers: Any, key: bytes | None) -> None:
    origin = record(WITHOUT_ID, headers, key=key)
    sent = rekeyed(origin)
    trigger = read_trigger(sent)
    assert sent.key == b"contact_789"
    assert trigger.event == decode(origin)
    assert (trigger.kind, trigger.topic, trigger.partition, trigger.offset) == ("event", TOPIC, 2, 41)
    assert trigger.event.id == ("ce-9" if len(headers) == 4 else event_id(TOPIC, 2, 41, AT_MS))
    back = origin_of(sent)
    assert (back.key, back.value, back.headers) == (key, origin.value, tuple(headers))
    assert back.place == (TOPIC, 2, 41, AT_MS)


def test_a_fact_of_another_entity() -> None:
    event = decode(record(WITHOUT_ID))
    assert event is not None
    entity = Subject("campaign", "campaign_456")
    key, value, headers = fact_record(event, entity)
    trigger = read_trigger(written(Output(TRIGGERS, 1, key, value, headers)))
    assert key == b"campaign_456"
    assert (trigger.kind, trigger.entity, trigger.event) == ("fact", entity, event)
    assert (trigger.topic, trigger.partition, trigger.offset) == (TRIGGERS, 1, 7)


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_wanted_of_an_execution(verb: Verb) -> None:
    event = decode(record({**OPEN, "type": "execution_pause", "source": "mal"}))
    assert event is not None
    key, value, headers = control_record(verb, ExecutionId("x-1"), event)
    trigger = read_trigger(written(Output(TRIGGERS, 1, key, value, headers)))
    assert key == b"contact_789"
    assert (trigger.kind, trigger.verb, trigger.execution, trigger.event) == ("control", verb, "x-1", event)


@pytest.mark.parametrize(("told", "wrong"), [
    (b'{"kind":"control","verb":"shake","executionId":"x"}', "verb is 'shake'; it is one of pause, resume,"),
    (b'{"kind":"control","executionId":"x"}', "verb is None"),
    (b'{"kind":"control","verb":"pause"}', "executionId must be a non-empty string"),
])  # fmt: skip
def test_a_control_that_says_nothing_we_know_is_refused(told: bytes, wrong: str) -> None:
    with pytest.raises(Poison, match=wrong):
        read_trigger(record(OPEN, ((HEADER, told),)))


def test_a_manual_trigger() -> None:
    event = decode(record({**OPEN, "type": "manual_trigger", "source": "mal"}))
    assert event is not None
    key, value, headers = manual_record(FlowId("flow/1"), event)
    trigger = read_trigger(written(Output(TRIGGERS, 1, key, value, headers)))
    assert key == b"contact_789"
    assert (trigger.kind, trigger.flow_id, trigger.event) == ("manual", "flow/1", event)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ((), "its first header is not mal-trigger"),
        ((("trace", b"1"), (HEADER, b'{"kind":"manual","flowId":"f"}')), "its first header is not mal-trigger"),
        (((HEADER, None),), "its first header is not mal-trigger"),
        (((HEADER, b"[]"),), "its first header is not mal-trigger"),
        (((HEADER, b"{}"),), "kind is None"),
        (((HEADER, b'{"kind":"manual"}'),), "flowId must be a non-empty string"),
        (((HEADER, b'{"kind":"fact"}'),), "a fact names its entity"),
        (((HEADER, b'{"kind":"fact","entity":{"type":"user","id":7}}'),), "id must be a non-empty string"),
        (((HEADER, b'{"kind":"event","topic":"t"}'),), "partition must be a whole number"),
    ],
)
def test_anything_else_is_poison_and_stays_what_it_is(headers: Any, why: str) -> None:
    garbage = record(OPEN, headers, topic=TRIGGERS)
    with pytest.raises(Poison, match=why):
        read_trigger(garbage)
    assert origin_of(garbage).place == (TRIGGERS, 2, 41, AT_MS)


def test_a_trigger_whose_event_cannot_be_read_is_poison() -> None:
    with pytest.raises(Poison, match="is no JSON"):
        read_trigger(rekeyed(record(b"\xff")))
    with pytest.raises(Poison, match="has no value"):
        read_trigger(rekeyed(record(None)))


def test_an_origin_key_that_cannot_be_read_leaves_the_record_where_it_is() -> None:
    told = b'{"kind":"event","topic":"t","partition":1,"offset":2,"timestamp":3,"key":"?"}'
    assert origin_of(record(OPEN, ((HEADER, told),), topic=TRIGGERS)).place.topic == TRIGGERS


def test_a_match_that_a_pause_held_comes_as_it_lies_in_the_log() -> None:
    origin = record(WITHOUT_ID, HEADERS[1:])
    key, value, headers = resumed_record(origin, SUBJECT, FlowId("flow-1"), AT_MS + 5)
    trigger = read_trigger(written(Output(TRIGGERS, 1, key, value, headers)))
    assert key == b"contact_789"
    assert (trigger.kind, trigger.flow_id, trigger.held) == ("resumed", "flow-1", Held(AT_MS + 5, by_hand=False))
    assert trigger.event == decode(origin)
    assert (trigger.topic, trigger.partition, trigger.offset) == (TOPIC, 2, 41)


def test_what_was_to_start_a_flow_by_hand_is_known_as_that_after_a_pause() -> None:
    event = decode(record({**OPEN, "type": "manual_trigger", "source": "mal"}))
    assert event is not None
    first = written(Output(TRIGGERS, 1, *manual_record(FlowId("flow-1"), event)))
    key, value, headers = resumed_record(first, SUBJECT, FlowId("flow-1"), AT_MS)
    trigger = read_trigger(written(Output(TRIGGERS, 1, key, value, headers)))
    assert (trigger.held, trigger.event) == (Held(AT_MS, by_hand=True), event)


def test_a_question_to_a_shard() -> None:
    event = decode(record({**OPEN, "type": "flow_paused", "source": "mal"}))
    assert event is not None
    key, value, headers = asked_record(FlowId("flow-1"), "paused", AT_MS, event)
    trigger = read_trigger(written(Output(TRIGGERS, 1, key, value, headers)))
    assert key is None
    assert (trigger.kind, trigger.flow_id, trigger.status, trigger.at_ms) == ("asked", "flow-1", "paused", AT_MS)
