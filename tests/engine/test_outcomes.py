"""Failures, limits, repeats, depth, manual starts and archived flows (product.md section 2)."""

from typing import Any

from engine.flow import LimitsRecord
from engine.limits import MAX_STEPS
from engine.types import FlowId, Scope
from tests.support.driver import FlowDriver
from tests.support.flows import event, opened, version

OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
TAG = ("tag_contact", {"tag": "warm"})
TASK = ("create_release_task", {"title": "Call", "description": "", "dueDateDays": 1})
SEND = ("send_email_campaign", {"subject": "Hi", "body": "Hello", "fromEmail": "a@example.com"})


def status(driver: FlowDriver) -> tuple[str, str]:
    return driver.executions[-1]["status"], driver.executions[-1]["endReason"]


def run(nodes: dict[str, Any], edges: str, **more: Any) -> FlowDriver:
    driver = FlowDriver(version(nodes, edges), **more)
    driver.send(opened())
    return driver


def test_a_failed_action_ends_its_branch_and_the_others_go_on() -> None:
    driver = run({"t": OPEN, "task": TASK, "after": TAG, "tag": TAG}, "t>task task>after t>tag")
    assert status(driver) == ("partial", "completed")
    assert [command["type"] for command in driver.commands] == ["tag_contact"]
    [task] = driver.steps("task")
    assert (task["status"], task["error"]["field"]) == ("failed", "event.releaseId")
    assert driver.executions[0]["error"]["nodeId"] == "task"


def test_an_execution_in_which_nothing_worked_has_failed() -> None:
    driver = run({"t": OPEN, "w": ("delay", {"delaySeconds": 0}), "task": TASK}, "t>w w>task")
    assert status(driver) == ("failed", "completed")


def test_an_error_edge_catches_a_failure() -> None:
    driver = run({"t": OPEN, "task": TASK, "never": TAG, "rescue": TAG}, "t>task task>never task>rescue:error")
    assert status(driver) == ("succeeded", "completed")
    assert [step["nodeId"] for step in driver.steps() if step["status"] == "skipped"] == ["never"]
    assert len(driver.commands) == 1


def test_a_limit_ends_the_execution_before_the_action_that_would_pass_it() -> None:
    limits = [LimitsRecord(kind="user", id="user_001", max_external_writes=2)]
    nodes = {"t": OPEN, "w": ("delay", {"delaySeconds": 60}), "a": TAG, "b": TAG, "c": TAG, "d": TAG}
    driver = run(nodes, "t>w t>a a>b b>c c>d", limits=limits)
    assert status(driver) == ("partial", "limit")
    assert len(driver.commands) == 2
    error = driver.executions[0]["error"]
    assert (error["field"], error["value"], error["nodeId"]) == ("maxExternalWrites", 2, "c")
    by_node = {step["nodeId"]: step for step in driver.steps() if step["status"] == "skipped"}
    assert {node: step["reason"] for node, step in by_node.items()} == {"w": "limit", "c": "limit", "d": "unreached"}
    driver.advance(60)
    assert len(driver.feed) == 1


def test_delays_and_messages_to_the_user_have_their_own_rules() -> None:
    limits = [LimitsRecord(kind="user", id="user_001", max_external_writes=1, max_actions_per_execution=3)]
    wait = ("delay", {"delaySeconds": 0})
    tell = ("notify_user", {"message": "x"})
    nodes = {"t": OPEN, "w": wait, "v": wait, "a": tell, "b": tell, "c": TAG}
    driver = run(nodes, "t>w w>v v>a a>b b>c", limits=limits)
    assert status(driver) == ("succeeded", "completed")
    assert len(driver.commands) == 3


def test_contact_actions_count_contacts() -> None:
    limits = [LimitsRecord(kind="user", id="user_001", max_contact_actions=3)]
    many = ("send_email_campaign", {**SEND[1], "toContactIds": ["c1", "c2", "c3", "c4"]})
    driver = run({"t": OPEN, "many": many}, "t>many", limits=limits)
    assert driver.executions[0]["error"]["field"] == "maxContactActions"
    assert driver.commands == []


