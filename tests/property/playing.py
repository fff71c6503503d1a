"""Plays a story on the engine and on the reference, and tells what came of it in the same words."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from engine.flow import LimitsRecord
from engine.run import Run
from engine.shard_tables import EXECUTIONS
from tests.reference.drawing import Flow
from tests.reference.parts import event_of
from tests.reference.shard import ReferenceShard
from tests.reference.stories import Story
from tests.support.driver import START_MS, plain
from tests.support.units import UnitDriver

MAX_STEPS = 40
"""Instead of 1,000: loops reach the limit often, and soon."""
MAX_SUB_FLOWS = 3
"""Instead of 100."""
REMEMBERED = 7 * 86_400_000
"""So long after a command went out at least the engine knows a late answer to it."""
DAY, FAR = 86_400_000, 20 * 86_400_000
ANSWERS: list[dict[str, Any]] = [
    {"status": "succeeded", "output": {"code": 7}}, {"status": "succeeded", "output": 7}, {"status": "succeeded"},
    {"status": "failed", "retryable": True}, {"status": "failed", "retryable": True},
    {"status": "failed", "retryable": True}, {"status": "failed"},
    {"status": "failed", "retryable": True, "attempt": 1}, {"status": "succeeded", "attempt": 1},
]  # fmt: skip


class Play:
    """A story on both: the engine commits and crashes where the story says so, and reads again what it lost."""

    def __init__(self, story: Story) -> None:
        self.story = story
        self.versions: dict[str, list[Flow]] = {versions[0]["flowId"]: versions for versions in story["flows"]}
        record = LimitsRecord.model_validate({"kind": "user", "id": "user_001", **story["limits"], **story["house"]})
        self.engine = UnitDriver(limits=[record], time_scale=story["scale"])
        self.engine.late_ms = story["late"]
        limits = {"maxSteps": MAX_STEPS, "maxSubFlows": MAX_SUB_FLOWS, **story["limits"]}
        self.reference = ReferenceShard(START_MS, limits, story["scale"], story["late"], story["house"])
        for versions in story["flows"]:
            self.engine.publish(versions[0])
            self.reference.publish(versions[0])
        self.events: list[dict[str, Any]] = []
        self.published = dict.fromkeys(self.versions, 1)
        self.pending: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def run(self) -> None:
        """Play all of it."""
        for place, (verb, value) in enumerate(self.story["inputs"]):
            getattr(self, f"_{verb}")(value, place)
            if self.story["crash"] == place:
                self.crash()
            if self.story["cuts"] >> place & 1:
                self.commit()
        self.commit()

    def commit(self) -> None:
        self.engine.commit()
        self.pending = []

    def crash(self) -> None:
        """The engine loses what it has not committed; its inputs are read again, and lead to the same."""
        before = self.engine.feed, [(command.id, command.attempt) for _, command in self.engine.sent]
        self.engine.crash()
        for verb, values, named in self.pending:
            getattr(self.engine, verb)(*values, **named)
        assert before == (self.engine.feed, [(command.id, command.attempt) for _, command in self.engine.sent])

    def both(self, verb: str, *values: Any) -> None:
        self.have_engine(verb, *values)
        getattr(self.reference, verb)(*values)

    def have_engine(self, verb: str, *values: Any, **named: Any) -> None:
        self.pending.append((verb, values, named))
        getattr(self.engine, verb)(*values, **named)

    # ---- verbs

    def _advance(self, seconds: float, _place: int) -> None:
        self.both("advance", seconds)

    def _send(self, number: int, place: int) -> None:
        self.events.append(event_of(number, place))
        self.both("send", self.events[-1])

    def _tie(self, number: int, place: int) -> None:
        """An event at the very moment at which a wait is over."""
        timer = self.reference.next_timer()
        in_ms = timer[0] - self.reference.now if timer else 0
        self.events.append(event_of(number, place))
        self.both("send_after", in_ms / 1000 if in_ms < FAR else 0, self.events[-1])

    def _repeat(self, number: int, _place: int) -> None:
        if self.events:
            self.both("send", self.events[number % len(self.events)])

    def _trigger(self, number: int, place: int) -> None:
        event = {"id": f"hand{place}", "type": "manual_trigger", "source": "mal",
                 "payload": {"contactId": "c1", "n": number}, "metadata": {"userId": "user_001"}}  # fmt: skip
        self.both("trigger", self.flow_of(number), event)

    def _answer(self, number: int, _place: int) -> None:
        """An answer to one of the last three commands."""
        sent, answer = self.reference.commands, ANSWERS[number % len(ANSWERS)]
        back = number % min(3, len(sent)) + 1 if sent else 0
        if not sent or len(self.engine.sent) != len(sent):
            return
        command, attempt = sent[-back][0], answer.get("attempt", sent[-back][6])
        if self.reference.now - self.reference.awaited[command]["at"] > REMEMBERED:
            return
        self.have_engine("answer", -back, **answer)
        self.reference.answer({
            "command": command, "attempt": attempt, "succeeded": answer["status"] == "succeeded",
            "retryable": answer.get("retryable", False), "output": answer.get("output"),
        })  # fmt: skip

    def _busy(self, number: int, place: int) -> None:
        """A system fails for now, again and again: each time as soon as it is asked once more, or the last time not."""
        times = number % 4 + 1
        for time in range(times):
            self._answer(3 + number % 3, place)
            timer = self.reference.next_timer()
            if timer and (time + 1 < times or number % 2) and timer[0] - self.reference.now < DAY:
                self.both("advance", (timer[0] - self.reference.now) / 1000)

    def _ask(self, asked: tuple[str, int], _place: int) -> None:
        """Something is asked of one of the last three executions."""
        executions = self.reference.executions
        if executions:
            verb, back = asked
            place = max(0, len(executions) - 1 - back)
            self.have_engine("control", verb, executions[place].id)
            self.reference.control(verb, place)

    def _retry(self, number: int, place: int) -> None:
        """One that can be retried is, where there is one."""
        failed = [back for back, one in enumerate(reversed(self.reference.executions)) if one.can_be_retried()]
        self._ask(("retry", failed[number % len(failed)] if failed else 0), place)

    def _publish(self, number: int, _place: int) -> None:
        flow_id = self.flow_of(number)
        if self.reference.flows[flow_id].takes:
            self.published[flow_id] += 1
            flow = {**self.versions[flow_id][self.published[flow_id] % 2 - 1], "version": self.published[flow_id]}
            policy = ["migrate", "migrate", "migrate", "pin", "exit"][number // 2 % 5]
            self.change("publish", lambda: self.engine.publish(flow, policy=policy), flow, policy)  # type: ignore[arg-type]

    def _archive(self, number: int, _place: int) -> None:
        self.stand(number, {"published", "paused"}, "archive")

    def _drain(self, number: int, _place: int) -> None:
        self.stand(number, {"published", "paused"}, "drain")

    def _stand(self, number: int, _place: int) -> None:
        """Pause a flow, or resume it."""
        is_paused = self.reference.flows[self.flow_of(number)].status == "paused"
        self.stand(number, {"published", "paused"}, "resume" if is_paused else "pause")

    def stand(self, number: int, now: set[str], verb: str) -> None:
        """Change how a flow stands, where it stands so that it can be."""
        flow_id = self.flow_of(number)
        if self.reference.flows[flow_id].status in now:
            change = partial(getattr(self.engine, verb), flow_id)
            self.change(verb, change, flow_id)

    def change(self, verb: str, on_engine: Callable[[], None], *values: Any) -> None:
        """Change a flow, between units."""
        self.commit()
        on_engine()
        if verb == "resume":  # its matches are inputs of their own
            self.commit()
        getattr(self.reference, verb)(*values)

    def flow_of(self, number: int) -> str:
        flow_ids: list[str] = sorted(self.versions)
        return flow_ids[number % len(flow_ids)]

    # ---- what came of it

    def told(self) -> list[Any]:
        """The engine's feed, as the reference tells it."""
        return [told_by_engine(record) for record in self.engine.feed]

    def commands(self) -> list[Any]:
        visits = {command: step["visit"] for step in self.engine.steps() for command in step["commandIds"]}
        return [
            [command.id, command.node_id, visits[command.id], command.type, command.payload, command.subject.id,
             command.attempt] for _run, command in self.engine.sent
        ]  # fmt: skip

    def runs(self) -> list[tuple[Run, bytes]]:
        """The executions that are kept, with the bytes of their rows."""
        rows = self.engine.rows(EXECUTIONS).values()
        return [(Run.from_row(plain(row.partition(b"\n")[2])), row.partition(b"\n")[2]) for row in rows]


