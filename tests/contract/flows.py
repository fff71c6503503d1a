"""The flows that the tests of the contract run, each in the scope of a user of its own."""

from __future__ import annotations

from typing import Any

from tests.contract.lab import flow_file

DAY = 86_400
SEND = {"subject": "Hi", "body": "My track", "fromEmail": "artist@example.com"}

# ---- triggers: one flow each, all in one scope

TRIGGERS: dict[str, tuple[str, dict[str, Any]]] = {
    "open-any": ("email_open", {}),
    "open-all": ("email_open", {"allCampaigns": True}),
    "open-one": ("email_open", {"campaignId": "k1"}),
    "open-some": ("email_open", {"campaignIds": ["k1", "k2"]}),
    "open-some-whatever": ("email_open", {"campaignIds": ["k2"], "allCampaigns": True}),
    "open-never": ("email_open", {"allCampaigns": False}),
    "click-any": ("email_click", {}),
    "click-link": ("email_click", {"linkUrl": "https://a.example/x"}),
    "click-part": ("email_click", {"urlContains": "a.example"}),
    "click-part-one": ("email_click", {"urlContains": "a.example", "campaignId": "k1"}),
    "reply-any": ("email_reply", {}),
    "reply-words": ("email_reply", {"requiredKeywords": ["Playlist", "added"]}),
    "reply-one": ("email_reply", {"campaignId": "k1"}),
    "campaign-any": ("campaign_created", {}),
    "campaign-type": ("campaign_created", {"campaignType": "radio"}),
    "campaign-genre": ("campaign_created", {"campaignType": "radio", "genre": "house"}),
    "status-any": ("campaign_status_changed", {}),
    "status-old": ("campaign_status_changed", {"oldStatus": "draft"}),
    "status-new": ("campaign_status_changed", {"newStatus": "active"}),
    "status-one": ("campaign_status_changed", {"newStatus": "active", "campaignId": "k1"}),
    "asset-any": ("asset_uploaded", {}),
    "asset-type": ("asset_uploaded", {"assetType": "artwork"}),
    "release-any": ("release_approaching", {}),
    "release-days": ("release_approaching", {"daysUntilRelease": 7}),
    "release-type": ("release_approaching", {"daysUntilRelease": 7, "releaseType": "single"}),
    "segment-any": ("segment_updated", {}),
    "segment-one": ("segment_updated", {"segmentId": "s1"}),
    "segment-in": ("segment_updated", {"segmentId": "s1", "action": "add"}),
    "added-any": ("contact_added", {}),
    "added-source": ("contact_added", {"source": "form"}),
    "added-tags": ("contact_added", {"requiredTags": ["a", "b"]}),
    "manual": ("manual_trigger", {}),
}

# ---- conditions: all in one flow, each behind the trigger; what it must answer