def test_the_workspace_goes_before_the_user() -> None:
    limits = [
        LimitsRecord(kind="workspace", id="w1", max_actions_per_execution=1),
        LimitsRecord(kind="user", id="user_001", max_actions_per_execution=5, max_external_writes=1),
    ]
    flow = version({"t": OPEN, "a": TAG, "b": TAG}, "t>a a>b", workspace_id="w1")
    driver = FlowDriver(flow, limits=limits)
    driver.send({**opened(), "metadata": {"userId": "user_001", "workspaceId": "w1"}})
    assert driver.executions[0]["error"]["field"] == "maxActionsPerExecution"


def test_the_same_event_again_changes_nothing_and_is_recorded() -> None:
    driver = run({"t": OPEN, "a": TAG}, "t>a")
    again = {**opened(), "id": "event-0"}
    driver.send(again)
    assert len(driver.commands) == 1
    [decision] = driver.decisions
    assert (decision["decision"], decision["reason"], decision["eventId"]) == (
        "suppressed", "duplicate_event", "event-0",
    )  # fmt: skip
    driver.advance(8 * 86_400)
    driver.send(again)
    assert len(driver.commands) == 1
    assert driver.decisions[-1]["flowId"] == "flow-1"


def test_an_event_of_another_scope_reaches_nothing_and_leaves_nothing() -> None:
    driver = FlowDriver(version({"t": OPEN, "a": TAG}, "t>a"))
    driver.send({**opened(), "metadata": {"userId": "somebody else"}})
    driver.send({**opened(), "metadata": {"userId": "user_001", "workspaceId": "w1"}})
    assert driver.feed == []
    assert driver.tables.rows == {}


def test_an_event_without_scope_or_subject_is_unscoped() -> None:
    driver = FlowDriver(version({"t": OPEN, "a": TAG}, "t>a"))
    driver.send({**opened(), "metadata": None})
    driver.send({"type": "email_open", "source": "s", "payload": {}, "metadata": {"workspaceId": "w"}})
    assert [decision["reason"] for decision in driver.decisions] == ["unscoped", "unscoped"]
    assert driver.decisions[1]["subject"] is None


def test_events_deeper_than_ten_are_too_deep() -> None:
    flow = version({"t": ("segment_updated", {}), "a": TAG}, "t>a")
    driver = FlowDriver(flow)
    segment = event("segment_updated", "list_builder", contactId="c1", segmentId="s", action="add")
    driver.send({**segment, "id": "deep", "metadata": {"userId": "user_001", "depth": 11}})
    driver.send({**segment, "id": "deep enough", "metadata": {"userId": "user_001", "depth": 10}})
    assert [decision["reason"] for decision in driver.decisions] == ["too_deep"]
    assert len(driver.commands) == 1


def test_a_manual_trigger_starts_any_published_flow() -> None:
    driver = FlowDriver(version({"t": OPEN, "a": TAG}, "t>a"))
    manual = {**event("manual_trigger", "mal", contactId="c1"), "id": "key-1"}
    driver.trigger("flow-1", manual)
    driver.trigger("flow-1", manual)
    driver.trigger("flow-2", {**manual, "id": "key-2"})
    assert driver.executions[0]["origin"] == "manual"
    assert driver.executions[0]["trigger"]["type"] == "manual_trigger"
    assert [decision["reason"] for decision in driver.decisions] == ["duplicate_event", "not_published"]


def test_flows_start_in_the_order_of_their_ids() -> None:
    flows = [version({"t": OPEN, "a": TAG}, "t>a", flow_id=name) for name in ("b", "c", "a")]
    driver = FlowDriver(*flows)
    driver.send(opened())
    assert [record["flowId"] for record in driver.feed] == ["a", "b", "c"]


