"""`n` days before a release: counted by the planner's events, and by the release dates that a shard knows itself.

A countdown is a flow, a release and a number of days, without the date; so neither a date that moves nor an event that
comes as well as the date starts it twice. A day is a day of the calendar: MAL_TIME_SCALE does not shorten it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from engine import ids
from engine.entered import Entry, ReadPage, WritePage, add_mark, has_mark
from engine.events import Event, opaque_id
from engine.nodes.fields import read_time
from engine.nodes.triggers.release_approaching import ReleaseApproaching
from engine.plan import Plan
from engine.seen import mark_of
from engine.types import Json, Scope, Subject

_DAY_MS: Final = 86_400_000
SOURCE: Final = "mal"
KEPT_MS: Final = 366 * _DAY_MS
"""So long after its date a release is still known: a pause may have held one of its days."""
MAX_RELEASES: Final = 10_000
"""Releases of a shard and a scope; beyond it those go first whose date is over, then those told of longest ago."""
MAX_ID_CHARS: Final = 256
"""A release with a longer id is counted by the planner's events alone: the row of all of them must stay small."""

Dates = Mapping[str, list[int]]
"""For each release its date, and since when it is known, both in milliseconds."""


def dates_key(scope: Scope) -> str:
    """Return the key of the row with a shard's releases of a scope. No subject's key begins like this."""
    return f"\x1fdates\x1f{scope.kind[0]}{scope.id}"


def days_of(plan: Plan | None) -> float | None:
    """Return how many days before a release a version starts; None where it does not count down."""
    config = plan.trigger.config if plan else None
    return config.days_until_release if isinstance(config, ReleaseApproaching) else None


def countdown_of(plan: Plan, event: Event) -> str | None:
    """Return the id of the countdown that an event is for a flow; None where the flow counts no days."""
    days, release = days_of(plan), opaque_id(event.payload.get("releaseId"))
    if days is None or release is None or event.type != "release_approaching":
        return None
    return ids.countdown_event_id(plan.flow_id, release, days)


def is_repeat(entry: Entry, countdown: str | None, read: ReadPage) -> bool:
    """Whether a countdown has started the flow before, by a date or by an event (contract.md section 5)."""
    if countdown is None:
        return False
    # Rows of before have a dict of them, which grew with every release.
    return countdown in entry.get("countdowns", ()) or has_mark(entry, "counted", _mark(countdown), read)


def note(entry: Entry, countdown: str | None, read: ReadPage, write: WritePage) -> None:
    """Note in the entry which countdown started the flow."""
    if countdown is not None:
        add_mark(entry, "counted", _mark(countdown), read, write)


def moved(dates: Dates, release: Subject, facts: Mapping[str, Json], now_ms: int) -> dict[str, list[int]] | None:
    """Return the dates after what was told of a release; None where its date stays as it was, or is not kept."""
    date_ms = read_time(facts.get("profile", {}).get("releaseDate"))
    known = dates.get(release.id)
    if date_ms is None or (known is not None and known[0] == date_ms) or len(release.id) > MAX_ID_CHARS:
        return None
    others = [
        (one, date) for one, date in dates.items() if one != release.id and date[0] + KEPT_MS > now_ms
    ]  # fmt: skip
    if len(others) >= MAX_RELEASES:
        others = sorted(others, key=lambda known: known[1][0] > now_ms)[1 - MAX_RELEASES :]
    return dict([*others, (release.id, [date_ms, now_ms])])


def due_after(dates: Dates, days: float, after_ms: int) -> int | None:
    """Return the next moment after another that is so many days before a release; not one before its date was known."""
    found = (due for date, since in dates.values() if (due := _due(date, days)) >= since)
    return min((due for due in found if due > after_ms), default=None)


def releases_at(dates: Dates, days: float, at_ms: int) -> list[str]:
    """Return the releases that are so many days away at a moment."""
    return sorted(release for release, (date, since) in dates.items() if _due(date, days) == at_ms >= since)


def moments(dates: Dates, days: Iterable[float]) -> set[int]:
    """Return the moments that are so many days before a release, for each number of days."""
    return {_due(date, count) for count in days for date, _since in dates.values()}


def payload_of(release: str, days: float, facts: Mapping[str, Json]) -> dict[str, Json]:
    """Return the payload of a countdown: what the planner would say, from what it said last."""
    known = {name: facts[name] for name in ("releaseDate", "releaseType", "artistName", "releaseName") if name in facts}
    return {**known, "releaseId": release, "daysUntilRelease": days}


def _due(date_ms: int, days: float) -> int:
    return date_ms - round(days * _DAY_MS)


def _mark(countdown: str) -> str:
    return mark_of("countdown", countdown)
