"""Whatever a client does not answer to, taking shards over ends: a worker that hangs looks alive to its group."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.batching import restore, writers
from streams.batching.restore import restore_parts
from streams.batching.table import TablePart
from streams.batching.writers import TransactionalWriter

BOUND_SECONDS = 0.05
PATIENCE_SECONDS = 5.0
"""Of a test that would wait for ever otherwise."""


class Client:
    """A producer or a consumer that never comes back from one of its calls."""

    def __init__(self, hangs_at: str) -> None:
        self._hangs_at = hangs_at

    async def start(self) -> None:
        await self._call("start")

    async def stop(self) -> None:
        await self._call("stop")

    def assign(self, partitions: Any) -> None:
        raise ConnectionError("no use")

    async def _call(self, name: str) -> None:
        if name == self._hangs_at:
            await asyncio.Event().wait()


@pytest.mark.parametrize("hangs_at", ["start", "stop"])
async def test_opening_a_writer_ends(monkeypatch: pytest.MonkeyPatch, hangs_at: str) -> None:
    clients = iter([Client("stop" if hangs_at == "stop" else ""), Client(hangs_at)])
    writer = TransactionalWriter(lambda **_: next(clients), lambda: 0, "app")  # type: ignore[arg-type]
    await writer.open([0])
    monkeypatch.setattr(writers, "START_SECONDS", BOUND_SECONDS)
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(TimeoutError):
            await writer.open([0])
    assert time.monotonic() - began < PATIENCE_SECONDS / 2


@pytest.mark.parametrize("hangs_at", ["start", "stop"])
async def test_restoring_ends(monkeypatch: pytest.MonkeyPatch, hangs_at: str) -> None:
    monkeypatch.setattr(restore, "STALL_SECONDS", BOUND_SECONDS)
    parts = {TopicPartition("changelog", 0): TablePart()}
    began = time.monotonic()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(TimeoutError):
            await restore_parts(lambda **_: Client(hangs_at), parts)  # type: ignore[arg-type]
    assert time.monotonic() - began < PATIENCE_SECONDS / 2
