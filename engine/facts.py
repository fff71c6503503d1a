"""What the systems said last of contacts, campaigns, releases and users: a fold over their events.

`fold` is the only writer of a facts row; `SubjectFacts` is the only reader. Rows are plain JSON, kept per scope and
subject in the table `subjects`. Facts of campaigns, releases and users are also sent to every shard.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from engine.events import Event, opaque_id
from engine.outputs import json_bytes
from engine.types import Json, Subject
from engine.wire import rfc3339

Row = dict[str, Json]

BROADCAST_TYPES: Final = frozenset({"campaign", "release", "user"})
"""Kinds of subject whose facts every shard can read (product.md section 3)."""

MAX_BYTES: Final = 1024 * 1024
"""Of one facts row as JSON, about: it is written with every event of its subject, and goes to every shard where it is
broadcast. What would make it longer is not kept."""

DAYS_KEPT: Final = 366
DAY_MS: Final = 86_400_000
_KINDS: Final = {"email_open": 0, "email_click": 1, "email_reply": 2}
_WORDS: Final = (
    ("opened", "openCount", "lastOpenedAt"),
    ("clicked", "clickCount", "lastClickedAt"),
    ("replied", "replyCount", "lastRepliedAt"),
)
_NOTHING: Final = (0, 0, 0, 0, 0, 0)
_COUNTS_BYTES: Final = 64
"""Of what is counted of one campaign, about."""


def told_of(event: Event) -> Subject | None:
    """Return whom an event tells a fact of, which need not be its subject; None where it tells none."""
    kind, payload = event.type, event.payload
    if kind in _FOLDS_CONTACT:
        contact = opaque_id(payload.get("contactId"))
        return Subject("contact", contact) if contact else None
    if kind in _FOLDS_CAMPAIGN:
        campaign = opaque_id(payload.get("campaignId"))
        return Subject("campaign", campaign) if campaign else None
    if kind == "release_approaching":
        release = opaque_id(payload.get("releaseId"))
        return Subject("release", release) if release else None
    if kind == "context_updated":
        entity, entity_type = opaque_id(payload.get("entityId")), payload.get("entityType")
        return Subject(entity_type, entity) if entity and type(entity_type) is str and entity_type else None
    return None


def fold(row: Row, event: Event) -> bool:
    """Change a facts row by what an event tells of its entity. Values of a wrong type change nothing.

    Returns:
        Whether all of it is kept: what the row has no room for (`MAX_BYTES`) is not.
    """
    change = _FOLDS.get(event.type)
    return change is None or change(row, event)


def _engage(row: Row, event: Event) -> bool:
    kind = _KINDS[event.type]
    at = event.timestamp_ms
    campaigns: Row = row.setdefault("engagement", {})
    campaign_id = opaque_id(event.payload.get("campaignId"))
    is_known = campaign_id is None or campaign_id in campaigns
    is_kept = is_known or _grow(row, json_bytes(campaign_id) + _COUNTS_BYTES)
    # "" is no id of a campaign, so it can stand for all of them.
    for campaign in (campaign_id, "") if campaign_id and is_kept else ("",):
        counts = campaigns.get(campaign)
        if counts is None:
            campaigns[campaign] = counts = list(_NOTHING)
        counts[kind] += 1
        counts[kind + 3] = max(counts[kind + 3], at)
    days: Row = row.setdefault("days", {})
    day = str(at // DAY_MS)
    if day not in days:
        days[day] = [0, 0, 0]
        while len(days) > DAYS_KEPT:
            del days[min(days, key=int)]
    days[day][kind] += 1
    return is_kept


def _add_contact(row: Row, event: Event) -> bool:
    kept = [_profile(row, {key: event.payload.get(key) for key in ("name", "email", "source")})]
    tags = event.payload.get("tags")
    if isinstance(tags, list):
        kept += [_include(row, "tags", tag) for tag in tags]
    return all(kept)


def _tag(row: Row, event: Event) -> bool:
    return _include(row, "tags", event.payload.get("tag"))


def _untag(row: Row, event: Event) -> bool:
    return _exclude(row, "tags", event.payload.get("tag"))


def _segment(row: Row, event: Event) -> bool:
    change = _exclude if event.payload.get("action") == "remove" else _include
    return change(row, "segments", opaque_id(event.payload.get("segmentId")))


def _context(row: Row, event: Event) -> bool:
    attributes = event.payload.get("attributes")
    return _profile(row, attributes) if isinstance(attributes, dict) else True


def _campaign_created(row: Row, event: Event) -> bool:
    return _profile(row, {key: event.payload.get(key) for key in ("name", "campaignType", "genre", "status")})


def _campaign_status(row: Row, event: Event) -> bool:
    return _profile(row, {"status": event.payload.get("newStatus")})


def _campaign_metrics(row: Row, event: Event) -> bool:
    metrics = event.payload.get("metrics")
    if not isinstance(metrics, dict):
        return True
    return _update(row, "metrics", {name: value for name, value in metrics.items() if type(value) in (int, float)})


def _fingerprint(row: Row, event: Event) -> bool:
    return _profile(row, {"fingerprint": event.payload.get("fingerprint")})


def _release(row: Row, event: Event) -> bool:
    return _profile(row, {key: event.payload.get(key) for key in _RELEASE_KEYS})


def _profile(row: Row, attributes: Mapping[str, Json]) -> bool:
    return _update(row, "profile", {key: value for key, value in attributes.items() if value is not None})


def _update(row: Row, field: str, changes: Mapping[str, Json]) -> bool:
    known: Row = row.setdefault(field, {})
    is_kept = True
    for name, value in changes.items():
        longer = json_bytes({name: value}) - (json_bytes({name: known[name]}) if name in known else 0)
        if _grow(row, longer):
            known[name] = value
        else:
            is_kept = False
    return is_kept


def _include(row: Row, field: str, item: Json) -> bool:
    items: list[str] = row.setdefault(field, [])
    if type(item) is not str or not item or item in items:
        return True
    if not _grow(row, json_bytes([item])):
        return False
    items.append(item)
    return True


def _exclude(row: Row, field: str, item: Json) -> bool:
    items: list[str] = row.setdefault(field, [])
    if item in items:
        items.remove(item)
        _grow(row, -json_bytes([item]))
    return True


def _grow(row: Row, longer: int) -> bool:
    """Count so many bytes more of a facts row, or fewer; False, and nothing counted, where it has no room for them.

    The days are not counted: there are no more than a year of them.
    """
    # Rows of before have no count.
    known: int = row["bytes"] if "bytes" in row else json_bytes(row)
    if longer > 0 and known + longer > MAX_BYTES:
        return False
    row["bytes"] = known + longer
    return True


_RELEASE_KEYS: Final = ("releaseDate", "daysUntilRelease", "releaseType", "artistName", "releaseName")
_FOLDS: Final[Mapping[str, Callable[[Row, Event], bool]]] = {
    "email_open": _engage,
    "email_click": _engage,
    "email_reply": _engage,
    "contact_added": _add_contact,
    "contact_tagged": _tag,
    "contact_untagged": _untag,
    "segment_updated": _segment,
    "context_updated": _context,
    "campaign_created": _campaign_created,
    "campaign_status_changed": _campaign_status,
    "campaign_metrics_updated": _campaign_metrics,
    "success_fingerprint_updated": _fingerprint,
    "release_approaching": _release,
}
_FOLDS_CONTACT: Final = frozenset({
    "email_open", "email_click", "email_reply", "contact_added", "contact_tagged", "contact_untagged",
    "segment_updated",
})  # fmt: skip
_FOLDS_CAMPAIGN: Final = frozenset({
    "campaign_created", "campaign_status_changed", "campaign_metrics_updated", "success_fingerprint_updated",
})  # fmt: skip


class SubjectFacts:
    """The facts one subject's executions can read: its own row, and what was sent of campaigns, releases and users.

    Args:
        subject: whose row `own` is.
        own: the facts row of the subject.
        of: looks up the row of a campaign, release or user of the same scope.
    """

    __slots__ = ("_of", "_own", "_subject")

    def __init__(self, subject: Subject, own: Row, of: Callable[[Subject], Row | None]) -> None:
        self._subject = subject
        self._own = own
        self._of = of

    def contact(self, contact_id: str) -> Mapping[str, Json] | None:
        """Return the contact where it is this subject, else None."""
        if self._subject != ("contact", contact_id):
            return None
        own = self._own
        return {
            **own.get("profile", {}), "id": contact_id,
            "tags": own.get("tags", []), "segments": own.get("segments", []),
        }  # fmt: skip

    def engagement(self, contact_id: str, campaign_id: str | None) -> Mapping[str, Json]:
        """Return the engagement of the contact with a campaign, or with all of them."""
        counts = _NOTHING
        if self._subject == ("contact", contact_id):
            counts = self._own.get("engagement", {}).get(campaign_id or "", _NOTHING)
        seen: Row = {}
        for kind, (word, count, last) in enumerate(_WORDS):
            seen[word] = counts[kind] > 0
            seen[count] = counts[kind]
            if counts[kind]:
                seen[last] = rfc3339(counts[kind + 3])
        return seen

    def counts(self, contact_id: str, since_day: int) -> Mapping[str, int]:
        """Return what the contact did over all campaigns, from a day on."""
        days: Row = self._own.get("days", {}) if self._subject == ("contact", contact_id) else {}
        counted = [counts for day, counts in days.items() if int(day) >= since_day]
        return {count: sum(day[kind] for day in counted) for kind, (_word, count, _last) in enumerate(_WORDS)}

    def campaign(self, campaign_id: str) -> Mapping[str, Json]:
        """Return what is known of a campaign."""
        row = self._row(Subject("campaign", campaign_id))
        return {**row.get("profile", {}), "id": campaign_id, "metrics": row.get("metrics", {})}

    def release(self, release_id: str) -> Mapping[str, Json]:
        """Return what is known of a release."""
        return {**self._row(Subject("release", release_id)).get("profile", {}), "id": release_id}

    def user(self, user_id: str) -> Mapping[str, Json]:
        """Return what is known of a user."""
        return {**self._row(Subject("user", user_id)).get("profile", {}), "id": user_id}

    def _row(self, entity: Subject) -> Row:
        if entity == self._subject:
            return self._own
        return self._of(entity) or {}
