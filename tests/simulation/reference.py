"""The engine without any trouble: one program per shard, in one go from the first input to the last.

It is given the inputs in the order in which the shards decided them (interleaving of topics, and of timers with events,
is the shards' to decide), and checks that this order keeps the rules of a shard's clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from agents.program import FlowProgram
from agents.tally import Tally
from agents.worldview import BroadcastEntities
from engine import lifecycle
from engine.due import CHANGE_RANK, DueIndex, Timer
from engine.matching import Index
from streams.batching.table import TablePart
from streams.topics import TABLES
from streams.unit import Unit
from tests.simulation.scene import SHARDS, TIME_SCALE
from tests.simulation.tape import Decided


class _Flows:
    """The flows as they are known at a place in the order."""

    def __init__(self, views: Sequence[Index]) -> None:
        self.view = 0
        self._views = views

    def snapshot(self) -> Index:
        return self._views[self.view]


class Reference:
    """One shard.

    Args:
        shard: its number.
        views: what there was to know of the flows.
        problems: takes what is wrong.
    """

    def __init__(self, shard: int, views: Sequence[Index], problems: list[str]) -> None:
        self._flows = _Flows(views)
        self.tables = {name: TablePart() for name in TABLES}
        self._shard = shard
        self._problems = problems
        self._wall_ms = self._seen_ms = self._now_ms = 0
        self._program = FlowProgram(
            shard,
            SHARDS,
            self._flows,
            BroadcastEntities(),
            lambda: self._wall_ms,
            time_scale=TIME_SCALE,
            all_facts=False,
            tally=Tally(),
        )
        self._program.restore(self.tables)

    def know(self, view: int) -> None:
        """Go on with what is known of the flows, as a shard does that looks at them between two units."""
        if view < self._flows.view:
            self._wrong(f"view {view} of the flows was decided by after view {self._flows.view}")
        self._flows.view = view
        self._program._index = None
        self._program.next_due_ms()

    def decide(self, step: Decided) -> None:
        """Decide what a shard decided."""
        self._wall_ms, self._seen_ms = step.wall_ms, step.seen_ms
        if step.record is not None:
            self.nothing_is_due_before((step.now_ms,))
            self._program.decide(step.record, step.now_ms)
        elif step.timer is not None:
            if step.timer.due_ms > step.now_ms:
                self._wrong(f"{step.timer} fired early, at {step.now_ms}")
            self.nothing_is_due_before(step.timer)
            self._fire(step.timer, step.now_ms)
        self._now_ms = step.now_ms

    def decide_without_effect(self, step: Decided, view: int) -> None:
        """See that a record has no effect, which a shard passed over because it had none there, by that view."""
        before, known, record = self._decided_so_far(), self._flows.view, step.record
        assert record is not None
        self._flows.view, self._program._index = view, None
        self._wall_ms = step.wall_ms
        self._program.decide(record, step.now_ms)
        self._flows.view, self._program._index = known, None
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
            self._fire(timer, self._moment_of(timer))
            if self._decided_so_far() != before:
                self._wrong(f"{timer} should have fired before {moment}")

    def still_due(self, until_ms: int) -> None:
        """See that nothing is left to fire until a moment."""
        self.nothing_is_due_before((until_ms,))

    def _moment_of(self, timer: Timer) -> int:
        """Return the moment at which a shard may have fired a timer that it says nothing of.

        One that hears of a resume when its flow is paused again does nothing then, whatever the resume's own moment;
        and its clock goes with the wall's in looks that decide nothing.
        """
        first_ms = max(self._now_ms, timer.due_ms)
        run = self._program._decider._rows.run(timer.execution) if timer.rank == CHANGE_RANK else None
        flow = self._flows.snapshot().flows.get(run.flow_id) if run is not None else None
        if flow is None:
            return first_ms
        last_ms = max(first_ms, self._seen_ms)
        changes = [change.at_ms for change in flow.head.statuses if first_ms < change.at_ms <= last_ms]
        return next((at_ms for at_ms in (first_ms, *changes) if lifecycle.is_paused(flow.head, at_ms)), first_ms)

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
