"""`mal doctor` says what is set and what is wrong, and exits by it."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from typer.testing import CliRunner, Result

from cli.discovery import KAFKA_VARIABLE, POSTGRES_VARIABLE
from cli.main import app
from dev.kafka import KafkaBroker
from streams.admin import create_topics
from streams.settings import Settings
from tests.cli.conftest import Mal, rows
from tests.support.conditions import eventually

pytestmark = pytest.mark.services

LAST_MIGRATION = "delete from automation_migrations where number = (select max(number) from automation_migrations)"


def _findings(result: Result) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in map(orjson.loads, result.stdout.splitlines())}


def test_where_all_is_well_it_says_so_and_exits_0(mal: Mal) -> None:
    findings = {row["check"]: row for row in rows(mal("doctor", "--json"))}
    assert all(finding["ok"] for finding in findings.values())
    assert {"kafka", "topics", "postgres", "tables", "MAL_KAFKA_PARTITIONS"} <= findings.keys()
    assert findings["topics"]["detail"] == "all there, with 2 partitions where they carry subjects"


def test_no_secret_is_shown(mal: Mal, database: str) -> None:
    password = database.split("@", maxsplit=1)[0].rpartition(":")[2]
    shown = mal("doctor").output
    assert "********@" in shown
    assert password not in shown


def test_a_migration_that_is_missing_is_named(mal: Mal, database: str) -> None:
    asyncio.run(_execute(database, LAST_MIGRATION))
    answer = mal("doctor", "--json")
    assert answer.exit_code == 1
    tables = _findings(answer)["tables"]
    assert not tables["ok"]
    assert tables["detail"].endswith("; run `mal db migrate`")


def test_topics_that_are_missing_or_do_not_fit_are_named(
    tmp_path_factory: pytest.TempPathFactory, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = KafkaBroker(tmp_path_factory.mktemp("doctor-kafka"), heap_megabytes=384)
    try:
        broker.start()
        broker.wait_ready()
        monkeypatch.setenv(KAFKA_VARIABLE, broker.bootstrap)
        monkeypatch.setenv(POSTGRES_VARIABLE, database)
        missing = _topics_finding()
        assert "mal.executions" in missing
        assert "run `mal topics create`" in missing
        asyncio.run(create_topics(Settings(kafka_bootstrap_servers=broker.bootstrap, kafka_partitions=2)))
        asyncio.run(_add_partition(broker.bootstrap, "tap.cmg.events"))
        eventually(lambda: "3: tap.cmg.events" in _doctor().stdout, what="the broker shows the third partition")
        assert "equal partition counts" in _topics_finding()
    finally:
        broker.stop()


def test_where_nothing_is_known_it_says_how_to_find_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    for variable in (KAFKA_VARIABLE, POSTGRES_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("MAL_DATA_DIR", str(tmp_path))
    answer = _doctor()
    assert answer.exit_code == 1
    findings = _findings(answer)
    assert "no Kafka is known; start `mal up`" in findings["kafka"]["detail"]
    assert "no Postgres is known; start `mal up`" in findings["postgres"]["detail"]


def _doctor() -> Result:
    return CliRunner().invoke(app, ["doctor", "--json"], prog_name="mal")


def _topics_finding() -> str:
    answer = _doctor()
    assert answer.exit_code == 1
    finding = _findings(answer)["topics"]
    assert not finding["ok"]
    return str(finding["detail"])


async def _add_partition(bootstrap: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_partitions({topic: NewPartitions(3)})
    finally:
        await admin.close()


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
