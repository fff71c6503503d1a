"""Runs a worker: reads what every worker knows, joins the group, works until a signal, and lets go in order."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import time
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING

import uvloop
from aiokafka import AIOKafkaProducer

from agents.app import APP_ID, build_app
from agents.health import serving
from agents.metric_table import WORKER, new_registry
from agents.program import FlowProgram
from agents.shards import Shards
from agents.stopping import until_asked
from agents.tally import Tally
from agents.watchdog import watch
from agents.worker_health import WorkerHealth
from agents.worker_metrics import WorkerFigures
from agents.worldview import BroadcastEntities, PublishedFlows
from streams.admin import check_topics
from streams.batching.restore import restore_parts
from streams.batching.writers import CommandsFirstWriter, TransactionalWriter, UnitWriter
from streams.broken_connections import expect_closed_connections
from streams.compacted import CompactedReader
from streams.consumers import committed_reader
from streams.logs import configure_logging
from streams.readiness import READY_VARIABLE, say_ready
from streams.settings import Settings
from streams.topics import COMMAND_TOPICS, ENTITIES, FLOWS, INPUT_TOPICS

if TYPE_CHECKING:
    from agents.tracing import Tracing

FAILED = 70
"""The exit code of a worker that gave up (EX_SOFTWARE)."""
COLLECT_AFTER = (20_000, 20, 100)
"""A batch makes many objects that live as long as it does. Python's own threshold of 700 looks at them over and over:
measured, 20,000 opens through three nodes took 128 µs each with it, 102 µs with this one and with none at all."""
COLLECTOR_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
RATIO_VARIABLE = "OTEL_TRACES_SAMPLER_ARG"

log = logging.getLogger(__name__)


def run_worker(settings: Settings) -> None:
    """Run a worker until SIGTERM or SIGINT.

    Raises:
        HealthAddressError: the address of its health is taken.
        TopicsError: a topic is missing, or has another number of partitions than the others.
        aiokafka.errors.KafkaError: Kafka is away, or refuses us.
    """
    configure_logging(settings.log_level, settings.log_format, settings.secrets())
    gc.set_threshold(*COLLECT_AFTER)
    expect_closed_connections()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(until_asked(_work(settings)))


async def _work(settings: Settings) -> None:
    partitions = await check_topics(settings)
    kafka = settings.kafka_client()
    flows, entities = PublishedFlows(), BroadcastEntities()
    flows_reader = CompactedReader(kafka, FLOWS, flows.apply)
    readers = [flows_reader, CompactedReader(kafka, ENTITIES, entities.apply)]
    tally, tracing = Tally(), _tracing(os.environ)
    connect = partial(AIOKafkaProducer, **kafka)
    writer: UnitWriter = (
        TransactionalWriter(connect, _wall_ms, APP_ID)
        if settings.processing == "exactly_once"
        else CommandsFirstWriter(connect, _wall_ms, APP_ID, COMMAND_TOPICS)
    )
    shards = Shards(
        topics=INPUT_TOPICS,
        writer=writer,
        restore=partial(restore_parts, partial(committed_reader, kafka)),
        catch_up=flows_reader.catch_up,
        new_program=lambda number: FlowProgram(
            number, partitions, flows, entities, _wall_ms,
            time_scale=settings.time_scale, all_facts=settings.facts == "all", tally=tally,
            spans=tracing.shard() if tracing else None,
        ),
        wall_ms=_wall_ms,
        end=_end,
        tally=tally,
    )  # fmt: skip
    app = build_app(settings, shards, partitions)
    health = WorkerHealth(shards, app.unread)
    registry = new_registry(WORKER, WorkerFigures(tally, shards, app.unread, flows.__len__, health))
    async with serving(settings.health_host, settings.health_port, health, registry) as address:
        log.info("health and metrics are at %s", address)
        try:
            await asyncio.gather(*(reader.start() for reader in readers))
            watching = asyncio.create_task(watch(app, shards, readers, health))
            try:
                await app.start()
                await shards.ready.wait()
                say_ready(os.environ.get(READY_VARIABLE), health=address)
                log.info("the worker is ready")
                await asyncio.Event().wait()  # until cancelled
            finally:
                watching.cancel()
        finally:
            health.is_stopping = True
            await app.stop()
            await writer.close()
            await asyncio.gather(*(reader.stop() for reader in readers))
            if tracing:
                await asyncio.to_thread(tracing.close)
            log.info("the worker has stopped")


def _tracing(environment: Mapping[str, str]) -> Tracing | None:
    """Return tracing where the standard variables of OpenTelemetry name a collector; it is loaded only then."""
    if not any(environment.get(name) for name in COLLECTOR_VARIABLES):
        return None
    from agents.tracing import new_tracing

    ratio = 1.0
    try:
        ratio = min(1.0, max(0.0, float(environment.get(RATIO_VARIABLE) or 1.0)))
    except ValueError:
        log.warning("%s is no number from 0 to 1; every trace is kept", RATIO_VARIABLE)
    return new_tracing(ratio)


def _wall_ms() -> int:
    return time.time_ns() // 1_000_000


def _end(reason: str) -> None:
    """End the process at once: nothing that is in memory may be written any more."""
    sys.stderr.write(f"mal worker: gives up: {reason}\n")
    sys.stderr.flush()
    os._exit(FAILED)
