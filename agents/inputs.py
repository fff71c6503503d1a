"""What a shard has read and not decided yet, in the order in which it is to be decided (product.md section 2, Time).

The buffered record with the lowest (timestamp, topic, offset) comes first. An input that is not read to its end and has
nothing in its buffer lags: what it still holds may come before everything else.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

Record = Any
"""An aiokafka ConsumerRecord[bytes | None, bytes | None]."""


class ShardInputs:
    """The inputs of one shard.

    Args:
        next_offsets: for each topic the offset that comes next; 0 where nothing was applied yet.
    """

    __slots__ = ("_at_end", "_buffers", "_excused", "_heads", "_received", "decided", "size")

    def __init__(self, next_offsets: Mapping[str, int]) -> None:
        self.decided = dict(next_offsets)
        """For each topic the offset after the last record that was decided."""
        self.size = 0
        """How many records are buffered."""
        self._received = dict(next_offsets)
        self._buffers: dict[str, deque[Record]] = {topic: deque() for topic in next_offsets}
        self._at_end = dict.fromkeys(next_offsets, False)
        self._excused: set[str] = set()
        self._heads: list[tuple[int, str]] = []

    def take(self, topic: str, records: Iterable[Record]) -> None:
        """Buffer records of a topic, in the order of their offsets; those applied before are passed over."""
        buffer = self._buffers[topic]
        was_empty = not buffer
        known = self._received[topic]
        fresh = [record for record in records if record.offset >= known]
        if not fresh:
            return
        buffer.extend(fresh)
        self.size += len(fresh)
        self._received[topic] = fresh[-1].offset + 1
        self._excused.discard(topic)
        if was_empty:
            heapq.heappush(self._heads, (buffer[0].timestamp, topic))

    def note_end(self, topic: str, at_end: bool) -> None:
        """Note whether a topic was read to its end, as of what has been taken."""
        self._at_end[topic] = at_end
        if at_end:
            self._excused.discard(topic)

    def lagging(self) -> list[str]:
        """Return the topics that lag, but for those excused."""
        return [
            topic
            for topic, at_end in self._at_end.items()
            if not at_end and not self._buffers[topic] and topic not in self._excused
        ]

    def excuse(self, topics: Iterable[str]) -> None:
        """Wait no longer for topics that lag, until they give something."""
        self._excused.update(topics)

    def buffered(self, topic: str) -> int:
        """Return how many records of a topic are buffered."""
        return len(self._buffers[topic])

    def head_timestamp(self) -> int | None:
        """Return the timestamp of the record that comes next, or None."""
        return self._heads[0][0] if self._heads else None

    def pop(self) -> Record:
        """Take the record that comes next."""
        _, topic = heapq.heappop(self._heads)
        buffer = self._buffers[topic]
        record = buffer.popleft()
        self.size -= 1
        if buffer:
            heapq.heappush(self._heads, (buffer[0].timestamp, topic))
        self.decided[topic] = record.offset + 1
        return record
