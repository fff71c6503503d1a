"""What the engine did not do, and why, as the audit has written it: the shape of a decision, contract.md section 4."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from store.pool import Pool
from store.shapes import from_json, rfc3339_of
from store.statements import statement


async def list_decisions(
    pool: Pool,
    *,
    flow_ids: Sequence[str] | None = None,
    subject_id: str | None = None,
    reason: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
) -> list[dict[str, Any]]:
    """Return what was suppressed or held, newest first.

    Args:
        pool: of connections.
        flow_ids: only what these flows would have done.
        subject_id: only about this contact, campaign, …
        reason: only for this reason.
        since: only decided then or later.
        limit: at most so many.
    """
    rows = await pool.fetch(statement("decisions.list"), flow_ids, subject_id, reason, since, limit)
    return [_decision(row) for row in rows]


async def of_execution(pool: Pool, execution_id: str) -> dict[str, Any] | None:
    """Return what held an execution back, or None where nothing did."""
    row = await pool.fetchrow(statement("decisions.of_execution"), execution_id)
    return None if row is None else _decision(row)


async def knows_subject(pool: Pool, subject_id: str) -> bool:
    """Whether anything was ever done, or held back, about a contact, campaign, …"""
    return bool(await pool.fetchval(statement("decisions.knows_subject"), subject_id))


def _decision(row: asyncpg.Record) -> dict[str, Any]:
    subject = None if row["subject_type"] is None else {"type": row["subject_type"], "id": row["subject_id"]}
    return {
        "decision": row["decision"],
        "flowId": row["flow_id"],
        "userId": row["user_id"],
        "workspaceId": row["workspace_id"],
        "subject": subject,
        "eventId": row["event_id"],
        "reason": row["reason"],
        "at": rfc3339_of(row["at"]),
        "type": row["event_type"],
        "source": row["event_source"],
        "input": from_json(row["input"]),
        "executionId": row["execution_id"],
        **(from_json(row["extra"]) or {}),
    }
