"""What each action sends, waits for or writes down, and how it fails."""

from __future__ import annotations

from typing import Any

import pytest

from engine.nodes.base import ActionType
from engine.nodes.configs import check_config
from engine.nodes.registry import node_types
from engine.problems import Validation
from engine.reading import build_graph
from engine.validation import validate_graph
from tests.support.driver import FlowDriver
from tests.support.flows import event, version
from tests.support.owed import check_cases

MAIL = {"subject": "Hi", "body": "Hello", "fromEmail": "a@example.com"}
DAY = 86_400
YEAR = 365.25 * DAY
CONTACT = {"contactId": "c1", "campaignId": "k1"}

SENDS: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("send_email_campaign", MAIL, CONTACT, {**MAIL, "toContactIds": ["c1"]}),
    ("send_email_campaign", {**MAIL, "toSegmentId": "press"}, {"campaignId": "k1"}, {**MAIL, "toSegmentId": "press"}),
    ("send_email_campaign", {**MAIL, "toContactIds": ["a", 7]}, CONTACT, {**MAIL, "toContactIds": ["a", "7"]}),
    (
        "send_email_campaign", {**MAIL, "toContactIds": "{{ event.team }}", "name": "N", "templateId": "x"},
        {**CONTACT, "team": ["a"]}, {"name": "N", **MAIL, "templateId": "x", "toContactIds": ["a"]},
    ),
    (
        "schedule_followup", MAIL, CONTACT,
        {**MAIL, "scheduleAt": "2026-09-21T14:13:20Z", "originalCampaignId": "k1", "toContactIds": ["c1"]},
    ),
    (
        "schedule_followup", {**MAIL, "delayDays": 1.5, "campaignIdField": "event.other"}, CONTACT,
        {**MAIL, "scheduleAt": "2026-09-23T02:13:20Z", "toContactIds": ["c1"]},
    ),
    (
        "schedule_followup", {**MAIL, "delayDays": "{{ event.days }}"}, {**CONTACT, "days": 2},
        {**MAIL, "scheduleAt": "2026-09-23T14:13:20Z", "originalCampaignId": "k1", "toContactIds": ["c1"]},
    ),
    ("update_segment", {"segmentId": "s", "action": "add"}, CONTACT,
     {"contactId": "c1", "segmentId": "s", "action": "add"}),
    ("update_segment", {"segmentId": 5, "action": "remove", "contactIdField": "event.friend"},
     {**CONTACT, "friend": 17}, {"contactId": "17", "segmentId": "5", "action": "remove"}),
    ("update_segment", {"segmentId": "{{ event.s }}", "action": "add"}, {**CONTACT, "s": "x"},
     {"contactId": "c1", "segmentId": "x", "action": "add"}),
    ("tag_contact", {"tag": "vip"}, CONTACT, {"contactId": "c1", "tag": "vip"}),
    ("tag_contact", {"tag": "of-{{ event.campaignId }}"}, CONTACT, {"contactId": "c1", "tag": "of-k1"}),
    ("tag_contact", {"tag": "vip", "contactIdField": "event.friend"}, {**CONTACT, "friend": "c2"},
     {"contactId": "c2", "tag": "vip"}),
    ("create_release_task", {"title": "Call", "description": "", "dueDateDays": 0}, {**CONTACT, "releaseId": "r1"},
     {"releaseId": "r1", "title": "Call", "description": "", "dueDate": "2026-09-21T14:13:20Z"}),
    ("create_release_task", {"title": "Call"}, {**CONTACT, "releaseId": 9}, {"releaseId": "9", "title": "Call"}),
    ("create_release_task", {"title": "Call", "releaseIdField": "event.next"}, {**CONTACT, "next": "r2"},
     {"releaseId": "r2", "title": "Call"}),
    ("notify_user", {"message": "Hi"}, CONTACT, {"userId": "user_001", "message": "Hi", "notificationType": "info"}),
    ("notify_user", {"message": "{{ event.n }}!", "notificationType": "error"}, {**CONTACT, "n": 3},
     {"userId": "user_001", "message": "3!", "notificationType": "error"}),
    ("update_cmg_node", {"outcome": "add"}, CONTACT,
     {"outcome": "add", "logType": "success", "campaignId": "k1", "contactId": "c1"}),
    ("update_cmg_node", {"outcome": "add", "logType": "attempt"}, {"campaignId": "k1"},
     {"outcome": "add", "logType": "attempt", "campaignId": "k1"}),
]  # fmt: skip

