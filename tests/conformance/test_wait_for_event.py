"""What a wait for an event hears, what it does not, and which way it leaves."""

from __future__ import annotations

from typing import Any

import pytest

from engine.reading import build_graph
from engine.types import FlowId
from engine.validation import validate_graph
from tests.support.driver import FlowDriver
from tests.support.flows import event, opened, version

DAY = 86_400
OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
SAME = {"campaignId": "{{ event.campaignId }}"}


def note(text: str) -> tuple[str, dict[str, Any]]:
    return ("log_event", {"message": text})


def waiting(
    match: dict[str, Any] | None = None, seconds: float = DAY, kind: str = "email_reply", **more: Any
) -> FlowDriver:
    """An execution of contact c1 and campaign k1 that waits, and says how it went on."""
    nodes = {
        "t": OPEN, "w": ("wait_for_event", {"type": kind, "match": match or {}, "timeoutSeconds": seconds}),
        "yes": note("{{ steps.w.output.event.replyText }}"), "no": note("none came"),
    }  # fmt: skip
    driver = FlowDriver(version(nodes, "t>w w>yes:event w>no:timeout"), **more)
    driver.send(opened())
    return driver


def reply(contact: str = "c1", campaign: Any = "k1", text: str = "Yes!", **more: Any) -> dict[str, Any]:
    return {**event("email_reply", contactId=contact, campaignId=campaign, replyText=text), **more}


def went(driver: FlowDriver) -> str | None:
    """The port by which the wait was left; None while it is open."""
    port: str | None = driver.steps("w")[-1]["port"]
    return port


def test_the_event_ends_the_wait_and_can_be_read() -> None:
    driver = waiting(SAME)
    [record] = driver.feed
    assert [(wait["nodeId"], wait["for"]) for wait in record["waiting"]] == [("w", "event")]
    assert driver.steps("w")[-1]["status"] == "running"
    driver.advance(60)
    driver.send(reply())
    [step] = driver.steps("yes")
    assert (went(driver), step["output"]["message"]) == ("event", "Yes!")
    [_, ended] = driver.feed
    assert (ended["seq"], ended["status"], ended["input"]["offset"]) == (2, "succeeded", 1)
    assert ended["steps"][0]["output"] == {"event": reply()["payload"]}


def test_without_the_event_it_times_out_once() -> None:
    driver = waiting()
    driver.advance(DAY - 1)
    assert went(driver) is None
    driver.advance(1)
    assert (went(driver), driver.steps("no")[0]["status"]) == ("timeout", "succeeded")
    driver.send(reply())
    driver.advance(DAY)
    assert len(driver.feed) == 2


def test_a_tie_goes_to_the_event() -> None:
    driver = waiting()
    driver.send_after(DAY, reply())
    assert went(driver) == "event"


def test_an_event_after_the_timeout_is_not_heard() -> None:
    driver = waiting()
    driver.send_after(DAY + 0.001, reply())
    assert went(driver) == "timeout"


@pytest.mark.parametrize(
    "other",
    [
        reply(campaign="k2"), reply(contact="c2"), event("email_click", contactId="c1", campaignId="k1"),
        event("email_reply", user="u2", contactId="c1", campaignId="k1"),
    ],
    ids=["campaign", "contact", "type", "scope"],
)  # fmt: skip
def test_another_event_changes_nothing(other: dict[str, Any]) -> None:
    driver = waiting(SAME)
    driver.send(other)
    assert went(driver) is None
    assert [record["seq"] for record in driver.feed if "seq" in record] == [1]
    driver.send(reply())
    assert went(driver) == "event"


def test_what_is_too_deep_is_not_heard() -> None:
    driver = waiting(kind="contact_tagged")
    tagged = event("contact_tagged", "list_builder", contactId="c1", tag="x")
    driver.send({**tagged, "metadata": {"userId": "user_001", "depth": 11}})
    assert went(driver) is None
    driver.send(tagged)
    assert went(driver) == "event"


