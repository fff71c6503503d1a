"""Measures a system once a second while a run goes on: the memory of its workers, how late commands come."""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass

from tests.fault.system import WORKERS, System

EVERY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Sample:
    """One look: since the run began, in seconds; the biggest worker, in bytes."""

    at_seconds: float
    worker_bytes: int


class Gauges:
    """Looks at a system until cancelled."""

    def __init__(self, system: System) -> None:
        self.samples: list[Sample] = []
        self._system = system
        self._began = time.monotonic()

    async def run(self) -> None:
        """Take a sample a second."""
        while True:
            biggest = max(worker.resident_bytes() for worker in self._system.workers[:WORKERS])
            self.samples.append(Sample(time.monotonic() - self._began, biggest))
            await asyncio.sleep(EVERY_SECONDS)

    def megabytes(self, first: float, last: float) -> float:
        """The median of the biggest worker's memory between two moments of the run."""
        found = [sample.worker_bytes for sample in self.samples if first <= sample.at_seconds <= last]
        return statistics.median(found) / 2**20 if found else 0.0

    def late_ms(self, first: float, last: float) -> tuple[float, float]:
        """How long after its event a command came between two moments of the run: the median, and 90 in 100."""
        late = sorted(
            seconds * 1000 for at, seconds in self._system.watch.latencies if first <= at - self._began <= last
        )
        return (late[len(late) // 2], late[len(late) * 9 // 10]) if late else (0.0, 0.0)
