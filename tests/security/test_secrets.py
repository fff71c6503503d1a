"""No command, error or value shows a secret, whatever goes wrong. The services are away, so each command says so."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from pydantic import ValidationError
from typer.testing import CliRunner

from cli.lazy import Command, Entry, Group
from cli.main import app
from cli.tree import COMMANDS
from dev import ports
from streams.settings import MASK, Settings
from tests.support.secured import KAFKA_PASSWORD, KEY_PASSWORD, private_key

POSTGRES_PASSWORD = "marked-postgres-password"
SECRETS = (KAFKA_PASSWORD, KEY_PASSWORD, POSTGRES_PASSWORD)
ARGUMENTS: Mapping[str, tuple[str, ...]] = {
    "emit": ("-",), "trigger": ("flow",), "flows show": ("flow",), "flows validate": ("-",), "flows apply": ("-",),
    "flows export": ("flow",), "flows diff": ("flow",), "flows publish": ("flow",), "flows pause": ("flow",),
    "flows resume": ("flow",), "flows archive": ("flow",), "executions show": ("x",), "executions pause": ("x",),
    "executions resume": ("x",), "executions cancel": ("x",), "executions retry": ("x",),
    "dead-letters show": ("t:0:1",), "dead-letters redrive": ("t:0:1",), "limits show": ("--user", "u"),
    "limits set": ("--user", "u", "--max-actions", "5"),
}  # fmt: skip
STDIN = '{"type": "email_open", "source": "s", "payload": {"contactId": "c"}, "metadata": {"userId": "u"}}'


def commands(table: Mapping[str, Entry] = COMMANDS, before: str = "") -> Iterator[str]:
    """Name every command that is built, but for `up`, which starts services of its own."""
    for name, entry in table.items():
        if isinstance(entry, Group):
            yield from commands(entry.commands, f"{name} ")
        elif isinstance(entry, Command) and name != "up":
            yield before + name


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Settings with every secret there is, of services that are away."""
    authority = trustme.CA()
    client = authority.issue_cert("mal@example.com")
    ca, certificate, key = (tmp_path / name for name in ("ca.pem", "client.pem", "client-key.pem"))
    authority.cert_pem.write_to_path(str(ca))
    certificate.write_bytes(b"".join(one.bytes() for one in client.cert_chain_pems))
    key.write_bytes(private_key(client, BestAvailableEncryption(KEY_PASSWORD.encode())))
    variables = {
        "MAL_KAFKA_BOOTSTRAP_SERVERS": f"{ports.HOST}:{ports.free_port()}", "MAL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "MAL_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512", "MAL_KAFKA_SASL_USERNAME": "mal",
        "MAL_KAFKA_SASL_PASSWORD": KAFKA_PASSWORD, "MAL_KAFKA_SSL_CAFILE": str(ca),
        "MAL_KAFKA_SSL_CERTFILE": str(certificate), "MAL_KAFKA_SSL_KEYFILE": str(key),
        "MAL_KAFKA_SSL_PASSWORD": KEY_PASSWORD, "MAL_DATA_DIR": str(tmp_path), "MAL_LOG_LEVEL": "DEBUG",
        "MAL_POSTGRES_DSN": f"postgresql://mal:{POSTGRES_PASSWORD}@{ports.HOST}:{ports.free_port()}/mal",
    }  # fmt: skip
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


def shown(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


# An audit waits for Postgres, and a worker and simulators configure the log of this process: they are processes of
# their own in test_secured_kafka.py.
@pytest.mark.parametrize("command", sorted({*commands()} - {"audit", "worker", "simulate"}))
@pytest.mark.usefixtures("environment")
def test_no_command_shows_a_secret(command: str) -> None:
    answer = CliRunner().invoke(app, [*command.split(), *ARGUMENTS.get(command, ())], input=STDIN, prog_name="mal")
    assert answer.exit_code == 1, answer.output
    told = "".join(traceback.format_exception(answer.exception)) if answer.exception else ""
    assert not shown(answer.stdout + answer.stderr + told + repr(answer.exception))


def test_settings_show_no_secret(environment: Mapping[str, str]) -> None:
    settings = Settings()
    assert not shown(repr(settings) + str(settings) + settings.model_dump_json() + repr(settings.masked()))
    assert settings.masked()["MAL_KAFKA_SSL_PASSWORD"] == MASK
    client = settings.kafka_client()
    assert client["sasl_plain_password"] == KAFKA_PASSWORD  # else nothing above could have failed


@pytest.mark.parametrize(("variable", "value"), [
    ("MAL_POSTGRES_DSN", f"postgresql://mal:12/{POSTGRES_PASSWORD}@h/d"), ("MAL_POSTGRES_DSN", POSTGRES_PASSWORD),
    ("MAL_KAFKA_SSL_PASSWORD", f"{KEY_PASSWORD}-wrong"), ("MAL_KAFKA_SECURITY_PROTOCOL", "PLAINTEXT"),
    ("MAL_KAFKA_SASL_MECHANISM", "MAGIC"), ("MAL_KAFKA_PARTITIONS", "many"),
])  # fmt: skip
@pytest.mark.usefixtures("environment")
def test_a_wrong_setting_is_named_and_no_secret_shown(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ValidationError) as wrong:
        Settings()
    answer = CliRunner().invoke(app, ["doctor", "--json"], prog_name="mal")
    assert answer.exit_code == 1
    assert variable in answer.stdout or "MAL_KAFKA_SSL" in answer.stdout
    assert not shown(str(wrong.value) + repr(wrong.value) + answer.stdout + answer.stderr)
