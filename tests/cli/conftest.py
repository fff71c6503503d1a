"""A Kafka with our topics for the command line, and `mal` as a function that talks to it and to a fresh database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from typer.testing import CliRunner, Result

from cli.discovery import KAFKA_VARIABLE, POSTGRES_VARIABLE
from cli.main import app
from dev.kafka import KafkaBroker
from dev.services import serving
from streams.admin import create_topics
from streams.settings import Settings

Mal = Callable[..., Result]
PARTITIONS = 2
READ_SECONDS = 20.0


@pytest.fixture(scope="session")
def topics(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real Kafka with all our topics, for the tests of the command line alone."""
    with serving(KafkaBroker(tmp_path_factory.mktemp("cli-kafka"), heap_megabytes=384)) as broker:
        asyncio.run(create_topics(Settings(kafka_bootstrap_servers=broker.bootstrap, kafka_partitions=PARTITIONS)))
        yield broker.bootstrap


@pytest.fixture
def mal(topics: str, database: str, monkeypatch: pytest.MonkeyPatch) -> Mal:
    """Run `mal` with these arguments; both services are named in the environment."""
    monkeypatch.setenv(KAFKA_VARIABLE, topics)
    monkeypatch.setenv(POSTGRES_VARIABLE, database)
    return run_mal


def run_mal(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(app, list(arguments), input=stdin, prog_name="mal")


def rows(result: Result) -> list[dict[str, Any]]:
    """The JSON lines of an answer of a command that did its work."""
    assert result.exit_code == 0, result.output
    return [orjson.loads(line) for line in result.stdout.splitlines()]


def records(bootstrap: str, topic: str) -> list[Any]:
    """All records of a topic, as a read_committed reader sees them."""
    return asyncio.run(_records(bootstrap, topic))


async def _records(bootstrap: str, topic: str) -> list[Any]:
    found: list[Any] = []
    async with (
        AIOKafkaConsumer(
            topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", isolation_level="read_committed"
        ) as consumer,
        asyncio.timeout(READ_SECONDS),
    ):
        ends = await consumer.end_offsets(consumer.assignment())
        for partition, end in ends.items():
            while await consumer.position(partition) < end:
                for batch in (await consumer.getmany(partition, timeout_ms=100)).values():
                    found += batch
    return found
