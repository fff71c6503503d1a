"""What holds of units of commit on any log: whole or not at all, fenced, and restored to the last committed write.

Shown on a real Kafka (`tests/streams`), and on the log in memory that the simulator has (`tests/simulation`).
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from streams.batching.clients import Connect, ConnectReader
from streams.batching.restore import restore_parts
from streams.batching.table import TablePart
from streams.batching.writers import BATCH_BYTES, CommandsFirstWriter, TransactionalWriter, UnitWriter
from streams.unit import Output


@dataclass(frozen=True)
class Cluster:
    """A log. `topics` are an output and a changelog topic of two partitions that nobody else uses."""

    connect: Connect
    connect_reader: ConnectReader
    topics: tuple[str, str]


def wall_ms() -> int:
    return time.time_ns() // 1_000_000


def rows(topic: str, *pairs: tuple[bytes, bytes | None], shard: int = 1) -> list[Output]:
    return [Output(topic, shard, key, value) for key, value in pairs]


async def read(cluster: Cluster, topic: str, shard: int = 1) -> list[tuple[bytes | None, bytes | None]]:
    """What a read_committed reader sees of a partition."""
    reader = cluster.connect_reader(max_partition_fetch_bytes=9_000_000)
    await reader.start()
    try:
        partition = TopicPartition(topic, shard)
        reader.assign([partition])
        reader.seek(partition, 0)
        end = (await reader.end_offsets([partition]))[partition]
        seen: list[tuple[bytes | None, bytes | None]] = []
        async with asyncio.timeout(20):
            while await reader.position(partition) < end:
                for records in (await reader.getmany(partition, timeout_ms=200, max_records=500)).values():
                    seen += [(record.key, record.value) for record in records]
        return seen
    finally:
        await reader.stop()


async def bring_up(cluster: Cluster, topic: str, part: TablePart) -> int:
    """Bring a part up to date; return how many records it took over."""
    partition = TopicPartition(topic, 1)
    return (await restore_parts(cluster.connect_reader, {partition: part}))[partition]


async def restored(cluster: Cluster, topic: str) -> TablePart:
    part = TablePart()
    await bring_up(cluster, topic, part)
    return part


async def visible(writer: UnitWriter, *shards: int) -> None:
    """Return when readers see what was committed: a commit returns before its markers are written, an opening after."""
    await writer.open(shards or {0, 1})


class UnitContract:
    """The tests; a subclass has a fixture `cluster`."""

    @pytest.fixture(params=["all in one", "commands first", "none of them first"])
    async def writer(self, request: pytest.FixtureRequest, cluster: Cluster) -> Any:
        first = cluster.topics[:1] if request.param == "commands first" else ()
        made: UnitWriter = (
            TransactionalWriter(cluster.connect, wall_ms, "unit")
            if request.param == "all in one"
            else CommandsFirstWriter(cluster.connect, wall_ms, "unit", first)
        )
        await made.open({0, 1})
        yield made
        await made.close()

    async def test_a_unit_is_written_and_says_where_its_changelogs_end(
        self, cluster: Cluster, writer: UnitWriter
    ) -> None:
        out, log = cluster.topics
        outputs = [Output(out, 0, None, b"elsewhere"), Output(out, 1, b"k", b"v", (("h", b"1"),), 1_790_000_000_000)]
        ends = await writer.write(1, outputs, rows(log, (b"a", b"1"), (b"b", b"2"), (b"a", None)))
        await visible(writer)
        assert await read(cluster, out, 0) == [(None, b"elsewhere")]
        assert await read(cluster, out) == [(b"k", b"v")]
        part = await restored(cluster, log)
        assert dict(part.items()) == {b"b": b"2"}
        assert ends == {log: 3}
        assert ends[log] <= part.next_offset <= ends[log] + 1  # and the marker of the transaction

    async def test_a_unit_larger_than_a_batch_is_still_one_unit(self, cluster: Cluster, writer: UnitWriter) -> None:
        out, log = cluster.topics
        large = [Output(out, 1, b"k", bytes([number]) * (BATCH_BYTES // 3)) for number in range(10)]
        await writer.write(1, [*large, Output(out, 1, b"k", b"x" * (BATCH_BYTES * 2))], rows(log, (b"a", b"1")))
        await visible(writer)
        seen = await read(cluster, out)
        assert [value and len(value) for _, value in seen] == [BATCH_BYTES // 3] * 10 + [BATCH_BYTES * 2]
        assert [value and value[:1] for _, value in seen[:10]] == [bytes([number]) for number in range(10)]

    async def test_a_part_is_brought_up_to_date_from_where_it_stands(
        self, cluster: Cluster, writer: UnitWriter
    ) -> None:
        _, log = cluster.topics
        ends = await writer.write(1, [], rows(log, (b"a", b"1"), (b"b", b"2")))
        mine = TablePart()
        mine.apply({b"a": b"1", b"b": b"2"}, ends[log])
        assert await bring_up(cluster, log, mine) == 0
        await writer.write(1, [], rows(log, (b"b", None), (b"c", b"3")))
        await visible(writer)
        assert await bring_up(cluster, log, mine) == 2
        assert dict(mine.items()) == dict((await restored(cluster, log)).items()) == {b"a": b"1", b"c": b"3"}

    async def test_an_empty_changelog_is_restored_at_once(self, cluster: Cluster) -> None:
        part = await restored(cluster, cluster.topics[1])
        assert (len(part), part.next_offset) == (0, 0)

    async def test_a_new_owner_fences_the_old_one_and_nothing_of_it_is_seen(self, cluster: Cluster) -> None:
        out, log = cluster.topics
        old, new = (TransactionalWriter(cluster.connect, wall_ms, "fenced") for _ in range(2))
        try:
            await old.open({1})
            await old.write(1, rows(out, (b"k", b"before")), rows(log, (b"a", b"1")))
            # A transaction that the old owner leaves open, as a stopped process does.
            producer = old._producers[1]
            await producer.begin_transaction()
            batch = producer.create_batch()
            batch.append(timestamp=wall_ms(), key=b"k", value=b"left open", headers=[])
            await (await producer.send_batch(batch, out, partition=1))
            await new.open({1})
            assert await read(cluster, out) == [(b"k", b"before")]
            assert dict((await restored(cluster, log)).items()) == {b"a": b"1"}
            await new.write(1, rows(out, (b"k", b"after")), rows(log, (b"a", b"2")))
            with pytest.raises((ProducerFenced, KafkaError)):
                await producer.commit_transaction()
            await visible(new, 1)
            assert await read(cluster, out) == [(b"k", b"before"), (b"k", b"after")]
            assert dict((await restored(cluster, log)).items()) == {b"a": b"2"}
        finally:
            await new.close()
            await old.close()

    async def test_commands_that_go_first_may_be_there_twice_but_state_is_its_owners(self, cluster: Cluster) -> None:
        out, log = cluster.topics
        old, new = (CommandsFirstWriter(cluster.connect, wall_ms, "first", {out}) for _ in range(2))
        try:
            await old.open({1})
            await old.write(1, rows(out, (b"k", b"one")), rows(log, (b"a", b"1"), (b"b", b"1")))
            await new.open({1})
            with pytest.raises((ProducerFenced, KafkaError)):
                await old.write(1, rows(out, (b"k", b"two")), rows(log, (b"a", b"of the old"), (b"c", b"2")))
            assert await read(cluster, out) == [(b"k", b"one"), (b"k", b"two")]
            assert dict((await restored(cluster, log)).items()) == {b"a": b"1", b"b": b"1"}
            await new.write(1, rows(out, (b"k", b"two")), rows(log, (b"a", b"2")))
            await visible(new, 1)
            assert [value for _, value in await read(cluster, out)] == [b"one", b"two", b"two"]
            assert dict((await restored(cluster, log)).items()) == {b"a": b"2", b"b": b"1"}
        finally:
            await new.close()
            await old.close()
