"""One shard at work: decides its inputs on its own clock, and commits what was decided, one unit after the other.

The clock is log time (product.md section 2, Time). A unit takes all that has come while the one before was committed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import orjson

from agents.inputs import Record, ShardInputs
from agents.tally import Tally
from streams.batching.table import TablePart
from streams.batching.writers import UnitWriter
from streams.topics import changelog
from streams.unit import Output, Unit

log = logging.getLogger(__name__)

POSITIONS: Final = "positions"
POSITIONS_KEY: Final = b"inputs"

MAX_INPUTS: Final = 5_000
"""Inputs of one unit."""
SLICE_SECONDS: Final = 0.2
"""The longest that one shard decides before the others have their turn."""
HOLD_SECONDS: Final = 30.0
"""So long a lagging input holds the clock."""
LOOK_SECONDS: Final = 0.25
"""How often a shard without inputs looks at the flows, which may have been archived."""


class ShardProgram(Protocol):
    """What a shard does with its inputs (`agents.program`)."""

    def next_due_ms(self) -> int | None:
        """Return when the earliest timer is due."""

    def decide(self, record: Record, now_ms: int) -> None:
        """Decide one record."""

    def fire(self, now_ms: int) -> None:
        """Fire the earliest timer."""

    def held(self, held_ms: int) -> None:
        """Count that the clock went on without an input that lags."""

    def take(self) -> Unit:
        """Return what was decided since the last take."""

    def committed(self) -> None:
        """Note that what was taken last is committed."""


class Shard:
    """Works on one partition number of all topics until it is stopped.

    Args:
        number: of the partition.
        topics: the inputs.
        tables: the shard's parts of the tables, restored.
        program: decides.
        writer: writes units of commit.
        wall_ms: reads the wall clock.
        tally: counts what is committed.
    """

    def __init__(
        self,
        number: int,
        topics: Iterable[str],
        tables: Mapping[str, TablePart],
        program: ShardProgram,
        writer: UnitWriter,
        wall_ms: Callable[[], int],
        tally: Tally,
    ) -> None:
        self._number = number
        self._tables = tables
        self._program = program
        self._writer = writer
        self._wall_ms = wall_ms
        self._tally = tally
        known, self._clock_ms = read_positions(tables)
        self.applied: Mapping[str, int] = known
        """For each input the next offset after what is applied; absent where nothing was."""
        self.inputs = ShardInputs({topic: known.get(topic, 0) for topic in topics})
        self._stopping = False
        self._news = asyncio.Event()
        self._held_since: float | None = None
        self._decided: list[Record] = []
        self.units = 0
        """How many units were committed: it rises as long as the shard gets on."""
        self.is_busy = False
        """Whether a unit is being decided or committed."""

    @property
    def holds(self) -> bool:
        """Whether the shard waits for an input that lags, for `HOLD_SECONDS` at most."""
        return self._held_since is not None

    def take(self, topic: str, records: Iterable[Record]) -> None:
        """Buffer records."""
        self.inputs.take(topic, records)
        self._news.set()

    def note_end(self, topic: str, at_end: bool) -> None:
        """Note whether an input is read to its end."""
        self.inputs.note_end(topic, at_end)
        self._news.set()

    def stop(self) -> None:
        """Stop after the unit that is being committed."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Decide and commit until stopped. What goes wrong in a commit is raised: the unit is then not applied."""
        monotonic = asyncio.get_running_loop().time
        while not self._stopping:
            self._news.clear()
            began = monotonic()
            if self._decide():
                self.is_busy = True
                await self._commit()
                self._note_unit(monotonic() - began)
                await asyncio.sleep(0)
            else:
                await self._wait()

    # ---- deciding

    def _decide(self) -> int:
        program, inputs = self._program, self.inputs
        wall_ms = self._wall_ms()
        monotonic = asyncio.get_running_loop().time
        deadline = monotonic() + SLICE_SECONDS
        count = 0
        while count < MAX_INPUTS and not self._is_held():
            head_ms = inputs.head_timestamp()
            # Never ahead of the wall clock, never going back.
            until_ms = max(self._clock_ms, wall_ms if head_ms is None else min(head_ms, wall_ms))
            due_ms = program.next_due_ms()
            # A tie goes to the record: a wait that is over at this moment still hears the event of this moment.
            if due_ms is not None and (due_ms < until_ms or (due_ms == until_ms and head_ms is None)):
                self._clock_ms = max(self._clock_ms, due_ms)
                program.fire(self._clock_ms)
            elif head_ms is not None:
                self._clock_ms = until_ms
                record = inputs.pop()
                self._decided.append(record)
                program.decide(record, until_ms)
            else:
                self._clock_ms = until_ms
                break
            count += 1
            if monotonic() > deadline:
                break
        return count

    def _is_held(self) -> bool:
        lagging = self.inputs.lagging()
        if not lagging:
            self._held_since = None
            return False
        now = asyncio.get_running_loop().time()
        if self._held_since is None:
            self._held_since = now
        if now - self._held_since < HOLD_SECONDS:
            return True
        seconds = now - self._held_since
        told = {"shard": self._number}
        log.warning("its clock goes on without %s, after %.0f s", ", ".join(lagging), seconds, extra=told)
        self._program.held(round(seconds * 1000))
        self.inputs.excuse(lagging)
        self._held_since = None
        return False

    async def _wait(self) -> None:
        seconds = LOOK_SECONDS
        if self._held_since is None and (due_ms := self._program.next_due_ms()) is not None:
            seconds = min(seconds, max(0.001, (due_ms - self._wall_ms()) / 1000))
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return

    # ---- committing

    async def _commit(self) -> None:
        unit = self._program.take()
        decided = {topic: offset for topic, offset in self.inputs.decided.items() if offset}
        if unit:
            writes = {**unit.writes, POSITIONS: {POSITIONS_KEY: write_positions(decided, self._clock_ms)}}
            changelogs = [
                Output(changelog(table), self._number, key, value)
                for table, rows in writes.items()
                for key, value in rows.items()
            ]
            ends = await self._writer.write(self._number, unit.outputs, changelogs)
            for table, rows in writes.items():
                if rows:
                    self._tables[table].apply(rows, ends[changelog(table)])
        self.applied = decided

    def _note_unit(self, seconds: float) -> None:
        self._program.committed()
        self._tally.note_unit(self._decided, seconds, self._wall_ms())
        self._decided.clear()
        self.units += 1
        self.is_busy = False


def read_positions(tables: Mapping[str, TablePart]) -> tuple[dict[str, int], int]:
    """Return, from a shard's tables, the next offset of each input and the shard's clock in milliseconds."""
    row = tables[POSITIONS].get(POSITIONS_KEY)
    decoded: dict[str, Any] = orjson.loads(row) if row else {"next": {}, "clockMs": 0}
    return decoded["next"], decoded["clockMs"]


def write_positions(next_offsets: Mapping[str, int], clock_ms: int) -> bytes:
    """Return the row that `read_positions` reads."""
    return orjson.dumps({"next": next_offsets, "clockMs": clock_ms})
