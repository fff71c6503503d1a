"""Open waits and awaited commands when their execution moves to another version (product.md section 1, `migrate`)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.driver import FlowDriver
from tests.support.flows import event, opened, version

OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
NOTE: tuple[str, dict[str, Any]] = ("log_event", {"message": "x"})
AWAIT: dict[str, Any] = {"awaitResult": True}


def asked(options: dict[str, Any] | None, number: int = 1, after: str = "a") -> Any:
    """A version that tags, then does something else; without options, only something else."""
    if options is None:
        return version({"t": OPEN, after: NOTE}, f"t>{after}", number=number)
    nodes: dict[str, Any] = {"t": OPEN, "w": ("tag_contact", {"tag": f"x{number}"}, options), after: NOTE}
    return version(nodes, f"t>w w>{after}", number=number)


def test_a_wait_for_an_event_keeps_what_it_hears_and_goes_on_by_the_new_version() -> None:
    first = ("wait_for_event", {"type": "email_reply", "timeoutSeconds": 100})
    driver = FlowDriver(version({"t": OPEN, "w": first, "a": NOTE}, "t>w w>a:event"))
    driver.send(opened())
    second = ("wait_for_event", {"type": "email_click", "timeoutSeconds": 5})
    driver.publish(version({"t": OPEN, "w": second, "b": NOTE}, "t>w w>b:event", number=2), policy="migrate")
    driver.send(event("email_click", contactId="c1"))
    assert driver.executions[0]["seq"] == 1
    driver.advance(50)
    driver.send(event("email_reply", contactId="c1"))
    [execution] = driver.executions
    assert (execution["endReason"], execution["flowVersion"]) == ("completed", 2)
    assert driver.steps("b")[-1]["status"] == "succeeded"


@pytest.mark.parametrize("options", [{}, {**AWAIT, "retry": {"maxAttempts": 1}}])
def test_an_awaited_command_is_tried_by_its_own_rule_and_goes_on_by_the_new_version(options: dict[str, Any]) -> None:
    driver = FlowDriver(asked(AWAIT))
    driver.send(opened())
    driver.publish(asked(options, 2, "b"), policy="migrate")
    driver.answer(status="failed", retryable=True)
    driver.advance(30)
    assert [(command.attempt, command.payload["tag"]) for _, command in driver.sent] == [(1, "x1"), (2, "x1")]
    driver.answer()
    assert (driver.executions[0]["endReason"], driver.steps("b")[-1]["status"]) == ("completed", "succeeded")
    driver.answer()
    assert driver.decisions[-1]["reason"] == "late_result"


def test_an_answer_to_a_node_that_was_removed_ends_the_execution_and_the_next_is_late() -> None:
    driver = FlowDriver(asked(AWAIT))
    driver.send(opened())
    driver.publish(asked(None, 2, "b"), policy="migrate")
    driver.answer()
    assert (driver.executions[0]["endReason"], driver.decisions) == ("node_removed", [])
    driver.answer()
    assert driver.decisions[-1]["reason"] == "late_result"


def test_exit_rules_are_those_of_the_new_version() -> None:
    wait = ("delay", {"delaySeconds": 100})
    drawn = version({"t": OPEN, "w": wait}, "t>w")
    driver = FlowDriver(drawn)
    driver.send(opened())
    exits = {"exitWhen": [{"event": {"type": "email_click"}}]}
    driver.publish(drawn.model_copy(update={"version": 2, "settings": exits}), policy="migrate")
    driver.send(event("email_click", contactId="c1"))
    assert (driver.executions[0]["endReason"], driver.executions[0]["flowVersion"]) == ("exited", 2)


def test_waits_that_are_over_at_once_keep_their_order_over_a_move_and_a_restart() -> None:
    first, long = ("delay", {"delaySeconds": 10}), ("delay", {"delaySeconds": 60})
    nodes: dict[str, Any] = {"t": OPEN, "first": first, "a": long, "b": long}
    old, new = version(nodes, "t>first t>a t>b"), version(nodes, "t>first t>b t>a", number=2)

    def order(*, restarts: bool) -> list[str]:
        driver = FlowDriver(old)
        driver.send(opened())
        driver.publish(new, policy="migrate")
        driver.advance(10)
        if restarts:
            again = FlowDriver(offset=driver.next_offset)
            again.now_ms, again.flow_table = driver.now_ms, driver.flow_table
            again.take_over(driver)
            driver = again
        driver.advance(50)
        return [step["nodeId"] for step in driver.steps() if step["status"] == "succeeded"]

    assert order(restarts=False) == order(restarts=True) == ["t", "first", "a", "b"]
