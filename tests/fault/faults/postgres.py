"""What happens to Postgres and to the audit: killed, stopped, frozen, slow, refused, out of disk."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import random
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psutil

from dev.postgres import PostgresServer
from tests.fault.faults.kind import Inflict, Kind, NotInflictedError
from tests.fault.system import DISK_MEGABYTES, System

LEFT_BYTES = 256 * 1024
"""What a full disk has left."""


def down(take_down: Callable[[PostgresServer], None]) -> Inflict:
    """It is taken down, and started again; after a kill it recovers from its log."""

    @asynccontextmanager
    async def inflict(system: System, dice: random.Random) -> AsyncIterator[str]:
        await asyncio.to_thread(take_down, system.postgres)
        try:
            yield ""
        finally:
            await start_again(system)

    return inflict


@asynccontextmanager
async def frozen(system: System, dice: random.Random) -> AsyncIterator[str]:
    """All its processes stand still, and go on."""
    server = psutil.Process(system.postgres.pid)
    processes = [server, *server.children(recursive=True)]
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.suspend()
    try:
        yield f"{len(processes)} processes"
    finally:
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()


@asynccontextmanager
async def full(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Its disk is full for a while; where that ended it, it is started again."""
    if not system.disk.is_mount():
        raise NotInflictedError("no disk of its own: that needs root")
    ballast = system.disk / "ballast"
    room = os.statvfs(system.disk)
    size = max(0, room.f_bavail * room.f_frsize - LEFT_BYTES)
    try:
        with ballast.open("wb") as file:
            _take(file.fileno(), size)
        yield f"{size // 2**20} of {DISK_MEGABYTES} MB taken away"
    finally:
        ballast.unlink()
        if system.postgres.poll() is not None or not await _answers(system):
            await asyncio.to_thread(system.postgres.kill)
            await start_again(system)


def _take(descriptor: int, size: int) -> None:
    """Take so much room, or whatever Postgres has left of it meanwhile."""
    try:
        os.posix_fallocate(descriptor, 0, size)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@asynccontextmanager
async def cut(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Connections are reset."""
    yield f"{system.database.cut()} connections"


@asynccontextmanager
async def refused(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Connections are reset, and new ones refused for a while."""
    system.database.refuse()
    system.database.cut()
    try:
        yield ""
    finally:
        await system.database.accept()


@asynccontextmanager
async def slow(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Everything comes late for a while."""
    system.database.delay_seconds = dice.choice((0.05, 0.3))
    try:
        yield f"{system.database.delay_seconds:g} s"
    finally:
        system.database.delay_seconds = 0.0


def audit_ended(number: signal.Signals) -> Inflict:
    """End the audit by a signal; it is started again at once."""

    @asynccontextmanager
    async def inflict(system: System, dice: random.Random) -> AsyncIterator[str]:
        audit = system.audits[0]
        if not audit.runs:
            raise NotInflictedError("the audit does not run")
        audit.is_killed = True
        audit.signal(number)
        yield audit.name

    return inflict


@asynccontextmanager
async def audit_frozen(system: System, dice: random.Random) -> AsyncIterator[str]:
    """SIGSTOP past its session, then SIGCONT."""
    audit = system.audits[0]
    if not audit.runs:
        raise NotInflictedError("the audit does not run")
    pid = audit.pid
    audit.signal(signal.SIGSTOP)
    try:
        yield audit.name
    finally:
        audit.go_on(pid)


@asynccontextmanager
async def second_audit(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Another audit joins, works, and leaves again."""
    other = system.audits[1]
    await other.up()
    try:
        yield other.name
    finally:
        await other.down()


async def start_again(system: System) -> None:
    """Start Postgres, and wait until it answers."""
    await asyncio.to_thread(system.postgres.start)
    await asyncio.to_thread(system.postgres.wait_ready)


async def _answers(system: System) -> bool:
    try:
        await asyncio.to_thread(system.postgres.wait_ready, 10.0)
    except Exception:  # noqa: BLE001 -- whatever it is, it is started again
        return False
    return True


AWAY = Kind("Postgres away for ten minutes", down(PostgresServer.kill), 1, (600.0, 600.0))
KINDS = (
    Kind("Postgres killed", down(PostgresServer.kill), 6, (0.0, 2.0)),
    Kind("Postgres stopped and started", down(PostgresServer.stop), 4, (0.0, 2.0)),
    Kind("Postgres frozen", frozen, 3, (1.0, 6.0)),
    Kind("Postgres out of disk", full, 3, (2.0, 5.0)),
    Kind("connections to Postgres cut", cut, 6),
    Kind("connections to Postgres refused", refused, 3, (0.5, 3.0)),
    Kind("connections to Postgres slow", slow, 3, (1.0, 4.0)),
)
AUDIT = (
    Kind("audit killed", audit_ended(signal.SIGKILL), 6),
    Kind("audit asked to end", audit_ended(signal.SIGTERM), 2),
    Kind("audit frozen past its session", audit_frozen, 1, (7.0, 9.0)),
    Kind("second audit joins and leaves", second_audit, 1, (1.0, 6.0)),
)
