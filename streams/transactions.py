"""When what a transaction committed can be read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaProducer


async def until_visible(kafka: Mapping[str, Any], transactional_id: str) -> None:
    """Return when readers see what was committed with this id last.

    A commit returns before Kafka has written its markers to the partitions, and until then a read_committed reader
    takes what was there before for all there is. Nobody is let begin with the id before the markers are written.

    Args:
        kafka: the arguments of any aiokafka client.
        transactional_id: of a producer that is stopped; one that is not is fenced.

    Raises:
        KafkaError: Kafka is away.
    """
    async with AIOKafkaProducer(**kafka, transactional_id=transactional_id):
        pass
