"""What every node type owes the catalogue: words for people, a schema for forms, an example that works."""

from __future__ import annotations

from typing import Any

import pytest

from engine.nodes.base import ActionType, ConditionType, NodeType, TriggerType
from engine.nodes.configs import check_config
from engine.nodes.registry import node_types
from engine.plan import PlanError, compile_plan
from engine.reading import build_graph
from engine.systems import BY_COMMAND_TYPE, BY_EVENT_TYPE
from engine.validation import validate_graph
from tests.support.driver import FlowDriver
from tests.support.flows import event, version

SEED = {
    "trigger": {
        "email_open", "email_click", "email_reply", "campaign_created", "campaign_status_changed", "asset_uploaded",
        "release_approaching", "manual_trigger", "segment_updated", "contact_added", "schedule",
    },
    "condition": {
        "if_field_match", "if_segment_contains", "if_metric_greater", "if_tag_present", "if_time_elapsed",
        "if_campaign_status", "ab_split", "wait_for_event",
    },
    "action": {
        "send_email_campaign", "schedule_followup", "update_segment", "tag_contact", "create_release_task",
        "notify_user", "update_cmg_node", "log_event", "delay", "run_flow",
    },
}  # fmt: skip

"""The types of the contract (product.md section 4). A type of your own needs no line here."""

KEYS = {
    "email_open": {"campaignId", "campaignIds", "allCampaigns"},
    "email_click": {"campaignId", "campaignIds", "allCampaigns", "linkUrl", "urlContains"},
    "email_reply": {"campaignId", "campaignIds", "allCampaigns", "requiredKeywords"},
    "campaign_created": {"campaignType", "genre"},
    "campaign_status_changed": {"oldStatus", "newStatus", "campaignId"},
    "asset_uploaded": {"assetType"},
    "release_approaching": {"daysUntilRelease", "releaseType"},
    "manual_trigger": set(),
    "segment_updated": {"segmentId", "action"},
    "contact_added": {"source", "requiredTags"},
    "schedule": {"cron", "timezone", "segmentId", "catchUp"},
    "if_field_match": {"field", "operator", "value"},
    "if_segment_contains": {"segmentId", "contactIdField"},
    "if_tag_present": {"tag", "contactIdField"},
    "if_metric_greater": {"metric", "threshold", "campaignIdField", "scope", "windowDays"},
    "if_time_elapsed": {"timestampField", "elapsedSeconds"},
    "if_campaign_status": {"expectedStatus", "campaignIdField"},
    "ab_split": {"variants", "salt"},
    "wait_for_event": {"type", "match", "timeoutSeconds"},
    "send_email_campaign": {
        "name", "subject", "body", "fromEmail", "templateId", "toSegmentId", "toContactIds", "delay",
    },
    "schedule_followup": {"subject", "body", "fromEmail", "delayDays", "campaignIdField"},
    "update_segment": {"segmentId", "action", "contactIdField"},
    "tag_contact": {"tag", "contactIdField"},
    "create_release_task": {"title", "description", "dueDateDays", "releaseIdField"},
    "notify_user": {"message", "notificationType"},
    "update_cmg_node": {"outcome", "logType", "campaignIdField", "contactIdField"},
    "log_event": {"message", "level", "data"},
    "run_flow": {"flowId", "version", "wait"},
    "delay": {"delaySeconds", "until", "untilField"},
}  # fmt: skip

every_type = pytest.mark.parametrize("kind", node_types().values(), ids=node_types().keys())


def test_the_types_of_the_contract_are_there_and_no_other() -> None:
    found: dict[str, set[str]] = {"trigger": set(), "condition": set(), "action": set()}
    for name, kind in node_types().items():
        found[kind.kind].add(name)
    for kind_of_node, names in SEED.items():
        assert names <= found[kind_of_node]


@pytest.mark.parametrize("name", KEYS)
def test_a_type_of_the_contract_has_exactly_the_keys_it_names(name: str) -> None:
    assert {field.alias for field in node_types()[name].config.model_fields.values()} == KEYS[name]


@every_type
def test_it_says_what_it_is(kind: NodeType) -> None:
    assert kind.label
    assert kind.help.endswith(".")
    for name, field in kind.config.model_fields.items():
        assert field.description, f"{kind.name}.{name} has no description"


