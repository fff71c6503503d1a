"""A shard: events, duplicates, entries and time, over executions that live in a list."""

from __future__ import annotations

from typing import Any

from tests.reference import facts, nodes
from tests.reference.machine import PEOPLE, Execution
from tests.reference.values import read

WEEK = 7 * 86_400_000
MAX_DEPTH = 10
KNOWN = {
    "email_open", "email_click", "email_reply", "contact_added", "contact_tagged", "contact_untagged",
    "segment_updated", "campaign_created", "campaign_status_changed", "campaign_metrics_updated", "asset_uploaded",
    "release_approaching", "context_updated", "manual_trigger",
}  # fmt: skip


class ReferenceShard:
    """Plays events and time; `told` and `commands` hold what came of them."""

    def __init__(self, now: int, limits: dict[str, int], scale: float, late: int) -> None:
        self.now = now
        self.limits = {
            "maxActionsPerExecution": 100, "maxExternalWrites": 50, "maxContactActions": 200, "maxSteps": 1_000,
            **limits,
        }  # fmt: skip
        self.scale = scale
        self.late = late
        self.flows: dict[str, dict[str, Any]] = {}
        self.archived: set[str] = set()
        self.executions: list[Execution] = []
        self.history = facts.History()
        self.seen: dict[Any, int] = {}
        self.entered: set[Any] = set()
        self.told: list[dict[str, Any]] = []
        self.commands: list[list[Any]] = []

    # ---- what happens

    def publish(self, flow: dict[str, Any]) -> None:
        self.flows[flow["flowId"]] = flow

    def archive(self, flow_id: str) -> None:
        self.archived.add(flow_id)
        for execution in sorted(self.executions, key=lambda one: one.id):
            if execution.flow["flowId"] == flow_id and execution.end is None:
                execution.finish("archived")
                execution.tell()

    def advance(self, seconds: float) -> None:
        end = self.now + round(seconds * 1000)
        while due := [
            (until, execution.id, execution.rank[node], visit, node, execution)
            for execution in self.executions
            for (node, visit), until in execution.waits.items()
            if until <= end
        ]:
            until, _, _, visit, node, execution = min(due, key=lambda one: one[:4])
            self.now = until
            execution.wake((node, visit))
        self.now = end

    def send(self, given: dict[str, Any]) -> None:
        event = self.read(given)
        if not self.accept(event):
            return
        about = facts.told_of(event)
        if about is not None and about == event["subject"]:
            self.history.told.append((about, event))
        if event["depth"] > MAX_DEPTH:
            self.hold(event, "too_deep")
        else:
            for flow_id in sorted(self.flows):
                trigger = next(node for node in self.flows[flow_id]["nodes"] if node["type"] == "trigger")
                if flow_id not in self.archived and nodes.matches(trigger["subtype"], trigger["config"], event):
                    self.enter(flow_id, event, "live")
        if about is not None and about != event["subject"] and self.is_news(about, event):
            self.history.told.append((about, event))

    def trigger(self, flow_id: str, given: dict[str, Any]) -> None:
        event = self.read(given)
        if self.accept(event):
            self.enter(flow_id, event, "manual")

    # ---- one event

    def read(self, given: dict[str, Any]) -> dict[str, Any]:
        payload, metadata = given["payload"], given["metadata"]
        subject = next(
            ((kind, payload[field]) for field, kind in (("contactId", "contact"), ("campaignId", "campaign"),
                                                        ("releaseId", "release"), ("assetId", "asset"))
             if field in payload),
            ("user", metadata["userId"]) if "userId" in metadata else None,
        )  # fmt: skip
        at = read(given["timestamp"]) if "timestamp" in given else self.now
        depth = 0 if given["type"] in PEOPLE else metadata.get("depth", 0)
        return {**given, "subject": subject, "at": at, "depth": depth}

    def accept(self, event: dict[str, Any]) -> bool:
        if event["subject"] is None or "userId" not in event["metadata"]:
            self.hold(event, "unscoped")
            return False
        if event["metadata"]["userId"] not in {flow["userId"] for flow in self.flows.values()}:
            return False
        if event["type"] not in KNOWN:
            return False
        if not self.is_news(event["subject"], event):
            self.hold(event, "duplicate_event")
            return False
        return True

    def is_news(self, subject: Any, event: dict[str, Any]) -> bool:
        mark = (subject, event["source"], event["id"])
        if mark in self.seen and self.now - self.seen[mark] < WEEK:
            return False
        self.seen[mark] = self.now
        return True

    def enter(self, flow_id: str, event: dict[str, Any], origin: str) -> None:
        mark = (flow_id, event["subject"], event["source"], event["id"])
        if mark in self.entered:
            self.hold(event, "duplicate_event", flow_id)
            return
        self.entered.add(mark)
        execution = Execution(self.flows[flow_id], event, origin, self)
        self.executions.append(execution)
        execution.start()

    def hold(self, event: dict[str, Any], reason: str, flow_id: str | None = None) -> None:
        self.told.append({"held": reason, "event": event["id"], "flow": flow_id, "subject": event["subject"]})
