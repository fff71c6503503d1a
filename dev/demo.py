"""`make demo`: the main job on real Kafka and Postgres, from simulated events to a summary that reconciles.

Knows the order of things: services, topics and tables, the examples, the parts, the events, the wait until all is
quiet, the reckoning. Everything lives in a directory of its own that is gone at the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from dev.demo_checks import Check, reconcile
from dev.demo_report import Progress, Screen
from dev.demo_stage import WEEK_SECONDS, demo_environment, demo_settings, fresh_directory, running_parts
from dev.demo_watch import KafkaWatch, audit_behind, flow_names, read_audit, records_behind
from dev.errors import DataInUseError, ServiceError
from dev.parts import PartProcess, mal, run_to_end
from dev.services import started
from dev.supervisor import until_signalled
from simulators.simulation import Script, Simulation
from store.pool import Pool, create_pool
from streams.settings import Settings

PARTS = (mal("worker", "worker"), mal("audit", "audit"))
ROOT = Path(__file__).parents[1]
EXAMPLES = sorted(str(path) for path in (ROOT / "examples").glob("*.yaml"))

EVENTS = 20_000
"""What the world tells; the systems add what they find out themselves."""
RATE = 2_000.0
SEED = 7
QUIET_SECONDS = 2.0
WORKER_GROUP = "mal"
"""The consumer group of the workers."""
LONGEST_SECONDS = 150.0
INTERRUPTED = 130


def main() -> int:
    """Run the demo; return 0 where everything reconciles, 1 where something does not, 130 after Ctrl-C."""
    screen = Screen()
    code = INTERRUPTED
    with until_signalled(screen.say):
        try:
            code = _run(screen)
        except (ServiceError, DataInUseError) as error:
            screen.say(f"demo: {error}")
            code = 1
    return code


def _run(screen: Screen) -> int:
    began = time.monotonic()
    screen.say("TAP Automations, the main job: events in, flows, commands out, on a real Kafka and a real Postgres.")
    screen.say(f"Time is shortened: MAL_TIME_SCALE={WEEK_SECONDS}, so what waits a week here waits a second.")
    with fresh_directory() as data_dir, started(data_dir) as services:
        environment = demo_environment(data_dir, services)
        ours = " and ".join(server.name for server in services.servers)
        screen.say(_started(ours, time.monotonic() - began))
        for part in (mal("topics", "topics", "create"), mal("migrate", "db", "migrate")):
            run_to_end(part, data_dir, environment)
        run_to_end(mal("apply", "flows", "apply", *EXAMPLES, "--publish"), data_dir, environment)
        screen.say(f"created the topics and tables, published the {len(EXAMPLES)} flows of examples/")
        with running_parts(PARTS, data_dir, environment, [services.held]) as parts:
            screen.say(
                f"a worker and the audit run as processes of their own, ready {time.monotonic() - began:.1f} s in"
            )
            checks = asyncio.run(_play(demo_settings(environment), parts, screen))
    failed = [check for check in checks if not check.ok]
    took = f"{time.monotonic() - began:.0f} s"
    screen.say(f"\n{'all of it holds' if not failed else f'{len(failed)} of it does not hold'}; the demo took {took}")
    return 1 if failed else 0


def _started(ours: str, took_seconds: float) -> str:
    return f"started {ours} in {took_seconds:.1f} s" if ours else "on the Kafka and Postgres that the environment names"


async def _play(settings: Settings, parts: Sequence[PartProcess], screen: Screen) -> list[Check]:
    kafka = settings.kafka_client()
    simulation = Simulation(Script(seed=SEED, rate=RATE, events=EVENTS, time_scale=settings.time_scale), kafka)
    watch = KafkaWatch(kafka)
    async with _pool(settings) as pool, _opened(watch), _opened(simulation):
        events_before, letters_before = watch.census.events.total(), watch.census.dead_letters
        screen.say(f"the six TAP systems tell {EVENTS:,} events, {RATE:,.0f} a second (seed {SEED})\n")
        async with _side_by_side(watch.follow(), simulation.play()) as tasks:
            unquiet = await _until_quiet(_Running(simulation, watch, pool, kafka, parts, tasks), screen)
        audit = await read_audit(pool)
        names = await flow_names(pool)
    screen.summary(watch.census, audit, names)
    checks = [
        Check("all came to rest", not unquiet, unquiet or "yes"),
        *reconcile(
            watch.census,
            audit,
            published=events_before + simulation.tally.published.total(),
            dead_letters=letters_before,
        ),
    ]
    screen.checks(checks)
    return checks


class _Running(NamedTuple):
    """What runs, and where it can be looked at."""

    simulation: Simulation
    watch: KafkaWatch
    pool: Pool
    kafka: Mapping[str, Any]
    parts: Sequence[PartProcess]
    tasks: Sequence[asyncio.Task[None]]

    def check_alive(self) -> None:
        """Raise where a part, or something of ours, has ended."""
        for part in self.parts:
            if (code := part.poll()) is not None:
                raise ServiceError(part.name, f"ended with exit code {code} in the middle of the demo", log=part.log)
        for task in self.tasks:
            if task.done():
                task.result()


async def _until_quiet(running: _Running, screen: Screen) -> str:
    """Return "" when all is told, decided, answered and written; what still moves where that takes too long."""
    began = time.monotonic()
    census, tally = running.watch.census, running.simulation.tally
    while True:
        running.check_alive()
        elapsed = time.monotonic() - began
        not_audited = await audit_behind(running.pool, census)
        screen.progress(Progress(tally.told, EVENTS, census, not_audited, elapsed))
        moving = _what_moves(running.simulation, running.watch, not_audited)
        if not moving and (behind := await records_behind(running.kafka, WORKER_GROUP, census)):
            moving = f"the worker is behind by {behind:,} records"
        if not moving or elapsed > LONGEST_SECONDS:
            return moving
        await asyncio.sleep(screen.pause_seconds)


def _what_moves(simulation: Simulation, watch: KafkaWatch, not_audited: int) -> str:
    if not simulation.has_told_all or simulation.idle_seconds() < QUIET_SECONDS or watch.idle_seconds() < QUIET_SECONDS:
        return "events are still told or answered"
    if watch.census.running:
        return f"{watch.census.running:,} executions are still running"
    return f"the audit is behind by {not_audited:,} records" if not_audited else ""


@contextlib.asynccontextmanager
async def _side_by_side(*works: Coroutine[Any, Any, None]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run works without an end beside the block."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _opened(client: KafkaWatch | Simulation) -> AsyncIterator[None]:
    try:
        await client.start()
        yield
    finally:
        await client.stop()


@contextlib.asynccontextmanager
async def _pool(settings: Settings) -> AsyncIterator[Pool]:
    assert settings.postgres_dsn is not None
    pool = await create_pool(settings.postgres_dsn.get_secret_value())
    try:
        yield pool
    finally:
        await pool.close()


if __name__ == "__main__":
    sys.exit(main())
