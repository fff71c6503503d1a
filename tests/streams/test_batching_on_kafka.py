"""Units of commit on a real Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dev.kafka import KafkaBroker
from dev.services import serving
from streams.consumers import committed_reader
from tests.support.unit_contract import Cluster, UnitContract

pytestmark = pytest.mark.services

PARTITIONS = 2
CONFIG = {"max.message.bytes": "8000000"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    with serving(KafkaBroker(tmp_path_factory.mktemp("kafka"), heap_megabytes=384)) as started:
        yield {"bootstrap_servers": started.bootstrap}


class TestOnKafka(UnitContract):
    @pytest.fixture
    async def cluster(self, broker: dict[str, Any]) -> Cluster:
        names = (f"out-{uuid4()}", f"log-{uuid4()}")
        admin = AIOKafkaAdminClient(**broker)
        await admin.start()
        try:
            await admin.create_topics([NewTopic(name, PARTITIONS, 1, topic_configs=CONFIG) for name in names])
        finally:
            await admin.close()
        return Cluster(partial(AIOKafkaProducer, **broker), partial(committed_reader, broker), names)
