"""Which outcome each condition names, and what it notes of what it saw."""

from __future__ import annotations

from typing import Any

import pytest

from engine.nodes.base import CONDITION_PORTS, ConditionType
from engine.nodes.configs import check_config
from engine.nodes.registry import node_types
from tests.support.driver import FlowDriver
from tests.support.flows import event, version
from tests.support.owed import check_cases

DAY = 86_400
NOW = "2026-09-21T14:13:20Z"
FIELD = "event.x"
NOTE = ("log_event", {"message": "x"})
COMPARISONS: list[tuple[str, Any, dict[str, Any], str]] = [
    ("equals", 1, {"x": 1.0}, "true"),
    ("equals", 1, {"x": "1"}, "false"),
    ("equals", 1, {"x": True}, "false"),
    ("equals", {"a": [1]}, {"x": {"a": [1.0]}}, "true"),
    ("equals", None, {"x": None}, "true"),
    ("equals", None, {}, "false"),
    ("not_equals", 1, {"x": 2}, "true"),
    ("not_equals", 1, {}, "true"),
    ("not_equals", 1, {"x": 1}, "false"),
    ("contains", "HOUSE", {"x": "deep house"}, "true"),
    ("contains", "techno", {"x": "deep house"}, "false"),
    ("contains", "a", {"x": ["a", "b"]}, "true"),
    ("contains", "A", {"x": ["a", "b"]}, "false"),
    ("contains", 5, {"x": "5"}, "false"),
    ("contains", "a", {}, "false"),
    ("greater_than", 2, {"x": 2.5}, "true"),
    ("greater_than", 2, {"x": 2}, "false"),
    ("greater_than", 2, {"x": "3"}, "false"),
    ("greater_than", 0, {"x": True}, "false"),
    ("less_than", 2, {"x": 1}, "true"),
    ("less_than", 2, {"x": 2}, "false"),
    ("less_than", "b", {"x": "a"}, "false"),
    ("less_than", 2, {}, "false"),
    ("in", ["a", 1], {"x": 1.0}, "true"),
    ("in", ["a", 1], {"x": "1"}, "false"),
    ("not_in", ["a", 1], {"x": "1"}, "true"),
    ("not_in", ["a"], {"x": "a"}, "false"),
    ("not_in", ["a"], {}, "true"),
    ("exists", None, {"x": 0}, "true"),
    ("exists", None, {"x": None}, "false"),
    ("exists", None, {}, "false"),
    ("not_exists", None, {}, "true"),
    ("not_exists", None, {"x": ""}, "false"),
    ("starts_with", "Re:", {"x": "Re: track"}, "true"),
    ("starts_with", "Re:", {"x": "track"}, "false"),
    ("starts_with", "R", {"x": 5}, "false"),
    ("ends_with", "?", {"x": "really?"}, "true"),
    ("ends_with", "?", {}, "false"),
    ("matches", "^(yes|sure)", {"x": "sure thing"}, "true"),
    ("matches", "^(yes|sure)", {"x": "not sure"}, "false"),
    ("matches", ".*", {"x": 5}, "false"),
]
CASES: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    *(
        ("if_field_match", {"field": FIELD, "operator": operator, "value": value}, payload, port)
        for operator, value, payload, port in COMPARISONS
    ),
    ("if_field_match", {"field": "event.tags.1", "operator": "equals", "value": "b"}, {"tags": ["a", "b"]}, "true"),
    ("if_field_match", {"field": "event.tags.7", "operator": "exists"}, {"tags": ["a", "b"]}, "false"),
    ("if_field_match", {"field": "event.replied", "operator": "equals", "value": False}, {}, "true"),
    ("if_field_match", {"field": "event.replied", "operator": "equals", "value": "x"}, {"replied": "x"}, "true"),
    ("if_field_match", {"field": "event.replied.deep", "operator": "exists"}, {}, "false"),
    ("if_field_match", {"field": FIELD, "operator": "equals", "value": "{{ event.y }}"}, {"x": [1], "y": [1]}, "true"),
    ("if_segment_contains", {"segmentId": "s1"}, {}, "true"),
    ("if_segment_contains", {"segmentId": "s2"}, {}, "false"),
    ("if_segment_contains", {"segmentId": "s1", "contactIdField": "event.other"}, {"other": "c2"}, "false"),
    ("if_segment_contains", {"segmentId": "s1", "contactIdField": "event.other"}, {}, "false"),
    ("if_tag_present", {"tag": "vip"}, {}, "true"),
    ("if_tag_present", {"tag": "nobody"}, {}, "false"),
    ("if_tag_present", {"tag": "from-event"}, {"tags": ["from-event"]}, "true"),
    ("if_tag_present", {"tag": "vip", "contactIdField": "event.other"}, {"other": "c2"}, "false"),
    ("if_tag_present", {"tag": "from-event", "contactIdField": "event.other"}, {"tags": ["from-event"]}, "false"),
    ("if_metric_greater", {"metric": "openRate", "threshold": 0.25}, {}, "true"),
    ("if_metric_greater", {"metric": "openRate", "threshold": 0.3}, {}, "false"),
    ("if_metric_greater", {"metric": "totalReplied", "threshold": 0}, {}, "false"),
    ("if_metric_greater", {"metric": "totalReplied", "threshold": -1}, {}, "true"),
    ("if_metric_greater", {"metric": "plays", "threshold": 6}, {}, "true"),
    ("if_metric_greater", {"metric": "openRate", "threshold": 0.1, "campaignIdField": "event.other"}, {}, "false"),
    ("if_metric_greater", {"metric": "totalOpened", "threshold": 1, "scope": "contact"}, {}, "true"),
    ("if_metric_greater", {"metric": "openCount", "threshold": 2, "scope": "contact"}, {}, "false"),
    ("if_metric_greater", {"metric": "openCount", "threshold": 0, "scope": "contact", "windowDays": 3}, {}, "true"),
    ("if_metric_greater", {"metric": "openCount", "threshold": 1, "scope": "contact", "windowDays": 3}, {}, "false"),
    ("if_metric_greater", {"metric": "openCount", "threshold": 1, "scope": "contact", "windowDays": 7}, {}, "true"),
    ("if_time_elapsed", {"timestampField": FIELD, "elapsedSeconds": 60}, {"x": "2026-09-26T14:12:20Z"}, "true"),
    ("if_time_elapsed", {"timestampField": FIELD, "elapsedSeconds": 60}, {"x": "2026-09-26T14:12:21Z"}, "false"),
    ("if_time_elapsed", {"timestampField": FIELD, "elapsedSeconds": 0}, {"x": "2026-09-26"}, "true"),
    ("if_time_elapsed", {"timestampField": FIELD, "elapsedSeconds": 0}, {"x": "yesterday"}, "false"),
    ("if_time_elapsed", {"timestampField": FIELD, "elapsedSeconds": 0}, {"x": 5}, "false"),
    ("if_time_elapsed", {"timestampField": FIELD, "elapsedSeconds": 0}, {}, "false"),
    ("if_campaign_status", {"expectedStatus": "active"}, {}, "true"),
    ("if_campaign_status", {"expectedStatus": "draft"}, {}, "false"),
    ("if_campaign_status", {"expectedStatus": "active", "campaignIdField": "event.other"}, {"other": "?"}, "false"),
    ("if_campaign_status", {"expectedStatus": "active", "campaignIdField": "event.other"}, {}, "false"),
    ("ab_split", {"variants": [{"label": "a"}, {"label": "b"}], "salt": "x"}, {}, "b"),
    ("ab_split", {"variants": [{"label": "a"}, {"label": "b"}], "salt": "x"}, {"contactId": "c2"}, "a"),
    ("ab_split", {"variants": [{"label": "a"}, {"label": "b", "weight": 0}], "salt": "x"}, {}, "a"),
]


