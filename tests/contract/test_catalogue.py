"""Every key of every node type of product.md section 4, from an event on Kafka to the feed and the commands."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from operator import ge
from typing import Any

import pytest

from tests.contract.flows import ACTIONS, CONDITIONS, TRIGGERS
from tests.contract.lab import FEED, Lab, derived, event, execution_id, flow_id, node_id, until

pytestmark = pytest.mark.services

COMMAND_TOPIC = {
    "send_email_campaign": ("email_engine", "tap.email-engine.commands"),
    "schedule_followup": ("email_engine", "tap.email-engine.commands"),
    "update_segment": ("list_builder", "tap.list-builder.commands"),
    "tag_contact": ("list_builder", "tap.list-builder.commands"),
    "create_release_task": ("release_planner", "tap.release-planner.commands"),
    "notify_user": ("fusion_layer", "tap.fusion-layer.commands"),
    "update_cmg_node": ("cmg", "tap.cmg.commands"),
}

TRIGGER_CASES: list[tuple[str, dict[str, Any], set[str]]] = [
    ("email_open", {"campaignId": "k1"}, {"open-any", "open-all", "open-one", "open-some"}),
    ("email_open", {"campaignId": "k2"}, {"open-any", "open-all", "open-some", "open-some-whatever"}),
    ("email_open", {"campaignId": "k3"}, {"open-any", "open-all"}),
    ("email_open", {}, {"open-any", "open-all"}),
    ("email_click", {"linkUrl": "https://a.example/x", "campaignId": "k1"},
     {"click-any", "click-link", "click-part", "click-part-one"}),
    ("email_click", {"linkUrl": "https://a.example/y", "campaignId": "k2"}, {"click-any", "click-part"}),
    ("email_click", {"campaignId": "k1"}, {"click-any"}),
    ("email_reply", {"replyText": "We ADDED it", "campaignId": "k1"}, {"reply-any", "reply-words", "reply-one"}),
    ("email_reply", {"replyText": "which playlist?", "campaignId": "k2"}, {"reply-any", "reply-words"}),
    ("email_reply", {"replyText": "no"}, {"reply-any"}),
    ("email_reply", {}, {"reply-any"}),
    ("campaign_created", {"campaignId": "k", "campaignType": "radio", "genre": "house"},
     {"campaign-any", "campaign-type", "campaign-genre"}),
    ("campaign_created", {"campaignId": "k", "campaignType": "radio"}, {"campaign-any", "campaign-type"}),
    ("campaign_created", {"campaignId": "k", "genre": "house"}, {"campaign-any"}),
    ("campaign_status_changed", {"campaignId": "k1", "oldStatus": "draft", "newStatus": "active"},
     {"status-any", "status-old", "status-new", "status-one"}),
    ("campaign_status_changed", {"campaignId": "k2", "oldStatus": "paused", "newStatus": "active"},
     {"status-any", "status-new"}),
    ("asset_uploaded", {"assetId": "a", "assetType": "artwork"}, {"asset-any", "asset-type"}),
    ("asset_uploaded", {"assetId": "a", "releaseId": "r", "assetType": "master"}, {"asset-any"}),
    ("release_approaching", {"releaseId": "r", "daysUntilRelease": 7, "releaseType": "single"},
     {"release-any", "release-days", "release-type"}),
    ("release_approaching", {"releaseId": "r", "daysUntilRelease": 7.0, "releaseType": "album"},
     {"release-any", "release-days"}),
    ("release_approaching", {"releaseId": "r", "daysUntilRelease": "7"}, {"release-any"}),
    ("segment_updated", {"segmentId": "s1", "action": "add"}, {"segment-any", "segment-one", "segment-in"}),
    ("segment_updated", {"segmentId": "s1", "action": "remove"}, {"segment-any", "segment-one"}),
    ("segment_updated", {"segmentId": "s2", "action": "add"}, {"segment-any"}),
    ("contact_added", {"source": "form", "tags": ["b", "a", "c"]}, {"added-any", "added-source", "added-tags"}),
    ("contact_added", {"source": "import", "tags": ["a"]}, {"added-any"}),
    ("contact_added", {}, {"added-any"}),
]  # fmt: skip
KIND_OF_FIELD = (("contactId", "contact"), ("campaignId", "campaign"), ("releaseId", "release"), ("assetId", "asset"))


@pytest.fixture(scope="module")
def started(lab: Lab) -> list[set[str]]:
    """For each case the flows that its event started."""
    by_execution: list[dict[str, str]] = []
    for number, (kind, payload, _flows) in enumerate(TRIGGER_CASES):
        about_contact = kind.startswith(("email_", "contact_", "segment_"))
        given = {**({"contactId": f"c-trigger-{number}"} if about_contact else {}), **payload}
        subject = next((kind, str(given[field])) for field, kind in KIND_OF_FIELD if field in given)
        sent = event(kind, "u-triggers", **given)
        lab.send(sent)
        by_execution.append({execution_id(flow_id("u-triggers", name), sent, subject): name for name in TRIGGERS})

    def so_far() -> list[set[str]]:
        begun = {record.json.get("executionId") for record in lab.on(FEED)}
        return [{name for execution, name in names.items() if execution in begun} for names in by_execution]

    with contextlib.suppress(AssertionError):  # the test says which is missing
        until(lambda: all(map(ge, so_far(), (flows for _kind, _payload, flows in TRIGGER_CASES))), 15.0, "all starts")
    return so_far()


@pytest.mark.parametrize("number", range(len(TRIGGER_CASES)))
def test_an_event_starts_the_flows_whose_keys_all_match(started: list[set[str]], number: int) -> None:
    assert started[number] == TRIGGER_CASES[number][2]


@pytest.fixture(scope="module")
def answers(lab: Lab) -> dict[str, dict[str, Any]]:
    """The steps of the flow of all conditions, by ref."""
    user, contact = "u-conditions", "c-cond"
    facts = [
        event("contact_added", user, contactId=contact, name="Ana", email="ana@example.com", tags=["t-added"]),
        event("contact_tagged", user, contactId=contact, tag="t-contact"),
        event("contact_tagged", user, contactId=contact, tag="t-taken"),
        event("contact_untagged", user, contactId=contact, tag="t-taken"),
        event("segment_updated", user, contactId=contact, segmentId="s-in", action="add"),
        event("segment_updated", user, contactId=contact, segmentId="s-out", action="add"),
        event("segment_updated", user, contactId=contact, segmentId="s-out", action="remove"),
        event("campaign_created", user, campaignId="k-cond", name="Spring", status="draft"),
        event("campaign_metrics_updated", user, campaignId="k-cond", metrics={"openRate": 0.25, "streams": 100}),
        # A fact of the campaign that comes as an event of a contact.
        event("campaign_status_changed", user, contactId="c-else", campaignId="k-cond", newStatus="active"),
        event("context_updated", user, entityType="user", entityId=user, attributes={"name": "Una"}),
    ]
    for fact in facts:
        lab.send(fact)
    flow = flow_id(user, "conditions")
    steps: dict[str, dict[str, Any]] = {}
    first: dict[str, dict[str, Any]] = {}

    def all_facts_are_there() -> bool:
        # Facts of campaigns and users reach all shards within a second; each try is a contact's first open.
        sent = event(
            "email_open", user, contactId=contact, campaignId="k-cond", one=1, yes=True, nothing=None, digits="2",
            text="A playlist add", list=["a", "b"], object={"a": None, "b": [1, 2]}, tags=["t-event"], other="c-other",
            otherCampaign="k-nobody", longAgo="2020-01-01T00:00:00Z", inFuture="2100-01-01T00:00:00Z",
        )  # fmt: skip
        sent["metadata"]["shop"] = "s"
        lab.send(sent)
        end = lab.ended(execution_id(flow, sent, ("contact", contact)))
        found = {step["nodeId"]: step for step in end["steps"]}
        first.setdefault("engagement", found[node_id(flow, "engagement")])  # later ones are no first open
        steps.update({ref: found[node_id(flow, ref)] for ref in CONDITIONS} | first)
        late = ("campaign_name", "user_name", "metric", "metric_own", "status")
        return all(steps[ref]["port"] == "true" for ref in late)

    until(all_facts_are_there, 10.0, "facts of other entities")
    return steps


@pytest.mark.parametrize("ref", CONDITIONS)
def test_a_condition_leaves_by_its_outcome(answers: dict[str, dict[str, Any]], ref: str) -> None:
    subtype, _config, port = CONDITIONS[ref]
    step = answers[ref]
    assert (step["type"], step["subtype"], step["port"]) == ("condition", subtype, port), step
    assert step["status"] == ("failed" if port == "error" else "succeeded")
    assert (step["error"] is not None) == (port == "error")


@pytest.fixture(scope="module")
def acted(lab: Lab) -> dict[str, Any]:
    """The flow of all actions after its end."""
    sent = event(
        "email_open", "u-actions", contactId="c-act", campaignId="k-act", other="c-other", otherCampaign="k-other",
        release="r-field", title="song",
    )  # fmt: skip
    sent["metadata"]["releaseId"] = "r-meta"
    partition, _ = lab.send(sent)
    execution = execution_id(flow_id("u-actions", "actions"), sent, ("contact", "c-act"))
    lab.ended(execution)
    story = lab.story(execution)
    return {
        "event": sent, "partition": partition, "execution": execution, "story": story, "end": story[-1],
        "steps": {step["nodeId"]: step for record in story for step in record["steps"]},
    }  # fmt: skip


@pytest.mark.parametrize("ref", [ref for ref, action in ACTIONS.items() if isinstance(action[2], dict)])
def test_an_action_sends_its_command_exactly(lab: Lab, acted: dict[str, Any], ref: str) -> None:
    subtype, _config, payload = ACTIONS[ref]
    assert isinstance(payload, dict)
    flow, execution, sent = flow_id("u-actions", "actions"), acted["execution"], acted["event"]
    node = node_id(flow, ref)
    step = acted["steps"][node]
    command_id = derived("c", execution, node, 1, 0)
    (record,) = until(
        lambda: [one for one in lab.commands(execution) if one.json["nodeId"] == node], 5.0, f"the command of {ref}"
    )
    target, topic = COMMAND_TOPIC[subtype]
    command = record.json
    issued = command["issuedAt"]
    for field in ("scheduleAt", "dueDate"):
        if field in payload:
            at = datetime.fromisoformat(issued) + timedelta(days=int(payload[field]))
            assert datetime.fromisoformat(command["payload"][field]) == at
            payload = {**payload, field: command["payload"][field]}
    assert command == {
        "id": command_id, "type": subtype, "target": target, "issuedAt": issued, "origin": "live",
        "userId": "u-actions", "workspaceId": None, "flowId": flow, "flowVersion": 1, "executionId": execution,
        "nodeId": node, "subject": {"type": "contact", "id": "c-act"}, "attempt": 1,
        "cause": {"eventId": sent["id"], "depth": 1}, "payload": payload,
    }  # fmt: skip
    assert (record.topic, record.partition, record.key) == (topic, acted["partition"], b"c-act")
    assert dict(record.headers) == {
        "content-type": b"application/json", "ce_specversion": b"1.0", "ce_id": f"{command_id}.1".encode(),
        "ce_type": subtype.encode(), "ce_source": b"mal", "ce_time": issued.encode(),
    }  # fmt: skip
    assert (step["status"], step["port"], step["commandIds"]) == ("succeeded", "out", [command_id])
    assert issued.endswith("Z")


@pytest.mark.parametrize("ref", [ref for ref, action in ACTIONS.items() if isinstance(action[2], str)])
def test_an_action_without_its_required_id_fails_naming_the_field(acted: dict[str, Any], ref: str) -> None:
    node = node_id(flow_id("u-actions", "actions"), ref)
    step = acted["steps"][node]
    error = step["error"]
    assert (step["status"], step["commandIds"], error["nodeId"]) == ("failed", [], node)
    assert error["field"] == ACTIONS[ref][2]
    assert ACTIONS[ref][2] in error["message"]


def test_the_flow_of_all_actions_ends_partial_with_as_many_commands_as_succeeded(
    lab: Lab, acted: dict[str, Any]
) -> None:
    assert (acted["end"]["status"], acted["end"]["endReason"]) == ("partial", "completed")
    ids = [one for step in acted["steps"].values() for one in step["commandIds"]]
    assert sorted(ids) == sorted(command.json["id"] for command in lab.commands(acted["execution"]))
    assert len(ids) == len([1 for action in ACTIONS.values() if isinstance(action[2], dict)])


def test_actions_about_a_contact_fail_where_the_event_has_none(lab: Lab) -> None:
    sent = event("campaign_created", "u-campaign", campaignId="k-nobody")
    lab.send(sent)
    flow = flow_id("u-campaign", "nobody")
    end = lab.ended(execution_id(flow, sent, ("campaign", "k-nobody")))
    ports = {step["nodeId"]: step for step in end["steps"]}
    for ref, field in {
        "send": "event.contactId", "follow": "event.contactId", "segment": "event.contactId", "tag": "event.contactId",
        "task": "event.releaseId",
    }.items():  # fmt: skip
        assert ports[node_id(flow, ref)]["error"]["field"] == field
    for ref in ("is_in", "has"):
        assert ports[node_id(flow, ref)]["port"] == "false"
    assert (end["status"], end["endReason"]) == ("failed", "completed")
