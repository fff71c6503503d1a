"""What a retry by hand takes along: the limits it used before are paid, and a pause it ended in is over."""

from __future__ import annotations

from typing import Any

import pytest

from engine.flow import LimitsRecord
from tests.support.driver import FlowDriver
from tests.support.flows import event, opened, version

OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
TAG = ("tag_contact", {"tag": "warm"})
AWAIT = {"awaitResult": True}


@pytest.mark.parametrize("limit", ["max_actions_per_execution", "max_external_writes", "max_contact_actions"])
def test_a_retry_counts_for_no_limit_but_what_was_never_asked_for_does(limit: str) -> None:
    friend = ("tag_contact", {"tag": "vip", "contactIdField": "contact.friendId"}, AWAIT)
    limits = [LimitsRecord.model_validate({"kind": "user", "id": "user_001", limit: 1})]
    driver = FlowDriver(version({"t": OPEN, "friend": friend, "end": TAG}, "t>friend friend>end"), limits=limits)
    driver.send(opened())
    told: dict[str, Any] = {"entityType": "contact", "entityId": "c1", "attributes": {"friendId": "c1"}}
    driver.send(event("context_updated", "fusion_layer", **told))
    for _ in range(3):
        driver.control("retry")
        driver.answer(status="failed", error="away")
    driver.control("retry")
    assert [command.attempt for _, command in driver.sent] == [2, 3, 4, 5]
    driver.answer()
    [record] = driver.executions
    assert (record["status"], record["error"]["nodeId"]) == ("partial", "end"), "the first use is counted"


def test_what_was_paid_is_known_after_a_restart() -> None:
    limits = [LimitsRecord(kind="user", id="user_001", max_external_writes=1)]
    flow = version({"t": OPEN, "tag": (*TAG, AWAIT)}, "t>tag")
    driver = FlowDriver(flow, limits=limits)
    driver.send(opened())
    driver.answer(status="failed", error="away")
    again = FlowDriver(flow, limits=limits)
    again.now_ms, again.next_offset = driver.now_ms, driver.next_offset
    again.take_over(driver)
    again.control("retry")
    again.answer()
    assert again.executions[-1]["status"] == "succeeded"


def test_sub_flows_of_a_retry_are_no_more_than_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.limits.MAX_SUB_FLOWS", 1)
    driver = FlowDriver(version({"t": OPEN, "run": ("run_flow", {"flowId": "child", "wait": True})}, "t>run"))
    driver.send(opened())
    driver.publish(version({"t": ("manual_trigger", {}), "tag": TAG}, "t>tag", flow_id="child"))
    driver.control("retry")
    assert {record["status"] for record in driver.executions} == {"succeeded"}


def test_what_ended_in_a_pause_is_retried_at_once() -> None:
    driver = FlowDriver(version({"t": OPEN, "tag": (*TAG, AWAIT)}, "t>tag"))
    driver.send(opened())
    driver.control("pause")
    driver.answer(status="failed", error="away")
    driver.control("retry")
    assert len(driver.commands) == 2
