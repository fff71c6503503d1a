"""How much an execution may keep: the step that would pass it fails, and no row outgrows its topic."""

from typing import Any

import pytest

from engine.budget import MAX_STATE_BYTES
from engine.outputs import SMALL, is_small, json_bytes
from tests.support.driver import FlowDriver, plain
from tests.support.flows import event, opened, version

OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
DELAY = ("delay", {"delaySeconds": 60})
WRITE = ("log_event", {"message": "{{ event.body }}"})
BODY = "x" * 1_000_000
HELD = ("send_email_campaign", {"subject": "Hi", "body": "{{ event.body }}", "fromEmail": "a@x.org", "delay": 60})
ROOM_FOR_THE_SMALL = 64 * 1024


def hostile(nodes: dict[str, Any], edges: str, **more: Any) -> FlowDriver:
    driver = FlowDriver(version({"t": OPEN, **nodes}, edges, **more))
    driver.send(opened(payload={"body": BODY}))
    return driver


def fanned(kind: Any, count: int) -> tuple[dict[str, Any], str]:
    names = [f"n{number:02}" for number in range(count)]
    return dict.fromkeys(names, kind), " ".join(f"t>{name}" for name in names)


def row_bytes(driver: FlowDriver) -> int:
    return max((len(row) for row in driver.tables.rows["executions"].values()), default=0)


def codes(driver: FlowDriver, nodes: dict[str, Any]) -> list[str | None]:
    errors = [driver.steps(name)[-1]["error"] for name in nodes]
    return [error["code"] if error else None for error in errors]


def test_outputs_are_bounded_and_the_step_that_would_pass_it_fails_by_its_error_edge() -> None:
    nodes, _ = fanned(WRITE, 40)
    chain = " ".join(f"{one}>{next_one}" for one, next_one in zip(nodes, [*list(nodes)[1:], "end"], strict=True))
    driver = hostile({**nodes, "end": DELAY, "instead": DELAY}, f"t>n00 {chain} n07>instead:error")
    assert driver.steps("n06")[-1]["status"] == "succeeded"
    [refused] = driver.steps("n07")
    assert (refused["status"], refused["port"], refused["error"]["code"]) == ("failed", "error", "state_too_large")
    assert str(MAX_STATE_BYTES) in refused["error"]["message"]
    assert refused["error"]["value"] > MAX_STATE_BYTES
    assert str(refused["error"]["value"]) in refused["error"]["message"]
    assert driver.steps("instead")[-1]["status"] == "running"
    assert driver.steps("n08") == []
    assert row_bytes(driver) < MAX_STATE_BYTES + ROOM_FOR_THE_SMALL


def test_what_waits_hold_is_bounded_and_also_once_they_have_moved_to_another_version() -> None:
    nodes, edges = fanned(HELD, 40)
    driver = hostile(nodes, edges)
    assert set(codes(driver, nodes)) == {None, "state_too_large"}
    assert row_bytes(driver) < MAX_STATE_BYTES + ROOM_FOR_THE_SMALL
    driver.publish(version({"t": OPEN, **nodes}, edges, number=2), policy="migrate")
    [running] = list(driver.tables.rows["executions"])
    driver.control("pause", running)
    assert plain(driver.tables.rows["executions"][running])["version"] == 2
    assert row_bytes(driver) < MAX_STATE_BYTES + ROOM_FOR_THE_SMALL


def test_waits_that_are_over_are_free_for_what_they_heard() -> None:
    wait = ("wait_for_event", {"type": "email_reply", "match": {"body": "{{ event.body }}"}, "timeoutSeconds": 60})
    nodes, edges = fanned(wait, 4)
    driver = FlowDriver(version({"t": OPEN, **nodes, "end": DELAY}, f"{edges} t>end"))
    driver.send(opened(payload={"body": BODY[:600_000]}))
    assert {step["status"] for step in driver.steps("n03")} == {"running"}
    driver.send(event("email_reply", contactId="c1", body=BODY[:600_000], more=BODY[:400_000]))
    assert codes(driver, nodes) == [None] * 4
    assert {driver.steps(name)[-1]["port"] for name in nodes} == {"event"}


