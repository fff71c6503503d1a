"""Seed `mal.flows` again from Postgres, for a topic that was lost."""

from __future__ import annotations

from store.limits import record_of
from store.outbox import head_key, limits_key, version_key
from store.pool import Connection, Pool
from store.publishing import read_head
from store.shapes import from_json, to_json
from store.statements import statement


async def republish_all(pool: Pool) -> int:
    """Put everything that `mal.flows` should hold into the outbox again, and return how many records that is."""
    async with pool.acquire() as connection, connection.transaction():
        records = [*await _versions(connection), *await _heads(connection), *await _limits(connection)]
        await connection.executemany(statement("outbox.add"), records)
        return len(records)


async def _versions(connection: Connection) -> list[tuple[str, str]]:
    rows = await connection.fetch(statement("versions.all_standing"))
    return [(version_key(row["flow_id"], row["version"]), to_json(from_json(row["definition"]))) for row in rows]


async def _heads(connection: Connection) -> list[tuple[str, str]]:
    flows = await connection.fetch(statement("versions.published_flows"))
    heads = [await read_head(connection, flow) for flow in flows]
    return [(head_key(head.flow_id), to_json(head.wire())) for head in heads]


async def _limits(connection: Connection) -> list[tuple[str, str]]:
    records = [record_of(row) for row in await connection.fetch(statement("limits.all"))]
    return [(limits_key(record.kind, record.id), to_json(record.wire())) for record in records]
