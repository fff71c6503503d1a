"""`mal doctor` on Kafka: is it there, are the topics as they must be, does an open transaction keep readers waiting?"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final

from cli.checks.finding import Finding, some
from cli.errors import Refused
from cli.kafka import kafka_errors
from cli.settings import kafka_address
from streams import admin
from streams.groups import look
from streams.open_transactions import Blocked, blocked_partitions
from streams.settings import Settings
from streams.topic_settings import lowest_replication, wrong_settings
from streams.topics import TOPICS

COMMANDS: Final = {"workers": "worker", "audit": "audit"}
"""What runs each of the groups that are looked at."""
OPEN_SECONDS: Final = 15.0
"""So long a transaction of ours may be open: Kafka ends it after that."""
SAFE_REPLICAS: Final = 2


async def look_at_kafka(settings: Settings) -> tuple[list[Finding], bool]:
    """Return what is found, and whether the topics are there, so that more can be asked."""
    try:
        bootstrap = kafka_address(settings)
        with kafka_errors(settings):
            topics = await _topics(settings)
    except Refused as refusal:
        return [Finding("kafka", False, str(refusal))], False
    found = [Finding("kafka", True, f"{bootstrap} answers"), topics]
    if topics.ok:
        for check, question in (("topic settings", _settings), ("transactions", _transactions)):
            found.append(await _asked(check, settings, question))
    return found, topics.ok


async def look_at_group(
    settings: Settings,
    who: str,
    group: str,
    topics: Iterable[str],
    positions: Mapping[tuple[str, int], int] | None = None,
) -> Finding:
    """Say who is at work in a group, and what waits for it."""
    try:
        with kafka_errors(settings):
            stands = await look(settings.kafka_client(), group, topics, positions)
    except Refused as refusal:
        return Finding(who, False, str(refusal))
    if stands.members:
        behind = f"{stands.lag:,} to read" if stands.lag else "nothing to read"
        return Finding(who, True, f"{stands.members} at work, {behind}")
    if stands.lag:
        return Finding(who, False, f"none runs, and {stands.lag:,} wait to be read; start `mal {COMMANDS[who]}`")
    return Finding(who, True, f"none runs; nothing waits for `mal {COMMANDS[who]}`")


async def _asked(check: str, settings: Settings, question: Callable[[Settings], Awaitable[Finding]]) -> Finding:
    try:
        with kafka_errors(settings):
            return await question(settings)
    except Refused as refusal:
        return Finding(check, False, str(refusal))


async def _topics(settings: Settings) -> Finding:
    try:
        partitions = await admin.check_topics(settings)
    except admin.TopicsError as error:
        return Finding("topics", False, str(error))
    return Finding("topics", True, f"all there, with {partitions} partitions where they carry subjects")


async def _settings(settings: Settings) -> Finding:
    kafka: dict[str, Any] = settings.kafka_client()
    if wrong := await wrong_settings(kafka):
        seen = some([f"{one.topic} has {one.name}={one.value}, it needs {one.needed}" for one in wrong])
        first = wrong[0]
        change = f"--entity-type topics --entity-name {first.topic} --add-config {first.name}={first.needed}"
        return Finding("topic settings", False, f"{seen}; set it with `kafka-configs.sh --alter {change}`")
    replicas = await lowest_replication(kafka)
    if settings.env == "production" and replicas < SAFE_REPLICAS:
        lost = "whoever loses one broker loses what it held; raise it with `kafka-reassign-partitions.sh`"
        return Finding("topic settings", False, f"partitions have {replicas} replica in production: {lost}")
    return Finding("topic settings", True, f"as they must be, {replicas} replicas or more")


async def _transactions(settings: Settings) -> Finding:
    blocked = await blocked_partitions(settings.kafka_client(), [topic.name for topic in TOPICS])
    now_ms = time.time() * 1000
    stuck = [one for one in blocked if one.by is None or now_ms - one.by.started_ms > OPEN_SECONDS * 1000]
    if not stuck:
        open_now = f"{len(blocked)} partitions wait for one that is young" if blocked else "none is open"
        return Finding("transactions", True, open_now)
    first = stuck[0]
    where = f"--topic {first.topic} --partition {first.partition} --start-offset {first.offset}"
    told = "; ".join(_told(one, now_ms) for one in stuck[:2])
    more = f"; {len(stuck) - 2} more" if len(stuck) > 2 else ""
    return Finding(
        "transactions", False, f"{told}{more}; stop its writer, or end it with `kafka-transactions.sh abort {where}`"
    )


def _told(one: Blocked, now_ms: float) -> str:
    place = f"{one.topic}:{one.partition} cannot be read on from {one.offset}"
    if one.by is None:
        return f"{place}: a transaction hangs there that Kafka has forgotten"
    seconds = (now_ms - one.by.started_ms) / 1000
    limit = one.by.timeout_ms / 1000
    return f"{place}: {one.by.transactional_id} is open for {seconds:.0f} s, Kafka ends it after {limit:.0f}"
