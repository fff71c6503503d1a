"""Flows that are paused, resumed, published anew by any policy and archived, at any time, under any inputs."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.nodes.registry import node_types
from engine.reading import build_graph
from engine.run import Run
from engine.types import VERBS
from engine.validation import validate_graph
from tests.property.test_executions import LIMITS, told
from tests.support.driver import FlowDriver

PARTS: list[tuple[str, dict[str, Any]]] = [
    ("delay", {"delaySeconds": 60}), ("delay", {"delaySeconds": 600}), ("log_event", {"message": "m"}),
    ("tag_contact", {"tag": "{{ previousNode.output.result }}"}),
    ("create_release_task", {"title": "t", "releaseIdField": "event.n"}),
    ("send_email_campaign", {"subject": "s", "body": "b", "fromEmail": "a@example.com", "name": "n", "delay": 60}),
    ("wait_for_event", {"type": "email_reply", "timeoutSeconds": 120}),
]  # fmt: skip
NAMES = ["n1", "n2", "n3", "n4"]
WAYS = [("t", "n1"), ("t", "n2"), ("n1", "n2"), ("n1", "n3"), ("n2", "n3"), ("n2", "n4"), ("n3", "n4"), ("n4", "n1")]
OPTIONS = st.sampled_from([{}, {}, {"join": "all"}])
CHANGES = st.sampled_from([
    ("status", "paused"), ("status", "published"), ("status", "paused"), ("status", "published"),
    ("status", "archived"), ("drain", "archived"),
    *[("publish", "migrate")] * 4, ("publish", "pin"), ("publish", "exit"),
])  # fmt: skip
SOME = st.builds(
    lambda kind, contact, n: {
        "type": kind, "source": "email_engine", "metadata": {"userId": "user_001"},
        "payload": {"contactId": contact, "campaignId": "k1", **({"n": n} if n else {})},
    },
    st.sampled_from(["email_open", "email_open", "email_reply"]), st.sampled_from(["c1", "c2"]),
    st.sampled_from(["", "r"]),
)  # fmt: skip
INPUTS = st.lists(
    SOME | SOME | st.sampled_from([1.0, 60.0, 60.0, 600.0]) | st.sampled_from(VERBS) | CHANGES, min_size=6, max_size=24
)


@st.composite
def version_of_f1(draw: st.DrawFn) -> dict[str, Any] | None:
    """One of many versions whose nodes share their ids; None where the drawing is not valid."""
    nodes: list[dict[str, Any]] = [{"id": "t", "type": "trigger", "subtype": "email_open", "config": {}}]
    for name in draw(st.lists(st.sampled_from(NAMES), min_size=2, max_size=4, unique=True)):
        subtype, config = draw(st.sampled_from(PARTS))
        kind = node_types()[subtype].kind
        nodes.append({"id": name, "type": kind, "subtype": subtype, "config": config, "options": draw(OPTIONS)})
    drawn = draw(st.lists(st.sampled_from(WAYS), min_size=2, max_size=8, unique=True))
    here = {node["id"] for node in nodes}
    edges = [
        {"id": f"e{place}", "sourceNodeId": source, "targetNodeId": target}
        for place, (source, target) in enumerate(drawn)
        if {source, target} <= here
    ]
    if not validate_graph(build_graph(nodes, edges)).is_valid:
        return None
    return {"flowId": "f1", "version": 1, "name": "f1", "userId": "user_001", "nodes": nodes, "edges": edges}


VERSIONS = st.lists(version_of_f1().filter(bool), min_size=2, max_size=4)


def play(versions: list[dict[str, Any]], inputs: list[Any], reopen_at: int | None = None) -> FlowDriver:
    """Play inputs on the first version; each publish is the next of them, over and over."""
    driver = FlowDriver(versions[0], limits=[LIMITS])
    published = 1
    for place, given_input in enumerate(inputs):
        if place == reopen_at:
            driver = reopened(driver)
        match given_input:
            case float():
                driver.advance(given_input)
            case str():
                if driver.executions:
                    driver.control(given_input)  # type: ignore[arg-type]  # one of VERBS
            case ("publish", policy):
                published += 1
                driver.publish({**versions[published % len(versions)], "version": published}, policy=policy)
            case ("status", "published"):
                driver.resume("f1")
            case (change, status):
                driver.set_status("f1", status, drain=change == "drain")
            case _:
                driver.send(given_input)
    return driver


def reopened(driver: FlowDriver) -> FlowDriver:
    """A new shard over the bytes of another, with what that has read of the flows."""
    opened = FlowDriver(limits=[LIMITS], offset=driver.next_offset)
    opened.now_ms, opened.flow_table, opened.log = driver.now_ms, driver.flow_table, driver.log
    opened.take_over(driver)
    return opened


@settings(max_examples=250)
@given(VERSIONS, INPUTS)
def test_whatever_becomes_of_a_flow_its_executions_are_told_whole(
    versions: list[dict[str, Any]], inputs: list[Any]
) -> None:
    driver = play(versions, inputs)
    attempts = [(command.id, command.attempt) for _, command in driver.sent]
    assert len(attempts) == len(set(attempts))
    records: dict[str, list[dict[str, Any]]] = {}
    for record in driver.feed:
        if "seq" in record:
            records.setdefault(record["executionId"], []).append(record)
    for story in records.values():
        assert [record["seq"] for record in story] == list(range(1, len(story) + 1))
        versions_seen = [record["flowVersion"] for record in story]
        assert versions_seen == sorted(versions_seen)
        last = story[-1]
        assert last["progress"]["completedSteps"] <= last["progress"]["totalSteps"]
        assert (last["endReason"] is None) == (last["status"] in {"running", "paused"})
        steps = {(step["nodeId"], step["visit"]): step["status"] for record in story for step in record["steps"]}
        if last["endReason"] is not None:
            assert "running" not in {steps[step["nodeId"], step["visit"]] for step in last["path"]}
    for row in driver.tables.rows.get("executions", {}).values():
        run = Run.from_row(orjson.loads(row))
        assert orjson.dumps(run.to_row()) == row


@settings(max_examples=150)
@given(VERSIONS, INPUTS, st.integers(0, 15))
def test_a_restart_changes_nothing_of_that(versions: list[dict[str, Any]], inputs: list[Any], reopen_at: int) -> None:
    assert told(play(versions, inputs, reopen_at)) == told(play(versions, inputs))


@settings(max_examples=100)
@given(VERSIONS, INPUTS)
def test_nothing_is_sent_while_a_flow_is_paused(versions: list[dict[str, Any]], inputs: list[Any]) -> None:
    driver = play(versions, [one for one in inputs if not isinstance(one, tuple)])
    driver.set_status("f1", "paused")
    sent = len(driver.sent)
    for given_input in inputs:
        if isinstance(given_input, float):
            driver.advance(given_input)
        elif isinstance(given_input, str):
            if driver.executions:
                driver.control(given_input)  # type: ignore[arg-type]  # one of VERBS
        elif isinstance(given_input, dict):
            driver.send(given_input)
    assert len(driver.sent) == sent
