"""The six systems and the world around them, running on Kafka until they are told to stop.

The shell: the one place that reads the clock. What happens is decided by the pure parts it carries.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from simulators.agenda import Agenda
from simulators.chance import Chance
from simulators.desk import Desk
from simulators.outlet import Outlet
from simulators.restore import restore_works
from simulators.station import Station
from simulators.systems import all_systems
from simulators.tally import Tally
from simulators.topics import check_topics
from simulators.values import Moment
from simulators.works import Works
from simulators.world.population import Population
from simulators.world.world import World

TICK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Script:
    """What is to be played.

    Args:
        seed: decides everything that happens.
        rate: events of the world, per second; 0: none, commands are answered all the same.
        events: how many events of the world there are in all; None: no end.
        failure_rate: share of commands (0 … 1) whose attempt fails.
        time_scale: how much faster than the clock people's time runs.
        population: who and what there is.
    """

    seed: int = 1
    rate: float = 20.0
    events: int | None = None
    failure_rate: float = 0.02
    time_scale: float = 1.0
    population: Population = field(default_factory=Population)

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError(f"rate must be 0 or more events per second, it is {self.rate:g}")
        if self.events is not None and self.events < 0:
            raise ValueError(f"events must be 0 or more, it is {self.events}")
        if not 0 <= self.failure_rate <= 1:
            raise ValueError(f"failure rate must be a share from 0 to 1, it is {self.failure_rate:g}")
        if self.time_scale <= 0:
            raise ValueError(f"time scale must be greater than 0, it is {self.time_scale:g}")


class Simulation:
    """A run of a script. `start`, then `play` until it is cancelled, then `stop`; `tally` counts meanwhile."""

    def __init__(self, script: Script, kafka: Mapping[str, Any]) -> None:
        self.script = script
        self.tally = Tally()
        self._kafka = kafka
        self._works = Works()
        self._agenda = Agenda()
        self._outlet = Outlet(kafka, self.tally)
        self._last_work = time.monotonic()
        chance = Chance(script.seed)
        # The seconds of the start: a second run of a seed tells the same stories, but of events of its own.
        self._world = World(script.seed, script.population, run=f"{int(time.time()):x}")
        self._stations = [
            Station(
                Desk(system, self._works, chance, script.failure_rate),
                kafka,
                outlet=self._outlet,
                agenda=self._agenda,
                moment=self.moment,
                tally=self.tally,
            )
            for system in all_systems(chance, script.population.audience)
        ]

    def moment(self) -> Moment:
        """Return the moment, by the clock."""
        return Moment(int(time.time() * 1000), self.script.time_scale)

    @property
    def has_told_all(self) -> bool:
        """Say whether all events of the world are told and nothing waits to be published."""
        return self.script.events is not None and self.tally.told >= self.script.events and not self._agenda

    def idle_seconds(self) -> float:
        """Return how long nothing has come in and nothing was due."""
        return 0.0 if len(self._agenda) else time.monotonic() - self._last_work

    async def start(self) -> None:
        """Connect, and learn what was answered before.

        Raises:
            RuntimeError: a topic does not exist.
        """
        await check_topics(self._kafka)
        await restore_works(self._kafka, self._works)
        await self._outlet.start()
        for station in self._stations:
            await station.start()

    async def stop(self) -> None:
        """Leave the groups and close the connections."""
        for station in self._stations:
            await station.stop()
        await self._outlet.stop()

    async def play(self) -> None:
        """Play without an end; the first error ends it."""
        async with asyncio.TaskGroup() as tasks:
            for station in self._stations:
                tasks.create_task(self._read(station))
            tasks.create_task(self._publish())
            tasks.create_task(self._tell())

    async def _read(self, station: Station) -> None:
        while True:
            if await station.read_once():
                self._last_work = time.monotonic()

    async def _publish(self) -> None:
        while True:
            if due := self._agenda.take_due(self.moment().now_ms):
                await self._outlet.publish(due)
                self._last_work = time.monotonic()
            await asyncio.sleep(TICK_SECONDS)

    async def _tell(self) -> None:
        script, tally = self.script, self.tally
        started = time.monotonic()
        while script.events is None or tally.told < script.events:
            until = int((time.monotonic() - started) * script.rate)
            if script.events is not None:
                until = min(until, script.events)
            while tally.told < until:
                story = self._world.next_story(self.moment())
                if script.events is not None:
                    story = story[: script.events - tally.told]
                tally.told += len(story)
                self._agenda.add(story)
            await asyncio.sleep(TICK_SECONDS)
