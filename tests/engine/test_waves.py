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


def test_join_all_does_not_wait_for_a_branch_that_ends_before_it() -> None:
    nodes = {"t": OPEN, "slow": wait(9), "any": NOTE, "all": (*NOTE, {"join": "all"})}
    driver = run(nodes, "t>slow t>any slow>any any>all")
    assert [step["nodeId"] for step in driver.steps() if step["status"] == "succeeded"] == ["t", "any", "all"]
    driver.advance(9)
    assert driver.steps("slow")[-1]["notes"]["alreadyRan"] == ["any"]
    assert len(driver.steps("all")) == 1


def test_join_all_does_not_wait_for_a_branch_that_leads_elsewhere() -> None:
    driver = run({"t": OPEN, "all": (*NOTE, {"join": "all"}), "slow": wait(9)}, "t>all t>slow")
    assert {step["nodeId"]: step["status"] for step in driver.steps()}["all"] == "succeeded"
    assert driver.executions[0]["waiting"][0]["nodeId"] == "slow"


def test_join_all_waits_for_a_branch_that_goes_round_once_more() -> None:
    elapsed = ("if_time_elapsed", {"timestampField": "trigger.timestamp", "elapsedSeconds": 15})
    nodes = {"t": OPEN, "wait": wait(9), "late": elapsed, "all": (*NOTE, {"join": "all"})}
    driver = run(nodes, "t>wait wait>late late>wait:false late>all t>all", 10)
    assert driver.steps("late")[-1]["port"] == "false"
    assert not driver.steps("all")
    driver.advance(10)
    assert [step["visit"] for step in driver.steps("all")] == [1, 2]
