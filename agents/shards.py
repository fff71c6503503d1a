"""The shards of this worker: taken over at an assignment, at work until the next, given up as a whole.

`ShardHost` of the transport. Whatever goes wrong ends the process: what it holds in memory may be ahead of Kafka, and
the next owner starts from what is committed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Final, Protocol

from aiokafka import TopicPartition

from agents.figures import ProgramFigures, ShardFigures
from agents.shard import Shard, ShardProgram, read_positions
from agents.tally import Tally
from streams.batching.host import TP, Ends, RecordBatch
from streams.batching.table import TablePart
from streams.batching.writers import UnitWriter
from streams.unit import ShardTable

SUSPEND_SECONDS: Final = 40.0
"""The longest a unit may take to finish when a rebalance comes; longer than a unit's own bound."""
MAX_BUFFERED: Final = 5_000
"""Records of one input and shard in memory; beyond it no more are fetched."""

log = logging.getLogger(__name__)


class ShardedTable(Protocol):
    """A table whose rows are in parts by shard (`streams.batching.table.BatchTable`)."""

    @property
    def changelog(self) -> str:
        """The name of the changelog topic."""

    def part(self, shard: int) -> TablePart:
        """Return the part of a shard, new where there was none."""

    def forget(self, shard: int) -> None:
        """Drop the part of a shard."""


class RestorableProgram(ShardProgram, Protocol):
    """A program that builds what it keeps in memory from the tables of its shard."""

    def restore(self, tables: Mapping[str, ShardTable]) -> None:
        """Take the restored tables."""

    def figures(self, now_ms: int) -> ProgramFigures:
        """Return what it keeps, counted."""