def test_a_version_is_in_force_from_its_time_and_running_executions_keep_theirs() -> None:
    wait = ("delay", {"delaySeconds": 60})
    driver = FlowDriver(version({"t": OPEN, "w": wait, "a": TAG}, "t>w w>a"))
    driver.send(opened())
    driver.advance(30)
    driver.publish(version({"t": OPEN, "s": SEND}, "t>s", number=2))
    driver.send({**opened(), "id": "second"})
    driver.advance(60)
    assert [command["type"] for command in driver.commands] == ["send_email_campaign", "tag_contact"]
    assert [record["flowVersion"] for record in driver.executions] == [1, 2]


def test_conditions_see_the_event_that_woke_them() -> None:
    ask = ("if_field_match", {"field": "engagement.openCount", "operator": "equals", "value": 1})
    driver = run({"t": OPEN, "ask": ask, "a": TAG}, "t>ask ask>a:true")
    assert len(driver.commands) == 1


def test_a_late_wait_counts_from_the_wall_clock() -> None:
    driver = FlowDriver(version({"t": OPEN, "w": ("delay", {"delaySeconds": 60}), "a": TAG}, "t>w w>a"))
    driver.late_ms = 3_600_000
    driver.send(opened())
    driver.advance(3_600)
    assert driver.commands == []
    driver.advance(60)
    assert len(driver.commands) == 1
    assert "countedFrom" in driver.steps("w")[0]["notes"]


def test_an_archived_flow_ends_what_runs_and_takes_nothing_new() -> None:
    nodes = {"t": OPEN, "a": TAG, "w": ("delay", {"delaySeconds": 60}), "b": TAG}
    driver = run(nodes, "t>a a>w w>b")
    driver.set_status("flow-1", "archived")
    assert status(driver) == ("succeeded", "archived")
    assert [(step["nodeId"], step["reason"]) for step in driver.feed[-1]["steps"]] == [
        ("w", "archived"), ("b", "unreached"),
    ]  # fmt: skip
    driver.set_status("flow-1", "archived")
    driver.advance(60)
    driver.send({**opened(), "id": "late"})
    assert len(driver.commands) == 1
    assert len(driver.feed) == 2


def test_an_execution_whose_version_is_gone_says_so() -> None:
    nodes = {"t": OPEN, "w": ("delay", {"delaySeconds": 60}), "b": TAG}
    for end in ("timer", "archive"):
        driver = run(nodes, "t>w w>b")
        driver.flow_table.drop_version(FlowId("flow-1"), 1)
        if end == "timer":
            driver.advance(60)
        else:
            driver.set_status("flow-1", "archived")
        assert status(driver) == ("failed", "completed")
        assert driver.executions[0]["error"]["code"] == "version_missing"
        assert driver.tables.rows["executions"] == {}


def test_a_command_that_is_too_large_fails_its_step() -> None:
    driver = run({"t": OPEN, "a": ("notify_user", {"message": "x" * 600_000})}, "t>a")
    [step] = driver.steps("a")
    assert (step["status"], step["error"]["code"]) == ("failed", "command_too_large")
    assert driver.commands == []


def test_limits_can_be_taken_back() -> None:
    driver = FlowDriver(
        version({"t": OPEN, "a": TAG}, "t>a"), limits=[LimitsRecord(kind="user", id="user_001", max_external_writes=1)]
    )
    driver.flow_table.drop_limits(Scope("user", "user_001"))
    driver.send(opened())
    assert status(driver) == ("succeeded", "completed")


def test_a_flow_that_is_forgotten_starts_nothing() -> None:
    driver = FlowDriver(version({"t": OPEN, "a": TAG}, "t>a"))
    driver.flow_table.drop_head(FlowId("flow-1"))
    driver.send(opened())
    assert driver.feed == []


def test_facts_of_every_scope_are_kept_where_that_is_set() -> None:
    driver = FlowDriver(all_facts=True)
    driver.send(opened())
    driver.send(event("made_up", contactId="c1"))
    assert [len(rows) for rows in driver.tables.rows.values()] == [1]


