"""One unit of commit of a shard: the records to write and the rows to change, all of it or nothing.

The words that shell (`agents`) and transport (`streams.batching`) share. Values and one narrow port; does no I/O.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

Headers = tuple[tuple[str, bytes], ...]


class Output(NamedTuple):
    """A record to write, at its place: the partition is chosen by whoever made it (murmur2 of the key)."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    timestamp_ms: int | None = None
    """None: the time of writing."""


Writes = Mapping[str, Mapping[bytes, bytes | None]]
"""Table → key → row; None deletes the row."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What a run of inputs led to."""

    outputs: Sequence[Output]
    writes: Writes

    def __bool__(self) -> bool:
        return bool(self.outputs) or any(self.writes.values())


class ShardTable(Protocol):
    """The rows of one table that belong to one shard."""

    def get(self, key: bytes) -> bytes | None:
        """Return a row, or None."""

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Return every row with its key."""
