"""Executions as the audit has written them, in the shape of contract.md section 4."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

import asyncpg

from store import decisions
from store.pool import Pool
from store.shapes import from_json, rfc3339_of
from store.statements import statement

LAST_CHARACTER: Final = "\U0010ffff"
"""Nothing that begins like an id comes after that id and this."""


async def list_executions(
    pool: Pool,
    *,
    flow_ids: Sequence[str] | None = None,
    subject_id: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return executions, newest first, without their steps.

    Args:
        pool: of connections.
        flow_ids: only those of these flows.
        subject_id: only those about this contact, campaign, …
        status: only those that stand so.
        since: only those started then or later.
        limit: at most so many.
    """
    rows = await pool.fetch(statement("executions.list"), flow_ids, subject_id, status, since, limit)
    return [_head(row) for row in rows]


async def show(pool: Pool, execution_id: str) -> dict[str, Any] | None:
    """Return an execution with all its steps in the order of its story, each with the `answers` to its commands.

    Where entry rules held it back, there is a decision instead, in the shape of the feed; None where there is neither.
    """
    row = await pool.fetchrow(statement("executions.get"), execution_id)
    if row is None:
        return await decisions.of_execution(pool, execution_id)
    steps = await pool.fetch(statement("executions.steps"), row["id"], row["started_at"])
    answers = await _answers(pool, (command_id for step in steps for command_id in step["command_ids"]))
    return {
        **_head(row),
        "path": from_json(row["path"]),
        "steps": [
            _step(step, [answer for command_id in step["command_ids"] for answer in answers[command_id]])
            for step in steps
        ],
    }


async def find(pool: Pool, execution_id: str) -> dict[str, Any] | None:
    """Return an execution without its steps, or None where there is none."""
    row = await pool.fetchrow(statement("executions.get"), execution_id)
    return None if row is None else _head(row)


async def ids_from(pool: Pool, prefix: str, *, limit: int) -> list[str]:
    """Return the ids of executions that begin so, sorted, at most so many."""
    rows = await pool.fetch(statement("executions.ids_from"), prefix, f"{prefix}{LAST_CHARACTER}", limit)
    return [row["id"] for row in rows]


async def flow_names(pool: Pool, flow_ids: Iterable[str]) -> dict[str, str]:
    """Return what flows are called now, by id; deleted ones are called what they were called."""
    rows = await pool.fetch(statement("flows.names"), list(set(flow_ids)))
    return {row["id"]: row["name"] for row in rows}


async def running_by_version(pool: Pool, flow_id: str) -> dict[int, int]:
    """Return how many executions of a flow run on each version, as far as the audit has written."""
    rows = await pool.fetch(statement("versions.running"), flow_id)
    return {row["version"]: row["running"] for row in rows}


async def standing_at(pool: Pool, flow_id: str) -> dict[str, int]:
    """Return how many executions of a flow wait at each node, as far as the audit has written."""
    rows = await pool.fetch(statement("versions.standing_at"), flow_id)
    return {row["node_id"]: row["waiting"] for row in rows}


async def node_names(pool: Pool, flow_id: str, version: int) -> dict[str, str]:
    """Return how the author of a version calls its nodes, by node id; nodes without a ref are left out."""
    definition = from_json(await pool.fetchval(statement("versions.definition"), flow_id, version))
    nodes = definition["nodes"] if definition else ()
    return {node["id"]: node["ref"] for node in nodes if node.get("ref")}


async def _answers(pool: Pool, command_ids: Iterable[str]) -> defaultdict[str, list[dict[str, Any]]]:
    answers: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in await pool.fetch(statement("executions.answers"), list(command_ids)):
        answers[row["command_id"]].append({
            "commandId": row["command_id"],
            "attempt": row["attempt"],
            "status": row["status"],
            "retryable": row["retryable"],
            "error": from_json(row["error"]),
            "output": from_json(row["output"]),
            "finishedAt": rfc3339_of(row["finished_at"]),
        })  # fmt: skip
    return answers


def _head(row: asyncpg.Record) -> dict[str, Any]:
    return {
        "executionId": row["id"],
        "seq": row["seq"],
        "flowId": row["flow_id"],
        "flowVersion": row["flow_version"],
        "userId": row["user_id"],
        "workspaceId": row["workspace_id"],
        "subject": {"type": row["subject_type"], "id": row["subject_id"]},
        "origin": row["origin"],
        "status": row["status"],
        "endReason": row["end_reason"],
        "trigger": from_json(row["trigger"]),
        "input": from_json(row["input"]),
        "startedAt": rfc3339_of(row["started_at"]),
        "finishedAt": rfc3339_of(row["finished_at"]),
        "error": from_json(row["error"]),
        "waiting": from_json(row["waiting"]),
        "progress": from_json(row["progress"]),
        **(from_json(row["extra"]) or {}),
    }


def _step(row: asyncpg.Record, answers: list[dict[str, Any]]) -> dict[str, Any]:
    reason = {} if row["reason"] is None else {"reason": row["reason"]}
    return {
        "nodeId": row["node_id"],
        "visit": row["visit"],
        "try": row["try"],
        "type": row["type"],
        "subtype": row["subtype"],
        "status": row["status"],
        "port": row["port"],
        **reason,
        "input": from_json(row["input"]),
        "output": from_json(row["output"]),
        "error": from_json(row["error"]),
        "commandIds": row["command_ids"],
        "startedAt": rfc3339_of(row["started_at"]),
        "finishedAt": rfc3339_of(row["finished_at"]),
        **(from_json(row["extra"]) or {}),
        "answers": answers,
    }
