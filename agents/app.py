"""Puts the worker's Faust app together: its settings, its tables, and the one agent that takes all inputs.

The only work at import time anywhere is none: `build_app` does it all.
"""

from __future__ import annotations

from typing import Any, Final, cast
from uuid import uuid4

from faust.streams import Stream
from faust.types import StreamT

from agents.shards import Shards
from streams.batching.app import BatchApp
from streams.batching.table import BatchTable
from streams.groups import WORKERS
from streams.settings import Settings
from streams.topics import INPUT_TOPICS, TABLES

APP_ID: Final = WORKERS
"""The consumer group of the workers, the first word of their changelogs, and of their transactional ids."""

POLL_RECORDS: Final = 5_000
SESSION_SECONDS: Final = 8.0
"""So long a worker that was killed keeps its shards from the others."""
HEARTBEAT_SECONDS: Final = 2.0
REBALANCE_SECONDS: Final = 60.0
MAX_POLL_SECONDS: Final = 300.0


def build_app(settings: Settings, shards: Shards, partitions: int) -> BatchApp:
    """Make the app of one worker.

    Args:
        settings: where Kafka is.
        shards: works on what is assigned; gets the tables of the app.
        partitions: of every topic that carries subjects.
    """
    # With an id of its own a worker that comes back within its session has its shards again, and no other is disturbed.
    worker = settings.worker_id or uuid4().hex[:12]
    app = BatchApp(
        APP_ID,
        kafka=settings.kafka_client(),
        host=shards,
        autodiscover=False,
        # The assignor knows workers by this address. Nothing listens there.
        canonical_url=f"http://worker-{worker}:1",
        broker_client_id=f"mal-worker-{worker}",
        consumer_group_instance_id=settings.worker_id,
        web_enabled=False,
        datadir=str(settings.data_dir / "faust"),
        topic_partitions=partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        reply_create_topic=False,
        table_standby_replicas=0,
        stream_wait_empty=True,
        stream_buffer_maxsize=1_024,
        broker_max_poll_records=POLL_RECORDS,
        broker_commit_interval=1.0,
        broker_session_timeout=SESSION_SECONDS,
        broker_heartbeat_interval=HEARTBEAT_SECONDS,
        broker_rebalance_timeout=REBALANCE_SECONDS,
        broker_max_poll_interval=MAX_POLL_SECONDS,
        broker_request_timeout=15.0,
    )
    shards.tables = {name: _table(app, name, partitions) for name in TABLES}
    inputs = app.topic(*INPUT_TOPICS)

    async def take(stream: StreamT[Any]) -> None:
        async for event in cast(Stream[Any], stream).noack().events():
            shards.take(event.value)

    app.agent(inputs, name="agents.app.take")(take)
    return app


def _table(app: BatchApp, name: str, partitions: int) -> BatchTable:
    table = app.Table(name, partitions=partitions, key_type=bytes, value_type=bytes)
    if not isinstance(table, BatchTable):
        raise TypeError(f"the app makes {type(table).__name__}, not BatchTable")
    return table
