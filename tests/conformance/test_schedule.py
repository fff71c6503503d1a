"""Trigger schedule: once per slot, by the clocks of a zone, for each member of a segment, and what was missed."""

from __future__ import annotations

from typing import Any

import pytest

from engine import ids
from engine.cron import CronError, check_cron, next_moment
from engine.decider import Decider
from engine.flow import VersionHead
from engine.nodes.base import TriggerType
from engine.nodes.configs import check_config
from engine.nodes.registry import node_types
from engine.types import FlowId
from engine.wire import parse_rfc3339, rfc3339
from engine.zones import zone_named
from tests.support.driver import START_MS, FlowDriver
from tests.support.flows import event, version

HOUR, DAY = 3_600, 86_400
HOURLY = {"cron": "0 * * * *"}
FIRST_SLOT = "2026-09-21T15:00:00Z"  # the driver starts at 14:13:20


def flow(config: dict[str, Any], **more: Any) -> Any:
    note = ("log_event", {"message": "{{ event.slot }} {{ contact.id }} {{ trigger.type }}"})
    return version({"t": ("schedule", config), "n": note}, "t>n", **more)


def driver_of(config: dict[str, Any], **more: Any) -> FlowDriver:
    driver = FlowDriver(**more)
    driver.publish(flow(config))
    return driver


def join(driver: FlowDriver, contact: str, action: str = "add", segment: str = "warm") -> None:
    driver.send(event("segment_updated", contactId=contact, segmentId=segment, action=action))


def started(driver: FlowDriver) -> list[tuple[str, str]]:
    return [(record["subject"]["id"], record["startedAt"]) for record in driver.executions]


def messages(driver: FlowDriver) -> list[str]:
    return [step["output"]["message"] for step in driver.steps("n")]


class TestOnce:
    def test_it_starts_at_each_slot_and_not_before(self) -> None:
        driver = driver_of(HOURLY)
        driver.advance(46 * 60)
        assert driver.feed == []
        driver.advance(2 * HOUR)
        assert [at for _, at in started(driver)] == [FIRST_SLOT, "2026-09-21T16:00:00Z"]

    def test_it_is_about_the_user_and_says_where_it_comes_from(self) -> None:
        driver = driver_of(HOURLY)
        driver.advance(HOUR)
        (record,) = driver.feed
        slot_event = ids.slot_event_id(FlowId("flow-1"), FIRST_SLOT, None)
        assert record["subject"] == {"type": "user", "id": "user_001"}
        assert (record["origin"], record["trigger"]["type"], record["trigger"]["source"]) == (
            "schedule",
            "schedule",
            "mal",
        )
        assert record["trigger"]["eventId"] == slot_event == ids.derive("s", "flow-1", FIRST_SLOT, None)
        assert "input" not in record
        assert messages(driver) == [f"{FIRST_SLOT}  schedule"]

    def test_a_flow_of_a_workspace_is_about_the_workspace(self) -> None:
        driver = FlowDriver()
        driver.publish(flow(HOURLY, user_id=None, workspace_id="w1"))
        driver.advance(HOUR)
        assert driver.feed[0]["subject"] == {"type": "workspace", "id": "w1"}

    def test_only_the_shard_where_its_subject_lives_fires_it(self) -> None:
        elsewhere = FlowDriver()
        elsewhere.decider = Decider(elsewhere.tables, elsewhere, elsewhere.entities, is_home=lambda _id: False)
        elsewhere.publish(flow(HOURLY))
        elsewhere.advance(DAY)
        assert elsewhere.feed == []

    def test_no_event_starts_it(self) -> None:
        driver = driver_of(HOURLY)
        sent = driver.send(event("schedule", source="mal", contactId="c1"))
        assert driver.executions == []
        node = node_types()["schedule"]
        assert isinstance(node, TriggerType)
        assert not node.matches(node.config.model_validate(HOURLY), sent)

    def test_it_fires_once_over_restarts(self) -> None:
        driver = driver_of(HOURLY)
        driver.advance(HOUR)
        reopened = FlowDriver()
        reopened.now_ms = driver.now_ms
        reopened.publish(flow(HOURLY), at_ms=START_MS)
        reopened.take_over(driver)
        reopened.advance(HOUR)
        assert [at for _, at in started(reopened)] == [FIRST_SLOT, "2026-09-21T16:00:00Z"]

    def test_a_slot_that_comes_twice_is_no_news(self) -> None:
        driver = driver_of(HOURLY)
        driver.advance(HOUR)
        driver.decider.slot(FlowId("flow-1"), driver.flow_table.snapshot(), driver.moment)
        driver.decider.slot(FlowId("flow-9"), driver.flow_table.snapshot(), driver.moment)
        assert len(driver.feed) == 1


