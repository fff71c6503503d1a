"""What happens to the records themselves: poison, repeats, disorder, lateness, size, and too many at once."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson

from engine.systems import SYSTEMS
from streams.topics import COMMAND_RESULTS
from tests.fault.faults.kind import Kind
from tests.fault.system import System
from tests.fault.workload import CONTACTS

LATE_MS = 45_000
EARLY_MS = 20_000
OVERSIZE_BYTES = 1_200_000
FLOOD = 400
TOPICS = (*(system.events_topic for system in SYSTEMS), COMMAND_RESULTS)
POISON = (
    b"\xff\xfe no JSON",
    b"null",
    b"[1, 2]",
    b"{}",
    b'{"type": "", "source": "x", "payload": {}}',
    b'{"type": "email_open", "source": "email_engine", "payload": [], "id": "x"}',
    b"[" * 100 + b"]" * 100,
)


@asynccontextmanager
async def poison(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Records that cannot be read, and some without a value."""
    count = dice.randint(3, 10)
    for _ in range(count):
        await system.feeder.put(dice.choice(TOPICS), _key(dice), dice.choice(POISON))
    await system.feeder.put(dice.choice(TOPICS), _key(dice), None)
    yield f"{count} records"


@asynccontextmanager
async def oversized(system: System, dice: random.Random) -> AsyncIterator[str]:
    """An event that is longer than one may be."""
    made = system.feeder.next_event()
    made = {**made, "id": f"oversized-{made['id']}", "payload": {**made["payload"], "filler": "x" * OVERSIZE_BYTES}}
    await system.feeder.put(SYSTEMS[0].events_topic, _key(dice), orjson.dumps(made))
    yield f"{OVERSIZE_BYTES:,} bytes"


@asynccontextmanager
async def repeated(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Events that come two or three times."""
    count = dice.randint(5, 20)
    for _ in range(count):
        made = system.feeder.next_event()
        for _ in range(dice.randint(2, 3)):
            await system.feeder.send(made)
    yield f"{count} events"


@asynccontextmanager
async def disordered(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Events out of the order of their numbers, some with a time that is long past, some with one that is to come."""
    now_ms = int(time.time() * 1000)
    events = [system.feeder.next_event() for _ in range(dice.randint(10, 40))]
    dice.shuffle(events)
    for made in events:
        await system.feeder.send(made, timestamp_ms=now_ms + dice.randint(-LATE_MS, EARLY_MS))
    yield f"{len(events)} events"


@asynccontextmanager
async def unscoped(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Events that belong to nobody."""
    count = dice.randint(3, 10)
    for _ in range(count):
        await system.feeder.send({**system.feeder.next_event(), "metadata": {}})
    yield f"{count} events"


@asynccontextmanager
async def flood(system: System, dice: random.Random) -> AsyncIterator[str]:
    """Many events at once."""
    for _ in range(FLOOD):
        await system.feeder.send(system.feeder.next_event())
    yield f"{FLOOD} events"


def _key(dice: random.Random) -> str:
    return f"contact-{dice.randrange(CONTACTS)}"


KINDS = (
    Kind("poison", poison, 4),
    Kind("oversized record", oversized, 1),
    Kind("repeated events", repeated, 4),
    Kind("events out of order, late and early", disordered, 4),
    Kind("events of nobody", unscoped, 1),
    Kind("a flood of events", flood, 2),
)
