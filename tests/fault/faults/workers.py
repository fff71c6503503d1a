"""What happens to workers: killed anywhere and at named points, asked to end, frozen, joined by others, clocks off."""

from __future__ import annotations

import asyncio
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from tests.fault.control import POINTS, RESTORE_POINTS, Control
from tests.fault.faults.kind import Inflict, Kind, NotInflictedError
from tests.fault.system import WORKERS, Actor, System
from tests.support.conditions import until

READY_SECONDS = 90.0
DIE_SECONDS = 12.0
CLOCK_MS = (-15_000, -3_000, 3_000, 8_000)


def _chosen(system: System, dice: random.Random, count: int = 1) -> list[Actor]:
    running = [worker for worker in system.workers if worker.is_wanted and worker.is_ready() and worker.runs]
    if len(running) < count:
        raise NotInflictedError(f"{len(running)} workers are ready")
    return dice.sample(running, count)


def _signal(actor: Actor, number: signal.Signals) -> None:
    if not actor.runs:
        raise NotInflictedError(f"{actor.name} has ended by itself")
    actor.is_killed = True
    actor.signal(number)


def killed(count: int) -> Inflict:
    """Kill -9 so many workers at once; they are started again at once."""

    @asynccontextmanager
    async def inflict(system: System, dice: random.Random) -> AsyncIterator[str]:
        chosen = _chosen(system, dice, count)
        for worker in chosen:
            _signal(worker, signal.SIGKILL)
        yield " ".join(worker.name for worker in chosen)

    return inflict


@asynccontextmanager
async def asked_to_end(system: System, dice: random.Random) -> AsyncIterator[str]:
    """SIGTERM; started again once it has ended."""
    (worker,) = _chosen(system, dice)
    _signal(worker, signal.SIGTERM)
    yield worker.name


def dies_at(point: str, by: Literal["SIGKILL", "SIGTERM"] = "SIGKILL") -> Inflict:
    """Kill -9, or SIGTERM, by its own hand, at a point of the unit of commit."""

    @asynccontextmanager
    async def inflict(system: System, dice: random.Random) -> AsyncIterator[str]:
        (worker,) = _chosen(system, dice)
        worker.is_killed = True
        worker.tell(Control(die_at=point, passes=dice.randint(1, 20), by=by))
        try:
            await _dies(worker, point, DIE_SECONDS)
        finally:
            worker.tell(Control())
        yield worker.name

    return inflict


def dies_again_at(point: str) -> Inflict:
    """Kill -9, and once more while it takes its shards over."""

    @asynccontextmanager
    async def inflict(system: System, dice: random.Random) -> AsyncIterator[str]:
        (worker,) = _chosen(system, dice)
        worker.tell(Control(die_at=point))
        try:
            _signal(worker, signal.SIGKILL)
            await _dies(worker, point, READY_SECONDS)
        finally:
            worker.tell(Control())
        yield worker.name

    return inflict


@asynccontextmanager
async def frozen(system: System, dice: random.Random) -> AsyncIterator[str]:
    """SIGSTOP, then SIGCONT: beyond its session it is a zombie, whose shards others have by then."""
    (worker,) = _chosen(system, dice)
    pid = worker.pid
    _signal(worker, signal.SIGSTOP)
    try:
        yield worker.name
    finally:
        worker.go_on(pid)


@asynccontextmanager
async def one_more(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Another worker joins, works, and leaves again."""
    spare = system.workers[WORKERS]
    await spare.up()
    try:
        await until(system.all_ready, f"{spare.name} is ready", READY_SECONDS)
        yield spare.name
    finally:
        await spare.down()


@asynccontextmanager
async def killed_in_a_rebalance(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Another worker joins, and one is killed while the shards are being shared out anew."""
    spare = system.workers[WORKERS]
    await spare.up()
    try:
        await asyncio.sleep(dice.uniform(1.0, 4.0))
        (worker,) = _chosen(system, dice)
        _signal(worker, signal.SIGKILL)
        yield worker.name
        await until(system.all_ready, f"{spare.name} is ready", READY_SECONDS)
    finally:
        await spare.down()


@asynccontextmanager
async def clock_off(system: System, dice: random.Random) -> AsyncIterator[str]:
    """The clock of one worker jumps, and jumps back."""
    (worker,) = _chosen(system, dice)
    jump_ms = dice.choice(CLOCK_MS)
    worker.tell(Control(clock_ms=jump_ms))
    try:
        yield f"{worker.name} {jump_ms:+} ms"
    finally:
        worker.tell(Control())


async def _dies(worker: Actor, point: str, within_seconds: float) -> None:
    async def has_died() -> bool:
        return worker.died_at() is not None

    try:
        await until(has_died, f"{worker.name} dies at {point}", within_seconds)
    except AssertionError as error:
        raise NotInflictedError(str(error)) from None


KINDS = (
    Kind("worker killed", killed(1), 10),
    Kind("two workers killed at once", killed(2), 2),
    Kind("all workers killed at once", killed(3), 1),
    Kind("worker asked to end", asked_to_end, 8),
    *(Kind(f"worker killed at {point}", dies_at(point), 2) for point in POINTS),
    *(Kind(f"worker asked to end at {point}", dies_at(point, "SIGTERM"), 1) for point in POINTS),
    *(Kind(f"worker killed again at {point}", dies_again_at(point), 1) for point in RESTORE_POINTS),
    Kind("worker frozen past its session", frozen, 3, (9.0, 12.0)),
    Kind("worker frozen for a moment", frozen, 3, (0.5, 4.0)),
    Kind("worker joins and leaves", one_more, 2, (0.0, 2.0)),
    Kind("worker killed in a rebalance", killed_in_a_rebalance, 2),
    Kind("clock of a worker jumps", clock_off, 5, (1.0, 4.0)),
)
