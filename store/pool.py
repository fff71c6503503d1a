"""Connections to Postgres: how a pool is made, and how JSON goes through it."""

from __future__ import annotations

from typing import TypeAlias

import asyncpg

Pool: TypeAlias = "asyncpg.Pool[asyncpg.Record]"
Connection: TypeAlias = "asyncpg.pool.PoolConnectionProxy[asyncpg.Record]"

CONNECT_TIMEOUT_SECONDS = 10.0
COMMAND_TIMEOUT_SECONDS = 60.0
IDLE_IN_TRANSACTION_SECONDS = 10
"""A process that is frozen between two statements holds the rows it locked no longer than this: the audit's position of
a partition is such a row, and whoever takes the partition over waits for it."""
JSONB_VERSION = b"\x01"
"""The first byte of jsonb on the wire; the JSON text follows."""


async def create_pool(dsn: str, *, max_size: int = 8, transaction_seconds: int = 0) -> Pool:
    """Make a pool over a libpq URI, with at least one connection open.

    On its connections jsonb is bytes of JSON in both directions, so that COPY can carry what orjson wrote as it is.

    Args:
        dsn: a libpq URI.
        max_size: of connections.
        transaction_seconds: a transaction that takes longer is ended by Postgres, whatever it waits for; 0 for no end.

    Raises:
        OSError, asyncpg.PostgresError: Postgres is away, or refuses us.
    """
    pool: Pool = await asyncpg.create_pool(
        dsn,
        min_size=1,
        max_size=max_size,
        timeout=CONNECT_TIMEOUT_SECONDS,
        command_timeout=COMMAND_TIMEOUT_SECONDS,
        init=_set_codecs,
        # Lists have optional filters (`$1 is null or …`): only a plan made for the arguments can use their indexes.
        server_settings={
            "application_name": "mal",
            "plan_cache_mode": "force_custom_plan",
            "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_SECONDS}s",
            "transaction_timeout": f"{transaction_seconds}s",
        },
    )
    return pool


async def fetch_one(connection: Connection, query: str, *arguments: object) -> asyncpg.Record:
    """Run a statement that returns exactly one row: an upsert, or a change of a row that is locked."""
    row = await connection.fetchrow(query, *arguments)
    if row is None:
        raise AssertionError(f"no row came back from: {query}")
    return row


async def _set_codecs(connection: asyncpg.Connection[asyncpg.Record]) -> None:
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        encoder=lambda json: JSONB_VERSION + json,
        decoder=lambda sent: sent[1:],
        format="binary",
    )