def driver_of(subtype: str, config: dict[str, Any]) -> FlowDriver:
    """A shard that knows something of contact c1 and campaign k1, five days after the clock started."""
    driver = FlowDriver(version({"t": ("segment_updated", {"segmentId": "go"}), "ask": (subtype, config), "yes": NOTE},
                                "t>ask ask>yes:true"))  # fmt: skip
    driver.send(event("contact_added", contactId="c1", tags=["vip"]))
    driver.send(event("segment_updated", contactId="c1", segmentId="s1", action="add"))
    driver.send(event("campaign_status_changed", campaignId="k1", newStatus="active"))
    driver.send(event("campaign_metrics_updated", campaignId="k1", metrics={"openRate": 0.3, "plays": 7}))
    driver.send(event("email_open", contactId="c1", campaignId="k1"))
    driver.advance(4 * DAY)
    driver.send(event("email_open", contactId="c1", campaignId="k2"))
    driver.advance(DAY)
    return driver


def asked(subtype: str, config: dict[str, Any], payload: dict[str, Any]) -> dict[str, Any]:
    """The step of a condition."""
    driver = driver_of(subtype, config)
    driver.send(event("segment_updated", **{"contactId": "c1", "campaignId": "k1", "segmentId": "go", **payload}))
    [step] = driver.steps("ask")
    return dict(step)


@pytest.mark.parametrize(("subtype", "config", "payload", "port"), CASES)
def test_a_condition_names(subtype: str, config: dict[str, Any], payload: dict[str, Any], port: str) -> None:
    assert check_config(node_types()[subtype], config)[1] == []
    step = asked(subtype, config, payload)
    assert (step["status"], step["port"], step["output"]) == ("succeeded", port, {"result": port})


def test_every_condition_has_three_cases() -> None:
    for name, kind in node_types().items():
        if isinstance(kind, ConditionType) and kind.ports == CONDITION_PORTS:
            check_cases(
                name, (case[0] for case in CASES), place="CASES in tests/conformance/test_conditions.py",
                shape="type, config, payload of the event, port",
            )  # fmt: skip