FIELDS: list[tuple[str, str, dict[str, Any], str]] = [
    ("one", "equals", {"value": 1}, "true"),
    ("one", "equals", {"value": 1.0}, "true"),
    ("one", "equals", {"value": "1"}, "false"),
    ("yes", "equals", {"value": 1}, "false"),
    ("yes", "equals", {"value": True}, "true"),
    ("nothing", "equals", {"value": None}, "true"),
    ("absent", "equals", {"value": "x"}, "false"),
    ("object", "equals", {"value": {"b": [1, 2.0], "a": None}}, "true"),
    ("one", "not_equals", {"value": "1"}, "true"),
    ("absent", "not_equals", {"value": "x"}, "true"),
    ("text", "contains", {"value": "PLAYLIST"}, "true"),
    ("text", "contains", {"value": "radio"}, "false"),
    ("list", "contains", {"value": "b"}, "true"),
    ("list", "contains", {"value": "B"}, "false"),
    ("one", "greater_than", {"value": 0.5}, "true"),
    ("one", "greater_than", {"value": 1}, "false"),
    ("digits", "greater_than", {"value": 1}, "false"),
    ("yes", "greater_than", {"value": 0}, "false"),
    ("one", "less_than", {"value": 2}, "true"),
    ("digits", "less_than", {"value": 99}, "false"),
    ("one", "in", {"value": [2, 1.0]}, "true"),
    ("one", "in", {"value": ["1", True]}, "false"),
    ("one", "not_in", {"value": ["1", True]}, "true"),
    ("one", "exists", {}, "true"),
    ("absent", "exists", {}, "false"),
    ("absent", "not_exists", {}, "true"),
    ("text", "starts_with", {"value": "A play"}, "true"),
    ("text", "starts_with", {"value": "play"}, "false"),
    ("text", "ends_with", {"value": "add"}, "true"),
    ("text", "matches", {"value": "(?i)PLAY.*add$"}, "true"),
    ("text", "matches", {"value": "^play"}, "false"),
    ("object.b.1", "equals", {"value": 2}, "true"),
    ("one", "equals", {"value": "{{ event.one }}"}, "true"),
    ("opened", "equals", {"value": True}, "true"),
    ("clicked", "equals", {"value": False}, "true"),
]
"""Field of the event, operator, the value where there is one, and the outcome."""
CONDITIONS: dict[str, tuple[str, dict[str, Any], str]] = {
    **{
        f"{operator}_{number}": ("if_field_match", {"field": f"event.{field}", "operator": operator, **value}, answer)
        for number, (field, operator, value, answer) in enumerate(FIELDS)
    },
    "engagement": ("if_field_match", {"field": "engagement.openCount", "operator": "equals", "value": 1}, "true"),
    "metadata": ("if_field_match", {"field": "metadata.shop", "operator": "equals", "value": "s"}, "true"),
    "trigger": ("if_field_match", {"field": "trigger.type", "operator": "equals", "value": "email_open"}, "true"),
    "email_context": (
        "if_field_match", {"field": "emailContext.text", "operator": "contains", "value": "add"}, "true"
    ),
    "contact_name": ("if_field_match", {"field": "contact.name", "operator": "equals", "value": "Ana"}, "true"),
    "campaign_name": ("if_field_match", {"field": "campaign.name", "operator": "equals", "value": "Spring"}, "true"),
    "user_name": ("if_field_match", {"field": "user.name", "operator": "equals", "value": "Una"}, "true"),
    "in_segment": ("if_segment_contains", {"segmentId": "s-in"}, "true"),
    "left_segment": ("if_segment_contains", {"segmentId": "s-out"}, "false"),
    "segment_of_other": ("if_segment_contains", {"segmentId": "s-in", "contactIdField": "event.other"}, "false"),
    "segment_of_nobody": ("if_segment_contains", {"segmentId": "s-in", "contactIdField": "event.absent"}, "false"),
    "tag_of_contact": ("if_tag_present", {"tag": "t-contact"}, "true"),
    "tag_of_adding": ("if_tag_present", {"tag": "t-added"}, "true"),
    "tag_of_event": ("if_tag_present", {"tag": "t-event"}, "true"),
    "tag_taken": ("if_tag_present", {"tag": "t-taken"}, "false"),
    "tag_of_other": ("if_tag_present", {"tag": "t-event", "contactIdField": "event.other"}, "false"),
    "metric": ("if_metric_greater", {"metric": "openRate", "threshold": 0.2}, "true"),
    "metric_equal": ("if_metric_greater", {"metric": "openRate", "threshold": 0.25}, "false"),
    "metric_unreported": ("if_metric_greater", {"metric": "replyRate", "threshold": 0}, "false"),
    "metric_unreported_0": ("if_metric_greater", {"metric": "replyRate", "threshold": -1}, "true"),
    "metric_own": ("if_metric_greater", {"metric": "streams", "threshold": 99}, "true"),
    "metric_unknown": ("if_metric_greater", {"metric": "noSuch", "threshold": 0}, "error"),
    "metric_field": (
        "if_metric_greater", {"metric": "openRate", "threshold": 0.2, "campaignIdField": "event.otherCampaign"}, "false"
    ),
    "metric_contact": (
        "if_metric_greater", {"metric": "totalOpened", "threshold": 0, "scope": "contact", "windowDays": 7}, "true"
    ),
    "elapsed": ("if_time_elapsed", {"timestampField": "event.longAgo", "elapsedSeconds": DAY}, "true"),
    "elapsed_not": ("if_time_elapsed", {"timestampField": "event.inFuture", "elapsedSeconds": DAY}, "false"),
    "elapsed_unread": ("if_time_elapsed", {"timestampField": "event.text", "elapsedSeconds": 0}, "false"),
    "elapsed_absent": ("if_time_elapsed", {"timestampField": "event.absent", "elapsedSeconds": 0}, "false"),
    "status": ("if_campaign_status", {"expectedStatus": "active"}, "true"),
    "status_other": ("if_campaign_status", {"expectedStatus": "draft"}, "false"),
    "status_field": (
        "if_campaign_status", {"expectedStatus": "active", "campaignIdField": "event.otherCampaign"}, "false"
    ),
}  # fmt: skip

