"""`join: all` under a pause and under a retry: it runs once no live branch can still reach it, whatever held it."""

from __future__ import annotations

from typing import Any

from tests.support.driver import FlowDriver
from tests.support.flows import opened, version

OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
TAG: tuple[str, dict[str, Any]] = ("tag_contact", {"tag": "warm"})
ALL = (*TAG, {"join": "all"})
FAILS = ("if_metric_greater", {"metric": "{{ event.metric }}", "threshold": 0})


def wait(seconds: int) -> tuple[str, dict[str, Any]]:
    return ("delay", {"delaySeconds": seconds})


def started(nodes: dict[str, Any], edges: str) -> FlowDriver:
    driver = FlowDriver(version({"t": OPEN, **nodes}, edges))
    driver.send(opened(payload={"metric": "plays" if "fails" in nodes else "openRate"}))
    return driver


def test_a_join_that_only_a_pause_of_the_flow_holds_goes_on_with_its_resume() -> None:
    driver = started({"wait": wait(60), "join": ALL}, "t>wait wait>join")
    driver.pause()
    driver.advance(60)
    assert (driver.executions[-1]["status"], driver.commands) == ("paused", [])
    driver.resume()
    assert (driver.executions[-1]["status"], len(driver.commands)) == ("succeeded", 1)


def test_a_join_waits_for_what_the_pause_holds_before_it() -> None:
    driver = started({"a": wait(60), "b": wait(90), "mid": wait(60), "join": ALL}, "t>a a>mid mid>join t>b b>join")
    driver.pause()
    driver.advance(100)
    driver.resume()
    assert driver.commands == []
    driver.advance(60)
    assert len(driver.commands) == 1


def test_a_retried_join_waits_for_the_branch_that_is_retried_before_it() -> None:
    join = ("create_release_task", {"title": "call", "releaseIdField": "contact.releaseId"}, {"join": "all"})
    nodes = {"fails": FAILS, "wait": wait(60), "join": join}
    driver = started(nodes, "t>fails fails>wait wait>join t>join")
    assert driver.executions[-1]["status"] == "failed"
    metrics = {"campaignId": "k1", "metrics": {"plays": 3}}
    told = {"entityType": "contact", "entityId": "c1", "attributes": {"releaseId": "r1"}}
    for kind, payload in (("campaign_metrics_updated", metrics), ("context_updated", told)):
        driver.send({"type": kind, "source": "tap", "payload": payload, "metadata": {"userId": "user_001"}})
    driver.control("retry")
    assert driver.commands == []
    driver.advance(60)
    assert (driver.executions[-1]["status"], len(driver.commands)) == ("succeeded", 1)


def test_what_a_pause_holds_waits_for_branches_again_where_a_newer_version_joins_all() -> None:
    nodes: dict[str, Any] = {"t": OPEN, "a": wait(60), "join": ALL}
    ways = "t>a t>join a>join"
    driver = FlowDriver(version(nodes, ways))
    driver.send(opened())
    driver.pause()
    driver.publish(version({**nodes, "join": TAG}, "t>a t>join", number=2), policy="migrate")
    driver.control("pause")
    assert driver.executions[-1]["status"] == "paused"
    driver.publish(version(nodes, ways, number=3), policy="migrate")
    driver.control("resume")
    assert (driver.executions[-1]["flowVersion"], driver.executions[-1]["status"]) == (3, "running")
    driver.resume()
    assert driver.commands == []
    driver.advance(60)
    assert (driver.executions[-1]["status"], len(driver.commands)) == ("succeeded", 1)
