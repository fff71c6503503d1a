"""The state machine of an execution: `step` moves it by one input. Everything that changes a run is in this file.

The rules are those of product.md section 2: ready nodes run in rank until none is ready; a node runs once per visit;
a failed step ends its branch; what would pass a limit ends the execution. This file names no node type: triggers,
conditions and actions answer through `nodes.base`, and the trail is written here, so that none of them can forget it.
`step` never raises for anything that a user's flow or an event can contain.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, assert_never, cast

from pydantic import BaseModel, ValidationError

from engine import ids, limits, migrating, pausing, retrying, waiting
from engine.awaiting import ANSWER, RETRY, AwaitedStep
from engine.config_templates import ConfigTemplate
from engine.context import Context, Facts
from engine.errors_of import rendered_config_error
from engine.events import Event
from engine.inputs import (
    Answered,
    Command,
    Ended,
    EventHeard,
    HeldBack,
    Input,
    Moment,
    Paused,
    Resumed,
    Retried,
    Started,
    Step,
    SubFlow,
    TimerDue,
)
from engine.joins import can_still_reach
from engine.listening import is_heard
from engine.manners import NO_MANNERS, Deferred, Letter, Manners
from engine.nodes.base import (
    ERROR,
    EVENT,
    OUT,
    TIMEOUT,
    ActionType,
    ConditionType,
    Done,
    Failed,
    Listen,
    Order,
    Wait,
)
from engine.nodes.fields import RENDERED
from engine.outputs import StepOutputs, json_bytes
from engine.plan import Plan, PlanEdge, PlanNode
from engine.rendering import TemplateError
from engine.run import Counts, Key, PathStep, Run, WaitState
from engine.sub_flows import sub_flow_event
from engine.systems import BY_COMMAND_TYPE
from engine.types import (
    EndReason,
    ExecutionStatus,
    FlowId,
    Json,
    StepError,
    StepStatus,
)
from engine.wire import LAST_MS, rfc3339

_ASKED_BEFORE: Final = (TimerDue, EventHeard, Answered, Resumed)
"""The inputs before which exit rules are asked."""


def step(
    plan: Plan,
    run: Run | None,
    given: Input,
    facts: Facts,
    moment: Moment,
    *,
    was: Plan | None = None,
    manners: Manners = NO_MANNERS,
    flow_is_paused: bool = False,
) -> Step:
    """Move an execution by one input.

    Args:
        plan: the version it runs on.
        run: the execution, or None for `Started`. It is consumed: use the one in the answer.
        given: what happened.
        facts: what the systems said last, with this input already in them.
        moment: the log time and the wall time of the decision.
        was: the version it was on, where it moves to another with this input.
        manners: the rules for messages.
        flow_is_paused: nothing runs then; what comes due or arrives is held before the next node.
    """
    if isinstance(given, Started):
        return _Wave(plan, _new_run(plan, given, moment), facts, moment, manners).start()
    if run is None:
        raise AssertionError("only a start has no execution yet")
    wave = _Wave(plan, run, facts, moment, manners, flow_is_paused=flow_is_paused)
    if was is not None and was.version != plan.version and not wave.move(was):
        return wave.stop(EndReason.NODE_REMOVED)
    if isinstance(given, _ASKED_BEFORE) and (ended := wave.exit(given)):
        return ended
    match given:
        case TimerDue():
            done = wave.wake((given.node_id, given.visit))
        case EventHeard():
            done = wave.stop(EndReason.GOAL) if given.reaches_goal else wave.hear(given.event)
        case Answered():
            done = wave.take(given)
        case Ended():
            done = wave.stop(given.reason)
        case Paused():
            done = wave.pause()
        case Resumed():
            done = wave.resume(of_flow=given.of_flow)
        case Retried():
            done = wave.retry()
        case _:
            assert_never(given)
    return done


def _new_run(plan: Plan, given: Started, moment: Moment) -> Run:
    event = given.event
    if event.subject is None:
        raise AssertionError("an event without a subject starts no execution")
    return Run(
        id=ids.execution_id(plan.flow_id, event.source, event.subject, event.id),
        flow_id=plan.flow_id,
        version=plan.version,
        user_id=plan.user_id,
        workspace_id=plan.workspace_id,
        origin=given.origin,
        event=event,
        started_at_ms=moment.now_ms,
        time_scale=given.time_scale,
        limits=given.limits,
        counts=given.used or Counts(),
    )


class _Wave:
    """One input's worth of running: the ready nodes, and what they made."""

    def __init__(
        self,
        plan: Plan,
        run: Run,
        facts: Facts,
        moment: Moment,
        manners: Manners,
        *,
        flow_is_paused: bool = False,
    ) -> None:
        self.plan = plan
        self.run = run
        self.facts = facts
        self.moment = moment
        self.manners = manners
        self.flow_is_paused = flow_is_paused
        self.known = plan.by_id
        """Every node the execution can have met: also those of the version it comes from, where it moves."""
        self.frozen: dict[Key, Json] = {}
        """Configs of waits that were opened on another version."""
        self.now = rfc3339(moment.now_ms)
        self.ready: list[tuple[int, int]] = []
        self.moved: dict[Key, dict[str, Json]] = {}
        self.commands: list[Command] = []
        self.held_back: list[HeldBack] = []
        self.sent_ms: list[int] = []
        self.sub_flows: list[SubFlow] = []

    # ---- the inputs

    def start(self) -> Step:
        """Run the trigger, and what follows it."""
        trigger = self.plan.trigger
        self.run.counts.steps += 1
        self._finish(trigger, 1, self._open(trigger, 1, {}), OUT, self.run.event.payload)
        return self._go_on()

    def wake(self, key: Key) -> Step:
        """End a wait, and run what follows it."""
        if self.is_held and pausing.would_act(self.plan.by_id[key[0]], self.run.waits[key]):
            self.run.stopped.append(key)
        else:
            self._wake(key)
        return self._go_on()

    def hear(self, event: Event) -> Step:
        """End the waits that an event is for, and run what follows them. A wait that opens meanwhile hears nothing."""
        heard = [
            key
            for key, wait in self.run.waits.items()
            if wait.reason == EVENT and is_heard(wait.knows["type"], wait.knows["match"], event)
        ]
        if not heard:
            return Step(self.run, (), (), is_news=False)
        for key in sorted(heard, key=lambda key: (self.run.waits[key].rank, key[1])):
            wait = self.run.waits.pop(key)
            self._finish(self.plan.by_id[key[0]], key[1], wait.step, EVENT, {"event": event.payload})
        return self._go_on()

    def take(self, answer: Answered) -> Step:
        """Take the answer to a command. A repeat, a late one, and the failure of an attempt before move nothing."""
        for key, wait in self.run.waits.items():
            if wait.reason in {ANSWER, RETRY}:
                awaited = AwaitedStep(wait.knows)
                taken = awaited.take(answer, self._pause)
                if taken != "late":
                    del self.run.waits[key]
                    self.run.stopped = [one for one in self.run.stopped if one != key]
                    self._settle(self.plan.by_id[key[0]], key[1], wait.step, awaited, taken)
                    return self._go_on()
        return Step(self.run, (), (), is_news=False)

    def exit(self, given: Input) -> Step | None:
        """End at once where an exit rule says so."""
        if not self.plan.exits.rules:
            return None
        event = given.event if isinstance(given, EventHeard) else None
        place = self.plan.exits.met(event, self._context(self.plan.trigger, 1))
        return None if place is None else self.stop(EndReason.EXITED, {"exitRule": place})

    def stop(self, reason: EndReason, notes: Mapping[str, Json] | None = None) -> Step:
        """End at once: open waits are skipped, and note why where there is more to say."""
        self._end(reason)
        for record in self.moved.values() if notes else ():
            if record.get("reason") == reason:
                record.setdefault("notes", {}).update(notes)
        return self._answer()

    def pause(self) -> Step:
        """Hold before the next node from now on."""
        self.run.is_paused = True
        return self._go_on()

    def resume(self, *, of_flow: bool) -> Step:
        """Run what a pause held, unless another one still holds it."""
        self.run.is_paused = self.run.is_paused and of_flow
        return self._go_on()

    def retry(self) -> Step:
        """Open an execution that has ended again, and run its failed nodes once more."""
        run = self.run
        run.end_reason, run.finished_at_ms, run.error, run.has_failed = None, None, None, False
        for key in retrying.reopened(run):
            del run.path[key]
        for key in retrying.failed(self.plan, run):
            del run.path[key]
            run.outputs.pop(key[0], None)
            run.tries[key] = run.tries.get(key, 1) + 1
            heapq.heappush(self.ready, (self.plan.by_id[key[0]].rank, key[1]))
        return self._go_on()

    @property
    def is_held(self) -> bool:
        """Whether a pause holds the execution before its next node."""
        return self.run.is_paused or self.flow_is_paused

    def move(self, was: Plan) -> bool:
        """Go on by this version instead of another; say whether everything the execution stands at is still there."""
        run = self.run
        run.version = self.plan.version
        self.known = {**was.by_id, **self.plan.by_id}
        if migrating.lost_nodes(run, was, self.plan):
            return False
        run.arrivals = migrating.arrivals(run, was, self.plan)
        for (node_id, _), wait in run.waits.items():
            wait.rank = self.plan.by_id[node_id].rank
            wait.knows = {"config": wait.step["input"], **wait.knows}
        for key in [key for key in run.held if not self.plan.by_id[key[0]].join_all]:
            run.held.remove(key)
            heapq.heappush(self.ready, (self.plan.by_id[key[0]].rank, key[1]))
        return True

    # ---- waves

    def _go_on(self) -> Step:
        run = self.run
        if self.is_held:
            run.stopped += [(self.plan.nodes[rank].id, visit) for rank, visit in sorted(self.ready)]
            self.ready = []
        else:
            for node_id, visit in run.stopped:
                heapq.heappush(self.ready, (self.plan.by_id[node_id].rank, visit))
            run.stopped = []
            self._run_ready()
        if run.end_reason is None and not run.waits and not run.held and not run.stopped:
            self._end(EndReason.COMPLETED)
        return self._answer()

    def _run_ready(self) -> None:
        run = self.run
        while run.end_reason is None:
            if run.held:
                self._release()
            if not self.ready:
                break
            rank, visit = heapq.heappop(self.ready)
            node = self.plan.nodes[rank]
            if (node.id, visit) in run.waits:
                self._wake((node.id, visit))
            else:
                self._run_node(node, visit)

    def _wake(self, key: Key) -> None:
        wait = self.run.waits.pop(key)
        node = self.plan.by_id[key[0]]
        if "config" in wait.knows:
            self.frozen[key] = wait.knows["config"]
        if wait.reason == EVENT:
            self._finish(node, key[1], wait.step, TIMEOUT, {})
        elif wait.reason in {ANSWER, RETRY}:
            self._try_again(node, key[1], wait)
        else:
            self._act(node, key[1], wait.step, woken=True, held_since_ms=wait.knows.get("heldSince"))

    def _follow(self, edge: PlanEdge, visit: int) -> None:
        """Let a branch arrive by an edge."""
        run = self.run
        node = self.plan.nodes[edge.target]
        key = (node.id, visit + edge.back)
        arrivals = run.arrivals.setdefault(key, [])
        arrivals.append(edge.order)
        if key in run.path or key in run.waits:
            source = self.plan.nodes[edge.source]
            notes = self.moved[source.id, visit].setdefault("notes", {})
            notes.setdefault("alreadyRan", []).append(node.id)
        elif len(arrivals) == 1:
            if node.join_all:
                run.held.append(key)
            else:
                heapq.heappush(self.ready, (node.rank, key[1]))

    def _release(self) -> None:
        """Make those `join: all` nodes ready that no live branch can still reach."""
        run, by_id = self.run, self.plan.by_id
        held = [(by_id[node_id].rank, visit) for node_id, visit in run.held]
        live = {*self.ready, *held, *((by_id[node_id].rank, visit) for node_id, visit in run.waits)}
        for key, place in zip(list(run.held), held, strict=True):
            others = (branch for branch in live if branch[0] != place[0])
            if not any(can_still_reach(self.plan, run.arrivals, branch, place[0]) for branch in others):
                run.held.remove(key)
                heapq.heappush(self.ready, place)

    # ---- nodes

    def _run_node(self, node: PlanNode, visit: int) -> None:
        run = self.run
        if (node.id, visit) not in run.tries:  # retries do not count
            if error := limits.passed_by_step(run.counts, node.id):
                self._stop_at_limit(node, visit, error, None)
                return
            run.counts.steps += 1
        record = self._open(node, visit, {})
        if isinstance(node.type, ConditionType):
            self._decide(node, visit, record)
        else:
            self._act(node, visit, record, woken=False)

    def _decide(self, node: PlanNode, visit: int, record: dict[str, Json]) -> None:
        context = self._context(node, visit)
        config = self._config(node, context, record)
        kind = cast(ConditionType[Any], node.type)
        answer = config if isinstance(config, Failed) else kind.decide(config, context)
        _add_notes(record, context)
        if isinstance(answer, Failed):
            self._fail(node, visit, record, answer)
        elif isinstance(answer, Listen):
            self._listen(node, visit, record, answer)
        else:
            self._finish(node, visit, record, answer, {"result": answer})

    def _listen(self, node: PlanNode, visit: int, record: dict[str, Json], listen: Listen) -> None:
        until_ms = self._until(listen, visit, record)
        if until_ms > self.moment.now_ms:
            self._wait(node, visit, record, EVENT, until_ms, {"type": listen.type, "match": listen.match})
        else:
            self._finish(node, visit, record, TIMEOUT, {})

    def _act(
        self,
        node: PlanNode,
        visit: int,
        record: dict[str, Json],
        *,
        woken: bool,
        held_since_ms: int | None = None,
    ) -> None:
        run, kind = self.run, cast(ActionType[Any], node.type)  # a plan leads to no trigger
        counts = kind.counts and (node.id, visit) not in run.tries
        if counts and (error := limits.passed_by_action(run.counts, run.limits, node.id)):
            self._stop_at_limit(node, visit, error, record)
            return
        outcome = self._outcome(node, kind, visit, record, woken=woken)
        if isinstance(outcome, Wait):
            until_ms = self._until(outcome, visit, record)
            if until_ms > self.moment.now_ms:
                self._wait(node, visit, record, outcome.reason, until_ms, {})
                return
            outcome = self._outcome(node, kind, visit, record, woken=True)
        if isinstance(outcome, Done) and (
            error := limits.passed_by_orders(run.counts, run.limits, outcome.orders, node.id)
            or (limits.passed_by_sub_flow(run.counts, node.id) if outcome.runs else None)
        ):
            self._stop_at_limit(node, visit, error, record)
            return
        if isinstance(outcome, Done) and kind.message and self._hold_back(node, visit, record, outcome, held_since_ms):
            return
        if counts:
            run.counts.actions += 1
        if isinstance(outcome, Done):
            self._do(node, kind, visit, record, outcome)
        else:
            self._fail(node, visit, record, outcome)

    def _outcome(
        self, node: PlanNode, kind: ActionType[Any], visit: int, record: dict[str, Json], *, woken: bool
    ) -> Any:
        if woken and kind.wake is None:
            return Done()
        context = self._context(node, visit)
        config = self._config(node, context, record)
        if isinstance(config, Failed):
            outcome: Any = config
        else:
            outcome = kind.wake(config, context) if woken and kind.wake else kind.act(config, context)
        _add_notes(record, context)
        return outcome

    def _until(self, wait: Wait | Listen, visit: int, record: dict[str, Json]) -> int:
        if isinstance(wait, Wait) and wait.until_ms is not None:
            return waiting.bounded(wait.until_ms, visit, self.moment)
        notes: dict[str, Json] = {}
        until_ms = waiting.after(wait.seconds or 0, self.moment, self.run.time_scale, notes)
        if notes:
            record.setdefault("notes", {}).update(notes)
        return waiting.bounded(until_ms, visit, self.moment)

    def _hold_back(
        self, node: PlanNode, visit: int, record: dict[str, Json], message: Done, since_ms: int | None
    ) -> bool:
        """Hold a message, or leave it out, where the rules for messages say so; say whether that was done.

        One that is left out ends no branch: what follows it runs.
        """
        run = self.run
        letter = Letter(run.id, run.flow_id, visit, since_ms, _lead_ms(message), tuple(self.sent_ms))
        verdict = self.manners.judge(letter, self._context(node, visit)) if self.manners.rules else None
        if verdict is None:
            return False
        record.setdefault("notes", {})["held"] = verdict.note
        at_ms = self.moment.now_ms
        if isinstance(verdict, Deferred):
            until_ms = min(verdict.until_ms, LAST_MS)
            self._wait(node, visit, record, verdict.waits_for, until_ms, {"heldSince": verdict.since_ms})
            self.held_back.append(HeldBack(verdict.reason, node.id, visit, at_ms, verdict.waits_for, until_ms))
            return True
        self.held_back.append(HeldBack(verdict.reason, node.id, visit, at_ms))
        run.outputs[node.id] = record["output"] = {"sent": False, "reason": verdict.reason}
        record["port"] = OUT
        self._skip(node, visit, verdict.reason, record)
        if verdict.ends:
            self._end(EndReason.EXITED)
        else:
            for edge in node.edges(OUT):
                self._follow(edge, visit)
        return True

    def _do(self, node: PlanNode, kind: ActionType[Any], visit: int, record: dict[str, Json], done: Done) -> None:
        run = self.run
        commands = [self._command(node, visit, ordinal, order) for ordinal, order in enumerate(done.orders)]
        for command in commands:
            if (size := json_bytes(command.payload)) > limits.MAX_COMMAND_BYTES:
                message = (
                    f"the command would be {size} bytes, the most is {limits.MAX_COMMAND_BYTES}; shorten its config"
                )
                self._fail(node, visit, record, Failed("command_too_large", message, "payload", size))
                return
        writes, contacts = limits.uses(done.orders)
        run.counts.external_writes += writes
        run.counts.contact_actions += contacts
        self.commands.extend(commands)
        if done.runs:
            done = self._start_sub_flow(node, visit, done, done.runs)
        if kind.message:
            self.sent_ms.append(self.moment.wall_ms + _lead_ms(done))
        record["commandIds"] = [command.id for command in commands]
        if node.awaits and commands:
            until_ms = self._until(Wait(ANSWER, seconds=node.awaits.timeout_seconds), visit, record)
            awaited = AwaitedStep.begin(done, commands, node.awaits, until_ms)
            self._wait(node, visit, record, awaited.reason, until_ms, awaited.knows)
        else:
            self._succeed(node, kind, visit, record, done.output, done.tags)

    def _start_sub_flow(self, node: PlanNode, visit: int, done: Done, flow_id: FlowId) -> Done:
        event = sub_flow_event(self.run, node.id, visit, self.moment.now_ms)
        self.sub_flows.append(SubFlow(flow_id, event))
        self.run.counts.sub_flows += 1
        execution = ids.execution_id(flow_id, event.source, self.run.subject, event.id)
        return replace(done, output={**done.output, "executionId": execution})

    def _succeed(
        self,
        node: PlanNode,
        kind: ActionType[Any],
        visit: int,
        record: dict[str, Json],
        output: Mapping[str, Json],
        tags: frozenset[str],
    ) -> None:
        self.run.has_acted = self.run.has_acted or kind.counts
        self.run.tags |= tags
        ids = record["commandIds"]
        self._finish(node, visit, record, OUT, {**output, "commandIds": ids} if ids else dict(output))

    def _command(self, node: PlanNode, visit: int, ordinal: int, order: Order) -> Command:
        return Command(
            id=ids.command_id(self.run.id, node.id, visit, ordinal),
            type=order.type,
            target=BY_COMMAND_TYPE[order.type].name,
            node_id=node.id,
            subject=self.run.subject,
            attempt=self.run.tries.get((node.id, visit), 1),
            payload=dict(order.payload),
        )

    # ---- answers

    def _try_again(self, node: PlanNode, visit: int, wait: WaitState) -> None:
        """Go on with a step for whose commands no answer has come in time, or whose next attempt is due."""
        awaited = AwaitedStep(wait.knows)
        if failed := awaited.timed_out(self.moment.now_ms):
            self._fail(node, visit, wait.step, failed)
            return
        self.commands.extend(awaited.again(self.moment.now_ms, node.id, self.run.subject))
        wait.step["try"] = self.run.tries[node.id, visit] = awaited.attempt
        self._settle(node, visit, wait.step, awaited, "pending")

    def _settle(
        self, node: PlanNode, visit: int, record: dict[str, Json], awaited: AwaitedStep, taken: str | Failed
    ) -> None:
        if isinstance(taken, Failed):
            self._fail(node, visit, record, taken)
        elif taken == "done":
            kind = cast(ActionType[Any], node.type)
            self._succeed(node, kind, visit, record, awaited.output, awaited.tags)
        else:
            self._wait(node, visit, record, awaited.reason, awaited.until_ms, awaited.knows)

    def _pause(self, seconds: float) -> int:
        until_ms = waiting.after(seconds, self.moment, self.run.time_scale, {})
        return waiting.bounded(max(until_ms, self.moment.now_ms + 1), 1, self.moment)

    # ---- what a node reads

    def _context(self, node: PlanNode, visit: int) -> Context:
        run = self.run
        arrivals = run.arrivals.get((node.id, visit))
        sources = self.plan.edge_sources
        taken = min((order for order in arrivals or () if order in sources), default=None)
        previous = None if taken is None else self.plan.nodes[sources[taken]].id
        return Context(
            node_id=node.id,
            event=run.event,
            origin=run.origin,
            facts=self.facts,
            now_ms=self.moment.now_ms,
            wall_ms=self.moment.wall_ms,
            time_scale=run.time_scale,
            flow_user_id=run.user_id,
            step_outputs=StepOutputs(run.outputs, self.plan.refs),
            previous_output=run.outputs.get(previous, {}) if previous else {},
            execution_tags=run.tags,
        )

    def _config(self, node: PlanNode, context: Context, record: dict[str, Json]) -> BaseModel | Failed:
        """Return the config of a step, and write it into the trail as it was rendered."""
        frozen = self.frozen.get((node.id, record["visit"]))
        if frozen is not None:
            return cast(BaseModel, node.type.config.model_validate(frozen, context=RENDERED))
        if node.config is not None:
            record["input"] = node.wire
            return node.config
        try:
            record["input"] = rendered = cast(ConfigTemplate, node.template).render(context)
            config: BaseModel = node.type.config.model_validate(rendered, context=RENDERED)
        except TemplateError as error:
            return Failed("template", str(error))
        except ValidationError as error:
            return rendered_config_error(error)
        return config

    # ---- the trail

    def _open(self, node: PlanNode, visit: int, given: Mapping[str, Json]) -> dict[str, Json]:
        return {
            "nodeId": node.id,
            "visit": visit,
            "try": self.run.tries.get((node.id, visit), 1),
            "type": node.type.kind,
            "subtype": node.type.name,
            "status": StepStatus.RUNNING,
            "port": None,
            "input": given,
            "output": {},
            "error": None,
            "commandIds": [],
            "startedAt": self.now,
            "finishedAt": None,
        }

    def _wait(
        self, node: PlanNode, visit: int, record: dict[str, Json], reason: str, until_ms: int, knows: dict[str, Json]
    ) -> None:
        self.run.waits[node.id, visit] = WaitState(until_ms, reason, node.rank, record, knows)
        self.moved[node.id, visit] = dict(record)

    def _finish(
        self, node: PlanNode, visit: int, record: dict[str, Json], port: str, output: Mapping[str, Json]
    ) -> None:
        record |= {"status": StepStatus.SUCCEEDED, "port": port, "output": output, "finishedAt": self.now}
        self.run.outputs[node.id] = output
        self._close(node, visit, record)
        for edge in node.edges(port):
            self._follow(edge, visit)

    def _fail(self, node: PlanNode, visit: int, record: dict[str, Json], failed: Failed) -> None:
        run = self.run
        error = StepError(failed.code, failed.message, node.id, failed.field, failed.value)
        record |= {"status": StepStatus.FAILED, "port": ERROR, "error": error.wire(), "finishedAt": self.now}
        run.outputs[node.id] = {"error": error.wire()}
        self._close(node, visit, record)
        edges = node.edges(ERROR)
        if not edges:
            run.has_failed = True
            run.error = run.error or error
        for edge in edges:
            self._follow(edge, visit)

    def _skip(self, node: PlanNode, visit: int, reason: str, record: dict[str, Json] | None = None) -> None:
        if record is None:
            record = self._open(node, visit, {}) | {"startedAt": None}
        record |= {"status": StepStatus.SKIPPED, "reason": reason, "finishedAt": self.now}
        self._close(node, visit, record)

    def _close(self, node: PlanNode, visit: int, record: dict[str, Json]) -> None:
        self.run.path[node.id, visit] = PathStep(node.id, visit, record["status"], record["port"])
        self.moved[node.id, visit] = record

    # ---- the end

    def _stop_at_limit(self, node: PlanNode, visit: int, error: StepError, record: dict[str, Json] | None) -> None:
        self.run.error = error
        self._skip(node, visit, EndReason.LIMIT, record)
        self._end(EndReason.LIMIT)

    def _end(self, reason: EndReason) -> None:
        run, by_id = self.run, self.known
        for (node_id, visit), wait in run.waits.items():
            self._skip(by_id[node_id], visit, reason, wait.step)
        for rank, visit in sorted(self.ready):
            self._skip(self.plan.nodes[rank], visit, reason)
        for node_id, visit in (*run.held, *(key for key in run.stopped if key not in run.waits)):
            self._skip(by_id[node_id], visit, reason)
        run.waits, run.held, run.stopped, self.ready = {}, [], [], []
        ran = {node_id for node_id, _ in run.path}
        for node in self.plan.nodes[: self.plan.reachable]:
            if node.id not in ran:
                self._skip(node, 1, "unreached")
        run.end_reason = reason
        run.finished_at_ms = self.moment.now_ms
        run.status = self._end_status(reason)

    def _end_status(self, reason: EndReason) -> ExecutionStatus:
        run = self.run
        if reason is EndReason.LIMIT:
            return ExecutionStatus.PARTIAL
        if reason is EndReason.CANCELLED:
            return ExecutionStatus.CANCELLED
        if not run.has_failed:
            return ExecutionStatus.SUCCEEDED
        return ExecutionStatus.PARTIAL if run.has_acted else ExecutionStatus.FAILED

    def _answer(self) -> Step:
        run = self.run
        run.seq += 1
        if run.end_reason is None:
            is_held = run.is_paused or run.stopped
            run.status = ExecutionStatus.PAUSED if is_held else ExecutionStatus.RUNNING
        return Step(
            run,
            tuple(self.commands),
            tuple(self.moved.values()),
            held_back=tuple(self.held_back),
            sent_ms=tuple(self.sent_ms),
            sub_flows=tuple(self.sub_flows),
        )


def _add_notes(record: dict[str, Json], context: Context) -> None:
    if context.notes:
        record.setdefault("notes", {}).update(context.notes)


def _lead_ms(message: Done) -> int:
    return max((order.lead_ms for order in message.orders), default=0)
