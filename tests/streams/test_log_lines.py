"""What a log line is: fields for machines, the same for people, and no secret in either."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from streams.logs import configure_logging
from streams.settings import LogFormat, Settings

PASSWORD = 'hunter2"\\quoted'
log = logging.getLogger("agents.somewhere")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def lines(form: LogFormat, monkeypatch: pytest.MonkeyPatch, level: str = "INFO", **settings: Any) -> io.StringIO:
    """Configure the log of a process, and return where it goes."""
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    secrets = Settings(kafka_bootstrap_servers="k:1", **settings).secrets()
    configure_logging(level, form, secrets)
    return written


def test_json_has_ids_as_fields_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    written = lines("json", monkeypatch)
    log.info("shard %d moved", 3, extra={"shard": 3, "execution_id": "x-1"})
    log.debug("not at this level")
    said = json.loads(written.getvalue())
    assert said.pop("timestamp").endswith("Z")
    assert said == {
        "level": "info", "logger": "agents.somewhere", "message": "shard 3 moved", "shard": 3, "execution_id": "x-1",
    }  # fmt: skip


def test_text_has_the_same_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    written = lines("text", monkeypatch)
    log.warning("it moved", extra={"shard": 3})
    line = written.getvalue()
    assert line.endswith("WARNING agents.somewhere: it moved [shard=3]\n")
    assert line[:4].isdigit()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_traceback_is_there_without_the_values_of_variables(form: LogFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    written = lines(form, monkeypatch)
    payload = "ada@" + "example.com"
    try:
        raise ValueError(len(payload))
    except ValueError:
        log.exception("it failed")
    assert "Traceback (most recent call last)" in written.getvalue()
    assert payload not in written.getvalue()


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_secret_is_masked_wherever_it_turns_up(form: LogFormat, monkeypatch: pytest.MonkeyPatch) -> None:
    written = lines(
        form, monkeypatch,
        kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_mechanism="PLAIN", kafka_sasl_username="u",
        kafka_sasl_password=PASSWORD, postgres_dsn="postgresql://mal:pg%20secret@db/mal",
    )  # fmt: skip
    log.info("refused: %s", PASSWORD, extra={"why": f"for {PASSWORD}"})
    log.info("at postgresql://mal:other@db/mal, and postgresql://mal:pg%20secret@db/mal?x=1")
    log.info("its password=abc, or {'password': 'abc'}, and pg secret")
    said = written.getvalue()
    for secret in ("hunter2", "other", "pg%20secret", "pg secret", "abc"):
        assert secret not in said
    assert said.count("********") >= 6
    assert "mal:********@db/mal" in said


def test_what_libraries_tell_of_themselves_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    written = lines("text", monkeypatch, level="DEBUG")
    logging.getLogger("aiokafka.consumer").info("fetched")
    logging.getLogger("aiokafka.consumer").error("GroupCoordinatorNotAvailableError: again")
    log.debug("ours")
    assert [line.split(": ")[-1] for line in written.getvalue().splitlines()] == ["ours"]
