"""What `BatchTable` is to the host of the shards, without a Faust app."""

from __future__ import annotations

from streams.batching.table import TablePart
from streams.topics import changelog


class MemoryTable:
    """A table in parts by shard."""

    def __init__(self, name: str) -> None:
        self.changelog = changelog(name)
        self._parts: dict[int, TablePart] = {}

    def part(self, shard: int) -> TablePart:
        return self._parts.setdefault(shard, TablePart())

    def forget(self, shard: int) -> None:
        self._parts.pop(shard, None)
