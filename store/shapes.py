"""Between what callers hand in, the models of the core, and the rows of the tables. Reads and writes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar
from uuid import uuid4

import asyncpg
import orjson
from pydantic import ValidationError

from engine.flow import Edge, Flow, Node, StatusChange
from engine.json_shape import json_fault
from engine.problems import shown
from engine.types import FlowId, Json
from engine.wire import Wire, rfc3339
from engine.wording import first_fault, plain
from store.errors import InvalidInputError

M = TypeVar("M", bound=Wire)
MAX_ID_CHARS = 200
"""Ids stand in btree indexes, and in every record of the feed."""


def read_model(model: type[M], raw: M | Mapping[str, Any], *, what: str = "", **more: Json) -> M:
    """Read a model, or an object of its wire shape; keys may be in Python's spelling, too.

    Args:
        model: which.
        raw: what was handed in.
        what: what a message calls it; the model's name where empty.
        more: values of fields that are absent.

    Raises:
        InvalidInputError: it has not that shape, or holds what cannot be stored.
    """
    what = what or model.__name__.lower()
    if isinstance(raw, model):
        given: dict[str, Any] = raw.model_dump(mode="json")
    elif isinstance(raw, Mapping):
        given = dict(raw)
    else:
        raise InvalidInputError(f"a {what} is an object or a {model.__name__}, not {shown(raw)}")
    for name, value in more.items():
        alias = str(model.model_fields[name].alias)
        if given.get(name) is None and given.get(alias) is None:
            given.pop(name, None)
            given[alias] = value
    check_json(what, given)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        raise InvalidInputError(_message(what, error)) from error


def read_node(raw: Node | Mapping[str, Any], flow_id: str | None) -> Node:
    """Read a node of a flow; one without an id gets a new one.

    Raises:
        InvalidInputError: see `read_model`; or it belongs to another flow, or to none.
    """
    return _owned(read_model(Node, raw, id=str(uuid4()), flow_id=flow_id))


def read_edge(raw: Edge | Mapping[str, Any], flow_id: str | None) -> Edge:
    """Read an edge of a flow; one without an id gets a new one.

    Raises:
        InvalidInputError: see `read_node`.
    """
    return _owned(read_model(Edge, raw, id=str(uuid4()), flow_id=flow_id))


def check_json(what: str, value: Json) -> None:
    """Refuse what cannot be stored as JSON.

    Raises:
        InvalidInputError: see there.
    """
    if fault := json_fault(value):
        raise InvalidInputError(f"this {what} {fault}")


def check_id(what: str, value: str) -> None:
    """Refuse an id that is empty or too long.

    Raises:
        InvalidInputError: see there.
    """
    if not 0 < len(value) <= MAX_ID_CHARS:
        raise InvalidInputError(f"the id of a {what} has 1 to {MAX_ID_CHARS} characters, not {len(value)}")


def to_json(value: Json) -> str:
    """Write a value as JSON text, keys in their order."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def from_json(stored: str | bytes | None) -> Json:
    """Read what a json or jsonb column holds, on connections with and without our codecs."""
    return None if stored is None else orjson.loads(stored)


def rfc3339_of(moment: datetime | None) -> str | None:
    """Write a time of a column as the wire has it."""
    return None if moment is None else rfc3339(round(moment.timestamp() * 1000))


def flow_of(row: asyncpg.Record) -> Flow:
    """Read a row of automation_flows."""
    return Flow(
        id=row["id"],
        user_id=row["user_id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        description=row["description"],
        is_active=row["is_active"],
        trigger_type=row["trigger_type"],
        status=row["status"],
        version=row["latest_version"],
        settings=from_json(row["settings"]),
        created_at=str(rfc3339_of(row["created_at"])),
        updated_at=str(rfc3339_of(row["updated_at"])),
    )


def statuses_of(row: asyncpg.Record) -> tuple[StatusChange, ...]:
    """Read the changes of status of a row of automation_flows."""
    return tuple(StatusChange.model_validate(change) for change in from_json(row["statuses"]))


def node_of(row: asyncpg.Record) -> Node:
    """Read a row of automation_nodes."""
    return Node(
        id=row["id"],
        ref=row["ref"],
        flow_id=FlowId(row["flow_id"]),
        type=row["type"],
        subtype=row["subtype"],
        config=from_json(row["config"]),
        options=from_json(row["options"]),
        position=from_json(row["position"]),
    )


def node_row(node: Node) -> tuple[str | None, ...]:
    """Write what follows flow, id and place in a row of automation_nodes."""
    position = to_json(node.position.model_dump())
    return node.ref, node.type, node.subtype, to_json(node.config), to_json(node.options), position


def edge_of(row: asyncpg.Record) -> Edge:
    """Read a row of automation_edges."""
    return Edge(
        id=row["id"],
        flow_id=FlowId(row["flow_id"]),
        source_node_id=row["source_node_id"],
        target_node_id=row["target_node_id"],
        condition_label=row["condition_label"],
    )


def edge_row(edge: Edge) -> tuple[str | None, ...]:
    """Write what follows flow, id and place in a row of automation_edges."""
    return edge.source_node_id, edge.target_node_id, edge.condition_label


_P = TypeVar("_P", Node, Edge)


def _owned(part: _P) -> _P:
    what = type(part).__name__.lower()
    check_id(what, part.id)
    if not part.flow_id:
        raise InvalidInputError(f"the {what} {part.id!r} names no flow; give its flowId")
    return part


def _message(what: str, error: ValidationError) -> str:
    place, first = first_fault(error, what)
    value = "" if first["type"] == "missing" else f" (it is {shown(first['input'])})"
    return f"{what}: {place}: {plain(first)}{value}"
