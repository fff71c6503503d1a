"""What a shard knows: flows, executions, what entered, what was sent; and what it tells on the feed."""

from __future__ import annotations

from typing import Any

from tests.reference import facts
from tests.reference.clock import Clock
from tests.reference.lifecycle import Published
from tests.reference.machine import Execution
from tests.reference.values import made_id

Event = dict[str, Any]


class Board:
    """Lists of everything that ever happened; `told` and `commands` hold what came of it."""

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
        self.clock = Clock(self)
        self.countdowns: list[Any] = []
        self.errands: list[tuple[str, Execution, Any]] = []
        self.is_on_errands = False
        self.children: list[tuple[str, Event]] = []
        self.told: list[dict[str, Any]] = []
        self.commands: list[list[Any]] = []

    @property
    def wall(self) -> int:
        return self.now + self.late

    def running(self, flow_id: str) -> list[Execution]:
        """The running executions of a flow, in the order in which a moment touches them."""
        mine = [one for one in self.executions if one.flow["flowId"] == flow_id and one.end is None]
        return sorted(mine, key=lambda one: one.id)

    def is_paused(self, flow_id: str) -> bool:
        return self.flows[flow_id].status == "paused"

    def flow_for(self, execution: Execution) -> dict[str, Any]:
        return self.flows[execution.flow["flowId"]].version_for(execution)

    def end_of(self, execution: Execution) -> str | None:
        """Why an execution must end, by what became of its flow."""
        flow = self.flows[execution.flow["flowId"]]
        if flow.status == "archived":
            return "archived"
        return "version_exit" if flow.ends(execution) else None

    def learn(self, about: tuple[str, str], event: Event) -> None:
        self.history.told.append((about, event))
        if about[0] == "release":
            self.clock.note_date(about[1])

    def send_command(self, command: list[Any], execution: Execution) -> None:
        self.commands.append(command)
        known = self.awaited.setdefault(command[0], {"execution": execution, "node": command[1], "visit": command[2]})
        known["at"] = self.now

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
