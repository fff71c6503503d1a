"""Everything of ours works through TLS with a password or a certificate, and says what is wrong where it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError

from dev import ports
from engine.ids import execution_id
from engine.types import FlowId, Subject
from streams.access import AccessError
from streams.client import AutomationClient
from streams.settings import Settings
from streams.topics import EXECUTIONS
from tests.security.commands import run, running
from tests.support.conditions import eventually
from tests.support.secured import KAFKA_PASSWORD, KEY_PASSWORD, MECHANISMS, SecuredKafka
from tests.support.tokens import FORM_SECRET, SECRET

pytestmark = pytest.mark.services

MARKED = "marked-payload"
FLOW = """
flow: {name: Secured, userId: user_001, workspaceId: null, triggerType: event}
nodes:
  - {ref: opened, type: trigger, subtype: email_open, config: {}}
  - {ref: tag, type: action, subtype: tag_contact, config: {tag: seen}}
edges: [{sourceNodeId: opened, targetNodeId: tag}]
"""


def opened(contact: str, way: str) -> dict[str, Any]:
    return {
        "id": f"{way}-{contact}", "type": "email_open", "source": "email_engine",
        "payload": {"contactId": f"{way}-{contact}", "said": MARKED}, "metadata": {"userId": "user_001"},
    }  # fmt: skip


def settings_of(environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return Settings()


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in [name for name in os.environ if name.startswith("MAL_")]:
        monkeypatch.delenv(name)


@pytest.mark.parametrize("way", ["password", "certificate", "token"])
async def test_the_whole_way_of_an_event_through_locked_doors(
    way: str, secured: SecuredKafka, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways = {"password": secured.with_password, "certificate": secured.with_certificate, "token": secured.with_token}
    doors = ways[way]()
    environment = {**doors, "MAL_POSTGRES_DSN": database, "MAL_DATA_DIR": str(tmp_path), "MAL_KAFKA_PARTITIONS": "2"}
    assert (made := run(environment, "topics", "create")).returncode == 0, made.stderr
    (tmp_path / "flow.yaml").write_text(FLOW)
    level = {"MAL_LOG_LEVEL": "INFO" if way == "certificate" else "DEBUG"}
    heard = {name: ports.free_port() for name in ("worker", "audit")}
    parts = [
        running(name, tmp_path, {**environment, **level, "MAL_HEALTH_PORT": str(port)}, name)
        for name, port in heard.items()
    ]
    with parts[0] as worker, parts[1] as audit:
        applied = run(environment, "flows", "apply", str(tmp_path / "flow.yaml"), "--publish", "--json")
        assert applied.returncode == 0, applied.stderr
        flow = FlowId(orjson.loads(applied.stdout)["id"])
        sent = run(environment, "emit", "-", stdin=orjson.dumps(opened("emitted", way)).decode())
        assert sent.returncode == 0, sent.stderr
        settings = settings_of(environment, monkeypatch)
        async with AIOKafkaProducer(**settings.kafka_client()) as producer:
            spoiled = orjson.dumps({**opened("emitted", way), "payload": MARKED})
            await producer.send_and_wait("tap.email-engine.events", spoiled, key=f"{way}-client".encode())
        async with AutomationClient(**settings.kafka_client()) as client:
            await client.emit_automation_event(opened("client", way))
            by_hand = await client.manual_trigger_flow(flow, {"contactId": f"{way}-hand"}, idempotency_key=way)
        wanted = {
            by_hand,
            *(
                execution_id(flow, "email_engine", Subject("contact", f"{way}-{who}"), f"{way}-{who}")
                for who in ("emitted", "client")
            ),
        }

        def written() -> bool:
            listed = run(environment, "executions", "list", "--flow", flow, "--json")
            return wanted <= {orjson.loads(line)["executionId"] for line in listed.stdout.splitlines()}

        await asyncio.to_thread(eventually, written, 30, "the audit has written the executions")
        doctor = run(environment, "doctor", "--json")
        assert doctor.returncode == 0, doctor.stdout + doctor.stderr
        found = {one["check"]: one for one in map(orjson.loads, doctor.stdout.splitlines())}
        assert found["workers"]["detail"].startswith("1 at work")
        for part in (worker, audit):
            assert _listening(part.pid) == {(ports.HOST, heard[part.name])}
    said = worker.log.read_text() + audit.log.read_text()
    assert "ready" in said
    secrets = (KAFKA_PASSWORD, KEY_PASSWORD, SECRET, FORM_SECRET, urlsplit(database).password, *secured.endpoint.given)
    assert not [secret for secret in secrets if str(secret) in said]
    assert MARKED not in said


def _listening(pid: int | None) -> set[tuple[str, int]]:
    """Return where a process and its children listen."""
    assert pid is not None
    process = psutil.Process(pid)
    return {
        (one.laddr.ip, one.laddr.port)
        for each in (process, *process.children(recursive=True))
        for one in each.net_connections("inet")
        if one.status == psutil.CONN_LISTEN
    }


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_each_mechanism_lets_in(mechanism: str, secured: SecuredKafka) -> None:
    environment = secured.with_password(mechanism.lower(), MAL_KAFKA_PARTITIONS="2")
    made = run(environment, "topics", "create")
    assert made.returncode == 0, made.stderr


async def test_the_doors_are_locked(secured: SecuredKafka) -> None:
    for port in (secured.sasl_port, secured.mtls_port, secured.token_port):
        consumer = AIOKafkaConsumer(EXECUTIONS, bootstrap_servers=f"{ports.HOST}:{port}", request_timeout_ms=3_000)
        with pytest.raises(KafkaConnectionError, match="Unable to bootstrap"):
            await consumer.start()
        await consumer.stop()


def _wrong(secured: SecuredKafka) -> dict[str, tuple[dict[str, str], tuple[str, ...]]]:
    """Return what is wrong: the environment, and what must be said of it."""
    plaintext = {"MAL_KAFKA_BOOTSTRAP_SERVERS": f"{ports.HOST}:{secured.sasl_port}"}
    user = ("it does not know this user and password", "MAL_KAFKA_SASL_USERNAME and MAL_KAFKA_SASL_PASSWORD")
    certificate = ("it does not take our certificate", "MAL_KAFKA_SSL_CERTFILE")
    nothing = {"MAL_KAFKA_SSL_CERTFILE": "", "MAL_KAFKA_SSL_KEYFILE": "", "MAL_KAFKA_SSL_PASSWORD": ""}
    return {
        "password": (secured.with_password(MAL_KAFKA_SASL_PASSWORD=f"{KAFKA_PASSWORD}-wrong"), user),
        "plain password": (secured.with_password("PLAIN", MAL_KAFKA_SASL_PASSWORD=f"{KAFKA_PASSWORD}-wrong"), user),
        "user": (secured.with_password("SCRAM-SHA-256", MAL_KAFKA_SASL_USERNAME="nobody"), user),
        "client secret": (
            secured.with_token(MAL_KAFKA_SASL_PASSWORD=f"{SECRET}-wrong"),
            ("gives no token (HTTP 401, invalid_client)", "MAL_KAFKA_SASL_USERNAME and MAL_KAFKA_SASL_PASSWORD"),
        ),
        "no token endpoint": (
            secured.with_token(MAL_KAFKA_SASL_TOKEN_URL="http://127.0.0.1:9/token"),
            ("http://127.0.0.1:9/token cannot be asked", "MAL_KAFKA_SASL_TOKEN_URL"),
        ),
        "stranger's token": (
            secured.with_token("/stranger"),
            ("it does not take this token", "MAL_KAFKA_SASL_TOKEN_URL and MAL_KAFKA_SASL_SCOPE"),
        ),
        "authority": (
            secured.with_password(MAL_KAFKA_SSL_CAFILE=str(secured.stranger)),
            ("its certificate is not trusted", "MAL_KAFKA_SSL_CAFILE"),
        ),
        "no authority": (
            secured.with_certificate(MAL_KAFKA_SSL_CAFILE=""),
            ("its certificate is not trusted", "MAL_KAFKA_SSL_CAFILE"),
        ),
        "host": (
            secured.with_password(MAL_KAFKA_BOOTSTRAP_SERVERS=f"localhost:{secured.sasl_port}"),
            ("its certificate is for another host", "MAL_KAFKA_BOOTSTRAP_SERVERS"),
        ),
        "no certificate": (secured.with_certificate(**nothing), certificate),
        "stranger's certificate": (
            secured.with_certificate(
                MAL_KAFKA_SSL_CERTFILE=str(secured.strangers_certificate), MAL_KAFKA_SSL_KEYFILE="",
                MAL_KAFKA_SSL_PASSWORD="",
            ),
            certificate,
        ),
        "no TLS": (plaintext, ("it closed the connection", "does not speak PLAINTEXT", "MAL_KAFKA_SECURITY_PROTOCOL")),
        "TLS where there is none": (
            secured.with_certificate(MAL_KAFKA_BOOTSTRAP_SERVERS=secured.broker.bootstrap),
            ("MAL_KAFKA_SECURITY_PROTOCOL",),
        ),
        "no password": (
            {**plaintext, "MAL_KAFKA_SECURITY_PROTOCOL": "SSL", "MAL_KAFKA_SSL_CAFILE": str(secured.ca)},
            ("MAL_KAFKA_SECURITY_PROTOCOL",),
        ),
    }  # fmt: skip


WRONG = (
    "password", "plain password", "user", "client secret", "no token endpoint", "stranger's token",
    "authority", "no authority", "host", "no certificate",
    "stranger's certificate", "no TLS", "TLS where there is none", "no password",
)  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
async def test_what_is_wrong_names_the_setting_and_never_the_secret(
    what: str, secured: SecuredKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment, words = _wrong(secured)[what]
    assert set(WRONG) == set(_wrong(secured))
    answer = await asyncio.to_thread(run, environment, "doctor", "--json")
    kafka = next(one for one in map(orjson.loads, answer.stdout.splitlines()) if one["check"] == "kafka")
    assert (answer.returncode, kafka["check"], kafka["ok"]) == (1, "kafka", False)
    said = [kafka["detail"]]
    with pytest.raises(AccessError) as refused:
        async with AutomationClient(**settings_of(environment, monkeypatch).kafka_client()):
            pass
    said.append(str(refused.value))
    for text in said:
        assert f"Kafka at {environment['MAL_KAFKA_BOOTSTRAP_SERVERS']} does not let us in: " in text
        assert all(word in text for word in words), text
    assert not _shown(answer.stdout + answer.stderr + said[1] + repr(refused.value))


@pytest.mark.parametrize("command", [
    ("worker",), ("audit",), ("simulate",), ("topics", "create"), ("emit", "-"), ("dead-letters", "list"),
])  # fmt: skip
def test_every_process_says_so_in_one_line(command: tuple[str, ...], secured: SecuredKafka, tmp_path: Path) -> None:
    environment = {
        **secured.with_password(MAL_KAFKA_SASL_PASSWORD=f"{KAFKA_PASSWORD}-wrong"), "MAL_DATA_DIR": str(tmp_path),
        "MAL_POSTGRES_DSN": "postgresql://mal:x@127.0.0.1:1/mal",
    }  # fmt: skip
    answer = run(environment, *command, stdin=orjson.dumps(opened("c", "w")).decode())
    assert answer.returncode == 1
    *before, last = answer.stderr.splitlines()
    assert last.startswith("mal: Kafka at ")
    assert "look at MAL_KAFKA_SASL_USERNAME and MAL_KAFKA_SASL_PASSWORD" in last
    assert not any("Traceback" in line for line in before)
    assert not _shown(answer.stdout + answer.stderr)


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_key_that_cannot_be_opened_is_refused_before_anything_is_asked(password: str, secured: SecuredKafka) -> None:
    answer = run(secured.with_certificate(MAL_KAFKA_SSL_PASSWORD=password), "topics", "create")
    assert answer.returncode == 1
    assert "MAL_KAFKA_SSL_KEYFILE cannot be read with MAL_KAFKA_SSL_PASSWORD" in answer.stderr
    assert not _shown(answer.stderr)


def _shown(text: str) -> list[str]:
    return [secret for secret in (KAFKA_PASSWORD, KEY_PASSWORD, SECRET, FORM_SECRET) if secret in text]


async def test_a_client_that_finds_nobody_says_what_it_always_said() -> None:
    with pytest.raises(KafkaConnectionError, match="Unable to bootstrap"):
        async with AutomationClient(f"{ports.HOST}:{ports.free_port()}"):
            pass
