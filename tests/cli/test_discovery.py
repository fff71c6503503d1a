"""Commands find their services: the environment first, then what a running `mal up` announces."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.discovery import Endpoints, endpoints
from dev.announcement import announced

UP = Endpoints("127.0.0.1:9092", "postgresql://mal:secret@127.0.0.1:5432/mal")


def test_nothing_is_known_where_nobody_says(tmp_path: Path) -> None:
    assert endpoints(tmp_path, {}) == Endpoints(None, None, None)


def test_a_running_mal_up_is_found_and_gone_when_it_stopped(tmp_path: Path) -> None:
    with announced(tmp_path, UP):
        assert endpoints(tmp_path, {}) == UP
    assert endpoints(tmp_path, {}) == Endpoints(None, None, None)


def test_the_environment_wins_service_by_service(tmp_path: Path) -> None:
    with announced(tmp_path, UP):
        found = endpoints(tmp_path, {"MAL_KAFKA_BOOTSTRAP_SERVERS": "elsewhere:9092"})
    assert found == Endpoints("elsewhere:9092", UP.postgres)


@pytest.mark.parametrize("content", ["", "null", "[]", "{", '{"kafka": 3}'])
def test_a_file_of_another_shape_announces_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "services.json").write_text(content)
    assert endpoints(tmp_path, {}) == Endpoints(None, None, None)
