"""One run of the suite: the system comes up, faults happen while events flow, all comes to rest, the verifier reads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fault.driver import Cycle, Driver
from tests.fault.faults.kind import Kind
from tests.fault.gauges import Gauges
from tests.fault.model import Model
from tests.fault.readers import Verdict, judge
from tests.fault.system import System, running_system
from tests.support.conditions import until

QUIET_SECONDS = 25.0
"""Longer than the longest wait of the workload and the furthest a clock was off: then nothing is under way any more."""
REST_SECONDS = 300.0
SAID_EVERY_SECONDS = 30.0


@dataclass(slots=True)
class Outcome:
    """What a run gave."""

    cycles: list[Cycle]
    verdict: Verdict
    stuck: list[str]
    not_inflicted: int
    unasked_ends: int
    in_doubt: int
    seen_twice: int
    is_once: bool
    gauges: Gauges
    seconds: float

    @property
    def is_clean(self) -> bool:
        """Whether nothing was wrong."""
        return not (self.verdict.findings or self.stuck or (self.is_once and self.seen_twice))


async def run_suite(
    folder: Path,
    *,
    seed: int,
    seconds: float,
    rate: float,
    say: Callable[[str], None],
    away: Kind | None = None,
    is_once: bool = True,
) -> Outcome:
    """Run faults for some time, and judge what is left.

    Args:
        folder: of all data and logs; the log of cycles is `cycles.jsonl` in it.
        seed: of the events and of the faults.
        seconds: how long faults are begun.
        rate: events a second.
        say: is told how it goes.
        away: one long fault of Postgres.
        is_once: whether workers run with `exactly_once`; with `at_least_once` a command may be there again.
    """
    run = f"s{seed}"
    started = time.monotonic()
    async with running_system(folder, run=run, seed=seed, rate=rate, is_once=is_once) as system:
        say(f"all is up after {time.monotonic() - started:.0f} s; seed {seed}, {rate:g} events a second")
        gauges = Gauges(system)
        driver = Driver(system, seed=seed, seconds=seconds, log=folder / "cycles.jsonl", say=say)
        background = [
            asyncio.create_task(work)
            for work in (system.watch.run(), system.keep_alive(), gauges.run(), _tell(driver, system, say))
        ]
        feeding = asyncio.create_task(system.feeder.feed())
        began = time.monotonic()
        try:
            await _alive_or(driver.run(away=away), [*background, feeding])
            took = time.monotonic() - began
            system.feeder.stop()
            await feeding
            say("no more faults, no more events; waiting until all is done")
            try:
                await _rest(system)
                await system.audit_caught_up()
            except (TimeoutError, AssertionError) as error:
                driver.stuck.append(f"it did not come to rest: {error}")
        finally:
            for task in background:
                task.cancel()
        say("reading everything")
        verdict = await judge(
            system.cluster.kafka, Model(run), system.feeder.acknowledged, system.postgres.dsn, is_once=is_once
        )
        return Outcome(
            driver.cycles,
            verdict,
            driver.stuck,
            driver.not_inflicted,
            system.unasked_ends,
            system.feeder.in_doubt,
            len(system.watch.twice),
            is_once,
            gauges,
            took,
        )


async def _alive_or(work: Coroutine[Any, Any, None], background: list[asyncio.Task[None]]) -> None:
    """Wait for the work; what runs beside it must not end before."""
    main = asyncio.create_task(work)
    await asyncio.wait([main, *background], return_when=asyncio.FIRST_COMPLETED)
    for task in background:
        if task.done():
            main.cancel()
            await task
            raise AssertionError("a task in the background ended")
    await main


async def _rest(system: System) -> None:
    """Wait until the feed has not grown for a while, with everybody at work."""
    async with asyncio.timeout(REST_SECONDS):
        await until(system.all_ready, "all workers are ready", REST_SECONDS)
        ends, since = await system.ends(), time.monotonic()
        while time.monotonic() - since < QUIET_SECONDS:
            await asyncio.sleep(1.0)
            if (now := await system.ends()) != ends:
                ends, since = now, time.monotonic()


async def _tell(driver: Driver, system: System, say: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(SAID_EVERY_SECONDS)
        done = sum(cycle.counts for cycle in driver.cycles)
        waits = len(system.feeder.sent_at) - len(system.watch.seen)
        say(
            f"{done} cycles, {driver.not_inflicted} not inflicted, {len(system.feeder.sent_at):,} events, "
            f"{len(system.watch.seen):,} commands ({waits:+,} to come), {len(system.watch.twice)} twice, "
            f"{system.unasked_ends} ends unasked, {system.feeder.in_doubt} sends in doubt"
        )