class TestChanges:
    def test_a_new_version_brings_its_own_slots(self) -> None:
        driver = driver_of(HOURLY)
        driver.advance(HOUR)
        driver.publish(flow({"cron": "30 17 * * *"}, number=2))
        driver.advance(DAY)
        assert [at for _, at in started(driver)] == [FIRST_SLOT, "2026-09-21T17:30:00Z"]

    def test_a_version_that_an_event_starts_has_no_slots(self) -> None:
        driver = driver_of(HOURLY)
        driver.publish(version({"t": ("email_open", {})}, "", number=2))
        driver.advance(DAY)
        assert driver.feed == []

    def test_an_archived_flow_has_no_slots(self) -> None:
        driver = driver_of(HOURLY)
        driver.archive("flow-1")
        driver.advance(DAY)
        assert driver.feed == []
        assert driver.due.next_due_ms() is None

    def test_slots_of_a_pause_are_held_and_taken_again_on_resume(self) -> None:
        driver = driver_of(HOURLY)
        driver.set_status("flow-1", "paused")
        driver.advance(2 * HOUR)
        assert [(one["decision"], one["reason"]) for one in driver.decisions] == [("held", "paused")] * 2
        assert driver.executions == []
        driver.set_status("flow-1", "published")
        assert messages(driver) == [f"{FIRST_SLOT}  schedule", "2026-09-21T16:00:00Z  schedule"]
        driver.advance(HOUR)
        assert len(driver.executions) == 3

    @pytest.mark.parametrize(
        ("on_resume", "skipped"), [({"mode": "skip"}, 2), ({"maxAgeSeconds": HOUR}, 1), ({"mode": "process"}, 0)]
    )
    def test_on_resume_says_what_becomes_of_them(self, on_resume: dict[str, Any], skipped: int) -> None:
        driver = FlowDriver()
        driver.publish(flow(HOURLY).model_copy(update={"settings": {"onResume": on_resume}}))
        driver.set_status("flow-1", "paused")
        driver.advance(2 * HOUR)
        driver.set_status("flow-1", "published")
        assert [one["reason"] for one in driver.decisions][2:] == ["skipped_on_resume"] * skipped
        assert len(driver.executions) == 2 - skipped

    def test_a_held_slot_starts_the_version_of_the_resume_if_it_has_a_schedule(self) -> None:
        driver = driver_of(HOURLY)
        driver.set_status("flow-1", "paused")
        driver.advance(HOUR)
        newer = version({"t": ("email_open", {})}, "", number=2)
        driver.flow_table.put_version(newer)
        head = driver.flow_table.snapshot().flows[FlowId("flow-1")].head
        versions = (*head.versions, VersionHead(version=2, effective_from_ms=driver.now_ms))
        driver.flow_table.put_head(head.model_copy(update={"versions": versions}))
        driver.set_status("flow-1", "published")
        driver.advance(HOUR)
        assert driver.executions == []
        assert driver.due.next_due_ms() is None

    def test_slots_between_an_archive_and_a_publish_start_nothing(self) -> None:
        driver = driver_of(HOURLY)
        driver.set_status("flow-1", "archived", at_ms=parse_rfc3339("2026-09-21T15:30:00Z"))
        driver.set_status("flow-1", "published", at_ms=parse_rfc3339("2026-09-21T17:30:00Z"))
        driver.advance(4 * HOUR)
        assert [at[11:13] for _, at in started(driver)] == ["15", "18"]
        assert driver.decisions == []

    def test_a_held_slot_of_a_version_that_is_gone_starts_nothing(self) -> None:
        driver = driver_of(HOURLY)
        driver.set_status("flow-1", "paused")
        driver.advance(HOUR)
        driver.flow_table.drop_version(FlowId("flow-1"), 1)
        driver.set_status("flow-1", "published")
        assert driver.executions == []

    def test_a_slot_of_a_version_that_is_gone_starts_nothing(self) -> None:
        driver = driver_of(HOURLY)
        driver.flow_table.drop_version(FlowId("flow-1"), 1)
        driver.advance(HOUR)
        assert driver.feed == []