def test_a_manual_start_without_a_scope_is_unscoped() -> None:
    driver = FlowDriver(version({"t": ("manual_trigger", {}), "a": TAG}, "t>a"))
    driver.trigger("flow-1", {**event("manual_trigger", "mal"), "metadata": None})
    assert [decision["reason"] for decision in driver.decisions] == ["unscoped"]


def test_an_event_enters_a_flow_once_ever_however_many_others_do() -> None:
    driver = FlowDriver(version({"t": OPEN, "a": ("log_event", {"message": "x"})}, "t>a"))
    for number in range(200):
        driver.send({**opened(), "id": f"event-{number}"})
    driver.advance(8 * 86_400)
    for number in (0, 100, 199):
        driver.send({**opened(), "id": f"event-{number}"})
    assert len(driver.executions) == 200
    assert [decision["flowId"] for decision in driver.decisions] == ["flow-1"] * 3


def test_a_time_scale_shortens_waits_and_is_told() -> None:
    flow = version({"t": OPEN, "w": ("delay", {"delaySeconds": 604_800}), "a": TAG}, "t>w w>a")
    driver = FlowDriver(flow, time_scale=604_800)
    driver.send(opened())
    driver.advance(1)
    assert len(driver.commands) == 1
    assert driver.steps("w")[0]["notes"] == {"timeScale": 604_800}


def test_no_time_scale_leads_beyond_the_calendar() -> None:
    flow = version({"t": OPEN, "w": ("delay", {"delaySeconds": 3_000_000_000}), "a": TAG}, "t>w w>a")
    driver = FlowDriver(flow, time_scale=0.0001)
    driver.send(opened())
    assert driver.feed[0]["waiting"][0]["until"] == "9999-12-31T23:59:59.999Z"


def test_a_limit_also_skips_what_was_ready_and_what_a_join_held() -> None:
    limits = [LimitsRecord(kind="user", id="user_001", max_external_writes=1)]
    note = ("log_event", {"message": "x"})
    nodes: dict[str, Any] = {"t": OPEN, "j": (*note, {"join": "all"}), "a": TAG, "b": TAG, "c": note}
    driver = run(nodes, "t>a t>b t>c t>j b>j c>j", limits=limits)
    assert status(driver) == ("partial", "limit")
    skipped = {step["nodeId"]: step["reason"] for step in driver.steps() if step["status"] == "skipped"}
    assert skipped == {"b": "limit", "c": "limit", "j": "limit"}


def test_no_execution_goes_round_for_ever() -> None:
    ask = ("if_field_match", {"field": "event.contactId", "operator": "exists"})
    driver = run({"t": OPEN, "a": ask, "b": ask}, "t>a a>b:true b>a:true")
    assert status(driver) == ("partial", "limit")
    error = driver.executions[0]["error"]
    assert (error["field"], error["value"], error["nodeId"]) == ("maxSteps", MAX_STEPS, "b")
    assert driver.steps("a")[-1]["status"] == "succeeded"
    assert [(step["reason"], step["startedAt"]) for step in driver.steps("b")[-1:]] == [("limit", None)]
    assert len(driver.steps()) == MAX_STEPS + 1


def running(driver: FlowDriver) -> list[str]:
    [key] = driver.tables.rows["entries"]
    row = driver.tables.get("entries", key)
    assert row is not None
    return list(row["flow-1"]["running"])


def test_a_subjects_running_executions_are_known_oldest_first() -> None:
    wait = ("delay", {"delaySeconds": 60})
    driver = FlowDriver(version({"t": OPEN, "w": wait, "a": TAG}, "t>w w>a"))
    driver.send(opened())
    driver.advance(30)
    driver.send({**opened(), "id": "second"})
    assert running(driver) == [record["executionId"] for record in driver.executions]
    driver.advance(30)
    assert running(driver) == [driver.executions[1]["executionId"]]
