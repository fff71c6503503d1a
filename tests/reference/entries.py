"""Matches and entries: what starts an execution, what keeps an event out, and the goals that are counted."""

from __future__ import annotations

from typing import Any

from tests.reference import chance, entry, nodes
from tests.reference.board import Board, Event
from tests.reference.lifecycle import Published
from tests.reference.listening import hears
from tests.reference.machine import Execution
from tests.reference.reading import looker, rendered
from tests.reference.values import MISSING


class Entries(Board):
    """The way into flows."""

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
        rule, value = settings.get("entry", {}), self.value_of(version, event)
        counted = self.countdown_of(version, event)
        if counted in self.countdowns or any(one["mark"] == (event["source"], event["id"]) for one in before):
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
        if counted:
            self.countdowns.append(counted)
        self.admit(flow, version, event, origin)

    def admit(
        self, flow: Published, version: dict[str, Any], event: Event, origin: str, parent: Execution | None = None
    ) -> None:
        """Start an execution; with a parent that waits for its end, on a version that was named."""
        execution = Execution(version, event, origin, self, parent)
        self.executions.append(execution)
        self.entered.append({
            "flow": flow.id, "subject": event["subject"], "mark": (event["source"], event["id"]), "at": self.now,
            "value": self.value_of(version, event), "execution": execution,
        })  # fmt: skip
        self.set_goal(execution)
        execution.start()

    def value_of(self, version: dict[str, Any], event: Event) -> Any:
        """The value that `once_per` counts by; a missing one is null."""
        rule = version.get("settings", {}).get("entry", {})
        if rule.get("rule") != "once_per":
            return MISSING
        value = looker(event, self.history, self.now, version["userId"], {}, {})(rule.get("field", "event.campaignId"))
        return None if value is MISSING else value

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

    def countdown_of(self, version: dict[str, Any], event: Event) -> Any:
        """A flow, a release and a number of days: once a date or an event has started it, nothing does so again."""
        days, release = nodes.days_of(version), event["payload"].get("releaseId")
        if days is None or release is None or event["type"] != "release_approaching":
            return None
        return version["flowId"], event["subject"], release, days

    def offer(self, event: Event) -> None:
        """Goals are counted, then running executions hear it: the oldest first, parents before children."""
        reached = [goal for goal in self.goals if goal["subject"] == event["subject"]
                   and self.now <= goal["until"] and hears(goal["type"], goal["match"], event)]  # fmt: skip
        order = sorted(reached, key=lambda goal: (goal["execution"].started, goal["flow"]))
        for goal in order:
            self.goals.remove(goal)
            goal["execution"].has_reached_goal = True
            self.decide("counted", "goal", event, goal["flow"], goal["execution"].id)
        ending = [goal["execution"] for goal in reached if goal["exit"]]
        mine = [one for one in self.executions if one.subject == event["subject"] and one.end is None]
        for execution in sorted(mine, key=lambda one: (one.started, one.event["depth"], one.flow["flowId"])):
            if execution.end is None:  # what heard it before may have ended its child
                execution.hear(event, reaches_goal=execution in ending)
