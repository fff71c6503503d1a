"""Awaited commands: answers, attempts, pauses, and the end of them (product.md section 2, Commands and answers)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.awaited import Awaited
from engine.awaiting import JITTER, AwaitedStep, backoff_seconds
from engine.inputs import Answered, Command
from engine.nodes.base import Done
from engine.options import Options, RetryRule
from engine.reading import build_graph
from engine.types import CommandId, ExecutionId, FlowId, NodeId, Subject
from engine.validation import validate_graph
from tests.support.driver import START_MS, FlowDriver
from tests.support.flows import opened, version

DAY = 86_400
OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
TAG: tuple[str, dict[str, Any]] = ("tag_contact", {"tag": "vip"})
AWAIT = {"awaitResult": True}
NOTE: tuple[str, dict[str, Any]] = (
    "log_event",
    {"message": "got {{ steps.a.output.tagId }}{{ steps.a.output.error.code }}"},
)


def asking(options: dict[str, Any] | None = None, edges: str = "t>a a>n", action: Any = TAG, **more: Any) -> FlowDriver:
    """An execution whose action `a` waits for its answer, then `n` notes what it reads."""
    nodes: dict[str, Any] = {"t": OPEN, "a": (*action, {**AWAIT, **(options or {})}), "n": NOTE}
    driver = FlowDriver(version(nodes, edges), **more)
    driver.send(opened())
    return driver


def attempts(driver: FlowDriver) -> list[int]:
    return [command.attempt for _, command in driver.sent]


def fail(driver: FlowDriver, number: int = -1, **more: Any) -> None:
    driver.answer(number, "failed", retryable=True, error={"code": "busy", "message": "come back"}, **more)


def waits_for(driver: FlowDriver) -> list[str]:
    return [wait["for"] for wait in driver.executions[-1]["waiting"]]


def last(driver: FlowDriver) -> dict[str, Any]:
    return driver.executions[-1]


def late(driver: FlowDriver) -> list[str]:
    return [decision["reason"] for decision in driver.decisions]


def test_the_branch_waits_and_reads_what_was_answered() -> None:
    driver = asking()
    assert len(driver.feed) == 1
    assert (waits_for(driver), driver.steps("a")[-1]["status"], driver.steps("n")) == (["answer"], "running", [])
    assert len(driver.steps("a")[-1]["commandIds"]) == 1
    driver.advance(60)
    driver.answer(output={"tagId": "tag_1"})
    assert driver.steps("n")[0]["output"]["message"] == "got tag_1"
    [step] = [step for step in driver.steps("a") if step["status"] == "succeeded"]
    assert step["output"] == {"tagId": "tag_1", "commandIds": step["commandIds"]}
    assert (last(driver)["seq"], last(driver)["status"], last(driver)["input"]["offset"]) == (2, "succeeded", 1)
    assert step["try"] == 1


@pytest.mark.parametrize(("output", "more"), [(None, {}), ("done", {"result": "done"}), ([1], {"result": [1]})])
def test_an_answer_that_says_little(output: Any, more: dict[str, Any]) -> None:
    driver = asking()
    driver.answer(output=output)
    [step] = [step for step in driver.steps("a") if step["status"] == "succeeded"]
    assert step["output"] == {**more, "commandIds": step["commandIds"]}


def test_without_await_the_branch_goes_on_and_answers_change_nothing() -> None:
    driver = asking({"awaitResult": False})
    assert last(driver)["status"] == "succeeded"
    told = len(driver.feed)
    for status in ("succeeded", "failed"):
        driver.answer(status=status, retryable=True)
    driver.advance(DAY)
    assert (len(driver.feed), attempts(driver)) == (told, [1])


def test_a_final_failure_fails_the_step_and_says_why() -> None:
    driver = asking()
    driver.answer(status="failed", error={"code": "no_tag", "message": "there is no such tag"})
    [step] = [step for step in driver.steps("a") if step["status"] == "failed"]
    assert step["error"]["code"] == "command_failed"
    assert step["error"]["value"] == "no_tag"
    assert "list_builder failed to do tag_contact: no_tag: there is no such tag" in step["error"]["message"]
    assert (last(driver)["status"], driver.steps("n")[0]["status"]) == ("failed", "skipped")


@pytest.mark.parametrize("error", [None, "broken", {"message": 5}, ["x"], {"code": "x" * 900, "message": "y" * 900}])
def test_whatever_the_error_is_the_step_fails_in_words(error: Any) -> None:
    driver = asking()
    driver.answer(status="failed", error=error)
    message = last(driver)["error"]["message"]
    assert message.startswith("list_builder failed to do tag_contact: ")
    assert len(message) < 700


def test_the_error_edge_takes_a_failed_answer() -> None:
    driver = asking(edges="t>a a>n:error")
    driver.answer(status="failed", error={"code": "no_tag"})
    assert (last(driver)["status"], driver.steps("n")[0]["output"]["message"]) == ("succeeded", "got command_failed")


def test_no_answer_in_time_fails_the_step() -> None:
    driver = asking({"timeoutSeconds": 600})
    driver.advance(599)
    assert last(driver)["status"] == "running"
    driver.advance(1)
    assert last(driver)["error"]["code"] == "answer_timeout"
    assert "600 seconds" in last(driver)["error"]["message"]
    assert "input" not in last(driver)


def test_a_day_is_the_default_and_an_error_edge_takes_a_timeout() -> None:
    driver = asking(edges="t>a a>n:error")
    driver.advance(DAY - 1)
    assert last(driver)["status"] == "running"
    driver.advance(1)
    assert driver.steps("n")[0]["output"]["message"] == "got answer_timeout"


def test_what_may_be_tried_again_is_and_succeeds() -> None:
    driver = asking()
    fail(driver)
    assert (waits_for(driver), attempts(driver)) == (["retry"], [1])
    driver.advance(30)
    assert (waits_for(driver), attempts(driver)) == (["answer"], [1, 2])
    first, second = (command for _, command in driver.sent)
    assert (first.id, first.payload, first.type) == (second.id, second.payload, second.type)
    assert driver.steps("a")[-1]["try"] == 2
    driver.answer(output={"tagId": "t"})
    assert (last(driver)["status"], driver.steps("n")[0]["output"]["message"]) == ("succeeded", "got t")
    assert [step["try"] for step in driver.steps("a") if step["status"] == "succeeded"] == [2]


def test_at_most_so_many_attempts() -> None:
    driver = asking({"retry": {"maxAttempts": 2, "initialSeconds": 10}})
    fail(driver)
    driver.advance(10)
    fail(driver)
    assert (last(driver)["status"], attempts(driver)) == ("failed", [1, 2])
    assert "2 times" in last(driver)["error"]["message"]
    driver.advance(DAY)
    assert attempts(driver) == [1, 2]


def test_one_attempt_is_no_retry() -> None:
    driver = asking({"retry": {"maxAttempts": 1}})
    fail(driver)
    assert (last(driver)["status"], attempts(driver)) == ("failed", [1])


def test_pauses_grow_up_to_a_bound_and_a_hash_shortens_them() -> None:
    rule = RetryRule(initialSeconds=30.0, factor=2.0, maxSeconds=100.0)
    for attempt, full in enumerate([30, 60, 100, 100], start=1):
        pauses = {backoff_seconds(rule, CommandId(f"c{number}"), attempt) for number in range(200)}
        assert full * (1 - JITTER) <= min(pauses) < max(pauses) <= full
        assert len(pauses) == 200
        assert max(pauses) - min(pauses) > full * JITTER * 0.9
    assert backoff_seconds(rule, CommandId("c"), 1) == backoff_seconds(rule, CommandId("c"), 1)
    assert backoff_seconds(RetryRule(factor=100.0), CommandId("c"), 99) <= 3_600


def test_a_pause_is_not_over_early() -> None:
    driver = asking()
    fail(driver)
    driver.advance(30 * (1 - JITTER) - 0.001)
    assert attempts(driver) == [1]


def test_the_shell_can_ask_which_system_an_attempt_goes_to() -> None:
    driver = asking({"timeoutSeconds": 500})
    execution, ask = ExecutionId(last(driver)["executionId"]), driver.decider.next_attempt
    assert ask(execution, NodeId("a"), 1) is None
    fail(driver)
    assert ask(execution, NodeId("a"), 1) == ("list_builder", START_MS + 500_000)
    assert ask(execution, NodeId("n"), 1) is None
    assert ask(ExecutionId("nobody"), NodeId("a"), 1) is None


def test_a_pause_of_nothing() -> None:
    driver = asking({"retry": {"initialSeconds": 0}})
    fail(driver)
    driver.advance(0.001)
    assert attempts(driver) == [1, 2]


def test_each_of_two_awaited_commands_has_its_own_answers() -> None:
    nodes: dict[str, Any] = {
        "t": OPEN,
        "a": (*TAG, AWAIT),
        "b": ("tag_contact", {"tag": "{{ event.campaignId }}"}, AWAIT),
    }
    driver = FlowDriver(version(nodes, "t>a t>b"))
    driver.send(opened())
    fail(driver, 1)
    assert waits_for(driver) == ["answer", "retry"]
    driver.answer(1)
    assert [(wait["nodeId"], wait["for"]) for wait in last(driver)["waiting"]] == [("a", "answer")]
    driver.answer(0)
    assert last(driver)["status"] == "succeeded"


def test_a_step_of_several_commands_is_done_with_the_last_answer() -> None:
    subject = Subject("contact", "c1")
    sent = [
        Command(CommandId(one), "tag_contact", "list_builder", NodeId("a"), subject, 1, {"tag": one}) for one in "xy"
    ]
    step = AwaitedStep.begin(Done({"own": 1}), sent, Options(), deadline_ms=1_000_000, goes_out_ms=0)
    busy = Answered(CommandId("x"), 1, succeeded=False, retryable=True, error="busy", output=None)
    assert step.take(busy, lambda _: 10) == "pending"
    other = Answered(CommandId("y"), 1, succeeded=False, retryable=True, error="busy", output=None)
    assert step.take(other, lambda _: 20) == "pending"
    assert (step.until_ms, step.reason) == (10, "retry")
    assert [(command.id, command.attempt) for command in step.again(15, NodeId("a"), subject)] == [("x", 2)]
    assert (step.until_ms, step.attempt) == (20, 2)
    done = Answered(CommandId("x"), 2, succeeded=True, retryable=False, error=None, output={"x": 1})
    assert step.take(done, lambda _: 0) == "pending"
    assert not step.takes(done)
    with pytest.raises(AssertionError, match="none of its commands"):
        step.take(done, lambda _: 0)
    done = Answered(CommandId("y"), 1, succeeded=True, retryable=False, error=None, output={"y": 1})
    assert (step.take(done, lambda _: 0), step.output) == ("done", {"own": 1, "x": 1, "y": 1})


def test_an_answer_to_what_ended_with_the_input_that_asked_is_late() -> None:
    mail = ("send_email_campaign", {"subject": "s", "body": "b", "fromEmail": "a@example.com"})
    nodes: dict[str, Any] = {"t": OPEN, "a": (*TAG, AWAIT), "m": mail}
    rules = {"messages": {"caps": [{"max": 1}], "onHeld": "exit"}}
    driver = FlowDriver(version({**nodes, "n": mail}, "t>m t>a a>n:error t>n", settings=rules))
    driver.send(opened())
    assert (last(driver)["endReason"], len(driver.sent)) == ("exited", 2)
    driver.answer()
    assert late(driver)[-1] == "late_result"


def test_the_end_of_what_was_forgotten_is_no_news() -> None:
    commands = Awaited("c1", lambda _: {})
    commands.end(CommandId("x"), 5)
    assert list(commands.changed().values()) == [{}]


def test_the_time_limit_covers_all_attempts() -> None:
    driver = asking({"timeoutSeconds": 40, "retry": {"maxAttempts": 10, "initialSeconds": 30}})
    fail(driver)
    driver.advance(30)
    fail(driver)
    assert waits_for(driver) == ["answer"], "the next attempt would come too late, a success may still come"
    driver.advance(10)
    assert (last(driver)["error"]["code"], attempts(driver)) == ("answer_timeout", [1, 2])
    assert "come back" in last(driver)["error"]["message"]


def test_a_success_that_comes_in_a_pause_is_taken() -> None:
    driver = asking()
    fail(driver)
    driver.answer(0, attempt=1, output={"tagId": "t"})
    driver.advance(DAY)
    assert (last(driver)["status"], attempts(driver), late(driver)) == ("succeeded", [1], [])


def test_a_success_of_an_earlier_attempt_is_taken() -> None:
    driver = asking()
    fail(driver)
    driver.advance(30)
    driver.answer(0, attempt=1)
    assert last(driver)["status"] == "succeeded"


def test_a_failure_counts_for_its_own_attempt_only() -> None:
    driver = asking()
    fail(driver)
    fail(driver)
    assert (waits_for(driver), late(driver)) == (["retry"], ["late_result"])
    driver.advance(30)
    driver.answer(0, "failed")
    assert (last(driver)["status"], waits_for(driver), attempts(driver)) == ("running", ["answer"], [1, 2])
    assert late(driver) == ["late_result"] * 2
    fail(driver)
    assert waits_for(driver) == ["retry"]


def test_a_repeat_and_a_late_answer_are_recorded_and_change_nothing() -> None:
    driver = asking({"timeoutSeconds": 60})
    driver.answer()
    ended = last(driver)
    driver.answer()
    driver.answer(status="failed", retryable=True)
    driver.advance(DAY)
    assert (last(driver), attempts(driver)) == (ended, [1])
    [first, second] = driver.decisions
    assert (first["decision"], first["reason"], first["commandId"]) == (
        "suppressed", "late_result", driver.sent[0][1].id,
    )  # fmt: skip
    assert (first["executionId"], first["nodeId"], first["eventId"]) == (ended["executionId"], "a", "event-0")
    assert (first["flowId"], first["userId"], first["subject"]) == (
        "flow-1", "user_001", {"type": "contact", "id": "c1"},
    )  # fmt: skip
    assert (first["input"]["offset"], second["input"]["offset"], second["attempt"]) == (2, 3, 1)


def test_an_answer_after_the_timeout_is_late_while_the_execution_runs_on() -> None:
    nodes: dict[str, Any] = {
        "t": OPEN,
        "a": (*TAG, {**AWAIT, "timeoutSeconds": 60}),
        "w": ("delay", {"delaySeconds": DAY}),
    }
    driver = FlowDriver(version(nodes, "t>a t>w"))
    driver.send(opened())
    driver.advance(60)
    driver.answer()
    assert (last(driver)["status"], late(driver)) == ("running", ["late_result"])
    assert [step["status"] for step in driver.steps("a")] == ["running", "failed"]


def test_an_answer_to_what_an_archived_flow_asked_is_late() -> None:
    driver = asking()
    driver.archive("flow-1")
    driver.answer()
    assert (last(driver)["endReason"], late(driver)) == ("archived", ["late_result"])


def test_a_command_is_forgotten_after_a_week() -> None:
    driver = asking()
    driver.answer()
    driver.advance(8 * DAY)
    driver.send(opened())
    driver.answer(1)
    driver.answer(0)
    assert late(driver) == []
    driver.answer(1)
    assert late(driver) == ["late_result"]


def test_a_busy_subject_keeps_its_newest_commands() -> None:
    driver = asking()
    driver.answer()
    for _ in range(70):
        driver.send(opened())
        driver.answer()
    driver.answer(0)
    driver.answer(-1)
    assert late(driver) == ["late_result"]


def test_what_is_answered_is_kept_over_a_restart_also_in_a_pause() -> None:
    driver = asking()
    fail(driver)
    other = FlowDriver()
    other.flow_table, other.now_ms, other.next_offset = driver.flow_table, driver.now_ms, 100
    other.take_over(driver)
    other.advance(30)
    assert attempts(other) == [1, 2]
    other.answer(output={"tagId": "t"})
    assert other.steps("n")[0]["output"]["message"] == "got t"


def test_retries_are_no_uses_of_a_limit_and_what_they_say_is_frozen() -> None:
    mail = (
        "schedule_followup",
        {"subject": "{{ engagement.openCount }}", "body": "b", "fromEmail": "a@b.c", "delayDays": 1},
    )
    driver = asking(action=mail)
    driver.send(opened("c2"))
    fail(driver, 0)
    driver.send({**opened(), "type": "email_click"})
    driver.send(opened())
    driver.advance(30)
    [again] = [command for _, command in driver.sent if command.attempt == 2]
    assert again.payload == driver.sent[0][1].payload


def test_a_pause_holds_the_next_attempt_and_not_the_answers() -> None:
    driver = asking({"timeoutSeconds": 500})
    fail(driver)
    driver.control("pause")
    driver.advance(60)
    assert (attempts(driver), last(driver)["status"]) == ([1], "paused")
    driver.control("resume")
    assert (attempts(driver), last(driver)["status"], waits_for(driver)) == ([1, 2], "running", ["answer"])
    fail(driver)
    driver.control("pause")
    driver.advance(100)
    driver.answer(0)
    assert (attempts(driver), driver.steps("n")) == ([1, 2], [])
    driver.control("resume")
    assert last(driver)["status"] == "succeeded"


def test_the_time_for_an_answer_runs_on_in_a_pause() -> None:
    driver = asking({"timeoutSeconds": 100}, edges="t>a a>n:error")
    driver.control("pause")
    driver.advance(100)
    assert [step["status"] for step in driver.steps("a")] == ["running", "failed"]
    assert driver.steps("n") == []
    driver.control("resume")
    assert driver.steps("n")[0]["output"]["message"] == "got answer_timeout"


def test_an_attempt_that_a_pause_held_for_too_long_is_not_made() -> None:
    driver = asking({"timeoutSeconds": 100})
    fail(driver)
    driver.control("pause")
    driver.advance(200)
    driver.control("resume")
    assert (attempts(driver), last(driver)["error"]["code"]) == ([1], "answer_timeout")


def test_a_retry_by_hand_counts_its_attempts_on_and_anew() -> None:
    driver = asking({"retry": {"maxAttempts": 2}})
    fail(driver)
    driver.advance(30)
    fail(driver)
    assert last(driver)["status"] == "failed"
    driver.answer(status="failed", retryable=True)
    driver.control("retry")
    assert (attempts(driver), last(driver)["status"]) == ([1, 2, 3], "running")
    fail(driver)
    driver.advance(30)
    driver.answer(0, output={"tagId": "t"})
    assert (attempts(driver), last(driver)["status"], late(driver)) == ([1, 2, 3, 4], "succeeded", ["late_result"])


def test_a_tag_is_there_once_the_command_worked() -> None:
    nodes: dict[str, Any] = {
        "t": OPEN,
        "a": (*TAG, AWAIT),
        "has": ("if_tag_present", {"tag": "vip"}),
        "hasnt": ("if_tag_present", {"tag": "vip"}),
    }
    driver = FlowDriver(version(nodes, "t>a a>has:out a>has a>hasnt:error"))
    driver.send(opened())
    driver.send(opened())
    driver.answer(0)
    driver.answer(1, "failed")
    assert [step["port"] for step in driver.steps("has") if step["port"]] == ["true"]
    assert [step["port"] for step in driver.steps("hasnt") if step["port"]] == ["false"]


def test_a_join_all_waits_for_an_answer() -> None:
    nodes: dict[str, Any] = {"t": OPEN, "a": (*TAG, AWAIT), "b": NOTE, "n": (*NOTE, {"join": "all"})}
    driver = FlowDriver(version(nodes, "t>a t>b a>n b>n"))
    driver.send(opened())
    assert driver.steps("n") == []
    driver.answer()
    assert [step["nodeId"] for step in last(driver)["path"]] == ["t", "b", "a", "n"]


def test_a_delayed_send_waits_for_its_answer_from_the_sending_on() -> None:
    mail = ("send_email_campaign", {"subject": "s", "body": "b", "fromEmail": "a@b.c", "delay": 60})
    driver = asking({"timeoutSeconds": 100}, action=mail)
    assert waits_for(driver) == ["delay"]
    driver.advance(60)
    assert waits_for(driver) == ["answer"]
    driver.advance(99)
    driver.answer()
    assert last(driver)["status"] == "succeeded"


def test_times_are_scaled() -> None:
    driver = asking({"timeoutSeconds": 1_000, "retry": {"initialSeconds": 100}}, time_scale=100)
    fail(driver)
    driver.advance(1)
    assert attempts(driver) == [1, 2]
    driver.advance(9)
    assert last(driver)["error"]["code"] == "answer_timeout"


def test_a_command_too_large_is_not_awaited() -> None:
    mail = ("notify_user", {"message": "x" * 600_000})
    driver = asking(action=mail)
    assert (last(driver)["error"]["code"], driver.sent) == ("command_too_large", [])


def test_an_answer_with_another_key_is_of_nobody() -> None:
    driver = asking()
    _run, command = driver.sent[0]
    driver.sent[0] = (
        _run,
        command.__class__(
            **{
                **{name: getattr(command, name) for name in command.__slots__},
                "subject": command.subject._replace(id="c9"),
            }
        ),
    )
    driver.answer()
    assert (last(driver)["status"], late(driver)) == ("running", [])


def test_an_answer_for_a_version_that_is_gone_ends_the_execution() -> None:
    driver = asking()
    driver.flow_table.drop_version(FlowId("flow-1"), 1)
    driver.answer()
    assert last(driver)["error"]["code"] == "version_missing"


@pytest.mark.parametrize("subtype", ["log_event", "delay", "if_tag_present", "wait_for_event"])
def test_what_sends_no_command_cannot_wait_for_an_answer(subtype: str) -> None:
    configs: dict[str, dict[str, Any]] = {
        "log_event": {"message": "x"}, "delay": {"delaySeconds": 1}, "if_tag_present": {"tag": "x"},
        "wait_for_event": {"type": "email_reply", "timeoutSeconds": 1},
    }  # fmt: skip
    kind = "condition" if subtype.startswith(("if_", "wait_")) else "action"
    nodes: list[dict[str, Any]] = [
        {"ref": "t", "type": "trigger", "subtype": "email_open"},
        {"ref": "n", "type": kind, "subtype": subtype, "config": configs[subtype], "options": AWAIT},
    ]
    found = validate_graph(build_graph(nodes, [{"sourceNodeId": "t", "targetNodeId": "n"}]))
    [error] = found.errors
    assert error.path == "nodes[1].options.awaitResult"
    assert "sends no command" in error.message


def test_an_awaited_command_takes_time_so_it_may_close_a_cycle() -> None:
    nodes: list[dict[str, Any]] = [
        {"ref": "t", "type": "trigger", "subtype": "email_open"},
        {"ref": "a", "type": "action", "subtype": "tag_contact", "config": {"tag": "x"}, "options": AWAIT},
    ]
    edges = [{"sourceNodeId": "t", "targetNodeId": "a"}, {"sourceNodeId": "a", "targetNodeId": "a"}]
    assert validate_graph(build_graph(nodes, edges)).is_valid
    assert not validate_graph(build_graph([nodes[0], {**nodes[1], "options": {}}], edges)).is_valid
