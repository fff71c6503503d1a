"""One run: a seed, its weather, its world, its workers and their troubles, until all is quiet; then the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from aiokafka.errors import KafkaError

from agents import shard as shard_module
from streams.batching.host import TP
from streams.batching.table import TablePart
from streams.topics import FLOWS
from tests.simulation.editors import Editors, KnownFlows
from tests.simulation.ending import Ending
from tests.simulation.group import Group
from tests.simulation.log import Log
from tests.simulation.loop import Process, SeededLoop, StuckError
from tests.simulation.scene import INPUTS, SHARDS
from tests.simulation.tape import Pass, Tape, TapedProgram
from tests.simulation.verdict import verdict
from tests.simulation.weather import Weather
from tests.simulation.worker import Parts, Worker
from tests.simulation.world import COMMANDS, World

CHAOS_SECONDS: Final = 9.0
SETTLE_SECONDS: Final = 400.0
QUIET_SECONDS: Final = 2.0
FAR_MS: Final = 3_600_000
"""A timer that is further away than this is not waited for: failed executions can be retried for a week."""
MAX_WORKERS: Final = 3


@dataclass(frozen=True)
class Outcome:
    """What came of a run."""

    seed: int
    problems: tuple[str, ...]
    steps: int
    inputs: int
    restarts: int
    units: int


class Run:
    """One run."""

    def __init__(self, seed: int, parts: Parts) -> None:
        self.random = Random(seed)
        self.weather = Weather.drawn(self.random)
        self.loop = SeededLoop(  # type: ignore[abstract]  # what is left out is of sockets and processes
            self.random, self.weather.disorder, self._before_step
        )
        self.log = Log(self.weather, (*INPUTS, *COMMANDS, FLOWS))
        self.group = Group(self.random, SHARDS, INPUTS)
        self.world = World(self.log, self.random)
        self.editors = Editors(self.log, self.random)
        self.tape = Tape()
        self.workers: list[Worker] = []
        self.problems: list[str] = []
        self._missed: list[Worker] = []
        self._parts = parts
        self._skew_ms = 0
        self._troubles = self.random.sample(
            ("kill", "kill", "put_out", "put_out", "sleep", "rebalance", "skew", "join", "outage"), 4
        )

    def play(self) -> None:
        """Play it to its end."""
        try:
            self.loop.run_until_complete(self._play())
        except StuckError as stuck:
            self.problems.append(str(stuck))

    def judge(self) -> list[str]:
        """Return what is wrong with how it ended; where it did not end, only that."""
        ending = Ending(
            self.log, self.tape, self.group, self.world, self.editors.views, self.tables(), self._parts.is_once
        )
        return self.problems or verdict(ending)

    async def _play(self) -> None:
        answering = asyncio.create_task(self.world.answer())
        self._begin()
        happening = [asyncio.create_task(self.world.happen()), asyncio.create_task(self.editors.edit())]
        await self._trouble()
        await happening[0]
        self._calm_down()
        await self._settle()
        for one in (answering, *happening):
            one.cancel()

    def tables(self) -> dict[int, dict[str, TablePart]]:
        """Return what the living hold of each shard."""
        return {
            shard: {name: table.part(shard) for name, table in worker.shards.tables.items()}
            for worker in self._living()
            for shard in worker.owned()
        }

    # ---- workers

    def _begin(self) -> None:
        worker = Worker(
            f"w{len(self.workers)}",
            self.log,
            self.group,
            self.weather,
            KnownFlows(self.log, self.weather, self.editors.views),
            self.tape,
            self._parts,
            lambda: self._skew_ms,
        )
        self.workers.append(worker)
        self.loop.start(worker, worker.run())

    def _living(self) -> list[Worker]:
        return [worker for worker in self.workers if not worker.is_dead]

    def _before_step(self, process: Process) -> None:
        if self.weather.crashes():
            process.is_dead = True

    def _look_after(self) -> None:
        """Have the dead missed, and somebody in their place."""
        for worker in self.workers:
            if worker.is_dead and worker not in self._missed:
                self._missed.append(worker)
                self.group.look_after(worker)
        if not self._living():
            self._begin()

    # ---- trouble

    async def _trouble(self) -> None:
        """Now and then do one of what this run has in store."""
        loop, random = self.loop, self.random
        while loop.time() < CHAOS_SECONDS:
            await asyncio.sleep(random.random() * 2.5)
            self._look_after()
            trouble = random.choice(self._troubles)
            worker = random.choice(self._living())
            if trouble == "kill":
                worker.is_dead = True
            elif trouble == "put_out":
                self.group.put_out(worker, random.choice((0.0, 1.0, 12.0)) * random.random())
            elif trouble == "sleep":
                worker.asleep_until = loop.time() + random.choice((1.0, 5.0, 18.0)) * random.random()
                self.group.look_after(worker)
            elif trouble == "rebalance":
                for _ in range(random.choice((1, 3))):
                    self.group.rebalance()
                    await asyncio.sleep(random.random() * 0.4)
            elif trouble == "skew":
                self._skew_ms = random.choice((0, random.randrange(-2_000, 2_000), random.randrange(-90_000, 90_000)))
            elif trouble == "join" and len(self._living()) < MAX_WORKERS:
                self._begin()
            elif trouble == "outage" and random.random() < 0.1:
                for one in self._living():
                    one.is_dead = True
                await asyncio.sleep(random.choice((5.0, 80.0)))

    def _calm_down(self) -> None:
        self.weather.is_calm = True
        for worker in self._living():
            worker.asleep_until = 0.0

    # ---- the end

    async def _settle(self) -> None:
        """Wait until everything is decided and nothing more will come."""
        deadline = self.loop.time() + SETTLE_SECONDS
        quiet = 0
        while quiet < 2:
            if self.loop.time() > deadline:
                self.problems.append(f"not settled {SETTLE_SECONDS:g} s after the last trouble: {self._restless()}")
                return
            await asyncio.sleep(QUIET_SECONDS)
            self._look_after()
            quiet = 0 if self._restless() else quiet + 1

    def _restless(self) -> str | None:
        """Say what is still going on."""
        owners: dict[int, Worker] = {}
        for worker in self._living():
            if worker.member.generation >= 0 and not worker.shards.ready.is_set():
                return f"{worker.name} is not ready"
            for shard in worker.owned():
                if shard in owners:
                    return f"{worker.name} and {owners[shard].name} both work on shard {shard}"
                owners[shard] = worker
        if len(owners) < SHARDS:
            return f"only {len(owners)} shards are worked on"
        if self.editors.is_editing:
            return "flows are edited, or take again what a pause held"
        if self.world.answering:
            return "answers are on their way"
        undecided = (self._undecided(shard, worker) for shard, worker in owners.items())
        return self._open() or next(filter(None, undecided), None)

    def _open(self) -> str | None:
        places = [place for place in self.log.places() if self.log.partition(place).open]
        return f"there are open transactions in {places}" if places else None

    def _undecided(self, shard: int, worker: Worker) -> str | None:
        applied = worker.shards.applied()
        for topic in INPUTS:
            partition = self.log.partition((topic, shard))
            end = max((offset + 1 for offset, entry in enumerate(partition.entries) if entry.is_committed), default=0)
            # What gave nothing to commit is passed over after a restart, where the group knows of it.
            place = TP(topic, shard)
            if max(applied.get(place, 0), self.group.highest(place)) < end:
                return f"{topic} {shard} is not decided to its end"
        program = worker.shards._programs.get(shard)
        if not isinstance(program, TapedProgram):
            return f"{worker.name} has no program of shard {shard}"
        if program.last and not self._is_committed(program.last):
            return f"shard {shard} has not committed what it decided"
        due_ms = program.next_due_ms()
        if due_ms is not None and due_ms < worker.wall_ms() + FAR_MS:
            return f"shard {shard} has a timer that is due in {due_ms - worker.wall_ms()} ms"
        return None

    def _is_committed(self, unit: Pass) -> bool:
        return any(one.note is unit and one.state == "committed" for one in self.log.transactions)


def simulate(seed: int, parts: Parts | None = None) -> Outcome:
    """Play a seed, and return what came of it."""
    run = Run(seed, parts or Parts())
    with _tuned(run.random) as errors:
        try:
            run.play()
            problems = [*run.judge(), *errors]
        finally:
            run.loop.clear_away()
    return Outcome(
        seed,
        tuple(problems),
        steps=run.loop.steps,
        inputs=sum(len(run.log.partition((topic, shard)).entries) for topic in INPUTS for shard in range(SHARDS)),
        restarts=len(run.workers) - 1,
        units=sum(transaction.state == "committed" for transaction in run.log.transactions),
    )


@contextlib.contextmanager
def _tuned(random: Random) -> Iterator[list[str]]:
    """Have small units and few looks, and give what a worker ended of that no trouble of ours explains."""
    handler = _Unexplained()
    logger = logging.getLogger("agents")
    known = shard_module.MAX_INPUTS, shard_module.LOOK_SECONDS, logger.propagate, logger.level
    shard_module.MAX_INPUTS = random.choice((1, 2, 4, 5_000))  # type: ignore[misc]
    shard_module.LOOK_SECONDS = 2.0  # type: ignore[misc]
    logger.addHandler(handler)
    logger.propagate = False
    logger.setLevel(logging.CRITICAL)
    try:
        yield handler.problems
    finally:
        logger.removeHandler(handler)
        shard_module.MAX_INPUTS, shard_module.LOOK_SECONDS, logger.propagate, logger.level = known  # type: ignore[misc]


class _Unexplained(logging.Handler):
    """Keeps the errors with which workers end that are neither Kafka's nor a bound that was passed."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, KafkaError | TimeoutError):
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.problems.append(f"{record.getMessage()}: {error!r} at {where.name}:{where.lineno}")
