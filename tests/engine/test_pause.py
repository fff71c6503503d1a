"""Pause and resume of a flow (product.md section 1): matches held and taken again by `onResume`, executions held."""

from typing import Any

import pytest

from engine.events import read_event
from engine.flow_settings import setting_faults
from engine.inputs import Held
from engine.types import FlowId
from tests.support.driver import START_MS, FlowDriver
from tests.support.flows import event, opened, version

OPEN: tuple[str, dict[str, Any]] = ("email_open", {})
TAG = ("tag_contact", {"tag": "warm"})
WAIT = ("delay", {"delaySeconds": 60})
FIRST: dict[str, Any] = {"t": OPEN, "wait": WAIT, "tag": TAG}
WAYS = "t>wait wait>tag"


def flow(settings: dict[str, Any] | None = None, number: int = 1, **nodes: Any) -> Any:
    return version({**FIRST, **nodes}, WAYS, number=number).model_copy(update={"settings": settings or {}})


def paused(settings: dict[str, Any] | None = None, **more: Any) -> FlowDriver:
    driver = FlowDriver(flow(settings), **more)
    driver.pause()
    return driver


def held(driver: FlowDriver) -> list[tuple[str, str, str]]:
    return [(one["decision"], one["reason"], one["eventId"]) for one in driver.decisions]


# ---- matches


def test_what_matches_a_paused_flow_is_held_and_starts_nothing() -> None:
    driver = paused()
    driver.send(opened(id="e-1"))
    assert held(driver) == [("held", "paused", "e-1")]
    [told] = driver.decisions
    assert (told["flowId"], told["input"]["offset"]) == ("flow-1", 0)
    assert driver.executions == []


def test_what_does_not_match_a_paused_flow_is_not_held() -> None:
    driver = paused()
    driver.send(event("email_click", contactId="c1"))
    driver.send(opened(metadata={"userId": "somebody else"}))
    assert driver.decisions == []


def test_resume_takes_what_was_held_again_in_its_order_with_the_facts_of_now() -> None:
    driver = paused()
    driver.send(opened("c1", id="e-1"))
    driver.send(opened("c2", id="e-2"))
    driver.advance(3600)
    driver.resume()
    assert [one["trigger"]["eventId"] for one in driver.executions] == ["e-1", "e-2"]
    assert {one["origin"] for one in driver.executions} == {"backfill"}
    driver.advance(60)
    assert sorted(command["subject"] for command in driver.commands) == ["c1", "c2"]


def test_a_resume_that_died_half_way_takes_only_what_is_left() -> None:
    driver = paused()
    driver.send(opened("c1", id="e-1"))
    driver.send(opened("c2", id="e-2"))
    driver.resume(until=1)
    driver.resume()
    assert [one["trigger"]["eventId"] for one in driver.executions] == ["e-1", "e-2"]
    assert held(driver)[2:] == [("suppressed", "duplicate_event", "e-1")]


def test_the_event_of_a_held_match_is_known_as_seen_and_its_facts_are_folded() -> None:
    driver = paused()
    driver.send(opened(id="e-1"))
    driver.send(opened(id="e-1"))
    assert held(driver) == [("held", "paused", "e-1"), ("suppressed", "duplicate_event", "e-1")]
    driver.resume()
    assert len(driver.executions) == 1


def test_what_is_started_by_hand_in_a_pause_is_started_by_hand_on_resume() -> None:
    driver = paused()
    driver.trigger("flow-1", {"id": "m-1", "type": "manual_trigger", "source": "mal", "payload": {"contactId": "c1"},
                              "metadata": {"userId": "user_001"}})  # fmt: skip
    assert held(driver) == [("held", "paused", "m-1")]
    driver.resume()
    assert [one["origin"] for one in driver.executions] == ["manual"]