class Shards:
    """Hosts the shards.

    Args:
        topics: the inputs of a shard.
        writer: writes units of commit, and fences.
        restore: brings parts of tables up to the end of their changelogs.
        catch_up: returns once this worker knows of the flows what any worker knew when it was called.
        new_program: makes the program of a shard, by its number.
        wall_ms: reads the wall clock.
        end: ends the process, with what is to be said.
        tally: counts what the shards do.
    """

    def __init__(
        self,
        *,
        topics: Collection[str],
        writer: UnitWriter,
        restore: Callable[[Mapping[TopicPartition, TablePart]], Awaitable[Mapping[TopicPartition, int]]],
        catch_up: Callable[[], Awaitable[None]],
        new_program: Callable[[int], RestorableProgram],
        wall_ms: Callable[[], int],
        end: Callable[[str], None],
        tally: Tally,
    ) -> None:
        self.tables: Mapping[str, ShardedTable] = {}
        """Set by the composition root once the app has made them."""
        self.ready = asyncio.Event()
        """Set when an assignment is being worked on."""
        self._topics = topics
        self._writer = writer
        self._restore = restore
        self._catch_up = catch_up
        self._new_program = new_program
        self._wall_ms = wall_ms
        self._end = end
        self._tally = tally
        self._generation = -1
        self._is_granted = False
        """Whether the assignment that was restored last still stands. It can be revoked while it is being restored."""
        self._programs: dict[int, RestorableProgram] = {}
        self._shards: dict[int, Shard] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._epoch = -1
        self._taken = 0
        self._ends: Ends | None = None

    # ---- batches

    def take(self, batch: RecordBatch) -> None:
        """Hand a batch to its shard; one of another epoch is read again."""
        shard = self._shards.get(batch.partition.partition)
        if batch.epoch != self._epoch or shard is None:
            return
        shard.take(batch.partition.topic, batch.records)
        self._taken = batch.number
        self._apply_ends()

    def note_ends(self, ends: Ends) -> None:
        """Tell the shards which inputs are read to their end, once they have what was delivered before."""
        self._ends = ends
        self._apply_ends()

    def full(self) -> Collection[TP]:
        """Return the inputs that have enough in their buffers."""
        return {
            TP(topic, number)
            for number, shard in self._shards.items()
            if shard.inputs.size >= MAX_BUFFERED
            for topic in self._topics
            if shard.inputs.buffered(topic) >= MAX_BUFFERED
        }

    def applied(self) -> Mapping[TP, int]:
        """Return the next offset of every input after what is applied."""
        return {
            TP(topic, number): offset
            for number, shard in self._shards.items()
            for topic, offset in shard.applied.items()
        }  # fmt: skip

    def figures(self) -> list[ShardFigures]:
        """Return every shard that is at work, counted; none between two assignments."""
        now_ms = self._wall_ms()
        return [
            ShardFigures(
                number=number,
                units=shard.units,
                is_busy=shard.is_busy,
                holds=shard.holds,
                buffered=shard.inputs.size,
                rows={name: len(part) for name, part in self._tables_of(number).items()},
                kept=self._programs[number].figures(now_ms),
            )
            for number, shard in (self._shards.items() if self.ready.is_set() else ())
        ]

    def _apply_ends(self) -> None:
        ends = self._ends
        if ends is None or ends.epoch != self._epoch or ends.after > self._taken:
            return
        self._ends = None
        for partition, at_end in ends.at_end.items():
            if shard := self._shards.get(partition.partition):
                shard.note_end(partition.topic, at_end)

    # ---- assignments

    async def suspend(self) -> None:
        """Let every shard finish its unit, then stop it."""
        self._is_granted = False
        self.ready.clear()
        for shard in self._shards.values():
            shard.stop()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=SUSPEND_SECONDS)
            if late:
                self.fail(f"{len(late)} shards did not finish their unit of commit within {SUSPEND_SECONDS:g} s")
        self._tasks = []
        self._epoch = -1

    async def restore(self, assigned: Collection[TP], generation: int) -> None:
        """Take an assignment over. Parts kept from the assignment just before are only brought up to date."""
        began = time.monotonic()
        await self.suspend()  # nothing may write through a producer that is opened for the next owner of its shard
        self._is_granted = True
        shards = self._whole_shards(assigned)
        kept = shards if generation == self._generation + 1 else frozenset[int]()
        self._generation = generation
        for number in [number for number in self._programs if number not in kept]:
            del self._programs[number]
        await self._writer.open(shards)
        parts = {
            TopicPartition(table.changelog, number): _part(table, number, keep=number in self._programs)
            for table in self.tables.values()
            for number in shards
        }
        taken = await self._restore(parts) if parts else {}
        if parts:
            # The owner before may have known a version that we do not yet, and its executions would be lost to us. It
            # is fenced by now: it will not commit what it hears from here on.
            await self._catch_up()
        changed = {partition.partition for partition, records in taken.items() if records}
        for number in shards:
            if number in changed or number not in self._programs:
                program = self._programs[number] = self._new_program(number)
                program.restore(self._tables_of(number))
        self._shards = {}
        self._tally.restores.add(time.monotonic() - began)
        self._tally.counts["restored_records"] += sum(taken.values())
        if not shards:
            self.ready.set()  # in reserve: nothing is sought for a worker that owns nothing
        log.info(
            "shards %s are ours in generation %d: %d records restored, %d shards kept as they were",
            sorted(shards), generation, sum(taken.values()), len(kept & self._programs.keys() - changed),
        )  # fmt: skip

    def positions(self) -> Mapping[TP, int]:
        """Return the next offset of every input, as the restored tables have it."""
        return {
            TP(topic, number): offset
            for number in self._programs
            for topic, offset in read_positions(self._tables_of(number))[0].items()
        }  # fmt: skip

    def resume(self, epoch: int) -> None:
        """Start the shards, unless a rebalance has come while they were restored.

        Faust goes on with an assignment that was revoked in between; the next one would find these shards at work, and
        hand them its producers.
        """
        if not self._is_granted:
            return
        self._epoch, self._taken, self._ends = epoch, 0, None
        self._shards = {
            number: Shard(
                number, self._topics, self._tables_of(number), program, self._writer, self._wall_ms, self._tally
            )
            for number, program in self._programs.items()
        }
        self._tasks = [asyncio.create_task(self._run(number, shard)) for number, shard in self._shards.items()]
        self.ready.set()

    def fail(self, reason: str, error: BaseException | None = None) -> None:
        """End the process."""
        log.critical("%s", reason, exc_info=error)
        self._end(reason)

    async def _run(self, number: int, shard: Shard) -> None:
        try:
            await shard.run()
        except Exception as error:  # noqa: BLE001 -- a unit that is not applied must be done again from what is committed
            self.fail(f"shard {number} could not go on", error)

    def _whole_shards(self, assigned: Collection[TP]) -> frozenset[int]:
        by_topic: dict[str, set[int]] = {
            topic: set() for topic in (*self._topics, *(table.changelog for table in self.tables.values()))
        }
        for partition in assigned:
            by_topic.setdefault(partition.topic, set()).add(partition.partition)
        shards = frozenset().union(*by_topic.values())
        torn = sorted(topic for topic, numbers in by_topic.items() if numbers != shards)
        if torn:
            self.fail(
                f"this worker owns shards {sorted(shards)}, but not of {', '.join(torn)}; is one of another release?"
            )
        return shards

    def _tables_of(self, number: int) -> dict[str, TablePart]:
        return {name: table.part(number) for name, table in self.tables.items()}


def _part(table: ShardedTable, number: int, *, keep: bool) -> TablePart:
    if not keep:
        table.forget(number)
    return table.part(number)
