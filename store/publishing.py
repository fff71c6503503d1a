"""Publish, archive and retire: what turns a draft into versions, and a flow's status over time.

Each function works within the caller's transaction and leaves in the outbox what workers must hear of it.
"""

from __future__ import annotations

from typing import get_args

import asyncpg

from engine.flow import (
    Edge,
    Flow,
    FlowHead,
    FlowStatus,
    FlowVersion,
    Node,
    Policy,
    StatusChange,
    VersionHead,
)
from engine.graph import build_graph, validate_graph
from engine.json_values import json_equal
from engine.problems import problem
from engine.types import FlowId, NodeId, Standing
from store import changes, outbox, sub_flows
from store.errors import InvalidFlowError, InvalidInputError, NotFoundError
from store.pool import Connection, fetch_one
from store.shapes import edge_of, flow_of, from_json, node_of, statuses_of, to_json
from store.statements import statement

MAX_VERSION_BYTES = 1_000_000
"""A version is one record of mal.flows."""


async def lock_flow(connection: Connection, flow_id: str) -> asyncpg.Record:
    """Return the row of a flow, locked until the transaction ends.

    Raises:
        NotFoundError: there is none.
    """
    row = await connection.fetchrow(statement("flows.lock"), flow_id)
    if row is None:
        raise NotFoundError(f"there is no flow {flow_id!r}; `mal flows list` shows what there is")
    return row


async def publish(
    connection: Connection, flow_id: str, *, policy: str, actor: str | None, now_ms: int
) -> tuple[asyncpg.Record, bool]:
    """Freeze the draft into the next version, and put flow and version into force; a paused flow stays paused.

    A draft that is the same as the latest version makes no new one; a sub-flow's newer version makes a difference
    where it is waited for.

    Args:
        connection: in a transaction.
        flow_id: which flow.
        policy: what happens to running executions: `pin`, `migrate` or `exit`.
        actor: who does it, for the record.
        now_ms: from when it is in force, in milliseconds since the epoch.

    Returns:
        The row of the flow, and whether anything changed.

    Raises:
        NotFoundError: there is no such flow.
        InvalidInputError: the policy is none.
        InvalidFlowError: the flow is not valid; it carries every problem.
    """
    check_policy(policy)
    row = await lock_flow(connection, flow_id)
    drawn = await _frozen(connection, row)
    latest = await _definition(connection, row)
    is_new = latest is None or not _same(latest, drawn)
    # What is paused stays so: only a resume takes what the pause has held.
    status: FlowStatus = "paused" if row["status"] == "paused" else "published"
    if not is_new and row["status"] == status:
        return row, False
    at_ms = await _in_force_from(connection, row, now_ms)
    if is_new:
        definition = to_json(drawn.wire())
        if len(definition.encode()) > MAX_VERSION_BYTES:
            too_large = f"the flow is larger than {MAX_VERSION_BYTES:,} bytes; split it"
            raise InvalidFlowError(row["name"], [problem("", too_large)])
        await connection.execute(statement("versions.insert"), flow_id, drawn.version, policy, at_ms, definition, actor)
        await outbox.add(connection, outbox.version_key(drawn.flow_id, drawn.version), drawn)
    version = drawn.version if is_new else row["latest_version"]
    row = await _set_status(connection, row, status, version, at_ms)
    await changes.record(connection, actor, "flow.publish", flow_id, {"version": version, "policy": policy})
    return row, True


async def pause(connection: Connection, flow_id: str, *, actor: str | None, now_ms: int) -> tuple[asyncpg.Record, bool]:
    """Pause a published flow: what it matches is held, and what runs is held before its next node.

    Returns:
        The row of the flow, and whether anything changed.

    Raises:
        NotFoundError: there is no such flow.
        InvalidInputError: it is not published.
    """
    return await _change_standing(connection, flow_id, "published", "paused", "flow.pause", actor, now_ms)


async def resume(
    connection: Connection, flow_id: str, *, actor: str | None, now_ms: int
) -> tuple[asyncpg.Record, bool]:
    """End the pause of a flow. The caller has the flow take again what was held (`streams.resuming`).

    Returns:
        The row of the flow, and whether anything changed.

    Raises:
        NotFoundError: there is no such flow.
        InvalidInputError: it is not paused.
    """
    return await _change_standing(connection, flow_id, "paused", "published", "flow.resume", actor, now_ms)


async def _change_standing(
    connection: Connection,
    flow_id: str,
    before: Standing,
    after: Standing,
    action: str,
    actor: str | None,
    now_ms: int,
) -> tuple[asyncpg.Record, bool]:
    row = await lock_flow(connection, flow_id)
    if row["status"] == after:
        return row, False
    if row["status"] != before:
        raise InvalidInputError(f"the flow {row['name']!r} ({flow_id}) is {row['status']}, not {before}")
    at_ms = await _in_force_from(connection, row, now_ms)
    row = await _set_status(connection, row, after, row["latest_version"], at_ms)
    await changes.record(connection, actor, action, flow_id)
    return row, True


