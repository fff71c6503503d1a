"""Action run_flow that waits: the child's end is an input of its parent, and any end of the parent cancels it."""

from __future__ import annotations

from typing import Any

import pytest

from engine import entered
from engine.flow import LimitsRecord
from tests.support.driver import FlowDriver
from tests.support.flows import event, opened, version

Flow = dict[str, Any]
WAITED = ("run_flow", {"flowId": "child", "wait": True})
LONG = ("delay", {"delaySeconds": 60})
NOTE = ("log_event", {"message": "in {{ event.campaignId }}"})
SAID = ("log_event", {"message": "{{ steps.run.output.status }} {{ steps.run.output.steps.note.output.message }}"})
TAG = ("tag_contact", {"tag": "vip"})
FAILS = ("create_release_task", {"title": "a task for no release"})


def parent(nodes: Flow | None = None, edges: str = "t>run run>said", **more: Any) -> Any:
    drawn = nodes or {"run": WAITED, "said": SAID}
    return version({"t": ("email_open", {}), **drawn}, edges, flow_id=more.pop("flow_id", "parent"), **more)


def child(nodes: Flow | None = None, edges: str = "t>long long>note", **more: Any) -> Any:
    drawn = nodes or {"long": LONG, "note": NOTE}
    flow_id = more.pop("flow_id", "child")
    return version({"t": ("manual_trigger", {}), **drawn}, edges, flow_id=flow_id, **more)


def newest(driver: FlowDriver, flow_id: str) -> Flow:
    return [record for record in driver.executions if record["flowId"] == flow_id][-1]


def ran(driver: FlowDriver, node: str) -> list[Flow]:
    return [step for step in driver.steps(node) if step["status"] == "succeeded"]


def test_the_branch_goes_on_when_the_child_has_ended_and_reads_its_outputs() -> None:
    driver = FlowDriver(parent(), child())
    driver.send(opened())
    mother, sub = newest(driver, "parent"), newest(driver, "child")
    assert (mother["status"], mother["waiting"]) == ("running", [{"nodeId": "run", "visit": 1, "for": "child"}])
    assert (sub["status"], sub["origin"], sub["trigger"]["source"]) == ("running", "live", "mal")
    driver.advance(60)
    assert driver.steps("said")[0]["output"]["message"] == "succeeded in k1"
    output = driver.steps("run")[-1]["output"]
    assert (output["flowId"], output["version"], output["executionId"]) == ("child", 1, sub["executionId"])
    assert newest(driver, "parent")["status"] == newest(driver, "child")["status"] == "succeeded"


def test_a_child_that_ends_at_once_is_waited_for_within_the_same_input() -> None:
    driver = FlowDriver(parent(), child({"note": NOTE}, "t>note"))
    driver.send(opened())
    assert [(one["flowId"], one["seq"], one["status"]) for one in driver.feed] == [
        ("parent", 1, "running"), ("child", 1, "succeeded"), ("parent", 2, "succeeded"),
    ]  # fmt: skip
    assert {one["input"]["offset"] for one in driver.feed} == {0}


@pytest.mark.parametrize("labels", ["run>said:error", "run>said"])
def test_a_child_that_failed_has_failed_the_step(labels: str) -> None:
    said = ("log_event", {"message": "{{ previousNode.output.error.message }}"})
    driver = FlowDriver(parent({"run": WAITED, "said": said}, f"t>run {labels}"), child({"task": FAILS}, "t>task"))
    driver.send(opened())
    mother = newest(driver, "parent")
    assert newest(driver, "child")["status"] == "failed"
    assert driver.steps("run")[-1]["error"]["code"] == "sub_flow_failed"
    if ":error" in labels:
        assert "event.releaseId" in driver.steps("said")[-1]["output"]["message"]
        assert mother["status"] == "succeeded"
    else:
        assert (mother["status"], mother["error"]["code"]) == ("failed", "sub_flow_failed")


def test_a_child_that_somebody_cancels_has_failed_the_step() -> None:
    driver = FlowDriver(parent(), child())
    driver.send(opened())
    driver.control("cancel", newest(driver, "child")["executionId"])
    assert newest(driver, "child")["status"] == "cancelled"
    assert "was cancelled" in driver.steps("run")[-1]["error"]["message"]
    assert newest(driver, "parent")["status"] == "failed"


