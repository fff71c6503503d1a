"""The composition root of `mal audit`: the feed and the answers into Postgres, and the outbox out of it."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from aiokafka import AIOKafkaConsumer

from agents.audit_health import AuditHealth
from agents.audit_outage import POSTGRES_AWAY, Outage
from agents.audit_outbox import relay_outbox
from agents.audit_reader import AuditReader, audit_consumer
from agents.audit_retirement import retire_versions
from agents.health import serving
from agents.metric_table import AUDIT, new_registry
from agents.stopping import until_asked
from store.pool import Pool, create_pool
from streams.admin import check_topics
from streams.logs import configure_logging
from streams.readiness import READY_VARIABLE, say_ready
from streams.settings import Settings

STOP_SECONDS: Final = 2.0
"""For the consumer, and for the connections. What takes longer is cut off; nothing is lost by that."""
CONNECTIONS: Final = 8
TRANSACTION_SECONDS: Final = 60
"""An audit that is frozen in the middle of a COPY holds its partitions no longer; one batch takes about a second."""

log = logging.getLogger("mal.audit")


async def run_audit(settings: Settings) -> None:
    """Write what the engine did into Postgres, until SIGTERM or SIGINT; then end within ten seconds.

    While Postgres is away it waits. Any number of these processes share the partitions.

    Raises:
        ValueError: nobody says where Kafka or Postgres is.
        TopicsError: topics are missing.
        HealthAddressError: the address of its health is taken.
        KafkaError: Kafka is away at the start, or refuses.
    """
    configure_logging(settings.log_level, settings.log_format, settings.secrets())
    if settings.postgres_dsn is None:
        raise ValueError("no Postgres is known; set MAL_POSTGRES_DSN")
    await until_asked(_serve(settings, settings.postgres_dsn.get_secret_value()))
    log.info("stopped")


async def _serve(settings: Settings, dsn: str) -> None:
    await check_topics(settings)
    health = AuditHealth()
    registry = new_registry(AUDIT, health)
    async with serving(settings.health_host, settings.health_port, health, registry) as address:
        log.info("health and metrics are at %s", address)
        try:
            await _audit(dsn, settings.kafka_client(), health, partial(_say_ready, address))
        finally:
            health.is_stopping = True


async def _audit(dsn: str, kafka: dict[str, Any], health: AuditHealth, on_ready: Callable[[], None]) -> None:
    async with _connected(dsn) as pool, _consuming(kafka) as consumer:
        reader = health.reader = AuditReader(consumer, pool, on_ready)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(reader.run())
            tasks.create_task(health.watch())
            tasks.create_task(relay_outbox(pool, kafka))
            tasks.create_task(retire_versions(pool, kafka))


@asynccontextmanager
async def _connected(dsn: str) -> AsyncIterator[Pool]:
    outage = Outage(log, "Postgres cannot be reached")
    pool: Pool | None = None
    while pool is None:
        try:
            pool = await create_pool(dsn, max_size=CONNECTIONS, transaction_seconds=TRANSACTION_SECONDS)
        except POSTGRES_AWAY as error:
            await asyncio.sleep(outage.failed(error))
    outage.over()
    try:
        yield pool
    finally:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await pool.close()
        except TimeoutError:
            pool.terminate()


@asynccontextmanager
async def _consuming(kafka: dict[str, Any]) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = audit_consumer(kafka)
    try:
        await consumer.start()
        yield consumer
    finally:
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await consumer.stop()
        except TimeoutError:
            log.warning("Kafka did not answer while we left; it finds out by itself")


def _say_ready(address: str) -> None:
    log.info("ready")
    say_ready(os.environ.get(READY_VARIABLE), health=address)
