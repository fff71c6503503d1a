"""Waves, joins, ranks and skipped steps (product.md section 2)."""

from typing import Any

from tests.support.driver import FlowDriver
from tests.support.flows import opened, version

OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
NOTE = ("log_event", {"message": "here"})
WEEK = 604_800


def wait(seconds: int) -> tuple[str, dict[str, Any]]:
    return ("delay", {"delaySeconds": seconds})


def path(driver: FlowDriver) -> list[tuple[str, int, str]]:
    return [(step["nodeId"], step["visit"], step["status"]) for step in driver.executions[-1]["path"]]


def run(nodes: dict[str, Any], edges: str, seconds: float = 0) -> FlowDriver:
    driver = FlowDriver(version(nodes, edges))
    driver.send(opened())
    driver.advance(seconds)
    return driver


def test_a_diamond_without_waits_joins_once() -> None:
    driver = run({"t": OPEN, "a": NOTE, "b": NOTE, "join": NOTE}, "t>a t>b a>join b>join")
    assert path(driver) == [(node, 1, "succeeded") for node in ("t", "a", "b", "join")]
    assert len(driver.feed) == 1


def test_a_branch_that_arrives_later_does_not_run_the_node_again() -> None:
    driver = run({"t": OPEN, "a": NOTE, "slow": wait(60), "join": NOTE}, "t>a t>slow a>join slow>join", 60)
    assert path(driver) == [(node, 1, "succeeded") for node in ("t", "a", "join", "slow")]
    [late] = [step for step in driver.feed[-1]["steps"] if step["nodeId"] == "slow"]
    assert late["notes"]["alreadyRan"] == ["join"]


def test_join_all_runs_when_no_live_branch_can_reach_it() -> None:
    nodes = {"t": OPEN, "a": NOTE, "slow": wait(60), "join": (*NOTE, {"join": "all"}), "end": NOTE}
    driver = run(nodes, "t>a t>slow a>join slow>join join>end")
    assert driver.executions[0]["status"] == "running"
    assert driver.steps("join") == []
    driver.advance(60)
    assert [step[0] for step in path(driver)] == ["t", "a", "slow", "join", "end"]


def test_join_all_does_not_wait_for_a_branch_that_went_elsewhere() -> None:
    nodes = {
        "t": OPEN, "a": NOTE, "ask": ("if_field_match", {"field": "event.contactId", "operator": "exists"}),
        "other": NOTE, "join": (*NOTE, {"join": "all"}),
    }  # fmt: skip
    driver = run(nodes, "t>a t>ask a>join ask>join:false ask>other:true")
    assert ("join", 1, "succeeded") in path(driver)
    assert ("other", 1, "succeeded") in path(driver)


def test_one_join_all_before_another() -> None:
    both = (*NOTE, {"join": "all"})
    driver = run({"t": OPEN, "a": NOTE, "b": NOTE, "j1": both, "j2": both}, "t>a t>b t>j2 a>j1 b>j1 j1>j2")
    assert [step[0] for step in path(driver)] == ["t", "a", "b", "j1", "j2"]


def test_what_nothing_alive_could_reach_is_skipped() -> None:
    ask = ("if_field_match", {"field": "event.contactId", "operator": "equals", "value": "nobody"})
    driver = run({"t": OPEN, "ask": ask, "yes": NOTE, "after": NOTE, "no": NOTE}, "t>ask ask>yes:true yes>after ask>no")
    assert path(driver) == [
        ("t", 1, "succeeded"), ("ask", 1, "succeeded"), ("no", 1, "succeeded"), ("yes", 1, "skipped"),
        ("after", 1, "skipped"),
    ]  # fmt: skip
    [skipped] = driver.steps("yes")
    assert skipped["reason"] == "unreached"


def test_an_outcome_without_an_edge_ends_its_branch() -> None:
    ask = ("if_field_match", {"field": "event.contactId", "operator": "equals", "value": "nobody"})
    driver = run({"t": OPEN, "ask": ask, "yes": NOTE}, "t>ask ask>yes:true")
    assert driver.executions[0]["status"] == "succeeded"
    assert driver.executions[0]["endReason"] == "completed"


def test_a_loop_visits_its_nodes_again_and_waits_at_least_a_second() -> None:
    ask = ("if_field_match", {"field": "event.replied", "operator": "equals", "value": True})
    driver = run({"t": OPEN, "w": wait(0), "ask": ask, "end": NOTE}, "t>w w>ask ask>w:false ask>end:true")
    assert len(driver.feed) == 1
    driver.advance(0.9)
    assert len(driver.feed) == 1
    driver.advance(0.1)
    driver.send({**opened(), "type": "email_reply"})
    driver.advance(1)
    assert path(driver)[-2:] == [("ask", 3, "succeeded"), ("end", 3, "succeeded")]


def test_a_loop_ends_at_a_thousand_steps() -> None:
    ask = ("if_field_match", {"field": "event.replied", "operator": "equals", "value": True})
    driver = run({"t": OPEN, "w": wait(1), "ask": ask}, "t>w w>ask ask>w:false", 2_000)
    [execution] = driver.executions
    assert (execution["status"], execution["endReason"]) == ("partial", "limit")
    assert execution["error"]["field"] == "maxSteps"
    assert execution["error"]["value"] == 1_000


def test_a_week_passes_and_the_step_is_told_once() -> None:
    driver = run({"t": OPEN, "w": wait(WEEK), "end": NOTE}, "t>w w>end")
    [record] = driver.feed
    assert record["waiting"][0]["for"] == "delay"
    assert [step["status"] for step in record["steps"]] == ["succeeded", "running"]
    driver.advance(WEEK - 1)
    assert len(driver.feed) == 1
    driver.advance(1)
    assert driver.feed[1]["seq"] == 2
    assert "input" not in driver.feed[1]
    assert [(step["nodeId"], step["status"]) for step in driver.feed[1]["steps"]] == [
        ("w", "succeeded"), ("end", "succeeded"),
    ]  # fmt: skip
    assert driver.feed[1]["progress"] == {"completedSteps": 3, "totalSteps": 3, "currentStatus": "succeeded"}
