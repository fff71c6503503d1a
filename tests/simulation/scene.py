"""The scene of every run: the topics that are read, the flows that are published, and when it plays."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from engine.flow import FlowVersion
from engine.matching import FlowTable
from engine.types import FlowId
from streams.topics import COMMAND_RESULTS, TRIGGERS
from tests.support.driver import START_MS, FlowDriver
from tests.support.flows import version

__all__ = [
    "DRIP", "EMAILS", "INPUTS", "LISTS", "SHARDS", "START_MS", "TIME_SCALE", "flow_ids", "new_flow_table", "variant",
]  # fmt: skip

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


def new_flow_table() -> FlowTable:
    """Return the flows that are there at the start: waits, waits for events, awaited answers, entry rules, caps and
    sub-flows."""
    known = _published()
    return FlowTable(dict(known._heads), {flow_id: dict(plans) for flow_id, plans in known._plans.items()}, {}, None)


def flow_ids() -> list[FlowId]:
    """Return their ids."""
    return sorted(_published()._heads)


def variant(flow_id: FlowId, number: int, kind: int) -> FlowVersion:
    """Return a later version of a flow: 0: as the first; 1: with a node more at its end; 2: that node alone."""
    first = next(flow for flow in _flows() if flow.flow_id == flow_id).model_dump(by_alias=True, mode="json")
    nodes, edges = first["nodes"], first["edges"]
    if kind:
        more = {"id": "z", "ref": "z", "type": "action", "subtype": "notify_user", "config": {"message": "more"}}
        nodes.append({**more, "options": {}})
        source = nodes[-2]["id"] if kind == 1 else nodes[0]["id"]
        edges.append({"id": "ez", "sourceNodeId": source, "targetNodeId": "z", "conditionLabel": None})
    if kind == 2:  # without what it waits at
        gone = nodes.pop(1)["id"]
        edges[:] = [edge for edge in edges if gone not in {edge["sourceNodeId"], edge["targetNodeId"]}]
        kept = {edge["targetNodeId"] for edge in edges}
        nodes[1:] = [node for node in nodes[1:] if node["id"] in kept]
    return FlowVersion.model_validate({**first, "version": number, "nodes": nodes, "edges": edges})


@cache
def _published() -> FlowTable:
    return FlowDriver(*_flows()).flow_table


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
