"""Versions that a newer one has followed: which of them still stand, and when they may leave mal.flows."""

from __future__ import annotations

from typing import NamedTuple

from engine.types import FlowId
from store import publishing
from store.pool import Pool
from store.statements import statement


class Superseded(NamedTuple):
    """A version and the moment a newer one was put into force: the last at which an event could start it."""

    flow_id: FlowId
    version: int
    at_ms: int


async def superseded_before(pool: Pool, at_ms: int) -> list[Superseded]:
    """Return the standing versions that were superseded before a moment, longest ago first."""
    return [Superseded(*row) for row in await pool.fetch(statement("versions.superseded"), at_ms)]


async def retire_if_ended(pool: Pool, version: Superseded) -> bool:
    """Retire a version whose executions have all ended, as far as the audit has written, and say whether that was done.

    The caller knows that the audit has written everything that could tell of an execution of it.
    """
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(statement("versions.is_running"), version.flow_id, version.version):
            return False
        return await publishing.retire(connection, version.flow_id, version.version)
