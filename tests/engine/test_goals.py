"""The setting `goal`: counted once per execution, within its window, also after the end (product.md section 2)."""

from __future__ import annotations

from typing import Any

import pytest

from engine import goals
from engine.plan import PlanError, compile_plan
from tests.support.driver import FlowDriver
from tests.support.flows import event, opened, version

DAY = 86_400
WEEK = 7 * DAY
OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
WAIT = ("delay", {"delaySeconds": 2 * WEEK})
NOTE = ("log_event", {"message": "here"})
REPLIED = {"event": {"type": "email_reply", "match": {"campaignId": "{{ event.campaignId }}"}}}


def flow(goal: dict[str, Any], edges: str = "t>w w>n", flow_id: str = "flow-1", **settings: Any) -> Any:
    drawn = version({"t": OPEN, "w": WAIT, "n": NOTE}, edges, flow_id=flow_id)
    return drawn.model_copy(update={"settings": {"goal": goal, **settings}})


def running(goal: dict[str, Any] | None = None, **more: Any) -> FlowDriver:
    driver = FlowDriver(flow({**REPLIED, **(goal or {})}), **more)
    driver.send(opened())
    return driver


def reply(campaign: str = "k1", contact: str = "c1") -> dict[str, Any]:
    return event("email_reply", contactId=contact, campaignId=campaign)


def counted(driver: FlowDriver) -> list[str]:
    return [one["executionId"] for one in driver.decisions if (one["decision"], one["reason"]) == ("counted", "goal")]


def ends(driver: FlowDriver) -> list[str | None]:
    return [execution["endReason"] for execution in driver.executions]


def test_the_goal_ends_the_execution_and_is_counted() -> None:
    driver = running()
    driver.advance(60)
    driver.send(reply())
    [started, told, record] = driver.feed
    assert (record["status"], record["endReason"], record["seq"]) == ("succeeded", "goal", 2)
    assert [(step["nodeId"], step["reason"]) for step in record["steps"]] == [("w", "goal"), ("n", "unreached")]
    assert (told["decision"], told["reason"], told["flowId"]) == ("counted", "goal", "flow-1")
    assert (told["executionId"], told["eventId"], told["type"]) == (started["executionId"], "event-1", "email_reply")
    assert told["input"]["offset"] == 1


def test_it_is_counted_once() -> None:
    driver = running({"exit": False})
    for _ in range(3):
        driver.send(reply())
    assert (len(counted(driver)), ends(driver)) == (1, [None])


@pytest.mark.parametrize(
    "other", [reply("k2"), reply(contact="c2"), event("email_click", contactId="c1", campaignId="k1")]
)
def test_another_event_is_not_counted(other: dict[str, Any]) -> None:
    driver = running()
    driver.send(other)
    assert (counted(driver), ends(driver)) == ([], [None])


def test_the_event_that_starts_it_is_not_its_goal() -> None:
    driver = FlowDriver(flow({"event": {"type": "email_open"}}))
    driver.send(opened())
    assert (counted(driver), ends(driver)) == ([], [None])
    driver.send(opened())
    assert (len(counted(driver)), ends(driver)) == (1, ["goal", None])


def test_it_is_counted_within_its_window_also_after_the_end() -> None:
    driver = FlowDriver(flow(REPLIED, edges="t>n"))
    driver.send(opened())
    assert ends(driver) == ["completed"]
    driver.advance(WEEK)
    driver.send(reply())
    assert (len(counted(driver)), len(driver.executions), driver.executions[0]["seq"]) == (1, 1, 1)


@pytest.mark.parametrize("edges", ["t>n", "t>w w>n"])
def test_after_its_window_it_is_not_counted_and_ends_nothing(edges: str) -> None:
    driver = FlowDriver(flow({**REPLIED, "withinSeconds": 60}, edges=edges))
    driver.send(opened())
    driver.advance(60.001)
    driver.send(reply())
    assert counted(driver) == []
    assert "goal" not in ends(driver)


def test_windows_are_scaled() -> None:
    driver = FlowDriver(flow({**REPLIED, "withinSeconds": 1_000}), time_scale=100)
    driver.send(opened())
    driver.advance(10)
    driver.send(reply())
    assert len(counted(driver)) == 1
    driver = FlowDriver(flow({**REPLIED, "withinSeconds": 1_000}), time_scale=100)
    driver.send(opened())
    driver.advance(10.1)
    driver.send(reply())
    assert counted(driver) == []


def test_every_execution_counts_its_own_the_oldest_first_and_before_anything_runs() -> None:
    driver = FlowDriver(flow(REPLIED, flow_id="b"))
    driver.send(opened())
    driver.publish(flow({**REPLIED, "exit": False}, flow_id="a"))
    driver.advance(1)
    driver.send(opened())
    first, *_ = [execution["executionId"] for execution in driver.executions]
    driver.feed.clear()
    driver.send(reply())
    assert [one.get("reason") or one["endReason"] for one in driver.feed] == ["goal"] * 5
    assert [("decision" in one, one["flowId"]) for one in driver.feed] == [
        (True, "b"), (True, "a"), (True, "b"), (False, "b"), (False, "b"),
    ]  # fmt: skip
    assert counted(driver)[0] == first


