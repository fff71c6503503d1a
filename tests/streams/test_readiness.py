"""A process says that it is ready by a file, written in one rename."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.readiness import say_ready


def test_the_file_is_written_where_it_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "parts" / "worker.ready"
    say_ready(str(path))
    assert json.loads(path.read_text()) == {"ready": True}
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("path", [None, ""])
def test_nobody_asked_nothing_written(path: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    say_ready(path)
    assert list(tmp_path.iterdir()) == []
