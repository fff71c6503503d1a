"""The seeded driver: lanes of faults side by side over a running system, and a note of every cycle."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.fault.faults import kafka, postgres, records, workers
from tests.fault.faults.kind import Kind, NotInflictedError
from tests.fault.system import System

BACK_SECONDS = 300.0
"""So long a system may take to give commands again on every shard; then the cycle has failed, and so has the run."""
AWAY_AFTER = 0.3
"""Postgres goes away for ten minutes when so much of a long run is over."""


@dataclass(frozen=True, slots=True)
class Lane:
    """Faults that come one after the other. `pause_seconds`: between two of them, at least and at most.

    `audit`: that the audit has caught up is what ends a cycle here, not that every shard commands again. `away`: the
    one long fault, where there is one, is of this lane. `is_record`: what comes are bursts of records.
    """

    name: str
    kinds: Sequence[Kind]
    pause_seconds: tuple[float, float]
    audit: bool = False
    away: bool = False
    is_record: bool = False


LANES = (
    Lane("workers", workers.KINDS, (0.1, 1.0)),
    Lane("Kafka nodes", kafka.NODES, (0.1, 1.0)),
    Lane("network", kafka.NETWORK, (0.2, 1.0)),
    Lane("Postgres", postgres.KINDS, (0.2, 1.0), audit=True, away=True),
    Lane("audit", postgres.AUDIT, (0.2, 1.0), audit=True),
    Lane("records", records.KINDS, (4.0, 10.0), is_record=True),
)


@dataclass(frozen=True, slots=True)
class Cycle:
    """One fault, and how it ended.

    `at_seconds`: since the run began. `back_seconds`: from when it was inflicted until all was as before; None where
    that did not come about. `events`: how many were sent meanwhile.
    """

    lane: str
    kind: str
    what: str
    at_seconds: float
    back_seconds: float | None
    events: int

    @property
    def counts(self) -> bool:
        """A fault that hit nothing is none."""
        return self.back_seconds is not None and self.events > 0


class Driver:
    """Inflicts faults for some time.

    Args:
        system: runs, with events coming.
        seed: of what happens, in each lane.
        seconds: how long new faults are begun.
        log: takes a line of JSON for each cycle.
        say: is told how it goes.
    """

    def __init__(self, system: System, *, seed: int, seconds: float, log: Path, say: Callable[[str], None]) -> None:
        self.cycles: list[Cycle] = []
        self.not_inflicted = 0
        self.stuck: list[str] = []
        self._system = system
        self._seed = seed
        self._seconds = seconds
        self._log = log
        self._say = say
        self._began = time.monotonic()

    async def run(self, *, away: Kind | None = None) -> None:
        """Run all lanes to the end of the time.

        Args:
            away: one long fault of Postgres, which comes once.
        """
        self._began = time.monotonic()
        with self._log.open("a") as log:
            async with asyncio.TaskGroup() as lanes:
                for lane in LANES:
                    lanes.create_task(self._drive(lane, log.write, away if lane.away else None))

    async def _drive(self, lane: Lane, write: Callable[[str], object], away: Kind | None) -> None:
        dice = random.Random(f"{self._seed}:{lane.name}")
        weights = [kind.weight for kind in lane.kinds]
        while self._elapsed() < self._seconds:
            kind = dice.choices(lane.kinds, weights)[0]
            if away is not None and self._elapsed() > AWAY_AFTER * self._seconds:
                kind, away = away, None
            cycle = await self._cycle(lane, kind, dice)
            if cycle is not None:
                self.cycles.append(cycle)
                write(json.dumps(asdict(cycle)) + "\n")
            await asyncio.sleep(dice.uniform(*lane.pause_seconds))

    async def _cycle(self, lane: Lane, kind: Kind, dice: random.Random) -> Cycle | None:
        feeder, started = self._system.feeder, time.monotonic()
        before = len(feeder.sent_at)
        try:
            async with kind.inflict(self._system, dice) as what:
                inflicted = time.monotonic()
                await asyncio.sleep(dice.uniform(*kind.seconds))
        except NotInflictedError:
            self.not_inflicted += 1
            return None
        except Exception as error:  # noqa: BLE001 -- the run goes on, and has failed: its verdict is wanted all the more
            self._fail(f"{kind.name} at {started - self._began:.0f} s: {error!r}")
            return None
        back_seconds: float | None = None
        try:
            back_seconds = await self._back(lane, inflicted if kind.seconds == (0.0, 0.0) else started)
        except (TimeoutError, AssertionError):
            waiting = "the audit" if lane.audit else f"shards {self._system.watch.waiting(started)}"
            self._fail(f"{kind.name} ({what}) at {started - self._began:.0f} s: {waiting} did not come back in time")
        return Cycle(
            lane.name,
            kind.name,
            what,
            round(started - self._began, 1),
            None if back_seconds is None else round(back_seconds, 2),
            len(feeder.sent_at) - before,
        )

    def _fail(self, what: str) -> None:
        self.stuck.append(what)
        self._say(f"FAILED: {what}")

    async def _back(self, lane: Lane, since: float) -> float:
        if lane.audit:
            await self._system.audit_caught_up()
            return time.monotonic() - since
        return await self._system.watch.all_shards_since(since, BACK_SECONDS)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began
