"""What cannot happen behind a valid publish is said loudly, and the small public readings of values hold."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from engine import graph
from engine.context import MISSING, ROOTS, Context, Roots
from engine.due import CHANGE_RANK, change_timer
from engine.errors_of import rendered_config_error
from engine.events import Event, read_event
from engine.facts import SubjectFacts
from engine.flow import FlowHead, Limits, StatusChange, VersionHead
from engine.inputs import Moment, Started, TimerDue
from engine.interpreter import step
from engine.nodes.actions.log_event import LogEvent
from engine.nodes.registry import node_types
from engine.outputs import StepOutputs
from engine.patterns import PatternError, check_pattern, finds
from engine.plan import compile_plan, static_config
from engine.run import Run
from engine.sink import Source
from engine.types import ExecutionId, FlowId, NodeId, Subject
from tests.support.driver import FlowDriver
from tests.support.flows import event, opened, version

FLOW = version({"t": ("email_open", {}), "n": ("log_event", {"message": "{{ event.n }}"})}, "t>n")
PLAN = compile_plan(FLOW)
NOW = Moment(0, 0)


def read(decoded: dict[str, Any]) -> Event:
    return read_event(decoded, default_id="e", default_timestamp_ms=0)


NOBODY = read({"type": "email_open", "source": "s", "payload": {}})
FACTS = SubjectFacts(Subject("contact", "c1"), {}, lambda _entity: None)


def context(decoded: Event) -> Context:
    return Context(
        node_id="n", event=decoded, origin="live", facts=FACTS, now_ms=0, wall_ms=0, time_scale=1, flow_user_id=None,
        step_outputs=StepOutputs({"id": 1}, {"ref": NodeId("id")}), previous_output={}, execution_tags=frozenset(),
    )  # fmt: skip


def run_of(decoded: Event) -> Run:
    started = step(PLAN, None, Started(read(opened()), "live", Limits()), FACTS, NOW)
    return dataclasses.replace(started.run, event=decoded)


def test_nobody_has_no_executions() -> None:
    with pytest.raises(AssertionError, match="without a subject"):
        step(PLAN, None, Started(NOBODY, "live", Limits()), FACTS, NOW)
    with pytest.raises(AssertionError, match="only a start"):
        step(PLAN, None, TimerDue(NodeId("n"), 1), FACTS, NOW)
    with pytest.raises(AssertionError, match="without a subject"):
        _ = run_of(NOBODY).subject
    with pytest.raises(AssertionError, match="without a subject"):
        _ = context(NOBODY).subject


def test_what_has_no_scope_enters_nothing_and_has_no_facts() -> None:
    driver = FlowDriver(FLOW)
    index = driver.flow_table.snapshot()
    with pytest.raises(AssertionError, match="without subject or scope"):
        driver.decider._executions.enter(PLAN, NOBODY, Source("topic", 0, 0), index, NOW, "live")
    with pytest.raises(AssertionError, match="without a scope"):
        _ = run_of(NOBODY).scope


def test_a_release_is_what_was_said_of_it_last() -> None:
    of = {Subject("release", "r1"): {"profile": {"releaseName": "Nightfall"}}}.get
    assert SubjectFacts(Subject("contact", "c1"), {}, of).release("r1") == {"id": "r1", "releaseName": "Nightfall"}


def test_a_templated_config_is_not_static() -> None:
    with pytest.raises(AssertionError, match="node n has templates"):
        static_config(PLAN.nodes[1])


def test_missing_is_nothing_and_shows_its_name() -> None:
    assert not MISSING
    assert repr(MISSING) == "MISSING"


def test_roots_read_as_a_mapping() -> None:
    roots = Roots(context(read(opened())))
    assert set(roots) == ROOTS
    assert len(roots) == len(ROOTS)
    assert roots["contact"]["id"] == "c1"
    with pytest.raises(KeyError):
        _ = roots["nope"]
    assert context(read(event("asset_uploaded", assetId="a", releaseId="r"))).root("contact") == {}
    whole: dict[str, Any] = {"opened": 1, "clicked": 2, "replied": 3, "contactId": "c1"}
    assert context(read(event("email_open", **whole))).root("event") == whole


def test_outputs_read_by_id_and_by_ref() -> None:
    outputs = StepOutputs({"id": 1}, {"ref": NodeId("id")})
    assert dict(outputs) == {"ref": {"output": 1}, "id": {"output": 1}}
    assert len(outputs) == 2


def test_an_archive_comes_before_any_wait_of_its_time() -> None:
    assert change_timer(ExecutionId("x"), 5)[:3] == (5, "x", CHANGE_RANK)


def test_a_head_tells_what_is_in_force_when() -> None:
    head = FlowHead(
        flow_id=FlowId("f"), latest=2,
        versions=(VersionHead(version=1, effective_from_ms=10), VersionHead(version=2, effective_from_ms=20)),
        statuses=(StatusChange(status="published", at_ms=10), StatusChange(status="archived", at_ms=30)),
    )  # fmt: skip
    assert [head.version_at(at) for at in (9, 10, 19, 20)] == [None, 1, 1, 2]
    assert [head.status_at(at) for at in (9, 10, 30)] == ["draft", "published", "archived"]
    assert head.status == "archived"
    assert head.model_copy(update={"statuses": ()}).status == "draft"
    assert FLOW.scope == ("user", "user_001")


def test_an_archived_flow_says_so() -> None:
    driver = FlowDriver(FLOW)
    driver.set_status("flow-1", "archived")
    indexed = driver.flow_table.snapshot().flows[FlowId("flow-1")]
    assert indexed.head.status_at(driver.now_ms) == "archived"
    assert indexed.head.status_at(0) != "archived"
    assert indexed.matching_plan_at(0) is not None
    assert indexed.matching_plan_at(driver.now_ms) is None


def test_a_flow_without_a_scope_is_reached_by_nothing() -> None:
    driver = FlowDriver(FLOW.model_copy(update={"user_id": None}))
    driver.send(opened())
    index = driver.flow_table.snapshot()
    assert index.by_scope == {}
    assert list(index.matches(NOBODY, 0)) == []


def test_timers_and_facts_that_are_no_news_change_nothing() -> None:
    driver = FlowDriver(FLOW)
    index = driver.flow_table.snapshot()
    driver.decider.timer(ExecutionId("gone"), NodeId("n"), 1, index, driver.moment)
    driver.decider.fact(Subject("campaign", "k"), NOBODY, index, driver.moment)
    told = read({**event("campaign_created", campaignId="k", name="N"), "id": "e"})
    for _ in range(2):
        driver.decider.fact(Subject("campaign", "k"), told, index, driver.moment)
    assert driver.feed == []
    assert len(driver.entities) == 1


def test_a_timer_that_is_early_or_over_changes_nothing() -> None:
    driver = FlowDriver(version({"t": ("email_open", {}), "w": ("delay", {"delaySeconds": 60})}, "t>w"))
    driver.send(opened())
    execution = driver.executions[0]["executionId"]
    driver.decider.timer(execution, NodeId("w"), 1, driver.flow_table.snapshot(), driver.moment)
    driver.decider.timer(execution, NodeId("w"), 2, driver.flow_table.snapshot(), driver.moment)
    assert len(driver.feed) == 1


def test_a_busy_subject_turns_its_marks_into_pages_and_drops_old_ones() -> None:
    driver = FlowDriver(version({"t": ("email_click", {})}, ""))
    for day in range(12):
        for number in range(300):
            driver.send({**opened(), "id": f"{day}-{number}"})
        driver.advance(86_400)
    driver.send({**opened(), "id": "11-0"})
    assert [decision["reason"] for decision in driver.decisions] == ["duplicate_event"]
    assert len(driver.tables.rows["subjects"]) == 17  # its own, and sixteen pages


def test_patterns_that_are_none_are_refused_and_half_characters_match_nothing() -> None:
    for pattern in ("(", "\ud800"):
        with pytest.raises(PatternError, match="is no regular expression"):
            check_pattern(pattern)
    assert not finds("a", "a\ud800")
    assert finds("^a", "abc")


def test_a_long_rendered_value_is_cut_in_its_error() -> None:
    for message in (["x" * 500], 5):
        with pytest.raises(ValueError) as caught:
            LogEvent.model_validate({"message": message})
        failed = rendered_config_error(caught.value)  # type: ignore[arg-type]
        assert (failed.code, failed.field) == ("bad_config", "message")
        assert len(failed.message) < 200
        assert len(str(failed.value)) <= 200


def test_the_public_functions_are_in_one_place() -> None:
    for name in graph.__all__:
        assert getattr(graph, name) is not None
    assert node_types() is node_types()
