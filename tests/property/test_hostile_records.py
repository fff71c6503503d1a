"""Whatever lies on an input: a worker decides it, or buries it byte for byte, and what it tells fits into Postgres."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from agents.program import FlowProgram
from agents.tally import Tally
from engine.flow import FlowHead, StatusChange, VersionHead
from engine.matching import FlowTable
from engine.types import FlowId
from store.audit.answer_rows import AnswerRows
from store.audit.feed_rows import FeedRows
from store.audit.log_batch import LogBatch, LogRecord
from store.audit.writing import AuditWriter
from store.pool import Pool
from streams.codecs import MAX_BYTES
from streams.events import Poison
from streams.flow_records import apply_flow_record
from streams.letters import Letter, read_letter
from streams.topics import COMMAND_RESULTS, DEAD_LETTERS, EXECUTIONS, MAX_BATCH_BYTES, TABLES, TRIGGERS
from streams.triggers import HEADER
from streams.unit import Unit
from tests.streams.records import TOPIC, record, written
from tests.support import hostile
from tests.support.driver import START_MS
from tests.support.flows import version
from tests.support.pools import pool

__all__ = ["pool"]

EVENT = {"type": '"email_open"', "source": '"email_engine"'}
OWNED = {**EVENT, "metadata": '{"userId":"u1"}'}
FIELDS = ("id", "type", "source", "timestamp", "payload", "metadata", "data", "data_base64", "specversion", "x")
PAYLOADS = hostile.objects("contactId", "campaignId", "a", "b", "entityId", always={"contactId": '"c1"'})
EVENTS = st.one_of(
    hostile.VALUES,
    hostile.objects(*FIELDS, always=OWNED),
    PAYLOADS.map(lambda payload: json_text({**OWNED, "payload": payload})),
    st.builds(
        lambda payload, metadata: json_text({**EVENT, "payload": payload, "metadata": metadata}),
        PAYLOADS, hostile.objects("userId", "workspaceId", "depth", "causedBy", "rootExecutionId", "parentExecutionId"),
    ),
)  # fmt: skip
ANSWERS = hostile.objects(
    "commandId", "attempt", "status", "retryable", "error", "output", "finishedAt",
    always={"commandId": '"x"', "attempt": "1", "status": '"failed"'},
)  # fmt: skip
TOLD = st.one_of(
    *(
        hostile.objects(
            "flowId", "version", "topic", "partition", "offset", "timestamp", "key", "entity", "verb", "executionId",
            "heldAtMs", "status", "atMs",
            always={
                "kind": f'"{kind}"', "flowId": '"flow-1"', "topic": '"t"', "partition": "0", "offset": "1",
                "timestamp": "2", "entity": '{"type":"campaign","id":"k1"}', "verb": '"pause"', "executionId": '"x"',
                "heldAtMs": "3", "status": '"paused"', "atMs": "4",
            },
        )
        for kind in ("event", "fact", "manual", "control", "resumed", "asked")
    )
)  # fmt: skip
MANUAL = PAYLOADS.map(
    lambda payload: json_text(
        {"type": '"manual_trigger"', "source": '"mal"', "metadata": '{"userId":"u1"}', "payload": payload}
    )
)


def json_text(fields: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{json.dumps(name)}:{value}" for name, value in fields.items()) + "}"


INPUTS = st.one_of(
    st.tuples(st.just(TOPIC), hostile.as_bytes(EVENTS), hostile.HEADERS),
    st.tuples(st.just(COMMAND_RESULTS), hostile.as_bytes(ANSWERS), hostile.HEADERS),
    st.builds(
        lambda value, told: (TRIGGERS, value, [(HEADER, told)]),
        hostile.as_bytes(MANUAL | EVENTS), hostile.as_bytes(TOLD),
    ),
)  # fmt: skip


def a_program() -> FlowProgram:
    flows = FlowTable()
    flows.put_version(
        version(
            {
                "t": ("email_open", {}),
                "f": ("if_field_match", {"field": "event.a", "operator": "contains", "value": "x"}),
                "p": ("if_field_match", {"field": "event.a", "operator": "matches", "value": "^x*$"}),
                "l": ("log_event", {"message": "{{ event.a }}{{ event.b | strip_html }}", "data": {"": "{{ event }}"}}),
                "w": ("wait_for_event", {"type": "email_open", "match": {"a": "{{ event.b }}"}, "timeoutSeconds": 60}),
                "s": ("tag_contact", {"tag": "{{ event.b | default: 'none' }}"}, {"awaitResult": True}),
            },
            "t>f f>p:true f>p:false p>l:true p>l:false l>w w>s:event w>s:timeout",
            user_id="u1",
        )
    )  # fmt: skip
    flows.put_head(
        FlowHead(
            flow_id=FlowId("flow-1"), latest=1, versions=(VersionHead(version=1, effective_from_ms=0),),
            statuses=(StatusChange(status="published", at_ms=0),),
        )
    )  # fmt: skip
    program = FlowProgram(0, 1, flows, {}, lambda: START_MS, time_scale=1, all_facts=False, tally=Tally())
    program.restore({name: {} for name in TABLES})
    return program


def decided(inputs: Sequence[tuple[str, bytes, Any]], key: bytes | None, timestamp: int) -> list[Unit]:
    """Have a shard decide inputs, then all that it waits for."""
    program = a_program()
    units = []
    for offset, (topic, value, headers) in enumerate(inputs):
        lies = record(value, headers, key=key, topic=topic, partition=0, offset=offset, timestamp=timestamp)
        program.decide(lies, START_MS)
        units.append(program.take())
        _check_buried(units[-1], value, headers)
    while (due := program.next_due_ms()) is not None and due < START_MS + 10**9:
        program.fire(due)
        units.append(program.take())
    return units


def _check_buried(unit: Unit, value: bytes, headers: Any) -> None:
    for output in unit.outputs:
        size = len(output.key or b"") + len(output.value or b"")
        assert size + sum(len(name) + len(content) for name, content in output.headers) < MAX_BATCH_BYTES
        if output.topic == DEAD_LETTERS:
            letter = read_letter(written(output))
            assert isinstance(letter, Letter)
            assert letter.value == value
            assert 0 < len(letter.error) < 2_000


def feed_of(units: Sequence[Unit]) -> list[bytes]:
    return [output.value or b"" for unit in units for output in unit.outputs if output.topic == EXECUTIONS]


def batch_of(topic: str, values: Sequence[bytes]) -> LogBatch:
    return LogBatch(
        topic, 0, 0, len(values), [LogRecord(offset, START_MS, value) for offset, value in enumerate(values)]
    )


BRACKETS = b'{"type":"t","source":"s","payload":' + b"[" * 100_000


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(INPUTS, min_size=1, max_size=4), hostile.KEYS, hostile.TIMESTAMPS)
@example([(TOPIC, BRACKETS, ())], None, 0)
@example([(TOPIC, b"[" * MAX_BYTES, ())], None, 0)
@example([(TOPIC, b'{"a":' * 200_000, ())], None, 0)
@example([(COMMAND_RESULTS, b'{"commandId":"c","attempt":1,"status":"failed","output":' + b"[" * 100_000, ())], None, 0)
@example([(TRIGGERS, b"{}", [(HEADER, b"[" * 100_000)])], None, 0)
def test_whatever_lies_there_is_decided_or_buried(inputs: list[Any], key: bytes | None, timestamp: int) -> None:
    values = feed_of(decided(inputs, key, timestamp))
    assert FeedRows.read(batch_of(EXECUTIONS, values)).foreign == {}


@settings(max_examples=200)
@given(
    hostile.as_bytes(
        st.text(max_size=12) | st.sampled_from(["flow-1/1", "flow-1/head", "limits/user/u1", "f/" + "1" * 5_000])
    ),
    st.none()
    | hostile.as_bytes(hostile.objects("flowId", "version", "nodes", "edges", "settings", "latest", "statuses")),
)
def test_whatever_lies_on_the_topic_of_flows_changes_a_flow_or_is_refused(key: bytes, value: bytes | None) -> None:
    said = "changed"
    try:
        apply_flow_record(FlowTable(), key, value)
    except Poison as poison:
        said = str(poison)
    assert 0 < len(said) < 2_000


@pytest.mark.services
async def test_whatever_passes_is_written_into_postgres(pool: Pool) -> None:
    feed: list[bytes] = []
    answers: list[bytes] = []

    @settings(max_examples=150, database=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(st.lists(INPUTS, min_size=1, max_size=4), hostile.KEYS, hostile.TIMESTAMPS)
    def gather(inputs: list[Any], key: bytes | None, timestamp: int) -> None:
        units = decided(inputs, key, timestamp)
        feed.extend(feed_of(units))
        buried = sum(output.topic == DEAD_LETTERS for unit in units for output in unit.outputs)
        if not buried:
            answers.extend(value for topic, value, _ in inputs if topic == COMMAND_RESULTS)

    gather()
    writer = AuditWriter(pool)
    assert feed
    assert (await writer.write_feed(batch_of(EXECUTIONS, feed))).foreign == {}
    assert (await writer.write_answers(batch_of(COMMAND_RESULTS, answers))).foreign == {}
    assert AnswerRows.read(batch_of(COMMAND_RESULTS, answers)).foreign == {}
    stored = await pool.fetchval("select count(*) from automation_executions") + await pool.fetchval(
        "select count(*) from automation_decisions"
    )
    told = [orjson.loads(value) for value in feed]
    executions = {record["executionId"] for record in told if "decision" not in record}
    # Each decision is a row, also one that says the same as another.
    assert stored == len(executions) + sum("decision" in record for record in told)
