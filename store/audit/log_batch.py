"""A stretch of one partition of the log, as it was read. Knows no Kafka and no table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class LogRecord(NamedTuple):
    """A record at its place in a partition."""

    offset: int
    timestamp_ms: int
    value: bytes | None


@dataclass(frozen=True, slots=True)
class LogBatch:
    """All records that a partition holds from `from_offset` up to, not with, `next_offset`.

    There may be fewer of them than offsets: markers of transactions take offsets, too, and so does what was aborted.
    """

    topic: str
    partition: int
    from_offset: int
    next_offset: int
    records: Sequence[LogRecord]

    def since(self, offset: int) -> LogBatch:
        """Return what is left of the batch from an offset on."""
        rest = [record for record in self.records if record.offset >= offset]
        return LogBatch(self.topic, self.partition, offset, self.next_offset, rest)

    def halves(self) -> tuple[LogBatch, LogBatch]:
        """Split a batch of two records or more."""
        middle = len(self.records) // 2
        cut = self.records[middle].offset
        first = LogBatch(self.topic, self.partition, self.from_offset, cut, self.records[:middle])
        return first, LogBatch(self.topic, self.partition, cut, self.next_offset, self.records[middle:])