@pytest.mark.parametrize("end", ["cancel", "archive", "exit", "goal", "limit", "version"])
def test_any_end_of_the_parent_cancels_the_child(end: str) -> None:
    settings = {
        "exit": {"exitWhen": [{"event": {"type": "email_reply"}}]},
        "goal": {"goal": {"event": {"type": "email_reply"}, "exit": True}},
    }.get(end, {})
    more = {"wait": ("delay", {"delaySeconds": 30}), "tag": TAG} if end == "limit" else {}
    edges = "t>run run>said t>wait wait>tag" if more else "t>run run>said"
    mother = parent({"run": WAITED, "said": SAID, **more}, edges, settings=settings)
    limits = [LimitsRecord(kind="user", id="user_001", max_actions_per_execution=1)] if end == "limit" else []
    driver = FlowDriver(mother, child(), limits=limits)
    driver.send(opened())
    if end == "cancel":
        driver.control("cancel", newest(driver, "parent")["executionId"])
    elif end == "archive":
        driver.archive("parent")
    elif end == "limit":
        driver.advance(30)
    elif end == "version":
        driver.publish(parent(number=2), policy="exit")
    else:
        driver.send(event("email_reply", contactId="c1", campaignId="k1"))
    reasons = {"cancel": "cancelled", "archive": "archived", "exit": "exited", "version": "version_exit"}
    assert newest(driver, "parent")["endReason"] == reasons.get(end, end)
    assert (newest(driver, "child")["status"], newest(driver, "child")["endReason"]) == ("cancelled", "cancelled")
    driver.advance(120)
    assert ran(driver, "note") == ran(driver, "said") == []
    assert [one["flowId"] for one in driver.feed[-2:]] == ["parent", "child"], "its end moves its parent no more"


def test_a_cancel_goes_down_to_the_last_generation() -> None:
    middle = child({"run": ("run_flow", {"flowId": "last", "wait": True})}, "t>run")
    driver = FlowDriver(parent(), middle, child(flow_id="last"))
    driver.send(opened())
    driver.control("cancel", newest(driver, "parent")["executionId"])
    ended = [(one["flowId"], one["status"]) for one in driver.feed if one["status"] == "cancelled"]
    assert ended == [("parent", "cancelled"), ("child", "cancelled"), ("last", "cancelled")]


def test_a_child_whose_parent_ends_within_the_same_input_never_begins() -> None:
    limits = [LimitsRecord(kind="user", id="user_001", max_actions_per_execution=1)]
    driver = FlowDriver(parent({"run": WAITED, "tag": TAG}, "t>run t>tag"), child(), limits=limits)
    driver.send(opened())
    assert [(one["flowId"], one["endReason"]) for one in driver.feed] == [("parent", "limit")]
    assert {step["nodeId"]: step.get("reason") for step in driver.steps()}["run"] == "limit"


def test_entry_rules_and_holdout_are_not_asked_but_later_entries_are_counted_with_it() -> None:
    once = child({"note": NOTE}, "t>note", settings={"entry": {"rule": "once"}, "holdout": {"percent": 100}})
    driver = FlowDriver(parent(), once)
    driver.send(opened())
    driver.send(opened())
    assert [record["status"] for record in driver.executions] == ["succeeded"] * 4
    driver.publish(child({"note": NOTE}, "t>note", number=2, settings={"entry": {"rule": "once"}}))
    driver.trigger("child", event("manual_trigger", source="api", contactId="c1"))
    assert [one["reason"] for one in driver.decisions] == ["already_entered"]


def test_exit_rules_of_the_parent_are_asked_before_the_end_of_its_child() -> None:
    late = {"subtype": "if_time_elapsed", "config": {"timestampField": "trigger.timestamp", "elapsedSeconds": 60}}
    driver = FlowDriver(parent(settings={"exitWhen": [{"condition": late}]}), child())
    driver.send(opened())
    driver.advance(60)
    assert newest(driver, "child")["status"] == "succeeded"
    assert newest(driver, "parent")["endReason"] == "exited"
    assert ran(driver, "said") == []


def test_an_event_that_ends_the_child_is_not_heard_by_the_wait_that_opens_in_the_parent() -> None:
    reply = {"type": "email_reply", "timeoutSeconds": 600}
    waits = ("wait_for_event", reply)
    driver = FlowDriver(
        parent({"run": WAITED, "again": waits}, "t>run run>again", flow_id="z-parent"),
        child({"wait": waits, "note": NOTE}, "t>wait wait>note:event"),
    )
    driver.send(opened())
    driver.send(event("email_reply", contactId="c1", campaignId="k1"))
    mother = newest(driver, "z-parent")
    assert newest(driver, "child")["status"] == "succeeded"
    assert [wait["nodeId"] for wait in mother["waiting"]] == ["again"]
    driver.send(event("email_reply", contactId="c1", campaignId="k1"))
    assert newest(driver, "z-parent")["status"] == "succeeded"