def told_by_engine(record: dict[str, Any]) -> dict[str, Any]:
    """A record of the feed, as the reference tells it."""
    if "decision" in record:
        return decision_of(record)
    error = record["error"]
    if error is not None:
        field = error["field"] if error["code"] in {"missing_id", "missing_time", "bad_time", "limit"} else None
        is_limit = error["code"] == "limit"
        error = {"nodeId": error["nodeId"], "field": field, **({"value": error["value"]} if is_limit else {})}
    path = record.get("path")
    return {
        "execution": record["executionId"], "seq": record["seq"], "version": record["flowVersion"],
        "origin": record["origin"], "status": record["status"], "end": record["endReason"], "error": error,
        "steps": sorted((step_of(step) for step in record["steps"]), key=repr),
        "waiting": sorted(
            ([wait["nodeId"], wait["visit"], wait.get("until"), wait["for"]] for wait in record["waiting"]), key=repr
        ),
        "path": None if path is None else sorted([s["nodeId"], s["visit"], s["status"], s["port"]] for s in path),
        "alreadyRan": sorted(
            [step["nodeId"], step["visit"], node] for step in record["steps"]
            for node in step.get("notes", {}).get("alreadyRan", ())),
    }  # fmt: skip


def step_of(step: dict[str, Any]) -> list[Any]:
    output = None
    if step["status"] == "succeeded":
        if step["subtype"] == "wait_for_event":
            output = step["output"]
        elif step["subtype"] == "log_event":
            output = step["output"].get("data")
        elif step["commandIds"]:
            output = {key: value for key, value in step["output"].items() if key != "commandIds"} or None
    notes = step.get("notes", {})
    return [
        step["nodeId"], step["visit"], step["status"], step["port"], step["startedAt"], step["finishedAt"],
        step["commandIds"], step.get("reason"), step["try"], notes.get("exitRule"), output,
    ]  # fmt: skip


def decision_of(record: dict[str, Any]) -> dict[str, Any]:
    subject, of_people = record["subject"], record["type"].startswith("execution_")
    more = None
    if record["reason"] == "late_result":
        more = [record["nodeId"], record["commandId"], record["attempt"]]
    elif "nodeId" in record:
        more = [record["nodeId"], record["visit"], *([record["for"], record["until"]] if "until" in record else [])]
    return {"decision": record["decision"], "reason": record["reason"],
            "event": None if of_people else record["eventId"], "flow": record["flowId"],
            "subject": (subject["type"], subject["id"]) if subject else None,
            "execution": record.get("executionId"), "more": more}  # fmt: skip


def comparable(value: Any) -> Any:
    """A value in which 1 and 1.0, which JSON does not tell apart, are the same and true and 1 are not."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [comparable(item) for item in value]
    return ["true" if value else "false"] if isinstance(value, bool) else value
