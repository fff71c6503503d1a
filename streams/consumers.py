"""How everything of ours reads Kafka: what is committed alone, moving no position by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from aiokafka import AIOKafkaConsumer

_READ: Final[Mapping[str, Any]] = {
    "isolation_level": "read_committed",
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "fetch_max_wait_ms": 50,
}


def committed_reader(kafka: Mapping[str, Any], *topics: str, **settings: Any) -> AIOKafkaConsumer:
    """Make a consumer, not started yet: without a group, and from the beginning where it has no position.

    Args:
        kafka: the arguments of any aiokafka client.
        topics: to subscribe to; none for one that is assigned or subscribed later.
        settings: of `AIOKafkaConsumer`, beside or instead of ours.
    """
    return AIOKafkaConsumer(*topics, **{**kafka, **_READ, **settings})
