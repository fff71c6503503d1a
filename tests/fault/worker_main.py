"""The entry of a worker to which faults happen: the real one, with a clock that can be off and points to die at.

Everything is put around the product from outside: it knows nothing of this. Run as `python -m tests.fault.worker_main`.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable, Collection
from typing import Any
from unittest.mock import patch

from tests.fault.control import Control, control_path, died_file, read_control

LOOK_SECONDS = 0.1
_real_time, _real_time_ns = time.time, time.time_ns


class Told:
    """What the driver has told this worker, looked at ten times a second at most."""

    def __init__(self) -> None:
        self._path = control_path()
        self._looked_at = -1.0
        self._control = Control()
        self._passed = 0

    @property
    def control(self) -> Control:
        now = time.monotonic()
        if now - self._looked_at > LOOK_SECONDS:
            self._looked_at = now
            if (fresh := read_control(self._path)) != self._control:
                self._control, self._passed = fresh, 0
        return self._control

    def point(self, name: str) -> None:
        """Die here, or ask ourselves to end, where this is the place and the time."""
        if self.control.die_at != name:
            return
        self._passed += 1
        if self._passed == self._control.passes:
            died_file(self._path).write_text(name)
            os.kill(os.getpid(), signal.Signals[self._control.by])


told = Told()
# Before anything is imported that takes the clock by its name: whatever this process asks the time, gets this one.
time.time = lambda: _real_time() + told.control.clock_ms / 1000
time.time_ns = lambda: _real_time_ns() + told.control.clock_ms * 1_000_000

from aiokafka import AIOKafkaProducer  # noqa: E402 -- after the clock

from agents import bootstrap  # noqa: E402
from agents.shard import Shard  # noqa: E402
from agents.shards import Shards  # noqa: E402
from streams.batching import writers  # noqa: E402
from streams.batching.restore import restore_parts  # noqa: E402
from streams.settings import Settings  # noqa: E402


class PointedProducer(AIOKafkaProducer):  # type: ignore[misc]  # aiokafka ships no types
    """A shard's producer that passes points."""

    async def begin_transaction(self) -> None:
        told.point("unit.decided")
        await super().begin_transaction()
        told.point("unit.begun")

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> Any:
        acknowledged = await super().send_batch(batch, topic, partition=partition)
        told.point("unit.sending")
        acknowledged.add_done_callback(lambda _: told.point("unit.half"))
        return acknowledged

    async def commit_transaction(self) -> None:
        told.point("unit.sent")
        ending = asyncio.ensure_future(super().commit_transaction())
        if told.control.die_at == "unit.ending":
            await asyncio.sleep(random.uniform(0, 0.006))
            told.point("unit.ending")
        await ending
        told.point("unit.committed")


class PointedWriter(writers.TransactionalWriter):
    """Passes a point when the shards are fenced."""

    async def open(self, shards: Collection[int]) -> None:
        await super().open(shards)
        if shards:
            told.point("restore.fenced")


class PointedCommandsFirstWriter(PointedWriter, writers.CommandsFirstWriter):
    """As that one, with `at_least_once`."""


async def pointed_restore(connect: Any, parts: Any) -> Any:
    told.point("restore.begun")
    restored = await _restore_parts(connect, parts)
    told.point("restore.done")
    return restored


async def pointed_commit(shard: Shard) -> None:
    await _commit(shard)
    told.point("unit.applied")


def pointed_resume(shards: Shards, epoch: int) -> None:
    _resume(shards, epoch)
    told.point("restore.resumed")


_restore_parts = restore_parts
_commit: Callable[[Shard], Any] = Shard._commit
_resume = Shards.resume


def main() -> None:
    """Run a worker until it is asked to stop, or dies."""
    with (
        patch.object(bootstrap, "AIOKafkaProducer", PointedProducer),
        patch.object(bootstrap, "TransactionalWriter", PointedWriter),
        patch.object(bootstrap, "CommandsFirstWriter", PointedCommandsFirstWriter),
        patch.object(bootstrap, "restore_parts", pointed_restore),
        patch.object(Shard, "_commit", pointed_commit),
        patch.object(Shards, "resume", pointed_resume),
    ):
        bootstrap.run_worker(Settings())


if __name__ == "__main__":
    main()
