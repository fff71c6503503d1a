"""Store flow files: which flow a file means, whether it changes anything, and all files of a call or none."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import asyncpg

from engine import ids
from engine.files import Drawing, FlowFile, draw
from engine.flow import Flow
from engine.json_values import json_equal
from engine.types import FlowId
from engine.wire import Wire
from store import changes, publishing, sub_flows
from store.errors import InvalidInputError
from store.pool import Connection, Pool, fetch_one
from store.shapes import check_id, edge_row, flow_of, node_row, to_json
from store.statements import statement
from store.wall_clock import wall_clock_ms


class Applied(Wire):
    """What became of a file: the flow it is, its latest published version (0 before the first), and if it changed."""

    id: FlowId
    name: str
    version: int
    changed: bool


async def apply_flows(
    pool: Pool,
    files: Sequence[FlowFile],
    *,
    publish: bool = False,
    policy: str = "pin",
    actor: str | None = None,
    now_ms: Callable[[], int] = wall_clock_ms,
) -> list[Applied]:
    """Create or update the flows of files, in one transaction; the same file twice changes nothing.

    A flow is found by the file's `flow.id`, else by name within the scope.

    Args:
        pool: of connections.
        files: what `read_flow_file` found valid.
        publish: publish each of them, too.
        policy: of the publish.
        actor: who does it, for the record.
        now_ms: the clock publishes go by.

    Raises:
        InvalidInputError: a file means no flow clearly, or moves one to another scope, or the policy is none; nothing
            is stored.
        InvalidFlowError: see `publishing.publish`.
    """
    publishing.check_policy(policy)
    applied: dict[FlowId, Applied] = {}
    needs: dict[FlowId, set[FlowId]] = {}
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(statement("flows.lock_apply"))
        for file in files:
            row, has_changed = await _apply(connection, file, actor)
            if row["id"] in applied:
                raise InvalidInputError(f"two files are the flow {row['name']!r} ({row['id']}); give one another name")
            applied[row["id"]] = _applied(row, changed=has_changed)
            if publish:
                nodes, _edges = await publishing.read_drawing(connection, row["id"])
                needs[row["id"]] = set(sub_flows.needed(nodes))
        for flow_id in _in_order(needs):
            row, has_published = await publishing.publish(
                connection, flow_id, policy=policy, actor=actor, now_ms=now_ms()
            )
            applied[flow_id] = _applied(row, changed=applied[flow_id].changed or has_published)
    return list(applied.values())


def _applied(row: asyncpg.Record, *, changed: bool) -> Applied:
    return Applied(id=row["id"], name=row["name"], version=row["latest_version"], changed=changed)


def _in_order(needs: Mapping[FlowId, set[FlowId]]) -> list[FlowId]:
    """Return flows in the order in which they are to be published: those that others need first, else as they came.

    Those that need each other come as they came: the first of them is refused where the other is not published yet.
    """
    order: list[FlowId] = []
    asked: set[FlowId] = set()

    def visit(flow_id: FlowId) -> None:
        if flow_id in needs and flow_id not in asked:
            asked.add(flow_id)
            for needed in sorted(needs[flow_id]):
                visit(needed)
            order.append(flow_id)

    for flow_id in needs:
        visit(flow_id)
    return order


async def _apply(connection: Connection, file: FlowFile, actor: str | None) -> tuple[asyncpg.Record, bool]:
    row, created = await _find_or_create(connection, file)
    flow = flow_of(row)
    nodes, edges = await publishing.read_drawing(connection, flow.id)
    drawing = draw(file, flow.id, {node.ref: node.id for node in nodes if node.ref is not None})
    same_fields = _fields(flow) == _asked(file) and json_equal(flow.settings, file.flow.settings)
    same_drawing = json_equal(_wire(drawing), _wire(Drawing(nodes, edges)))
    if not created and same_fields and same_drawing and row["deleted_at"] is None:
        return row, False
    asked = file.flow
    row = await fetch_one(
        connection,
        statement("flows.update"),
        flow.id,
        asked.name,
        asked.description,
        asked.trigger_type,
        to_json(asked.settings),
    )
    await _write(connection, flow.id, drawing)
    await changes.record(connection, actor, "flow.apply", flow.id, {"name": asked.name, "created": created})
    return row, True


async def _find_or_create(connection: Connection, file: FlowFile) -> tuple[asyncpg.Record, bool]:
    asked = file.flow
    flow_id = asked.id or await _find_by_name(connection, file)
    derived = ids.flow_id(asked.user_id, asked.workspace_id, asked.name)
    row = await connection.fetchrow(statement("flows.lock_any"), flow_id or derived)
    if row is None:
        check_id("flow", flow_id or derived)
        scope = (flow_id or derived, asked.user_id, asked.workspace_id)
        fields = (asked.name, asked.description, asked.trigger_type, to_json(asked.settings))
        return await fetch_one(connection, statement("flows.insert"), *scope, *fields), True
    if flow_id is None and row["deleted_at"] is None:
        raise InvalidInputError(
            f"the flow {asked.name!r} would get the id {derived}, which is that of {row['name']!r} (once of this "
            f"name); give flow.id: that one to rename it back, or another for a new flow"
        )
    if (row["user_id"], row["workspace_id"]) != (asked.user_id, asked.workspace_id):
        raise InvalidInputError(
            f"flow {row['id']} belongs to user {row['user_id']!r}, workspace {row['workspace_id']!r}, not to user "
            f"{asked.user_id!r}, workspace {asked.workspace_id!r}; a flow stays where it is: leave out flow.id to make "
            "another"
        )
    return row, False


async def _find_by_name(connection: Connection, file: FlowFile) -> str | None:
    asked = file.flow
    scope = (asked.user_id, asked.workspace_id)
    found = [row["id"] for row in await connection.fetch(statement("flows.find_by_name"), asked.name, *scope)]
    if len(found) > 1:
        raise InvalidInputError(
            f"{len(found)} flows of this scope are named {asked.name!r} ({', '.join(found)}); say which by flow.id"
        )
    return found[0] if found else None


async def _write(connection: Connection, flow_id: str, drawing: Drawing) -> None:
    await connection.execute(statement("flows.clear_nodes"), flow_id)
    await connection.execute(statement("flows.clear_edges"), flow_id)
    nodes = [(flow_id, node.id, place, *node_row(node)) for place, node in enumerate(drawing.nodes)]
    edges = [(flow_id, edge.id, place, *edge_row(edge)) for place, edge in enumerate(drawing.edges)]
    await connection.executemany(statement("flows.insert_node"), nodes)
    await connection.executemany(statement("flows.insert_edge"), edges)


def _fields(flow: Flow) -> tuple[str | None, ...]:
    return flow.name, flow.description, flow.trigger_type


def _asked(file: FlowFile) -> tuple[str | None, ...]:
    return file.flow.name, file.flow.description, file.flow.trigger_type


def _wire(drawing: Drawing) -> dict[str, object]:
    return {"nodes": [node.wire() for node in drawing.nodes], "edges": [edge.wire() for edge in drawing.edges]}