@pytest.mark.parametrize(
    ("on_resume", "started"),
    [
        ({}, ["old", "new"]),
        ({"mode": "process"}, ["old", "new"]),
        ({"mode": "skip"}, []),
        ({"maxAgeSeconds": 100}, ["new"]),
        ({"maxAgeSeconds": 0}, []),
        ({"mode": "process", "maxAgeSeconds": None}, ["old", "new"]),
        ({"mode": "skip", "maxAgeSeconds": 1000}, []),
    ],
)
def test_on_resume_says_what_is_taken_again(on_resume: dict[str, Any], started: list[str]) -> None:
    driver = paused({"onResume": on_resume})
    driver.send(opened("c1", id="old"))
    driver.advance(100)
    driver.send(opened("c2", id="new"))
    driver.advance(100)
    driver.resume()
    assert [one["trigger"]["eventId"] for one in driver.executions] == started
    skipped = [one["eventId"] for one in driver.decisions if one["reason"] == "skipped_on_resume"]
    assert skipped == [name for name in ("old", "new") if name not in started]


def test_the_age_is_divided_by_the_time_scale() -> None:
    driver = paused({"onResume": {"maxAgeSeconds": 1000}}, time_scale=100)
    driver.send(opened("c1", id="old"))
    driver.advance(11)
    driver.resume()
    assert held(driver)[1:] == [("suppressed", "skipped_on_resume", "old")]


def test_entry_rules_are_asked_of_what_is_taken_again() -> None:
    driver = paused({"entry": {"rule": "once"}})
    driver.send(opened(id="e-1"))
    driver.send(opened(id="e-2"))
    driver.resume()
    assert len(driver.executions) == 1
    assert held(driver)[2:] == [("suppressed", "already_entered", "e-2")]


def test_the_version_of_now_takes_what_was_held_where_it_still_matches() -> None:
    driver = paused()
    driver.send(opened(campaign="k1", id="e-1"))
    driver.send(opened(campaign="k2", id="e-2"))
    driver.publish(flow(number=2, t=("email_open", {"campaignId": "k2"})))
    driver.resume()
    assert [(one["trigger"]["eventId"], one["flowVersion"]) for one in driver.executions] == [("e-2", 2)]
    assert held(driver)[2:] == [("suppressed", "not_matching", "e-1")]


def test_what_is_taken_again_in_another_pause_is_held_again() -> None:
    driver = paused()
    driver.send(opened(id="e-1"))
    driver.resume(until=0)
    driver.pause()
    driver.decider.resumed(
        FlowId("flow-1"), driver.log[0][0], Held(START_MS, by_hand=False), driver._source(0),
        driver.flow_table.snapshot(), driver.moment,
    )  # fmt: skip
    assert held(driver) == [("held", "paused", "e-1")] * 2


def test_what_was_held_of_a_flow_that_is_archived_meanwhile_starts_nothing() -> None:
    driver = paused()
    driver.send(opened(id="e-1"))
    driver.set_status("flow-1", "archived")
    driver.decider.resumed(
        FlowId("flow-1"), driver.log[0][0], Held(START_MS, by_hand=False), driver._source(0),
        driver.flow_table.snapshot(), driver.moment,
    )  # fmt: skip
    assert held(driver)[1:] == [("suppressed", "not_published", "e-1")]


def test_what_has_no_scope_was_never_held() -> None:
    driver = paused()
    nobody = read_event(opened(metadata={}), default_id="e", default_timestamp_ms=0)
    driver.decider.resumed(
        FlowId("flow-1"), nobody, Held(0, by_hand=False), driver._source(0), driver.flow_table.snapshot(), driver.moment
    )
    assert [one["reason"] for one in driver.decisions] == ["unscoped"]


# ---- executions


def test_what_runs_is_held_before_its_next_node_and_goes_on_with_the_resume() -> None:
    driver = FlowDriver(flow())
    driver.send(opened())
    driver.pause()
    assert [record["seq"] for record in driver.feed] == [1], "a pause emits nothing"
    driver.advance(3600)
    assert (driver.executions[0]["status"], driver.commands) == ("paused", [])
    driver.resume()
    assert driver.executions[0]["status"] == "succeeded"
    assert len(driver.commands) == 1


def test_what_waits_longer_than_the_pause_does_not_notice_it() -> None:
    driver = FlowDriver(flow())
    driver.send(opened())
    driver.pause()
    driver.advance(30)
    driver.resume()
    assert len(driver.feed) == 1
    driver.advance(30)
    assert driver.executions[0]["status"] == "succeeded"


