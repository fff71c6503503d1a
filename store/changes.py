"""Who changed what: the record of people's changes, written in the transaction of the change."""

from __future__ import annotations

from collections.abc import Mapping

from engine.types import Json
from store.pool import Connection
from store.shapes import to_json
from store.statements import statement


async def record(
    connection: Connection, actor: str | None, action: str, subject: str, details: Mapping[str, Json] | None = None
) -> None:
    """Write that `actor` did `action` (like `flow.publish`) to `subject`, an id."""
    await connection.execute(statement("flows.record_change"), actor, action, subject, to_json(dict(details or {})))