WRITES: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ("log_event", {"message": "m"}, CONTACT, {"message": "m", "level": "info"}),
    ("log_event", {"message": "{{ event.campaignId }}", "level": "debug"}, CONTACT,
     {"message": "k1", "level": "debug"}),
    ("log_event", {"message": "m", "level": "warning", "data": {"a": "{{ event.campaignId }}"}}, CONTACT,
     {"message": "m", "level": "warning", "data": {"a": "k1"}}),
]  # fmt: skip

FAILS: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("send_email_campaign", MAIL, {"campaignId": "k1"}, "missing_id", "event.contactId"),
    ("send_email_campaign", {**MAIL, "delay": 60}, {"campaignId": "k1"}, "missing_id", "event.contactId"),
    ("send_email_campaign", {**MAIL, "toContactIds": "{{ event.team }}"}, CONTACT, "bad_config", "toContactIds"),
    ("send_email_campaign", {**MAIL, "toSegmentId": "{{ event.s }}"}, CONTACT, "bad_config", "toSegmentId"),
    ("schedule_followup", MAIL, {"campaignId": "k1"}, "missing_id", "event.contactId"),
    ("update_segment", {"segmentId": "s", "action": "add"}, {"campaignId": "k1"}, "missing_id", "event.contactId"),
    ("update_segment", {"segmentId": "s", "action": "{{ event.a }}"}, {**CONTACT, "a": "x"}, "bad_config", "action"),
    ("tag_contact", {"tag": "x", "contactIdField": "event.y"}, {**CONTACT, "y": [1]}, "missing_id", "event.y"),
    ("tag_contact", {"tag": "{{ event.tag }}"}, CONTACT, "bad_config", "tag"),
    ("create_release_task", {"title": "x"}, CONTACT, "missing_id", "event.releaseId"),
    ("create_release_task", {"title": "x", "releaseIdField": "event.y"}, {**CONTACT, "releaseId": "r", "y": ""},
     "missing_id", "event.y"),
    ("update_cmg_node", {"outcome": "add"}, {"contactId": "c1"}, "missing_id", "event.campaignId"),
    ("log_event", {"message": "{{ event.a | divided_by: 0 }}"}, CONTACT, "template", ""),
    ("delay", {"untilField": "event.at"}, CONTACT, "missing_time", "event.at"),
    ("delay", {"untilField": "event.at"}, {**CONTACT, "at": "soon"}, "bad_time", "event.at"),
    ("delay", {"untilField": "event.at"}, {**CONTACT, "at": ["2026"]}, "bad_time", "event.at"),
    ("delay", {"until": "{{ event.at }}"}, {**CONTACT, "at": "9999-12-31T23:59:59-10:00"}, "bad_config", "until"),
    ("delay", {"delaySeconds": "{{ event.s }}"}, {**CONTACT, "s": "5"}, "bad_config", "delaySeconds"),
]  # fmt: skip


def run(subtype: str, config: dict[str, Any], payload: dict[str, Any], **more: Any) -> FlowDriver:
    driver = FlowDriver(version({"t": ("campaign_status_changed", {}), "n": (subtype, config)}, "t>n", **more))
    driver.send({**event("campaign_status_changed", **payload), "metadata": {"userId": "user_001", **METADATA}})
    return driver


METADATA: dict[str, Any] = {}


@pytest.mark.parametrize(("subtype", "config", "payload", "sent"), SENDS)
def test_an_action_sends(subtype: str, config: dict[str, Any], payload: dict[str, Any], sent: dict[str, Any]) -> None:
    assert check_config(node_types()[subtype], config)[1] == []
    driver = run(subtype, config, payload)
    [command] = driver.commands
    assert (command["type"], command["payload"]) == (subtype, sent)
    assert None not in command["payload"].values()
    [step] = driver.steps("n")
    assert (step["status"], step["commandIds"]) == ("succeeded", [driver.sent[0][1].id])
    assert step["output"]["commandIds"] == step["commandIds"]