@pytest.mark.parametrize(
    ("match", "payload", "heard"),
    [
        ({"campaignId": 7}, {"campaignId": "7"}, True),
        ({"campaignId": "7"}, {"campaignId": 7}, True),
        ({"campaignId": "7"}, {}, False),
        ({"campaignId": True}, {"campaignId": True}, False),
        ({"score": 1}, {"score": 1.0}, True),
        ({"score": 1}, {"score": "1"}, False),
        ({"score": None}, {}, True),
        ({"score": None}, {"score": 1}, False),
        ({"song": "{{ event.nothing }}"}, {}, True),
        ({"song": "{{ event.nothing }}"}, {"song": "x"}, False),
        ({"score": "{{ event.opens | plus: 1 }}", "song": "x"}, {"score": 4, "song": "x"}, True),
        ({"score": "{{ event.opens | plus: 1 }}", "song": "x"}, {"score": 4, "song": "y"}, False),
    ],
)
def test_match(match: dict[str, Any], payload: dict[str, Any], heard: bool) -> None:
    nodes = {"t": OPEN, "w": ("wait_for_event", {"type": "email_reply", "match": match, "timeoutSeconds": DAY})}
    driver = FlowDriver(version(nodes, "t>w"))
    driver.send(opened(payload={"opens": 3}))
    driver.send(event("email_reply", contactId="c1", **payload))
    assert (went(driver) == "event") is heard


def test_the_event_that_starts_an_execution_and_the_one_that_opens_a_wait_are_not_heard() -> None:
    wait = ("wait_for_event", {"type": "email_open", "timeoutSeconds": DAY})
    driver = FlowDriver(
        version({"t": OPEN, "w": wait, "again": wait, "end": note("twice")}, "t>w w>again:event again>end:event")
    )
    driver.send(opened())
    assert len(driver.executions) == 1
    driver.send(opened())
    first, second = driver.executions
    assert [wait["nodeId"] for wait in first["waiting"]] == ["again"]
    assert [wait["nodeId"] for wait in second["waiting"]] == ["w"]
    driver.send(opened())
    assert [execution["status"] for execution in driver.executions] == ["succeeded", "running", "running"]


def test_the_oldest_execution_hears_first_and_all_before_a_new_one_starts() -> None:
    wait = ("wait_for_event", {"type": "email_reply", "timeoutSeconds": DAY})
    hears = [version({"t": OPEN, "w": wait, "n": note("x")}, "t>w w>n:event", flow_id=flow) for flow in ("b", "a")]
    starts = version({"t": ("email_reply", {}), "n": note("x")}, "t>n", flow_id="0")
    driver = FlowDriver(hears[0], starts)
    driver.send(opened())
    driver.publish(hears[1])
    driver.advance(1)
    driver.send(opened())
    driver.feed.clear()
    driver.send(reply())
    assert [(record["flowId"], record["seq"]) for record in driver.feed] == [("b", 2), ("a", 2), ("b", 2), ("0", 1)]


def test_all_waits_of_an_execution_hear_the_event() -> None:
    wait = ("wait_for_event", {"type": "email_reply", "timeoutSeconds": DAY})
    driver = FlowDriver(
        version({"t": OPEN, "a": wait, "b": wait, "join": (*note("x"), {"join": "all"})}, "t>a t>b a>join b>join")
    )
    driver.send(opened())
    driver.send(reply())
    assert [step["nodeId"] for step in driver.feed[-1]["path"]] == ["t", "a", "b", "join"]


def test_what_is_waited_for_is_as_it_was_when_the_wait_began() -> None:
    nodes = {
        "t": OPEN,
        "w": (
            "wait_for_event",
            {"type": "email_reply", "match": {"score": "{{ engagement.openCount }}"}, "timeoutSeconds": DAY},
        ),
    }
    driver = FlowDriver(version(nodes, "t>w"))
    driver.send(opened())
    driver.send(opened())
    driver.send(event("email_reply", contactId="c1", campaignId="k1", score=1))
    first, second = driver.executions
    assert (first["status"], second["status"]) == ("succeeded", "running")


