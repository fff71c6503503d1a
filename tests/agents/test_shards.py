"""Taking shards over: who is fenced, what is restored, what is kept, and which batches are heard."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import pytest
from aiokafka import TopicPartition

from agents.figures import ProgramFigures
from agents.shard import POSITIONS, POSITIONS_KEY, write_positions
from agents.shards import Shards
from agents.tally import Tally
from streams.batching.host import TP, Ends, RecordBatch
from streams.batching.table import TablePart
from streams.unit import Unit
from tests.support.tables import MemoryTable

TOPICS = ("a", "b")


class Program:
    def __init__(self, number: int) -> None:
        self.number = number
        self.restored: Mapping[str, Any] | None = None
        self.decided: list[int] = []

    def restore(self, tables: Mapping[str, Any]) -> None:
        self.restored = tables

    def next_due_ms(self) -> None:
        return None

    def decide(self, record: Any, now_ms: int) -> None:
        self.decided.append(record.offset)

    def fire(self, now_ms: int) -> None:
        raise AssertionError("no timer is waiting")

    def held(self, held_ms: int) -> None:
        raise AssertionError("nothing lags")

    def figures(self, now_ms: int) -> ProgramFigures:
        return ProgramFigures(timers=self.number)

    def committed(self) -> None: ...

    def take(self) -> Unit:
        return Unit([], {})


class Writer:
    def __init__(self) -> None:
        self.opened: list[set[int]] = []

    async def open(self, shards: Collection[int]) -> None:
        self.opened.append(set(shards))

    async def write(self, shard: int, outputs: Any, changelogs: Any) -> Mapping[str, int]:
        raise AssertionError("nothing has an effect")

    async def close(self) -> None: ...


class EndedError(Exception):
    """The process was to end."""


class Bench:
    def __init__(self) -> None:
        self.writer = Writer()
        self.tally = Tally()
        self.caught_up: list[tuple[int, bool]] = []
        self.programs: list[Program] = []
        self.logs: dict[TopicPartition, list[tuple[bytes, bytes]]] = {}
        self.shards = Shards(
            topics=TOPICS, writer=self.writer, restore=self.restore, catch_up=self.catch_up,
            new_program=self.new_program, wall_ms=lambda: 1_000, end=self.end, tally=self.tally,
        )  # fmt: skip
        self.shards.tables = {name: MemoryTable(name) for name in ("subjects", POSITIONS)}

    def new_program(self, number: int) -> Program:
        self.programs.append(Program(number))
        return self.programs[-1]

    async def restore(self, parts: Mapping[TopicPartition, TablePart]) -> Mapping[TopicPartition, int]:
        taken = {}
        for partition, part in parts.items():
            fresh = self.logs.get(partition, [])[part.next_offset :]
            part.apply(dict(fresh), part.next_offset + len(fresh))
            taken[partition] = len(fresh)
        return taken

    async def catch_up(self) -> None:
        self.caught_up.append((len(self.writer.opened), self.shards.ready.is_set()))

    @staticmethod
    def end(reason: str) -> None:
        raise EndedError(reason)

    def assigned(self, *numbers: int) -> set[TP]:
        topics = [*TOPICS, *(table.changelog for table in self.shards.tables.values())]
        return {TP(topic, number) for topic in topics for number in numbers}


def positions(**offsets: int) -> tuple[bytes, bytes]:
    return POSITIONS_KEY, write_positions(offsets, 77)


async def test_every_shard_is_fenced_anew_and_restored() -> None:
    bench = Bench()
    bench.logs[TopicPartition("mal-positions-changelog", 1)] = [positions(a=4), positions(a=7, b=2)]
    await bench.shards.restore(bench.assigned(0, 1), 1)
    assert bench.writer.opened == [{0, 1}]
    assert sorted(program.number for program in bench.programs) == [0, 1]
    assert all(program.restored is not None for program in bench.programs)
    assert bench.shards.positions() == {TP("a", 1): 7, TP("b", 1): 2}


async def test_what_the_owner_before_knew_of_the_flows_is_known_before_a_shard_is_worked_on() -> None:
    bench = Bench()
    await bench.shards.restore(set(), 1)
    assert bench.caught_up == []
    await bench.shards.restore(bench.assigned(0), 2)
    # Once the owner before is fenced: what it hears from then on it commits no more.
    assert bench.caught_up == [(2, False)]


async def test_the_next_generation_keeps_what_nobody_else_has_written() -> None:
    bench = Bench()
    await bench.shards.restore(bench.assigned(0, 1), 1)
    bench.logs[TopicPartition("mal-positions-changelog", 1)] = [positions(a=9)]
    await bench.shards.restore(bench.assigned(0, 1), 2)
    # Shard 1 has news, so its program starts over; that of shard 0 goes on.
    assert sorted(program.number for program in bench.programs) == [0, 1, 1]
    assert bench.writer.opened == [{0, 1}, {0, 1}]


async def test_after_a_generation_without_us_everything_is_read_again() -> None:
    bench = Bench()
    bench.logs[TopicPartition("mal-subjects-changelog", 0)] = [(b"k", b"1")]
    await bench.shards.restore(bench.assigned(0), 1)
    part = bench.shards.tables["subjects"].part(0)
    await bench.shards.restore(bench.assigned(0), 3)
    assert bench.shards.tables["subjects"].part(0) is not part
    assert bench.shards.tables["subjects"].part(0).get(b"k") == b"1"


async def test_a_shard_that_went_away_and_came_back_is_read_again() -> None:
    bench = Bench()
    await bench.shards.restore(bench.assigned(0, 1), 1)
    await bench.shards.restore(bench.assigned(0), 2)
    part = bench.shards.tables["subjects"].part(1)
    await bench.shards.restore(bench.assigned(0, 1), 3)
    assert bench.shards.tables["subjects"].part(1) is not part


async def test_a_worker_in_reserve_is_ready_with_nothing() -> None:
    bench = Bench()
    await bench.shards.restore(set(), 1)
    assert bench.shards.ready.is_set()
    assert bench.shards.applied() == {}
    await bench.shards.suspend()
    assert not bench.shards.ready.is_set()


async def test_an_assignment_that_is_revoked_while_it_is_restored_is_never_worked_on() -> None:
    bench = Bench()
    await bench.shards.restore(bench.assigned(0), 1)
    await bench.shards.suspend()
    bench.shards.resume(1)  # Faust says so although a rebalance has begun
    assert not bench.shards.ready.is_set()
    assert not bench.shards._tasks
    await bench.shards.restore(bench.assigned(0), 2)
    bench.shards.resume(2)
    assert bench.shards.ready.is_set()
    await bench.shards.suspend()


async def test_no_shard_is_at_work_while_the_next_assignment_is_restored() -> None:
    bench = Bench()
    await bench.shards.restore(bench.assigned(0), 1)
    bench.shards.resume(1)
    (task,) = bench.shards._tasks
    await bench.shards.restore(bench.assigned(0), 2)
    assert task.done()
    assert not bench.shards.ready.is_set()


async def test_a_shard_of_some_topics_only_ends_the_worker() -> None:
    bench = Bench()
    with pytest.raises(EndedError, match=r"owns shards \[0, 1\], but not of b;"):
        await bench.shards.restore(bench.assigned(0, 1) - {TP("b", 1)}, 1)


async def test_nothing_is_heard_but_batches_of_the_epoch_that_was_sought() -> None:
    bench = Bench()
    await bench.shards.restore(bench.assigned(0), 1)
    bench.shards.resume(5)
    try:
        records = [type("Record", (), {"offset": offset, "timestamp": 1, "topic": "a"})() for offset in range(3)]
        at_end = {TP(topic, 0): True for topic in TOPICS}
        bench.shards.take(RecordBatch(1, 4, TP("a", 0), records))
        bench.shards.note_ends(Ends(5, 1, at_end))  # true only after batch 1 of epoch 5
        bench.shards.take(RecordBatch(2, 5, TP("a", 7), records))
        assert bench.shards.applied() == {}
        bench.shards.take(RecordBatch(1, 5, TP("a", 0), records))
        assert bench.shards.ready.is_set()
    finally:
        async with asyncio.timeout(5):
            while not bench.programs[0].decided:  # noqa: ASYNC110 -- bounded above
                await asyncio.sleep(0.001)
        await bench.shards.suspend()
    assert bench.programs[0].decided == [0, 1, 2]
    assert bench.shards.applied() == {TP("a", 0): 3}
    assert not bench.shards.ready.is_set()


async def _turn() -> None:
    import asyncio

    await asyncio.sleep(0.001)
