"""Ends a worker that can no longer work: one that is stuck must not look alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from agents.shards import Shards
from agents.worker_health import WorkerHealth
from streams.batching.app import BatchApp
from streams.compacted import CompactedReader

LOOK_SECONDS: Final = 1.0
UNASSIGNED_SECONDS: Final = 180.0
"""The longest a rebalance may take, the restoring of tables included."""
UNFETCHED_SECONDS: Final = 45.0
"""So long an input that has a leader may be silent while others are not; a new process fetches within seconds."""


async def watch(app: BatchApp, shards: Shards, readers: Sequence[CompactedReader], health: WorkerHealth) -> None:
    """Look now and then whether everything that must run does; end the process where it does not."""
    ready_at = time.monotonic()
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        health.look()
        if shards.ready.is_set():
            ready_at = time.monotonic()
        elif time.monotonic() - ready_at > UNASSIGNED_SECONDS:
            shards.fail(f"no assignment for {UNASSIGNED_SECONDS:g} s")
        if app.crashed:
            shards.fail("Faust has crashed", app.crash_reason)
        if app.started and app.consumer_has_ended():
            shards.fail("the consumer's coordination has ended")
        if unfetched := app.unfetched(UNFETCHED_SECONDS):
            shards.fail(f"{len(unfetched)} inputs are not fetched any more, such as {unfetched[0]}, while others are")
        for reader in readers:
            if error := reader.failure():
                shards.fail("a compacted topic cannot be read any further", error)
