"""What people have one execution do: pause, resume, cancel, retry (product.md section 2, Commands and answers)."""

from typing import Any

from engine.retrying import KEPT_MS
from engine.shard_tables import EXECUTIONS
from engine.wire import rfc3339
from tests.support.driver import FlowDriver
from tests.support.flows import event, opened, version

OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
NOTE = ("log_event", {"message": "here"})
TAG = ("tag_contact", {"tag": "warm"})
LATER = ("send_email_campaign", {"subject": "s", "body": "b", "fromEmail": "a@example.com", "name": "n", "delay": 60})


def wait(seconds: int) -> tuple[str, dict[str, Any]]:
    return ("delay", {"delaySeconds": seconds})


def started(nodes: dict[str, Any], edges: str) -> FlowDriver:
    driver = FlowDriver(version({"t": OPEN, **nodes}, edges))
    driver.send(opened())
    return driver


def newest(driver: FlowDriver) -> dict[str, Any]:
    return driver.executions[-1]


def path(driver: FlowDriver) -> list[tuple[str, str]]:
    return [(step["nodeId"], step["status"]) for step in newest(driver)["path"]]


def reopened(driver: FlowDriver) -> FlowDriver:
    """The same shard after a restart."""
    again = FlowDriver(version({"t": OPEN, "wait": wait(60), "tag": TAG}, "t>wait wait>tag"))
    again.now_ms, again.next_offset = driver.now_ms, driver.next_offset
    again.take_over(driver)
    return again


# ---- pause and resume


def test_a_wait_runs_on_in_a_pause_and_holds_before_the_next_node() -> None:
    driver = started({"wait": wait(60), "tag": TAG}, "t>wait wait>tag")
    driver.control("pause")
    assert newest(driver)["status"] == "paused"
    over_at = rfc3339(driver.now_ms + 60_000)
    driver.advance(3600)
    [over] = [step for step in newest(driver)["steps"] if step["nodeId"] == "wait"]
    assert (over["status"], over["finishedAt"]) == ("succeeded", over_at)
    assert (newest(driver)["status"], driver.commands) == ("paused", [])
    driver.control("resume")
    assert newest(driver)["status"] == "succeeded"
    assert [command["type"] for command in driver.commands] == ["tag_contact"]


def test_what_is_resumed_before_its_wait_is_over_goes_on_waiting() -> None:
    driver = started({"wait": wait(60), "tag": TAG}, "t>wait wait>tag")
    driver.control("pause")
    driver.control("resume")
    assert newest(driver)["status"] == "running"
    driver.advance(59)
    assert driver.commands == []
    driver.advance(1)
    assert newest(driver)["status"] == "succeeded"


def test_a_message_that_would_go_out_in_a_pause_is_held() -> None:
    driver = started({"send": LATER, "tag": TAG}, "t>send send>tag")
    driver.control("pause")
    driver.advance(3600)
    assert (newest(driver)["status"], driver.commands) == ("paused", [])
    driver.control("resume")
    assert [command["type"] for command in driver.commands] == ["send_email_campaign", "tag_contact"]
    assert newest(driver)["status"] == "succeeded"


def test_a_pause_survives_a_restart_and_fires_nothing_twice() -> None:
    driver = started({"wait": wait(60), "tag": TAG}, "t>wait wait>tag")
    driver.control("pause")
    driver.advance(61)
    again = reopened(driver)
    again.advance(3600)
    assert len(again.feed) == len(driver.feed)
    again.control("resume")
    assert [command["type"] for command in again.commands] == ["tag_contact"]


def test_a_held_message_survives_a_restart_and_is_held_once() -> None:
    driver = started({"send": LATER}, "t>send")
    driver.control("pause")
    driver.advance(61)
    again = FlowDriver(version({"t": OPEN, "send": LATER}, "t>send"))
    again.now_ms, again.next_offset = driver.now_ms, driver.next_offset
    again.take_over(driver)
    again.advance(1)
    assert len(again.feed) == len(driver.feed)
    again.control("resume")
    assert len(again.commands) == 1


