"""Faust's consumer in batches, and the one place that says how offsets move.

One Faust message is all records of one partition of one poll. The group commits what the shards have applied and
acknowledged, and nothing else: messages are not acked one by one, so no gap and no list of offsets is kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, Message

from streams.batching.host import Ends, RecordBatch, Unread
from streams.batching.hosted import HostedApp
from streams.batching.thread import BatchConsumerThread, Poll

POLL_SECONDS = 0.1
FULL_SECONDS = 0.01
"""How long to wait where every input has enough in its buffer."""


class BatchConsumer(driver.Consumer):
    """Delivers batches to the agent, and commits what the shards have applied."""

    app: HostedApp
    _thread: BatchConsumerThread
    _epoch = 0
    _delivered = 0

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    # ---- batches

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ARG002 -- Faust's signature
        """Yield one message for each partition that has records; tell the host which inputs are read to their end."""
        host = self.app.host
        if not self.flow_active:
            await self.wait(self.can_resume_flow.wait())
        wanted = self._wanted()
        if not wanted:
            await asyncio.sleep(FULL_SECONDS)
            return
        poll = await self._thread.poll(wanted, POLL_SECONDS)
        if self.should_stop or not self.flow_active or poll.epoch != self._epoch:
            return  # drained before a seek that has come since, or is about to: it is read again
        generation = self.app.consumer_generation_id
        for partition, records in poll.records.items():
            self._delivered += 1
            yield (
                TP(*partition),
                self._message(RecordBatch(self._delivered, poll.epoch, TP(*partition), records), generation),
            )
        host.note_ends(self._ends(poll))

    def _wanted(self) -> set[TP]:
        changelogs = self.app.tables.changelog_topics
        assigned = {partition for partition in self._get_active_partitions() if partition.topic not in changelogs}
        return assigned.difference(self.app.host.full())

    def _ends(self, poll: Poll) -> Ends:
        return Ends(poll.epoch, self._delivered, {TP(*partition): at_end for partition, at_end in poll.at_end.items()})

    def _message(self, batch: RecordBatch, generation: int) -> ConsumerMessage:
        last = batch.records[-1]
        return ConsumerMessage(
            batch.partition.topic, batch.partition.partition, last.offset, last.timestamp / 1000, last.timestamp_type,
            None, None, batch, None, 0, 0, batch.partition, generation_id=generation,  # type: ignore[arg-type]
        )  # fmt: skip

    # ---- rebalances

    def stop_flow(self) -> None:
        """Close the gate: nothing more is drained until the next seek."""
        self._thread.gate = None
        super().stop_flow()

    def resume_flow(self) -> None:
        """Open the gate at the epoch of the last seek."""
        self._thread.gate = self._epoch
        super().resume_flow()

    async def perform_seek(self) -> None:
        """Seek every input to where the restored tables leave off, and let the shards begin."""
        self._epoch = await self._thread.seek_inputs(self.app.host.positions())
        self._read_offset.clear()
        self._delivered = 0
        self.app.host.resume(self._epoch)

    async def wait_empty(self) -> None:
        """Let the shards finish what they are committing, then commit their offsets."""
        await self.app.host.suspend()
        await self.commit_and_end_transactions()

    # ---- offsets

    def ack(self, message: Message) -> bool:  # noqa: ARG002 -- Faust's signature
        """Move no offset: a batch is acknowledged by the shard that has applied it."""
        return False

    def track_message(self, message: Message) -> None:
        """Track nothing, for the same reason."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterator[TP]:  # noqa: ARG002 -- Faust's signature
        return iter(self.app.host.applied())

    def _new_offset(self, tp: TP) -> int | None:
        return self.app.host.applied().get(tp)

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Keep no gaps: what is committed is the next offset, whatever holes lie before it."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Say nothing of idle inputs: the watchdog of the worker looks after progress."""

    def unread(self) -> Unread:
        """Return what is still to be read of the inputs."""
        return self._thread.unread()

    def unfetched(self, seconds: float) -> list[TP]:
        """Return the inputs that Kafka has said nothing of for so long, while it did of others."""
        return self._thread.unfetched(seconds)

    def has_ended(self) -> bool:
        """Say whether aiokafka has stopped coordinating with the group."""
        return self._thread.has_ended()
