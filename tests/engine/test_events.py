"""What a decoded object must be to be a domain event, and whose it is (contract.md section 2)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.events import Event, EventError, read_event
from engine.types import Scope, Subject
from engine.wire import FIRST_MS, LAST_MS

OPEN = {
    "id": "5d7c",
    "type": "email_open",
    "source": "email_engine",
    "timestamp": "2026-11-01T10:30:00Z",
    "payload": {"emailId": "email_123", "campaignId": "campaign_456", "contactId": "contact_789"},
    "metadata": {"userId": "user_001", "workspaceId": None},
}


def read(**changes: Any) -> Event:
    decoded = {key: value for key, value in {**OPEN, **changes}.items() if value != "absent"}
    return read_event(decoded, default_id="derived", default_timestamp_ms=7)


def test_the_example_of_the_contract() -> None:
    event = read()
    assert (event.id, event.type, event.source) == ("5d7c", "email_open", "email_engine")
    assert event.timestamp_ms == 1_793_529_000_000
    assert event.subject == Subject("contact", "contact_789")
    assert event.scope == Scope("user", "user_001")


def test_what_may_be_missing_is_derived() -> None:
    event = read(id="absent", timestamp=None, metadata=None)
    assert (event.id, event.timestamp_ms, event.scope) == ("derived", 7, None)


def test_a_record_timestamp_beyond_the_calendar_is_the_last_time_there_is() -> None:
    for given_ms, expected_ms in ((1_790_000_000_000_000, LAST_MS), (-(10**17), FIRST_MS), (-1, -1)):
        event = read_event({**OPEN, "timestamp": None}, default_id="d", default_timestamp_ms=given_ms)
        assert event.timestamp_ms == expected_ms


def test_a_workspace_is_the_scope_where_there_is_one() -> None:
    assert read(metadata={"userId": "u", "workspaceId": "w"}).scope == Scope("workspace", "w")


@pytest.mark.parametrize(
    ("payload", "subject"),
    [
        ({"contactId": "c", "campaignId": "d"}, ("contact", "c")),
        ({"contactId": None, "campaignId": "d"}, ("campaign", "d")),
        ({"contactId": 17}, ("contact", "17")),
        ({"assetId": "a", "releaseId": "r"}, ("release", "r")),
        ({"assetId": "a", "userId": "u"}, ("asset", "a")),
        ({"entityType": "user", "entityId": "u9"}, ("user", "u9")),
        ({"entityId": "u9"}, ("user", "user_001")),
        ({}, ("user", "user_001")),
    ],
)
def test_the_subject_is_the_first_id_that_is_present(payload: dict[str, Any], subject: tuple[str, str]) -> None:
    assert read(payload=payload).subject == subject


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"type": ""}, "type must be a non-empty string, it is ''"),
        ({"type": "absent"}, "type must be a non-empty string, it is missing"),
        ({"source": 5}, "source must be a non-empty string, it is 5"),
        ({"payload": None}, "payload must be an object, it is null"),
        ({"payload": []}, "payload must be an object, it is an array"),
        ({"metadata": "x"}, "metadata must be an object"),
        ({"timestamp": "yesterday"}, "timestamp must be RFC 3339"),
        ({"timestamp": "2026-11-01T10:30:00"}, "timestamp must be RFC 3339"),
        ({"timestamp": 5}, "timestamp must be RFC 3339"),
        ({"timestamp": "9999-12-31T23:59:59-10:00"}, "timestamp must be RFC 3339"),
        ({"id": ""}, "id must be a non-empty string"),
        ({"payload": {"contactId": ""}}, "payload.contactId must be a non-empty string"),
        ({"payload": {"contactId": True}}, "payload.contactId must be a non-empty string"),
        ({"metadata": {"workspaceId": {}}}, "metadata.workspaceId must be a non-empty string"),
    ],
)
def test_what_is_no_event_is_refused_by_field_and_value(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(EventError, match=says):
        read(**changes)


@pytest.mark.parametrize("decoded", [None, [], 5, "x", True])
def test_only_an_object_is_an_event(decoded: object) -> None:
    with pytest.raises(EventError, match="is a JSON object"):
        read_event(decoded, default_id="d", default_timestamp_ms=0)


def test_depth_counts_commands_and_people_start_again() -> None:
    assert read(type="contact_tagged", metadata={"userId": "u", "depth": 4}).depth == 4
    assert read(metadata={"userId": "u", "depth": 4}).depth == 0
    assert read(type="contact_tagged", metadata={"userId": "u", "depth": "4"}).depth == 0


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
fields = st.sampled_from(["id", "type", "source", "timestamp", "payload", "metadata", "extra"])


@given(st.dictionaries(fields, json_values) | json_values)
def test_anything_is_an_event_or_an_event_error(decoded: Any) -> None:
    try:
        event = read_event(decoded, default_id="d", default_timestamp_ms=0)
    except EventError:
        return
    assert event.type
    assert event.id
