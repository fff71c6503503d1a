"""One test for each part of Faust that is overridden: it is still there to be overridden, and ours is what runs.

Faust is pinned exactly. Where a later version moves one of these, this file is what fails, not a worker.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from types import SimpleNamespace
from typing import Any

import faust
import pytest
from faust.tables.manager import TableManager
from faust.tables.recovery import Recovery
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.batching.app import BatchApp, BatchProducer, BatchTransport
from streams.batching.consumer import BatchConsumer
from streams.batching.host import Ends, RecordBatch
from streams.batching.recovery import BatchTableManager, ShardRecovery
from streams.batching.table import BatchTable, TablePart
from streams.batching.thread import BatchConsumerThread, Poll
from streams.batching.topic import BatchTopic

PARTITION = TP("events", 3)


class Host:
    """Writes down what the transport tells it."""

    def __init__(self) -> None:
        self.said: list[Any] = []
        self.is_full: set[TP] = set()
        self.offsets: dict[TP, int] = {PARTITION: 17}

    def take(self, batch: RecordBatch) -> None:
        self.said.append(batch)

    def note_ends(self, ends: Ends) -> None:
        self.said.append(ends)

    def full(self) -> Collection[TP]:
        return self.is_full

    def applied(self) -> Mapping[TP, int]:
        return self.offsets

    async def suspend(self) -> None:
        self.said.append("suspend")

    async def restore(self, assigned: Collection[TP], generation: int) -> None:
        self.said.append(("restore", generation))

    def positions(self) -> Mapping[TP, int]:
        return {PARTITION: 5}

    def resume(self, epoch: int) -> None:
        self.said.append(("resume", epoch))

    def fail(self, reason: str, error: BaseException | None = None) -> None:
        self.said.append(("fail", reason))


class Thread:
    """The consumer's thread: gives the polls it was handed."""

    def __init__(self, *polls: Poll) -> None:
        self.gate: int | None = None
        self.polls = list(polls)
        self.wanted: list[set[TP]] = []

    async def poll(self, wanted: Collection[TP], timeout_seconds: float) -> Poll:
        self.wanted.append(set(wanted))
        return self.polls.pop(0)

    async def seek_inputs(self, positions: Mapping[TP, int]) -> int:
        assert positions == {PARTITION: 5}
        return 8


@pytest.fixture
async def app() -> AsyncIterator[BatchApp]:
    made = BatchApp(
        "test", kafka={"bootstrap_servers": "127.0.0.1:1,127.0.0.1:2"}, host=Host(), autodiscover=False,
        web_enabled=False, topic_allow_declare=False,
    )  # fmt: skip
    made.finalize()
    assert isinstance(made.consumer, BatchConsumer)
    thread = made.consumer._thread
    yield made
    thread.thread_loop.close()


@pytest.fixture
async def consumer(app: BatchApp) -> BatchConsumer:
    app.Table("rows", partitions=4)
    made = app.consumer
    assert isinstance(made, BatchConsumer)
    made._active_partitions = {PARTITION, TP("events", 4), TP("test-rows-changelog", 3)}
    made.resume_flow = lambda: None  # type: ignore[method-assign]
    made.flow_active = True
    return made


def record(offset: int) -> Any:
    return SimpleNamespace(offset=offset, timestamp=1_000 + offset, timestamp_type=0)


def overrides() -> list[Any]:
    pairs = [
        (BatchApp, faust.App), (BatchConsumer, driver.Consumer), (BatchConsumerThread, driver.AIOKafkaConsumerThread),
        (BatchProducer, driver.Producer), (BatchTable, faust.Table), (BatchTopic, faust.Topic),
        (BatchTableManager, TableManager), (ShardRecovery, Recovery),
    ]  # fmt: skip
    ours = {
        BatchApp: [], BatchConsumer: ["ack", "track_message", "getmany", "stop_flow", "resume_flow", "perform_seek",
        "wait_empty", "verify_event_path", "_add_gap", "_filter_tps_with_pending_acks", "_new_consumer_thread",
        "_new_offset"], BatchConsumerThread: ["_create_worker_consumer"], BatchProducer: ["on_start"],
        BatchTable: ["_new_changelog_topic", "persisted_offset"], BatchTopic: ["_compile_decode"],
        BatchTableManager: ["recovery"], ShardRecovery: ["_restart_recovery", "_slurp_changelogs"],
    }  # fmt: skip
    return [pytest.param(cls, base, name, id=f"{cls.__name__}.{name}") for cls, base in pairs for name in ours[cls]]


@pytest.mark.parametrize(("cls", "base", "name"), overrides())
def test_what_is_overridden_is_still_there(cls: type, base: type, name: str) -> None:
    mine, theirs = inspect.getattr_static(cls, name), inspect.getattr_static(base, name)
    assert name in vars(cls)
    assert type(mine) is type(theirs)
    if inspect.isfunction(mine) and name != "_new_changelog_topic":
        assert list(inspect.signature(mine).parameters) == list(inspect.signature(theirs).parameters)


def test_faust_is_the_version_that_all_this_was_read_in() -> None:
    assert faust.__version__ == "0.15.3"


async def test_the_app_is_wired_with_our_parts(app: BatchApp) -> None:
    assert isinstance(app.transport, BatchTransport)
    assert isinstance(app.producer, BatchProducer)
    assert isinstance(app.tables, BatchTableManager)
    assert isinstance(app.topic("events"), BatchTopic)
    table = app.Table("rows", partitions=4)
    assert isinstance(table, BatchTable)
    assert isinstance(table.changelog_topic, BatchTopic)
    assert table.changelog == "test-rows-changelog"
    assert [(url.host, url.port) for url in app.conf.broker] == [("127.0.0.1", 1), ("127.0.0.1", 2)]


