"""What a probe and Prometheus see of a worker on a real Kafka (architecture.md section 8)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer

from agents.worker_health import STALL_SECONDS
from dev.ports import free_port
from streams.partitioner import partition_for
from streams.topics import EXECUTIONS
from tests.support.flows import event, version
from tests.support.health import Probe
from tests.support.pipeline import PARTITIONS, Pipeline, running_pipeline
from tests.support.processes import Process, frozen

pytestmark = pytest.mark.services

OPENS = "tap.email-engine.events"


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[Pipeline]:
    with running_pipeline(tmp_path) as running:
        yield running


def opened(contact: str, number: int = 0) -> dict[str, Any]:
    return {**event("email_open", contactId=contact, campaignId="k1"), "id": f"{contact}-{number}"}


def probed(pipeline: Pipeline, name: str = "worker") -> tuple[Process, Probe]:
    port = free_port()
    return pipeline.worker(name, MAL_HEALTH_PORT=str(port)), Probe(port)


async def publish(pipeline: Pipeline) -> None:
    nodes: dict[str, Any] = {
        "t": ("email_open", {}),
        "wait": ("delay", {"delaySeconds": 5_000}),
        "tag": ("tag_contact", {"tag": "x"}),
    }
    await pipeline.publish(version(nodes, "t>tag tag>wait"))


async def test_metrics_tell_what_a_worker_did_and_where_its_shards_stand(pipeline: Pipeline) -> None:
    await publish(pipeline)
    worker, probe = probed(pipeline)
    await worker.begin()
    ready = orjson.loads((worker.log.parent.parent / "run" / "worker.ready").read_bytes())
    assert ready == {"ready": True, "health": f"http://127.0.0.1:{probe.port}"}
    await pipeline.send(*(opened(f"contact-{number}") for number in range(30)), opened("contact-0"))
    await pipeline.put(OPENS, b"cleo", b"{")
    # An open transaction on an input: what lies behind it can't be read by anybody.
    shard = partition_for(b"someone", PARTITIONS)
    async with AIOKafkaProducer(**pipeline.kafka, transactional_id="stuck", transaction_timeout_ms=60_000) as stuck:
        await stuck.begin_transaction()
        await stuck.send_and_wait(OPENS, orjson.dumps(opened("someone")), key=b"someone")
        await pipeline.read(EXECUTIONS, 31)
        seen = await _until_told(probe, f"mal_consumer_unstable_records{{shard={shard}}}", 1)
        await stuck.abort_transaction()
    assert seen[f"mal_records_total{{topic={OPENS}}}"] == 32
    assert seen[f"mal_dead_letters_total{{reason=not_json}}{{topic={OPENS}}}"] == 1
    assert seen["mal_decisions_total{decision=suppressed}{reason=duplicate_event}"] == 1
    assert seen["mal_executions_started_total{origin=live}"] == 30
    assert seen["mal_commands_total{type=tag_contact}"] == 30
    assert seen["mal_event_latency_seconds_count"] == 32
    assert seen["mal_unit_duration_seconds_count"] >= 1
    assert seen["mal_shards_owned"] == PARTITIONS
    assert seen["mal_flows_loaded"] == 1
    assert seen["mal_restore_duration_seconds_count"] == 1
    for name in ("mal_executions_waiting", "mal_timers_waiting"):
        assert sum(seen[f"{name}{{shard={number}}}"] for number in range(PARTITIONS)) == 30
    assert not any("contact-" in name for name in seen)


async def _until_told(probe: Probe, sample: str, value: float) -> dict[str, float]:
    async with asyncio.timeout(20):
        while True:
            seen = await probe.metrics()
            if seen.get(sample) == value:
                return seen
            await asyncio.sleep(0.1)


async def test_rebalances_under_load_fail_neither_question(pipeline: Pipeline) -> None:
    await publish(pipeline)
    first, probe = probed(pipeline, "worker-1")
    first.start()
    assert await probe.until("live", 200, 30) == {"live": True, "why": None}
    await first.ready()
    await probe.until("ready", 200, 5)
    watching = asyncio.create_task(probe.watch())
    sending = asyncio.create_task(pipeline.stream((opened(f"c-{n % 50}", n) for n in range(6_000)), 400.0))
    second, other = probed(pipeline, "worker-2")
    for _ in range(2):
        await second.begin()
        await other.until("ready", 200, 5)
        second.stop()
    await sending
    await pipeline.read(EXECUTIONS, 6_000, 60)
    watching.cancel()
    assert probe.failures == []
    metrics = await probe.metrics()
    assert metrics["mal_restore_duration_seconds_count"] >= 3


async def test_a_frozen_broker_makes_a_worker_fail_and_it_is_well_again_after(pipeline: Pipeline) -> None:
    await publish(pipeline)
    worker, probe = probed(pipeline)
    await worker.begin()
    await pipeline.send(opened("ada"))
    await pipeline.read(EXECUTIONS, 1)
    await probe.until("live", 200, 5)
    with frozen(pipeline.broker.pid):
        answer = await probe.until("live", 503, STALL_SECONDS + 15)
    assert "Kafka has not answered for" in answer["why"]
    # It may find out only now that it has lost its shards, and end: then it is started again, as `mal up` would.
    async with asyncio.timeout(90):
        while (await probe.ask("live"))[0] != 200:
            await worker.revive()
            await asyncio.sleep(0.5)
    await pipeline.send(opened("ben"))
    await pipeline.read(EXECUTIONS, 2, 60)


async def test_a_shard_that_has_something_to_do_and_does_not_move_makes_its_worker_fail(pipeline: Pipeline) -> None:
    await publish(pipeline)
    worker, probe = probed(pipeline)
    await worker.begin()
    sending = asyncio.create_task(pipeline.stream((opened(f"c-{n % 50}", n) for n in range(100_000)), 1_000.0))
    async with pipeline.reading(EXECUTIONS) as reading:
        await reading.until(500, 30)
    try:
        with frozen(pipeline.broker.pid):
            answer = await probe.until("live", 503, STALL_SECONDS + 8)
    finally:
        sending.cancel()
        await asyncio.wait([sending])
    assert "have something to do and have not moved for" in answer["why"]
