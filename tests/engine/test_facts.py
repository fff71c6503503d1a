"""Facts are a fold over what the systems said last."""

from typing import Any

from engine.events import Event, read_event
from engine.facts import DAYS_KEPT, SubjectFacts, fold, told_of
from engine.types import Subject

CONTACT = Subject("contact", "c1")
DAY_MS = 86_400_000


def event(kind: str, payload: dict[str, Any], at_ms: int = 1_790_000_000_000) -> Event:
    decoded = {"id": "e", "type": kind, "source": "s", "payload": payload, "metadata": {"userId": "u"}}
    return read_event(decoded, default_id="e", default_timestamp_ms=at_ms)


def folded(*events: Event) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for one in events:
        fold(row, one)
    return row


def seen_by(row: dict[str, Any], subject: Subject = CONTACT, **others: dict[str, Any]) -> SubjectFacts:
    return SubjectFacts(subject, row, lambda entity: others.get(entity.type))


def test_tags_and_segments_come_and_go() -> None:
    row = folded(
        event("contact_added", {"contactId": "c1", "name": "Ada", "email": "ada@example.com", "tags": ["vip", 5]}),
        event("contact_tagged", {"contactId": "c1", "tag": "warm"}),
        event("contact_untagged", {"contactId": "c1", "tag": "vip"}),
        event("segment_updated", {"contactId": "c1", "segmentId": "s1", "action": "add"}),
        event("segment_updated", {"contactId": "c1", "segmentId": "s2", "action": "add"}),
        event("segment_updated", {"contactId": "c1", "segmentId": "s1", "action": "remove"}),
    )
    contact = seen_by(row).contact("c1")
    assert contact is not None
    assert (contact["name"], contact["tags"], contact["segments"]) == ("Ada", ["warm"], ["s2"])
    assert seen_by(row).contact("another") is None


def test_engagement_is_counted_by_campaign_and_over_all() -> None:
    row = folded(
        event("email_open", {"contactId": "c1", "campaignId": "a"}, at_ms=1_000),
        event("email_open", {"contactId": "c1", "campaignId": "a"}, at_ms=3_000),
        event("email_click", {"contactId": "c1", "campaignId": "b"}, at_ms=2_000),
        event("email_reply", {"contactId": "c1"}, at_ms=4_000),
    )
    facts = seen_by(row)
    assert facts.engagement("c1", "a") == {
        "opened": True, "openCount": 2, "lastOpenedAt": "1970-01-01T00:00:03Z",
        "clicked": False, "clickCount": 0, "replied": False, "replyCount": 0,
    }  # fmt: skip
    over_all = facts.engagement("c1", None)
    assert (over_all["openCount"], over_all["clickCount"], over_all["replyCount"]) == (2, 1, 1)
    assert facts.engagement("c1", "never seen")["opened"] is False
    assert facts.engagement("another", "a")["opened"] is False


def test_days_are_kept_for_a_year() -> None:
    row = folded(*(event("email_open", {"contactId": "c1"}, at_ms=day * DAY_MS) for day in range(DAYS_KEPT + 30)))
    assert len(row["days"]) == DAYS_KEPT
    assert "30" in row["days"]
    assert "29" not in row["days"]


def test_a_campaign_is_what_was_said_of_it_last() -> None:
    row = folded(
        event("campaign_created", {"campaignId": "k", "name": "Spring", "genre": "house", "status": "draft"}),
        event("campaign_status_changed", {"campaignId": "k", "oldStatus": "draft", "newStatus": "active"}),
        event("campaign_metrics_updated", {"campaignId": "k", "metrics": {"openRate": 0.2, "plays": 7, "bad": "x"}}),
        event("campaign_metrics_updated", {"campaignId": "k", "metrics": {"openRate": 0.4}}),
        event("success_fingerprint_updated", {"campaignId": "k", "fingerprint": {"score": 9}}),
    )
    campaign = seen_by({}, campaign=row).campaign("k")
    assert campaign["status"] == "active"
    assert campaign["metrics"] == {"openRate": 0.4, "plays": 7}
    assert campaign["fingerprint"] == {"score": 9}
    assert seen_by(row, Subject("campaign", "k")).campaign("k")["name"] == "Spring"


def test_an_event_can_tell_of_another_than_its_subject() -> None:
    told = event("campaign_status_changed", {"campaignId": "k", "contactId": "c1", "newStatus": "active"})
    assert told.subject == CONTACT
    assert told_of(told) == Subject("campaign", "k")
    assert told_of(event("asset_uploaded", {"assetId": "a"})) is None


def test_context_sets_profiles_of_any_entity() -> None:
    row = folded(event("context_updated", {"entityType": "user", "entityId": "u", "attributes": {"name": "Kim"}}))
    assert seen_by({}, user=row).user("u") == {"id": "u", "name": "Kim"}


def test_values_of_a_wrong_type_change_nothing() -> None:
    row = folded(
        event("contact_added", {"contactId": "c1", "tags": "vip"}),
        event("contact_tagged", {"contactId": "c1", "tag": 5}),
        event("context_updated", {"entityType": "contact", "entityId": "c1", "attributes": [1]}),
        event("campaign_metrics_updated", {"campaignId": "k", "metrics": None}),
        event("something_else", {"contactId": "c1"}),
    )
    assert not row.get("tags")