async def test_recovery_is_ours_and_nothing_reads_changelogs_beside_it(app: BatchApp) -> None:
    assert isinstance(app.tables, BatchTableManager)
    recovery = app.tables.recovery
    assert isinstance(recovery, ShardRecovery)
    tasks = {task.fun.__qualname__ for task in recovery._get_tasks()}
    assert "ShardRecovery._restart_recovery" in tasks
    assert "ShardRecovery._slurp_changelogs" in tasks
    assert not any(name.startswith(("Recovery._restart", "Recovery._slurp")) for name in tasks)


async def test_a_batch_passes_a_topic_undecoded(app: BatchApp) -> None:
    batch = RecordBatch(1, 1, PARTITION, [record(4)])
    message: Any = SimpleNamespace(value=batch)
    event = await app.topic("events").decode(message)
    assert event.value is batch


async def test_one_message_carries_all_records_of_a_partition(consumer: BatchConsumer) -> None:
    host: Any = consumer.app.host
    consumer._epoch = 7
    records = [record(4), record(6)]
    consumer._thread = thread = Thread(Poll(7, {PARTITION: records}, {PARTITION: True}))  # type: ignore[assignment]
    ((partition, message),) = [found async for found in consumer.getmany(1.0)]
    assert (partition, message.offset, message.timestamp) == (PARTITION, 6, 1.006)
    delivered: Any = message.value
    assert delivered == RecordBatch(1, 7, PARTITION, records)
    assert host.said == [Ends(7, 1, {PARTITION: True})]
    assert thread.wanted == [{PARTITION, TP("events", 4)}]  # never a changelog


async def test_what_is_full_is_not_asked_for(consumer: BatchConsumer) -> None:
    host: Any = consumer.app.host
    host.is_full = {PARTITION}
    consumer._thread = thread = Thread(Poll(0, {}, {}))  # type: ignore[assignment]
    assert [found async for found in consumer.getmany(1.0)] == []
    assert thread.wanted == [{TP("events", 4)}]
    host.is_full = {PARTITION, TP("events", 4)}
    assert [found async for found in consumer.getmany(1.0)] == []
    assert len(thread.wanted) == 1


@pytest.mark.parametrize("epoch", [-1, 6])
async def test_what_was_drained_before_the_last_seek_is_dropped(consumer: BatchConsumer, epoch: int) -> None:
    consumer._epoch = 7
    consumer._thread = Thread(Poll(epoch, {PARTITION: [record(4)]}, {PARTITION: True}))  # type: ignore[assignment]
    assert [found async for found in consumer.getmany(1.0)] == []
    assert consumer.app.host.said == []  # type: ignore[attr-defined]


async def test_the_gate_is_shut_while_the_flow_is_stopped(app: BatchApp) -> None:
    consumer = app.consumer
    assert isinstance(consumer, BatchConsumer)
    consumer._thread = Thread()  # type: ignore[assignment]
    gates: list[int | None] = []
    await consumer.perform_seek()
    changes: list[Callable[[], None]] = [lambda: None, consumer.resume_flow, consumer.stop_flow]
    for change in changes:
        change()
        gates.append(consumer._thread.gate)
    assert gates == [None, 8, None]
    assert app.host.said == [("resume", 8)]  # type: ignore[attr-defined]


async def test_offsets_move_by_what_shards_applied_and_not_by_messages(consumer: BatchConsumer) -> None:
    message: Any = SimpleNamespace(tp=PARTITION, offset=99)
    consumer.track_message(message)
    assert consumer.ack(message) is False
    await consumer._add_gap(PARTITION, 1, 50)
    assert list(consumer._filter_tps_with_pending_acks()) == [PARTITION]
    assert consumer._new_offset(PARTITION) == 17
    assert consumer._new_offset(TP("events", 4)) is None
    assert consumer._filter_committable_offsets([PARTITION]) == {PARTITION: 17}


async def test_a_revocation_waits_for_the_units_under_way(consumer: BatchConsumer) -> None:
    committed: list[bool] = []

    async def commit() -> None:
        committed.append(True)

    consumer.commit_and_end_transactions = commit  # type: ignore[method-assign]
    await asyncio.wait_for(consumer.wait_empty(), 5)
    assert consumer.app.host.said == ["suspend"]  # type: ignore[attr-defined]
    assert committed == [True]


def test_a_part_holds_rows_up_to_an_offset_and_forgets_what_was_deleted() -> None:
    part = TablePart()
    part.apply({b"a": b"1", b"b": b"2"}, 7)
    part.apply({b"a": None}, 9)
    part.apply({}, 3)
    assert dict(part.items()) == {b"b": b"2"}
    assert (part.get(b"a"), part.next_offset, len(part)) == (None, 9, 1)


async def test_a_table_tells_faust_how_far_a_part_goes(app: BatchApp) -> None:
    table = app.Table("rows", partitions=4)
    assert isinstance(table, BatchTable)
    assert table.persisted_offset(TP(table.changelog, 3)) is None
    table.part(3).apply({b"a": b"1"}, 5)
    assert table.persisted_offset(TP(table.changelog, 3)) == 4
    table.forget(3)
    assert table.persisted_offset(TP(table.changelog, 3)) is None