def test_a_child_that_ends_with_its_parent_does_not_hear_the_event_that_ended_it() -> None:
    waits = ("wait_for_event", {"type": "email_reply", "timeoutSeconds": 600})
    exits = {"exitWhen": [{"event": {"type": "email_reply"}}]}
    driver = FlowDriver(parent(settings=exits), child({"wait": waits, "tag": TAG}, "t>wait wait>tag:event"))
    driver.send(opened())
    driver.send(event("email_reply", contactId="c1", campaignId="k1"))
    assert driver.commands == []
    assert newest(driver, "child")["status"] == "cancelled"


def test_a_family_shares_its_limits() -> None:
    limits = [LimitsRecord(kind="user", id="user_001", max_contact_actions=2)]
    nodes = {"tag": TAG, "run": WAITED, "end": TAG}
    driver = FlowDriver(parent(nodes, "t>tag tag>run run>end"), child({"tag": TAG}, "t>tag"), limits=limits)
    driver.send(opened())
    assert len(driver.commands) == 2
    mother = newest(driver, "parent")
    assert (mother["status"], mother["error"]["nodeId"]) == ("partial", "end")


def test_a_flow_that_waits_for_itself_ends() -> None:
    itself = child({"run": WAITED}, "t>run")
    driver = FlowDriver(parent(), itself)
    driver.send(opened())
    assert [record["status"] for record in driver.executions] == ["failed"] * 11
    assert driver.steps("run")[10]["status"] == "running"
    assert driver.steps("run")[11]["error"]["code"] == "too_deep"


def test_the_version_that_is_named_runs_to_its_end_whatever_was_published_before() -> None:
    pinned = ("run_flow", {"flowId": "child", "version": 1, "wait": True})
    first = child({"long": LONG, "note": ("log_event", {"message": "first"})})
    second = child({"long": LONG, "note": ("log_event", {"message": "second"})}, number=2)
    for policy in ("pin", "migrate", "exit"):
        driver = FlowDriver(parent({"run": pinned, "said": SAID}), first)
        driver.publish(second, policy=policy)
        driver.advance(10)
        driver.send(opened())
        driver.advance(60)
        assert driver.steps("said")[-1]["output"]["message"] == "succeeded first", policy


def test_a_version_that_is_published_while_the_child_runs_is_for_it_as_well() -> None:
    pinned = ("run_flow", {"flowId": "child", "version": 1, "wait": True})
    second = child({"long": LONG, "note": ("log_event", {"message": "second"})}, number=2)
    driver = FlowDriver(parent({"run": pinned, "said": SAID}), child())
    driver.send(opened())
    driver.advance(10)
    driver.publish(second, policy="migrate")
    driver.advance(60)
    assert driver.steps("said")[-1]["output"]["message"] == "succeeded second"


def test_a_version_is_named_without_waiting_as_well() -> None:
    pinned = ("run_flow", {"flowId": "child", "version": 1})
    driver = FlowDriver(parent({"run": pinned}, "t>run"), child({"note": NOTE}, "t>note"))
    driver.publish(child({"note": TAG}, "t>note", number=2))
    driver.send(opened())
    driver.pause("child")
    driver.send(opened())
    driver.resume("child")
    assert [record["flowVersion"] for record in driver.executions if record["flowId"] == "child"] == [1, 1]
    assert driver.commands == []


@pytest.mark.parametrize(
    ("flows", "code", "words"),
    [
        ([], "sub_flow_not_published", "flow child is not there"),
        ([child(user_id="user_002")], "sub_flow_not_published", "flow child is not there"),
        ([version({"t": ("email_reply", {})}, "", flow_id="child")], "not_manual", "is started by something else"),
    ],
)
def test_what_cannot_be_started_fails_the_step(flows: list[Any], code: str, words: str) -> None:
    driver = FlowDriver(parent(), *flows)
    driver.send(opened())
    error = driver.steps("run")[-1]["error"]
    assert (error["code"], error["field"], error["value"]) == (code, "config.flowId", "child")
    assert words in error["message"]
    assert newest(driver, "parent")["status"] == "failed"


def test_another_tenants_flow_is_not_started_without_waiting_either() -> None:
    driver = FlowDriver(parent({"run": ("run_flow", {"flowId": "child"})}, "t>run"), child(user_id="user_002"))
    driver.send(opened())
    assert [(one["reason"], one["flowId"]) for one in driver.decisions] == [("not_published", "child")]
    assert [record["flowId"] for record in driver.executions] == ["parent"]


def test_an_archived_flow_is_not_started() -> None:
    driver = FlowDriver(parent(), child())
    driver.archive("child")
    driver.send(opened())
    assert "flow child is archived, not published" in driver.steps("run")[-1]["error"]["message"]


def test_a_paused_child_is_held_before_its_first_node_and_goes_on_with_the_resume() -> None:
    driver = FlowDriver(parent(), child({"note": NOTE}, "t>note"))
    driver.pause("child")
    driver.send(opened())
    assert (newest(driver, "child")["status"], newest(driver, "parent")["status"]) == ("paused", "running")
    driver.resume("child")
    assert newest(driver, "parent")["status"] == "succeeded"


