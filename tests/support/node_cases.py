"""One case of every node type that a worker runs on a real Kafka (tests/integration/test_node_types.py).

A test of tests/conformance says so where a type has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

Config = Mapping[str, Any]
NOTHING: Config = MappingProxyType({})
MAIL: Config = {"subject": "Hi {{ contact.id }}", "body": "b", "fromEmail": "a@example.com"}


class Case(NamedTuple):
    """What a node is drawn with, and what a worker has to make of it.

    Of a trigger `given` is the payload that starts it (None: no event does), of others what the event has beside
    contact and campaign; `port` is how the branch leaves.
    """

    config: Config
    given: Config | None = NOTHING
    port: str = "out"


THROUGH_KAFKA: Mapping[str, Case] = {
    "asset_uploaded": Case({"assetType": "artwork"}, {"assetId": "a1", "assetType": "artwork"}),
    "campaign_created": Case({"genre": "house"}, {"campaignId": "k1", "genre": "house"}),
    "campaign_status_changed": Case({"newStatus": "done"}, {"campaignId": "k1", "newStatus": "done"}),
    "contact_added": Case({"requiredTags": ["a"]}, {"contactId": "added", "tags": ["a", "b"]}),
    "email_click": Case({"urlContains": "example"}, {"contactId": "clicks", "linkUrl": "https://a.example/1"}),
    "email_open": Case({"campaignId": "k1"}, {"contactId": "opens", "campaignId": "k1"}),
    "email_reply": Case({"requiredKeywords": ["love"]}, {"contactId": "replies", "replyText": "Love it"}),
    "manual_trigger": Case({}, None),
    "release_approaching": Case({"daysUntilRelease": 7}, {"releaseId": "r1", "daysUntilRelease": 7}),
    "schedule": Case({"cron": "0 0 * * *", "catchUp": "last"}, None),
    "segment_updated": Case({"action": "remove"}, {"contactId": "leaves", "segmentId": "s1", "action": "remove"}),
    "ab_split": Case({"variants": [{"label": "a", "weight": 1}, {"label": "b", "weight": 0}]}, port="a"),
    "if_campaign_status": Case({"expectedStatus": "live"}, port="false"),
    "if_field_match": Case({"field": "event.score", "operator": "greater_than", "value": 3}, {"score": 4}, "true"),
    "if_metric_greater": Case({"metric": "openRate", "threshold": 0.5}, port="false"),
    "if_segment_contains": Case({"segmentId": "s1"}, port="false"),
    "if_tag_present": Case({"tag": "warm"}, {"tags": ["warm"]}, "true"),
    "if_time_elapsed": Case(
        {"timestampField": "event.since", "elapsedSeconds": 60}, {"since": "2026-01-01T00:00:00Z"}, "true"
    ),
    "wait_for_event": Case({"type": "email_reply", "timeoutSeconds": 50}, port="timeout"),
    "create_release_task": Case({"title": "Pitch"}, {"releaseId": "r1"}),
    "delay": Case({"delaySeconds": 50}),
    "log_event": Case({"message": "{{ event.campaignId }}"}),
    "notify_user": Case({"message": "m"}),
    "run_flow": Case({"flowId": "type of manual_trigger"}),
    "schedule_followup": Case({**MAIL, "delayDays": 1}),
    "send_email_campaign": Case(MAIL),
    "tag_contact": Case({"tag": "warm"}),
    "update_cmg_node": Case({"outcome": "playlist_add"}),
    "update_segment": Case({"segmentId": "s1", "action": "add"}),
}
