"""What stories are made of: triggers, nodes, settings and events."""

from __future__ import annotations

from itertools import product
from typing import Any

Part = tuple[str, dict[str, Any]]
MAIL = {"subject": "s", "body": "Hi {{ contact.name }}!", "fromEmail": "a@example.com"}
FOLLOWUP = {"subject": "s", "body": "b", "fromEmail": "a@example.com"}
OPENED: list[Part] = [("email_open", {})] * 8
TRIGGERS: list[Part] = [
    *OPENED, ("email_open", {"campaignId": "k1"}),
    ("email_open", {"allCampaigns": False}), ("email_click", {"urlContains": "spotify", "campaignIds": ["k1", "k2"]}),
    ("email_reply", {"requiredKeywords": ["love", "PLAY"]}), ("segment_updated", {"segmentId": "warm"}),
    ("segment_updated", {"action": "remove"}), ("contact_added", {"requiredTags": ["vip"]}),
    ("campaign_status_changed", {"newStatus": "live"}), ("campaign_created", {"genre": "house"}),
    ("release_approaching", {"daysUntilRelease": 7}), ("asset_uploaded", {}), ("manual_trigger", {}),
]  # fmt: skip
DELAYS: list[Part] = [("delay", {"delaySeconds": 30}), ("delay", {"delaySeconds": 60})]
WAITS: list[Part] = [
    ("wait_for_event", {"type": kind, **match, "timeoutSeconds": seconds})
    for kind in ("email_reply", "email_open", "email_click")
    for match in ({}, {"match": {"campaignId": "{{ event.campaignId }}"}})
    for seconds in (30, 60)
] + [("wait_for_event", {"type": "email_open", "match": {"n": "{{ event.n }}"}, "timeoutSeconds": 4_000}),
     ("wait_for_event", {"type": "email_open", "match": {"n": 1}, "timeoutSeconds": 0})]  # fmt: skip
