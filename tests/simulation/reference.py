"""The engine without any trouble: one program per shard, in one go from the first input to the last.

It is given the inputs in the order in which the shards decided them (interleaving of topics, and of timers with events,
is the shards' to decide), and checks that this order keeps the rules of a shard's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.program import FlowProgram
from agents.tally import Tally
from agents.worldview import BroadcastEntities
from engine.due import DueIndex, Timer
from streams.batching.table import TablePart
from streams.topics import TABLES
from streams.unit import Unit
from tests.simulation.scene import SHARDS, TIME_SCALE
from tests.simulation.tape import Decided, PublishedScene


class Reference:
    """One shard.

    Args:
        shard: its number.
        problems: takes what is wrong.
    """

    def __init__(self, shard: int, problems: list[str]) -> None:
        self.tables = {name: TablePart() for name in TABLES}
        self._shard = shard
        self._problems = problems
        self._wall_ms = self._now_ms = 0
        self._program = FlowProgram(
            shard,
            SHARDS,
            PublishedScene(),
            BroadcastEntities(),
            lambda: self._wall_ms,
            time_scale=TIME_SCALE,
            all_facts=False,
            tally=Tally(),
        )
        self._program.restore(self.tables)

    def decide(self, step: Decided) -> None:
        """Decide what a shard decided."""
        self._wall_ms, self._now_ms = step.wall_ms, step.now_ms
        if step.record is not None:
            self.nothing_is_due_before((step.now_ms,))
            self._program.decide(step.record, step.now_ms)
        elif step.timer is not None:
            if step.timer.due_ms > step.now_ms:
                self._wrong(f"{step.timer} fired early, at {step.now_ms}")
            self.nothing_is_due_before(step.timer)
            self._fire(step.timer, step.now_ms)

    def decide_without_effect(self, record: Any) -> None:
        """See that a record has no effect, which a shard passed over because it had none there."""
        before = self._decided_so_far()
        self._program.decide(record, max(self._now_ms, record.timestamp))
        if self._decided_so_far() != before:
            self._wrong(f"{record.topic} {record.offset} was passed over, but has an effect")

    def take(self) -> Unit:
        """Return what was decided since the last take, and take its rows over."""
        unit = self._program.take()
        for table, rows in unit.writes.items():
            self.tables[table].apply(rows, 0)
        return unit

    def nothing_is_due_before(self, moment: Timer | tuple[int]) -> None:
        """See that every timer before a moment has fired; one that is no news any more need not have."""
        program = self._program
        while program.next_due_ms() is not None and program._due._near[0] < moment:
            timer = program._due.pop()
            before = self._decided_so_far()
            self._fire(timer, timer.due_ms)
            if self._decided_so_far() != before:
                self._wrong(f"{timer} should have fired before {moment}")

    def still_due(self, until_ms: int) -> None:
        """See that nothing is left to fire until a moment."""
        self.nothing_is_due_before((until_ms,))

    def _fire(self, timer: Timer, now_ms: int) -> None:
        """Fire this very timer, whichever else is waiting."""
        waiting, program = self._program._due, self._program
        if waiting.next_due_ms() is not None and waiting._near[0] == timer:
            waiting.pop()
        program._due = DueIndex()
        program._due.add(timer)
        program.fire(now_ms)
        program._due = waiting

    def _decided_so_far(self) -> tuple[int, Mapping[str, int]]:
        program = self._program
        return len(program._records._outputs), {table: len(rows) for table, rows in program._state._dirty.items()}

    def _wrong(self, what: str) -> None:
        self._problems.append(f"shard {self._shard}: {what}")
