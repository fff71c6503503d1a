"""Flows of every kind of end and of every kind of reason, for the run that has to reconcile."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from engine.nodes.registry import node_types

USER = "user_sums"
MAIL = {"subject": "s", "body": "b", "fromEmail": "a@example.com"}
NOTE = ("log_event", {"message": "n"})
TAG = ("tag_contact", {"tag": "t"})
SEND = ("send_email_campaign", MAIL)
LONG = ("delay", {"delaySeconds": 5_000_000})
SHORT = ("delay", {"delaySeconds": 200})  # two seconds: MAL_TIME_SCALE is 100
FAILS = ("create_release_task", {"title": "t", "releaseIdField": "event.none"})


def file(name: str, nodes: Mapping[str, Any], edges: str, trigger: str = "email_open", **settings: Any) -> Any:
    """A flow file; the trigger is `t`, edges are `a>b`."""
    drawn = {"t": (trigger, {}), **nodes}
    return {
        "flow": {"name": name, "userId": USER, "settings": settings},
        "nodes": [
            {"ref": ref, "type": node_types()[subtype].kind, "subtype": subtype, "config": config}
            for ref, (subtype, config) in drawn.items()
        ],
        "edges": [dict(zip(("sourceNodeId", "targetNodeId"), edge.split(">"), strict=True)) for edge in edges.split()],
    }


def by_night(**more: Any) -> dict[str, Any]:
    """Quiet hours that have begun and go on."""
    now = datetime.now(UTC)
    hours = {"from": f"{now - timedelta(hours=2):%H:%M}", "to": f"{now + timedelta(hours=3):%H:%M}"}
    return {"quietHours": hours, **more}


def flow_files(child_id: str, slow_child_id: str) -> list[Any]:
    """All flows; each open matches all of them, the children by their parents.

    Args:
        child_id: the id that `child` will have.
        slow_child_id: the id that `slow-child` will have.
    """
    capped = {"caps": [{"max": 1}]}
    reply = {"type": "email_reply", "match": {}}
    hears = ("wait_for_event", {**reply, "timeoutSeconds": 5_000_000})
    return [
        file("once", {"n": TAG}, "t>n", entry={"rule": "once"}),
        file("cools", {"n": NOTE}, "t>n", entry={"rule": "cooldown"}),
        file("one-at-a-time", {"w": LONG}, "t>w", entry={"maxRunning": 1}),
        file("per-campaign", {"n": NOTE, "f": FAILS}, "t>n t>f", entry={"rule": "once_per"}),
        file("held-out", {"n": TAG}, "t>n", holdout={"percent": 50}),
        file("skips", {"m": SEND, "n": NOTE}, "t>m m>n", messages={**capped, "onHeld": "skip"}),
        file("leaves", {"m": SEND, "n": NOTE}, "t>m m>n", messages={**capped, "onHeld": "exit"}),
        file("defers", {"m": SEND}, "t>m", messages=capped),
        file("quiet", {"m": SEND, "n": NOTE}, "t>m m>n", messages=by_night(onHeld="skip")),
        file("gives-up", {"m": SEND}, "t>m", messages=by_night(expireAfterSeconds=100)),
        file(
            "hears", {"w": hears, "n": NOTE}, "t>w w>n",
            exitWhen=[{"condition": {"subtype": "if_tag_present", "config": {"tag": "gone"}}}],
        ),
        file("aims", {"w": LONG}, "t>w", goal={"event": reply}, entry={"rule": "after_exit"}),
        file("fails", {"f": FAILS}, "t>f"),
        file("pauses", {"w": SHORT, "n": TAG}, "t>w w>n", entry={"rule": "once"}),
        file("stays-paused", {"w": hears, "n": TAG}, "t>w w>n"),
        file("skips-on-resume", {"n": NOTE}, "t>n", onResume={"mode": "skip"}),
        file("archived", {"w": LONG}, "t>w"),
        file("parent", {"r": ("run_flow", {"flowId": child_id})}, "t>r"),
        file("child", {"n": TAG}, "t>n", trigger="manual_trigger", entry={"rule": "once"}),
        file("slow-child", {"w": SHORT, "f": FAILS}, "t>w w>f", trigger="manual_trigger"),
        file("waits-for-it", {"r": ("run_flow", {"flowId": slow_child_id, "wait": True})}, "t>r"),
    ]  # fmt: skip
