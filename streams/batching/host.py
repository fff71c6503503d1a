"""What the transport asks of those who work on the shards, and the values that pass between them. Does nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from faust.types import TP

__all__ = ["TP", "Ends", "Record", "RecordBatch", "ShardHost", "Unread"]

Record = Any
"""An aiokafka ConsumerRecord[bytes | None, bytes | None]."""


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """All records of one partition that one poll gave.

    Args:
        number: counts the batches of an epoch from 1, in the order of their delivery.
        epoch: of the seek they were read after; a batch of an older epoch is read again.
        partition: topic and partition.
        records: in the order of their offsets.
    """

    number: int
    epoch: int
    partition: TP
    records: Sequence[Record]


@dataclass(frozen=True, slots=True)
class Ends:
    """Which partitions had been read to their end when a poll returned, markers of transactions included.

    `after` is the number of the last batch delivered before: it is true for a host that has taken that batch.
    """

    epoch: int
    after: int
    at_end: Mapping[TP, bool]


@dataclass(frozen=True, slots=True)
class Unread:
    """What is still to be read of each input, as of Kafka's last answer, and when that came.

    `readable` and `unstable` are offsets; the latter lie behind a transaction that has not ended. `heard_ms` is by the
    wall clock, 0 where nothing was heard yet.
    """

    readable: Mapping[TP, int]
    unstable: Mapping[TP, int]
    heard_ms: int


class ShardHost(Protocol):
    """Works on the shards of this worker. From `suspend` until the next `restore` and `resume` it writes nothing."""

    def take(self, batch: RecordBatch) -> None:
        """Buffer a batch."""

    def note_ends(self, ends: Ends) -> None:
        """Take note of which inputs are read to their end."""

    def full(self) -> Collection[TP]:
        """Return the partitions that have enough in their buffers for now."""

    def applied(self) -> Mapping[TP, int]:
        """Return, for each input, the next offset after what is applied and acknowledged: what the group may commit."""

    async def suspend(self) -> None:
        """Finish the units of commit that are under way, and drop what is buffered: the next seek reads it again."""

    async def restore(self, assigned: Collection[TP], generation: int) -> None:
        """Make the shards of an assignment ours: fence whoever wrote them before, then restore their tables."""

    def positions(self) -> Mapping[TP, int]:
        """Return, for each input, the next offset after what the restored tables hold."""

    def resume(self, epoch: int) -> None:
        """Begin to work; batches of this epoch follow. It comes also where a `suspend` has come since `restore`."""

    def fail(self, reason: str, error: BaseException | None = None) -> None:
        """End the process: what it holds in memory can no longer be trusted."""
