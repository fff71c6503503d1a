"""Asks a process of ours how it is, as a probe and as Prometheus would."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout
from prometheus_client.parser import text_string_to_metric_families

PROBE_SECONDS = 2.0
PAUSE_SECONDS = 0.1
SILENCES = 3
"""After so many questions in a row without an answer a process is started anew (docs/operations.md)."""


@dataclass
class Probe:
    """Health and metrics of the process that listens on a port of this machine."""

    port: int
    failures: list[str] = field(default_factory=list)
    """What `watch` saw fail."""

    async def ask(self, what: str) -> tuple[int, dict[str, Any]]:
        """Return status and answer of /health/live or /health/ready; 0 where nobody answers."""
        try:
            async with self._session() as session, session.get(f"/health/{what}") as answer:
                return answer.status, await answer.json()
        except (ClientError, TimeoutError, OSError):
            return 0, {}

    async def until(self, what: str, status: int, within_seconds: float) -> dict[str, Any]:
        """Ask until the status is so; return the answer."""
        seen: Any = None
        try:
            async with asyncio.timeout(within_seconds):
                while True:
                    seen = await self.ask(what)
                    if seen[0] == status:
                        return dict(seen[1])
                    await asyncio.sleep(PAUSE_SECONDS)
        except TimeoutError:
            raise AssertionError(f"/health/{what} is {seen}, not {status} within {within_seconds:g} s") from None

    async def watch(self) -> None:
        """Ask for both again and again until cancelled; keep what fails.

        A machine may be so busy that one answer is late; what would have the process started anew is a failure.
        """
        silences = dict.fromkeys(("live", "ready"), 0)
        while True:
            for what in silences:
                status, answer = await self.ask(what)
                silences[what] = 0 if status else silences[what] + 1
                if silences[what] >= SILENCES or status not in {0, 200}:
                    self.failures.append(f"{what}: {status} {answer}")
            await asyncio.sleep(PAUSE_SECONDS)

    async def metrics(self) -> dict[str, float]:
        """Return every sample, by its name and labels as Prometheus writes them."""
        async with self._session() as session, session.get("/metrics") as answer:
            text = await answer.text()
        return {
            sample.name + "".join(f"{{{name}={value}}}" for name, value in sorted(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def _session(self) -> ClientSession:
        return ClientSession(f"http://127.0.0.1:{self.port}", timeout=ClientTimeout(PROBE_SECONDS))