# ---- actions: all in one flow, each behind the trigger; (subtype, config, payload), or the field that is missing


ACTIONS: dict[str, tuple[str, dict[str, Any], dict[str, Any] | str]] = {
    "send": ("send_email_campaign", SEND, {**SEND, "toContactIds": ["c-act"]}),
    "send_all_keys": (
        "send_email_campaign",
        {**SEND, "name": "N", "templateId": "t1", "toSegmentId": "s1"},
        {**SEND, "name": "N", "templateId": "t1", "toSegmentId": "s1"},
    ),
    "send_contacts": (
        "send_email_campaign", {**SEND, "toContactIds": ["x", "y"]}, {**SEND, "toContactIds": ["x", "y"]}
    ),
    "send_template": (
        "send_email_campaign",
        {**SEND, "subject": "{{ event.title | upcase }}", "body": "{{ event.none }}-{{ trigger.type }}"},
        {**SEND, "subject": "SONG", "body": "-email_open", "toContactIds": ["c-act"]},
    ),
    "send_later": ("send_email_campaign", {**SEND, "delay": 3600}, {**SEND, "toContactIds": ["c-act"]}),
    "follow": (
        "schedule_followup", {**SEND, "delayDays": 3},
        {**SEND, "scheduleAt": "3", "originalCampaignId": "k-act", "toContactIds": ["c-act"]},
    ),
    "follow_field": (
        "schedule_followup", {**SEND, "campaignIdField": "event.otherCampaign"},
        {**SEND, "scheduleAt": "0", "originalCampaignId": "k-other", "toContactIds": ["c-act"]},
    ),
    "segment": (
        "update_segment", {"segmentId": "s1", "action": "add"},
        {"contactId": "c-act", "segmentId": "s1", "action": "add"},
    ),
    "segment_field": (
        "update_segment", {"segmentId": "s1", "action": "remove", "contactIdField": "event.other"},
        {"contactId": "c-other", "segmentId": "s1", "action": "remove"},
    ),
    "segment_nobody": (
        "update_segment", {"segmentId": "s1", "action": "add", "contactIdField": "event.none"}, "event.none"
    ),
    "tag": ("tag_contact", {"tag": "hot"}, {"contactId": "c-act", "tag": "hot"}),
    "tag_field": (
        "tag_contact", {"tag": "hot", "contactIdField": "event.other"}, {"contactId": "c-other", "tag": "hot"}
    ),
    "tag_nobody": ("tag_contact", {"tag": "hot", "contactIdField": "event.none"}, "event.none"),
    "task": (
        "create_release_task", {"title": "T", "description": "D", "dueDateDays": 2},
        {"releaseId": "r-meta", "title": "T", "description": "D", "dueDate": "2"},
    ),
    "task_short": (
        "create_release_task", {"title": "T", "releaseIdField": "event.release"},
        {"releaseId": "r-field", "title": "T"},
    ),
    "task_nowhere": ("create_release_task", {"title": "T", "releaseIdField": "event.none"}, "event.none"),
    "notify": (
        "notify_user", {"message": "M"}, {"userId": "u-actions", "message": "M", "notificationType": "info"}
    ),
    "notify_warning": (
        "notify_user", {"message": "M", "notificationType": "warning"},
        {"userId": "u-actions", "message": "M", "notificationType": "warning"},
    ),
    "cmg": (
        "update_cmg_node", {"outcome": "playlist_add"},
        {"outcome": "playlist_add", "logType": "success", "campaignId": "k-act", "contactId": "c-act"},
    ),
    "cmg_fields": (
        "update_cmg_node",
        {
            "outcome": "o", "logType": "attempt", "campaignIdField": "event.otherCampaign",
            "contactIdField": "event.other",
        },
        {"outcome": "o", "logType": "attempt", "campaignId": "k-other", "contactId": "c-other"},
    ),
    "cmg_nowhere": ("update_cmg_node", {"outcome": "o", "campaignIdField": "event.none"}, "event.none"),
}  # fmt: skip
COMMAND_TYPES = {subtype for subtype, _config, _expected in ACTIONS.values()}


