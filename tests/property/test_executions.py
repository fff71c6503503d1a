"""Any valid flow and any inputs: nothing raises, limits hold, ids are unique, and the same log gives the same bytes.

State goes through JSON at every read and write (`FlowDriver`), so a row that does not round-trip shows here as well.
"""

from __future__ import annotations

from typing import Any, cast

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.flow import LimitsRecord
from engine.limits import MAX_STEPS
from engine.nodes.registry import node_types
from engine.reading import build_graph
from engine.run import Run
from engine.types import VERBS, Verb
from engine.validation import validate_graph
from tests.support.driver import FlowDriver, MemoryTables

LIMITS = LimitsRecord(kind="user", id="user_001", max_actions_per_execution=12, max_external_writes=6,
                      max_contact_actions=8)  # fmt: skip
MAIL = {"subject": "s", "body": "{{ contact.name }}", "fromEmail": "a@example.com"}
TRIGGERS = ["email_open", "segment_updated", "campaign_status_changed", "release_approaching"]
PARTS: list[tuple[str, dict[str, Any]]] = [
    *((kind.name, dict(kind.example)) for kind in node_types().values() if kind.kind != "trigger"),
    ("delay", {"delaySeconds": 0}),
    ("delay", {"delaySeconds": "{{ event.n }}"}),
    ("delay", {"untilField": "event.at"}),
    ("send_email_campaign", {**MAIL, "delay": 30}),
    ("send_email_campaign", {**MAIL, "toContactIds": "{{ event.team }}"}),
    ("if_field_match", {"field": "event.n", "operator": "greater_than", "value": 1}),
    ("if_field_match", {"field": "previousNode.output.result", "operator": "equals", "value": "true"}),
    ("if_metric_greater", {"metric": "{{ event.at }}", "threshold": 0}),
    ("log_event", {"message": "{{ event.at | date: '%Y' }} {{ steps.n1.output }}", "data": {"e": "{{ event }}"}}),
    ("tag_contact", {"tag": "{{ event.n | divided_by: 0 }}"}),
    *(
        ("wait_for_event", {"type": kind, "match": match, "timeoutSeconds": 80})
        for kind in ("email_open", "email_reply")
        for match in ({}, {"n": "{{ event.n }}"})
    ),
]
AWAIT = {"awaitResult": True, "timeoutSeconds": 100, "retry": {"maxAttempts": 3, "initialSeconds": 40}}
SETTINGS: list[dict[str, Any]] = [
    {}, {}, {"goal": {"event": {"type": "segment_updated"}, "withinSeconds": 90}},
    {"goal": {"event": {"type": "email_open", "match": {"n": "{{ event.n }}"}}, "exit": False}},
    {"exitWhen": [{"event": {"type": "email_reply", "match": {"n": "{{ event.n }}"}}}]},
    {"exitWhen": [{"condition": {"subtype": "if_field_match", "config": {
        "field": "engagement.openCount", "operator": "greater_than", "value": "{{ event.n }}"}}}]},
]  # fmt: skip
NAMES = ["t", *(f"n{place}" for place in range(1, 7))]
LABELS = st.sampled_from([None, None, "true", "false", "error", "event", "timeout"])
EDGES = st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES[1:]), LABELS)
VALUES = st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-9, 9) | st.sampled_from(["x", "2026-09-22", ""])


@st.composite
def flows(draw: st.DrawFn, flow_id: str) -> dict[str, Any] | None:
    """A version of a drawn flow; None where the drawing is not valid."""
    parts = draw(st.lists(st.sampled_from(PARTS), min_size=1, max_size=6))
    names = NAMES[: len(parts) + 1]
    nodes: list[dict[str, Any]] = [{"id": "t", "type": "trigger", "subtype": draw(st.sampled_from(TRIGGERS))}]
    for name, (subtype, config) in zip(names[1:], parts, strict=True):
        options = draw(st.sampled_from([{}, {}, {"join": "all"}]))
        if getattr(node_types()[subtype], "command", None):
            options = draw(st.sampled_from([options, {**options, **AWAIT}]))
        kind = node_types()[subtype].kind
        nodes.append({"id": name, "ref": name, "type": kind, "subtype": subtype, "config": config, "options": options})
    chain = list(zip(names, names[1:], [None] * len(parts), strict=False))
    drawn = [*chain, *(edge for edge in draw(st.lists(EDGES, max_size=8)) if {edge[0], edge[1]} <= set(names))]
    edges = [
        {"id": f"e{place}", "sourceNodeId": source, "targetNodeId": target, "conditionLabel": label}
        for place, (source, target, label) in enumerate(drawn)
        if label in {None, "error", *node_types()[next(n for n in nodes if n["id"] == source)["subtype"]].ports}
    ]
    settings = draw(st.sampled_from(SETTINGS))
    if not validate_graph(build_graph(nodes, edges), settings).is_valid:
        return None
    return {
        "flowId": flow_id, "version": 1, "name": flow_id, "userId": "user_001", "settings": settings, "nodes": nodes,
        "edges": edges,
    }  # fmt: skip


