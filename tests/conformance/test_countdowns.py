"""`n` days before a release: by the planner's events, and by the date, moving with it, never twice."""

from __future__ import annotations

from typing import Any

import pytest

from engine import ids
from engine.types import FlowId
from tests.support.driver import FlowDriver
from tests.support.flows import event, version

DAY = 86_400
DUE = "2026-09-24T00:00:00Z"  # a week before the first of October; the driver starts on 2026-09-21 at 14:13:20


def flow(**more: Any) -> Any:
    config = {"daysUntilRelease": 7, **more.pop("config", {})}
    note = ("log_event", {"message": "{{ event.releaseName }} {{ event.daysUntilRelease }} {{ release.releaseDate }}"})
    return version({"t": ("release_approaching", config), "n": note}, "t>n", **more)


def driver_of(**more: Any) -> FlowDriver:
    driver = FlowDriver()
    driver.publish(flow(**more))
    return driver


def say(driver: FlowDriver, date: str, release: str = "r1", **attributes: Any) -> None:
    """The Fusion Layer tells the date of a release."""
    told = {"releaseDate": date, "releaseName": "Nightfall", **attributes}
    driver.send(event("context_updated", "fusion_layer", entityType="release", entityId=release, attributes=told))


def plan_says(driver: FlowDriver, days: float, **more: Any) -> None:
    driver.send(event("release_approaching", "release_planner", releaseId="r1", daysUntilRelease=days, **more))


def started(driver: FlowDriver) -> list[str]:
    return [record["startedAt"] for record in driver.executions]


def test_it_starts_so_many_days_before_the_date_and_says_what_is_known() -> None:
    driver = driver_of()
    say(driver, "2026-10-01")
    driver.advance(30 * DAY)
    (record,) = driver.feed
    assert record["startedAt"] == DUE
    assert record["subject"] == {"type": "release", "id": "r1"}
    assert (record["origin"], record["trigger"]["source"]) == ("schedule", "mal")
    assert record["trigger"]["eventId"] == ids.derive("r", "flow-1", "r1", 7)
    assert driver.steps("n")[0]["output"]["message"] == "Nightfall 7 2026-10-01"


def test_a_date_that_moves_before_it_is_due_moves_the_start() -> None:
    driver = driver_of()
    say(driver, "2026-10-01")
    driver.advance(DAY)
    say(driver, "2026-10-03")
    driver.advance(30 * DAY)
    assert started(driver) == ["2026-09-26T00:00:00Z"]


def test_a_date_that_moves_after_it_was_due_starts_nothing_twice() -> None:
    driver = driver_of()
    say(driver, "2026-10-01")
    driver.advance(4 * DAY)
    say(driver, "2026-10-20")
    driver.advance(30 * DAY)
    assert started(driver) == [DUE]
    assert [one["reason"] for one in driver.decisions] == ["duplicate_event"]


def test_a_date_that_is_told_too_late_starts_nothing() -> None:
    driver = driver_of()
    say(driver, "2026-09-25")
    driver.advance(30 * DAY)
    assert driver.feed == []


def test_the_same_date_again_is_no_news() -> None:
    driver = driver_of()
    say(driver, "2026-10-01")
    driver.advance(3 * DAY)
    say(driver, "2026-10-01", label="Nova")
    driver.advance(30 * DAY)
    assert started(driver) == [DUE]
    assert driver.decisions == []


@pytest.mark.parametrize("first", ["event", "date"])
def test_the_event_and_the_date_start_it_once(first: str) -> None:
    driver = driver_of()
    say(driver, "2026-10-01")
    if first == "date":
        driver.advance(4 * DAY)
    plan_says(driver, 7)
    driver.advance(30 * DAY)
    assert len(driver.executions) == 1
    assert [(one["reason"], one["flowId"]) for one in driver.decisions] == [("duplicate_event", "flow-1")]


def test_a_date_that_moved_after_the_planners_event_does_not_start_it_again() -> None:
    driver = driver_of()
    plan_says(driver, 7)
    plan_says(driver, 7.0)
    plan_says(driver, 14)
    assert len(driver.executions) == 1
    assert [one["reason"] for one in driver.decisions] == ["duplicate_event"]


def test_the_planners_events_tell_the_date_as_well() -> None:
    driver = driver_of()
    plan_says(driver, 10, releaseDate="2026-10-01", releaseName="Nightfall")
    assert driver.feed == []
    driver.advance(30 * DAY)
    assert started(driver) == [DUE]


def test_the_type_of_the_release_must_fit() -> None:
    driver = driver_of(config={"releaseType": "single"})
    say(driver, "2026-10-01", releaseType="album")
    say(driver, "2026-10-01", "r2", releaseType="single")
    driver.advance(30 * DAY)
    assert [record["subject"]["id"] for record in driver.executions] == ["r2"]


@pytest.mark.parametrize("date", ["soon", None, 7])
def test_what_is_no_date_starts_nothing(date: Any) -> None:
    driver = driver_of()
    say(driver, date)
    driver.advance(300 * DAY)
    assert driver.feed == []


def test_a_flow_that_counts_no_days_has_no_countdown() -> None:
    driver = FlowDriver()
    driver.publish(version({"t": ("release_approaching", {})}, ""))
    say(driver, "2026-10-01")
    driver.advance(30 * DAY)
    assert driver.feed == []


def test_a_date_that_is_known_before_the_flow_counts() -> None:
    driver = FlowDriver(version({"t": ("email_open", {})}, "", flow_id="other"))
    say(driver, "2026-10-01")
    driver.publish(flow())
    driver.advance(30 * DAY)
    assert started(driver) == [DUE]


def test_it_is_scaled_by_nothing_and_survives_a_restart() -> None:
    driver = driver_of()
    say(driver, "2026-10-01")
    reopened = FlowDriver(time_scale=1000)
    reopened.now_ms = driver.now_ms
    reopened.publish(flow(), at_ms=driver.now_ms)
    reopened.take_over(driver)
    reopened.advance(30 * DAY)
    assert started(reopened) == [DUE]


def test_countdowns_of_a_pause_are_held_and_taken_again() -> None:
    driver = driver_of()
    say(driver, "2026-10-01")
    driver.set_status("flow-1", "paused")
    driver.advance(4 * DAY)
    assert [(one["reason"], one["subject"]["id"]) for one in driver.decisions] == [("paused", "r1")]
    driver.set_status("flow-1", "published")
    assert [record["trigger"]["timestamp"] for record in driver.executions] == [DUE]


def test_an_archived_flow_counts_no_more() -> None:
    driver = driver_of()
    say(driver, "2026-10-01")
    driver.archive("flow-1")
    driver.advance(30 * DAY)
    assert driver.feed == []


def test_ids_have_no_date_in_them() -> None:
    assert ids.countdown_event_id(FlowId("f"), "r1", 7) == ids.derive("r", "f", "r1", 7)
