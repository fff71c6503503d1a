"""Holdout: a share of the people is kept out, always the same, by flow and for all flows of a user or workspace."""

from __future__ import annotations

from typing import Any

import pytest

from engine.flow import FlowVersion, LimitsRecord
from engine.flow_settings import setting_faults
from engine.holdout import Holdout, is_held_out
from engine.types import Subject
from tests.support.driver import FlowDriver
from tests.support.flows import opened, version

PEOPLE = [f"c{number}" for number in range(1_000)]


def flow(holdout: dict[str, Any] | None, flow_id: str = "flow-1", number: int = 1, **more: Any) -> FlowVersion:
    settings = {} if holdout is None else {"holdout": holdout}
    return version({"t": ("email_open", {})}, "", settings=settings, flow_id=flow_id, number=number, **more)


def limits(kind: Any, identity: str, **holdout: Any) -> LimitsRecord:
    return LimitsRecord(kind=kind, id=identity, holdout=Holdout.model_validate(holdout))


def held_out(driver: FlowDriver, flow_id: str = "flow-1", workspace: str | None = None) -> set[str]:
    metadata = {"userId": "user_001", "workspaceId": workspace}
    before = len(driver.feed)
    for person in PEOPLE:
        driver.send(opened(person) | {"metadata": metadata})
    found = [record for record in driver.feed[before:] if "decision" in record and record["flowId"] == flow_id]
    assert {record["reason"] for record in found} <= {"holdout"}
    started = {
        record["subject"]["id"] for record in driver.feed[before:] if "seq" in record and record["flowId"] == flow_id
    }
    held = {record["subject"]["id"] for record in found}
    assert started | held == set(PEOPLE)
    assert not started & held
    return held


def test_nobody_is_held_out_unless_asked() -> None:
    assert held_out(FlowDriver(flow(None))) == held_out(FlowDriver(flow({}))) == set()
    assert held_out(FlowDriver(flow({"percent": 0}))) == set()


def test_a_tenth_is_held_out_the_same_at_each_event_version_and_restart() -> None:
    driver = FlowDriver(flow({"percent": 10}))
    held = held_out(driver)
    assert 70 < len(held) < 130
    assert held_out(driver) == held
    driver.publish(flow({"percent": 10}, number=2))
    assert held_out(driver) == held
    again = FlowDriver(flow({"percent": 10}), offset=driver.next_offset)
    again.take_over(driver)
    assert held_out(again) == held


def test_a_higher_percentage_holds_out_those_of_before_and_more() -> None:
    tenth, third, everybody = (held_out(FlowDriver(flow({"percent": percent}))) for percent in (10, 33.3, 100))
    assert tenth < third < everybody == set(PEOPLE)


def test_two_flows_hold_out_different_people_unless_they_share_a_salt() -> None:
    assert held_out(FlowDriver(flow({"percent": 10}))) != held_out(FlowDriver(flow({"percent": 10}, "b")), "b")
    shared = {"percent": 10, "salt": "x"}
    assert held_out(FlowDriver(flow(shared))) == held_out(FlowDriver(flow(shared, "b")), "b")


def test_who_is_held_out_by_the_user_is_held_out_of_every_flow() -> None:
    rule = limits("user", "user_001", percent=20)
    first, second = FlowDriver(flow(None), limits=[rule]), FlowDriver(flow(None, "b"), limits=[rule])
    held = held_out(first)
    assert 150 < len(held) < 250
    assert held_out(second, "b") == held


def test_a_flow_can_be_stricter_never_laxer() -> None:
    rule = limits("user", "user_001", percent=20)
    by_user = held_out(FlowDriver(flow(None), limits=[rule]))
    by_flow = held_out(FlowDriver(flow({"percent": 10})))
    assert held_out(FlowDriver(flow({"percent": 10}), limits=[rule])) == by_user | by_flow
    assert held_out(FlowDriver(flow({"percent": 0}), limits=[rule])) == by_user


def test_the_workspace_comes_before_the_user() -> None:
    space, user = limits("workspace", "w1", percent=100), limits("user", "user_001", percent=0)
    drawn = flow(None, workspace_id="w1")
    assert held_out(FlowDriver(drawn, limits=[space, user]), workspace="w1") == set(PEOPLE)
    assert held_out(FlowDriver(drawn, limits=[user]), workspace="w1") == set()
    neither = LimitsRecord(kind="workspace", id="w1", max_actions_per_execution=5)
    assert held_out(FlowDriver(drawn, limits=[neither, limits("user", "user_001", percent=100)]), workspace="w1")


def test_the_share_is_even_over_many_people() -> None:
    rule = Holdout(percent=7.5)
    drawn = 200_000
    held = sum(is_held_out(rule, Subject("contact", f"p{number}"), "flow") for number in range(drawn))
    assert (held - drawn * 0.075) ** 2 / (drawn * 0.075 * 0.925) < 10.83  # chi-square, one degree, p = 0.001


@pytest.mark.parametrize(
    ("holdout", "words"),
    [
        (5, "flow.settings.holdout is 5, not an object like {percent, salt}"),
        ({"percent": 101}, "flow.settings.holdout.percent is 101"),
        ({"percent": -1}, "flow.settings.holdout.percent is -1"),
        ({"percent": True}, "flow.settings.holdout.percent is true"),
        ({"salt": 1}, "flow.settings.holdout.salt is 1"),
        ({"percentage": 1}, 'unknown key "percentage", did you mean percent?'),
    ],
    ids=str,
)
def test_a_setting_that_is_wrong_is_refused_by_name(holdout: Any, words: str) -> None:
    [(_path, message)] = setting_faults({"holdout": holdout})
    assert words in message
