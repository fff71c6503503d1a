"""The services of a development machine are real, keep their data, and are taken from the environment where named."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import asyncpg
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from dev import ports
from dev.errors import ServiceError
from dev.kafka import KafkaBroker
from dev.postgres import PostgresServer
from dev.services import running, serving

pytestmark = pytest.mark.services


async def test_the_services_are_real(kafka: str, database: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        assert len((await admin.describe_cluster())["brokers"]) == 1
    finally:
        await admin.close()
    connection = await asyncpg.connect(database)
    try:
        assert (await connection.fetchval("show server_version")).startswith("18.")
    finally:
        await connection.close()


async def test_a_second_start_goes_on_with_the_data_of_the_first(tmp_path: Path) -> None:
    with running(tmp_path, {}) as services:
        await _write(services.kafka, services.postgres)
    with running(tmp_path, {}) as services:
        assert await _read(services.kafka, services.postgres) == (b"kept", "kept")


def test_what_the_environment_names_is_used_and_nothing_is_started(tmp_path: Path) -> None:
    named = {"MAL_KAFKA_BOOTSTRAP_SERVERS": "kafka:9092", "MAL_POSTGRES_DSN": "postgresql://postgres/mal"}
    with running(tmp_path, named) as services:
        assert (services.kafka, services.postgres) == ("kafka:9092", "postgresql://postgres/mal")
        assert {path.name for path in tmp_path.iterdir()} == {"mal.lock"}


def test_a_port_that_somebody_took_in_between_is_given_up_for_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server((ports.HOST, 0)) as somebody:
        taken = int(somebody.getsockname()[1])
        picks = iter([taken, *ports.free_ports(2), taken, ports.free_port()])  # Kafka's next one is its controller's
        monkeypatch.setattr(ports, "free_port", lambda: next(picks))
        with (
            serving(KafkaBroker(tmp_path / "kafka")) as kafka,
            serving(PostgresServer(tmp_path / "postgres")) as postgres,
        ):
            for server in (kafka, postgres):
                assert "Address already in use" in server.log.read_text()
                assert server.poll() is None


def test_a_port_that_was_given_and_is_taken_is_an_error_that_says_so(tmp_path: Path) -> None:
    with socket.create_server((ports.HOST, 0)) as somebody:
        server = PostgresServer(tmp_path, port=int(somebody.getsockname()[1]))
        with pytest.raises(ServiceError, match="Address already in use"), serving(server):
            pass
    assert server.pid is None


async def _write(kafka: str, postgres: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    await admin.create_topics([NewTopic("kept", 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=kafka, transactional_id="kept")
    await producer.start()
    async with producer.transaction():
        await producer.send_and_wait("kept", b"kept")
    await producer.stop()
    connection = await asyncpg.connect(postgres)
    await connection.execute("create table kept as select 'kept' as word")
    await connection.close()


async def _read(kafka: str, postgres: str) -> tuple[bytes | None, str]:
    consumer = AIOKafkaConsumer(
        "kept", bootstrap_servers=kafka, auto_offset_reset="earliest", isolation_level="read_committed"
    )
    await consumer.start()
    record = await consumer.getone()
    await consumer.stop()
    connection = await asyncpg.connect(postgres)
    word = await connection.fetchval("select word from kept")
    await connection.close()
    return record.value, word


def test_nothing_is_left_when_the_one_who_started_them_is_killed_and_a_next_start_goes_on(tmp_path: Path) -> None:
    program = f"""
import sys, time
import subprocess
import sys
from pathlib import Path
from dev.services import running
with running(Path({str(tmp_path)!r}), {{}}) as services:
    print(services.kafka, flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline()
        left = psutil.Process(parent.pid).children(recursive=True)
        assert {"java", "postgres"} <= {process.name() for process in left}
        parent.kill()
    # Not waited for: the next start does that.
    with running(tmp_path, {}):
        assert not any(process.is_running() for process in left)
