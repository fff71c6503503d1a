"""Whether a worker gets on: each shard that has something to do must have moved, and Kafka must have answered.

Looked at now and then; a question is answered from the last look.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from agents.figures import by_shard
from agents.shards import Shards
from streams.batching.host import Unread

STALL_SECONDS: Final = 20.0
"""So long a shard may have something to do and do nothing. A unit of commit is given up after 30."""
REBALANCE_SECONDS: Final = 60.0
"""So long a worker that was ready may be without an assignment and still be called ready."""


class WorkerHealth:
    """The health of one worker.

    Args:
        shards: of the worker.
        unread: what Kafka last said is still to be read.
        clock: seconds that only rise.
    """

    def __init__(
        self, shards: Shards, unread: Callable[[], Unread], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._shards = shards
        self._unread = unread
        self._clock = clock
        self._ready_at: float | None = None
        self._units: dict[int, int] = {}
        self._moved_at: dict[int, float] = {}
        self._heard_ms = 0
        self._heard_at = clock()
        self.is_stopping = False

    def look(self) -> None:
        """Note what has moved since the last look."""
        now = self._clock()
        unread = self._unread()
        shards = self._shards.figures()
        if not shards or unread.heard_ms != self._heard_ms:
            self._heard_at, self._heard_ms = now, unread.heard_ms
        if self._shards.ready.is_set():
            self._ready_at = now
        readable = by_shard(unread.readable)
        for shard in shards:
            has_work = shard.is_busy or shard.buffered or shard.kept.timers_due or readable[shard.number]
            if not has_work or shard.holds or self._units.get(shard.number) != shard.units:
                self._moved_at[shard.number] = now
            self._units[shard.number] = shard.units
        for number in self._moved_at.keys() - {shard.number for shard in shards}:
            del self._moved_at[number], self._units[number]

    def why_not_live(self) -> str | None:
        """Return what does not get on."""
        now = self._clock()
        stalled = {
            number: now - moved for number, moved in sorted(self._moved_at.items()) if now - moved > STALL_SECONDS
        }
        if stalled:
            numbers = ", ".join(map(str, stalled))
            return f"shards {numbers} have something to do and have not moved for {max(stalled.values()):.0f} s"
        if now - self._heard_at > STALL_SECONDS:
            return f"Kafka has not answered for {now - self._heard_at:.0f} s"
        return None

    def why_not_ready(self) -> str | None:
        """Return why no shards are at work."""
        if self.is_stopping:
            return "it is stopping"
        if self._ready_at is None:
            return "its shards are not assigned and restored yet"
        if (seconds := self._clock() - self._ready_at) > REBALANCE_SECONDS:
            return f"it has had no assignment for {seconds:.0f} s"
        return None
