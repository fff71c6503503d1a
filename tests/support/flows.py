"""Flows in a line or two, for tests: nodes by ref, edges as `a>b` or `a>b:label`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.flow import FlowVersion
from engine.nodes.registry import node_types

Config = Mapping[str, Any]


def version(
    nodes: Mapping[str, tuple[str, Config] | tuple[str, Config, Config]],
    edges: str,
    *,
    number: int = 1,
    flow_id: str = "flow-1",
    user_id: str | None = "user_001",
    workspace_id: str | None = None,
    settings: Config | None = None,
) -> FlowVersion:
    """Make a published version. Node ids are their refs.

    Args:
        nodes: ref → (subtype, config) or (subtype, config, options).
        edges: blank-separated `source>target` or `source>target:label`, in order.
        settings: of the flow.
    """
    return FlowVersion.model_validate({
        "flowId": flow_id, "version": number, "name": flow_id, "userId": user_id, "workspaceId": workspace_id,
        "settings": dict(settings or {}),
        "nodes": [
            {
                "id": ref, "ref": ref, "type": node_types()[node[0]].kind, "subtype": node[0], "config": dict(node[1]),
                "options": dict(node[2]) if len(node) > 2 else {},
            }
            for ref, node in nodes.items()
        ],
        "edges": [_edge(index, text) for index, text in enumerate(edges.split())],
    })  # fmt: skip


def _edge(index: int, text: str) -> dict[str, Any]:
    ways, _, label = text.partition(":")
    source, _, target = ways.partition(">")
    return {"id": f"e{index}", "sourceNodeId": source, "targetNodeId": target, "conditionLabel": label or None}


def opened(contact: str = "c1", campaign: str = "k1", **more: Any) -> dict[str, Any]:
    """Make an `email_open` event of user_001."""
    payload = {"emailId": "m1", "campaignId": campaign, "contactId": contact, **more.pop("payload", {})}
    return {
        "type": "email_open", "source": "email_engine", "payload": payload, "metadata": {"userId": "user_001"}, **more,
    }  # fmt: skip


def event(kind: str, source: str = "email_engine", user: str = "user_001", **payload: Any) -> dict[str, Any]:
    """Make an event of a user."""
    return {"type": kind, "source": source, "payload": payload, "metadata": {"userId": user}}
