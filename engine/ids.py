"""The one place where ids of our own are made (contract.md section 5). It must never change.

An id is the uuid5 of a fixed namespace and a JSON array without spaces whose first item is a tag. The same event
therefore leads to the same ids whenever, wherever and however often it is processed.
"""

from __future__ import annotations

import json
from hashlib import sha1
from typing import Final
from uuid import UUID

from engine.types import CommandId, ExecutionId, FlowId, NodeId, Subject

NAMESPACE: Final = UUID("6f0c1f0e-6d5b-5f0a-9a53-3c2f8e0b7a11")
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def derive(*parts: str | float | None) -> str:
    """Return the id of a tagged array of parts.

    It is `uuid5(NAMESPACE, …)` of the standard library, spelled out, because each command needs one: twice as fast.
    """
    name = _ENCODER.encode(parts).encode()
    digest = bytearray(sha1(NAMESPACE.bytes + name, usedforsecurity=False).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x50
    digest[8] = digest[8] & 0x3F | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def execution_id(flow_id: FlowId, source: str, subject: Subject, event_id: str) -> ExecutionId:
    """Return the id of the execution that this event starts of this flow for this subject."""
    return ExecutionId(derive("x", flow_id, source, subject.type, subject.id, event_id))


def command_id(execution: ExecutionId, node: NodeId, visit: int, ordinal: int) -> CommandId:
    """Return the id of the `ordinal`-th command (from 0) of one visit of a node."""
    return CommandId(derive("c", execution, node, visit, ordinal))


def flow_id(user_id: str | None, workspace_id: str | None, name: str) -> FlowId:
    """Return the id of a flow that a file names but gives no id."""
    return FlowId(derive("flow", user_id, workspace_id, name))


def node_id(flow: FlowId, ref: str) -> NodeId:
    """Return the id of a node that a file names by `ref`."""
    return NodeId(derive("node", flow, ref))


def edge_id(flow: FlowId, source: str, target: str, label: str | None, ordinal: int) -> str:
    """Return the id of an edge of a file; `ordinal` counts equal edges from 0."""
    return derive("edge", flow, source, target, label, ordinal)


def slot_event_id(flow: FlowId, slot: str, member: str | None) -> str:
    """Return the id of the event that a schedule makes for a slot, for a member of its segment or for nobody."""
    return derive("s", flow, slot, member)


def countdown_event_id(flow: FlowId, release: str, days: float) -> str:
    """Return the id of "so many days before a release" for a flow. It has no date in it: a date may move."""
    return derive("r", flow, release, days)


def sub_flow_event_id(execution: ExecutionId, node: NodeId, visit: int) -> str:
    """Return the id of the event with which a visit of a node starts a sub-flow."""
    return derive("f", execution, node, visit)


def event_id(topic: str, partition: int, offset: int, timestamp_ms: int) -> str:
    """Return the id of an event that came without one: where it lies in the log, so that a re-read gives the same."""
    return derive("e", topic, partition, offset, timestamp_ms)
