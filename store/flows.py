"""Flows and their drafts: the functions of contract.md section 10. Works on any asyncpg pool."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, overload
from uuid import uuid4

import asyncpg

from engine.flow import Edge, Flow, FlowVersion, Node
from engine.types import FlowId, Json
from store import changes, publishing, sub_flows
from store.errors import InvalidInputError, NotFoundError
from store.flow_fields import NewFlow, changed_fields
from store.pool import Connection, Pool, fetch_one
from store.shapes import (
    check_id,
    edge_of,
    edge_row,
    flow_of,
    from_json,
    node_of,
    node_row,
    read_edge,
    read_model,
    read_node,
    statuses_of,
    to_json,
)
from store.statements import statement
from store.wall_clock import wall_clock_ms


class PublishedFlow(Flow):
    """A flow after a publish or archive; `changed` says whether that did anything."""

    changed: bool


class PausedFlow(PublishedFlow):
    """A flow after a pause or resume: since when it stands so, and since when it was paused (None: never)."""

    at_ms: int
    paused_at_ms: int | None


class FlowStore:
    """Flows, their nodes and edges, and publishing.

    Edits are free; only a publish asks whether a flow is valid. `Flow.version` is the latest published version. What a
    publish or archive changes stands in the outbox until `outbox.relay` brings it to Kafka.

    Args:
        pool: from `create_pool`, or any other asyncpg pool.
        actor: who makes the changes, for the record of them.
        now_ms: the clock publishes go by.
    """

    def __init__(self, pool: Pool, *, actor: str | None = None, now_ms: Callable[[], int] = wall_clock_ms) -> None:
        self._pool = pool
        self._actor = actor
        self._now_ms = now_ms

    # ---- flows

    async def get_flow(self, flow_id: str) -> Flow | None:
        """Return a flow, or None where there is none or it is deleted."""
        row = await self._pool.fetchrow(statement("flows.get"), flow_id)
        return None if row is None else flow_of(row)

    async def list_flows_for_user(self, user_id: str, workspace_id: str | None = None) -> list[Flow]:
        """Return the flows of a user, oldest first; only those of a workspace where one is given."""
        return [flow_of(row) for row in await self._pool.fetch(statement("flows.list_for_user"), user_id, workspace_id)]

    async def list_flows(
        self, *, user_id: str | None = None, workspace_id: str | None = None, status: str | None = None
    ) -> list[Flow]:
        """Return all flows that the filters let through, oldest first."""
        rows = await self._pool.fetch(statement("flows.list"), user_id, workspace_id, status)
        return [flow_of(row) for row in rows]

    async def find_flows(self, id_or_name: str) -> list[Flow]:
        """Return the flow of this id, else all flows of this name, of whatever scope."""
        found = [flow_of(row) for row in await self._pool.fetch(statement("flows.find_anywhere"), id_or_name)]
        return found[:1] if found and found[0].id == id_or_name else found

    async def create_flow(self, flow: Mapping[str, Any] | None = None, /, **fields: Json) -> Flow:
        """Create a draft.

        Args:
            flow: {name, userId, workspaceId, description, triggerType, settings, id}; name and one of userId and
                workspaceId are needed, an id is made where none is given.
            fields: the same as keyword arguments, in either spelling.

        Raises:
            InvalidInputError: a field is missing, unknown, or of the wrong type; or the id is taken.
        """
        new = read_model(NewFlow, {**(flow or {}), **fields}, what="flow")
        new.check()
        flow_id = new.id or FlowId(str(uuid4()))
        check_id("flow", flow_id)
        async with self._pool.acquire() as connection, connection.transaction():
            row = await connection.fetchrow(
                statement("flows.insert"), flow_id, new.user_id, new.workspace_id, new.name, new.description,
                new.trigger_type, to_json(new.settings),
            )  # fmt: skip
            if row is None:
                raise InvalidInputError(f"there is, or was, a flow {flow_id!r}; leave the id out, or take another")
            await changes.record(connection, self._actor, "flow.create", flow_id, {"name": new.name})
        return flow_of(row)

    async def update_flow(self, flow_id: str, changed: Mapping[str, Any] | None = None, /, **fields: Json) -> Flow:
        """Change fields of a draft: name, description, triggerType, settings; isActive true publishes it, or ends its
        pause, and false pauses it.

        Raises:
            NotFoundError: there is no such flow.
            InvalidInputError: a field is unknown, of the wrong type, or not to be changed.
            InvalidFlowError: isActive true on a flow that is not valid; nothing is changed.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await publishing.lock_flow(connection, flow_id)
            change = changed_fields(flow_of(row), {**(changed or {}), **fields})
            if change.values:
                new = flow_of(row).model_copy(update=change.values)
                row = await fetch_one(
                    connection, statement("flows.update"), flow_id, new.name, new.description, new.trigger_type,
                    to_json(new.settings),
                )  # fmt: skip
                await changes.record(connection, self._actor, "flow.update", flow_id, {"fields": sorted(change.values)})
            asked: dict[str, Any] = {"actor": self._actor, "now_ms": self._now_ms()}
            if change.activate:
                row, _ = await publishing.publish(connection, flow_id, policy="pin", **asked)
                row, _ = await publishing.resume(connection, flow_id, **asked)
            elif change.deactivate:
                row, _ = await publishing.pause(connection, flow_id, **asked)
        return flow_of(row)

    async def delete_flow(self, flow_id: str) -> bool:
        """Delete a flow and say whether there was one. It is archived and hidden; its history stays."""
        async with self._pool.acquire() as connection, connection.transaction():
            try:
                await publishing.archive(connection, flow_id, actor=self._actor, now_ms=self._now_ms())
            except NotFoundError:
                return False
            await connection.execute(statement("flows.delete"), flow_id)
            await changes.record(connection, self._actor, "flow.delete", flow_id)
        return True

    async def publish_flow(self, flow_id: str, policy: str = "pin") -> PublishedFlow:
        """Freeze the draft into the next version and put it into force (see `publishing.publish`)."""
        async with self._pool.acquire() as connection, connection.transaction():
            row, changed = await publishing.publish(
                connection, flow_id, policy=policy, actor=self._actor, now_ms=self._now_ms()
            )
        return PublishedFlow(**dict(flow_of(row)), changed=changed)

    async def archive_flow(self, flow_id: str, *, drain: bool = False) -> PublishedFlow:
        """Take a flow out of force (see `publishing.archive`)."""
        async with self._pool.acquire() as connection, connection.transaction():
            row, changed = await publishing.archive(
                connection, flow_id, drain=drain, actor=self._actor, now_ms=self._now_ms()
            )
        return PublishedFlow(**dict(flow_of(row)), changed=changed)

    async def pause_flow(self, flow_id: str) -> PausedFlow:
        """Pause a published flow (see `publishing.pause`)."""
        async with self._pool.acquire() as connection, connection.transaction():
            row, changed = await publishing.pause(connection, flow_id, actor=self._actor, now_ms=self._now_ms())
        return _paused(row, changed=changed)

    async def resume_flow(self, flow_id: str) -> PausedFlow:
        """End the pause of a flow (see `publishing.resume`)."""
        async with self._pool.acquire() as connection, connection.transaction():
            row, changed = await publishing.resume(connection, flow_id, actor=self._actor, now_ms=self._now_ms())
        return _paused(row, changed=changed)

    async def get_version(self, flow_id: str, number: int) -> FlowVersion | None:
        """Return a published version, whether it still stands or not; None where there is none."""
        stored = await self._pool.fetchval(statement("versions.definition"), flow_id, number)
        return None if stored is None else FlowVersion.model_validate(from_json(stored))

    async def get_draft(self, flow_id: str) -> FlowVersion:
        """Return the draft as the version that a publish would make of it, valid or not.

        Raises:
            NotFoundError: there is no such flow.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            row = await publishing.lock_flow(connection, flow_id)
            drawn = publishing.version_of(flow_of(row), *await publishing.read_drawing(connection, flow_id))
            settled, _problems = await sub_flows.settle(connection, drawn)
            return settled

    # ---- nodes and edges

    async def get_nodes(self, flow_id: str) -> list[Node]:
        """Return the nodes of a draft, in the order they came; [] where there is no such flow."""
        return [node_of(row) for row in await self._pool.fetch(statement("flows.nodes"), flow_id)]

    async def get_edges(self, flow_id: str) -> list[Edge]:
        """Return the edges of a draft, in their order, which is part of its meaning; [] where there is no such flow."""
        return [edge_of(row) for row in await self._pool.fetch(statement("flows.edges"), flow_id)]

    @overload
    async def save_node(self, node: Node | Mapping[str, Any], /) -> Node: ...
    @overload
    async def save_node(self, flow_id: str, node: Node | Mapping[str, Any], /) -> Node: ...
    async def save_node(self, first: Any, second: Any = None, /) -> Node:
        """Create or replace a node of a draft, by its id; one without an id gets a new one.

        Its flow is its flowId, or the first of two arguments.

        Raises:
            InvalidInputError: it is no node, or names no flow.
            NotFoundError: there is no such flow.
        """
        node = read_node(*_part_and_flow(first, second))
        async with self._pool.acquire() as connection, connection.transaction():
            flow_id = await _touch(connection, str(node.flow_id))
            await connection.execute(statement("flows.save_node"), flow_id, node.id, *node_row(node))
            await changes.record(connection, self._actor, "node.save", flow_id, {"nodeId": node.id})
        return node

    @overload
    async def save_edge(self, edge: Edge | Mapping[str, Any], /) -> Edge: ...
    @overload
    async def save_edge(self, flow_id: str, edge: Edge | Mapping[str, Any], /) -> Edge: ...
    async def save_edge(self, first: Any, second: Any = None, /) -> Edge:
        """Create or replace an edge of a draft, by its id; a new one comes last.

        Its flow is its flowId, or the first of two arguments.

        Raises:
            InvalidInputError: it is no edge, or names no flow.
            NotFoundError: there is no such flow.
        """
        edge = read_edge(*_part_and_flow(first, second))
        async with self._pool.acquire() as connection, connection.transaction():
            flow_id = await _touch(connection, str(edge.flow_id))
            await connection.execute(statement("flows.save_edge"), flow_id, edge.id, *edge_row(edge))
            await changes.record(connection, self._actor, "edge.save", flow_id, {"edgeId": edge.id})
        return edge

    async def delete_node(self, *ids: str) -> bool:
        """Delete a node of a draft with its edges, by (node id) or (flow id, node id); say whether there was one.

        Raises:
            InvalidInputError: several flows have a node of this id, and no flow is named.
        """
        return await self._delete_part("node", ids, ("delete_edges_of_node", "delete_node"))

    async def delete_edge(self, *ids: str) -> bool:
        """Delete an edge of a draft, by (edge id) or (flow id, edge id); say whether there was one.

        Raises:
            InvalidInputError: several flows have an edge of this id, and no flow is named.
        """
        return await self._delete_part("edge", ids, ("delete_edge",))

    async def _delete_part(self, what: str, ids: tuple[str, ...], statements: tuple[str, ...]) -> bool:
        *named, part_id = ids
        async with self._pool.acquire() as connection, connection.transaction():
            owners = [row["flow_id"] for row in await connection.fetch(statement(f"flows.flows_of_{what}"), part_id)]
            owners = [owner for owner in owners if owner in named] if named else owners
            if len(owners) > 1:
                raise InvalidInputError(f"{len(owners)} flows have {what} {part_id!r}; name the flow, too")
            for flow_id in owners:
                await _touch(connection, flow_id)
                for name in statements:
                    await connection.execute(statement(f"flows.{name}"), flow_id, part_id)
                await changes.record(connection, self._actor, f"{what}.delete", flow_id, {f"{what}Id": part_id})
            return bool(owners)


def _paused(row: asyncpg.Record, *, changed: bool) -> PausedFlow:
    statuses = statuses_of(row)
    pauses = [change.at_ms for change in statuses[-2:] if change.status == "paused"]
    return PausedFlow(
        **dict(flow_of(row)), changed=changed, at_ms=statuses[-1].at_ms, paused_at_ms=pauses[-1] if pauses else None
    )


async def _touch(connection: Connection, flow_id: str) -> str:
    """Count the change of a draft; this also locks its row, so that changes of one flow follow each other."""
    if await connection.fetchval(statement("flows.touch"), flow_id) is None:
        raise NotFoundError(f"there is no flow {flow_id!r}; create it first")
    return flow_id


def _part_and_flow(first: Any, second: Any) -> tuple[Any, str | None]:
    return (first, None) if second is None else (second, first)