def test_a_wait_outlives_a_restart() -> None:
    driver = waiting(SAME)
    other = FlowDriver()
    other.flow_table = driver.flow_table
    other.now_ms, other.next_offset = driver.now_ms, 100
    other.take_over(driver)
    other.send(reply())
    assert went(other) == "event"


def test_a_wait_of_no_time_times_out_at_once_and_in_a_loop_takes_a_second() -> None:
    nodes = {"t": OPEN, "w": ("wait_for_event", {"type": "email_reply", "timeoutSeconds": 0}), "n": note("x")}
    driver = FlowDriver(version(nodes, "t>w w>w:timeout w>n:event"))
    driver.send(opened())
    assert len(driver.feed) == 1
    driver.advance(0.5)
    assert len(driver.feed) == 1
    driver.send(reply())
    assert driver.feed[-1]["status"] == "succeeded"


def test_its_time_is_scaled() -> None:
    driver = waiting(time_scale=DAY)
    driver.advance(1)
    assert (went(driver), driver.steps("w")[-1]["notes"]) == ("timeout", {"timeScale": DAY})


def test_a_wait_is_ended_with_its_flow() -> None:
    driver = waiting()
    driver.archive("flow-1")
    driver.send(reply())
    [step] = [step for step in driver.steps("w") if step["status"] == "skipped"]
    assert (step["reason"], driver.executions[0]["endReason"]) == ("archived", "archived")


def test_a_manual_start_is_no_event_to_hear() -> None:
    driver = waiting()
    driver.trigger(FlowId("flow-1"), reply())
    assert [execution["status"] for execution in driver.executions] == ["running", "running"]


def problems(trigger: str, kind: Any, **config: Any) -> list[str]:
    nodes: list[dict[str, Any]] = [
        {"ref": "t", "type": "trigger", "subtype": trigger},
        {
            "ref": "w",
            "type": "condition",
            "subtype": "wait_for_event",
            "config": {"type": kind, "timeoutSeconds": 60, **config},
        },
    ]
    edges = [{"sourceNodeId": "t", "targetNodeId": "w"}]
    return [found.message for found in validate_graph(build_graph(nodes, edges)).errors]


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [
        ("email_open", "email_reply"), ("email_open", "campaign_status_changed"), ("email_open", "context_updated"),
        ("campaign_created", "campaign_status_changed"), ("asset_uploaded", "release_approaching"),
        ("manual_trigger", "asset_uploaded"),
    ],
)  # fmt: skip
def test_events_of_the_kind_of_the_trigger_can_be_waited_for(trigger: str, kind: str) -> None:
    assert problems(trigger, kind) == []


@pytest.mark.parametrize(
    ("trigger", "kind"),
    [
        ("email_open", "campaign_created"), ("campaign_created", "email_reply"), ("email_open", "release_approaching"),
        ("release_approaching", "email_open"), ("asset_uploaded", "contact_tagged"),
    ],
)  # fmt: skip
def test_an_event_about_another_kind_of_subject_is_refused(trigger: str, kind: str) -> None:
    [message] = problems(trigger, kind)
    assert kind in message
    assert trigger in message
    assert '"w"' in message


@pytest.mark.parametrize(
    ("kind", "config", "words"),
    [
        ("email_opened", {}, "no system publishes it"), ("{{ event.kind }}", {}, "takes no template"),
        (5, {}, "must be text"), ("email_reply", {"timeoutSeconds": -1}, "timeoutSeconds"),
        ("email_reply", {"match": {"a": "{{ nope.x }}"}}, "nope"), ("email_reply", {"match": []}, "match"),
        ("email_reply", {"seconds": 1}, "unknown key"),
    ],
)  # fmt: skip
def test_a_bad_config_is_refused(kind: Any, config: dict[str, Any], words: str) -> None:
    [message] = problems("email_open", kind, **config)
    assert words in message


def test_a_wait_of_two_years_gets_a_second_look() -> None:
    nodes = [{"ref": "w", "type": "condition", "subtype": "wait_for_event",
              "config": {"type": "email_reply", "timeoutSeconds": 2 * 366 * DAY}}]  # fmt: skip
    assert any("more than a year" in found.message for found in validate_graph(build_graph(nodes, [])).warnings)