EVENTS = st.fixed_dictionaries({
    "id": st.sampled_from("123456789"),
    "type": st.sampled_from([*TRIGGERS, *TRIGGERS, "email_reply", "email_reply", "context_updated"]),
    "source": st.sampled_from(["email_engine", "tracker"]),
    "payload": st.dictionaries(
        st.sampled_from(["n", "at", "team", "tags", "name", "metrics", "replied", "action"]),
        VALUES | st.lists(VALUES, max_size=3) | st.dictionaries(st.sampled_from(["plays", "openRate"]), VALUES),
        max_size=5,
    ).flatmap(lambda payload: st.sampled_from([
        *[{**payload, "contactId": "c1", "campaignId": "k1", "releaseId": "r1"}] * 4, {**payload, "contactId": "c2"},
        {**payload, "campaignId": "k1", "segmentId": "s"}, {**payload, "releaseId": "r1"}, payload,
    ])),
    "metadata": st.sampled_from([
        *[{"userId": "user_001"}] * 6, {"userId": "user_001", "depth": 11}, {"userId": "u2"}, {},
    ]),
})  # fmt: skip
TIMES = st.sampled_from([1.0, 60.0, 86_400.0, 700_000.0])
ANSWERS = st.tuples(st.integers(0, 20), st.sampled_from(["succeeded", "failed"]), st.booleans(), VALUES)
INPUTS = st.lists(EVENTS | TIMES | ANSWERS, min_size=3, max_size=14)
CONTROLLED = st.lists(EVENTS | TIMES | ANSWERS | st.sampled_from(VERBS), min_size=5, max_size=18)
FLOWS = st.tuples(flows("f1"), flows("f2")).map(lambda drawn: [flow for flow in drawn if flow is not None])


def play(flow_list: list[dict[str, Any]], inputs: list[Any], reopen_at: int | None = None) -> FlowDriver:
    """Play inputs; at `reopen_at` the shard is opened anew from its rows, as after a restart."""
    driver = FlowDriver(*flow_list, limits=[LIMITS])
    for place, given_input in enumerate(inputs):
        if place == reopen_at:
            driver = reopened(driver, flow_list)
        if isinstance(given_input, float):
            driver.advance(given_input)
        elif isinstance(given_input, str):
            if driver.executions:
                driver.control(cast(Verb, given_input))
        elif isinstance(given_input, tuple):
            number, status, retryable, said = given_input
            if driver.sent:
                driver.answer(number % len(driver.sent), status, retryable=retryable, error=said, output=said)
        else:
            driver.send(given_input)
    return driver


def reopened(driver: FlowDriver, flow_list: list[dict[str, Any]]) -> FlowDriver:
    """A new shard over the bytes of another."""
    opened = FlowDriver(*flow_list, limits=[LIMITS], offset=driver.next_offset)
    opened.now_ms = driver.now_ms
    opened.take_over(driver)
    return opened


def told(driver: FlowDriver) -> bytes:
    return orjson.dumps([driver.feed, driver.commands, [(command.id, command.attempt) for _, command in driver.sent]])


@settings(max_examples=150)
@given(FLOWS, CONTROLLED)
def test_nothing_raises_limits_hold_and_commands_are_unique(flow_list: list[dict[str, Any]], inputs: list[Any]) -> None:
    driver = play(flow_list, inputs)
    attempts = [(command.id, command.attempt) for _, command in driver.sent]
    assert len(attempts) == len(set(attempts))
    for run, _ in driver.sent:
        assert run.counts.actions <= 12
        assert run.counts.external_writes <= 6
        assert run.counts.contact_actions <= 8
        assert run.counts.steps <= MAX_STEPS
    by_step = {step_id for step in driver.steps() for step_id in step["commandIds"]}
    assert by_step == {command_id for command_id, _ in attempts}


@settings(max_examples=100)
@given(FLOWS, INPUTS)
def test_the_feed_tells_every_execution_whole(flow_list: list[dict[str, Any]], inputs: list[Any]) -> None:
    driver = play(flow_list, inputs)
    records: dict[str, list[dict[str, Any]]] = {}
    for record in driver.feed:
        if "seq" in record:
            records.setdefault(record["executionId"], []).append(record)
    for story in records.values():
        assert [record["seq"] for record in story] == list(range(1, len(story) + 1))
        last = story[-1]
        assert (last["status"] == "running") == (last["endReason"] is None) == bool(last["waiting"])
        steps = {(step["nodeId"], step["visit"]): step["status"] for record in story for step in record["steps"]}
        if last["endReason"] is not None:
            assert {(step["nodeId"], step["visit"]): step["status"] for step in last["path"]} == steps
            assert len({node for node, _ in steps}) == last["progress"]["totalSteps"]
            assert "running" not in steps.values()


@settings(max_examples=100)
@given(FLOWS, CONTROLLED, st.integers(0, 9))
def test_the_same_log_gives_the_same_bytes_also_over_a_restart(
    flow_list: list[dict[str, Any]], inputs: list[Any], reopen_at: int
) -> None:
    whole = told(play(flow_list, inputs))
    assert told(play(flow_list, inputs)) == whole
    assert told(play(flow_list, inputs, reopen_at)) == whole


@settings(max_examples=100)
@given(FLOWS, CONTROLLED)
def test_the_state_of_an_execution_round_trips(flow_list: list[dict[str, Any]], inputs: list[Any]) -> None:
    tables: MemoryTables = play(flow_list, inputs).tables
    for row in tables.rows.get("executions", {}).values():
        decoded = orjson.loads(row)
        run = Run.from_row(decoded)
        assert orjson.dumps(run.to_row()) == row
        assert Run.from_row(orjson.loads(orjson.dumps(run.to_row()))) == run
