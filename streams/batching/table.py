"""Changelog-backed tables in batches: the rows of each shard as a dict of bytes, written by whole units of commit.

A table never sends to its changelog: the unit's writer does, and applies the writes here once they are committed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import faust
from faust.types import TP

from streams.batching.topic import BatchTopic


class TablePart:
    """The rows of one table that belong to one shard, and up to where its changelog they hold.

    `next_offset` is the offset in the changelog partition after the last write they hold; 0 for none. Deletions are
    not kept, so it must never be set back.
    """

    __slots__ = ("_rows", "next_offset")

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self.next_offset = 0

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, key: bytes) -> bytes | None:
        """Return a row, or None."""
        return self._rows.get(key)

    def items(self) -> Iterable[tuple[bytes, bytes]]:
        """Return every row with its key."""
        return self._rows.items()

    def apply(self, writes: Mapping[bytes, bytes | None], next_offset: int) -> None:
        """Take over writes that the changelog holds up to `next_offset`."""
        for key, value in writes.items():
            self.apply_one(key, value)
        self.next_offset = max(self.next_offset, next_offset)

    def apply_one(self, key: bytes, value: bytes | None) -> None:
        """Take over one record of the changelog; without a value it deletes."""
        if value is None:
            self._rows.pop(key, None)
        else:
            self._rows[key] = value


class BatchTable(faust.Table):  # type: ignore[type-arg]  # generic over models, which bytes are not
    """A Faust table of which Faust knows the changelog and the co-partitioning; its rows are in parts by shard."""

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, **options)
        self._parts: dict[int, TablePart] = {}

    def part(self, shard: int) -> TablePart:
        """Return the part of a shard, new where there was none."""
        found = self._parts.get(shard)
        if found is None:
            found = self._parts[shard] = TablePart()
        return found

    def forget(self, shard: int) -> None:
        """Drop the part of a shard that is no longer ours, or may have been another's meanwhile."""
        self._parts.pop(shard, None)

    @property
    def changelog(self) -> str:
        """The name of the changelog topic."""
        return str(self.changelog_topic_name)

    def _new_changelog_topic(self, **_options: Any) -> BatchTopic:
        return BatchTopic(
            self.app, topics=[self._changelog_topic_name()], key_type=bytes, value_type=bytes,
            partitions=self.partitions, compacting=True, acks=False, internal=True, allow_empty=True,
        )  # fmt: skip

    def persisted_offset(self, tp: TP) -> int | None:
        """Return the last offset of the changelog that the rows hold, None where they hold nothing of it."""
        part = self._parts.get(tp.partition)
        return part.next_offset - 1 if part and part.next_offset else None