def test_a_join_waits_for_branches_that_a_pause_holds() -> None:
    nodes = {"a": wait(10), "b": wait(20), "join": (*TAG, {"join": "all"})}
    driver = started(nodes, "t>a t>b a>join b>join")
    driver.control("pause")
    driver.advance(15)
    driver.control("resume")
    assert driver.commands == []
    driver.control("pause")
    driver.advance(15)
    assert driver.commands == []
    driver.control("resume")
    assert len(driver.commands) == 1


REPLY = ("wait_for_event", {"type": "email_reply", "timeoutSeconds": 60})


def test_an_event_that_comes_in_a_pause_is_heard_then_and_followed_on_resume() -> None:
    driver = started({"reply": REPLY, "tag": TAG, "note": NOTE}, "t>reply reply>tag:event reply>note:timeout")
    driver.control("pause")
    driver.advance(30)
    driver.send(event("email_reply", contactId="c1", campaignId="k1"))
    driver.advance(3600)
    assert (newest(driver)["status"], driver.commands) == ("paused", [])
    driver.control("resume")
    assert path(driver) == [("t", "succeeded"), ("reply", "succeeded"), ("tag", "succeeded"), ("note", "skipped")]


def test_a_wait_for_an_event_times_out_in_a_pause_so_that_a_later_event_is_too_late() -> None:
    driver = started({"reply": REPLY, "tag": TAG, "note": NOTE}, "t>reply reply>tag:event reply>note:timeout")
    driver.control("pause")
    driver.advance(61)
    driver.send(event("email_reply", contactId="c1", campaignId="k1"))
    driver.control("resume")
    assert path(driver) == [("t", "succeeded"), ("reply", "succeeded"), ("note", "succeeded"), ("tag", "skipped")]


def test_a_paused_execution_whose_last_wait_is_over_has_ended() -> None:
    driver = started({"wait": wait(60)}, "t>wait")
    driver.control("pause")
    driver.advance(60)
    assert newest(driver)["status"] == "succeeded"


def test_pausing_twice_is_told_twice_and_changes_nothing() -> None:
    driver = started({"wait": wait(60), "tag": TAG}, "t>wait wait>tag")
    driver.control("pause")
    driver.control("pause")
    assert [record["status"] for record in driver.feed] == ["running", "paused", "paused"]
    assert [record["seq"] for record in driver.feed] == [1, 2, 3]


# ---- cancel


def test_cancel_ends_at_once_and_skips_what_waits() -> None:
    driver = started({"wait": wait(60), "tag": TAG}, "t>wait wait>tag")
    driver.control("cancel")
    assert (newest(driver)["status"], newest(driver)["endReason"]) == ("cancelled", "cancelled")
    [skipped] = [step for step in newest(driver)["steps"] if step["nodeId"] == "wait"]
    assert (skipped["status"], skipped["reason"]) == ("skipped", "cancelled")
    driver.advance(60)
    assert driver.commands == []


def test_cancel_ends_a_paused_execution_with_what_it_holds() -> None:
    driver = started({"wait": wait(60), "send": LATER, "tag": TAG}, "t>wait t>send wait>tag")
    driver.control("pause")
    driver.advance(61)
    driver.control("cancel")
    assert path(driver) == [("t", "succeeded"), ("wait", "succeeded"), ("send", "skipped"), ("tag", "skipped")]
    assert driver.tables.rows[EXECUTIONS] == {}


def test_what_has_ended_cannot_be_cancelled_paused_or_resumed() -> None:
    driver = started({"tag": TAG}, "t>tag")
    for verb in ("cancel", "pause", "resume"):
        driver.control(verb)
    assert [(one["decision"], one["reason"], one["flowId"]) for one in driver.decisions] == [
        ("suppressed", "not_running", None)
    ] * 3
    assert {one["executionId"] for one in driver.decisions} == {newest(driver)["executionId"]}
    assert newest(driver)["status"] == "succeeded"


# ---- retry


def failing() -> FlowDriver:
    """Two branches: one tags; the other asks for a task, and fails, for nobody has said for which release."""
    task = ("create_release_task", {"title": "call", "releaseIdField": "contact.releaseId"})
    return started({"tag": TAG, "task": task, "after": NOTE}, "t>tag t>task task>after")


def told_of_release(driver: FlowDriver) -> None:
    attributes = {"releaseId": "r-1"}
    driver.send(event("context_updated", "fusion_layer", entityType="contact", entityId="c1", attributes=attributes))


