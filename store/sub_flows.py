"""The versions of other flows that a flow needs: settled when it is published, and kept for as long as it stands.

A sub-flow that is waited for, or whose version is named, runs in one certain version (product.md section 4, run_flow).
That version stays on mal.flows as long as one that names it: publishing and retiring agree on that by a lock.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import asyncpg

from engine.flow import FlowVersion, Node
from engine.nodes.base import ActionType, SubFlowOrder, TriggerType
from engine.nodes.registry import node_types
from engine.problems import Problem, problem, shown
from engine.sub_flows import MANUAL
from engine.types import FlowId, scope_of
from store.pool import Connection
from store.shapes import from_json
from store.statements import statement


async def settle(connection: Connection, drawn: FlowVersion) -> tuple[FlowVersion, list[Problem]]:
    """Write into each node that needs a certain version of another flow which that is: the one named, or the latest.

    Args:
        connection: in a transaction; until its end none of these versions is retired.
        drawn: a valid flow, as it is to be published.

    Returns:
        The flow with the versions in it, and what is wrong with those that it cannot have.
    """
    orders = {node.id: order for node in drawn.nodes if (order := _order_of(node)) is not None}
    if not orders:
        return drawn, []
    await connection.execute(statement("versions.keep"))
    nodes: list[Node] = []
    problems: list[Problem] = []
    for place, node in enumerate(drawn.nodes):
        found = await _version_for(connection, drawn, orders[node.id]) if node.id in orders else None
        if isinstance(found, str):
            message = f"node {shown(node.ref or node.id)}: config.flowId: {found}"
            problems.append(problem(f"nodes[{place}].config.flowId", message, node.id))
        nodes.append(node.model_copy(update={"config": {**node.config, "version": found}}) if found else node)
    return drawn.model_copy(update={"nodes": tuple(nodes)}), problems


def needed(nodes: Iterable[Node]) -> Iterator[FlowId]:
    """Yield the flows of which the nodes of a drawing need a certain version."""
    for node in nodes:
        if (order := _order_of(node)) is not None:
            yield order.flow_id


async def is_needed(connection: Connection, flow_id: str, version: int) -> bool:
    """Whether a version that stands needs this one; until the end of the transaction none that does is published."""
    await connection.execute(statement("versions.let_go"))
    needed: bool = await connection.fetchval(statement("versions.is_needed"), flow_id, version)
    return needed


def _order_of(node: Node) -> SubFlowOrder | None:
    kind = node_types().get(node.subtype)
    return kind.runs(node.config) if isinstance(kind, ActionType) else None


async def _version_for(connection: Connection, drawn: FlowVersion, order: SubFlowOrder) -> int | str:
    """Return the version that an order means, or what is wrong with it."""
    named = f"flow {shown(order.flow_id)}"
    row = await connection.fetchrow(statement("flows.get"), order.flow_id)
    if row is None or scope_of(row["user_id"], row["workspace_id"]) != drawn.scope:
        return f"there is no {named} in this scope; `mal flows list` shows what there is"
    if row["status"] not in {"published", "paused"}:
        return f"{named} ({row['name']}) is {row['status']}, not published; publish it first"
    number: int = order.version or row["latest_version"]
    stored = await connection.fetchrow(statement("versions.standing"), order.flow_id, number)
    return number if stored is not None and _is_manual(stored) else _unfit(named, row, number, stored)


def _is_manual(stored: asyncpg.Record) -> bool:
    nodes = FlowVersion.model_validate(from_json(stored["definition"])).nodes
    triggers = [node.subtype for node in nodes if isinstance(node_types().get(node.subtype), TriggerType)]
    return triggers == [MANUAL]


def _unfit(named: str, row: asyncpg.Record, number: int, stored: asyncpg.Record | None) -> str:
    if stored is None:
        latest = row["latest_version"]
        return f"{named} ({row['name']}) has no version {number} any more; leave it out to take the latest, {latest}"
    return f"version {number} of {named} ({row['name']}) is not started by manual_trigger, and so cannot be a sub-flow"
