"""A shard: events, answers, changes and time, over executions that live in a list."""

from __future__ import annotations

from typing import Any

from tests.reference import chance, entry, facts, nodes
from tests.reference.lifecycle import Published, is_skipped
from tests.reference.listening import hears
from tests.reference.machine import PEOPLE, Execution
from tests.reference.reading import looker, rendered
from tests.reference.values import MISSING, made_id, read

Event = dict[str, Any]
WEEK = 7 * 86_400_000
MAX_DEPTH = 10
KNOWN = {
    "email_open", "email_click", "email_reply", "contact_added", "contact_tagged", "contact_untagged",
    "segment_updated", "campaign_created", "campaign_status_changed", "campaign_metrics_updated", "asset_uploaded",
    "release_approaching", "context_updated", "manual_trigger",
}  # fmt: skip


class ReferenceShard:
    """Plays events and time; `told` and `commands` hold what came of them."""

    def __init__(
        self, now: int, limits: dict[str, int], scale: float, late: int, house: dict[str, Any] | None = None
    ) -> None:
        self.now = now
        self.limits = {
            "maxActionsPerExecution": 100, "maxExternalWrites": 50, "maxContactActions": 200, "maxSteps": 1_000,
            **limits,
        }  # fmt: skip
        self.house = house or {}
        """What the user asks of all flows: `messages` and `holdout`."""
        self.scale = scale
        self.late = late
        self.flows: dict[str, Published] = {}
        self.executions: list[Execution] = []
        self.history = facts.History()
        self.seen: dict[Any, int] = {}
        self.entered: list[dict[str, Any]] = []
        self.goals: list[dict[str, Any]] = []
        self.sent: list[tuple[Any, str, int]] = []
        self.awaited: dict[str, dict[str, Any]] = {}
        self.told: list[dict[str, Any]] = []
        self.commands: list[list[Any]] = []

    @property
    def wall(self) -> int:
        return self.now + self.late

    # ---- changes of flows

    def publish(self, flow: dict[str, Any], policy: str = "pin") -> None:
        known = self.flows.get(flow["flowId"])
        if known is None:
            self.flows[flow["flowId"]] = Published(flow)
            return
        known.publish(flow, policy)
        for execution in self.running(known.id):
            if known.ends(execution.flow["version"]):
                execution.stop("version_exit")

    def archive(self, flow_id: str) -> None:
        self.flows[flow_id].status = "archived"
        for execution in self.running(flow_id):
            execution.stop("archived")

    def drain(self, flow_id: str) -> None:
        """No new entries; running ones go on, also those that a pause held."""
        self.flows[flow_id].status = "drained"
        self.let_go(flow_id)

    def pause(self, flow_id: str) -> None:
        self.flows[flow_id].status = "paused"

    def resume(self, flow_id: str) -> None:
        """What is held runs, and what the pause has held of matches is taken again, by the version of now."""
        flow = self.flows[flow_id]
        flow.status = "published"
        self.let_go(flow_id)
        held, flow.held = flow.held, []
        for one in held:
            self.take_again(flow, one["event"], one["at"], by_hand=one["by_hand"])

    def let_go(self, flow_id: str) -> None:
        for execution in self.running(flow_id):
            if execution.holds_something() and not execution.paused:
                execution.resume(of_flow=True)

    def take_again(self, flow: Published, event: Event, at: int, *, by_hand: bool) -> None:
        if is_skipped(flow.newest.get("settings", {}).get("onResume"), self.now - at, self.scale):
            self.decide("suppressed", "skipped_on_resume", event, flow.id)
        elif by_hand or nodes.starts(flow.newest, event):
            self.enter(flow, event, "manual" if by_hand else "backfill")
        else:
            self.decide("suppressed", "not_matching", event, flow.id)

    def running(self, flow_id: str) -> list[Execution]:
        """The running executions of a flow, in the order in which a moment touches them."""
        mine = [one for one in self.executions if one.flow["flowId"] == flow_id and one.end is None]
        return sorted(mine, key=lambda one: one.id)

    def is_paused(self, flow_id: str) -> bool:
        return self.flows[flow_id].status == "paused"

    def flow_for(self, execution: Execution) -> dict[str, Any]:
        return self.flows[execution.flow["flowId"]].version_for(execution.flow["version"])

    # ---- time

    def advance(self, seconds: float) -> None:
        self.fire_until(self.now + round(seconds * 1000))

    def fire_until(self, end: int) -> None:
        while (timer := self.next_timer()) and timer[0] <= end:
            self.now, _, _, visit, node, execution = timer
            execution.time((node, visit))
        self.now = end

    def next_timer(self) -> Any:
        """The next wait that is over: ties by (due, executionId, rank, visit)."""
        due = [
            (wait["until"], execution.id, wait["rank"], visit, node, execution)
            for execution in self.executions
            for (node, visit), wait in execution.waits.items()
            if not wait.get("is_over")
        ]
        return min(due, key=lambda one: one[:4], default=None)

    # ---- events

    def send(self, given: Event) -> None:
        event = self.read(given)
        if not self.accept(event):
            return
        about = facts.told_of(event)
        if about is not None and about == event["subject"]:
            self.history.told.append((about, event))
        if event["depth"] > MAX_DEPTH:
            self.decide("suppressed", "too_deep", event)
        else:
            self.offer(event)
            for flow_id in sorted(self.flows):
                flow = self.flows[flow_id]
                if flow.takes and nodes.starts(flow.newest, event):
                    self.match(flow, event, "live")
        if about is not None and about != event["subject"] and self.is_news(about, event):
            self.history.told.append((about, event))

    def send_after(self, seconds: float, given: Event) -> None:
        """An event at the very moment at which waits are over comes before them."""
        at = self.now + round(seconds * 1000)
        self.fire_until(at - 1)
        self.now = at
        self.send(given)
        self.advance(0)

    def trigger(self, flow_id: str, given: Event) -> None:
        event, flow = self.read(given), self.flows[flow_id]
        if not flow.takes:
            self.decide("suppressed", "not_published", event, flow_id)
        elif self.accept(event):
            self.match(flow, event, "manual")

    def offer(self, event: Event) -> None:
        """Goals are counted, then running executions hear it, the oldest first."""
        reached = [goal for goal in self.goals if goal["subject"] == event["subject"]
                   and self.now <= goal["until"] and hears(goal["type"], goal["match"], event)]  # fmt: skip
        order = sorted(reached, key=lambda goal: (goal["execution"].started, goal["flow"]))
        for goal in order:
            self.goals.remove(goal)
            goal["execution"].has_reached_goal = True
            self.decide("counted", "goal", event, goal["flow"], goal["execution"].id)
        ending = [goal["execution"] for goal in reached if goal["exit"]]
        mine = [one for one in self.executions if one.subject == event["subject"] and one.end is None]
        for execution in sorted(mine, key=lambda one: (one.started, one.flow["flowId"])):
            execution.hear(event, reaches_goal=execution in ending)

    def read(self, given: Event) -> Event:
        payload, metadata = given["payload"], given["metadata"]
        subject = next(
            ((kind, payload[field]) for field, kind in (("contactId", "contact"), ("campaignId", "campaign"),
                                                        ("releaseId", "release"), ("assetId", "asset"),
                                                        ("entityId", payload.get("entityType")))
             if field in payload),
            ("user", metadata["userId"]) if "userId" in metadata else None,
        )  # fmt: skip
        at = read(given["timestamp"]) if "timestamp" in given else self.now
        depth = 0 if given["type"] in PEOPLE else metadata.get("depth", 0)
        return {**given, "subject": subject, "at": at, "depth": depth}

    def accept(self, event: Event) -> bool:
        if event["subject"] is None or "userId" not in event["metadata"]:
            self.decide("suppressed", "unscoped", event)
            return False
        if event["metadata"]["userId"] not in {flow.newest["userId"] for flow in self.flows.values()}:
            return False
        if event["type"] not in KNOWN:
            return False
        if not self.is_news(event["subject"], event):
            self.decide("suppressed", "duplicate_event", event)
            return False
        return True

    def is_news(self, subject: Any, event: Event) -> bool:
        mark = (subject, event["source"], event["id"])
        if mark in self.seen and self.now - self.seen[mark] < WEEK:
            return False
        self.seen[mark] = self.now
        return True

    # ---- entries

    def match(self, flow: Published, event: Event, origin: str) -> None:
        if flow.status == "paused":
            self.decide("held", "paused", event, flow.id)
            flow.held.append({"event": event, "at": self.now, "by_hand": origin == "manual"})
        else:
            self.enter(flow, event, origin)

    def enter(self, flow: Published, event: Event, origin: str) -> None:
        """Start an execution, or tell why not."""
        version, subject = flow.newest, event["subject"]
        settings = version.get("settings", {})
        before = [one for one in self.entered if (one["flow"], one["subject"]) == (flow.id, subject)]
        look = looker(event, self.history, self.now, version["userId"], {}, {})
        rule, value = settings.get("entry", {}), MISSING
        if rule.get("rule") == "once_per":
            value = look(rule.get("field", "event.campaignId"))
            value = None if value is MISSING else value
        if any(one["mark"] == (event["source"], event["id"]) for one in before):
            why: str | None = "duplicate_event"
        elif chance.held_out(self.house.get("holdout"), subject, version["userId"]) or chance.held_out(
            settings.get("holdout"), subject, flow.id
        ):
            why = "holdout"
        else:
            why = entry.refused(rule, before, value, self.now, self.scale)
        if why:
            self.decide("suppressed", why, event, flow.id)
            return
        execution = Execution(version, event, origin, self)
        self.executions.append(execution)
        self.entered.append({"flow": flow.id, "subject": subject, "mark": (event["source"], event["id"]),
                             "at": self.now, "value": value, "execution": execution})  # fmt: skip
        execution.start()
        self.set_goal(execution)

    def set_goal(self, execution: Execution) -> None:
        """Open the window of an execution for the goal of the version it is on; once it is reached there is none."""
        self.goals = [goal for goal in self.goals if goal["execution"] is not execution]
        goal = execution.flow.get("settings", {}).get("goal")
        if goal is None or execution.has_reached_goal:
            return
        look = looker(execution.event, self.history, self.now, execution.flow["userId"], {}, {})
        within = round(goal.get("withinSeconds", 604_800) * 1000 / self.scale)
        self.goals.append({
            "execution": execution, "flow": execution.flow["flowId"], "subject": execution.subject,
            "until": execution.started + within, "type": goal["event"]["type"],
            "match": rendered(goal["event"].get("match", {}), look), "exit": goal.get("exit", True),
        })  # fmt: skip

    # ---- commands, answers and what people ask

    def send_command(self, command: list[Any], execution: Execution) -> None:
        self.commands.append(command)
        known = self.awaited.setdefault(command[0], {"execution": execution, "node": command[1], "visit": command[2]})
        known["at"] = self.now

    def answer(self, answer: dict[str, Any]) -> None:
        """Answers to commands that are not awaited change nothing."""
        known = self.awaited[answer["command"]]
        execution, key = known["execution"], (known["node"], known["visit"])
        if not known.get("is_awaited"):
            return
        if execution.end is not None or not execution.answer(answer):
            self.decide("suppressed", "late_result", execution.event, execution.flow["flowId"], execution.id,
                        [key[0], answer["command"], answer["attempt"]])  # fmt: skip

    def control(self, verb: str, number: int) -> None:
        """Ask something of an execution, by its place among all that started."""
        execution = self.executions[number]
        flow = self.flows[execution.flow["flowId"]]
        event = {"id": None, "subject": execution.subject}
        if (verb == "retry") != (execution.end is not None) or (verb == "retry" and not execution.can_be_retried()):
            self.decide("suppressed", "not_failed" if verb == "retry" else "not_running", event, None, execution.id)
        elif verb == "retry" and flow.status == "archived":
            self.decide("suppressed", "archived", event, None, execution.id)
        elif verb == "retry" and flow.ends(execution.flow["version"]):
            self.decide("suppressed", "version_exit", event, None, execution.id)
        elif verb == "resume":
            execution.resume(of_flow=False)
        else:
            getattr(execution, verb)()

    # ---- messages

    def note_sent(self, subject: Any, flow_id: str, at: int) -> None:
        self.sent.append((subject, flow_id, at))

    def sent_to(self, subject: Any) -> list[tuple[str, int]]:
        return [(flow_id, at) for whom, flow_id, at in self.sent if whom == subject]

    def clocks_of(self, execution: Execution) -> dict[str, Any]:
        """The wall clock, and whose zone counts: the one the flow names, the contact's, user's, limits', UTC."""
        own, house = execution.setting("messages") or {}, self.house.get("messages") or {}
        user = self.history.profile("user", execution.flow["userId"])
        contact = self.history.profile(*execution.subject) if execution.subject[0] == "contact" else {}
        zones = (own.get("timezone"), contact.get("timezone"), user.get("timezone"), house.get("timezone"), "UTC")
        return {"wall": self.wall, "scale": self.scale, "zone": next(zone for zone in zones if zone)}

    # ---- the feed

    def decide(
        self, decision: str, reason: str, event: Event, flow_id: str | None = None, execution: str | None = None,
        more: list[Any] | None = None,
    ) -> None:  # fmt: skip
        """What was held back is on the feed as well."""
        if flow_id is not None and execution is None:
            execution = made_id("x", flow_id, event["source"], *event["subject"], event["id"])
        self.told.append({"decision": decision, "reason": reason, "event": event["id"], "flow": flow_id,
                          "subject": event["subject"], "execution": execution, "more": more})  # fmt: skip
