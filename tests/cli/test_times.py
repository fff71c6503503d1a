"""A moment is an RFC 3339 time, or how long ago."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from cli.times import moment, whole_seconds

NOW = datetime(2026, 11, 8, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("7d", timedelta(days=7)),
        ("12h", timedelta(hours=12)),
        ("12h ago", timedelta(hours=12)),
        (" 5 m ", timedelta(minutes=5)),
        ("30s", timedelta(seconds=30)),
        ("2w", timedelta(days=14)),
    ],
)
def test_how_long_ago(text: str, ago: timedelta) -> None:
    assert moment(text, NOW) == NOW - ago


def test_a_time_with_its_own_offset() -> None:
    assert moment("2026-11-01T11:30:00+01:00", NOW) == datetime(2026, 11, 1, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "yesterday", "7", "-7d", "7y", "2026-11-01", "2026-11-01T10:30:00", "999999w"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"write RFC 3339 like|further back"):
        moment(text, NOW)


@pytest.mark.parametrize(
    ("time", "text"),
    [
        ("2026-11-01T10:30:00.125Z", "2026-11-01T10:30:00Z"),
        ("2026-11-01T10:30:00Z", "2026-11-01T10:30:00Z"),
        (None, ""),
    ],
)
def test_people_read_whole_seconds(time: str | None, text: str) -> None:
    assert whole_seconds(time) == text
