"""A message that is tried again goes out only when one may: each attempt is a sending (product.md section 2)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.flow import FlowVersion
from engine.wire import parse_rfc3339
from tests.support.driver import FlowDriver
from tests.support.flows import opened, version

MAIL = {"subject": "Hi", "body": "b", "fromEmail": "a@b.example", "name": "n"}
LATE = "2026-09-21T20:59:00Z"
"""A minute before the night begins."""
RETRY = {"maxAttempts": 3, "initialSeconds": 600, "maxSeconds": 600}
NOTE = ("log_event", {"message": "after"})
Node = tuple[str, dict[str, Any]]


def flow(
    messages: dict[str, Any] | None = None,
    node: Node = ("send_email_campaign", MAIL),
    **more: Any,
) -> FlowVersion:
    options = {"awaitResult": True, "retry": RETRY, **more}
    rules = {"quietHours": {"from": "21:00", "to": "08:00"}, **(messages or {})}
    nodes: Any = {"t": ("email_open", {}), "m": (*node, options), "n": NOTE}
    return version(nodes, "t>m m>n", settings={"messages": rules})


def failed_at_dusk(drawn: FlowVersion) -> FlowDriver:
    """A message that went out a minute before the night and failed; its next attempt is due in the night."""
    driver = FlowDriver(drawn)
    driver.now_ms = parse_rfc3339(LATE)
    driver.send(opened())
    driver.answer(status="failed", retryable=True)
    return driver


def attempts(driver: FlowDriver) -> list[int]:
    return [command.attempt for _run, command in driver.sent]


def test_an_attempt_that_comes_due_by_night_goes_out_in_the_morning() -> None:
    driver = failed_at_dusk(flow())
    driver.advance(3_600)
    assert attempts(driver) == [1]
    (held,) = driver.decisions
    assert (held["decision"], held["reason"], held["for"]) == ("held", "quiet_hours", "quiet_hours")
    assert driver.executions[-1]["waiting"][0]["for"] == "retry"
    driver.advance(11 * 3_600)
    assert attempts(driver) == [1, 2]
    driver.answer()
    assert driver.executions[-1]["status"] == "succeeded"


def test_a_success_that_comes_meanwhile_is_taken() -> None:
    driver = failed_at_dusk(flow())
    driver.advance(3_600)
    driver.answer()
    assert (attempts(driver), driver.executions[-1]["status"]) == ([1], "succeeded")


def test_the_time_of_the_step_runs_on() -> None:
    driver = failed_at_dusk(flow(timeoutSeconds=7_200))
    driver.advance(2 * 3_600)
    assert attempts(driver) == [1]
    assert driver.steps("m")[-1]["error"]["code"] == "answer_timeout"


def test_a_cap_that_the_first_attempt_has_filled_does_not_hold_the_next() -> None:
    capped = {"caps": [{"max": 1, "windowSeconds": 7 * 86_400}], "quietHours": {"from": "03:00", "to": "03:15"}}
    driver = failed_at_dusk(flow(capped))
    driver.advance(600)
    assert (attempts(driver), driver.decisions) == ([1, 2], [])


def test_a_follow_up_for_another_day_is_tried_again_by_night() -> None:
    follow_up = {"subject": "Hi", "body": "b", "fromEmail": "a@b.example", "delayDays": 0.6}
    driver = failed_at_dusk(flow(node=("schedule_followup", follow_up)))
    driver.advance(600)
    assert attempts(driver) == [1, 2]


@pytest.mark.parametrize(("on_held", "ends"), [("skip", "completed"), ("exit", "exited")])
def test_it_is_left_out_where_the_rules_say_so(on_held: str, ends: str) -> None:
    driver = failed_at_dusk(flow({"onHeld": on_held}))
    driver.advance(3_600)
    assert attempts(driver) == [1]
    assert [(one["decision"], one["reason"]) for one in driver.decisions] == [("suppressed", "quiet_hours")]
    assert driver.executions[-1]["endReason"] == ends


def test_what_is_no_message_is_tried_again_by_night() -> None:
    driver = failed_at_dusk(flow(node=("tag_contact", {"tag": "vip"})))
    driver.advance(600)
    assert attempts(driver) == [1, 2]