def behind_trigger(user: str, name: str, trigger: str, nodes: dict[str, Any]) -> dict[str, Any]:
    """A flow in which every node follows the trigger."""
    return flow_file(user, name, {"start": (trigger, {}), **nodes}, " ".join(f"start>{ref}" for ref in nodes))


NOTE = {"note": ("log_event", {"message": "ran"})}
FLOWS: list[dict[str, Any]] = [
    *(
        flow_file("u-triggers", name, {"start": trigger, **NOTE}, "start>note",
                  triggerType="manual" if name == "manual" else "event")
        for name, trigger in TRIGGERS.items()
    ),
    behind_trigger(
        "u-conditions", "conditions", "email_open",
        {ref: (subtype, config) for ref, (subtype, config, _answer) in CONDITIONS.items()},
    ),
    behind_trigger(
        "u-actions", "actions", "email_open",
        {ref: (subtype, config) for ref, (subtype, config, _expected) in ACTIONS.items()},
    ),
    behind_trigger("u-campaign", "nobody", "campaign_created", {
        "send": ("send_email_campaign", SEND), "follow": ("schedule_followup", SEND),
        "segment": ("update_segment", {"segmentId": "s", "action": "add"}), "tag": ("tag_contact", {"tag": "t"}),
        "task": ("create_release_task", {"title": "T"}), "is_in": ("if_segment_contains", {"segmentId": "s"}),
        "has": ("if_tag_present", {"tag": "t"}),
    }),
    # What comes in: one note, for whoever sends.
    behind_trigger("u-in", "in", "email_open", NOTE),
    behind_trigger("u-in-asset", "in", "asset_uploaded", NOTE),
    behind_trigger("u-in-context", "in", "campaign_created", NOTE),
    # Scopes: the same flow for a user, and for a workspace.
    flow_file("u-scope", "of user", {"start": ("email_open", {}), **NOTE}, "start>note"),
    flow_file("u-scope", "of workspace", {"start": ("email_open", {}), **NOTE}, "start>note", workspaceId="w-scope"),
    flow_file("w-scope", "of a user named like it", {"start": ("email_open", {}), **NOTE}, "start>note"),
    flow_file(None, "of workspace alone", {
        "start": ("email_open", {}), "tell": ("notify_user", {"message": "M"}),
    }, "start>tell", workspaceId="w-alone"),
    # A wait, both ways out of a condition, a join, and something never reached.
    flow_file("u-story", "story", {
        "start": ("email_open", {}), "week": ("delay", {"delaySeconds": 3600}),
        "silent": ("if_field_match", {"field": "event.replied", "operator": "equals", "value": False}),
        "nudge": ("tag_contact", {"tag": "silent"}), "thanks": ("tag_contact", {"tag": "answered"}),
        "last": ("log_event", {"message": "{{ steps.nudge.output.commandIds | size }}", "level": "warning",
                               "data": {"tag": "{{ previousNode.output.result }}"}}),
    }, "start>week week>silent silent>nudge:true silent>thanks:false nudge>last thanks>last"),
    flow_file("u-fails", "fails", {
        "start": ("email_open", {}), "bad": ("tag_contact", {"tag": "t", "contactIdField": "event.none"}),
        "after": ("log_event", {"message": "never"}),
    }, "start>bad bad>after"),
    flow_file("u-partly", "partly", {
        "start": ("email_open", {}), "bad": ("tag_contact", {"tag": "t", "contactIdField": "event.none"}),
        "good": ("log_event", {"message": "yes"}),
    }, "start>bad start>good"),
    flow_file("u-caught", "caught", {
        "start": ("email_open", {}), "bad": ("tag_contact", {"tag": "t", "contactIdField": "event.none"}),
        "instead": ("log_event", {"message": "{{ steps.bad.output.error.code }}"}),
    }, "start>bad bad>instead:error"),
    # Loops, limits, joins.
    flow_file("u-loop", "loop", {
        "start": ("email_open", {}), "pause": ("delay", {"delaySeconds": 0}), "again": ("tag_contact", {"tag": "t"}),
    }, "start>pause pause>again again>pause"),
    behind_trigger("u-limits", "limits", "email_open", {
        "wait": ("delay", {"delaySeconds": DAY}), "one": ("tag_contact", {"tag": "1"}),
        "two": ("tag_contact", {"tag": "2"}), "three": ("tag_contact", {"tag": "3"}),
    }),
    flow_file("u-diamond", "diamond", {
        "start": ("email_open", {}), "left": ("log_event", {"message": "l"}), "right": ("log_event", {"message": "r"}),
        "join": ("tag_contact", {"tag": "once"}),
    }, "start>left start>right left>join right>join"),
    flow_file("u-late", "late", {
        "start": ("email_open", {}), "quick": ("log_event", {"message": "l"}),
        "slow": ("delay", {"delaySeconds": 1800}), "join": ("tag_contact", {"tag": "once"}),
    }, "start>quick start>slow quick>join slow>join"),
    flow_file("u-depth", "depth", {"start": ("segment_updated", {}), **NOTE},
              "start>note"),
    flow_file("u-delays", "delays", {
        "start": ("email_open", {}), "past": ("delay", {"until": "2020-01-01T00:00:00Z"}),
        "field": ("delay", {"untilField": "event.at"}), "missing": ("delay", {"untilField": "event.none"}),
        "unread": ("delay", {"untilField": "event.text"}), "after": ("tag_contact", {"tag": "due"}),
    }, "start>past start>field start>missing start>unread field>after"),
    flow_file("u-manual", "by hand", {
        "start": ("manual_trigger", {}), "tag": ("tag_contact", {"tag": "{{ event.tag }}"}),
    }, "start>tag", triggerType="manual"),
    flow_file("u-manual", "by event or hand", {
        "start": ("email_open", {"campaignId": "k1"}), "tell": ("notify_user", {"message": "hello"}),
    }, "start>tell"),
    flow_file("u-archive", "archive", {
        "start": ("email_open", {}), "wait": ("delay", {"delaySeconds": 40 * DAY}),
        "tag": ("tag_contact", {"tag": "t"}),
    }, "start>wait wait>tag"),
    flow_file("u-pin", "pin", {
        "start": ("email_open", {}), "wait": ("delay", {"delaySeconds": 4 * 3600}),
        "tag": ("tag_contact", {"tag": "v1"}),
    }, "start>wait wait>tag"),
]  # fmt: skip
