"""The executions of a shard: how a match starts one, and how an input moves those that run.

Between the tables and the interpreter: gathers what a step is given - the version, the facts, the limits, the manners -
and has what it decides applied. What moves an execution from inside is `interpreter.py` alone.
"""

from __future__ import annotations

from engine import countdowns, goals, lifecycle, sub_flows
from engine.admission import admit
from engine.bookkeeping import Bookkeeping
from engine.decisions import Decisions
from engine.entered import Entry, new_entry, sent_to
from engine.events import Event
from engine.inputs import Ended, EventHeard, Input, Moment, Started
from engine.interpreter import step
from engine.limits import House
from engine.manners import NO_MANNERS, Manners
from engine.matching import Index
from engine.plan import Plan
from engine.run import Counts, Run
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

    __slots__ = ("_bookkeeping", "_decisions", "_rows", "_time_scale")

    def __init__(self, rows: Rows, bookkeeping: Bookkeeping, decisions: Decisions, time_scale: float) -> None:
        self._rows = rows
        self._bookkeeping = bookkeeping
        self._decisions = decisions
        self._time_scale = time_scale

    def enter(
        self, plan: Plan, event: Event, source: Source | None, index: Index, moment: Moment, origin: Origin
    ) -> None:
        """Start an execution, or tell why the event must not enter.

        Args:
            plan: the version that the event matched.
            event: with its facts folded already.
            source: where it lies; None for one that the clock made.
            index: the published flows.
            moment: now.
            origin: what brought the event.
        """
        if event.subject is None or event.scope is None:
            raise AssertionError("an event without subject or scope enters nothing")
        key = row_key(event.scope, event.subject)
        entries = self._rows.entries(key)
        entry: Entry = entries.setdefault(plan.flow_id, new_entry())
        pages = f"{key}\x1f{plan.flow_id}\x1f"
        countdown = countdowns.countdown_of(plan, event)
        if countdowns.is_repeat(entry, countdown, event):
            self._decisions.suppress(event, source, "duplicate_event", moment, plan.flow_id)
            return
        family = self._used(key, str(event.metadata["rootExecutionId"])) if sub_flows.is_sub_flow(event) else None
        limits = index.limits_of(plan.user_id, plan.workspace_id)
        started = Started(event, origin, limits, self._time_scale, family)
        own = self._rows.facts_of(event.scope, event.subject)
        house = index.house_of(plan.user_id, plan.workspace_id)
        refused = admit(
            plan,
            house,
            started,
            entry,
            own,
            moment,
            lambda name: self._rows.entries(pages + name),
            lambda name, marks: self._rows.put_entries(pages + name, marks),
        )
        if refused:
            self._decisions.suppress(event, source, refused, moment, plan.flow_id)
            return
        countdowns.note(entry, countdown, event)
        self._rows.put_entries(key, entries)
        done = step(plan, None, started, own, moment, manners=self._manners(plan, house, key))
        self._bookkeeping.apply(plan, done, source, index.flows[plan.flow_id].head, moment)

    def hear(self, key: str, event: Event, source: Source, index: Index, moment: Moment) -> None:
        """Let the running executions of a subject hear an event, the oldest first, once its goals are counted."""
        ends = self._count_goals(key, event, source, index, moment)
        for run in self._hearers(key, event, index):
            self.move(run, EventHeard(event, reaches_goal=run.id in ends), source, index, moment)

    def move(self, run: Run, given: Input, source: Source | None, index: Index, moment: Moment) -> bool:
        """Move a running execution by an input; say whether that changed anything."""
        flow = index.flows.get(run.flow_id)
        plan = flow.plans.get(run.version) if flow else None
        if flow is None or plan is None:
            self._bookkeeping.lose(run, moment)
            return True
        moved = plan
        if reason := self.end_of(run, index, moment):
            given = Ended(reason)
        else:
            moved = flow.plans.get(lifecycle.version_for(flow.head, run.version, moment.now_ms), plan)
        is_paused = lifecycle.is_paused(flow.head, moment.now_ms)
        key = row_key(run.scope, run.subject)
        house = index.house_of(moved.user_id, moved.workspace_id)
        manners = self._manners(moved, house, key)
        own = self._rows.facts_of(run.scope, run.subject)
        run.counts = self._used(key, sub_flows.root_of(run)) or run.counts
        done = step(moved, run, given, own, moment, was=plan, manners=manners, flow_is_paused=is_paused)
        if done.is_news:
            self._bookkeeping.apply(moved, done, source, flow.head, moment)
        return done.is_news

    def end_of(self, run: Run, index: Index, moment: Moment) -> EndReason | None:
        """Return why an execution must end, by what became of its flow and version; None where it may go on."""
        flow = index.flows.get(run.flow_id)
        return lifecycle.end_of(flow.head, run.version, run.started_at_ms, moment.now_ms) if flow else None

    def _count_goals(self, key: str, event: Event, source: Source, index: Index, moment: Moment) -> set[ExecutionId]:
        """Count the goals that an event reaches; return the executions that end with theirs."""
        flow_ids = index.hearing(event)
        entries = self._rows.entries(key) if flow_ids else None
        reached = goals.take_reached(entries, flow_ids, event, moment.now_ms) if entries else []
        if entries and reached:
            self._rows.put_entries(key, entries)
        for flow_id, window in reached:
            self._decisions.count_goal(flow_id, window["execution"], event, source, moment)
        return {window["execution"] for _, window in reached if window["exit"]}

    def _hearers(self, key: str, event: Event, index: Index) -> list[Run]:
        """Return the running executions of a subject that an event may move, the oldest first."""
        flow_ids = index.hearing(event)
        entries = self._rows.entries(key) if flow_ids else {}
        running = [execution for flow_id in flow_ids for execution in entries.get(flow_id, {}).get("running", ())]
        runs = [run for execution in running if (run := self._rows.run(execution)) is not None]
        # The sort is stable: of one flow as they started, of several in the order of flow ids.
        return sorted(runs, key=lambda run: run.started_at_ms)

    def _manners(self, plan: Plan, house: House, key: str) -> Manners:
        """Return the rules for messages to a subject, by the key of its rows."""
        if plan.messages is None and house.messages is None:
            return NO_MANNERS
        return Manners(plan.messages, house.messages, lambda: sent_to(self._rows.entries(key)))

    def _used(self, key: str, root: str) -> Counts | None:
        return sub_flows.used(self._rows.entries(sub_flows.families_key(key)), root)
