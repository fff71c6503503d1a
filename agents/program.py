"""What a shard does with its inputs: reads them, hands them to the decider, and collects one unit of commit.

The shell (`shard`, `streams.batching`) owns time, transactions and Kafka; this module owns the meaning of a record. A
record that cannot be read is dead-lettered alone. Any other error is a bug and must crash the worker: nothing later is
committed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from agents.breakers import Breakers
from agents.figures import ProgramFigures
from agents.inputs import Record
from agents.records import ShardRecords, Spans
from agents.state import ShardState
from agents.tally import Tally
from engine import lifecycle
from engine.decider import Decider
from engine.due import CHANGE_RANK, SLOT_RANK, DueIndex, Timer, change_timer
from engine.events import Event
from engine.inputs import Answered, Moment
from engine.matching import Index
from engine.shard_tables import Entities
from engine.sink import Source
from engine.types import CommandId, FlowId
from streams.dead_letters import dead_letter
from streams.events import Poison, decode
from streams.feed import read_result
from streams.partitioner import partition_for
from streams.topics import COMMAND_RESULTS, TRIGGERS
from streams.triggers import read_trigger, rekey_record
from streams.unit import Output, ShardTable, Unit

log = logging.getLogger(__name__)

MAX_HOME_SUBJECTS: Final = 1_000_000
"""How many subjects a shard remembers to be at home; beyond it forgets, and checks again."""


MOST_DUE: Final = 10_000
"""Timers that are due are counted so far."""


class FlowIndex(Protocol):
    """The published flows, as this worker has read them."""

    def snapshot(self) -> Index:
        """Return the immutable index of now."""


class FlowProgram:
    """The program of one shard.

    Args:
        partition: the shard's number.
        partitions: how many shards there are.
        flows: the published flows.
        entities: facts of campaigns, releases and users.
        wall_ms: reads the wall clock; the one impurity, handed in by the composition root.
        time_scale: MAL_TIME_SCALE.
        all_facts: MAL_FACTS=all.
        tally: counts what is decided; one for all shards of a worker.
        spans: notes it for a tracing collector; None where there is none.
    """

    def __init__(
        self,
        partition: int,
        partitions: int,
        flows: FlowIndex,
        entities: Entities,
        wall_ms: Callable[[], int],
        *,
        time_scale: float,
        all_facts: bool,
        tally: Tally,
        spans: Spans | None = None,
    ) -> None:
        self._tally = tally
        self._counts = tally.counts
        self._partition = partition
        self._partitions = partitions
        self._flows = flows
        self._entities = entities
        self._wall_ms = wall_ms
        self._time_scale = time_scale
        self._all_facts = all_facts
        self._due = DueIndex()
        self._records = ShardRecords(partition, partitions, self._due, tally, spans)
        self._breakers = Breakers(time_scale)
        self._home: set[str] = set()
        self._index: Index | None = None
        self._looked_at: Index | None = None
        self._moments: Mapping[FlowId, tuple[int, ...]] = {}

    # ---- the shell's calls

    def restore(self, tables: Mapping[str, ShardTable]) -> None:
        """Take the recovered tables, and build the timers from them."""
        self._state = ShardState(tables)
        self._decider = Decider(
            self._state,
            self._records,
            self._entities,
            time_scale=self._time_scale,
            all_facts=self._all_facts,
            is_home=lambda subject_id: partition_for(subject_id.encode(), self._partitions) == self._partition,
        )
        for _execution, waiting in self._state.waiting():
            for timer in waiting.timers:
                self._due.add(timer)

    def next_due_ms(self) -> int | None:
        """Return when the earliest timer is due; a flow that has changed counts as one."""
        self._look_for_changes()
        return self._due.next_due_ms()

    def decide(self, record: Record, now_ms: int) -> None:
        """Decide one record at a moment of log time."""
        moment = self._moment(now_ms)
        if record.topic == COMMAND_RESULTS:
            self._answer(record, moment)
        elif record.topic == TRIGGERS:
            self._trigger(record, moment)
        else:
            event = self._read(record)
            if event is not None and not self._sent_home(record, event):
                source = Source(record.topic, record.partition, record.offset)
                self._decider.event(event, source, self._snapshot(), moment)

    def fire(self, now_ms: int) -> None:
        """Fire the earliest timer, at its own time."""
        moment = self._moment(now_ms)
        timer = self._due.pop()
        if not self._breakers.are_closed and self._puts_off(timer, now_ms):
            return
        if timer.rank == CHANGE_RANK:
            self._decider.change(timer.execution, self._snapshot(), moment)
        elif timer.rank == SLOT_RANK:
            self._counts["slots"] += 1
            self._decider.slot(FlowId(timer.node_id), self._snapshot(), moment)
        else:
            self._counts["timers"] += 1
            self._decider.timer(timer.execution, timer.node_id, timer.visit, self._snapshot(), moment)

    def _puts_off(self, timer: Timer, now_ms: int) -> bool:
        """Put off an attempt at a command of a system that only fails; say whether that was done."""
        attempt = self._decider.next_attempt(timer.execution, timer.node_id, timer.visit)
        later = self._breakers.put_off(timer, attempt, now_ms)
        if later is None:
            return False
        self._counts["attempts_put_off"] += 1
        self._due.add(later)
        return True

    def held(self, held_ms: int) -> None:
        """Count that the clock went on without an input that lags."""
        self._counts["clock_held"] += 1
        self._counts["clock_held_ms"] += held_ms

    def figures(self, now_ms: int) -> ProgramFigures:
        """Return what can be counted at a moment of the wall clock; to be asked at any time, and cheap."""
        earliest_ms = self._due.next_due_ms()
        return ProgramFigures(
            timers=len(self._due),
            timers_due=self._due.count_due(now_ms, MOST_DUE),
            late_ms=0 if earliest_ms is None else max(0, now_ms - earliest_ms),
            open_breakers=tuple(self._breakers.open_systems()),
        )

    def take(self) -> Unit:
        """Return what was decided since the last take."""
        self._index = None
        return Unit(outputs=self._records.take(), writes=self._state.take())

    def committed(self) -> None:
        """Note that what was taken last is committed."""
        self._records.committed()

    # ---- records

    def _trigger(self, record: Record, moment: Moment) -> None:
        if record.value is None:
            self._counts["skipped"] += 1
            return
        try:
            trigger = read_trigger(record)
        except Poison as poison:
            self._bury(record, poison)
            return
        index = self._snapshot()
        source = Source(trigger.topic, trigger.partition, trigger.offset)
        if trigger.kind == "fact" and trigger.entity is not None:
            self._decider.fact(trigger.entity, trigger.event, index, moment)
        elif trigger.kind == "manual" and trigger.flow_id is not None:
            self._decider.manual(trigger.flow_id, trigger.event, source, index, moment, trigger.version)
        elif trigger.held is not None and trigger.flow_id is not None:
            self._decider.resumed(trigger.flow_id, trigger.event, trigger.held, source, index, moment)
        elif trigger.status is not None and trigger.flow_id is not None:
            self._decider.applied(trigger.flow_id, trigger.status, trigger.at_ms, trigger.event, source, index, moment)
        elif trigger.verb is not None and trigger.execution is not None:
            self._decider.control(trigger.verb, trigger.execution, trigger.event, source, index, moment)
        else:
            self._decider.event(trigger.event, source, index, moment)

    def _read(self, record: Record) -> Event | None:
        try:
            event = decode(record)
        except Poison as poison:
            self._bury(record, poison)
            return None
        self._counts["skipped" if event is None else "events"] += 1
        return event

    def _answer(self, record: Record, moment: Moment) -> None:
        """Decide an answer. The audit keeps all of them with their commands; here only the awaited ones matter."""
        if record.value is None:
            self._counts["skipped"] += 1
            return
        try:
            answer = read_result(record)
        except Poison as poison:
            self._bury(record, poison)
            return
        self._counts["answers"] += 1
        answered = Answered(
            command_id=CommandId(answer.command_id),
            attempt=answer.attempt,
            succeeded=answer.status == "succeeded",
            retryable=answer.retryable is True,
            error=answer.error,
            output=answer.output,
        )
        source = Source(record.topic, record.partition, record.offset)
        subject_id = (record.key or b"").decode("utf-8", "replace")
        system = self._decider.answer(subject_id, answered, source, self._snapshot(), moment)
        if system is not None and self._breakers.note(system, succeeded=answered.succeeded):
            is_open = self._breakers.is_open(system)
            self._counts["breakers_opened" if is_open else "breakers_closed"] += 1
            words = "only fails: its retries are put off" if is_open else "works again"
            log.warning("%s %s", system, words, extra={"shard": self._partition, "system": system})

    def _sent_home(self, record: Record, event: Event) -> bool:
        """Re-key an event that is not where its subject lives; say whether it was."""
        if event.subject is None:
            return False
        key = event.subject.id.encode()
        if record.key == key and event.subject.id in self._home:
            return False
        home = partition_for(key, self._partitions)
        if record.key == key and home == self._partition:
            if len(self._home) >= MAX_HOME_SUBJECTS:
                self._home.clear()
            self._home.add(event.subject.id)
            return False
        self._counts["rekeyed"] += 1
        new_key, value, headers = rekey_record(record, event.subject)
        self._records.write(Output(TRIGGERS, home, new_key, value, headers, record.timestamp))
        return True

    def _bury(self, record: Record, poison: Poison) -> None:
        self._tally.dead_letters[record.topic, poison.fault] += 1
        # The message of what is wrong shows values; the letter has it.
        place = {"shard": self._partition, "topic": record.topic, "offset": record.offset, "fault": poison.fault}
        log.info("a record cannot be read: mal dead-letters show has it", extra=place)
        self._records.write(dead_letter(record, str(poison), self._partition))

    # ---- time and flows

    def _moment(self, now_ms: int) -> Moment:
        self._records.now_ms = now_ms
        return Moment(now_ms, max(now_ms, self._wall_ms()))

    def _snapshot(self) -> Index:
        if self._index is None:
            self._index = self._flows.snapshot()
        return self._index

    def _look_for_changes(self) -> None:
        """Give the executions of flows that have changed a timer at the moment of the change.

        Between units only: what a unit has moved is in the tables then.
        """
        index = self._flows.snapshot()
        if self._index is not None or index is self._looked_at:
            return
        self._looked_at = index
        moments = {flow_id: found for flow_id, flow in index.flows.items() if (found := lifecycle.moments(flow.head))}
        news = {flow_id for flow_id, found in moments.items() if self._moments.get(flow_id) != found}
        self._moments = moments
        # A version may come after the head that names it: slots are looked for whenever anything has changed.
        for flow in index.flows.values():
            if (slot := self._decider.next_slot(flow)) is not None:
                self._due.add(slot)
        for execution, waiting in self._state.waiting() if news else ():
            if waiting.flow_id in news:
                head = index.flows[waiting.flow_id].head
                for at_ms in lifecycle.changes(
                    head, waiting.version, waiting.started_at_ms, is_stopped=waiting.is_stopped
                ):
                    self._due.add(change_timer(execution, at_ms))
