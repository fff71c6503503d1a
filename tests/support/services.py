"""Real Kafka and Postgres for tests: started once a session, when the first test asks; a fresh database for each test.

Where the environment names services, those are used and nothing is started.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest

from cli.discovery import KAFKA_VARIABLE, POSTGRES_VARIABLE
from dev.kafka import KafkaBroker
from dev.postgres import PostgresServer
from dev.services import serving

SERVICE_FIXTURES = frozenset({"kafka", "postgres", "database", "migrated_template"})


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap address of a real Kafka that all tests of the session share: use names of your own on it."""
    if named := os.environ.get(KAFKA_VARIABLE):
        yield named
        return
    with serving(KafkaBroker(tmp_path_factory.mktemp("kafka"))) as broker:
        yield broker.bootstrap


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URI of a real Postgres whose user may create databases."""
    if named := os.environ.get(POSTGRES_VARIABLE):
        yield named
        return
    with serving(PostgresServer(tmp_path_factory.mktemp("postgres"), durable=False)) as server:
        yield server.dsn


@pytest.fixture(scope="session")
def migrated_template(postgres: str) -> Iterator[str]:
    """The name of a database with all migrations applied, to be cloned."""
    name = f"template_{secrets.token_hex(4)}"
    _run(_execute(postgres, f'create database "{name}"'))
    if importlib.util.find_spec("store") and importlib.util.find_spec("store.migrate"):
        from store.migrate import migrate

        _run(migrate(on_database(postgres, name)))
    yield name
    _run(_execute(postgres, f'drop database if exists "{name}" with (force)'))


@pytest.fixture
def database(postgres: str, migrated_template: str) -> Iterator[str]:
    """The URI of a fresh, migrated database of this test alone."""
    name = f"test_{secrets.token_hex(6)}"
    _run(_execute(postgres, f'create database "{name}" template "{migrated_template}"'))
    yield on_database(postgres, name)
    _run(_execute(postgres, f'drop database if exists "{name}" with (force)'))


def on_database(dsn: str, name: str) -> str:
    """Return the same server's URI for another database."""
    return urlunsplit(urlsplit(dsn)._replace(path=f"/{name}"))


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()


def _run(work: object) -> None:
    # Apart: a synchronous fixture may be set up while the loop of an asynchronous test runs in this thread.
    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, work).result()  # type: ignore[arg-type]
