"""The executions of a shard: how a match starts one, and how an input moves those that run.

Between the tables and the interpreter: gathers what a step is given - the version, the facts, the limits, the manners -
and has what it decides applied. What moves an execution from inside is `interpreter.py` alone.
"""

from __future__ import annotations

from collections import deque
from typing import assert_never

from engine import countdowns, entered, goals, kinship, lifecycle, sub_flows
from engine.admission import admit, has_entered, let_in
from engine.bookkeeping import Bookkeeping
from engine.decisions import Decisions
from engine.entered import Entry, ReadPage, WritePage, new_entry, sent_to
from engine.events import Event
from engine.flow import FlowHead
from engine.inputs import ChildEnded, Ended, EventHeard, Input, Moment, Retried, Started, Step, SubFlow
from engine.interpreter import step
from engine.limits import House
from engine.manners import NO_MANNERS, Manners
from engine.matching import Index, IndexedFlow
from engine.nodes.base import Failed
from engine.plan import Plan
from engine.run import CHILD, Counts, Run
from engine.shard_tables import Rows, row_key
from engine.sink import Source
from engine.types import EndReason, ExecutionId, Origin


class Executions:
    """Starts and moves executions.

    Args:
        rows: of the shard.
        bookkeeping: applies what a step decided.
        decisions: takes what enters nothing, and goals that are reached.
        time_scale: stored with each execution that starts.
    """

    __slots__ = ("_bookkeeping", "_decisions", "_errands", "_is_on_errands", "_rows", "_time_scale")

    def __init__(self, rows: Rows, bookkeeping: Bookkeeping, decisions: Decisions, time_scale: float) -> None:
        self._rows = rows
        self._bookkeeping = bookkeeping
        self._decisions = decisions
        self._time_scale = time_scale
        self._errands: deque[kinship.Errand] = deque()
        self._is_on_errands = False

    def enter(
        self,
        plan: Plan,
        event: Event,
        source: Source | None,
        index: Index,
        moment: Moment,
        origin: Origin,
        *,
        is_pinned: bool = False,
    ) -> None:
        """Start an execution, or tell why the event must not enter.

        Args:
            plan: the version that the event matched.
            event: with its facts folded already.
            source: where it lies; None for one that the clock made.
            index: the published flows.
            moment: now.
            origin: what brought the event.
            is_pinned: whether the version was named, rather than the one in force.
        """
        if event.subject is None or event.scope is None:
            raise AssertionError("an event without subject or scope enters nothing")
        key = row_key(event.scope, event.subject)
        entries = self._rows.entries(key)
        entry: Entry = entries.setdefault(plan.flow_id, new_entry())
        countdown = countdowns.countdown_of(plan, event)
        read, write = self._pages(key, plan)
        if countdowns.is_repeat(entry, countdown, read):
            self._decisions.suppress(event, source, "duplicate_event", moment, plan.flow_id)
            return
        limits = index.limits_of(plan.user_id, plan.workspace_id)
        family = self._used_before(key, event)
        started = Started(event, origin, limits, self._time_scale, family, is_pinned=is_pinned)
        own = self._rows.facts_of(event.scope, event.subject)
        house = index.house_of(plan.user_id, plan.workspace_id)
        is_full = entered.is_full(entries, entry)
        refused = admit(plan, house, started, entry, own, moment, read, write, is_full=is_full)
        if refused:
            self._decisions.suppress(event, source, refused, moment, plan.flow_id)
            return
        countdowns.note(entry, countdown, read, write)
        self._rows.put_entries(key, entries)
        done = step(plan, None, started, own, moment, manners=self._manners(plan, house, key))
        self._apply(plan, done, source, index, moment)

    def hear(self, key: str, event: Event, source: Source, index: Index, moment: Moment) -> None:
        """Let the running executions of a subject hear an event, the oldest first, once its goals are counted."""
        ends = self._count_goals(key, event, source, index, moment)
        for execution in self._hearers(key, event, index):
            # Read anew: what heard the event before may have ended it.
            run = self._rows.run(execution)
            if run is not None and run.end_reason is None:
                self.move(run, EventHeard(event, reaches_goal=run.id in ends), source, index, moment)

    def move(self, run: Run, given: Input, source: Source | None, index: Index, moment: Moment) -> bool:
        """Move a running execution by an input; say whether that changed anything."""
        flow = index.flows.get(run.flow_id)
        plan = flow.plans.get(run.version) if flow else None
        if flow is None or plan is None:
            self._lose(run, source, index, moment)
            return True
        moved = plan
        if reason := self.end_of(run, index, moment):
            given = Ended(reason)
        else:
            moved = flow.plans.get(lifecycle.version_for(_head_for(run, flow), run.version, moment.now_ms), plan)
        is_paused = lifecycle.is_paused(flow.head, moment.now_ms)
        key = row_key(run.scope, run.subject)
        house = index.house_of(moved.user_id, moved.workspace_id)
        manners = self._manners(moved, house, key)
        own = self._rows.facts_of(run.scope, run.subject)
        run.counts = self._used(key, sub_flows.root_of(run)) or run.counts
        done = step(moved, run, given, own, moment, was=plan, manners=manners, flow_is_paused=is_paused)
        if done.is_news:
            self._apply(moved, done, source, index, moment, has_moved=moved is not plan)
        return done.is_news

    def end_of(self, run: Run, index: Index, moment: Moment) -> EndReason | None:
        """Return why an execution must end, by what became of its flow and version; None where it may go on."""
        flow = index.flows.get(run.flow_id)
        return lifecycle.end_of(_head_for(run, flow), run.version, run.started_at_ms, moment.now_ms) if flow else None

    # ---- families

    def _apply(
        self,
        plan: Plan,
        done: Step,
        source: Source | None,
        index: Index,
        moment: Moment,
        *,
        has_moved: bool = False,
    ) -> None:
        """Apply a step, and what follows from it for the executions that wait for this one, or that it waits for."""
        head = index.flows[plan.flow_id].head
        self._bookkeeping.apply(plan, done, source, head, moment, has_moved=has_moved)
        self._errands.extend(kinship.errands_of(plan, done))
        self._run_errands(source, index, moment)

    def _lose(self, run: Run, source: Source | None, index: Index, moment: Moment) -> None:
        left = [wait.knows["execution"] for wait in run.waits.values() if wait.reason == CHILD]
        self._bookkeeping.lose(run, moment)
        self._errands.extend(kinship.Leave(child) for child in left)
        if run.parent is not None:
            self._errands.append(kinship.Tell(run.parent, sub_flows.end_of(None, run)))
        self._run_errands(source, index, moment)

    def _run_errands(self, source: Source | None, index: Index, moment: Moment) -> None:
        """Do what members of a family want of each other, one after the other; what that leads to comes last."""
        if self._is_on_errands:
            return
        self._is_on_errands = True
        while self._errands:
            errand = self._errands.popleft()
            match errand:
                case kinship.Start():
                    self._start_child(errand.child, errand.parent, source, index, moment)
                case kinship.Leave():
                    self._move_if_running(errand.child, Ended(EndReason.CANCELLED), source, index, moment)
                case kinship.Tell():
                    self._move_if_running(errand.parent, errand.ended, source, index, moment)
                case _:
                    assert_never(errand)
        self._is_on_errands = False

    def _move_if_running(
        self, execution: ExecutionId, given: Input, source: Source | None, index: Index, moment: Moment
    ) -> None:
        run = self._rows.run(execution)
        if run is not None and run.end_reason is None:
            self.move(run, given, source, index, moment)

    def _start_child(
        self, child: SubFlow, parent: ExecutionId, source: Source | None, index: Index, moment: Moment
    ) -> None:
        """Start a sub-flow that is waited for, or retry one that failed; where it cannot be, its parent hears why."""
        mother, known = self._rows.run(parent), self._rows.run(child.execution)
        flow = index.flows.get(child.flow_id)
        plan = flow.matching_plan_at(moment.now_ms, child.version) if flow else None
        failed = kinship.refused(child, flow, plan, moment)
        if mother is None or plan is None or failed:
            pass
        elif known is None:
            failed = self._begin_child(plan, child, mother, source, index, moment)
        elif known.end_reason is not None:
            if self.end_of(known, index, moment) is None:
                self.move(known, Retried(), source, index, moment)
            else:
                failed = kinship.spent(child)
        if failed:
            self._errands.append(kinship.Tell(parent, ChildEnded(child.execution, {}, failed)))

    def _begin_child(
        self, plan: Plan, child: SubFlow, mother: Run, source: Source | None, index: Index, moment: Moment
    ) -> Failed | None:
        key = row_key(mother.scope, mother.subject)
        entries = self._rows.entries(key)
        entry: Entry = entries.setdefault(plan.flow_id, new_entry())
        read, write = self._pages(key, plan)
        if has_entered(child.event, entry, read):
            return kinship.spent(child)
        if entered.is_full(entries, entry):
            return kinship.crowded(child)
        limits = index.limits_of(plan.user_id, plan.workspace_id)
        family = self._used_before(key, child.event)
        started = Started(child.event, mother.origin, limits, mother.time_scale, family, mother.id, is_pinned=True)
        own = self._rows.facts_of(mother.scope, mother.subject)
        let_in(plan, started, entry, own, moment, read, write)
        self._rows.put_entries(key, entries)
        manners = self._manners(plan, index.house_of(plan.user_id, plan.workspace_id), key)
        is_paused = lifecycle.is_paused(index.flows[plan.flow_id].head, moment.now_ms)
        done = step(plan, None, started, own, moment, manners=manners, flow_is_paused=is_paused)
        self._apply(plan, done, source, index, moment)
        return None

    # ---- what a step is given

    def _count_goals(self, key: str, event: Event, source: Source, index: Index, moment: Moment) -> set[ExecutionId]:
        """Count the goals that an event reaches; return the executions that end with theirs."""
        flow_ids = index.hearing(event)
        entries = self._rows.entries(key) if flow_ids else None
        reached = goals.take_reached(entries, flow_ids, event, moment.now_ms) if entries else []
        if entries and reached:
            self._rows.put_entries(key, entries)
        for flow_id, window in reached:
            self._decisions.count_goal(flow_id, window["execution"], event, source, moment)
            if (run := self._rows.run(window["execution"])) is not None:
                run.has_reached_goal = True
                self._rows.put_run(run)
        return {window["execution"] for _, window in reached if window["exit"]}

    def _hearers(self, key: str, event: Event, index: Index) -> list[ExecutionId]:
        """Return the running executions of a subject that an event may move, the oldest first, parents before children.

        So what a child's end opens in its parent does not hear the event: the parent has heard it before.
        """
        flow_ids = index.hearing(event)
        entries = self._rows.entries(key) if flow_ids else {}
        running = [execution for flow_id in flow_ids for execution in entries.get(flow_id, {}).get("running", ())]
        runs = [run for execution in running if (run := self._rows.run(execution)) is not None]
        # The sort is stable: of one flow as they started, of several in the order of flow ids.
        return [run.id for run in sorted(runs, key=lambda run: (run.started_at_ms, run.event.depth))]

    def _manners(self, plan: Plan, house: House, key: str) -> Manners:
        """Return the rules for messages to a subject, by the key of its rows."""
        if plan.messages is None and house.messages is None:
            return NO_MANNERS
        return Manners(plan.messages, house.messages, lambda: sent_to(self._rows.entries(key)))

    def _pages(self, key: str, plan: Plan) -> tuple[ReadPage, WritePage]:
        """Return what reads and writes the pages of a subject's entry with a flow."""
        pages = f"{key}\x1f{plan.flow_id}\x1f"
        return (
            lambda name: self._rows.entries(pages + name),
            lambda name, marks: self._rows.put_entries(pages + name, marks),
        )

    def _used_before(self, key: str, event: Event) -> Counts | None:
        """Return what the family of a sub-flow has used of its limits; None for an event that starts no sub-flow."""
        return self._used(key, str(event.metadata["rootExecutionId"])) if sub_flows.is_sub_flow(event) else None

    def _used(self, key: str, root: str) -> Counts | None:
        return sub_flows.used(self._rows.entries(sub_flows.families_key(key)), root)


def _head_for(run: Run, flow: IndexedFlow) -> FlowHead:
    """Return what a flow's head says to one of its executions."""
    return lifecycle.for_pinned(flow.head, run.started_at_ms) if run.is_pinned else flow.head