@every_type
def test_its_form_can_be_drawn(kind: NodeType) -> None:
    schema = kind.config.model_json_schema(by_alias=True)
    assert schema["additionalProperties"] is False
    assert set(schema.get("properties", {})) == {field.alias for field in kind.config.model_fields.values()}


@every_type
def test_its_example_is_valid_and_compiles(kind: NodeType) -> None:
    assert check_config(kind, kind.example)[1] == []
    nodes: dict[str, tuple[str, Any]] = {"n": (kind.name, kind.example)}
    if not isinstance(kind, TriggerType):
        nodes = {"t": ("email_open", {}), **nodes}
    drawn = version(nodes, "t>n" if "t" in nodes else "")
    assert validate_graph(build_graph(drawn.nodes, drawn.edges)).errors == ()
    assert len(compile_plan(drawn).nodes) == len(nodes)


@every_type
def test_its_example_runs_and_fails_only_by_saying_what_is_missing(kind: NodeType) -> None:
    if isinstance(kind, TriggerType):
        return
    driver = FlowDriver(version({"t": ("email_open", {}), "n": (kind.name, kind.example)}, "t>n"))
    driver.send(event("email_open", contactId="c1", campaignId="k1"))
    [step] = driver.steps("n")
    assert step["status"] in {"succeeded", "running", "failed"}
    assert (step["status"] == "failed") == (step["error"] is not None)


@every_type
def test_an_unknown_key_is_refused_with_the_nearest(kind: NodeType) -> None:
    _, faults = check_config(kind, {**kind.example, "campaignIdd": 1})
    assert [path for path, _ in faults] == ["config.campaignIdd"]
    assert 'unknown key "campaignIdd"' in faults[0][1]


def test_events_and_commands_are_those_of_the_systems() -> None:
    for kind in node_types().values():
        if isinstance(kind, TriggerType):
            assert kind.name in {"manual_trigger", "schedule"} or kind.name in BY_EVENT_TYPE
        elif isinstance(kind, ActionType):
            assert kind.command is None or kind.command in BY_COMMAND_TYPE
        else:
            assert isinstance(kind, ConditionType)
            assert kind.ports in {("true", "false"), ("event", "timeout")} or kind.outcomes is not None
            assert (kind.ports == ("event", "timeout")) == (kind.hears(kind.example) is not None)


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ({}, "has 0 triggers"),
        ({"t": ("email_open", {}), "s": ("email_open", {})}, "has 2 triggers"),
        ({"t": ("email_open", {"campaignId": []})}, "node t"),
        ({"t": ("email_open", {}), "n": ("log_event", {"message": "{{ nope }}"})}, "node n"),
    ],
)
def test_a_version_that_is_not_valid_is_refused_by_the_compiler(nodes: Any, words: str) -> None:
    with pytest.raises(PlanError, match=words):
        compile_plan(version(nodes, "t>n" if "n" in nodes else ""))


def test_an_edge_into_the_trigger_is_refused_by_the_compiler() -> None:
    with pytest.raises(PlanError, match="an edge into its trigger"):
        compile_plan(version({"t": ("email_open", {}), "n": ("delay", {"delaySeconds": 1})}, "t>n n>t"))


def test_a_subtype_that_is_gone_is_refused_by_the_compiler() -> None:
    good = version({"t": ("email_open", {}), "n": ("log_event", {"message": "x"})}, "t>n")
    gone = good.model_copy(update={"nodes": (good.nodes[0], good.nodes[1].model_copy(update={"subtype": "gone"}))})
    with pytest.raises(PlanError, match="unknown subtype 'gone'"):
        compile_plan(gone)


def test_steps_show_the_config_they_ran_with() -> None:
    nodes: dict[str, tuple[str, Any]] = {
        "t": ("contact_added", {}), "n": ("log_event", {"message": "{{ event.name }}", "data": {"n": "{{ event.n }}"}}),
        "m": ("log_event", {"message": "as it is"}),
    }  # fmt: skip
    driver = FlowDriver(version(nodes, "t>n n>m"))
    driver.send(event("contact_added", contactId="c1", name="Ada", n=[1, None]))
    assert driver.steps("n")[0]["input"] == {"message": "Ada", "data": {"n": [1, None]}}
    assert driver.steps("m")[0]["input"] == {"message": "as it is"}