@pytest.mark.parametrize(("subtype", "config", "payload", "output"), WRITES)
def test_an_action_writes_into_its_step_and_sends_nothing(
    subtype: str, config: dict[str, Any], payload: dict[str, Any], output: dict[str, Any]
) -> None:
    assert check_config(node_types()[subtype], config)[1] == []
    driver = run(subtype, config, payload)
    [step] = driver.steps("n")
    assert (step["status"], step["output"], driver.commands) == ("succeeded", output, [])


@pytest.mark.parametrize(("subtype", "config", "payload", "code", "field"), FAILS)
def test_an_action_fails(subtype: str, config: dict[str, Any], payload: dict[str, Any], code: str, field: str) -> None:
    assert check_config(node_types()[subtype], config)[1] == []
    driver = run(subtype, config, payload)
    [step] = driver.steps("n")
    assert driver.commands == []
    assert (step["status"], step["port"]) == ("failed", "error")
    assert (step["error"]["code"], step["error"]["field"] or "") == (code, field)
    assert step["error"]["nodeId"] == "n"
    assert field in step["error"]["message"]
    assert driver.executions[0]["status"] == "failed"


def test_every_action_has_three_cases() -> None:
    told_below = ["delay"] * 3 + ["notify_user"] + ["run_flow"] * 3
    cases = [*(case[0] for case in [*SENDS, *WRITES]), *(case[0] for case in FAILS), *told_below]
    for name, kind in node_types().items():
        if isinstance(kind, ActionType):
            check_cases(
                name, cases,
                place="SENDS (it makes a command), WRITES (it only has an output) or FAILS in "
                "tests/conformance/test_actions.py",
                shape="type, config, payload of the event, payload of the command | output | error code and field",
            )  # fmt: skip


def test_the_release_may_be_in_the_metadata(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METADATA, "releaseId", "r9")
    assert run("create_release_task", {"title": "x"}, CONTACT).commands[0]["payload"]["releaseId"] == "r9"
    named = run("create_release_task", {"title": "x", "releaseIdField": "event.y"}, CONTACT)
    assert named.steps("n")[0]["error"]["field"] == "event.y"


def test_nobody_is_told_where_the_flow_has_no_user() -> None:
    flow = version({"t": ("email_open", {}), "n": ("notify_user", {"message": "x"})}, "t>n", user_id=None,
                   workspace_id="w1")  # fmt: skip
    driver = FlowDriver(flow)
    driver.send({**event("email_open", contactId="c1"), "metadata": {"workspaceId": "w1"}})
    assert driver.steps("n")[0]["error"]["field"] == "flow.userId"


@pytest.mark.parametrize(("value", "text"), [(7, "7"), (2.5, "2.5"), (True, "true"), ("7", "7")])
def test_a_number_that_a_template_gives_is_a_text_where_one_is_needed(value: Any, text: str) -> None:
    driver = run("log_event", {"message": "{{ event.n }}", "data": {"n": "{{ event.n }}"}}, {**CONTACT, "n": value})
    assert driver.steps("n")[0]["output"] == {"message": text, "level": "info", "data": {"n": value}}


class TestSendWithADelay:
    def test_waits_like_a_delay_and_then_sends(self) -> None:
        driver = run("send_email_campaign", {**MAIL, "delay": 60}, CONTACT)
        assert driver.executions[0]["waiting"] == [
            {"nodeId": "n", "visit": 1, "until": "2026-09-21T14:14:20Z", "for": "delay"}
        ]
        driver.advance(59)
        assert driver.commands == []
        driver.advance(1)
        assert [command["payload"]["toContactIds"] for command in driver.commands] == [["c1"]]
        assert [step["status"] for step in driver.steps("n")] == ["running", "succeeded"]
        assert driver.sent[0][0].counts.actions == 1

    def test_of_nothing_sends_at_once(self) -> None:
        assert len(run("send_email_campaign", {**MAIL, "delay": 0}, CONTACT).commands) == 1

    def test_goes_to_one_kind_of_recipients(self) -> None:
        _, faults = check_config(
            node_types()["send_email_campaign"], {**MAIL, "toSegmentId": "s", "toContactIds": ["a"], "fromEmail": "me"}
        )
        assert [path for path, _ in faults] == ["config.fromEmail", "config"]
        assert "toSegmentId and toContactIds are both set" in faults[1][1]

    def test_needs_somebody_to_send_to(self) -> None:
        _, faults = check_config(node_types()["send_email_campaign"], {**MAIL, "toContactIds": []})
        assert [path for path, _ in faults] == ["config.toContactIds"]


