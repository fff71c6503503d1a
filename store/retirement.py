"""Versions that a newer one has followed: which of them still stand, and when they may leave mal.flows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from engine.goals import compile_goal
from engine.retrying import KEPT_MS
from engine.types import FlowId
from store import publishing
from store.pool import Connection, Pool
from store.shapes import from_json
from store.statements import statement


class Superseded(NamedTuple):
    """A version and the moment a newer one was put into force: the last at which an event could start it."""

    flow_id: FlowId
    version: int
    at_ms: int


async def superseded_before(pool: Pool, at_ms: int) -> list[Superseded]:
    """Return the standing versions that were superseded before a moment, longest ago first."""
    return [Superseded(*row) for row in await pool.fetch(statement("versions.superseded"), at_ms)]


async def retire_if_ended(pool: Pool, version: Superseded, now_ms: int) -> bool:
    """Retire a version that no execution needs, as far as the audit has written, and say whether that was done.

    One needs it while it runs, while it can be retried, and while it may still reach its goal, also after its end. The
    caller knows that the audit has written everything that could tell of an execution of it.
    """
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(statement("versions.is_running"), version.flow_id, version.version):
            return False
        retried_since = _moment(now_ms - KEPT_MS)
        if await connection.fetchval(
            statement("versions.can_be_retried"), version.flow_id, version.version, retried_since
        ):
            return False
        if await _may_reach_its_goal(connection, version, now_ms):
            return False
        return await publishing.retire(connection, version.flow_id, version.version)


async def _may_reach_its_goal(connection: Connection, version: Superseded, now_ms: int) -> bool:
    stored = await connection.fetchval(statement("versions.definition"), version.flow_id, version.version)
    goal = compile_goal(from_json(stored).get("settings") or {})
    if goal is None:
        return False
    # A MAL_TIME_SCALE makes a window shorter, never longer.
    since = _moment(now_ms - round(goal.within_seconds * 1000))
    started: bool = await connection.fetchval(
        statement("versions.has_started"), version.flow_id, version.version, since
    )
    return started


def _moment(at_ms: int) -> datetime:
    """Return a moment; one before 1970 is 1970."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=max(at_ms, 0))
