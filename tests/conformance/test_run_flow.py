"""Action run_flow: another flow about the same subject, by its own rules; one family, one set of limits."""

from __future__ import annotations

from typing import Any

import pytest

from engine import ids
from engine.flow import LimitsRecord
from engine.limits import MAX_SUB_FLOWS
from engine.nodes.configs import check_config
from engine.nodes.registry import node_types
from engine.shard_tables import ENTRIES
from engine.types import ExecutionId, FlowId, NodeId, Subject
from tests.support.driver import FlowDriver, plain
from tests.support.flows import opened, version

RUN = ("run_flow", {"flowId": "child"})
NOTE = ("log_event", {"message": "{{ event.campaignId }} {{ contact.id }} {{ trigger.type }} {{ metadata.depth }}"})
TAG = ("tag_contact", {"tag": "vip"})


def parent(nodes: dict[str, Any] | None = None, edges: str = "t>run", **more: Any) -> Any:
    return version({"t": ("email_open", {}), **(nodes or {"run": RUN})}, edges, flow_id="parent", **more)


def child(nodes: dict[str, Any] | None = None, edges: str = "t>note", **more: Any) -> Any:
    return version({"t": ("manual_trigger", {}), **(nodes or {"note": NOTE})}, edges, flow_id="child", **more)


def by_flow(driver: FlowDriver, flow_id: str) -> list[dict[str, Any]]:
    return [record for record in driver.executions if record["flowId"] == flow_id]


def test_it_starts_the_flow_with_the_subject_and_event_of_its_parent() -> None:
    driver = FlowDriver(parent(), child())
    driver.send(opened())
    (mother,), (sub,) = by_flow(driver, "parent"), by_flow(driver, "child")
    assert (mother["status"], sub["status"], sub["origin"]) == ("succeeded", "succeeded", "manual")
    assert sub["subject"] == mother["subject"] == {"type": "contact", "id": "c1"}
    assert driver.steps("note")[0]["output"]["message"] == "k1 c1 manual_trigger 1"


def test_its_ids_are_derived_and_told_to_later_steps() -> None:
    said = ("log_event", {"message": "{{ previousNode.output.executionId }}"})
    driver = FlowDriver(parent({"run": RUN, "said": said}, "t>run run>said"), child())
    driver.send(opened())
    (mother,), (sub,) = by_flow(driver, "parent"), by_flow(driver, "child")
    event_id = ids.sub_flow_event_id(ExecutionId(mother["executionId"]), NodeId("run"), 1)
    assert event_id == ids.derive("f", mother["executionId"], "run", 1)
    assert (sub["trigger"]["eventId"], sub["trigger"]["source"]) == (event_id, "mal")
    assert sub["executionId"] == ids.execution_id(FlowId("child"), "mal", Subject("contact", "c1"), event_id)
    assert driver.steps("said")[0]["output"]["message"] == sub["executionId"]


def test_its_entry_rules_are_its_own() -> None:
    once = child().model_copy(update={"settings": {"entry": {"rule": "once"}}})
    driver = FlowDriver(parent(), once)
    driver.send(opened())
    driver.send(opened())
    assert (len(by_flow(driver, "parent")), len(by_flow(driver, "child"))) == (2, 1)
    assert [(one["reason"], one["flowId"]) for one in driver.decisions] == [("already_entered", "child")]


def test_it_starts_from_a_timer_as_well_and_does_not_keep_its_parent() -> None:
    wait = ("delay", {"delaySeconds": 60})
    driver = FlowDriver(parent({"wait": wait, "run": RUN}, "t>wait wait>run"), child({"long": wait}, "t>long"))
    driver.send(opened())
    driver.advance(60)
    assert by_flow(driver, "parent")[0]["status"] == "succeeded"
    assert by_flow(driver, "child")[0]["status"] == "running"
    driver.advance(60)
    assert by_flow(driver, "child")[0]["status"] == "succeeded"


@pytest.mark.parametrize(
    ("flows", "reason"),
    [([], "not_published"), ([version({"t": ("email_reply", {})}, "", flow_id="child")], "not_manual")],
)
def test_what_cannot_be_started_is_told(flows: list[Any], reason: str) -> None:
    driver = FlowDriver(parent(), *flows)
    driver.send(opened())
    assert [(one["reason"], one["flowId"]) for one in driver.decisions] == [(reason, "child")]
    assert by_flow(driver, "parent")[0]["status"] == "succeeded"


