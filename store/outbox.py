"""The way of definitions to `mal.flows`: rows written with the change, sent in their order, deleted once sent.

Knows keys and JSON, no Kafka: whoever relays hands in the sending.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from engine.flow import FlowHead, FlowVersion, LimitsRecord
from engine.types import FlowId
from store.pool import Connection, Pool
from store.shapes import to_json
from store.statements import statement

Send = Callable[[bytes, bytes | None], Awaitable[None]]
"""Sends a key and a value (None: a tombstone) to `mal.flows`, and returns when Kafka has acknowledged it."""


def version_key(flow_id: FlowId, version: int) -> str:
    """Return the key of a frozen version on `mal.flows`."""
    return f"{flow_id}/{version}"


def head_key(flow_id: FlowId) -> str:
    """Return the key of a flow's head on `mal.flows`."""
    return f"{flow_id}/head"


def limits_key(kind: str, identity: str) -> str:
    """Return the key of the limits of a user or workspace on `mal.flows`."""
    return f"limits/{kind}/{identity}"


async def add(connection: Connection, key: str, record: FlowVersion | FlowHead | LimitsRecord | None) -> None:
    """Write a record into the outbox, within the caller's transaction; None is a tombstone."""
    await connection.execute(statement("outbox.add"), key, None if record is None else to_json(record.wire()))


async def relay(pool: Pool, send: Send) -> int:
    """Send what stands in the outbox, in order, and return how many records that were.

    A row is deleted only after its record was acknowledged, so a crash between sends it again, which changes nothing
    on a compacted topic. Relays wait for each other, so that a record never overtakes an older one of its key.

    Raises:
        Whatever `send` raises; what was not acknowledged stays in the outbox.
    """
    sent = 0
    while count := await _relay_some(pool, send):
        sent += count
    return sent


async def _relay_some(pool: Pool, send: Send) -> int:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(statement("outbox.lock"))
        rows = await connection.fetch(statement("outbox.next"))
        for row in rows:
            value = row["value"]
            await send(row["key"].encode(), None if value is None else value.encode())
        await connection.execute(statement("outbox.delete"), [row["id"] for row in rows])
        return len(rows)
