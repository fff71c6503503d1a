"""A shard's tables as decoded rows, over bytes in memory: reads through a write set, which one unit of commit writes.

Rows are decoded on first touch and encoded once per dirty key and unit. The line before an execution's body holds what
a restart needs to build its timers, so that ten million waits need not be decoded to be found again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, cast

import orjson

from engine.due import Timer
from engine.retrying import forget_timer
from engine.run import CHILD
from engine.shard_tables import EXECUTIONS
from engine.types import ExecutionId, FlowId
from streams.unit import ShardTable

_HEADER_END: Final = b"\n"


class Waiting(NamedTuple):
    """What the header of an execution's row says."""

    flow_id: FlowId
    version: int
    started_at_ms: int
    is_stopped: bool
    timers: tuple[Timer, ...]


class ShardState:
    """The decoded view of one shard's tables. `take` gives the writes since the last take, encoded."""

    __slots__ = ("_dirty", "_read", "_tables")

    def __init__(self, tables: Mapping[str, ShardTable]) -> None:
        self._tables = tables
        self._dirty: dict[str, dict[str, dict[str, Any] | None]] = {}
        self._read: dict[tuple[str, str], dict[str, Any]] = {}

    def get(self, table: str, key: str) -> dict[str, Any] | None:
        """Return a row, or None. It may be changed, but only `put` writes it."""
        dirty = self._dirty.get(table)
        if dirty is not None and key in dirty:
            return dirty[key]
        cached = self._read.get((table, key))
        if cached is not None:
            return cached
        value = self._tables[table].get(key.encode())
        if value is None:
            return None
        row = decode_row(table, value)
        self._read[table, key] = row
        return row

    def put(self, table: str, key: str, row: dict[str, Any]) -> None:
        """Write a row."""
        self._dirty.setdefault(table, {})[key] = row

    def delete(self, table: str, key: str) -> None:
        """Delete a row; one that the table never held needs no record."""
        if self._tables[table].get(key.encode()) is None:
            self._dirty.get(table, {}).pop(key, None)
        else:
            self._dirty.setdefault(table, {})[key] = None

    def take(self) -> dict[str, dict[bytes, bytes | None]]:
        """Return the writes since the last take, and forget what was read for them."""
        writes = {
            table: {key.encode(): None if row is None else encode_row(table, row) for key, row in rows.items()}
            for table, rows in self._dirty.items()
            if rows
        }
        self._dirty = {}
        self._read = {}
        return writes

    def waiting(self) -> Iterator[tuple[ExecutionId, Waiting]]:
        """Yield the header of every execution that the tables hold."""
        for key, value in self._tables[EXECUTIONS].items():
            execution = ExecutionId(key.decode())
            yield execution, _read_header(execution, value)


def encode_row(table: str, row: dict[str, Any]) -> bytes:
    """Write a row; an execution's with its header."""
    body = orjson.dumps(row)
    if table != EXECUTIONS:
        return body
    timers = [
        [until, rank, visit, node_id]
        for node_id, visit, until, reason, rank, *_more in row["waits"]
        if reason != CHILD  # no clock ends it
    ]
    if row["ended"]:
        kept = forget_timer(row["id"], row["ended"][2])
        timers = [[kept.due_ms, kept.rank, kept.visit, kept.node_id]]
    header = [row["flow"], row["version"], row["started"], bool(row["stopped"]), timers]
    return orjson.dumps(header) + _HEADER_END + body


def decode_row(table: str, value: bytes) -> dict[str, Any]:
    """Read a row."""
    if table == EXECUTIONS:
        value = value[value.index(_HEADER_END) + 1 :]
    return cast(dict[str, Any], orjson.loads(value))


def _read_header(execution: ExecutionId, value: bytes) -> Waiting:
    flow_id, version, started_at_ms, is_stopped, timers = orjson.loads(value[: value.index(_HEADER_END)])
    return Waiting(
        flow_id,
        version,
        started_at_ms,
        is_stopped,
        tuple(Timer(until, execution, rank, visit, node_id) for until, rank, visit, node_id in timers),
    )