def test_a_flow_that_runs_itself_ends() -> None:
    itself = child({"run": RUN}, "t>run")
    driver = FlowDriver(parent(), itself)
    driver.send(opened())
    assert len(by_flow(driver, "child")) == 10
    assert [one["reason"] for one in driver.decisions] == ["too_deep"]


def test_a_family_has_a_hundred_sub_flows_at_most() -> None:
    two = child({"one": RUN, "two": RUN}, "t>one t>two")
    driver = FlowDriver(parent(), two, limits=[LimitsRecord(kind="user", id="user_001", max_actions_per_execution=999)])
    driver.send(opened())
    assert len(by_flow(driver, "child")) <= MAX_SUB_FLOWS
    stopped = [record for record in driver.executions if record["endReason"] == "limit"]
    assert {record["status"] for record in stopped} == {"partial"}
    assert {(record["error"]["field"], record["error"]["value"]) for record in stopped} == {("maxSubFlows", 100)}


def test_a_family_shares_its_limits_both_ways_and_over_a_restart() -> None:
    limits = [LimitsRecord(kind="user", id="user_001", max_contact_actions=3)]
    wait = ("delay", {"delaySeconds": 60})
    nodes = {"tag": TAG, "run": RUN, "wait": wait, "last": TAG, "end": TAG}
    flows = (parent(nodes, "t>tag tag>run run>wait wait>last last>end"), child({"tag": TAG}, "t>tag"))
    driver = FlowDriver(*flows, limits=limits)
    driver.send(opened())
    assert [len(driver.steps(node)) for node in ("tag", "last")] == [2, 0]
    reopened = FlowDriver(*flows, limits=limits)
    reopened.now_ms = driver.now_ms
    reopened.take_over(driver)
    reopened.advance(60)
    (mother,) = by_flow(reopened, "parent")
    assert len(reopened.commands) == 3
    assert mother["endReason"] == "limit"
    assert (mother["error"]["nodeId"], mother["error"]["field"]) == ("end", "maxContactActions")


def test_executions_of_other_families_share_nothing() -> None:
    limits = [LimitsRecord(kind="user", id="user_001", max_contact_actions=1)]
    driver = FlowDriver(parent(), child({"tag": TAG}, "t>tag"), limits=limits)
    driver.send(opened())
    driver.advance(400 * 86_400)
    driver.send(opened())
    assert [record["status"] for record in by_flow(driver, "child")] == ["succeeded"] * 2


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "config.flowId is missing"),
        ({"flowId": "{{ event.flow }}", "wait": True}, "flowId takes no template together with wait"),
        ({"flowId": "{{ event.flow }}", "version": 2}, "flowId takes no template together with version"),
        ({"flowId": "child", "wait": "{{ event.wait }}"}, "wait takes no template"),
        ({"flowId": "child", "version": "{{ event.version }}"}, "version takes no template"),
        ({"flowId": "child", "version": 0}, "config.version is 0"),
    ],
)
def test_a_config_that_does_not_fit_is_refused(config: dict[str, Any], words: str) -> None:
    _, faults = check_config(node_types()["run_flow"], config)
    assert words in faults[0][1]


def test_a_busy_subject_keeps_the_families_that_moved_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.sub_flows.MAX_FAMILIES", 2)
    long = {"run": RUN, "wait": ("delay", {"delaySeconds": 60}), "tag": TAG}
    driver = FlowDriver(parent(long, "t>run run>wait wait>tag"), child({"tag": TAG}, "t>tag"))
    for _ in range(3):
        driver.send(opened())
    [row] = [plain(row) for key, row in driver.tables.rows[ENTRIES].items() if "families" in key]
    assert list(row) == [record["executionId"] for record in by_flow(driver, "parent")[1:]]
    driver.advance(60)
    assert {record["status"] for record in driver.executions} == {"succeeded"}


@pytest.mark.parametrize("waits", [False, True])
def test_the_context_of_the_event_is_that_of_its_parent(waits: bool) -> None:
    said = ("log_event", {"message": "{{ emailContext.campaignId }} {{ releaseContext.releaseId }}."})
    run = ("run_flow", {"flowId": "child", "wait": waits})
    middle = child({"run": ("run_flow", {"flowId": "last", "wait": waits})}, "t>run")
    last = version({"t": ("manual_trigger", {}), "said": said}, "t>said", flow_id="last")
    driver = FlowDriver(parent({"run": run}), middle, last)
    driver.send(opened())
    assert driver.steps("said")[0]["output"]["message"] == "k1 ."
