"""What a real worker tells of its work: a log with ids, without values or secrets, and spans in the trigger's trace."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.topics import COMMAND_RESULTS, DEAD_LETTERS, EXECUTIONS
from tests.support.flows import event, version
from tests.support.otlp import collecting
from tests.support.pipeline import Pipeline, header, running_pipeline

pytestmark = pytest.mark.services

OPENS = "tap.email-engine.events"
COMMANDS = "tap.list-builder.commands"
MARK = "markedvalue"
SECRET = "secretword-7431"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    dsn = f"postgresql://mal:{SECRET}@127.0.0.1:1/mal"
    with running_pipeline(tmp_path, MAL_POSTGRES_DSN=dsn, MAL_LOG_FORMAT="json") as running:
        yield running


async def publish(pipeline: Pipeline) -> None:
    """Put a flow in force that tags with a payload value, waits for a moment, and tags again, awaited."""
    tag = ("tag_contact", {"tag": "{{ event.emailId }}"})
    again = ("tag_contact", {"tag": "{{ event.campaignId }}"}, {"awaitResult": True, "retry": {"maxAttempts": 1}})
    nodes: dict[str, Any] = {"t": ("email_open", {}), "a": tag, "w": ("delay", {"delaySeconds": 1}), "b": again}
    await pipeline.publish(version(nodes, "t>a a>w w>b"))


def opened(number: int) -> bytes:
    marked = {"contactId": f"{MARK}-c{number}", "campaignId": f"{MARK}-k", "emailId": f"{MARK}-m"}
    return orjson.dumps({**event("email_open", **marked), "id": f"event-{number}"})


async def send(pipeline: Pipeline, first: int, count: int) -> None:
    parent = ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01".encode())
    for number in range(first, first + count):
        await pipeline.put(OPENS, f"{MARK}-c{number}".encode(), opened(number), headers=[parent])


async def test_a_log_has_ids_and_neither_values_nor_secrets_and_spans_reach_a_collector(pipeline: Pipeline) -> None:
    await publish(pipeline)
    async with collecting() as collector:
        worker = pipeline.worker(MAL_LOG_LEVEL="DEBUG", OTEL_EXPORTER_OTLP_ENDPOINT=collector.address)
        await worker.begin()
        await send(pipeline, 0, 3)
        await pipeline.put(OPENS, f"{MARK}-c9".encode(), b'{"type": "' + MARK.encode() + b'"}')
        await pipeline.put(OPENS, f"{MARK}-c0".encode(), opened(0))
        commands = await pipeline.read(COMMANDS, 6)
        await pipeline.read(DEAD_LETTERS, 1)
        for command in commands:
            value = orjson.loads(command.value)
            answer = {"commandId": value["id"], "attempt": 1, "status": "failed", "retryable": False, "error": MARK}
            await pipeline.put(COMMAND_RESULTS, command.key, orjson.dumps(answer))
        await pipeline.read(EXECUTIONS, 10)
        worker.stop()
        spans = await collector.until(lambda seen: len(seen) >= 3 * (1 + 3 + 2))
    # Those of a wait's end belong to the trace of the trigger as well.
    assert {header(command, "traceparent").split("-")[1] for command in commands} == {TRACE}
    sent = {span.span_id: span for span in spans if span.name == f"send {COMMANDS}"}
    assert {header(command, "traceparent").split("-")[2] for command in commands} == set(sent)
    by_id = {span.span_id: span for span in spans}
    decisions = [by_id[span.parent_id] for span in sent.values()]
    firsts = [by_id[decided.parent_id].name for decided in decisions if decided.facts["mal.execution.seq"] == 1]
    assert firsts == [f"process {OPENS}"] * 3

    entries = [orjson.loads(line) for line in worker.log.read_text().splitlines()]
    feed = [orjson.loads(record.value) for record in await pipeline.read(EXECUTIONS, 10)]
    executions = {record["executionId"] for record in feed if "executionId" in record}
    assert {entry.get("execution_id") for entry in entries if entry["message"].startswith("execution is")} == executions
    moved = next(entry for entry in entries if entry["message"] == "execution is running")
    assert {"shard", "flow_id", "execution_id", "event_id", "seq", "timestamp", "level", "logger"} <= set(moved)
    assert any(entry["message"] == "suppressed: duplicate_event" for entry in entries)
    buried = next(entry for entry in entries if "cannot be read" in entry["message"])
    assert (buried["topic"], buried["fault"]) == (OPENS, "wrong_shape")
    for text in (MARK, SECRET):
        assert text not in worker.log.read_text()

    quiet = pipeline.worker("quiet", MAL_LOG_LEVEL="INFO")
    await quiet.begin()
    await send(pipeline, 3, 3)
    commands = await pipeline.read(COMMANDS, 12)
    # Nobody traces here: what came is passed on as it is.
    later = [command for command in commands if command.key in {f"{MARK}-c{number}".encode() for number in (3, 4, 5)}]
    assert [header(command, "traceparent") for command in later] == [f"00-{TRACE}-00f067aa0ba902b7-01"] * 6
    quiet.stop()
    said = await asyncio.to_thread(quiet.log.read_text)
    assert "the worker has stopped" in said
    assert "execution_id" not in said
    for text in (MARK, SECRET):
        assert text not in said