def test_a_paused_parent_is_held_after_its_child_has_ended() -> None:
    driver = FlowDriver(parent(), child())
    driver.send(opened())
    driver.control("pause", newest(driver, "parent")["executionId"])
    driver.advance(60)
    assert newest(driver, "child")["status"] == "succeeded"
    assert (newest(driver, "parent")["status"], driver.steps("said")) == ("paused", [])
    driver.control("resume", newest(driver, "parent")["executionId"])
    assert driver.steps("said")[0]["output"]["message"] == "succeeded in k1"


def test_a_retry_of_the_parent_retries_the_child_that_failed() -> None:
    task = ("create_release_task", {"title": "{{ contact.firstName }}", "releaseIdField": "contact.releaseId"})
    driver = FlowDriver(parent(), child({"note": NOTE, "task": task}, "t>task task>note"), all_facts=True)
    driver.send(opened())
    assert newest(driver, "parent")["status"] == "failed"
    told: Flow = {"entityType": "contact", "entityId": "c1", "attributes": {"releaseId": "r1", "firstName": "Ann"}}
    driver.send(event("context_updated", source="fusion_layer", **told))
    driver.control("retry", newest(driver, "parent")["executionId"])
    assert newest(driver, "child")["status"] == newest(driver, "parent")["status"] == "succeeded"
    assert driver.steps("said")[-1]["output"]["message"] == "succeeded in k1"
    assert len({record["executionId"] for record in driver.executions}) == 2
    ids = [(command.id, command.attempt) for _, command in driver.sent]
    assert len(ids) == len(set(ids))


def test_a_retry_cannot_run_a_child_again_that_was_cancelled() -> None:
    driver = FlowDriver(parent(), child())
    driver.send(opened())
    driver.control("cancel", newest(driver, "child")["executionId"])
    driver.control("retry", newest(driver, "parent")["executionId"])
    assert driver.steps("run")[-1]["error"]["code"] == "sub_flow_ended"
    assert newest(driver, "parent")["status"] == "failed"


def test_a_retry_starts_a_child_that_could_not_be_started_before() -> None:
    driver = FlowDriver(parent())
    driver.send(opened())
    driver.publish(child({"note": NOTE}, "t>note"))
    driver.control("retry", newest(driver, "parent")["executionId"])
    assert newest(driver, "parent")["status"] == "succeeded"


def test_a_child_whose_version_is_gone_fails_the_step() -> None:
    driver = FlowDriver(parent(), child())
    driver.send(opened())
    driver.flow_table.drop_version(child().flow_id, 1)
    driver.advance(60)
    assert newest(driver, "child")["error"]["code"] == "version_missing"
    assert driver.steps("run")[-1]["error"]["code"] == "sub_flow_failed"


def test_a_parent_whose_version_is_gone_leaves_no_child_behind() -> None:
    exits = {"exitWhen": [{"event": {"type": "email_reply"}}]}
    driver = FlowDriver(parent(), child())
    driver.publish(parent(settings=exits, number=2))
    driver.advance(1)
    driver.flow_table.drop_version(parent().flow_id, 2)
    driver.publish(parent(settings=exits, number=2))
    driver.send(opened())
    driver.flow_table.drop_version(parent().flow_id, 2)
    driver.control("pause", newest(driver, "parent")["executionId"])
    assert newest(driver, "parent")["error"]["code"] == "version_missing"
    assert newest(driver, "child")["status"] == "cancelled"


def test_a_large_output_is_left_out_and_marked() -> None:
    large = ("log_event", {"message": "x" * 40_000})
    driver = FlowDriver(parent({"run": WAITED}, "t>run"), child({"one": large, "two": large}, "t>one one>two"))
    seen: list[Any] = []
    driver.send(opened())
    seen = [step["output"] for step in driver.steps("run") if step["status"] == "succeeded"]
    assert [one.get("truncated", False) for one in seen[0]["steps"].values()] == [False, True]


def test_it_outlives_a_restart() -> None:
    flows = (parent(), child())
    driver = FlowDriver(*flows)
    driver.send(opened())
    reopened = FlowDriver(*flows)
    reopened.now_ms = driver.now_ms
    reopened.take_over(driver)
    reopened.advance(60)
    assert newest(reopened, "parent")["status"] == "succeeded"


def test_a_child_that_would_be_one_too_many_of_its_subject_fails_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entered, "MOST_RUNNING", 1)
    driver = FlowDriver(parent(), child())
    driver.trigger("child", event("manual_trigger", "mal", contactId="c1"))
    driver.send(opened())
    assert driver.steps("run")[-1]["error"]["code"] == "sub_flow_max_running"