def test_a_tag_this_execution_set_is_there_at_once() -> None:
    nodes = {
        "t": ("email_open", {}), "tag": ("tag_contact", {"tag": "new"}), "ask": ("if_tag_present", {"tag": "new"}),
        "other": ("tag_contact", {"tag": "theirs", "contactIdField": "event.friend"}),
        "theirs": ("if_tag_present", {"tag": "theirs"}),
    }  # fmt: skip
    driver = FlowDriver(version(nodes, "t>tag tag>ask ask>other other>theirs"))
    driver.send(event("email_open", contactId="c1", friend="c2"))
    assert [step["port"] for step in driver.steps("ask") + driver.steps("theirs")] == ["true", "false"]


@pytest.mark.parametrize(
    "config", [{"metric": "openrate", "threshold": 1}, {"metric": "openRate", "threshold": 1, "scope": "contact"}]
)
def test_a_metric_nobody_reports_fails_the_step(config: dict[str, Any]) -> None:
    step = asked("if_metric_greater", config, {})
    assert (step["status"], step["port"], step["error"]["code"]) == ("failed", "error", "unknown_metric")
    assert (step["error"]["field"], step["error"]["value"]) == ("metric", config["metric"])


def test_a_metric_of_a_contact_is_0_where_the_subject_is_none() -> None:
    ask = ("if_metric_greater", {"metric": "openCount", "threshold": 0, "scope": "contact", "windowDays": 2})
    driver = FlowDriver(version({"t": ("campaign_created", {}), "ask": ask}, "t>ask"))
    driver.send(event("campaign_created", campaignId="k1"))
    assert driver.steps("ask")[0]["port"] == "false"


def test_elapsed_time_is_scaled() -> None:
    ask = ("if_time_elapsed", {"timestampField": "event.at", "elapsedSeconds": 600})
    driver = FlowDriver(version({"t": ("email_open", {}), "ask": ask}, "t>ask"), time_scale=60)
    driver.send(event("email_open", contactId="c1", at=NOW))
    driver.advance(10)
    driver.send(event("email_open", contactId="c1", at=NOW))
    assert [step["port"] for step in driver.steps("ask")] == ["false", "true"]


def test_what_was_seen_and_what_was_missing_is_noted() -> None:
    match = {"field": FIELD, "operator": "equals", "value": 1}
    assert asked("if_field_match", match, {"x": 2})["notes"] == {"saw": {FIELD: 2}}
    assert asked("if_field_match", match, {})["notes"] == {"missing": [FIELD]}
    assert "notes" not in asked("if_field_match", {"field": FIELD, "operator": "not_exists"}, {})
    other = asked("if_tag_present", {"tag": "vip", "contactIdField": "event.other"}, {"other": "c2"})
    assert other["notes"]["saw"]["event.other"]["readable"] is False
    for long in ("x" * 5_000, ["x" * 50] * 50):
        assert len(asked("if_field_match", match, {"x": long})["notes"]["saw"][FIELD]) == 201


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"operator": "equals"}, "value is missing; equals compares with it"),
        ({"operator": "in", "value": "a"}, "value must be a list for in, it is 'a'"),
        ({"operator": "matches", "value": 5}, "value must be a regular expression for matches, it is 5"),
        ({"operator": "matches", "value": "(a"}, "is no regular expression"),
        ({"operator": "matches", "value": "a" * 2_000}, "a pattern of 2000 characters"),
        ({"operator": "is", "value": 1}, 'config.operator is "is"'),
        ({"field": "evnt.x", "operator": "exists"}, "unknown root 'evnt'"),
        ({"field": "event..x", "operator": "exists"}, "has an empty part"),
        ({"operator": ["in"], "value": 1}, "config.operator is an array"),
    ],
)
def test_a_comparison_that_makes_no_sense_is_refused_at_publish(config: dict[str, Any], words: str) -> None:
    _, faults = check_config(node_types()["if_field_match"], {"field": FIELD, **config})
    assert len(faults) == 1
    assert words in faults[0][1]


def test_a_templated_value_is_checked_when_it_is_rendered() -> None:
    config = {"field": "event.x", "operator": "matches", "value": "{{ event.pattern }}"}
    assert check_config(node_types()["if_field_match"], config) == (None, [])
    assert asked("if_field_match", config, {"x": "abc", "pattern": "b"})["port"] == "true"
    failed = asked("if_field_match", config, {"x": "abc", "pattern": "("})
    assert (failed["status"], failed["error"]["code"]) == ("failed", "bad_config")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"windowDays": 7}, "windowDays goes with scope contact"),
        ({"scope": "contact", "campaignIdField": "event.campaignId"}, "campaignIdField goes with scope campaign"),
        ({"scope": "contact", "windowDays": 0}, "windowDays is 0"),
    ],
)
def test_metric_keys_that_do_not_go_together_are_refused(config: dict[str, Any], words: str) -> None:
    _, faults = check_config(node_types()["if_metric_greater"], {"metric": "openCount", "threshold": 1, **config})
    assert len(faults) == 1
    assert words in faults[0][1]
