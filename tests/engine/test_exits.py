"""The setting `exitWhen`: what ends an execution before its time (product.md section 2, Entry, exit, goal)."""

from __future__ import annotations

from typing import Any

import pytest

from engine.plan import PlanError, compile_plan
from tests.support.driver import FlowDriver
from tests.support.flows import event, opened, version

DAY = 86_400
OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
WEEK = ("delay", {"delaySeconds": 7 * DAY})
NOTE = ("log_event", {"message": "here"})
REPLY = {"event": {"type": "email_reply", "match": {"campaignId": "{{ event.campaignId }}"}}}
VIP = {"condition": {"subtype": "if_tag_present", "config": {"tag": "vip"}}}


def flow(*rules: dict[str, Any], nodes: dict[str, Any] | None = None, edges: str = "t>w w>n") -> Any:
    drawn = version({"t": OPEN, "w": WEEK, "n": NOTE, **(nodes or {})}, edges)
    return drawn.model_copy(update={"settings": {"exitWhen": list(rules)}})


def running(*rules: dict[str, Any], **more: Any) -> FlowDriver:
    driver = FlowDriver(flow(*rules, **more))
    driver.send(opened())
    return driver


def reply(campaign: str = "k1", contact: str = "c1") -> dict[str, Any]:
    return event("email_reply", contactId=contact, campaignId=campaign)


def tagged(tag: str) -> dict[str, Any]:
    return event("contact_tagged", "list_builder", contactId="c1", tag=tag)


def ended(driver: FlowDriver) -> str | None:
    reason: str | None = driver.executions[0]["endReason"]
    return reason


def test_an_event_ends_it_at_once_inside_a_wait() -> None:
    driver = running(REPLY)
    driver.advance(60)
    driver.send(reply())
    [_, record] = driver.feed
    assert (record["status"], record["endReason"], record["waiting"]) == ("succeeded", "exited", [])
    assert (record["seq"], record["input"]["offset"]) == (2, 1)
    assert [(step["nodeId"], step["status"], step["reason"]) for step in record["steps"]] == [
        ("w", "skipped", "exited"), ("n", "skipped", "unreached"),
    ]  # fmt: skip
    assert record["steps"][0]["notes"] == {"exitRule": 0}
    driver.advance(8 * DAY)
    assert len(driver.feed) == 2


@pytest.mark.parametrize(
    "other", [reply("k2"), reply(contact="c2"), event("email_click", contactId="c1", campaignId="k1")]
)
def test_another_event_does_not(other: dict[str, Any]) -> None:
    driver = running(REPLY)
    driver.send(other)
    assert (ended(driver), len(driver.feed)) == (None, 1)
    driver.advance(7 * DAY)
    assert ended(driver) == "completed"


def test_a_condition_is_asked_before_every_event_and_answers_by_the_facts_with_it() -> None:
    driver = running(VIP)
    driver.send(tagged("nobody"))
    assert ended(driver) is None
    driver.send(tagged("vip"))
    assert ended(driver) == "exited"


def test_a_condition_is_asked_before_a_timer() -> None:
    late = {
        "condition": {
            "subtype": "if_time_elapsed",
            "config": {"timestampField": "trigger.timestamp", "elapsedSeconds": 7 * DAY},
        }
    }
    driver = running(late)
    driver.advance(7 * DAY)
    assert (ended(driver), driver.steps("n")[-1]["status"]) == ("exited", "skipped")


def test_a_condition_is_asked_before_an_answer_and_before_a_resume() -> None:
    opens = {
        "condition": {
            "subtype": "if_field_match",
            "config": {"field": "contact.name", "operator": "equals", "value": "gone"},
        }
    }
    nodes = {"w": ("tag_contact", {"tag": "x"}, {"awaitResult": True})}
    driver = running(opens, nodes=nodes)
    driver.answer()
    assert ended(driver) == "completed"
    driver = running(opens, nodes=nodes)
    driver.tables.put("subjects", "u8:user_0017:contactc1", {"facts": {"profile": {"name": "gone"}}})
    driver.answer()
    assert ended(driver) == "exited"
    driver = running(opens)
    driver.control("pause")
    driver.tables.put("subjects", "u8:user_0017:contactc1", {"facts": {"profile": {"name": "gone"}}})
    driver.control("resume")
    assert ended(driver) == "exited"


def test_the_start_is_not_asked() -> None:
    driver = FlowDriver(flow({"event": {"type": "email_open"}}, VIP))
    driver.send(tagged("vip"))
    driver.send(opened())
    assert [ended(driver), len(driver.executions)] == [None, 1]
    driver.send(opened())
    assert [execution["endReason"] for execution in driver.executions] == ["exited", None]


def test_it_comes_before_a_wait_for_the_same_event() -> None:
    wait = ("wait_for_event", {"type": "email_reply", "timeoutSeconds": DAY})
    driver = running(REPLY, nodes={"w": wait}, edges="t>w w>n:event")
    driver.send(reply())
    assert (ended(driver), driver.steps("w")[-1]["status"]) == ("exited", "skipped")


def test_the_first_rule_that_is_met_is_noted() -> None:
    driver = running(REPLY, VIP)
    driver.send(tagged("vip"))
    assert driver.steps("w")[-1]["notes"]["exitRule"] == 1


def test_what_came_before_counts_for_the_status() -> None:
    broken = ("log_event", {"message": "{{ event.nothing }}"})
    driver = running(REPLY, nodes={"b": broken}, edges="t>b t>w w>n")
    driver.send(reply())
    assert (driver.executions[0]["status"], ended(driver)) == ("failed", "exited")


@pytest.mark.parametrize(
    "rule",
    [
        {"event": {"type": "email_reply", "match": {"x": "{{ event.n | divided_by: 0 }}"}}},
        {"condition": {"subtype": "if_tag_present", "config": {"tag": "{{ event.n | divided_by: 0 }}"}}},
        {"condition": {"subtype": "if_tag_present", "config": {"tag": "{{ event.nothing }}"}}},
        {"condition": {"subtype": "if_metric_greater", "config": {"metric": "nobody", "threshold": 0}}},
    ],
)
def test_a_rule_that_cannot_be_answered_ends_nothing(rule: dict[str, Any]) -> None:
    driver = running(rule)
    driver.send(reply())
    assert ended(driver) is None


def test_templates_in_conditions_are_rendered_when_asked() -> None:
    rule = {"condition": {"subtype": "if_tag_present", "config": {"tag": "{{ event.campaignId }}"}}}
    driver = running(rule)
    driver.send(tagged("k1"))
    assert ended(driver) == "exited"


def test_rules_outlive_a_restart() -> None:
    driver = running(REPLY)
    other = FlowDriver(flow(REPLY))
    other.now_ms, other.next_offset = driver.now_ms, 50
    other.take_over(driver)
    other.send(reply())
    assert ended(other) == "exited"


def test_a_paused_execution_exits_too() -> None:
    driver = running(REPLY)
    driver.control("pause")
    driver.send(reply())
    assert ended(driver) == "exited"


@pytest.mark.parametrize(
    "rule",
    [{}, {"condition": {"subtype": "wait_for_event"}}, {"event": {"type": "email_reply", "match": {"x": "{{ y }}"}}}],
)
def test_what_is_not_valid_is_refused_by_the_compiler(rule: dict[str, Any]) -> None:
    with pytest.raises(PlanError):
        compile_plan(flow(rule))
