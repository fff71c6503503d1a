"""A shard: events, answers, changes and time, over executions that live in a list."""

from __future__ import annotations

from typing import Any

from tests.reference import facts, nodes
from tests.reference.board import Event
from tests.reference.families import MAX_DEPTH, Families
from tests.reference.lifecycle import Published, is_skipped
from tests.reference.machine import PEOPLE
from tests.reference.values import read

WEEK = 7 * 86_400_000
KNOWN = {
    "email_open", "email_click", "email_reply", "contact_added", "contact_tagged", "contact_untagged",
    "segment_updated", "campaign_created", "campaign_status_changed", "campaign_metrics_updated", "asset_uploaded",
    "release_approaching", "context_updated", "manual_trigger",
}  # fmt: skip


class ReferenceShard(Families):
    """Plays events and time."""

    # ---- changes of flows

    def publish(self, flow: dict[str, Any], policy: str = "pin") -> None:
        known = self.flows.get(flow["flowId"])
        if known is None:
            self.flows[flow["flowId"]] = Published(flow, self.now)
            return
        known.publish(flow, policy, self.now)
        for execution in self.running(known.id):
            if execution.end is None and known.ends(execution):
                execution.stop("version_exit")

    def archive(self, flow_id: str) -> None:
        self.flows[flow_id].stand("archived", self.now)
        for execution in self.running(flow_id):
            if execution.end is None:
                execution.stop("archived")

    def drain(self, flow_id: str) -> None:
        """No new entries; running ones go on, also those that a pause held."""
        self.flows[flow_id].stand("drained", self.now)
        self.let_go(flow_id)

    def pause(self, flow_id: str) -> None:
        self.flows[flow_id].stand("paused", self.now)

    def resume(self, flow_id: str) -> None:
        """What is held runs, and what the pause has held of matches is taken again, by the version of now."""
        flow = self.flows[flow_id]
        flow.stand("published", self.now)
        self.advance(0)
        self.let_go(flow_id)
        held, flow.held = flow.held, []
        for one in held:
            self.take_again(flow, one["event"], one["at"], by_hand=one["by_hand"])
            self.start_children()

    def let_go(self, flow_id: str) -> None:
        for execution in self.running(flow_id):
            if execution.end is None and execution.holds_something() and not execution.paused:
                execution.resume(of_flow=True)
                self.start_children()

    def take_again(self, flow: Published, event: Event, at: int, *, by_hand: bool) -> None:
        if is_skipped(flow.newest.get("settings", {}).get("onResume"), self.now - at, self.scale):
            self.decide("suppressed", "skipped_on_resume", event, flow.id)
        elif by_hand or nodes.starts(flow.newest, event):
            self.enter(flow, event, "manual" if by_hand else "backfill")
        else:
            self.decide("suppressed", "not_matching", event, flow.id)

    # ---- time

    def advance(self, seconds: float) -> None:
        self.fire_until(self.now + round(seconds * 1000))

    def fire_until(self, end: int) -> None:
        while True:
            slot, timer = self.clock.next(), self.next_timer()
            if slot and slot[0] <= min(end, timer[0] if timer else end):
                self.now = max(self.now, slot[0])
                self.clock.decide(self.flows[slot[1]])
            elif timer and timer[0] <= end:
                self.now, _, _, visit, node, execution = timer
                execution.time((node, visit))
            else:
                break
            self.start_children()
        self.now = end

    def next_timer(self) -> Any:
        """The next wait that is over: ties by (due, executionId, rank, visit)."""
        due = [
            (wait["until"], execution.id, wait["rank"], visit, node, execution)
            for execution in self.executions
            for (node, visit), wait in execution.waits.items()
            if wait["until"] is not None and not wait.get("is_over")
        ]
        return min(due, key=lambda one: one[:4], default=None)

    # ---- events

    def send(self, given: Event) -> None:
        event = self.read(given)
        if not self.accept(event):
            return
        about = facts.told_of(event)
        if about is not None and about == event["subject"]:
            self.learn(about, event)
        if event["depth"] > MAX_DEPTH:
            self.decide("suppressed", "too_deep", event)
        else:
            self.offer(event)
            for flow_id in sorted(self.flows):
                flow = self.flows[flow_id]
                if flow.takes and nodes.starts(flow.newest, event):
                    self.match(flow, event, "live")
        if about is not None and about != event["subject"] and self.is_news(about, event):
            self.learn(about, event)
        self.start_children()

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
        self.start_children()

    def start_children(self) -> None:
        """Flows that flows start, once what started them is done."""
        while self.children:
            flow_id, event = self.children.pop(0)
            flow = self.flows.get(flow_id)
            if flow is None or not flow.takes:
                self.decide("suppressed", "not_published", event, flow_id)
            elif event["depth"] > MAX_DEPTH:
                self.decide("suppressed", "too_deep", event, flow_id)
            elif nodes.trigger_of(flow.newest)["subtype"] != "manual_trigger":
                self.decide("suppressed", "not_manual", event, flow_id)
            elif self.accept(event):
                self.match(flow, event, "manual")

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

    # ---- answers, and what people ask

    def answer(self, answer: dict[str, Any]) -> None:
        """Answers to commands that are not awaited change nothing."""
        known = self.awaited[answer["command"]]
        execution, key = known["execution"], (known["node"], known["visit"])
        if not known.get("is_awaited"):
            return
        if execution.end is not None or not execution.answer(answer):
            self.decide("suppressed", "late_result", execution.event, execution.flow["flowId"], execution.id,
                        [key[0], answer["command"], answer["attempt"]])  # fmt: skip
        self.start_children()

    def control(self, verb: str, number: int) -> None:
        """Ask something of an execution, by its place among all that started."""
        execution = self.executions[number]
        event = {"id": None, "subject": execution.subject}
        if (verb == "retry") != (execution.end is not None) or (verb == "retry" and not execution.can_be_retried()):
            self.decide("suppressed", "not_failed" if verb == "retry" else "not_running", event, None, execution.id)
        elif verb == "retry" and (ended := self.end_of(execution)):
            self.decide("suppressed", ended, event, None, execution.id)
        elif verb == "resume":
            execution.resume(of_flow=False)
        else:
            getattr(execution, verb)()
        self.start_children()