def test_a_resumed_flow_leaves_an_execution_paused_that_somebody_paused() -> None:
    driver = FlowDriver(flow())
    driver.send(opened())
    driver.control("pause")
    driver.pause()
    driver.advance(60)
    driver.resume()
    assert driver.executions[0]["status"] == "paused"
    driver.control("resume")
    assert driver.executions[0]["status"] == "succeeded"


def test_an_execution_that_is_resumed_in_a_paused_flow_is_held_by_that() -> None:
    driver = FlowDriver(flow())
    driver.send(opened())
    driver.control("pause")
    driver.pause()
    driver.advance(60)
    driver.control("resume")
    assert (driver.executions[0]["status"], driver.commands) == ("paused", [])
    driver.resume()
    assert driver.executions[0]["status"] == "succeeded"


def test_a_pause_of_a_flow_survives_a_restart() -> None:
    driver = FlowDriver(flow())
    driver.send(opened())
    driver.pause()
    driver.advance(60)
    again = FlowDriver(flow(), offset=driver.next_offset)
    again.now_ms = driver.now_ms
    again.pause()
    again.take_over(driver)
    again.advance(60)
    assert again.commands == []
    again.resume()
    assert [command["type"] for command in again.commands] == ["tag_contact"]


def test_a_shard_that_lags_behind_pause_and_resume_meets_both() -> None:
    driver = FlowDriver(flow())
    driver.send(opened())
    driver.set_status("flow-1", "paused", at_ms=START_MS + 30_000)
    driver.set_status("flow-1", "published", at_ms=START_MS + 90_000)
    driver.advance(60)
    assert driver.executions[0]["status"] == "paused"
    driver.advance(29)
    assert driver.commands == []
    driver.advance(1)
    assert driver.executions[0]["status"] == "succeeded"


def test_a_second_pause_holds_as_the_first_did() -> None:
    driver = FlowDriver(version({**FIRST, "second": WAIT}, "t>wait wait>second second>tag"))
    driver.send(opened())
    for held in (1, 2):
        driver.pause()
        driver.advance(60)
        assert (driver.executions[0]["status"], driver.commands) == ("paused", []), held
        driver.resume()
    assert driver.executions[0]["status"] == "succeeded"
    assert len(driver.commands) == 1


def test_an_archive_in_a_pause_ends_what_it_holds() -> None:
    driver = FlowDriver(flow())
    driver.send(opened())
    driver.pause()
    driver.advance(60)
    driver.archive("flow-1")
    assert (driver.executions[0]["endReason"], driver.commands) == ("archived", [])


# ---- asked whether it is applied


def test_a_shard_says_that_it_has_applied_a_change_once_its_clock_is_there() -> None:
    driver = FlowDriver(flow())
    question = read_event(
        {"id": "q", "type": "flow_paused", "source": "mal", "payload": {}, "metadata": {"userId": "user_001"}},
        default_id="", default_timestamp_ms=0,
    )  # fmt: skip

    def applied(at_ms: int, flow_id: str = "flow-1") -> bool:
        index = driver.flow_table.snapshot()
        return driver.decider.applied(
            FlowId(flow_id), "paused", at_ms, question, driver._source(7), index, driver.moment
        )

    assert not applied(START_MS)
    assert not applied(START_MS, "no flow")
    driver.set_status("flow-1", "paused", at_ms=START_MS + 5)
    assert not applied(START_MS + 5)
    driver.now_ms += 5
    assert applied(START_MS + 5)
    [told] = driver.feed
    assert (told["decision"], told["reason"], told["flowId"]) == ("applied", "paused", "flow-1")
    assert (told["subject"], told["eventId"], told["input"]["offset"]) == (None, "q", 7)


# ---- the setting


@pytest.mark.parametrize(
    ("value", "wrong"),
    [
        ({"mode": "later"}, 'flow.settings.onResume.mode is "later"; use process, skip'),
        ({"maxAgeSeconds": -1}, "flow.settings.onResume.maxAgeSeconds is -1"),
        ({"maxAge": 1}, 'flow.settings.onResume.maxAge: unknown key "maxAge"'),
        ("skip", 'flow.settings.onResume is "skip", not an object like {mode, maxAgeSeconds}'),
    ],
)
def test_a_setting_that_says_nothing_is_refused(value: Any, wrong: str) -> None:
    [(_, message)] = setting_faults({"onResume": value})
    assert message.startswith(wrong)
