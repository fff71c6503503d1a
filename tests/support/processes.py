"""Parts of the system as processes that can be killed, stopped and continued."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from dev.parts import Part, PartProcess

READY_SECONDS = 60.0


@contextmanager
def frozen(pid: int | None) -> Iterator[None]:
    """A process stands still, and goes on at the end: of what happened meanwhile it knows nothing."""
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


class Process:
    """A part that a test does things to. What blocks is to be called from a thread where a loop has other work."""

    def __init__(self, part: Part, folder: Path, environment: Mapping[str, str]) -> None:
        self._process = PartProcess(part, folder, environment)
        self.name = part.name
        self.log = self._process.log

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def start(self) -> None:
        self._process.start()

    async def ready(self, within_seconds: float = READY_SECONDS) -> None:
        async with asyncio.timeout(within_seconds):
            while not self.is_ready():
                if (code := self._process.poll()) is not None:
                    raise AssertionError(f"{self.name} ended with {code}:\n{self.log.read_text()[-4000:]}")
                await asyncio.sleep(0.05)

    async def begin(self) -> None:
        self.start()
        await self.ready()

    def is_ready(self) -> bool:
        return self._process.is_ready()

    def ended_with(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def signal(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def kill(self) -> None:
        """Kill -9, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        self._process.stop()

    def stop(self) -> None:
        """Ask it to end, and wait until it is gone."""
        self._process.stop()

    async def ended(self, within_seconds: float) -> int:
        """Wait until it has ended by itself, or because it was asked to; return its exit code."""
        async with asyncio.timeout(within_seconds):
            while (code := self._process.poll()) is None:  # noqa: ASYNC110 -- a process tells nobody; bounded above
                await asyncio.sleep(0.05)
        return code

    async def revive(self) -> None:
        """Start it again where it has ended, as `mal up` would."""
        if self._process.poll() is not None:
            self._process.stop()
            await self.begin()
