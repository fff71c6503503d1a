"""The scene of every run: the topics that are read, the flows that are published, and when it plays."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from engine.flow import FlowVersion
from engine.matching import Index
from streams.topics import COMMAND_RESULTS, TRIGGERS
from tests.support.driver import START_MS, FlowDriver
from tests.support.flows import version

__all__ = ["DRIP", "EMAILS", "INPUTS", "LISTS", "SHARDS", "START_MS", "TIME_SCALE", "published"]

SHARDS: Final = 2
EMAILS: Final = "tap.email-engine.events"
LISTS: Final = "tap.list-builder.events"
INPUTS: Final = (TRIGGERS, COMMAND_RESULTS, EMAILS, LISTS)
TIME_SCALE: Final = 600
"""Releases of held messages are spread over half an hour, which is too long for a run: all is this much faster."""
DRIP: Final = "drip"
"""The flow that every email_open enters."""
_MAIL: Final[dict[str, Any]] = {"subject": "s", "body": "Hi {{ contact.name }}", "fromEmail": "a@example.com"}
_CAP: Final = {"max": 1, "windowSeconds": 5 * TIME_SCALE, "scope": "flow"}
_RETRY: Final = {"maxAttempts": 3, "initialSeconds": TIME_SCALE, "factor": 2, "maxSeconds": 4 * TIME_SCALE}


@cache
def published() -> Index:
    """Return the flows: waits, waits for events, awaited answers, entry rules, caps and sub-flows."""
    return FlowDriver(*_flows()).flow_table.snapshot()


def _flows() -> list[FlowVersion]:
    tag = ("tag_contact", {"tag": "seen"})
    return [
        version(
            {"t": ("email_open", {}), "d": ("delay", {"delaySeconds": 3 * TIME_SCALE}), "g": tag},
            "t>d d>g",
            flow_id=DRIP,
        ),
        version(
            {"t": ("email_open", {}), "m": ("send_email_campaign", _MAIL), "g": tag},
            "t>m m>g",
            flow_id="capped",
            settings={"messages": {"caps": [_CAP], "onHeld": "defer"}},
        ),
        version(
            {
                "t": ("email_click", {}),
                "m": (
                    "send_email_campaign",
                    _MAIL,
                    {"awaitResult": True, "timeoutSeconds": 9 * TIME_SCALE, "retry": _RETRY},
                ),
                "g": tag,
                "n": ("notify_user", {"message": "no"}),
            },
            "t>m m>g m>n:error",
            flow_id="asks",
            settings={"entry": {"rule": "cooldown", "cooldownSeconds": 4 * TIME_SCALE}},
        ),
        version(
            {
                "t": ("email_click", {}),
                "w": ("wait_for_event", {"type": "email_reply", "match": {}, "timeoutSeconds": 5 * TIME_SCALE}),
                "g": tag,
                "n": ("notify_user", {"message": "no reply"}),
            },
            "t>w w>g:event w>n:timeout",
            flow_id="listens",
        ),
        version(
            {
                "t": ("contact_added", {}),
                "r": ("run_flow", {"flowId": "sub"}),
                "n": ("notify_user", {"message": "new"}),
            },
            "t>r r>n",
            flow_id="once",
            settings={"entry": {"rule": "once"}},
        ),
        version(
            {
                "t": ("contact_added", {}),
                "r": ("run_flow", {"flowId": "sub", "wait": True}),
                "g": tag,
                "n": ("notify_user", {"message": "no"}),
            },
            "t>r r>g r>n:error",
            flow_id="waits",
        ),
        version(
            {"t": ("manual_trigger", {}), "d": ("delay", {"delaySeconds": TIME_SCALE}), "g": tag},
            "t>d d>g",
            flow_id="sub",
        ),
    ]