def test_retry_goes_on_from_the_failed_node_with_the_facts_of_now() -> None:
    driver = failing()
    assert (newest(driver)["status"], path(driver)[-1]) == ("partial", ("after", "skipped"))
    told_of_release(driver)
    driver.control("retry")
    assert (newest(driver)["status"], newest(driver)["error"]) == ("succeeded", None)
    assert [step["nodeId"] for step in newest(driver)["steps"]] == ["task", "after"]
    assert [command["type"] for command in driver.commands] == ["tag_contact", "create_release_task"]
    [run] = [run for run, command in driver.sent if command.type == "create_release_task"]
    assert run.counts.actions == 3


def test_a_retried_step_says_its_try_and_its_command_the_next_attempt() -> None:
    driver = failing()
    driver.control("retry")
    driver.control("retry")
    told_of_release(driver)
    driver.control("retry")
    assert [step["try"] for step in driver.steps("task")] == [1, 2, 3, 4]
    [command] = [command for _, command in driver.sent if command.type == "create_release_task"]
    assert command.attempt == 4
    assert [record["status"] for record in driver.feed if "seq" in record] == ["partial"] * 3 + ["succeeded"]


def test_retry_can_fail_again_and_is_then_failed_again() -> None:
    driver = failing()
    driver.control("retry")
    assert (newest(driver)["status"], newest(driver)["seq"]) == ("partial", 2)
    assert path(driver) == [("t", "succeeded"), ("tag", "succeeded"), ("task", "failed"), ("after", "skipped")]


def test_retry_survives_a_restart_and_waits_like_any_other() -> None:
    task = ("create_release_task", {"title": "call", "releaseIdField": "contact.releaseId"})
    nodes = {"t": OPEN, "task": task, "wait": wait(60), "tag": TAG}
    driver = FlowDriver(version(nodes, "t>task task>wait wait>tag"))
    driver.send(opened())
    assert newest(driver)["status"] == "failed"
    told_of_release(driver)
    again = FlowDriver(version(nodes, "t>task task>wait wait>tag"))
    again.now_ms, again.next_offset = driver.now_ms, driver.next_offset
    again.take_over(driver)
    again.control("retry")
    assert (newest(again)["status"], newest(again)["finishedAt"]) == ("running", None)
    again.advance(60)
    assert newest(again)["status"] == "succeeded"


def test_what_did_not_fail_is_not_retried() -> None:
    driver = started({"wait": wait(60), "tag": TAG}, "t>wait wait>tag")
    driver.control("retry")
    driver.advance(60)
    driver.control("retry")
    assert [one["reason"] for one in driver.decisions] == ["not_failed", "not_failed"]


def test_a_failure_with_an_error_edge_needs_no_retry() -> None:
    task = ("create_release_task", {"title": "call", "releaseIdField": "contact.releaseId"})
    driver = started({"task": task, "tag": TAG, "task2": task}, "t>task t>task2 task>tag:error")
    told_of_release(driver)
    driver.control("retry")
    assert [step["nodeId"] for step in newest(driver)["steps"]] == ["task2"]
    assert newest(driver)["status"] == "succeeded"


def test_a_failed_execution_is_forgotten_after_30_days() -> None:
    driver = failing()
    driver.advance(KEPT_MS / 1000 - 1)
    assert len(driver.tables.rows[EXECUTIONS]) == 1
    driver.advance(1)
    assert driver.tables.rows[EXECUTIONS] == {}
    driver.control("retry")
    assert driver.decisions[-1]["reason"] == "not_failed"


def test_a_retry_keeps_an_execution_until_it_has_failed_for_30_days() -> None:
    driver = failing()
    driver.advance(3600)
    driver.control("retry")
    driver.advance(KEPT_MS / 1000 - 1)
    assert len(driver.tables.rows[EXECUTIONS]) == 1
    driver.advance(1)
    assert driver.tables.rows[EXECUTIONS] == {}


def test_the_archive_of_a_flow_leaves_what_has_failed_as_it_is() -> None:
    driver = failing()
    driver.set_status("flow-1", "archived")
    assert (newest(driver)["endReason"], newest(driver)["seq"]) == ("completed", 1)
    driver.control("retry")
    assert [one["reason"] for one in driver.decisions] == ["archived"]