def test_an_event_that_would_be_too_much_fails_the_step_that_heard_it() -> None:
    nodes, _ = fanned(WRITE, 6)
    chain = " ".join(f"{one}>{next_one}" for one, next_one in zip(nodes, [*list(nodes)[1:], "w"], strict=True))
    wait = ("wait_for_event", {"type": "email_reply", "match": {}, "timeoutSeconds": 60})
    driver = hostile({**nodes, "w": wait, "end": DELAY}, f"t>n00 {chain} w>end:error")
    driver.send(event("email_reply", contactId="c1", body=BODY, more=BODY))
    assert codes(driver, {"w": wait}) == ["state_too_large"]
    assert driver.executions[-1]["status"] == "running"
    assert row_bytes(driver) < MAX_STATE_BYTES + ROOM_FOR_THE_SMALL


def test_commands_that_are_awaited_are_bounded_and_none_is_sent_that_could_not_be_kept() -> None:
    told = ("notify_user", {"message": "{{ event.body }}"}, {"awaitResult": True})
    nodes, edges = fanned(told, 40)
    driver = FlowDriver(version({"t": OPEN, **nodes}, edges))
    driver.send(opened(payload={"body": BODY[:500_000]}))
    failed = [code for code in codes(driver, nodes) if code]
    assert set(failed) == {"state_too_large"}
    assert len(driver.commands) == 40 - len(failed) == 5
    assert row_bytes(driver) < MAX_STATE_BYTES + ROOM_FOR_THE_SMALL


@pytest.mark.parametrize("times", [1, 2])
def test_an_answer_that_would_be_too_much_fails_the_step_that_awaited_it(times: int) -> None:
    nodes, _ = fanned(WRITE, 6)
    chain = " ".join(f"{one}>{next_one}" for one, next_one in zip(nodes, [*list(nodes)[1:], "a"], strict=True))
    told = ("notify_user", {"message": "Hi"}, {"awaitResult": True})
    driver = hostile({**nodes, "a": told, "end": DELAY}, f"t>n00 {chain} a>end:error")
    driver.answer(output={"body": BODY * times})
    assert codes(driver, {"a": told}) == [None if times == 1 else "state_too_large"]
    assert row_bytes(driver) < MAX_STATE_BYTES + ROOM_FOR_THE_SMALL


def test_tags_are_bounded_although_they_are_no_output() -> None:
    nodes = {f"n{number:02}": ("tag_contact", {"tag": f"{number} {{{{ event.body }}}}"}) for number in range(40)}
    driver = FlowDriver(version({"t": OPEN, **nodes, "end": DELAY}, " ".join(f"t>{name}" for name in [*nodes, "end"])))
    driver.send(opened(payload={"body": BODY[:500_000]}))
    failed = [code for code in codes(driver, nodes) if code]
    assert set(failed) == {"state_too_large"}
    assert len(driver.commands) == 40 - len(failed) == 15
    driver.send(opened(contact="c2"))
    assert row_bytes(driver) < MAX_STATE_BYTES + ROOM_FOR_THE_SMALL


def test_a_message_that_may_not_be_held_as_it_is_too_large_fails_its_step_and_says_nothing_of_a_hold() -> None:
    held = ("send_email_campaign", {"subject": "Hi", "body": "{{ event.body }}", "fromEmail": "a@x.org"})
    nodes, edges = fanned(held, 12)
    caps = {"messages": {"caps": [{"max": 1, "windowSeconds": 600, "scope": "flow"}]}}
    driver = FlowDriver(version({"t": OPEN, **nodes}, edges, settings=caps))
    driver.send(opened(payload={"body": BODY[:500_000]}))
    failed = [code for code in codes(driver, nodes) if code]
    assert set(failed) == {"state_too_large"}
    assert len(driver.commands) == 1
    assert len(driver.decisions) == 11 - len(failed)


def test_what_failed_is_told_short() -> None:
    """A field path, and what lies there, may be as long as an event; the error of each step is kept."""
    nodes, edges = fanned(("delay", {"untilField": "event.body"}), 40)
    driver = hostile({**nodes, "end": DELAY}, f"{edges} t>end")
    assert set(codes(driver, nodes)) == {"bad_time"}
    assert row_bytes(driver) < len(BODY) + ROOM_FOR_THE_SMALL


@pytest.mark.parametrize(
    ("value", "small"),
    [
        ({}, True), (None, True), ({"a": "x" * SMALL}, False), ({"a": "x" * (SMALL - 4)}, True),
        (list(range(40)), True), (list(range(60)), False), ({"a": {str(n): n for n in range(60)}}, False),
        ({"a": ("x" * 300, 1)}, False), ({"x" * 300: 1}, False),
    ],
)  # fmt: skip
def test_what_is_small_is_small_as_json(value: Any, small: bool) -> None:
    assert is_small(value) is small
    assert not small or json_bytes(value) < 6 * SMALL
