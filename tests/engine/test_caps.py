"""Frequency caps: what counts, in a window that rolls and in the calendar of a zone."""

from __future__ import annotations

from typing import Any

import pytest

from engine.caps import full_until
from engine.entered import new_entry, note_sent, sent_to
from engine.message_rules import MOST_MESSAGES, MOST_SECONDS, Cap
from engine.types import FlowId
from engine.wire import parse_rfc3339, rfc3339
from engine.zones import zone_named

FLOW, OTHER = FlowId("flow"), FlowId("other")
WEEK = {"max": 2, "windowSeconds": 604_800}


def until(
    cap: dict[str, Any], now: str, *sent: str, others: tuple[str, ...] = (), zone: str = "UTC", scale: float = 1.0
) -> str | None:
    named = zone_named(zone)
    assert named is not None
    history = {FLOW: [parse_rfc3339(one) for one in sent], OTHER: [parse_rfc3339(one) for one in others]}
    found = full_until(
        Cap.model_validate(cap), FLOW, history, named, now_ms=parse_rfc3339(now), time_scale=scale
    )  # fmt: skip
    return None if found is None else rfc3339(found)


@pytest.mark.parametrize(
    ("cap", "now", "sent", "wanted"),
    [
        (WEEK, "2026-09-21T12:00:00Z", [], None),
        (WEEK, "2026-09-21T12:00:00Z", ["2026-09-20T12:00:00Z"], None),
        (WEEK, "2026-09-21T12:00:00Z", ["2026-09-19T09:00:00Z", "2026-09-20T12:00:00Z"], "2026-09-26T09:00:00Z"),
        (WEEK, "2026-09-26T08:59:59.999Z", ["2026-09-19T09:00:00Z", "2026-09-20T12:00:00Z"], "2026-09-26T09:00:00Z"),
        (WEEK, "2026-09-26T09:00:00Z", ["2026-09-19T09:00:00Z", "2026-09-20T12:00:00Z"], None),
        (
            WEEK, "2026-09-21T12:00:00Z",
            ["2026-09-18T09:00:00Z", "2026-09-19T09:00:00Z", "2026-09-20T12:00:00Z"], "2026-09-26T09:00:00Z",
        ),  # one more than the cap of now: two must leave
        ({"max": 1}, "2026-09-21T12:00:00Z", ["2026-09-14T12:00:01Z"], "2026-09-21T12:00:01Z"),
    ],
)  # fmt: skip
def test_a_window_that_rolls(cap: dict[str, Any], now: str, sent: list[str], wanted: str | None) -> None:
    assert until(cap, now, *sent) == wanted


@pytest.mark.parametrize(
    ("calendar", "zone", "now", "sent", "wanted"),
    [
        ("day", "UTC", "2026-09-21T23:59:00Z", "2026-09-21T00:00:00Z", "2026-09-22T00:00:00Z"),
        ("day", "UTC", "2026-09-22T00:00:00Z", "2026-09-21T23:59:59Z", None),
        ("day", "America/New_York", "2026-09-22T03:00:00Z", "2026-09-21T04:00:00Z", "2026-09-22T04:00:00Z"),
        ("day", "America/New_York", "2026-09-21T05:00:00Z", "2026-09-21T03:59:00Z", None),
        ("day", "Europe/Berlin", "2026-10-25T12:00:00Z", "2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"),  # 25 hours
        ("day", "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-28T23:00:00Z", "2026-03-29T22:00:00Z"),  # 23 hours
        ("day", "America/Havana", "2026-03-07T12:00:00Z", "2026-03-07T12:00:00Z", "2026-03-08T05:00:00Z"),
        ("week", "UTC", "2026-09-27T12:00:00Z", "2026-09-21T00:00:00Z", "2026-09-28T00:00:00Z"),
        ("week", "UTC", "2026-09-21T00:00:00Z", "2026-09-20T23:59:00Z", None),
        ("month", "UTC", "2026-12-31T12:00:00Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z"),
        ("month", "Asia/Tokyo", "2026-01-31T14:00:00Z", "2025-12-31T15:00:00Z", "2026-01-31T15:00:00Z"),
        ("month", "UTC", "2026-03-01T00:00:00Z", "2026-02-28T23:59:00Z", None),
    ],
)
def test_a_calendar_in_its_zone(calendar: str, zone: str, now: str, sent: str, wanted: str | None) -> None:
    assert until({"max": 1, "calendar": calendar}, now, sent, zone=zone) == wanted


def test_a_cap_of_a_flow_counts_its_own_and_one_over_all_counts_all() -> None:
    now, sent, others = "2026-09-21T12:00:00Z", "2026-09-20T12:00:00Z", ("2026-09-19T12:00:00Z",)
    assert until({"max": 2, "scope": "flow"}, now, sent, others=others) is None
    assert until({"max": 2}, now, sent, others=others) is None
    assert until({"max": 2, "scope": "all"}, now, sent, others=others) == "2026-09-26T12:00:00Z"


def test_a_window_is_scaled_a_calendar_is_not() -> None:
    now, sent = "2026-09-21T12:00:00Z", "2026-09-21T11:59:59.5Z"
    assert until({"max": 1}, now, sent, scale=604_800) == "2026-09-21T12:00:00.500Z"
    assert until({"max": 1, "calendar": "day"}, now, sent, scale=604_800) == "2026-09-22T00:00:00Z"


def test_what_a_cap_can_ask_about_is_kept_and_no_more() -> None:
    entry = new_entry()
    assert sent_to(None) == sent_to({FLOW: entry}) == {}
    last_ms = MOST_SECONDS * 1000
    note_sent(entry, [0], 0)
    note_sent(entry, [last_ms - 1, 2 * last_ms], last_ms - 1)
    assert sent_to({FLOW: entry, OTHER: new_entry()}) == {FLOW: [0, last_ms - 1, 2 * last_ms]}
    note_sent(entry, [last_ms], last_ms)
    assert entry["sent"] == [last_ms - 1, 2 * last_ms, last_ms]
    for number in range(1_000):
        note_sent(entry, [last_ms + number], last_ms + number)
    assert len(entry["sent"]) == MOST_MESSAGES


def test_a_message_that_is_scheduled_counts_before_it_is_sent() -> None:
    now, day = "2026-09-21T12:00:00Z", {"max": 1, "calendar": "day"}
    assert until({"max": 1}, now, "2026-09-24T12:00:00Z") == "2026-10-01T12:00:00Z"
    assert until({"max": 1}, now, "2026-09-28T12:00:00Z") is None
    assert until(day, now, "2026-09-21T23:00:00Z") == "2026-09-22T00:00:00Z"
    assert until(day, now, "2026-09-22T00:00:00Z") is None
