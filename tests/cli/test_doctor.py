"""`mal doctor` says what is set and what is wrong, and exits by it."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import asyncpg
import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from typer.testing import CliRunner, Result

from cli.discovery import KAFKA_VARIABLE, POSTGRES_VARIABLE
from cli.main import app
from dev.kafka import KafkaBroker
from streams.admin import create_topics
from streams.groups import WORKERS
from streams.settings import Settings
from streams.topics import INPUT_TOPICS
from tests.cli.conftest import Mal, rows
from tests.support.conditions import eventually

pytestmark = pytest.mark.services

LAST_MIGRATION = "delete from automation_migrations where number = (select max(number) from automation_migrations)"


def _findings(result: Result) -> dict[str, dict[str, Any]]:
    return {finding["check"]: finding for finding in map(orjson.loads, result.stdout.splitlines())}


def test_where_all_is_well_it_says_so_and_exits_0(mal: Mal, topics: str) -> None:
    findings = {row["check"]: row for row in rows(asyncio.run(_with_a_worker(topics, mal)))}
    assert all(finding["ok"] for finding in findings.values())
    assert list(findings)[:9] == [
        "versions", "kafka", "topics", "topic settings", "transactions", "workers", "postgres", "tables", "audit",
    ]  # fmt: skip
    assert re.search(r"tap-automations \d.*aiokafka \d.*Python 3", findings["versions"]["detail"])
    assert findings["topic settings"]["detail"] == "as they must be, 1 replicas or more"
    assert "MAL_KAFKA_PARTITIONS" in findings
    assert findings["topics"]["detail"] == "all there, with 2 partitions where they carry subjects"
    assert findings["workers"]["detail"] == "1 at work, nothing to read"
    assert findings["audit"]["detail"] == "none runs; nothing waits for `mal audit`"


def test_events_that_nobody_reads_are_wrong(mal: Mal, topics: str) -> None:
    asyncio.run(_with_a_worker(topics, mal))
    event = {"type": "email_open", "source": "email_engine", "payload": {"contactId": "c"}, "metadata": {"userId": "u"}}
    assert mal("emit", "-", stdin=orjson.dumps(event).decode()).exit_code == 0
    answer = mal("doctor", "--json")
    assert answer.exit_code == 1
    assert _findings(answer)["workers"]["detail"] == "none runs, and 1 wait to be read; start `mal worker`"


def test_every_wrong_setting_is_named_in_plain_words(mal: Mal, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, value in {"API_PORT": "x", "LOG_LEVEL": "loud", "ENV": "production", "TIME_SCALE": "2"}.items():
        monkeypatch.setenv(f"MAL_{variable}", value)
    answer = mal("doctor", "--json")
    assert answer.exit_code == 1
    assert {check: finding["detail"] for check, finding in _findings(answer).items()} == {
        "MAL_API_PORT": "is 'x': must be a whole number",
        "MAL_LOG_LEVEL": "is 'LOUD': use DEBUG, INFO, WARNING, ERROR",
        "MAL_TIME_SCALE": "is '2': time runs as it does in production; unset it, or set MAL_ENV=development",
    }


def test_what_is_not_set_says_so(mal: Mal) -> None:
    assert re.search(r"MAL_KAFKA_SSL_CAFILE +not set\n", mal("doctor").stdout)


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
    for check, name in (("kafka", "Kafka"), ("postgres", "Postgres")):
        said = f"no {name} is known: no services run from this directory ({tmp_path}); start `mal up` here"
        assert said in findings[check]["detail"]


async def _with_a_worker(bootstrap: str, mal: Mal) -> Result:
    """What doctor says while somebody of the workers' group has read all inputs to their ends."""
    async with (
        AIOKafkaConsumer(
            *INPUT_TOPICS, bootstrap_servers=bootstrap, group_id=WORKERS, enable_auto_commit=False
        ) as consumer,
        asyncio.timeout(20),
    ):
        while not consumer.assignment():
            await consumer.getmany(timeout_ms=100)
        await consumer.commit(await consumer.end_offsets(list(consumer.assignment())))
        return await asyncio.to_thread(mal, "doctor", "--json")


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
