"""Messages with manners, in flows: caps, quiet hours, send windows; defer, skip, exit; zones, restarts and the feed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from engine.flow import FlowVersion, LimitsRecord
from engine.flow_settings import setting_faults
from engine.manners import SPREAD_MS
from engine.message_rules import MessageRules
from engine.reading import build_graph
from engine.validation import validate_graph
from engine.wire import parse_rfc3339, rfc3339
from tests.support.driver import START_MS, FlowDriver
from tests.support.flows import event, opened, version

HOUR = 3_600.0
DAY = 24 * HOUR
MAIL = {"subject": "s", "body": "b", "fromEmail": "a@example.com"}
SPREAD = SPREAD_MS / 1000
EVENING = "2026-09-21T21:30:00Z"  # a Monday
QUIET: dict[str, Any] = {"quietHours": {"from": "21:00", "to": "08:00"}}
ONE_A_WEEK: dict[str, Any] = {"caps": [{"max": 1}]}


def flow(messages: dict[str, Any] | None, flow_id: str = "flow-1", number: int = 1, **send: Any) -> FlowVersion:
    """A flow that sends, and then tags."""
    kind = send.pop("kind", "send_email_campaign")
    nodes: dict[str, Any] = {
        "t": ("email_open", {}), "m": (kind, {**MAIL, **send}), "n": ("tag_contact", {"tag": "after"}),
    }  # fmt: skip
    settings = {} if messages is None else {"messages": messages}
    return version(nodes, "t>m m>n", flow_id=flow_id, number=number, settings=settings)


def driver_at(when: str, *flows: FlowVersion, **more: Any) -> FlowDriver:
    driver = FlowDriver(*flows, **more)
    driver.now_ms = parse_rfc3339(when)
    return driver


def sent(driver: FlowDriver) -> list[str]:
    return [command["type"] for command in driver.commands]


def decisions(driver: FlowDriver) -> list[tuple[str, str]]:
    return [(record["decision"], record["reason"]) for record in driver.decisions]


def waits(driver: FlowDriver) -> list[tuple[str, str]]:
    return [(wait["for"], wait["until"]) for record in driver.executions for wait in record["waiting"]]


def profile(driver: FlowDriver, contact: str, **attributes: Any) -> None:
    driver.send(event("context_updated", "fusion_layer", entityType="contact", entityId=contact, contactId=contact,
                      attributes=attributes))  # fmt: skip


class TestHours:
    def test_by_day_a_message_goes_out_at_once(self) -> None:
        driver = driver_at("2026-09-21T12:00:00Z", flow(QUIET))
        driver.send(opened())
        assert sent(driver) == ["send_email_campaign", "tag_contact"]
        assert decisions(driver) == []

    def test_by_night_it_is_held_until_morning_and_then_sent_once(self) -> None:
        driver = driver_at(EVENING, flow(QUIET))
        driver.send(opened(id="e1"))
        assert sent(driver) == []
        [(reason, until)] = waits(driver)
        assert reason == "quiet_hours"
        assert "2026-09-22T08:00:00Z" <= until < "2026-09-22T08:30:00Z"
        [held] = driver.decisions
        wanted = {
            "decision": "held", "reason": "quiet_hours", "flowId": "flow-1", "nodeId": "m", "visit": 1, "eventId": "e1",
            "for": "quiet_hours", "until": until, "subject": {"type": "contact", "id": "c1"}, "at": EVENING,
            "executionId": driver.executions[0]["executionId"], "userId": "user_001", "flowVersion": 1,
        }  # fmt: skip
        assert {key: held[key] for key in wanted} == wanted
        driver.advance(10.4 * HOUR)
        assert sent(driver) == []
        driver.advance(2 * HOUR)
        assert sent(driver) == ["send_email_campaign", "tag_contact"]
        assert driver.executions[0]["status"] == "succeeded"
        step = driver.steps("m")[-1]
        assert (step["status"], step["finishedAt"], step["startedAt"]) == ("succeeded", until, EVENING)
        assert step["notes"]["held"] == {"since": EVENING, "until": until, "timezone": "UTC"}

    def test_a_follow_up_is_a_message_too_and_counts_its_days_from_its_release(self) -> None:
        driver = driver_at(EVENING, flow(QUIET, kind="schedule_followup", delayDays=1))
        driver.send(opened())
        [(_reason, until)] = waits(driver)
        driver.advance(DAY)
        assert driver.commands[0]["payload"]["scheduleAt"] == rfc3339(parse_rfc3339(until) + 86_400_000)

    def test_of_a_follow_up_the_moment_counts_for_which_it_is_scheduled(self) -> None:
        thursday = "2026-09-24T10:00:00Z"
        for days, scheduled in ((1, "2026-09-25T10:00:00Z"), (2, "2026-09-28T09:"), (0.5, "2026-09-25T09:")):
            driver = driver_at(thursday, flow({"sendWindow": {}}, kind="schedule_followup", delayDays=days))
            driver.send(opened())
            driver.advance(5 * DAY)
            [payload] = [command["payload"] for command in driver.commands if command["type"] == "schedule_followup"]
            assert payload["scheduleAt"].startswith(scheduled)

    def test_a_follow_up_made_by_night_for_a_day_waits_for_nothing(self) -> None:
        driver = driver_at(EVENING, flow(QUIET, kind="schedule_followup", delayDays=0.5))
        driver.send(opened())
        assert driver.commands[0]["payload"]["scheduleAt"] == "2026-09-22T09:30:00Z"
        assert decisions(driver) == []

    def test_a_message_is_rendered_when_it_is_sent(self) -> None:
        driver = driver_at(EVENING, flow(QUIET, subject="Hi {{ contact.name }}"))
        driver.send(opened())
        driver.send(event("contact_added", contactId="c1", name="Ada"))
        driver.advance(DAY)
        assert driver.commands[0]["payload"]["subject"] == "Hi Ada"

    def test_what_is_no_message_knows_no_night(self) -> None:
        nodes: dict[str, Any] = {"t": ("email_open", {}), "n": ("tag_contact", {"tag": "x"}),
                                 "u": ("notify_user", {"message": "x"})}  # fmt: skip
        driver = driver_at(EVENING, version(nodes, "t>n n>u", settings={"messages": {**QUIET, **ONE_A_WEEK}}))
        driver.send(opened())
        assert sent(driver) == ["tag_contact", "notify_user"]

    def test_a_delay_of_the_node_comes_first(self) -> None:
        driver = driver_at("2026-09-21T20:00:00Z", flow(QUIET, delay=2 * HOUR))
        driver.send(opened())
        assert [reason for reason, _ in waits(driver)] == ["delay"]
        driver.advance(2 * HOUR)
        assert [reason for reason, _ in waits(driver)] == ["quiet_hours"]
        driver.advance(11 * HOUR)
        assert sent(driver) == ["send_email_campaign", "tag_contact"]

    def test_a_send_window_is_waited_for_over_the_weekend(self) -> None:
        driver = driver_at("2026-09-25T18:00:00Z", flow({"sendWindow": {}}))
        driver.send(opened())
        [(reason, until)] = waits(driver)
        assert reason == "send_window"
        assert "2026-09-28T09:00:00Z" <= until < "2026-09-28T09:30:00Z"
        assert decisions(driver) == [("held", "quiet_hours")]

    def test_a_narrow_window_is_never_missed_by_the_spread(self) -> None:
        window = {"sendWindow": {"from": "09:00", "to": "09:01"}}
        driver = driver_at("2026-09-21T08:00:00Z", flow(window))
        for number in range(50):
            driver.send(opened(f"c{number}"))
        driver.advance(HOUR + 60)
        assert sent(driver).count("send_email_campaign") == 50

    def test_a_thousand_held_messages_are_spread_and_not_all_at_once(self) -> None:
        driver = driver_at(EVENING, flow(QUIET))
        for number in range(1_000):
            driver.send(opened(f"c{number}"))
        released = sorted(parse_rfc3339(until) for _, until in waits(driver))
        start = parse_rfc3339("2026-09-22T08:00:00Z")
        minutes = Counter((at_ms - start) // 60_000 for at_ms in released)
        assert released[0] >= start
        assert released[-1] < start + SPREAD_MS
        assert len(minutes) == 30
        assert max(minutes.values()) < 70

    def test_it_looks_at_the_wall_clock_of_the_sending(self) -> None:
        driver = driver_at("2026-09-21T12:00:00Z", flow(QUIET))
        driver.late_ms = 10 * 3_600_000  # the log is read ten hours late, by night
        driver.send(opened())
        assert sent(driver) == []
        [(_reason, until)] = waits(driver)
        assert until > "2026-09-22T08:00:00Z"

    def test_a_release_that_comes_late_and_by_night_waits_again(self) -> None:
        driver = driver_at(EVENING, flow(QUIET))
        driver.send(opened())
        driver.late_ms = 14 * 3_600_000
        driver.advance(DAY)
        assert sent(driver) == []
        assert decisions(driver) == [("held", "quiet_hours")] * 2
        driver.late_ms = 0
        driver.advance(DAY)
        assert sent(driver) == ["send_email_campaign", "tag_contact"]

    def test_a_restart_loses_no_held_message(self) -> None:
        driver = driver_at(EVENING, flow(QUIET))
        driver.send(opened())
        again = driver_at(EVENING, flow(QUIET), offset=1)
        again.take_over(driver)
        again.advance(DAY)
        assert sent(again) == ["send_email_campaign", "tag_contact"]

    def test_a_node_without_a_recipient_fails_by_night_as_by_day(self) -> None:
        driver = driver_at(EVENING, version(
            {"t": ("campaign_created", {}), "m": ("send_email_campaign", MAIL)}, "t>m", settings={"messages": QUIET}
        ))  # fmt: skip
        driver.send(event("campaign_created", "tracker", campaignId="k1"))
        assert driver.steps("m")[0]["error"]["code"] == "missing_id"
        assert decisions(driver) == []

    def test_a_message_about_a_campaign_keeps_the_hours_of_the_user(self) -> None:
        nodes: dict[str, Any] = {
            "t": ("campaign_created", {}), "m": ("send_email_campaign", {**MAIL, "toContactIds": ["c1"]}),
        }  # fmt: skip
        driver = driver_at("2026-09-21T12:00:00Z", version(nodes, "t>m", settings={"messages": QUIET}))
        driver.send(event("context_updated", "fusion_layer", entityType="user", entityId="user_001",
                          attributes={"timezone": "Asia/Tokyo"}))  # fmt: skip
        driver.send(event("campaign_created", "tracker", campaignId="k1"))
        assert [reason for reason, _ in waits(driver)] == ["quiet_hours"]

    def test_in_the_last_year_that_can_be_written_no_calendar_is_asked(self) -> None:
        driver = driver_at("9999-12-30T23:00:00Z", flow(QUIET))
        driver.send(opened())
        assert sent(driver) == ["send_email_campaign", "tag_contact"]


class TestZones:
    @pytest.mark.parametrize(
        ("contact", "user", "flow_zone", "house_zone", "until"),
        [
            (None, None, None, None, "2026-09-22T08:"),
            ("Europe/Berlin", None, None, None, "2026-09-22T06:"),
            ("Europe/Berlin", "Asia/Tokyo", None, "America/New_York", "2026-09-22T06:"),
            (None, "Europe/London", None, "Europe/Berlin", "2026-09-22T07:"),
            (None, None, None, "Europe/Berlin", "2026-09-22T06:"),
            ("Nowhere/At_All", None, None, "Europe/Berlin", "2026-09-22T06:"),
            (5, "", None, None, "2026-09-22T08:"),
            ("Asia/Tokyo", None, "Europe/Berlin", None, "2026-09-22T06:"),
        ],
    )
    def test_the_contacts_own_comes_first_unless_the_flow_names_one(
        self, contact: Any, user: Any, flow_zone: str | None, house_zone: str | None, until: str
    ) -> None:
        house = LimitsRecord(
            kind="user", id="user_001", messages=MessageRules.model_validate({"timezone": house_zone})
        )  # fmt: skip
        driver = driver_at("2026-09-21T22:30:00Z", flow({**QUIET, "timezone": flow_zone}), limits=[house])
        driver.send(event("context_updated", "fusion_layer", entityType="user", entityId="user_001",
                          attributes={"timezone": user}))  # fmt: skip
        profile(driver, "c1", timezone=contact)
        driver.send(opened())
        [(_reason, found)] = waits(driver)
        assert found.startswith(until)

    def test_the_night_on_which_clocks_are_set_ends_when_the_clock_says_so(self) -> None:
        for when, until in (("2026-03-28T22:00:00Z", "2026-03-29T06:"), ("2026-10-24T22:00:00Z", "2026-10-25T07:")):
            driver = driver_at(when, flow({**QUIET, "timezone": "Europe/Berlin"}))
            driver.send(opened())
            assert waits(driver)[0][1].startswith(until)


class TestCaps:
    def test_a_cap_holds_what_is_over_it_until_the_oldest_has_left(self) -> None:
        driver = FlowDriver(flow({"caps": [{"max": 2, "windowSeconds": DAY}]}))
        for _ in range(3):
            driver.send(opened())
        assert sent(driver).count("send_email_campaign") == 2
        [(reason, until)] = waits(driver)
        assert reason == "cap"
        assert 0 <= parse_rfc3339(until) - (START_MS + 86_400_000) < SPREAD_MS
        assert decisions(driver) == [("held", "capped")]
        driver.advance(DAY - 1)
        assert sent(driver).count("send_email_campaign") == 2
        driver.advance(SPREAD + 1)
        assert sent(driver).count("send_email_campaign") == 3

    def test_a_hundred_messages_in_one_batch_are_as_many_as_the_cap_lets_through(self) -> None:
        driver = FlowDriver(flow({"caps": [{"max": 7}], "onHeld": "skip"}))
        for _ in range(100):
            driver.send(opened())
        assert sent(driver).count("send_email_campaign") == 7
        assert decisions(driver) == [("suppressed", "capped")] * 93

    def test_those_that_wait_for_one_place_get_it_one_by_one(self) -> None:
        driver = FlowDriver(flow({"caps": [{"max": 1, "windowSeconds": DAY}], "expireAfterSeconds": 30 * DAY}))
        for _ in range(4):
            driver.send(opened())
        numbers = []
        for _ in range(5):
            numbers.append(sent(driver).count("send_email_campaign"))
            driver.advance(DAY + SPREAD)
        assert numbers == [1, 2, 3, 4, 4]

    def test_a_follow_up_counts_on_the_day_for_which_it_is_scheduled(self) -> None:
        cap = {"caps": [{"max": 1, "calendar": "day", "scope": "all"}], "onHeld": "skip"}
        driver = FlowDriver(flow(cap, "a", kind="schedule_followup", delayDays=3), flow(cap, "b"))
        driver.send(opened())
        assert decisions(driver) == []
        driver.advance(3 * DAY)
        driver.send(opened())
        assert [(record["flowId"], record["reason"]) for record in driver.decisions] == [("b", "capped")]

    def test_two_messages_of_one_wave_count_each_other(self) -> None:
        nodes: dict[str, Any] = {
            "t": ("email_open", {}), "m": ("send_email_campaign", MAIL), "n": ("schedule_followup", MAIL),
        }  # fmt: skip
        settings = {"messages": {**ONE_A_WEEK, "onHeld": "skip"}}
        driver = FlowDriver(version(nodes, "t>m m>n", settings=settings))
        driver.send(opened())
        assert sent(driver) == ["send_email_campaign"]

    def test_a_cap_over_all_flows_counts_those_that_have_no_cap(self) -> None:
        driver = FlowDriver(
            flow(None, "a"), flow({"caps": [{"max": 1, "scope": "all"}], "onHeld": "skip"}, "b"),
            flow({"caps": [{"max": 1}], "onHeld": "skip"}, "c"),
        )  # fmt: skip
        driver.send(opened())
        assert Counter(run.flow_id for run, command in driver.sent if command.type != "tag_contact") == {"a": 1, "c": 1}
        [record] = driver.decisions
        assert (record["flowId"], record["reason"]) == ("b", "capped")

    def test_each_contact_has_caps_of_its_own(self) -> None:
        driver = FlowDriver(flow({**ONE_A_WEEK, "onHeld": "skip"}))
        for contact in ("c1", "c2", "c1", "c3"):
            driver.send(opened(contact))
        assert sent(driver).count("send_email_campaign") == 3

    def test_a_calendar_day_is_the_contacts_own(self) -> None:
        cap = {"caps": [{"max": 1, "calendar": "day"}], "onHeld": "skip"}
        for zone, number in (("America/New_York", 1), ("Europe/Berlin", 2)):
            driver = driver_at("2026-09-21T20:00:00Z", flow(cap))
            profile(driver, "c1", timezone=zone)
            driver.send(opened())
            driver.advance(4 * HOUR)  # past midnight in Berlin
            driver.send(opened())
            assert sent(driver).count("send_email_campaign") == number

    def test_a_release_from_a_cap_waits_for_the_morning_as_well(self) -> None:
        driver = driver_at("2026-09-21T20:00:00Z", flow({"caps": [{"max": 1, "windowSeconds": 3 * HOUR}], **QUIET}))
        driver.send(opened())
        driver.send(opened())
        [(reason, until)] = waits(driver)
        assert reason == "cap"
        assert until.startswith("2026-09-22T08:")

    def test_caps_are_scaled_like_every_duration(self) -> None:
        driver = FlowDriver(flow(ONE_A_WEEK), time_scale=604_800)
        driver.send(opened())
        driver.send(opened())
        driver.advance(1.01)
        assert sent(driver).count("send_email_campaign") == 1  # given up after three days, which are 0.43 seconds
        assert decisions(driver) == [("held", "capped"), ("suppressed", "expired")]

    def test_a_restart_forgets_no_message(self) -> None:
        drawn = flow({**ONE_A_WEEK, "onHeld": "skip"})
        driver = FlowDriver(drawn)
        driver.send(opened())
        again = FlowDriver(drawn, offset=1)
        again.take_over(driver)
        again.send(opened())
        assert sent(again).count("send_email_campaign") == 1

    def test_a_command_that_is_too_large_was_no_message(self) -> None:
        driver = FlowDriver(flow({**ONE_A_WEEK, "onHeld": "skip"}, body="{{ event.body }}"))
        driver.send(opened(payload={"body": "x" * 600_000}))
        driver.send(opened(payload={"body": "short"}))
        assert sent(driver).count("send_email_campaign") == 1


class TestOutcomes:
    def test_a_message_that_is_skipped_ends_no_branch(self) -> None:
        driver = driver_at(EVENING, flow({**QUIET, "onHeld": "skip"}))
        driver.send(opened())
        assert sent(driver) == ["tag_contact"]
        step = driver.steps("m")[0]
        assert (step["status"], step["reason"], step["port"]) == ("skipped", "quiet_hours", "out")
        assert step["output"] == {"sent": False, "reason": "quiet_hours"}
        assert decisions(driver) == [("suppressed", "quiet_hours")]
        [record] = driver.executions
        assert (record["status"], record["endReason"]) == ("succeeded", "completed")

    def test_what_follows_can_read_that_it_was_not_sent(self) -> None:
        nodes: dict[str, Any] = {
            "t": ("email_open", {}), "m": ("send_email_campaign", MAIL),
            "n": ("log_event", {"message": "{{ steps.m.output.reason }}"}),
        }  # fmt: skip
        driver = driver_at(EVENING, version(nodes, "t>m m>n", settings={"messages": {**QUIET, "onHeld": "skip"}}))
        driver.send(opened())
        assert driver.steps("n")[0]["input"]["message"] == "quiet_hours"

    def test_exit_ends_the_execution_at_once(self) -> None:
        driver = driver_at(EVENING, flow({**QUIET, "onHeld": "exit"}))
        driver.send(opened())
        assert sent(driver) == []
        [record] = driver.executions
        assert (record["status"], record["endReason"], record["waiting"]) == ("succeeded", "exited", [])
        assert {step["nodeId"]: step["status"] for step in record["path"]} == {
            "t": "succeeded", "m": "skipped", "n": "skipped",
        }  # fmt: skip
        assert decisions(driver) == [("suppressed", "quiet_hours")]

    def test_exit_ends_other_waits_too(self) -> None:
        nodes: dict[str, Any] = {
            "t": ("email_open", {}), "w": ("delay", {"delaySeconds": DAY}), "m": ("send_email_campaign", MAIL),
        }  # fmt: skip
        settings = {"messages": {**QUIET, "onHeld": "exit"}}
        driver = driver_at(EVENING, version(nodes, "t>w t>m", settings=settings))
        driver.send(opened())
        driver.advance(2 * DAY)
        assert [record["endReason"] for record in driver.executions] == ["exited"]
        assert [(step["status"], step["reason"]) for step in driver.steps("w")] == [("skipped", "exited")]

    def test_what_cannot_be_sent_in_time_is_given_up_then_and_the_flow_goes_on(self) -> None:
        driver = FlowDriver(flow(ONE_A_WEEK))
        driver.send(opened())
        driver.send(opened())
        assert waits(driver) == [("cap", rfc3339(START_MS + 3 * 86_400_000))]
        driver.advance(3 * DAY)
        assert decisions(driver) == [("held", "capped"), ("suppressed", "expired")]
        assert sent(driver) == ["send_email_campaign", "tag_contact", "tag_contact"]
        driver.advance(30 * DAY)
        assert sent(driver).count("send_email_campaign") == 1

    def test_an_outage_longer_than_the_expiry_sends_nothing_stale(self) -> None:
        driver = driver_at(EVENING, flow({**QUIET, "expireAfterSeconds": DAY}))
        driver.send(opened())
        driver.late_ms = 38 * 3_600_000  # by day, two days later
        driver.advance(11 * HOUR)
        assert sent(driver) == ["tag_contact"]
        assert decisions(driver) == [("held", "quiet_hours"), ("suppressed", "expired")]

    def test_nothing_is_held_where_it_expires_at_once(self) -> None:
        driver = driver_at(EVENING, flow({**QUIET, "expireAfterSeconds": 0}))
        driver.send(opened())
        assert decisions(driver) == [("suppressed", "expired")]
        assert sent(driver) == ["tag_contact"]

    def test_two_rules_that_leave_no_moment_wait_for_the_expiry(self) -> None:
        house = MessageRules.model_validate({"quietHours": {"from": "08:00", "to": "20:00"}})
        driver = driver_at(
            "2026-09-21T12:00:00Z", flow({"sendWindow": {}}),
            limits=[LimitsRecord(kind="user", id="user_001", messages=house)],
        )  # fmt: skip
        driver.send(opened())
        assert waits(driver) == [("quiet_hours", "2026-09-24T12:00:00Z")]
        driver.advance(4 * DAY)
        assert decisions(driver)[-1] == ("suppressed", "expired")

    def test_an_archived_flow_sends_nothing_it_held(self) -> None:
        driver = driver_at(EVENING, flow(QUIET))
        driver.send(opened())
        driver.archive("flow-1")
        driver.advance(2 * DAY)
        assert sent(driver) == []

    def test_a_held_message_uses_no_limit_until_it_is_sent(self) -> None:
        limit = LimitsRecord(kind="user", id="user_001", max_external_writes=1)
        nodes: dict[str, Any] = {
            "t": ("email_open", {}), "m": ("send_email_campaign", MAIL), "n": ("tag_contact", {"tag": "x"}),
        }  # fmt: skip
        driver = driver_at(EVENING, version(nodes, "t>m t>n", settings={"messages": QUIET}), limits=[limit])
        driver.send(opened())
        assert sent(driver) == ["tag_contact"]
        driver.advance(DAY)
        assert (driver.executions[0]["status"], driver.executions[0]["endReason"]) == ("partial", "limit")

    def test_what_was_entered_is_sent_held_back_or_waits(self) -> None:
        driver = driver_at(EVENING, flow({**QUIET, "caps": [{"max": 1}]}))
        for number in range(40):
            driver.send(opened(f"c{number % 10}"))
        driver.advance(10 * DAY)
        out = sent(driver).count("send_email_campaign")
        given_up = decisions(driver).count(("suppressed", "expired"))
        assert (out, given_up) == (10, 30)
        assert all(record["endReason"] == "completed" for record in driver.executions)


class TestHouse:
    def house(self, kind: Any = "user", identity: str = "user_001", **messages: Any) -> LimitsRecord:
        return LimitsRecord(kind=kind, id=identity, messages=MessageRules.model_validate(messages))

    def test_rules_of_the_user_hold_for_every_flow(self) -> None:
        driver = driver_at(EVENING, flow(None), flow(QUIET, "b"), limits=[self.house(**QUIET)])
        driver.send(opened())
        assert [reason for reason, _ in waits(driver)] == ["quiet_hours"] * 2

    def test_a_flow_can_be_stricter_never_laxer(self) -> None:
        house = self.house(caps=[{"max": 2, "scope": "all"}], onHeld="skip")
        laxer, stricter = flow({"caps": [{"max": 5}]}, "a"), flow({"caps": [{"max": 1}], "onHeld": "skip"}, "b")
        driver = FlowDriver(laxer, limits=[house])
        for _ in range(3):
            driver.send(opened())
        assert sent(driver).count("send_email_campaign") == 2
        driver = FlowDriver(stricter, limits=[house])
        for _ in range(3):
            driver.send(opened())
        assert sent(driver).count("send_email_campaign") == 1

    def test_the_strictest_answer_of_those_that_hold_it_counts(self) -> None:
        cases = (("defer", "exit", "exited"), ("skip", "defer", "completed"), ("defer", "defer", None))
        for own, theirs, ended in cases:
            driver = driver_at(EVENING, flow({**QUIET, "onHeld": own}), limits=[self.house(**QUIET, onHeld=theirs)])
            driver.send(opened())
            assert driver.executions[0]["endReason"] == ended

    def test_the_workspaces_rules_stand_before_the_users(self) -> None:
        records = [self.house(**QUIET), self.house("workspace", "w1")]
        drawn = flow(None).model_copy(update={"workspace_id": "w1"})
        driver = driver_at(EVENING, drawn, limits=records)
        driver.send(opened() | {"metadata": {"userId": "user_001", "workspaceId": "w1"}})
        assert sent(driver) == ["send_email_campaign", "tag_contact"]


class TestTogether:
    """With what else a flow can do."""

    def test_a_paused_flow_releases_nothing_and_the_resume_asks_again(self) -> None:
        driver = driver_at(EVENING, flow({**QUIET, "expireAfterSeconds": 10 * DAY}))
        driver.send(opened())
        driver.set_status("flow-1", "paused")
        driver.advance(DAY)  # past the morning, and night again
        assert sent(driver) == []
        driver.set_status("flow-1", "published")
        driver.advance(1)
        assert sent(driver) == []
        assert decisions(driver) == [("held", "quiet_hours")] * 2
        driver.advance(11 * HOUR)
        assert sent(driver) == ["send_email_campaign", "tag_contact"]

    def test_a_reply_by_night_ends_what_was_held(self) -> None:
        drawn = flow(QUIET)
        leaves = drawn.model_copy(
            update={"settings": {**drawn.settings, "exitWhen": [{"event": {"type": "email_reply"}}]}}
        )
        driver = driver_at(EVENING, leaves)
        driver.send(opened())
        driver.send(event("email_reply", contactId="c1", campaignId="k1"))
        driver.advance(2 * DAY)
        assert sent(driver) == []
        assert [record["endReason"] for record in driver.executions] == ["exited"]

    def test_an_answer_is_awaited_from_the_release_on(self) -> None:
        nodes: dict[str, Any] = {
            "t": ("email_open", {}), "m": ("schedule_followup", MAIL, {"awaitResult": True}),
            "n": ("tag_contact", {"tag": "{{ steps.m.output.state }}"}),
        }  # fmt: skip
        driver = driver_at(EVENING, version(nodes, "t>m m>n", settings={"messages": QUIET}))
        driver.send(opened())
        driver.advance(12 * HOUR)
        assert sent(driver) == ["schedule_followup"]
        assert [reason for reason, _ in waits(driver)] == ["answer"]
        driver.answer(output={"state": "queued"})
        assert driver.commands[-1]["payload"] == {"contactId": "c1", "tag": "queued"}

    def test_a_retry_of_the_system_counts_as_one_message(self) -> None:
        nodes: dict[str, Any] = {
            "t": ("email_open", {}), "m": ("send_email_campaign", MAIL, {"awaitResult": True}),
        }  # fmt: skip
        driver = FlowDriver(version(nodes, "t>m", settings={"messages": {"caps": [{"max": 2}], "onHeld": "skip"}}))
        driver.send(opened())
        driver.answer(status="failed", retryable=True)
        driver.advance(600)
        assert [command.attempt for _, command in driver.sent] == [1, 2]
        driver.answer()
        driver.send(opened())
        driver.answer()
        driver.send(opened())
        assert len(driver.sent) == 3
        assert decisions(driver) == [("suppressed", "capped")]

    def test_a_migration_takes_the_rules_of_the_new_version_and_keeps_the_wait(self) -> None:
        driver = driver_at(EVENING, flow(QUIET))
        driver.send(opened())
        [(_reason, until)] = waits(driver)
        later = {**QUIET, "quietHours": {"from": "21:00", "to": "10:00"}}
        driver.publish(flow(later, number=2), policy="migrate")
        driver.advance(11.1 * HOUR)
        assert sent(driver) == []
        assert until < "2026-09-22T08:30:00Z"
        assert waits(driver)[0][1] >= "2026-09-22T10:00:00Z"
        driver.advance(2 * HOUR)
        assert [run.version for run, _ in driver.sent] == [2, 2]

    def test_a_retry_by_hand_is_judged_like_any_message(self) -> None:
        nodes: dict[str, Any] = {
            "t": ("email_open", {}), "m": ("send_email_campaign", {**MAIL, "fromEmail": "{{ contact.email }}"}),
        }  # fmt: skip
        driver = driver_at("2026-09-21T12:00:00Z", version(nodes, "t>m", settings={"messages": QUIET}))
        driver.send(opened())
        assert driver.executions[0]["status"] == "failed"
        profile(driver, "c1", email="c1@example.com")
        driver.advance(10 * HOUR)
        driver.control("retry", driver.executions[0]["executionId"])
        assert [reason for reason, _ in waits(driver)] == ["quiet_hours"]
        driver.advance(11 * HOUR)
        assert sent(driver) == ["send_email_campaign"]
        assert [command.attempt for _, command in driver.sent] == [2]

    def test_entry_rules_and_manners_are_two_things_on_the_feed(self) -> None:
        drawn = flow({**ONE_A_WEEK, "onHeld": "skip"})
        both = drawn.model_copy(update={"settings": {**drawn.settings, "entry": {"maxRunning": 1}}})
        driver = FlowDriver(both)
        for _ in range(3):
            driver.send(opened())
        assert decisions(driver) == [("suppressed", "capped")] * 2
        assert all("nodeId" in record for record in driver.decisions)


class TestSettings:
    def test_the_page_of_the_product_is_valid(self) -> None:
        settings = {
            "caps": [{"max": 3, "windowSeconds": 604_800, "scope": "all"}, {"max": 1, "calendar": "day"}],
            "timezone": None, "quietHours": {"from": "21:00", "to": "08:00"},
            "sendWindow": {"from": "09:00", "to": "17:00", "weekdays": ["mon", "tue", "wed", "thu", "fri"]},
            "onHeld": "defer", "expireAfterSeconds": 259_200,
        }  # fmt: skip
        assert setting_faults({"messages": settings}) == []
        assert setting_faults({"messages": {}}) == []
        assert MessageRules.model_validate({"quietHours": {}, "sendWindow": {}, "caps": [{}]}).wire() == {
            "caps": [{}], "quietHours": {}, "sendWindow": {},
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("messages", "wanted"),
        [
            ([], ["flow.settings.messages is an array, not an object like {caps, timezone"]),
            ({"caps": {"max": 1}}, ["messages.caps is an object"]),
            ({"caps": [{"max": 0}, {"max": 501}, {"maximum": 1}]},
             ["messages.caps[0].max is 0", "messages.caps[1].max is 501", "did you mean max?"]),
            ({"caps": [{"windowSeconds": 0}]}, ["messages.caps[0].windowSeconds is 0"]),
            ({"caps": [{"windowSeconds": 60, "calendar": "day"}]}, ["messages.caps[0]: windowSeconds and calendar"]),
            ({"caps": [{"calendar": "year", "scope": "user"}]},
             ['calendar is "year"; use day, week, month', 'scope is "user"; use flow, all']),
            ({"timezone": "Berlin"}, ['messages.timezone is "Berlin": this is no time zone']),
            ({"quietHours": {"from": "9pm", "to": "24:00"}},
             ['quietHours.from is "9pm": write a time of day', 'quietHours.to is "24:00"']),
            ({"quietHours": {"from": "09:60"}}, ['quietHours.from is "09:60"']),
            ({"quietHours": {"from": "08:00"}}, ["messages.quietHours: from and to are both 08:00"]),
            ({"quietHours": {"form": "08:00"}}, ["did you mean from?"]),
            ({"sendWindow": {"weekdays": []}}, ["messages.sendWindow: weekdays is empty"]),
            ({"sendWindow": {"weekdays": ["monday"]}}, ['sendWindow.weekdays[0] is "monday"; use mon, tue']),
            ({"sendWindow": {"from": "17:00"}}, ["messages.sendWindow: from and to are both 17:00"]),
            ({"onHeld": "wait"}, ['onHeld is "wait"; use defer, skip, exit']),
            ({"expireAfterSeconds": -1}, ["expireAfterSeconds is -1"]),
            ({"quietHours": {"from": "08:00", "to": "20:00"}, "sendWindow": {}},
             ["messages: quietHours leave no moment of sendWindow open"]),
        ],
        ids=str,
    )  # fmt: skip
    def test_a_setting_that_is_wrong_is_refused_by_name(self, messages: Any, wanted: list[str]) -> None:
        found = [message for _path, message in setting_faults({"messages": messages})]
        assert len(found) == len(wanted), found
        assert all(words in message for words, message in zip(wanted, found, strict=True)), found

    def test_a_cap_warns_where_a_whole_segment_is_written_to(self) -> None:
        drawn = flow(None, toSegmentId="s1")
        graph = build_graph(drawn.nodes, drawn.edges)
        for settings, number in ((None, 0), ({"messages": QUIET}, 0), ({"messages": ONE_A_WEEK}, 1)):
            assert len(validate_graph(graph, settings).warnings) == number
        [warning] = validate_graph(graph, {"messages": ONE_A_WEEK}).warnings
        assert (warning.path, warning.node_id) == ("nodes[1].config.toSegmentId", "m")
        to_one = flow(None)
        assert validate_graph(build_graph(to_one.nodes, to_one.edges), {"messages": ONE_A_WEEK}).warnings == ()
