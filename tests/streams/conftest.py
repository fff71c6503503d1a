"""A broker for this folder alone, with all topics of the project on it: their names are fixed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from dev.kafka import KafkaBroker
from dev.services import serving
from streams.admin import create_topics
from streams.settings import Settings

PARTITIONS = 3


@pytest.fixture(scope="package")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Settings of a broker that has no topic yet."""
    with serving(KafkaBroker(tmp_path_factory.mktemp("kafka"), heap_megabytes=384)) as started:
        yield Settings(kafka_bootstrap_servers=started.bootstrap, kafka_partitions=PARTITIONS)


@pytest.fixture(scope="package")
def topics(broker: Settings) -> Settings:
    """Settings of the broker, with the topics created."""
    with ThreadPoolExecutor(1) as apart:  # apart: a loop may be running in this thread
        apart.submit(asyncio.run, create_topics(broker)).result()
    return broker


@pytest.fixture
def kafka_client(topics: Settings) -> dict[str, Any]:
    """The arguments of a client of that broker."""
    return topics.kafka_client()
