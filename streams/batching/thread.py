"""The thread that owns the aiokafka consumer: polls whole batches, and seeks.

Two rules make a rebalance exact. Draining what was fetched, telling positions and seeking never interleave: each runs
without an await in this thread, and what was drained carries the epoch of the last seek. And nothing is drained unless
the gate stands open at that epoch; it is opened only after a seek, so whatever is dropped will be read again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread
from faust.types import TP

from streams.batching.host import Record, Unread
from streams.batching.hosted import HostedApp
from streams.batching.seeking import seek_targets
from streams.consumers import committed_reader

FETCH_MAX_WAIT_MS = 50
METADATA_MS = 30_000
"""So long aiokafka may go by who led a partition, where no answer tells it otherwise."""
MAX_PARTITION_FETCH_BYTES = 2 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Poll:
    """What one poll gave: records by partition, and which partitions were read to their end after it."""

    epoch: int
    records: Mapping[TP, Sequence[Record]]
    at_end: Mapping[TP, bool]


class BatchConsumerThread(AIOKafkaConsumerThread):
    """aiokafka's consumer in its thread, with our settings instead of Faust's."""

    app: HostedApp
    epoch = 0
    """Counts the seeks; written in this thread only."""
    sought_ms = 0.0
    """When the last seek was, by the clock that aiokafka stamps answers with."""
    gate: int | None = None
    """The epoch whose records may be drained; None while a rebalance is under way. Written by the main thread."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:  # noqa: ARG002 -- Faust's signature
        conf = self.app.conf
        self._assignor = self.app.assignor
        return committed_reader(
            self.app.kafka,
            client_id=conf.broker_client_id,
            group_id=conf.id,
            group_instance_id=conf.consumer_group_instance_id,
            partition_assignment_strategy=[self._assignor],
            max_poll_records=conf.broker_max_poll_records,
            max_partition_fetch_bytes=MAX_PARTITION_FETCH_BYTES,
            fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
            request_timeout_ms=int(conf.broker_request_timeout * 1000),
            session_timeout_ms=int(conf.broker_session_timeout * 1000),
            heartbeat_interval_ms=int(conf.broker_heartbeat_interval * 1000),
            rebalance_timeout_ms=int(conf.broker_rebalance_timeout * 1000),
            max_poll_interval_ms=int(conf.broker_max_poll_interval * 1000),
            metadata_max_age_ms=METADATA_MS,
        )

    async def poll(self, wanted: Collection[TP], timeout_seconds: float) -> Poll:
        """Return what has been fetched of the wanted partitions, waiting for it if need be."""
        found: Poll = await self.call_thread(self._poll, wanted, timeout_seconds)
        return found

    async def seek_inputs(self, positions: Mapping[TP, int]) -> int:
        """Seek every input that is assigned, and return the new epoch.

        An input goes to its position, or to what the group has committed where that is further on, else to its
        beginning. Changelogs are paused: tables are restored by a consumer of their own.
        """
        epoch: int = await self.call_thread(self._seek_inputs, positions)
        return epoch

    async def _poll(self, wanted: Collection[TP], timeout_seconds: float) -> Poll:
        consumer = self._ensure_consumer()
        drained = await self._drain(consumer, wanted)
        if drained is None or not drained.records:
            waiter = consumer._fetcher._create_fetch_waiter()  # noqa: SLF001 -- pinned; a test per override
            await asyncio.wait([waiter], timeout=timeout_seconds)
            waiter.cancel()
            drained = await self._drain(consumer, wanted)
        return drained or Poll(-1, {}, {})

    async def _drain(self, consumer: AIOKafkaConsumer, wanted: Collection[TP]) -> Poll | None:
        fetcher = consumer._fetcher  # noqa: SLF001 -- as above
        subscriptions = fetcher._subscriptions  # noqa: SLF001 -- as above
        if self.gate != self.epoch or not wanted or subscriptions.reassignment_in_progress:
            return None
        # With no timeout, and no reassignment, it returns without having given way to anybody.
        with subscriptions.fetch_context():
            records = await fetcher.fetched_records(wanted, timeout=0, max_records=consumer._max_poll_records)  # noqa: SLF001
        return Poll(self.epoch, records, self._at_end(subscriptions.subscription.assignment, wanted))

    def _at_end(self, assignment: Any, wanted: Collection[TP]) -> dict[TP, bool]:
        ends: dict[TP, bool] = {}
        for partition in wanted:
            state = assignment.state_value(TopicPartition(*partition)) if assignment else None
            if state is not None and state.has_valid_position and state.lso is not None:
                ends[partition] = state.position >= state.lso
        return ends

    def unread(self) -> Unread:
        """Return what lies between our positions and the ends, as of Kafka's last answers.

        May be called from another thread: it reads numbers that this one writes.
        """
        readable: dict[TP, int] = {}
        unstable: dict[TP, int] = {}
        heard_ms = 0
        for partition, state in self._inputs().items():
            if not state.has_valid_position or state.highwater is None:
                continue
            heard_ms = max(heard_ms, state.timestamp)
            readable[TP(*partition)] = max(0, state.lso - state.position)
            unstable[TP(*partition)] = max(0, state.highwater - max(state.lso, state.position))
        return Unread(readable, unstable, heard_ms)

    def unfetched(self, seconds: float) -> list[TP]:
        """Return the inputs that Kafka has said nothing of for so long, while it did of others.

        aiokafka asks the leader of every input again and again. Where it has stopped to ask one, it does not say so and
        does not come back to it before the next assignment. What has no leader, or has been fetched and waits for us,
        is not meant. May be called from another thread, as above.
        """
        states = self._inputs()
        if self._consumer is None or self.gate != self.epoch:
            return []
        fetcher = self._consumer._fetcher  # noqa: SLF001 -- pinned, as above
        cluster = fetcher._client.cluster  # noqa: SLF001 -- as above
        heard_ms = max((state.timestamp or 0 for state in states.values()), default=0)
        return [
            TP(*partition)
            for partition, state in states.items()
            if heard_ms - max(state.timestamp or 0, self.sought_ms) > seconds * 1000
            and partition not in fetcher._records  # noqa: SLF001 -- as above
            and not state.paused
            and cluster.broker_metadata(cluster.leader_for_partition(partition)) is not None
        ]

    def _inputs(self) -> dict[TopicPartition, Any]:
        """Return what aiokafka keeps of each input that is assigned; nothing between assignments."""
        subscription = self._consumer and self._consumer._subscription.subscription  # noqa: SLF001 -- pinned, as above
        assignment = subscription and subscription.assignment
        if not assignment:
            return {}
        changelogs = self.app.tables.changelog_topics
        return {one: assignment.state_value(one) for one in assignment.tps if one.topic not in changelogs}

    async def _seek_inputs(self, positions: Mapping[TP, int]) -> int:
        consumer = self._ensure_consumer()
        changelogs = self.app.tables.changelog_topics
        assigned = consumer.assignment()
        inputs = [partition for partition in assigned if partition.topic not in changelogs]
        committed = await asyncio.gather(*map(consumer.committed, inputs))
        targets = seek_targets(positions, {TP(*one): offset for one, offset in zip(inputs, committed, strict=True)})
        unknown = [partition for partition in inputs if targets[TP(*partition)] is None]
        beginnings = await consumer.beginning_offsets(unknown) if unknown else {}
        # From here on nothing else runs in this thread until all of them are sought.
        for partition in inputs:
            offset = targets[TP(*partition)]
            consumer.seek(partition, beginnings[partition] if offset is None else offset)
        for partition in assigned:
            if partition.topic in changelogs:
                # Anywhere: without a position aiokafka asks who it believes to be the leader for one, before it fetches
                # anything from there; where that is the leader no more, it asks again until it renews its metadata.
                consumer.seek(partition, 0)
                consumer.pause(partition)
        self.epoch += 1
        self.sought_ms = time.time() * 1000
        return self.epoch

    def has_ended(self) -> bool:
        """Say whether aiokafka has stopped coordinating with the group."""
        coordinator = self._consumer and self._consumer._coordinator  # noqa: SLF001 -- no public way asks for it
        task = getattr(coordinator, "_coordination_task", None)
        return task is not None and task.done()
