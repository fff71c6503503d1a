"""A worker with an id of its own that comes back within its session has its shards again, and disturbs no other."""

from __future__ import annotations

import asyncio
import time

import pytest

from agents.app import SESSION_SECONDS
from tests.support.flows import event, version
from tests.support.pipeline import PARTITIONS, Pipeline, values
from tests.support.processes import Process

pytestmark = pytest.mark.services

COMMANDS = "tap.list-builder.commands"
CONTACTS = 4 * PARTITIONS
ATTEMPTS = 3
"""A machine under load may take longer to start a worker than a session lasts."""


def takeovers(worker: Process) -> int:
    """How often a worker has taken shards over."""
    return worker.log.read_text().count("are ours in generation")


async def calm(*workers: Process) -> None:
    """Wait until no worker has taken anything over for two seconds."""
    seen, since = [0], time.monotonic()
    async with asyncio.timeout(60):
        while time.monotonic() - since < 2:
            now = [takeovers(worker) for worker in workers]
            if now != seen:
                seen, since = now, time.monotonic()
            await asyncio.sleep(0.1)


async def test_a_kill_of_one_leaves_the_other_in_its_generation(pipeline: Pipeline) -> None:
    await pipeline.publish(version({"t": ("email_open", {}), "tag": ("tag_contact", {"tag": "back"})}, "t>tag"))
    first, second = (pipeline.worker(name, MAL_WORKER_ID=name) for name in ("first", "second"))
    await asyncio.gather(first.begin(), second.begin())
    await calm(first, second)
    for _ in range(ATTEMPTS):
        before, killed_at = [takeovers(worker) for worker in (first, second)], time.monotonic()
        first.kill()
        await first.begin()
        if time.monotonic() - killed_at < SESSION_SECONDS - 1:
            break
        await calm(first, second)
    else:
        pytest.fail(f"no worker was back within {SESSION_SECONDS:g} s in {ATTEMPTS} attempts")
    assert [takeovers(worker) for worker in (first, second)] == [before[0] + 1, before[1]]
    contacts = {f"contact-{number}" for number in range(CONTACTS)}
    await pipeline.send(*(event("email_open", contactId=contact, campaignId="k1") for contact in sorted(contacts)))
    tagged = [command["subject"]["id"] for command in values(await pipeline.read(COMMANDS, CONTACTS))]
    assert sorted(tagged) == sorted(contacts)