SPLITS: list[Part] = [
    ("ab_split", {"variants": [{"label": "true", "weight": 1}, {"label": "false", "weight": 2}], **salt})
    for salt in ({}, {"salt": "s"}, {"salt": "s{{ event.n }}"})
] + [("ab_split", {"variants": [{"label": "true", "weight": 0}, {"label": "false"}, {"label": "b", "weight": 3}]})]
MESSAGES: list[Part] = [
    ("send_email_campaign", MAIL), ("send_email_campaign", {**MAIL, "delay": 30}),
    ("schedule_followup", {**FOLLOWUP, "delayDays": 3}), ("schedule_followup", {**FOLLOWUP, "delayDays": 0}),
]  # fmt: skip
ACTIONS: list[Part] = [
    ("send_email_campaign", MAIL), ("send_email_campaign", {**MAIL, "toSegmentId": "warm"}),
    ("send_email_campaign", {**MAIL, "toContactIds": ["c1", "c2", "c3"]}),
    ("send_email_campaign", {**MAIL, "delay": 30}), ("schedule_followup", {**FOLLOWUP, "delayDays": 3}),
    ("update_segment", {"segmentId": "warm", "action": "add"}), ("tag_contact", {"tag": "vip"}),
    ("create_release_task", {"title": "{{ event.n }}.", "dueDateDays": 2}), ("notify_user", {"message": "m"}),
    ("update_cmg_node", {"outcome": "won"}), ("log_event", {"message": "m", "data": {"n": "{{ event.n }}"}}),
    ("log_event", {"message": "m", "data": {"was": "{{ previousNode.output.result }}"}}),
]  # fmt: skip
QUESTIONS: list[Part] = [
    ("if_field_match", {"field": "event.n", "operator": "greater_than", "value": 1}),
    ("if_field_match", {"field": "event.replied", "operator": "equals", "value": False}),
    ("if_field_match", {"field": "previousNode.output.result", "operator": "equals", "value": "true"}),
    ("if_field_match", {"field": "steps.n1.output", "operator": "exists"}),
    ("if_field_match", {"field": "event.tags", "operator": "contains", "value": "vip"}),
    ("if_field_match", {"field": "event.n", "operator": "in", "value": [1, "x", None]}),
    ("if_field_match", {"field": "steps.n2.output.data.n", "operator": "not_equals", "value": 1}),
    ("if_segment_contains", {"segmentId": "warm"}), ("if_tag_present", {"tag": "vip"}),
    ("if_metric_greater", {"metric": "openRate", "threshold": 0}),
    ("if_metric_greater", {"metric": "plays", "threshold": 3}),
    ("if_metric_greater", {"metric": "openCount", "threshold": 1, "scope": "contact"}),
    ("if_time_elapsed", {"timestampField": "engagement.lastOpenedAt", "elapsedSeconds": 3_600}),
    ("if_time_elapsed", {"timestampField": "trigger.timestamp", "elapsedSeconds": 30}),
    ("if_campaign_status", {"expectedStatus": "live"}),
]  # fmt: skip
OF_WAVES: list[Part] = [
    ("delay", {"delaySeconds": 0}), *DELAYS * 4, ("delay", {"delaySeconds": 86_400}),
    ("delay", {"delaySeconds": "{{ event.n }}"}), ("delay", {"untilField": "event.when"}),
    ("delay", {"until": "2026-09-22T00:00:00Z"}), *ACTIONS, *QUESTIONS,
]  # fmt: skip
OF_ANSWERS: list[Part] = [
    *WAITS, *DELAYS, *ACTIONS * 2, *QUESTIONS[:4],
    ("log_event", {"message": "m", "data": {"said": "{{ previousNode.output.code }}", "n": "{{ steps.n1.output.n }}"}}),
    ("log_event", {"message": "m", "data": {"of": "{{ steps.n2.output.event.n }}", "at": "{{ now }}"}}),
    ("if_field_match", {"field": "previousNode.output.result", "operator": "equals", "value": 7}),
]  # fmt: skip
OF_ENTRIES: list[Part] = [*DELAYS * 3, *WAITS[:4], *SPLITS * 2, *ACTIONS[5:8], *QUESTIONS[:4]]
OF_MANNERS: list[Part] = [*MESSAGES * 4, *DELAYS, *SPLITS, *WAITS[:3], *QUESTIONS[:3], ACTIONS[6]]
RUNS: list[Part] = [("run_flow", {"flowId": flow_id}) for flow_id in ("f1", "f2", "f2", "f3")]
WAITED: list[Part] = [
    ("run_flow", {"flowId": flow_id, "wait": True, **version})
    for flow_id, version in (("f2", {}), ("f2", {}), ("f2", {"version": 1}), ("f2", {"version": 2}), ("f1", {}))
]
TICKS: list[Part] = [
    ("schedule", {"cron": cron, **more})
    for cron in ("30 * * * *", "0 9 * * *", "15 9 * * TUE")
    for more in ({}, {"timezone": "Asia/Tokyo", "segmentId": "warm"}, {"segmentId": "warm", "catchUp": "all"},
                 {"timezone": "America/New_York", "catchUp": "none"}, {"catchUp": "all"})
]  # fmt: skip
COUNTED: list[Part] = [("release_approaching", {"daysUntilRelease": days}) for days in (7, 7, 6, 0)] + [
    ("release_approaching", {"daysUntilRelease": 7, "releaseType": "single"}),
    ("release_approaching", {}),
]
OF_CLOCK: list[Part] = [*DELAYS * 2, *ACTIONS[5:8], *QUESTIONS[:2], *RUNS * 2]
OF_FAMILIES: list[Part] = [
    *DELAYS * 2, *ACTIONS[6:8] * 2, *WAITS[:4], *QUESTIONS[:2], *RUNS[:3], *WAITED * 2,
    ("if_field_match", {"field": "previousNode.output.status", "operator": "equals", "value": "succeeded"}),
    ("log_event", {"message": "m", "data": {"n": "{{ previousNode.output.steps.n1.output.result }}"}}),
]  # fmt: skip
OF_CHANGES: list[Part] = [
    *DELAYS * 3,
    *ACTIONS[7:8] * 3,
    *WAITS[:6],
    *MESSAGES[:2],
    *ACTIONS[6:9] * 2,
    ACTIONS[2],
    *QUESTIONS[:3],
]

RETRIES: list[dict[str, Any]] = [
    {"awaitResult": True, "timeoutSeconds": 100, "retry": {"maxAttempts": 3, "initialSeconds": 40}},
    {"awaitResult": True, "timeoutSeconds": 3_600, "retry": {"maxAttempts": 2, "initialSeconds": 10, "factor": 3,
                                                              "maxSeconds": 25}},
    {"awaitResult": True},
]  # fmt: skip
EXITS: list[dict[str, Any]] = [
    {"event": {"type": "email_reply"}}, {"event": {"type": "email_click", "match": {"n": "{{ event.n }}"}}},
    {"event": {"type": "email_open", "match": {"campaignId": "k2"}}},
    {"condition": {"subtype": "if_time_elapsed",
                   "config": {"timestampField": "trigger.timestamp", "elapsedSeconds": 60}}},
    {"condition": {"subtype": "if_tag_present", "config": {"tag": "vip"}}},
    {"condition": {"subtype": "if_metric_greater", "config": {"metric": "plays", "threshold": 3}}},
    {"condition": {"subtype": "if_field_match",
                   "config": {"field": "engagement.openCount", "operator": "greater_than", "value": 2}}},
]  # fmt: skip
GOALS: list[dict[str, Any]] = [
    {"event": {"type": kind, **match}, **more}
    for kind in ("email_reply", "email_open")
    for match in ({}, {"match": {"campaignId": "{{ event.campaignId }}"}}, {"match": {"n": "{{ event.n }}"}})
    for more in ({}, {"exit": False}, {"withinSeconds": 60}, {"withinSeconds": 60, "exit": False})
]

