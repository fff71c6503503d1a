"""The environment is read strictly: what is wrong, not built yet or without effect is refused. No secret is told."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from pydantic import ValidationError

from streams.settings import MASK, Settings

SASL = {"MAL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "MAL_KAFKA_SASL_USERNAME": "u", "MAL_KAFKA_SASL_PASSWORD": "hush"}


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("MAL_"):
            monkeypatch.delenv(name)


def _with(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Settings()


def test_nothing_need_be_set() -> None:
    settings = Settings()
    assert (settings.kafka_partitions, settings.processing, settings.facts) == (8, "exactly_once", "needed")
    assert (settings.data_dir, settings.api_port, settings.time_scale) == (Path(".mal"), 8080, 1.0)


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _with(monkeypatch, MAL_KAFKA_PARTITIONS="", MAL_POSTGRES_DSN="").postgres_dsn is None


@pytest.mark.parametrize(
    ("variables", "message"),
    [
        ({"MAL_STATE_STORE": "rocksdb"}, "rocksdb is not supported yet; use memory"),
        ({"MAL_STATE_STORE": "disk"}, "'memory' or 'rocksdb'"),
        ({"MAL_TIME_SCALE": "0"}, "greater than 0"),
        ({"MAL_TIME_SCALE": "nan"}, "finite"),
        ({"MAL_TIME_SCALE": "60", "MAL_ENV": "production"}, "time runs as it does in production"),
        ({"MAL_KAFKA_PARTITIONS": "0"}, "greater than or equal to 1"),
        ({"MAL_WORKER_ID": "a worker"}, "should match pattern"),
        ({"MAL_KAFKA_SECURITY_PROTOCOL": "TLS"}, "'PLAINTEXT', 'SSL'"),
        (
            {"MAL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL", "MAL_KAFKA_SASL_USERNAME": "u"},
            "it needs MAL_KAFKA_SASL_MECHANISM, MAL_KAFKA_SASL_PASSWORD, which is not set",
        ),
        ({"MAL_KAFKA_SASL_MECHANISM": "GSSAPI"}, "GSSAPI is not supported yet"),
        (
            {**SASL, "MAL_KAFKA_SASL_MECHANISM": "OAUTHBEARER"},
            "OAUTHBEARER needs MAL_KAFKA_SASL_TOKEN_URL, which is not set",
        ),
        (
            {**SASL, "MAL_KAFKA_SASL_MECHANISM": "PLAIN", "MAL_KAFKA_SASL_SCOPE": "s"},
            "MAL_KAFKA_SASL_SCOPE would have no effect; set MAL_KAFKA_SASL_MECHANISM to OAUTHBEARER",
        ),
        ({"MAL_KAFKA_SASL_TOKEN_URL": "https://id/token"}, "MAL_KAFKA_SASL_TOKEN_URL would have no effect"),
        ({"MAL_KAFKA_SASL_TOKEN_URL": "http://id.example.com/token"}, "http is for this machine only"),
        ({"MAL_KAFKA_SASL_TOKEN_URL": "https://mal:hush@id/token"}, "without a user in it"),
        ({"MAL_KAFKA_SASL_TOKEN_URL": "https://id:port/token"}, "it is no URL like https://host/path"),
        ({"MAL_KAFKA_SASL_MECHANISM": "MAGIC"}, "is no mechanism"),
        ({"MAL_KAFKA_SASL_USERNAME": "u"}, "MAL_KAFKA_SASL_USERNAME would have no effect"),
        ({"MAL_KAFKA_SSL_PASSWORD": "hush"}, "MAL_KAFKA_SSL_PASSWORD would have no effect"),
        ({"MAL_KAFKA_SSL_CAFILE": "/nowhere/ca.pem"}, "there is no such file"),
        ({"MAL_KAFKA_SECURITY_PROTOCOL": "SSL", "MAL_KAFKA_SSL_KEYFILE": __file__}, "not MAL_KAFKA_SSL_CERTFILE"),
        ({"MAL_KAFKA_SECURITY_PROTOCOL": "SSL", "MAL_KAFKA_SSL_PASSWORD": "hush"}, "not MAL_KAFKA_SSL_CERTFILE"),
        ({"MAL_KAFKA_SECURITY_PROTOCOL": "SSL", "MAL_KAFKA_SSL_CAFILE": __file__}, "CAFILE holds no certificate"),
        (
            {
                "MAL_KAFKA_SECURITY_PROTOCOL": "SSL",
                "MAL_KAFKA_SSL_CERTFILE": __file__,
                "MAL_KAFKA_SSL_PASSWORD": "hush",
            },
            "the key in MAL_KAFKA_SSL_CERTFILE cannot be read with MAL_KAFKA_SSL_PASSWORD",
        ),
        ({"MAL_POSTGRES_DSN": "host=db password=hush"}, "it is no URI like postgresql://"),
        ({"MAL_POSTGRES_DSN": "postgresql://mal:hush@db:port/mal"}, "it is no URI like postgresql://"),
        ({"MAL_POSTGRES_DSN": "postgresql://mal:hu/hush@db:5432/mal"}, "in a password write / as %2F"),
        ({"MAL_POSTGRES_DSN": "postgresql://mal:12/hush@db:5432/mal"}, "in a password write / as %2F"),
        ({"MAL_POSTGRES_DSN": "postgresql://mal:12#hush@db:5432/mal"}, "in a password write / as %2F"),
        ({"MAL_POSTGRES_DSN": "postgresql://mal:12?hush@db:5432/mal"}, "in a password write / as %2F"),
        ({"MAL_POSTGRES_DSN": "postgresql://mal:hush]@[db:5432/mal"}, "in a password write / as %2F"),
    ],
)
def test_what_is_wrong_is_refused(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        _with(monkeypatch, **variables)
    assert message in str(refused.value)
    assert "hush" not in str(refused.value)


def test_a_client_is_let_in_as_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _with(
        monkeypatch,
        MAL_KAFKA_BOOTSTRAP_SERVERS="kafka-1:9092,kafka-2:9092",
        MAL_KAFKA_SECURITY_PROTOCOL="sasl_ssl",
        MAL_KAFKA_SASL_MECHANISM="scram-sha-512",
        MAL_KAFKA_SASL_USERNAME="mal",
        MAL_KAFKA_SASL_PASSWORD="hush",
    )
    client = settings.kafka_client()
    assert isinstance(client.pop("ssl_context"), ssl.SSLContext)
    assert client == {
        "bootstrap_servers": "kafka-1:9092,kafka-2:9092",
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "mal",
        "sasl_plain_password": "hush",
    }


def test_without_an_address_there_is_no_client() -> None:
    with pytest.raises(ValueError, match="MAL_KAFKA_BOOTSTRAP_SERVERS"):
        Settings().kafka_client()


@pytest.mark.parametrize(
    ("dsn", "shown"),
    [
        ("postgresql://mal:hush@db:5433/mal?password=hush", f"postgresql://mal:{MASK}@db:5433/mal"),
        ("postgresql://db/mal", "postgresql://db:5432/mal"),
        ("postgresql://mal@db", "postgresql://mal@db:5432"),
    ],
)
def test_secrets_are_masked(monkeypatch: pytest.MonkeyPatch, dsn: str, shown: str) -> None:
    settings = _with(
        monkeypatch,
        MAL_POSTGRES_DSN=dsn,
        MAL_KAFKA_SECURITY_PROTOCOL="SASL_PLAINTEXT",
        MAL_KAFKA_SASL_MECHANISM="PLAIN",
        MAL_KAFKA_SASL_USERNAME="mal",
        MAL_KAFKA_SASL_PASSWORD="hush",
    )
    masked = settings.masked()
    assert masked["MAL_POSTGRES_DSN"] == shown
    assert masked["MAL_KAFKA_SASL_PASSWORD"] == MASK
    assert masked["MAL_KAFKA_SSL_CAFILE"] == ""
    assert "hush" not in repr(masked) + repr(settings)