class TestDelay:
    @pytest.mark.parametrize(
        ("config", "payload", "seconds"),
        [
            ({"delaySeconds": 60}, {}, 60),
            ({"delaySeconds": 0.5}, {}, 0.5),
            ({"delaySeconds": "{{ event.s | times: 60 }}"}, {"s": 2}, 120),
            ({"until": "2026-09-21T14:13:30Z"}, {}, 10),
            ({"until": "{{ event.at }}"}, {"at": "2026-09-21T16:13:30+02:00"}, 10),
            ({"untilField": "event.at"}, {"at": "2026-09-22"}, 35_200),
            ({"delaySeconds": 100 * YEAR}, {}, 100 * YEAR),
        ],
    )
    def test_waits(self, config: dict[str, Any], payload: dict[str, Any], seconds: float) -> None:
        driver = run("delay", config, {**CONTACT, **payload})
        driver.advance(seconds - 0.001)
        assert len(driver.feed) == 1
        driver.advance(0.001)
        assert driver.executions[0]["status"] == "succeeded"

    @pytest.mark.parametrize("config", [{"delaySeconds": 0}, {"until": "2020-01-01"}, {"untilField": "event.at"}])
    def test_of_nothing_or_into_the_past_is_over_at_once(self, config: dict[str, Any]) -> None:
        driver = run("delay", config, {**CONTACT, "at": "2026-09-21T14:13:20Z"})
        assert driver.executions[0]["status"] == "succeeded"
        assert len(driver.feed) == 1

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({}, "none of them is set"),
            ({"delaySeconds": None}, "none of them is set"),
            ({"delaySeconds": 5, "untilField": "event.at"}, "delaySeconds and untilField are set"),
            ({"delaySeconds": "{{ event.s }}", "until": "{{ event.at }}"}, "delaySeconds and until are set"),
            ({"delaySeconds": -1}, "config.delaySeconds is -1"),
            ({"delaySeconds": 101 * YEAR}, "config.delaySeconds"),
            ({"delaySeconds": True}, "config.delaySeconds is true"),
            ({"until": "tomorrow"}, "is no time"),
        ],
    )
    def test_has_exactly_one_end(self, config: dict[str, Any], words: str) -> None:
        _, faults = check_config(node_types()["delay"], config)
        assert len(faults) == 1
        assert words in faults[0][1]


@pytest.mark.parametrize("node", [
    {"subtype": "delay", "config": {"delaySeconds": 2 * YEAR}},
    {"subtype": "send_email_campaign", "config": {**MAIL, "delay": 2 * YEAR}},
])  # fmt: skip
def test_a_wait_longer_than_a_year_is_a_warning(node: dict[str, Any]) -> None:
    nodes = [{"id": "t", "type": "trigger", "subtype": "email_open"}, {"id": "n", "type": "action", **node}]
    found: Validation = validate_graph(build_graph(nodes, [{"sourceNodeId": "t", "targetNodeId": "n"}]))
    assert found.is_valid
    assert "more than a year" in found.warnings[0].message


def test_a_wrong_and_a_templated_value_are_told_apart() -> None:
    kind = node_types()["send_email_campaign"]
    config = {"subject": "{{ event.x }}", "body": 5, "toContactIds": ["{{ event.y }}", True], "delay": "{{ 1 }}"}
    checked, faults = check_config(kind, config)
    assert checked is None
    assert sorted(path for path, _ in faults) == ["config.body", "config.fromEmail", "config.toContactIds[1]"]
    assert ("config.fromEmail", "config.fromEmail is missing") in faults
