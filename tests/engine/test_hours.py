"""Quiet hours and send windows: when a message may go out, on ordinary days and on those on which clocks are set."""

from __future__ import annotations

from typing import Any

import pytest

from engine.hours import closed_by, is_open, next_open
from engine.message_rules import MessageRules
from engine.wire import parse_rfc3339, rfc3339
from engine.zones import zone_named

NIGHT: dict[str, Any] = {"quietHours": {}}
OFFICE: dict[str, Any] = {"sendWindow": {}}


def opening(rules: dict[str, Any] | list[dict[str, Any]], zone_name: str, after: str) -> str | None:
    zone = zone_named(zone_name)
    assert zone is not None
    read = [MessageRules.model_validate(one) for one in (rules if isinstance(rules, list) else [rules])]
    found = next_open(read, zone, parse_rfc3339(after))
    assert found is None or is_open(read, zone, found)
    return None if found is None else rfc3339(found)


def quiet(start: str, end: str) -> dict[str, Any]:
    return {"quietHours": {"from": start, "to": end}}


def window(start: str, end: str, *weekdays: str) -> dict[str, Any]:
    return {"sendWindow": {"from": start, "to": end, **({"weekdays": list(weekdays)} if weekdays else {})}}


@pytest.mark.parametrize(
    ("rules", "zone", "after", "wanted"),
    [
        ({}, "UTC", "2026-09-21T03:00:00Z", "2026-09-21T03:00:00Z"),
        (NIGHT, "UTC", "2026-09-21T20:59:59Z", "2026-09-21T20:59:59Z"),
        (NIGHT, "UTC", "2026-09-21T21:00:00Z", "2026-09-22T08:00:00Z"),
        (NIGHT, "UTC", "2026-09-22T07:59:59.999Z", "2026-09-22T08:00:00Z"),
        (NIGHT, "UTC", "2026-09-22T08:00:00Z", "2026-09-22T08:00:00Z"),
        (NIGHT, "Europe/Berlin", "2026-09-21T19:30:00Z", "2026-09-22T06:00:00Z"),
        (NIGHT, "America/Los_Angeles", "2026-09-21T19:30:00Z", "2026-09-21T19:30:00Z"),
        (quiet("12:00", "13:00"), "UTC", "2026-09-21T12:30:00Z", "2026-09-21T13:00:00Z"),
        (OFFICE, "UTC", "2026-09-21T08:00:00Z", "2026-09-21T09:00:00Z"),
        (OFFICE, "UTC", "2026-09-21T16:59:00Z", "2026-09-21T16:59:00Z"),
        (OFFICE, "UTC", "2026-09-25T17:00:00Z", "2026-09-28T09:00:00Z"),  # Friday evening
        (window("10:00", "11:00", "sun"), "UTC", "2026-09-20T11:00:00Z", "2026-09-27T10:00:00Z"),
        (window("22:00", "02:00", "fri"), "UTC", "2026-09-26T01:59:00Z", "2026-09-26T01:59:00Z"),  # Friday's, Saturday
        (window("22:00", "02:00", "fri"), "UTC", "2026-09-25T01:59:00Z", "2026-09-25T22:00:00Z"),  # Thursday's
        ([NIGHT, window("07:00", "10:00")], "UTC", "2026-09-21T07:30:00Z", "2026-09-21T08:00:00Z"),
        ([NIGHT, window("20:00", "23:00")], "UTC", "2026-09-21T21:30:00Z", "2026-09-22T20:00:00Z"),
        ([quiet("08:00", "20:00"), OFFICE], "UTC", "2026-09-21T10:00:00Z", None),
    ],
)
def test_the_next_moment_that_is_open(rules: Any, zone: str, after: str, wanted: str | None) -> None:
    assert opening(rules, zone, after) == wanted


@pytest.mark.parametrize(
    ("rules", "zone", "after", "wanted"),
    [
        # Berlin, 29 March 2026: 02:00 becomes 03:00. Quiet hours that end in the gap end with the jump.
        (quiet("21:00", "02:30"), "Europe/Berlin", "2026-03-28T23:00:00Z", "2026-03-29T01:00:00Z"),
        (quiet("02:15", "02:45"), "Europe/Berlin", "2026-03-29T00:59:59Z", "2026-03-29T00:59:59Z"),
        (NIGHT, "Europe/Berlin", "2026-03-28T22:00:00Z", "2026-03-29T06:00:00Z"),
        (NIGHT, "Europe/Berlin", "2026-03-27T22:00:00Z", "2026-03-28T07:00:00Z"),
        (window("02:30", "04:00", "sun"), "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),
        (window("02:00", "03:00", "sun"), "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-04-05T00:00:00Z"),
        # Berlin, 25 October 2026: 03:00 becomes 02:00, so 02:30 comes twice.
        (quiet("21:00", "02:30"), "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T00:30:00Z"),
        (quiet("21:00", "02:30"), "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-25T01:30:00Z"),
        (quiet("02:30", "08:00"), "Europe/Berlin", "2026-10-25T00:45:00Z", "2026-10-25T01:00:00Z"),
        (NIGHT, "Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-25T07:00:00Z"),
        (window("01:00", "02:15", "sun"), "Europe/Berlin", "2026-10-25T00:20:00Z", "2026-10-25T01:00:00Z"),
        (window("02:15", "02:45", "sun"), "Europe/Berlin", "2026-10-25T00:50:00Z", "2026-10-25T01:15:00Z"),
        # New York, 8 March and 1 November 2026.
        (quiet("22:00", "02:30"), "America/New_York", "2026-03-08T04:00:00Z", "2026-03-08T07:00:00Z"),
        (quiet("22:00", "01:30"), "America/New_York", "2026-11-01T03:00:00Z", "2026-11-01T05:30:00Z"),
        # Havana has no midnight on 8 March 2026; Lord Howe moves half an hour.
        (quiet("21:00", "00:00"), "America/Havana", "2026-03-08T03:00:00Z", "2026-03-08T05:00:00Z"),
        (quiet("21:00", "01:45"), "Australia/Lord_Howe", "2026-04-04T13:00:00Z", "2026-04-04T14:45:00Z"),
    ],
)
def test_when_clocks_are_set(rules: dict[str, Any], zone: str, after: str, wanted: str) -> None:
    assert opening(rules, zone, after) == wanted


@pytest.mark.parametrize("zone_name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Havana"])
@pytest.mark.parametrize(
    "rules", [quiet("21:00", "08:00"), quiet("00:30", "02:15"), window("01:45", "02:40", "sun", "sat"), OFFICE], ids=str
)
def test_the_next_opening_is_the_first_minute_that_is_open(zone_name: str, rules: dict[str, Any]) -> None:
    zone, read = zone_named(zone_name), MessageRules.model_validate(rules)
    assert zone is not None
    for day in ("2026-03-08", "2026-03-29", "2026-04-05", "2026-10-25", "2026-11-01"):
        midday_ms = parse_rfc3339(f"{day}T00:00:00Z") - 12 * 3_600_000
        minutes = [midday_ms + minute * 60_000 for minute in range(40 * 60)]
        free = [closed_by(read, zone, at_ms) is None for at_ms in minutes]
        upcoming: int | None = None
        for at_ms, is_free in zip(reversed(minutes), reversed(free), strict=True):
            upcoming = at_ms if is_free else upcoming
            if upcoming is not None and (at_ms // 60_000) % 7 == 0:
                assert next_open([read], zone, at_ms) == upcoming
