"""Local time in real zones, also on the days on which clocks are set."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from engine.wire import parse_rfc3339, rfc3339
from engine.zones import Zone, zone_named


def zone(name: str) -> Zone:
    found = zone_named(name)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "local", "moments"),
    [
        ("Europe/Berlin", "2026-07-01T12:00", ["2026-07-01T10:00:00Z"]),
        ("Europe/Berlin", "2026-01-01T12:00", ["2026-01-01T11:00:00Z"]),
        ("Europe/Berlin", "2026-03-29T02:30", ["2026-03-29T01:00:00Z"]),  # left out
        ("Europe/Berlin", "2026-03-29T02:00", ["2026-03-29T01:00:00Z"]),
        ("Europe/Berlin", "2026-03-29T03:00", ["2026-03-29T01:00:00Z"]),
        ("Europe/Berlin", "2026-10-25T02:30", ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"]),  # twice
        ("America/New_York", "2026-11-01T01:30", ["2026-11-01T05:30:00Z", "2026-11-01T06:30:00Z"]),
        ("Australia/Lord_Howe", "2026-04-05T01:45", ["2026-04-04T14:45:00Z", "2026-04-04T15:15:00Z"]),  # half an hour
        ("America/Havana", "2026-03-08T00:00", ["2026-03-08T05:00:00Z"]),  # a day without midnight
        ("Pacific/Apia", "2011-12-30T12:00", ["2011-12-30T10:00:00Z"]),  # a day that never was
        ("Asia/Kathmandu", "2026-01-01T00:00", ["2025-12-31T18:15:00Z"]),
    ],
)
def test_a_local_time_is_one_moment_or_two(name: str, local: str, moments: list[str]) -> None:
    assert [rfc3339(at_ms) for at_ms in zone(name).moments_of(datetime.fromisoformat(local))] == moments


def test_clocks_show_the_same_hour_twice() -> None:
    shown = [zone("Europe/Berlin").local(parse_rfc3339(f"2026-10-25T0{hour}:30:00Z")) for hour in (0, 1)]
    assert shown == [datetime(2026, 10, 25, 2, 30)] * 2


def test_clocks_are_set_twice_a_year_or_never() -> None:
    year = (parse_rfc3339("2026-01-01T00:00:00Z"), parse_rfc3339("2027-01-01T00:00:00Z"))
    assert [rfc3339(at_ms) for at_ms in zone("Europe/Berlin").jumps(*year)] == [
        "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z",
    ]  # fmt: skip
    assert zone("Asia/Tokyo").jumps(*year) == []


@pytest.mark.parametrize("name", [None, 5, "", "Berlin", "europe/berlin", "../etc", "America", "UTC\0", "\ud800"])
def test_what_is_no_zone_is_none(name: Any) -> None:
    assert zone_named(name) is None
