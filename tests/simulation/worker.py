"""A worker of the simulation: the project's shards and programs, with a transport that reads the log in memory.

Only what Faust does is done here: joining the group, seeking, polling, handing batches over, committing the group's
offsets. Restoring, deciding, committing and fencing are the project's own code.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from functools import partial
from typing import Any, Final

from aiokafka import TopicPartition

from agents.app import APP_ID
from agents.program import FlowProgram
from agents.shards import Shards
from agents.tally import Tally
from streams.batching.host import TP, Ends, RecordBatch
from streams.batching.restore import restore_parts
from streams.batching.seeking import seek_targets
from streams.batching.table import TablePart
from streams.batching.writers import CommandsFirstWriter, TransactionalWriter, UnitWriter
from streams.topics import COMMAND_TOPICS, TABLES, changelog
from tests.simulation.clients import MemoryProducer, MemoryReader
from tests.simulation.editors import KnownFlows
from tests.simulation.group import Assignment, Group, Member
from tests.simulation.log import Log
from tests.simulation.loop import Process
from tests.simulation.scene import INPUTS, START_MS
from tests.simulation.tape import Tape, TapedProgram
from tests.simulation.weather import Weather
from tests.support.tables import MemoryTable

COMMIT_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 2.0

Restore = Callable[[Mapping[TopicPartition, TablePart]], Awaitable[Mapping[TopicPartition, int]]]


class ProcessEndedError(BaseException):
    """The process has ended itself: nothing after this runs."""


class Parts:
    """What a worker is put together from, as `agents.bootstrap` does it. A planted bug replaces one of them."""

    is_once = True
    """Whether commands are promised to be there once: `exactly_once`."""

    def writer(self, worker: Worker) -> UnitWriter:
        return TransactionalWriter(worker.connect, worker.wall_ms, APP_ID)

    def restore(self, worker: Worker) -> Restore:
        return partial(restore_parts, worker.connect_reader)

    def program(self, worker: Worker, number: int) -> FlowProgram:
        return TapedProgram(number, worker.flows, worker.wall_ms, worker.tape)

    def shards(self, worker: Worker, **parts: Any) -> Shards:
        return Shards(**parts)


class AtLeastOnce(Parts):
    """What a worker is put together from with `at_least_once`."""

    is_once = False

    def writer(self, worker: Worker) -> UnitWriter:
        return CommandsFirstWriter(worker.connect, worker.wall_ms, APP_ID, COMMAND_TOPICS)


class Worker(Process):
    """One worker, from its start to its end.

    Args:
        name: for the reader of a report.
        loop: of the run.
        log: the log.
        group: its group.
        weather: of the run.
        flows: what it knows of the flows.
        tape: writes down what is decided.
        parts: what it is put together from.
        skew_ms: reads how far its clock is off.
    """

    def __init__(
        self,
        name: str,
        log: Log,
        group: Group,
        weather: Weather,
        flows: KnownFlows,
        tape: Tape,
        parts: Parts,
        skew_ms: Callable[[], int],
    ) -> None:
        super().__init__(name)
        self.flows = flows
        self.tape = tape
        self.reason: str | None = None
        """Why it ended itself."""
        self._log = log
        self._group = group
        self._weather = weather
        self._skew_ms = skew_ms
        self.connect = partial(MemoryProducer, log, weather)
        self.connect_reader = partial(MemoryReader, log, weather)
        self.shards = parts.shards(
            self,
            topics=INPUTS,
            writer=parts.writer(self),
            restore=parts.restore(self),
            catch_up=flows.catch_up,
            new_program=partial(parts.program, self),
            wall_ms=self.wall_ms,
            end=self._end,
            tally=Tally(),
        )
        self.shards.tables = {name: MemoryTable(name) for name in TABLES}
        self.member = Member(self)
        self._epoch = 0
        self._delivered = 0
        self._stream: deque[RecordBatch] = deque()
        self._more = asyncio.Event()

    def wall_ms(self) -> int:
        return START_MS + round(asyncio.get_running_loop().time() * 1000) + self._skew_ms()

    async def run(self) -> None:
        """Take assignments over, work on each, and let go of it when the next round begins."""
        await self.flows.start()
        self._reading_flows = asyncio.create_task(self.flows.read_on())
        handing_over = asyncio.create_task(self._hand_over())
        taking: asyncio.Task[dict[TP, int]] | None = None
        while not handing_over.done():
            assignment = await self._group.join(self.member)
            if taking is not None:
                # As Faust does: what was being restored is given up when the next assignment is there, not before.
                taking.cancel()
            rejoin = asyncio.create_task(self.member.round_is_on.wait())
            taking = asyncio.create_task(self._take_over(assignment))
            await asyncio.wait([rejoin, taking], return_when=asyncio.FIRST_COMPLETED)
            if taking.done():
                await self._work(taking.result(), rejoin)
            self._epoch += 1
            await self.shards.suspend()
            await self._weather.travel()
            self._group.commit(self.member, self.shards.applied())

    async def _work(self, positions: dict[TP, int], rejoin: asyncio.Task[bool]) -> None:
        tasks = [asyncio.create_task(self._read(positions)), asyncio.create_task(self._commit_now_and_then())]
        await rejoin
        for task in tasks:
            task.cancel()

    async def _take_over(self, assignment: Assignment) -> dict[TP, int]:
        topics = (*INPUTS, *map(changelog, TABLES))
        assigned = {TP(topic, shard) for topic in topics for shard in assignment.shards}
        try:
            await self.shards.restore(assigned, assignment.generation)
        except Exception as error:  # noqa: BLE001 -- as `batching.recovery` does
            self.shards.fail("the shards of a new assignment could not be restored", error)
        await self._weather.travel()
        targets = seek_targets(self.shards.positions(), self._group.committed(assignment.shards))
        self._epoch += 1
        self._delivered = 0
        self.shards.resume(self._epoch)
        return {partition: offset or 0 for partition, offset in targets.items()}

    # ---- reading

    async def _read(self, positions: dict[TP, int]) -> None:
        epoch = self._epoch
        lagging: dict[TP, float] = {}
        while True:
            news = self._log.news()
            moved = self._poll(epoch, positions, lagging)
            await asyncio.sleep(self._weather.seconds())
            if not moved:
                await asyncio.wait([news], timeout=IDLE_SECONDS)

    def _poll(self, epoch: int, positions: dict[TP, int], lagging: dict[TP, float]) -> bool:
        """Drain some of what there is, without giving way to anybody; say whether there was anything."""
        random = self._weather.random
        now = asyncio.get_running_loop().time()
        full = self.shards.full()
        at_end: dict[TP, bool] = {}
        moved = False
        for partition, before in positions.items():
            if partition in full:
                continue
            if not self._weather.is_calm and random.random() < self._weather.stall / 8:
                lagging[partition] = now + random.choice((0.5, 3.0, 45.0)) * random.random()
            place = self._log.partition(partition)
            if lagging.get(partition, 0.0) <= now and random.random() < 0.8:
                records, positions[partition] = place.committed(before, random.choice((1, 2, 500)))
                moved = moved or positions[partition] > before
                if records:
                    self._delivered += 1
                    self._stream.append(RecordBatch(self._delivered, epoch, partition, records))
                    self._more.set()
            at_end[partition] = positions[partition] >= place.stable_end
        self.shards.note_ends(Ends(epoch, self._delivered, at_end))
        return moved or not all(at_end.values())

    async def _hand_over(self) -> None:
        """Hand batches to the shards, one after the other and some time after they were read."""
        while True:
            while self._stream:
                await self._weather.dawdle()
                if self._stream:
                    self.shards.take(self._stream.popleft())
            self._more.clear()
            await self._more.wait()

    async def _commit_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            offsets = dict(self.shards.applied())
            await self._weather.travel()
            self._group.commit(self.member, offsets)

    def _end(self, reason: str) -> None:
        self.reason = reason
        self.is_dead = True
        raise ProcessEndedError(reason)

    def owned(self) -> Collection[int]:
        """Return the shards that it works on."""
        return sorted(self.shards._shards) if self.shards.ready.is_set() else []