class TestMissed:
    @pytest.mark.parametrize(
        ("catch_up", "made_up"),
        [("all", ["15", "16", "17"]), ("last", ["17"]), ("none", [])],
    )
    def test_what_went_by_while_no_worker_ran(self, catch_up: str, made_up: list[str]) -> None:
        driver = driver_of({**HOURLY, "catchUp": catch_up})
        back_ms = parse_rfc3339("2026-09-21T17:30:00Z")
        for hour in (15, 16, 17):
            at_ms = parse_rfc3339(f"2026-09-21T{hour}:00:00Z")
            driver.late_ms = back_ms - at_ms
            driver.advance((at_ms - driver.now_ms) / 1000)
        assert [at[11:13] for _, at in started(driver)] == made_up
        assert [one["reason"] for one in driver.decisions] == ["missed_slot"] * (3 - len(made_up))

    def test_a_minute_late_is_not_missed(self) -> None:
        driver = driver_of({"cron": "* * * * *", "catchUp": "none"})
        driver.late_ms = 60_000
        driver.advance(120)
        assert len(driver.executions) == 2


class TestSegments:
    def test_it_starts_once_for_each_member_as_of_the_slot(self) -> None:
        driver = driver_of({**HOURLY, "segmentId": "warm"})
        for contact in ("c1", "c2", "c3"):
            join(driver, contact)
        join(driver, "c2", "remove")
        join(driver, "c4", segment="cold")
        driver.advance(HOUR)
        join(driver, "c5")
        assert sorted(started(driver)) == [("c1", FIRST_SLOT), ("c3", FIRST_SLOT)]
        assert sorted(messages(driver)) == [f"{FIRST_SLOT} {contact} schedule" for contact in ("c1", "c3")]
        assert {r["trigger"]["eventId"] for r in driver.executions} == {
            ids.slot_event_id(FlowId("flow-1"), FIRST_SLOT, contact) for contact in ("c1", "c3")
        }

    def test_every_shard_fans_out_its_own(self) -> None:
        driver = FlowDriver()
        driver.decider = Decider(driver.tables, driver, driver.entities, is_home=lambda _id: False)
        driver.publish(flow({**HOURLY, "segmentId": "warm"}))
        join(driver, "c1")
        driver.advance(HOUR)
        assert started(driver) == [("c1", FIRST_SLOT)]

    def test_a_segment_of_an_entity_that_is_no_id_or_of_nobody_changes_nothing(self) -> None:
        driver = driver_of({**HOURLY, "segmentId": "warm"})
        driver.send(event("segment_updated", contactId="c1", segmentId=[], action="add"))
        join(driver, "c1")
        join(driver, "c1")
        driver.advance(HOUR)
        assert len(driver.executions) == 1

    def test_a_large_segment_is_done_in_chunks_that_survive_a_restart(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("engine.slots.MEMBERS_AT_ONCE", 5)
        config = {**HOURLY, "segmentId": "warm"}
        driver = driver_of(config)
        for number in range(40):
            join(driver, f"c{number}")
        slot_ms = parse_rfc3339(FIRST_SLOT)
        driver.now_ms = slot_ms
        driver.decider.slot(FlowId("flow-1"), driver.flow_table.snapshot(), driver.moment)
        assert 5 <= len(driver.executions) < 20
        reopened = FlowDriver()
        reopened.now_ms = driver.now_ms
        reopened.publish(flow(config), at_ms=START_MS)
        reopened.take_over(driver)
        reopened.advance(0)
        assert len(reopened.executions) == len(reopened.feed) == 40
        assert reopened.due.next_due_ms() == slot_ms + HOUR * 1000

    def test_what_becomes_of_a_whole_slot_is_told_by_one_shard_alone(self) -> None:
        told = []
        for homes in ({"user_001"}, set[str]()):
            driver = FlowDriver()
            driver.decider = Decider(driver.tables, driver, driver.entities, is_home=homes.__contains__)
            driver.publish(flow({**HOURLY, "segmentId": "warm", "catchUp": "none"}))
            driver.late_ms = DAY * 1000
            driver.advance(HOUR)
            driver.set_status("flow-1", "paused")
            driver.advance(HOUR)
            told.append([one["reason"] for one in driver.decisions])
        assert told == [["missed_slot", "paused"], []]

    def test_entry_rules_hold_for_members(self) -> None:
        driver = FlowDriver()
        once = flow({**HOURLY, "segmentId": "warm"})
        driver.publish(once.model_copy(update={"settings": {"entry": {"rule": "once"}}}))
        join(driver, "c1")
        driver.advance(2 * HOUR)
        assert len(driver.executions) == 1
        assert [one["reason"] for one in driver.decisions] == ["already_entered"]


class TestClocks:
    @pytest.mark.parametrize(
        ("cron", "after", "then"),
        [
            ("0 9 * * MON", "2026-09-21T07:00:00Z", "2026-09-28T07:00:00Z"),
            ("30 2 * * *", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"),  # 02:30 is jumped over
            ("30 2 * * *", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"),  # 02:30 comes twice
            ("30 2 * * *", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"),
            ("0 0 L * *", "2026-02-01T00:00:00Z", "2026-02-27T23:00:00Z"),
        ],
    )
    def test_times_are_those_of_the_zone(self, cron: str, after: str, then: str) -> None:
        berlin = zone_named("Europe/Berlin")
        assert berlin is not None
        found = next_moment(cron, berlin, parse_rfc3339(after))
        assert found is not None
        assert rfc3339(found) == then

    @pytest.mark.parametrize(
        ("cron", "words"),
        [
            ("* * * *", "4 fields"), ("0 * * * * *", "6 fields"), ("61 * * * *", "Bad minute"), ("0 0 30 2 *", "Bad"),
            ("0 0 * * 5L/2", "no cron expression"), ("0 0 */31 * MON#5", "never comes"),
        ],
    )  # fmt: skip
    def test_what_is_no_cron_expression_is_refused(self, cron: str, words: str) -> None:
        utc = zone_named("UTC")
        assert utc is not None
        with pytest.raises(CronError, match=words):
            check_cron(cron, utc)

    @pytest.mark.parametrize(
        ("config", "words"),
        [
            ({"cron": "every day"}, "config: cron 'every day' has 2 fields"),
            ({"cron": "0 9 * * *", "timezone": "Mars/Base"}, "config: timezone is 'Mars/Base', which is no time zone"),
            ({"timezone": "UTC"}, "config.cron is missing"),
            ({"cron": "0 9 * * *", "catchUp": "some"}, "config.catchUp"),
        ],
    )
    def test_a_config_that_does_not_fit_is_refused(self, config: dict[str, Any], words: str) -> None:
        _, faults = check_config(node_types()["schedule"], config)
        assert words in faults[0][1]
