"""Entry rules: how often a subject enters a flow, asked of the list of what entered before."""

from __future__ import annotations

from typing import Any

from tests.reference.values import MISSING, same

Entered = dict[str, Any]
"""When an event entered the flow, its execution, and the value it entered with under `once_per`."""


def refused(rule: dict[str, Any], before: list[Entered], value: Any, now: int, scale: float) -> str | None:
    """Why an event must not enter, or None.

    Args:
        rule: the setting `entry` of the version in force.
        before: what entered of this subject, under any version.
        value: that `once_per` counts by; a missing one is null.
        now: log time.
        scale: divides the cooldown.
    """
    kind = rule.get("rule", "every_event")
    running = [one for one in before if one["execution"].end is None]
    if kind == "once" and before:
        return "already_entered"
    if kind == "after_exit" and running:
        return "already_entered"
    if kind == "once_per" and any(same(value, one["value"]) for one in before if one["value"] is not MISSING):
        return "already_entered"
    if kind == "cooldown" and before and now - before[-1]["at"] < rule.get("cooldownSeconds", 86_400) * 1000 / scale:
        return "cooldown"
    if rule.get("maxRunning") and len(running) >= rule["maxRunning"]:
        return "max_running"
    return None
