"""The topics the simulators need, and whether they are there. Creates none: `mal topics create` does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient

from engine.systems import SYSTEMS

RESULTS_TOPIC = "tap.command-results"
NEEDED_TOPICS = frozenset({
    RESULTS_TOPIC,
    *(system.events_topic for system in SYSTEMS),
    *(system.commands_topic for system in SYSTEMS if system.commands_topic),
})  # fmt: skip

# A topic created a moment ago is not on every broker yet.
TRIES = 15
PAUSE_SECONDS = 0.2


async def check_topics(kafka: Mapping[str, Any]) -> None:
    """Return where all topics exist.

    Raises:
        RuntimeError: some do not; they are named. A client that reads them would wait for ever.
    """
    admin = AIOKafkaAdminClient(**kafka)
    await admin.start()
    try:
        for _ in range(TRIES):
            if not (missing := NEEDED_TOPICS - set(await admin.list_topics())):
                return
            await asyncio.sleep(PAUSE_SECONDS)
    finally:
        await admin.close()
    raise RuntimeError(f"Kafka has no topic {', '.join(sorted(missing))}; run `mal topics create` first")
