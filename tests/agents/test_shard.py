"""A shard at work: its clock, its timers, and one unit of commit after the other; on a writer in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from agents import shard as module
from agents.shard import POSITIONS, POSITIONS_KEY, Shard, read_positions
from agents.tally import Tally
from streams.batching.table import TablePart
from streams.topics import changelog
from streams.unit import Output, Unit

WALL_MS = 1_000_000


@dataclass(frozen=True)
class Record:
    topic: str
    offset: int
    timestamp: int


@dataclass
class Program:
    """Writes down what is asked of it; what it decides goes out as one output and one row."""

    due: list[int] = field(default_factory=list)
    said: list[tuple[str, Any, int]] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    has_effects: bool = True

    def next_due_ms(self) -> int | None:
        return min(self.due, default=None)

    def decide(self, record: Record, now_ms: int) -> None:
        self.said.append(("record", (record.topic, record.offset), now_ms))
        self.fresh.append(f"{record.topic}{record.offset}")

    def fire(self, now_ms: int) -> None:
        due_ms = min(self.due)
        self.due.remove(due_ms)
        self.said.append(("timer", due_ms, now_ms))
        self.fresh.append(f"timer{due_ms}")

    def held(self, held_ms: int) -> None:
        self.said.append(("held", None, held_ms))

    def committed(self) -> None: ...

    def take(self) -> Unit:
        fresh, self.fresh = self.fresh, []
        if not self.has_effects:
            return Unit([], {})
        outputs = [Output("out", 3, None, name.encode()) for name in fresh]
        return Unit(outputs, {"subjects": {name.encode(): b"row" for name in fresh}})


@dataclass
class MemoryWriter:
    """Keeps the units it is given; `gate` holds a write back until it is set."""

    units: list[tuple[list[str], dict[str, int]]] = field(default_factory=list)
    error: Exception | None = None
    gate: asyncio.Event | None = None
    length: int = 0

    async def open(self, shards: Collection[int]) -> None: ...

    async def close(self) -> None: ...

    async def write(self, shard: int, outputs: Iterable[Output], changelogs: Iterable[Output]) -> Mapping[str, int]:
        assert shard == 3
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        records = list(changelogs)
        self.length += len(records)
        row = next(record.value for record in records if record.topic == changelog(POSITIONS))
        assert row is not None
        part = TablePart()
        part.apply({POSITIONS_KEY: row}, 1)
        names = [(output.value or b"").decode() for output in outputs]
        self.units.append((names, read_positions({POSITIONS: part})[0]))
        return {record.topic: self.length for record in records}


class Bench:
    """A shard of two topics, run for as long as a test looks at it."""

    def __init__(self, **program: Any) -> None:
        self.wall_ms = WALL_MS
        self.program = Program(**program)
        self.writer = MemoryWriter()
        self.tally = Tally()
        self.tables = {name: TablePart() for name in ("subjects", POSITIONS)}
        self.shard = self.new_shard()

    def new_shard(self) -> Shard:
        return Shard(3, ("a", "b"), self.tables, self.program, self.writer, lambda: self.wall_ms, self.tally)

    def give(self, topic: str, *records: tuple[int, int], at_end: bool = True) -> None:
        self.shard.take(topic, [Record(topic, offset, timestamp) for offset, timestamp in records])
        self.shard.note_end(topic, at_end)

    async def run(self, said: int) -> list[tuple[str, Any, int]]:
        """Run until the program has been asked so many times, and the last of it is committed."""
        task = asyncio.create_task(self.shard.run())
        async with asyncio.timeout(5):
            while len(self.program.said) < said and not task.done():  # noqa: ASYNC110 -- bounded above
                await asyncio.sleep(0.005)
        self.shard.stop()
        await task
        return self.program.said


async def test_records_are_decided_at_their_own_time() -> None:
    bench = Bench()
    bench.give("a", (0, 100), (1, 300))
    bench.give("b", (0, 200))
    assert await bench.run(3) == [("record", ("a", 0), 100), ("record", ("b", 0), 200), ("record", ("a", 1), 300)]
    assert bench.writer.units == [(["a0", "b0", "a1"], {"a": 2, "b": 1})]
    assert bench.shard.applied == {"a": 2, "b": 1}
    assert bench.tables["subjects"].get(b"b0") == b"row"
    assert bench.tables["subjects"].next_offset == bench.writer.length


async def test_the_clock_never_goes_back_and_never_ahead_of_the_wall() -> None:
    bench = Bench()
    bench.give("a", (0, 500), (1, 100), (2, WALL_MS + 60_000))
    bench.give("b")
    assert [now for _, _, now in await bench.run(3)] == [500, 500, WALL_MS]


async def test_a_timer_fires_at_its_own_time_before_any_later_record_and_after_one_of_its_time() -> None:
    bench = Bench(due=[150, 300])
    bench.give("a", (0, 100), (1, 300), (2, 400))
    bench.give("b")
    assert await bench.run(5) == [
        ("record", ("a", 0), 100), ("timer", 150, 150), ("record", ("a", 1), 300), ("timer", 300, 300),
        ("record", ("a", 2), 400),
    ]  # fmt: skip


async def test_with_everything_read_to_its_end_timers_go_by_the_wall_clock() -> None:
    bench = Bench(due=[WALL_MS - 5, WALL_MS + 5])
    bench.give("a")
    bench.give("b")
    assert await bench.run(1) == [("timer", WALL_MS - 5, WALL_MS - 5)]
    bench.wall_ms += 10
    bench.shard = bench.new_shard()
    bench.give("a")
    bench.give("b")
    assert (await bench.run(2))[1:] == [("timer", WALL_MS + 5, WALL_MS + 5)]


async def test_an_input_that_lags_holds_everything() -> None:
    bench = Bench(due=[50])
    bench.give("a", (0, 100))
    bench.give("b", at_end=False)
    task = asyncio.create_task(bench.shard.run())
    await asyncio.sleep(0.05)
    assert bench.program.said == []
    bench.give("b", (0, 60))
    bench.shard.note_end("b", at_end=True)
    async with asyncio.timeout(5):
        while len(bench.program.said) < 3:  # noqa: ASYNC110 -- bounded above
            await asyncio.sleep(0.005)
    bench.shard.stop()
    await task
    assert bench.program.said == [("timer", 50, 50), ("record", ("b", 0), 60), ("record", ("a", 0), 100)]


async def test_it_holds_for_a_while_only_and_that_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HOLD_SECONDS", 0.05)
    bench = Bench()
    bench.give("a", (0, 100))
    bench.give("b", at_end=False)
    (held, *rest) = await bench.run(2)
    assert held[0] == "held"
    assert 40 <= held[2] < 5_000
    assert rest == [("record", ("a", 0), 100)]


async def test_what_has_no_effect_writes_nothing_and_moves_on() -> None:
    bench = Bench(has_effects=False)
    bench.give("a", (0, 100), (1, 101))
    bench.give("b")
    await bench.run(2)
    assert bench.writer.units == []
    assert bench.shard.applied == {"a": 2}


async def test_what_comes_during_a_commit_is_one_unit_after_it() -> None:
    bench = Bench()
    bench.writer.gate = asyncio.Event()
    bench.give("a", (0, 100))
    bench.give("b")
    task = asyncio.create_task(bench.shard.run())
    await asyncio.sleep(0.02)
    for offset in range(1, 6):
        bench.give("a", (offset, 100 + offset))
    bench.writer.gate.set()
    async with asyncio.timeout(5):
        while len(bench.program.said) < 6:  # noqa: ASYNC110 -- bounded above
            await asyncio.sleep(0.005)
    bench.shard.stop()
    await task
    assert [names for names, _ in bench.writer.units] == [["a0"], ["a1", "a2", "a3", "a4", "a5"]]


async def test_a_unit_that_is_refused_is_not_applied() -> None:
    bench = Bench()
    bench.writer.error = RuntimeError("fenced")
    bench.give("a", (0, 100))
    bench.give("b")
    with pytest.raises(RuntimeError, match="fenced"):
        await bench.run(2)
    assert bench.shard.applied == {}
    assert len(bench.tables["subjects"]) == 0


async def test_a_shard_goes_on_where_its_tables_leave_off_and_its_clock_with_it() -> None:
    bench = Bench()
    bench.give("a", (0, 100), (1, 900))
    bench.give("b")
    await bench.run(2)
    bench.shard = bench.new_shard()
    assert bench.shard.applied == {"a": 2}
    bench.give("a", (1, 900), (2, 200))
    bench.give("b")
    # All had been read to its end, so the clock stood at the wall's time, and it does not go back.
    assert (await bench.run(3))[2:] == [("record", ("a", 2), WALL_MS)]