def test_an_exit_rule_comes_before_the_goal_which_is_counted_all_the_same() -> None:
    driver = FlowDriver(flow(REPLIED, exitWhen=[REPLIED]))
    driver.send(opened())
    driver.send(reply())
    assert (len(counted(driver)), ends(driver)) == (1, ["exited"])


def test_a_goal_comes_before_a_wait_for_the_same_event() -> None:
    nodes: dict[str, Any] = {
        "t": OPEN,
        "w": ("wait_for_event", {"type": "email_reply", "timeoutSeconds": DAY}),
        "n": NOTE,
    }
    drawn = version(nodes, "t>w w>n:event")
    driver = FlowDriver(drawn.model_copy(update={"settings": {"goal": REPLIED}}))
    driver.send(opened())
    driver.send(reply())
    assert (ends(driver), driver.steps("n")[-1]["status"]) == (["goal"], "skipped")


def test_windows_outlive_a_restart() -> None:
    driver = FlowDriver(flow(REPLIED, edges="t>n"))
    driver.send(opened())
    other = FlowDriver(flow(REPLIED, edges="t>n"), offset=50)
    other.now_ms = driver.now_ms
    other.take_over(driver)
    other.send(reply())
    assert len(counted(other)) == 1


def test_what_it_wants_is_as_it_was_at_the_start() -> None:
    goal = {"event": {"type": "email_reply", "match": {"score": "{{ engagement.openCount }}"}}}
    driver = FlowDriver(flow(goal))
    driver.send(opened())
    driver.send(opened())
    driver.send(event("email_reply", contactId="c1", score=1))
    assert ends(driver) == ["goal", None]


def test_a_goal_that_cannot_be_rendered_is_never_reached() -> None:
    driver = FlowDriver(flow({"event": {"type": "email_reply", "match": {"x": "{{ event.n | divided_by: 0 }}"}}}))
    driver.send(opened())
    driver.send(event("email_reply", contactId="c1"))
    assert (counted(driver), ends(driver)) == ([], [None])


def test_the_same_event_again_counts_nothing() -> None:
    driver = running({"exit": False})
    driver.send(opened())
    driver.send({**reply(), "id": "r1"})
    driver.send({**reply(), "id": "r1"})
    assert len(counted(driver)) == 2


def test_a_busy_subject_keeps_its_newest_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(goals, "MAX_WINDOWS", 3)
    driver = running({"exit": False})
    for _ in range(4):
        driver.send(opened())
    driver.send(reply())
    assert counted(driver) == [execution["executionId"] for execution in driver.executions[2:]]


def test_what_is_not_valid_is_refused_by_the_compiler() -> None:
    with pytest.raises(PlanError):
        compile_plan(flow({}))


def waiting(number: int, kind: str | None, **more: Any) -> Any:
    settings = {} if kind is None else {"goal": {"event": {"type": kind}, **more}}
    nodes = {"t": OPEN, "w": ("delay", {"delaySeconds": 100}), "x": ("delay", {"delaySeconds": 10_000})}
    return version(nodes, "t>w w>x", number=number, settings=settings)


@pytest.mark.parametrize("before", [None, "email_click"])
def test_an_execution_that_moves_has_the_goal_of_the_version_it_is_on(before: str | None) -> None:
    driver = FlowDriver(waiting(1, before))
    driver.send(opened())
    driver.publish(waiting(2, "email_reply", withinSeconds=600), policy="migrate")
    driver.advance(100)
    driver.send(event("email_click", contactId="c1"))
    assert driver.decisions == []
    driver.send_after(500, event("email_reply", contactId="c1"))
    assert [one["reason"] for one in driver.decisions] == ["goal"]
    assert (driver.executions[0]["endReason"], driver.executions[0]["flowVersion"]) == ("goal", 2)


def test_the_window_of_a_goal_that_comes_with_a_version_is_counted_from_the_start() -> None:
    driver = FlowDriver(waiting(1, None))
    driver.send(opened())
    driver.publish(waiting(2, "email_reply", withinSeconds=600), policy="migrate")
    driver.advance(100)
    driver.send_after(501, event("email_reply", contactId="c1"))
    assert driver.decisions == []


def test_a_goal_that_a_version_no_longer_has_is_not_reached() -> None:
    driver = FlowDriver(waiting(1, "email_reply"))
    driver.send(opened())
    driver.publish(waiting(2, None), policy="migrate")
    driver.advance(100)
    driver.send(event("email_reply", contactId="c1"))
    assert (driver.decisions, driver.executions[0]["endReason"]) == ([], None)


def test_a_goal_that_was_reached_on_one_version_is_not_reached_again_on_another() -> None:
    driver = FlowDriver(waiting(1, "email_click", exit=False))
    driver.send(opened())
    driver.send(event("email_click", contactId="c1"))
    driver.publish(waiting(2, "email_reply"), policy="migrate")
    driver.advance(100)
    driver.send(event("email_reply", contactId="c1"))
    assert [one["type"] for one in driver.decisions] == ["email_click"]
