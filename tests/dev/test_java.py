"""Where Kafka's jars come from, and what is said where they can't be had."""

from __future__ import annotations

from pathlib import Path

import pytest

from dev import java
from dev.errors import ServiceError


def test_jars_that_are_named_are_used(tmp_path: Path) -> None:
    for name in ("kafka_2.13-4.3.0.jar", "kafka-clients-4.3.0.jar", "NOTICE"):
        (tmp_path / name).touch()
    found = java.jars({"MAL_KAFKA_JARS": str(tmp_path)})
    assert [jar.name for jar in found] == ["kafka-clients-4.3.0.jar", "kafka_2.13-4.3.0.jar"]


def test_a_named_directory_without_kafka_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ServiceError, match=r"MAL_KAFKA_JARS names .* which holds no kafka_2\.13-\*\.jar; name the libs/"
    ):
        java.jars({"MAL_KAFKA_JARS": str(tmp_path)})


def test_jars_that_cannot_be_fetched_leave_one_clear_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("M2_REPO", str(tmp_path / "m2"))
    for variable in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with pytest.raises(ServiceError) as failure:
        java.jars({"XDG_CACHE_HOME": str(tmp_path / "cache")})
    said = str(failure.value)
    assert said.startswith("Kafka: its jars can't be fetched (org.apache.kafka:kafka_2.13:4.3.0)")
    assert "MAL_KAFKA_JARS" in said
    assert "MAL_KAFKA_BOOTSTRAP_SERVERS" in said
    assert not (tmp_path / "cache" / "tap-automations" / "kafka-4.3.0").exists()


def test_jars_in_the_cache_are_not_resolved_again(tmp_path: Path) -> None:
    kept = tmp_path / "tap-automations" / f"kafka-{java.KAFKA_VERSION}"
    kept.mkdir(parents=True)
    (kept / "kafka_2.13-4.3.0.jar").touch()
    assert java.jars({"XDG_CACHE_HOME": str(tmp_path)}) == [kept / "kafka_2.13-4.3.0.jar"]


def test_the_packaged_java_is_there() -> None:
    assert java.java({}).exists()


def test_a_java_of_the_machine_has_to_be_new_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    binary = tmp_path / "bin" / "java"
    binary.parent.mkdir()
    binary.write_text('#!/bin/sh\necho "openjdk version \\"11.0.2\\"" >&2\n')
    binary.chmod(0o755)
    with pytest.raises(ServiceError, match="no Java 17 or later found"):
        java.java({"JAVA_HOME": str(tmp_path)})
    binary.write_text('#!/bin/sh\necho "openjdk version \\"21.0.2\\"" >&2\n')
    assert java.java({"JAVA_HOME": str(tmp_path)}) == binary