async def archive(
    connection: Connection, flow_id: str, *, drain: bool = False, actor: str | None, now_ms: int
) -> tuple[asyncpg.Record, bool]:
    """Take a flow out of force: no new entries, and what runs ends `archived`; with `drain` it goes on to its own end.

    What drains can be archived after all.

    Returns:
        The row of the flow, and whether anything changed.

    Raises:
        NotFoundError: there is no such flow.
    """
    row = await lock_flow(connection, flow_id)
    statuses = statuses_of(row)
    if row["status"] == "archived" and (drain or not statuses[-1].drain):
        return row, False
    at_ms = await _in_force_from(connection, row, now_ms)
    row = await _set_status(connection, row, "archived", row["latest_version"], at_ms, drain=drain)
    await changes.record(connection, actor, "flow.drain" if drain else "flow.archive", flow_id)
    return row, True


async def retire(connection: Connection, flow_id: str, version: int) -> bool:
    """Take a superseded version off mal.flows, and say whether it still was there; its row stays."""
    row = await connection.fetchrow(statement("flows.lock_any"), flow_id)
    if row is None or row["latest_version"] == version:
        return False
    if await sub_flows.is_needed(connection, flow_id, version):
        return False
    if await connection.fetchval(statement("versions.retire"), flow_id, version) is None:
        return False
    await outbox.add(connection, outbox.head_key(row["id"]), await read_head(connection, row))
    await outbox.add(connection, outbox.version_key(row["id"], version), None)
    return True


async def read_head(connection: Connection, row: asyncpg.Record) -> FlowHead:
    """Return the head of a flow: its standing versions and its statuses."""
    rows = await connection.fetch(statement("versions.heads"), row["id"])
    return FlowHead(
        flow_id=row["id"],
        latest=row["latest_version"],
        versions=tuple(
            VersionHead(version=one["version"], policy=one["policy"], effective_from_ms=one["effective_from_ms"])
            for one in rows
        ),
        statuses=statuses_of(row),
    )


async def read_drawing(connection: Connection, flow_id: str) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """Return the nodes and edges of a draft, in their order."""
    nodes = await connection.fetch(statement("flows.nodes"), flow_id)
    edges = await connection.fetch(statement("flows.edges"), flow_id)
    return tuple(map(node_of, nodes)), tuple(map(edge_of, edges))


def check_policy(policy: str) -> None:
    """Refuse a policy that is none.

    Raises:
        InvalidInputError: see there.
    """
    if policy not in get_args(Policy):
        raise InvalidInputError(f"policy is {policy!r}; use {', '.join(get_args(Policy))}")


async def _frozen(connection: Connection, row: asyncpg.Record) -> FlowVersion:
    flow = flow_of(row)
    nodes, edges = await read_drawing(connection, flow.id)
    checked = validate_graph(build_graph(nodes, edges), flow.settings, trigger_type=flow.trigger_type)
    if not checked.is_valid:
        raise InvalidFlowError(flow.name, checked.errors)
    settled, problems = await sub_flows.settle(connection, version_of(flow, nodes, edges))
    if problems:
        raise InvalidFlowError(flow.name, problems)
    return settled


def version_of(flow: Flow, nodes: tuple[Node, ...], edges: tuple[Edge, ...]) -> FlowVersion:
    """Return a draft as the version that a publish would make of it, valid or not."""
    graph = build_graph(nodes, edges)
    return FlowVersion(
        flow_id=flow.id,
        version=flow.version + 1,
        name=flow.name,
        user_id=flow.user_id,
        workspace_id=flow.workspace_id,
        trigger_type=flow.trigger_type,
        settings=flow.settings,
        nodes=nodes,
        # An edge of a draft may name its ends by ref.
        edges=tuple(
            edge.model_copy(
                update={
                    "source_node_id": NodeId(graph.find(edge.source_node_id) or edge.source_node_id),
                    "target_node_id": NodeId(graph.find(edge.target_node_id) or edge.target_node_id),
                }
            )
            for edge in edges
        ),
    )


def _same(latest: FlowVersion, drawn: FlowVersion) -> bool:
    """Whether a draft is what was published last; by JSON's equality, where 1 is not true."""
    return json_equal(latest.wire(), {**drawn.wire(), "version": latest.version})


async def _definition(connection: Connection, row: asyncpg.Record) -> FlowVersion | None:
    stored = await connection.fetchval(statement("versions.definition"), row["id"], row["latest_version"])
    return None if stored is None else FlowVersion.model_validate(from_json(stored))


async def _in_force_from(connection: Connection, row: asyncpg.Record, now_ms: int) -> int:
    """Return now, but nothing earlier than what is in force: a clock that was set back must not reorder changes."""
    heads = await connection.fetch(statement("versions.heads"), row["id"])
    moments: list[int] = [one["effective_from_ms"] for one in heads] + [change.at_ms for change in statuses_of(row)]
    return max([now_ms, *moments])


async def _set_status(
    connection: Connection, row: asyncpg.Record, status: FlowStatus, version: int, at_ms: int, *, drain: bool = False
) -> asyncpg.Record:
    statuses = statuses_of(row)
    if row["status"] != status or status == "archived":
        statuses += (StatusChange(status=status, at_ms=at_ms, drain=drain),)
    written = to_json([change.wire() for change in statuses])
    updated = await fetch_one(connection, statement("flows.set_published"), row["id"], status, version, written)
    if version:
        await outbox.add(connection, outbox.head_key(FlowId(row["id"])), await read_head(connection, updated))
    return updated
