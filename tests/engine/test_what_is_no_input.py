"""Events that nothing of an execution asks for, and answers too late, are no inputs of it: they change nothing."""

from __future__ import annotations

from typing import Any

from tests.support.driver import FlowDriver
from tests.support.flows import event, opened, version

OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
TAG: tuple[str, dict[str, Any]] = ("tag_contact", {"tag": "warm"})
LONG = ("delay", {"delaySeconds": 600})
REPLY = ("wait_for_event", {"type": "email_reply", "timeoutSeconds": 600})
AGED = {"condition": {"subtype": "if_time_elapsed",
                      "config": {"timestampField": "trigger.timestamp", "elapsedSeconds": 60}}}  # fmt: skip


def asking(settings: dict[str, Any] | None = None) -> FlowDriver:
    """An execution whose tag is answered, and that waits then."""
    nodes: dict[str, Any] = {"t": OPEN, "a": (*TAG, {"awaitResult": True}), "w": LONG}
    driver = FlowDriver(version(nodes, "t>a a>w", settings=settings))
    driver.send(opened())
    driver.answer()
    return driver


def test_no_exit_rule_is_asked_before_an_answer_that_comes_again() -> None:
    driver = asking({"exitWhen": [AGED]})
    driver.advance(120)
    driver.answer()
    assert (driver.executions[-1]["endReason"], driver.decisions[-1]["reason"]) == (None, "late_result")
    driver.advance(480)
    assert driver.executions[-1]["endReason"] == "exited"


def test_an_answer_that_comes_again_moves_nothing_to_another_version() -> None:
    driver = asking()
    driver.publish(version({"t": OPEN, "b": TAG}, "t>b", number=2), policy="migrate")
    driver.answer()
    assert (driver.executions[-1]["endReason"], driver.decisions[-1]["reason"]) == (None, "late_result")


def test_an_event_that_only_the_other_version_waits_for_moves_nothing() -> None:
    driver = FlowDriver(version({"t": OPEN, "w": LONG}, "t>w"))
    driver.send(opened())
    driver.publish(version({"t": OPEN, "r": REPLY}, "t>r", number=2), policy="migrate")
    driver.send(event("email_reply", contactId="c1"))
    assert (driver.executions[-1]["seq"], driver.executions[-1]["endReason"]) == (1, None)
    driver.advance(600)
    assert driver.executions[-1]["endReason"] == "node_removed"
