"""All topics as one table: what is on each, how it is kept, and which carry subjects (contract.md section 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from engine.systems import SYSTEMS

EXECUTIONS: Final = "mal.executions"
FLOWS: Final = "mal.flows"
TRIGGERS: Final = "mal.triggers"
COMMAND_RESULTS: Final = "tap.command-results"
DEAD_LETTERS: Final = "mal.dead-letters"
ENTITIES: Final = "mal.entities"
"""Facts of campaigns, releases and users: written by the shard of the entity, read by every worker."""

TABLES: Final = ("subjects", "entries", "executions", "positions")

MAX_BATCH_BYTES: Final = 32 * 1024 * 1024
"""What Kafka takes as one record batch on the topics that we write. No record of ours comes near it, dead letters of
huge records excepted, which are cut (`dead_letters.MAX_LETTER_BYTES`)."""
_MAX_INPUT_BYTES: Final = 4 * 1024 * 1024
"""Events may have 1 MiB, and what is longer must come in to be dead-lettered rather than be lost with its producer."""
_DAY_MS: Final = 86_400_000
_KEPT_MS: Final = 30 * _DAY_MS
"""How far back a replay can go."""
_FOR_EVER: Final = "-1"
_ANY_TIME: Final = str(2**63 - 1)

_DELETED: Final[Mapping[str, str]] = MappingProxyType({"cleanup.policy": "delete", "retention.bytes": _FOR_EVER})
_INPUT: Final[Mapping[str, str]] = MappingProxyType({
    **_DELETED,
    "retention.ms": str(_KEPT_MS),
    "max.message.bytes": str(_MAX_INPUT_BYTES),
})  # fmt: skip
_COMMANDS: Final[Mapping[str, str]] = MappingProxyType({
    **_DELETED,
    "retention.ms": str(_KEPT_MS),
    "max.message.bytes": str(MAX_BATCH_BYTES),
})  # fmt: skip
# A re-keyed record has the timestamp of its origin: none is too far ahead, and it is kept twice as long.
_TRIGGERS: Final[Mapping[str, str]] = MappingProxyType({
    **_COMMANDS,
    "retention.ms": str(2 * _KEPT_MS),
    "message.timestamp.after.max.ms": _ANY_TIME,
})  # fmt: skip
# The feed is the truth about what happened: Postgres can be rebuilt from its offset 0 (architecture.md section 1).
_KEPT: Final[Mapping[str, str]] = MappingProxyType({
    **_DELETED,
    "retention.ms": _FOR_EVER,
    "max.message.bytes": str(MAX_BATCH_BYTES),
})  # fmt: skip
# Small segments: what is superseded is gone soon, and a restart reads little else than the state itself.
_COMPACTED: Final[Mapping[str, str]] = MappingProxyType({
    "cleanup.policy": "compact",
    "segment.bytes": str(2 * MAX_BATCH_BYTES),
    "segment.ms": str(_DAY_MS // 24),
    "min.cleanable.dirty.ratio": "0.2",
    "max.message.bytes": str(MAX_BATCH_BYTES),
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic.

    `carries_subjects`: it has as many partitions as all others that do, so that a subject has one number on all of
    them. A topic that does not has one partition.
    """

    name: str
    config: Mapping[str, str]
    carries_subjects: bool = True


def changelog(table: str) -> str:
    """Return the changelog topic of a worker's table."""
    return f"mal-{table}-changelog"


COMMAND_TOPICS: Final = tuple(system.commands_topic for system in SYSTEMS if system.commands_topic)

TOPICS: Final[tuple[Topic, ...]] = (
    *(Topic(system.events_topic, _INPUT) for system in SYSTEMS),
    *(Topic(topic, _COMMANDS) for topic in COMMAND_TOPICS),
    Topic(COMMAND_RESULTS, _INPUT),
    Topic(TRIGGERS, _TRIGGERS),
    Topic(EXECUTIONS, _KEPT),
    Topic(DEAD_LETTERS, _KEPT),
    Topic(ENTITIES, _COMPACTED),
    Topic(FLOWS, _COMPACTED, carries_subjects=False),
    *(Topic(changelog(table), _COMPACTED) for table in TABLES),
)

INPUT_TOPICS: Final[tuple[str, ...]] = tuple(
    sorted([*(system.events_topic for system in SYSTEMS), TRIGGERS, COMMAND_RESULTS])
)
"""What a worker consumes, in the order of names, which is part of the order of a shard's clock."""

AUDITED_TOPICS: Final = (EXECUTIONS, COMMAND_RESULTS)
"""What an audit consumes."""
