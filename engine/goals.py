"""What a flow is for: the setting `goal` (product.md section 2, Entry, exit, goal).

An execution that starts opens a window beside its subject's entry, and the window outlives it: the goal is counted
once, also after the execution has ended. What the event must hold is rendered when the window opens. One that moves to
another version has that one's goal from then on, unless it has reached its goal before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import Field

from engine.context import Context
from engine.event_rules import EventRule, Listener, match_faults
from engine.events import Event
from engine.keys import Fault
from engine.listening import is_heard
from engine.nodes.fields import MAX_WAIT_SECONDS
from engine.outputs import is_small, json_bytes
from engine.rendering import TemplateError
from engine.run import Run
from engine.setting_models import Setting, model_faults, read_setting
from engine.types import FlowId, Json

MAX_WINDOWS: Final = 256
"""Open windows of one subject with one flow; beyond it the oldest are closed, since the row must stay small."""
MAX_WINDOWS_IN_ALL: Final = 16 * MAX_WINDOWS
"""Open windows of one subject: of each flow's the fewer are kept, the more flows it has been in."""
MAX_MATCH_BYTES_IN_ALL: Final = 1024 * 1024
"""What the events of these windows must hold may be as long as an event; so much of it is kept, shared alike."""

Window = dict[str, Json]
Entries = dict[str, Any]
"""A subject's entries by flow."""


class Goal(Setting):
    """The setting `goal`."""

    event: EventRule
    within_seconds: float = Field(
        default=604_800.0, alias="withinSeconds", ge=0, le=MAX_WAIT_SECONDS, allow_inf_nan=False
    )
    exit: bool = True


@dataclass(frozen=True, slots=True)
class PlanGoal:
    """The goal of a version, ready to use."""

    listener: Listener
    within_seconds: float
    exit: bool


def compile_goal(settings: Mapping[str, Json]) -> PlanGoal | None:
    """Compile the goal of a valid flow; None where it has none.

    Raises:
        ValueError: it is not valid.
    """
    goal = read_setting(Goal, settings, "goal")
    return None if goal is None else PlanGoal(Listener.of(goal.event), goal.within_seconds, goal.exit)


def goal_faults(value: Json, path: str) -> list[Fault]:
    """Return everything that is wrong with the setting `goal`."""
    event = value.get("event") if isinstance(value, dict) else None
    return [*model_faults(Goal, value, path), *match_faults(event, f"{path}.event")]


def set_window(entry: dict[str, Json], goal: PlanGoal | None, run: Run, context: Context, flows: int = 1) -> None:
    """Open the window of an execution, in the place of another.

    One whose event cannot be rendered, or would be more than may be kept at all, has no goal.

    Args:
        entry: of the subject with the flow.
        goal: of the version that the execution is on.
        run: the execution.
        context: what can be read before anything ran.
        flows: how many flows the subject has been in.
    """
    windows: list[Window] = [
        one for one in entry.get("goals", ()) if one["until"] >= run.started_at_ms and one["execution"] != run.id
    ]
    most_bytes = MAX_MATCH_BYTES_IN_ALL // flows
    match = _wanted(goal, context) if goal is not None else None
    size = 0 if is_small(match) else json_bytes(match)
    if goal is not None and match is not None and size <= most_bytes:
        windows.append({
            "execution": run.id,
            "started": run.started_at_ms,
            "until": run.started_at_ms + round(goal.within_seconds * 1000 / run.time_scale),
            "type": goal.listener.type,
            "match": match,
            "exit": goal.exit,
            **({"bytes": size} if size else {}),
        })  # fmt: skip
    windows = windows[-max(1, min(MAX_WINDOWS, MAX_WINDOWS_IN_ALL // flows)) :]
    while sum(one.get("bytes", 0) for one in windows) > most_bytes:
        del windows[0]
    entry["goals"] = windows


def take_reached(
    entries: Entries, flow_ids: Iterable[FlowId], event: Event, now_ms: int
) -> list[tuple[FlowId, Window]]:
    """Close the windows whose goal an event reaches, and return them, the oldest execution first."""
    reached: list[tuple[FlowId, Window]] = []
    for flow_id in flow_ids:
        windows: list[Window] = entries.get(flow_id, {}).get("goals", [])
        mine = [one for one in windows if one["until"] >= now_ms and is_heard(one["type"], one["match"], event)]
        if mine:
            entries[flow_id]["goals"] = [one for one in windows if one["until"] >= now_ms and one not in mine]
            reached += ((flow_id, one) for one in mine)
    return sorted(reached, key=lambda found: found[1]["started"])


def _wanted(goal: PlanGoal, context: Context) -> Mapping[str, Json] | None:
    try:
        return goal.listener.wanted(context)
    except TemplateError:
        return None
