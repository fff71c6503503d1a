"""What `mal simulate` runs: the simulators until SIGTERM, Ctrl-C, or the end of what they had to tell."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable

from simulators.simulation import Script, Simulation
from simulators.tally import Tally
from simulators.world.population import DEFAULT_OWNERS, Population
from streams.readiness import READY_VARIABLE, say_ready
from streams.settings import Settings

REPORT_SECONDS = 2.0
QUIET_SECONDS = 5.0
"""After the last event of the world: so long without a command or a due event, and the run is over."""


async def run(
    settings: Settings,
    *,
    seed: int = 1,
    rate: float = 20.0,
    contacts: int = 1500,
    events: int | None = None,
    failure_rate: float = 0.02,
    report: Callable[[Tally], None] | None = None,
) -> Tally:
    """Simulate the six TAP systems until SIGTERM or SIGINT, or until `events` events are told and all is quiet.

    Args:
        settings: where Kafka is, and the time scale.
        seed: the same seed makes the same decisions.
        rate: events of the world per second.
        contacts: how many contacts there are.
        events: how many events of the world, None: no end.
        failure_rate: share of commands (0 … 1) that fail.
        report: is given the counts every two seconds.

    Raises:
        ValueError: an argument is out of range.
        RuntimeError: a topic does not exist.
    """
    script = Script(
        seed=seed,
        rate=rate,
        events=events,
        failure_rate=failure_rate,
        time_scale=settings.time_scale,
        population=Population(DEFAULT_OWNERS[:contacts], contacts),
    )
    simulation = Simulation(script, settings.kafka_client())
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await simulation.start()
        say_ready(os.environ.get(READY_VARIABLE))
        await _until_over(simulation, stop, report)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
        await simulation.stop()
    return simulation.tally


async def _until_over(simulation: Simulation, stop: asyncio.Event, report: Callable[[Tally], None] | None) -> None:
    play = asyncio.create_task(simulation.play())
    stopped = asyncio.create_task(stop.wait())
    try:
        while not stopped.done():
            await asyncio.wait({play, stopped}, timeout=REPORT_SECONDS, return_when=asyncio.FIRST_COMPLETED)
            if play.done():
                await play
            if report is not None:
                report(simulation.tally)
            if simulation.has_told_all and simulation.idle_seconds() > QUIET_SECONDS:
                return
    finally:
        for task in (play, stopped):
            task.cancel()
        await asyncio.gather(play, stopped, return_exceptions=True)