TEXTS: list[dict[str, Any]] = [{}, {"n": 1}, {"n": 2.5}, {"n": "x"}, {"n": 40, "tags": ["vip"]}, {"n": None},
                               {"when": "2026-09-23"}, {"when": "soon", "replied": True}, {"n": -1}]  # fmt: skip
OF_CONTACT: list[Part] = [
    ("email_open", {}), ("email_open", {}), ("email_click", {"linkUrl": "https://spotify.com/x"}),
    ("email_reply", {"replyText": "I LOVE it"}), ("contact_added", {"name": "Ada", "tags": ["vip", "dj"]}),
    ("contact_added", {"name": "Bob"}), ("segment_updated", {"segmentId": "warm", "action": "add"}),
    ("segment_updated", {"segmentId": "warm", "action": "remove"}), ("contact_tagged", {"tag": "vip"}),
    ("contact_untagged", {"tag": "vip"}), ("campaign_status_changed", {"newStatus": "live"}),
]  # fmt: skip
OF_OTHERS: list[Part] = [
    ("campaign_created", {"campaignId": "k1", "genre": "house", "status": "draft"}),
    ("campaign_status_changed", {"campaignId": "k1", "oldStatus": "draft", "newStatus": "live"}),
    ("campaign_metrics_updated", {"campaignId": "k1", "metrics": {"openRate": 0.5, "plays": 4}}),
    ("release_approaching", {"releaseId": "r1", "daysUntilRelease": 7}), ("asset_uploaded", {"assetId": "a1"}),
    ("release_approaching", {"releaseId": "r1", "daysUntilRelease": 7, "campaignId": "k1"}), ("unheard_of", {}),
    ("email_open", {"campaignId": "k1"}),
]  # fmt: skip
ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"]
OF_PEOPLE: list[Part] = [
    ("context_updated", {"entityType": kind, "entityId": entity, "attributes": {"name": "Cy", "timezone": zone}})
    for kind, entity in (("contact", "c1"), ("contact", "c1"), ("user", "user_001"))
    for zone in (*ZONES, None)
]
OF_RELEASES: list[Part] = [
    ("release_approaching", {"releaseId": "r1", "daysUntilRelease": days, "releaseType": "single", **date})
    for days in (7, 30)
    for date in ({}, {"releaseDate": "2026-09-29"}, {"releaseDate": "2026-09-28T15:00:00Z"})
] + [
    ("context_updated", {"entityType": "release", "entityId": release, "attributes": {"releaseDate": date}})
    for release in ("r1", "r1", "r2")
    for date in ("2026-09-29", "2026-09-28T15:00:00Z", "2026-09-20", "2026-09-30", "soon")
]
METADATA: list[dict[str, Any]] = [{"userId": "user_001"}] * 12 + [
    {"userId": "user_001", "depth": 11}, {"userId": "user_001", "depth": 10, "releaseId": "r2"}, {"userId": "u2"}, {},
]  # fmt: skip
EVENTS: list[dict[str, Any]] = [
    *(
        {"type": kind, "source": "tap", "payload": {"contactId": contact, **campaign, **payload, **text}}
        for (kind, payload), contact, campaign, text in product(
            OF_CONTACT, ["c1", "c1", "c2"], [{"campaignId": "k1"}, {"campaignId": "k2"}, {}], TEXTS
        )
    ),
    *(
        {"type": kind, "source": "tap", "payload": {**payload, **text}}
        for (kind, payload), text in product(OF_OTHERS * 3, TEXTS)
    ),
    *({"type": kind, "source": "tap", "payload": payload} for kind, payload in [*OF_PEOPLE * 3, *OF_RELEASES]),
    *({"type": "email_open", "source": "tap", "payload": {"contactId": "c1", "campaignId": "k1"}, "timestamp": at}
      for at in ("2026-09-20T00:00:00Z", "2026-09-21T02:00:00+02:00")),
]  # fmt: skip


def numbers_of(*kinds: str, about: str = "") -> list[int]:
    """The numbers of the events of some types, of the flows' user; only those about one kind of entity, if named."""
    return [
        number
        for number in range(0, len(EVENTS) * len(METADATA), len(METADATA))
        if (event := EVENTS[number // len(METADATA)])["type"] in kinds
        and about in {"", event["payload"].get("entityType", "")}
    ]


def event_of(number: int, place: int) -> dict[str, Any]:
    """The event of a number, as the `place`-th input."""
    metadata = METADATA[number % len(METADATA)]
    return {"id": f"e{place}", **EVENTS[number // len(METADATA)], "metadata": metadata}
