"""Entry rules: how often a subject enters a flow, in one batch, over time, and over a restart."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from engine.flow import FlowVersion
from engine.flow_settings import setting_faults
from engine.plan import PlanError, compile_plan
from tests.support.driver import FlowDriver
from tests.support.flows import event, opened, version

HOUR = 3_600.0
DAY = 24 * HOUR


def flow(entry: dict[str, Any] | None, wait_seconds: float = HOUR, number: int = 1, **more: Any) -> FlowVersion:
    nodes: dict[str, Any] = {
        "t": ("email_open", {}), "w": ("delay", {"delaySeconds": wait_seconds}), "n": ("tag_contact", {"tag": "x"}),
    }  # fmt: skip
    return version(nodes, "t>w w>n", number=number, settings={} if entry is None else {"entry": entry}, **more)


def reasons(driver: FlowDriver) -> dict[str, int]:
    return dict(Counter(decision["reason"] for decision in driver.decisions))


def test_without_a_rule_every_event_enters() -> None:
    driver = FlowDriver(flow(None), flow({"rule": "every_event"}, flow_id="flow-2"))
    for _ in range(5):
        driver.send(opened())
    assert (len(driver.executions), reasons(driver)) == (10, {})


@pytest.mark.parametrize(
    ("entry", "started", "held"),
    [
        ({"rule": "every_event"}, 100, {}),
        ({"rule": "once"}, 1, {"already_entered": 99}),
        ({"rule": "after_exit"}, 1, {"already_entered": 99}),
        ({"rule": "cooldown"}, 1, {"cooldown": 99}),
        ({"rule": "once_per"}, 1, {"already_entered": 99}),
        ({"maxRunning": 7}, 7, {"max_running": 93}),
        ({"rule": "cooldown", "cooldownSeconds": 0}, 100, {}),
        ({"rule": "once_per", "maxRunning": 1}, 1, {"already_entered": 99}),
    ],
    ids=str,
)
def test_a_hundred_triggers_at_once_give_what_the_rule_permits(
    entry: dict[str, Any], started: int, held: dict[str, int]
) -> None:
    driver = FlowDriver(flow(entry))
    for _ in range(100):
        driver.send(opened())
    assert (len(driver.executions), reasons(driver)) == (started, held)
    driver.advance(2 * HOUR)
    assert len(driver.commands) == started


def test_a_hundred_repeats_of_one_event_are_one_entry_and_duplicates() -> None:
    driver = FlowDriver(flow({"rule": "after_exit"}, wait_seconds=0))
    for _ in range(100):
        driver.send(opened(id="same"))
    assert (len(driver.executions), reasons(driver)) == (1, {"duplicate_event": 99})


def test_what_is_held_back_says_of_which_flow_event_and_execution() -> None:
    driver = FlowDriver(flow({"rule": "once"}))
    driver.send(opened(id="first"))
    driver.send(opened(id="second"))
    [decision] = driver.decisions
    assert (decision["decision"], decision["reason"], decision["flowId"]) == (
        "suppressed", "already_entered", "flow-1",
    )  # fmt: skip
    assert (decision["eventId"], decision["subject"]) == ("second", {"type": "contact", "id": "c1"})
    assert decision["executionId"] not in {record["executionId"] for record in driver.executions}


def test_once_is_for_good_for_each_contact_and_each_flow() -> None:
    driver = FlowDriver(flow({"rule": "once"}), flow({"rule": "once"}, flow_id="flow-2"))
    driver.send(opened("c1"))
    driver.advance(400 * DAY)
    driver.send(opened("c1"))
    driver.send(opened("c2"))
    assert len(driver.executions) == 4
    assert reasons(driver) == {"already_entered": 2}


def test_once_holds_for_a_manual_trigger_and_a_new_version_too() -> None:
    driver = FlowDriver(flow({"rule": "once"}))
    driver.trigger("flow-1", event("manual_trigger", contactId="c1"))
    driver.publish(flow({"rule": "once"}, number=2))
    driver.send(opened())
    driver.trigger("flow-1", event("manual_trigger", contactId="c1"))
    assert (len(driver.executions), reasons(driver)) == (1, {"already_entered": 2})


def test_the_rule_of_the_version_in_force_decides() -> None:
    driver = FlowDriver(flow(None))
    driver.send(opened())
    driver.publish(flow({"rule": "once"}, number=2))
    driver.send(opened())
    driver.publish(flow({"rule": "every_event"}, number=3))
    driver.send(opened())
    assert (len(driver.executions), reasons(driver)) == (2, {"already_entered": 1})


def test_after_exit_lets_in_once_the_last_has_ended() -> None:
    driver = FlowDriver(flow({"rule": "after_exit"}))
    driver.send(opened())
    driver.advance(HOUR - 1)
    driver.send(opened())
    driver.advance(1)
    driver.send(opened())
    assert (len(driver.executions), reasons(driver)) == (2, {"already_entered": 1})


def test_after_exit_lets_everybody_in_who_ends_at_once() -> None:
    driver = FlowDriver(flow({"rule": "after_exit"}, wait_seconds=0))
    for _ in range(10):
        driver.send(opened())
    assert (len(driver.executions), reasons(driver)) == (10, {})


def test_a_cooldown_counts_from_the_last_entry_not_from_the_last_try() -> None:
    driver = FlowDriver(flow({"rule": "cooldown", "cooldownSeconds": 100}))
    driver.send(opened())
    driver.advance(99)
    driver.send(opened())
    driver.advance(0.999)
    driver.send(opened())
    driver.advance(0.001)
    driver.send(opened())
    assert (len(driver.executions), reasons(driver)) == (2, {"cooldown": 2})


def test_a_cooldown_is_a_day_by_default_and_scaled() -> None:
    for scale, seconds in ((1.0, DAY), (86_400.0, 1.0)):
        driver = FlowDriver(flow({"rule": "cooldown"}), time_scale=scale)
        driver.send(opened())
        driver.advance(seconds - 0.001)
        driver.send(opened())
        driver.advance(0.001)
        driver.send(opened())
        assert (len(driver.executions), reasons(driver)) == (2, {"cooldown": 1})


def test_once_per_campaign_lets_each_campaign_in_once() -> None:
    driver = FlowDriver(flow({"rule": "once_per"}))
    for number in range(200):
        driver.send(opened(campaign=f"k{number}"))
    for number in range(200):
        driver.send(opened(campaign=f"k{number}"))
    assert (len(driver.executions), reasons(driver)) == (200, {"already_entered": 200})


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (1, 1.0, True), (1, "1", False), (True, 1, False), ({"a": 1, "b": [2.0]}, {"b": [2], "a": 1.0}, True),
        (None, "", False), ("a", "b", False), (0.5, 0.5, True),
    ],
)  # fmt: skip
def test_once_per_tells_values_apart_as_json_does(first: Any, second: Any, same: bool) -> None:
    driver = FlowDriver(flow({"rule": "once_per", "field": "event.x"}))
    driver.send(opened(payload={"x": first}))
    driver.send(opened(payload={"x": second}))
    assert len(driver.executions) == (1 if same else 2)


def test_once_per_counts_what_is_missing_as_one_value() -> None:
    driver = FlowDriver(flow({"rule": "once_per", "field": "event.x"}))
    for payload in ({}, {"x": None}, {"x": "there"}):
        driver.send(opened(payload=payload))
    assert (len(driver.executions), reasons(driver)) == (2, {"already_entered": 1})


def test_once_per_reads_facts_with_this_event_in_them() -> None:
    driver = FlowDriver(flow({"rule": "once_per", "field": "engagement.openCount"}))
    driver.send(opened())
    driver.send(opened())
    assert len(driver.executions) == 2


def test_max_running_counts_what_runs() -> None:
    driver = FlowDriver(flow({"rule": "every_event", "maxRunning": 2}))
    for _ in range(3):
        driver.send(opened())
    driver.advance(HOUR)
    driver.send(opened())
    assert (len(driver.executions), reasons(driver)) == (3, {"max_running": 1})


def test_an_archived_or_ended_execution_runs_no_more() -> None:
    driver = FlowDriver(flow({"rule": "after_exit"}))
    driver.send(opened())
    driver.set_status("flow-1", "archived")
    driver.publish(flow({"rule": "after_exit"}, number=2))
    driver.send(opened())
    assert (len(driver.executions), reasons(driver)) == (2, {})


@pytest.mark.parametrize("rule", ["once", "after_exit", "cooldown", "once_per"])
def test_a_restart_forgets_nothing(rule: str) -> None:
    driver = FlowDriver(flow({"rule": rule}))
    driver.send(opened())
    again = FlowDriver(flow({"rule": rule}), offset=driver.next_offset)
    again.take_over(driver)
    again.send(opened())
    assert len(again.executions) == 1
    assert len(again.decisions) == 1


def test_a_version_whose_rule_is_not_valid_is_refused_by_the_compiler() -> None:
    with pytest.raises(PlanError, match="flow-1 version 1"):
        compile_plan(flow({"rule": "twice"}))


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        ({}, []),
        ({"rule": "once_per", "cooldownSeconds": 1, "field": "contact.email", "maxRunning": None}, []),
        ("once", ['.entry is "once", not an object like {rule, cooldownSeconds, field, maxRunning}']),
        (None, [".entry is null"]),
        (
            {"rule": "twice", "maxRunning": 0, "rulle": 1},
            [".entry.rule", ".entry.maxRunning is 0", "did you mean rule?"],
        ),
        ({"cooldownSeconds": "60"}, ['.entry.cooldownSeconds is "60"']),
        ({"cooldownSeconds": -1}, [".entry.cooldownSeconds is -1"]),
        ({"field": "campaignId"}, ['.entry.field is "campaignId": write a path such as event.campaignId']),
        ({"field": "steps.x.output"}, [".entry.field"]),
        ({"field": "event..x"}, [".entry.field"]),
        ({"maxRunning": 1.5}, [".entry.maxRunning is 1.5"]),
        ({"cooldown_seconds": 5}, ['unknown key "cooldown_seconds", did you mean cooldownSeconds?']),
    ],
    ids=str,
)
def test_a_setting_that_is_wrong_is_refused_by_name(entry: Any, wanted: list[str]) -> None:
    found = [message for _path, message in setting_faults({"entry": entry})]
    assert len(found) == len(wanted)
    assert all(words in message for words, message in zip(wanted, found, strict=True)), found


def test_an_event_that_comes_again_after_its_mark_is_forgotten_enters_no_flow_again() -> None:
    driver = FlowDriver(version({"t": ("email_open", {}), "n": ("log_event", {"message": "x"})}, "t>n"))
    again = {**opened(), "id": "one and the same"}
    for _ in range(3):
        driver.send(again)
        driver.advance(8 * 86_400)
    assert len(driver.executions) == 1
    assert [(one["reason"], one["flowId"]) for one in driver.decisions] == [("duplicate_event", "flow-1")] * 2
