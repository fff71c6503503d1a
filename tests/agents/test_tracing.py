"""From event to command as spans: derived ids, kept until the unit is committed, and exported to a real receiver."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import orjson
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agents.program import FlowProgram
from agents.tally import Tally
from agents.tracing import CLOSE_SECONDS, Tracing
from dev.ports import free_port
from engine.flow import FlowHead, StatusChange, VersionHead
from engine.matching import FlowTable
from engine.types import FlowId
from streams.batching.table import TablePart
from streams.trace_context import read_trace
from streams.unit import Output
from tests.support.flows import version
from tests.support.otlp import collecting

NOW = 1_790_000_000_000
OPENS = "tap.email-engine.events"
COMMANDS = "tap.list-builder.commands"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class Record:
    """What a program reads of a Kafka record."""

    def __init__(self, offset: int, contact: str, headers: list[tuple[str, bytes]]) -> None:
        self.topic, self.partition, self.offset, self.timestamp = OPENS, 0, offset, NOW
        self.key, self.headers = contact.encode(), headers
        self.value = orjson.dumps({
            "id": f"e-{contact}", "type": "email_open", "source": "email_engine", "payload": {"contactId": contact},
            "metadata": {"userId": "user_001"},
        })  # fmt: skip


def program(tracing: Tracing | None) -> FlowProgram:
    """A shard with a flow that tags, waits for a minute, and tags again."""
    nodes: dict[str, Any] = {
        "t": ("email_open", {}), "a": ("tag_contact", {"tag": "x"}), "w": ("delay", {"delaySeconds": 60}),
        "b": ("tag_contact", {"tag": "y"}),
    }  # fmt: skip
    flows = FlowTable()
    flows.put_version(version(nodes, "t>a a>w w>b"))
    published = (StatusChange(status="published", at_ms=0),)
    heads = (VersionHead(version=1, effective_from_ms=0),)
    flows.put_head(FlowHead(flow_id=FlowId("flow-1"), latest=1, versions=heads, statuses=published))
    spans = tracing.shard() if tracing else None
    shard = FlowProgram(
        0, 1, flows, {}, lambda: NOW, time_scale=1, all_facts=False, tally=Tally(), spans=spans
    )  # fmt: skip
    tables = {name: TablePart() for name in ("subjects", "entries", "executions")}
    shard.restore(tables)
    shard.tables = tables  # type: ignore[attr-defined]  # what a test applies writes to
    return shard


def unit(shard: FlowProgram) -> list[Output]:
    """What a unit puts out, committed."""
    taken = shard.take()
    for name, rows in taken.writes.items():
        shard.tables[name].apply(rows, 1)  # type: ignore[attr-defined]
    shard.committed()
    return list(taken.outputs)


def traceparents(outputs: list[Output]) -> list[str]:
    return [dict(one.headers)["traceparent"].decode() for one in outputs if one.topic == COMMANDS]


def test_without_a_collector_a_command_carries_what_its_trigger_carried_also_after_a_wait() -> None:
    shard = program(None)
    shard.decide(Record(0, "ada", [("traceparent", PARENT.encode()), ("tracestate", b"a=1")]), NOW)
    shard.decide(Record(1, "ben", [("traceparent", b"none")]), NOW)
    first = unit(shard)
    shard.fire(NOW + 60_000)
    shard.fire(NOW + 60_000)
    later = unit(shard)
    for outputs in (first, later):
        carried = {one.key: dict(one.headers) for one in outputs if one.topic == COMMANDS}
        assert carried[b"ada"]["traceparent"].decode() == PARENT
        assert carried[b"ada"]["tracestate"] == b"a=1"
        assert "traceparent" not in carried[b"ben"]


def test_a_command_belongs_to_a_span_of_its_own_that_is_the_same_whenever_it_is_made() -> None:
    made = []
    for _ in range(2):
        shard = program(Tracing(SimpleSpanProcessor(InMemorySpanExporter())))
        shard.decide(Record(0, "ada", [("traceparent", PARENT.encode())]), NOW)
        made += traceparents(unit(shard))
    assert made[0] == made[1]
    assert made[0] != PARENT
    trace = read_trace(made[0])
    assert trace is not None
    assert trace.trace_id == TRACE


def test_nothing_is_exported_before_the_unit_is_committed() -> None:
    exporter = InMemorySpanExporter()
    shard = program(Tracing(SimpleSpanProcessor(exporter)))
    shard.decide(Record(0, "ada", []), NOW)
    shard.take()
    assert exporter.get_finished_spans() == ()
    shard.committed()
    assert len(exporter.get_finished_spans()) == 3
    shard.committed()
    assert len(exporter.get_finished_spans()) == 3


@pytest.mark.parametrize(("flags", "ratio", "count"), [("00", 1.0, 0), ("01", 0.0, 3), (None, 0.0, 0), (None, 1.0, 3)])
def test_who_begins_a_trace_says_whether_it_is_kept(flags: str | None, ratio: float, count: int) -> None:
    exporter = InMemorySpanExporter()
    shard = program(Tracing(SimpleSpanProcessor(exporter), ratio))
    headers = [("traceparent", (PARENT[:-2] + flags).encode())] if flags else []
    shard.decide(Record(0, "ada", headers), NOW)
    (sent,) = traceparents(unit(shard))
    assert len(exporter.get_finished_spans()) == count
    assert sent.endswith("-01" if count else "-00")


async def test_a_collector_that_is_away_holds_up_neither_the_work_nor_the_end() -> None:
    exporter = OTLPSpanExporter(f"http://127.0.0.1:{free_port()}/v1/traces")
    processor = BatchSpanProcessor(exporter)
    tracing = Tracing(processor)
    shard = program(tracing)
    began = time.monotonic()
    for number in range(100):
        shard.decide(Record(number, f"c{number}", []), NOW)
    assert len(traceparents(unit(shard))) == 100
    await asyncio.to_thread(tracing.close)
    assert time.monotonic() - began < CLOSE_SECONDS + 3
    # Else it would try on, into the tests after this one.
    exporter.shutdown()  # type: ignore[no-untyped-call]  # OpenTelemetry leaves it so
    await asyncio.to_thread(processor.shutdown)


async def test_event_decision_and_command_reach_a_collector_by_otlp() -> None:
    async with collecting() as collector:
        processor = BatchSpanProcessor(OTLPSpanExporter(f"{collector.address}/v1/traces"), schedule_delay_millis=50)
        tracing = Tracing(processor)
        shard = program(tracing)
        shard.decide(Record(7, "ada", [("traceparent", PARENT.encode())]), NOW)
        sent = traceparents(unit(shard))
        shard.fire(NOW + 60_000)
        sent += traceparents(unit(shard))
        await collector.until(lambda spans: len(spans) == 5)
        await asyncio.to_thread(tracing.close)
        await asyncio.to_thread(processor.shutdown)
    by_id = {span.span_id: span for span in collector.spans}
    assert {span.trace_id for span in collector.spans} == {TRACE}
    first, later = (by_id[traceparent.split("-")[2]] for traceparent in sent)
    assert first.name == later.name == f"send {COMMANDS}"
    decided, decided_later = by_id[first.parent_id], by_id[later.parent_id]
    assert (decided.name, decided.facts["mal.execution.seq"], decided_later.facts["mal.execution.seq"]) == (
        "decide", 1, 2,
    )  # fmt: skip
    process = by_id[decided.parent_id]
    assert (process.name, process.parent_id) == (f"process {OPENS}", "00f067aa0ba902b7")
    assert decided_later.parent_id == "00f067aa0ba902b7"
    assert process.facts == {
        "messaging.system": "kafka", "messaging.operation.type": "process", "messaging.operation.name": "process",
        "messaging.destination.name": OPENS, "messaging.consumer.group.name": "mal",
        "messaging.destination.partition.id": "0", "messaging.kafka.offset": 7, "messaging.message.id": "e-ada",
        "mal.event.type": "email_open",
    }  # fmt: skip
    assert "ada" not in {value for span in collector.spans for value in span.facts.values()}
