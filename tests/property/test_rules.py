"""Rules of whole flows under any history: entry rules beside a naive model, caps and hours never passed, sums right.

The naive side is a list of what happened and a loop over it, written from product.md alone.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.flow import FlowVersion, LimitsRecord
from engine.hours import is_open
from engine.message_rules import MessageRules
from engine.zones import zone_named
from tests.support.driver import START_MS, FlowDriver
from tests.support.flows import opened, version

WAIT = 3_600
ENTRIES = st.fixed_dictionaries(
    {"rule": st.sampled_from(["every_event", "once", "after_exit", "cooldown", "once_per"])},
    optional={
        "cooldownSeconds": st.sampled_from([0, 10, WAIT, 2 * WAIT]), "maxRunning": st.sampled_from([None, 1, 2]),
        "field": st.sampled_from(["event.campaignId", "event.emailId", "contact.name"]),
    },
)  # fmt: skip
OPENS = st.tuples(st.sampled_from("ab"), st.sampled_from("kl"), st.sampled_from("1234567"))
HISTORIES = st.lists(OPENS | st.sampled_from([5.0, 600.0, float(WAIT)]), min_size=1, max_size=25)


def entered(entry: dict[str, Any], history: list[Any]) -> list[str]:
    """What becomes of each open, by the naive model."""
    now, told = 0.0, []
    starts: dict[str, list[tuple[float, str]]] = {}
    seen: set[tuple[str, str]] = set()
    for given_input in history:
        if isinstance(given_input, float):
            now += given_input
            continue
        contact, campaign, event_id = given_input
        mine = starts.setdefault(contact, [])
        running = [start for start, _ in mine if now < start + WAIT]
        value = {"event.campaignId": campaign, "event.emailId": "m1"}.get(entry.get("field", "event.campaignId"), "-")
        if (contact, event_id) in seen:
            told.append("duplicate_event")
        elif (
            (entry["rule"] == "once" and mine)
            or (entry["rule"] == "after_exit" and running)
            or (entry["rule"] == "once_per" and value in {one for _, one in mine})
        ):
            told.append("already_entered")
        elif entry["rule"] == "cooldown" and mine and now - mine[-1][0] < entry.get("cooldownSeconds", 86_400):
            told.append("cooldown")
        elif entry.get("maxRunning") and len(running) >= entry["maxRunning"]:
            told.append("max_running")
        else:
            told.append("started")
            mine.append((now, value))
        seen.add((contact, event_id))
    return told


@settings(max_examples=300)
@given(ENTRIES, HISTORIES, st.integers(0, 25))
def test_entry_rules_do_what_a_naive_model_does(entry: dict[str, Any], history: list[Any], reopen_at: int) -> None:
    nodes: dict[str, Any] = {"t": ("email_open", {}), "w": ("delay", {"delaySeconds": WAIT})}
    flow = version(nodes, "t>w", settings={"entry": entry})
    driver = FlowDriver(flow)
    for place, given_input in enumerate(history):
        if place == reopen_at:
            driver = reopened(driver, flow)
        if isinstance(given_input, float):
            driver.advance(given_input)
        else:
            contact, campaign, event_id = given_input
            driver.send(opened(contact, campaign, id=event_id))
    told = [record.get("reason", "started") for record in driver.feed if record.get("seq", 1) == 1]
    assert told == entered(entry, history)


CAPS = st.fixed_dictionaries(
    {"max": st.integers(1, 3), "scope": st.sampled_from(["flow", "all"])},
    optional={"windowSeconds": st.sampled_from([60, 86_400, 604_800])},
) | st.fixed_dictionaries({"max": st.integers(1, 2), "calendar": st.sampled_from(["day", "week", "month"])})
TIMES = st.sampled_from(["00:00", "02:30", "08:00", "12:15", "17:00", "21:00"])
SPANS = st.lists(TIMES, min_size=2, max_size=2, unique=True).map(lambda ends: {"from": ends[0], "to": ends[1]})
MESSAGES = st.fixed_dictionaries(
    {"onHeld": st.sampled_from(["defer", "defer", "defer", "skip", "exit"])},
    optional={
        "caps": st.lists(CAPS, max_size=2), "quietHours": SPANS, "sendWindow": SPANS,
        "timezone": st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Tokyo"]),
        "expireAfterSeconds": st.sampled_from([0, 3_600, 86_400, 20 * 86_400]),
    },
)  # fmt: skip
MINDS = st.lists(st.sampled_from(["a", "a", "b", 60.0, 3_600.0, 30_000.0, 200_000.0]), min_size=3, max_size=16)
LATE = st.sampled_from([0, 0, 0, 50_000, 40_000_000])
MAIL = {"subject": "s", "body": "b", "fromEmail": "a@example.com"}


def sender(flow_id: str, messages: dict[str, Any], lead_days: float = 0) -> FlowVersion:
    nodes: dict[str, Any] = {
        "t": ("email_open", {}), "m": ("send_email_campaign", MAIL),
        "f": ("schedule_followup", {**MAIL, "delayDays": lead_days}),
    }  # fmt: skip
    return version(nodes, "t>m m>f", flow_id=flow_id, settings={"messages": messages})


def reopened(driver: FlowDriver, *flows: FlowVersion, limits: tuple[LimitsRecord, ...] = ()) -> FlowDriver:
    again = FlowDriver(*flows, limits=limits, offset=driver.next_offset)
    again.now_ms, again.late_ms = driver.now_ms, driver.late_ms
    again.take_over(driver)
    return again


class Sender(FlowDriver):
    """Notes the wall time at which each message goes out, which of a follow-up is the time it is scheduled for."""

    lead_ms = 0

    def __init__(self, *flows: FlowVersion, **more: Any) -> None:
        self.out: list[tuple[str, str, int]] = []
        super().__init__(*flows, **more)

    def command(self, run: Any, command: Any) -> None:
        lead_ms = self.lead_ms if command.type == "schedule_followup" else 0
        self.out.append((run.subject.id, run.flow_id, self.moment.wall_ms + lead_ms))
        super().command(run, command)


@settings(max_examples=200)
@given(MESSAGES, MESSAGES, MINDS, LATE, st.sampled_from([0, 0, 0.25, 1.5]))
def test_caps_and_hours_are_never_passed_and_the_sums_reconcile(
    own: dict[str, Any], house: dict[str, Any], history: list[Any], late_ms: int, lead_days: float
) -> None:
    rules = [MessageRules.model_validate(own), MessageRules.model_validate({**house, "timezone": None})]
    zone = zone_named(own.get("timezone", "UTC"))
    assert zone is not None
    limits = LimitsRecord(kind="user", id="user_001", messages=rules[1])
    driver = Sender(sender("f1", own, lead_days), limits=[limits])
    driver.lead_ms = round(lead_days * 86_400_000)
    driver.late_ms = late_ms
    for given_input in history:
        if isinstance(given_input, float):
            driver.advance(given_input)
        else:
            driver.send(opened(given_input))
    for contact, _flow, at_ms in driver.out:
        assert all(is_open([one], zone, at_ms) for one in rules)
        for cap in (cap for one in rules for cap in one.caps if cap.calendar is None):
            window_ms = cap.rolling_seconds * 1000
            assert sum(c == contact and at_ms - window_ms < t <= at_ms for c, _, t in driver.out) <= cap.most
    for cap in (cap for one in rules for cap in one.caps if cap.calendar == "day"):
        days = Counter((contact, zone.local(at_ms).date()) for contact, _, at_ms in driver.out)
        assert all(number <= cap.most for number in days.values())
    # Each message node that was reached has sent, was left out with a record, waits now, or lies behind an exit.
    steps = {(s["nodeId"], r["executionId"]): s for r in driver.feed for s in r.get("steps", ()) if s["nodeId"] != "t"}
    states = Counter(step["status"] for step in steps.values() if step.get("reason") not in {"exited", "unreached"})
    left_out = [record for record in driver.decisions if record["decision"] == "suppressed"]
    waiting = sum(len(record["waiting"]) for record in driver.executions)
    assert states == Counter({
        state: number
        for state, number in (("succeeded", len(driver.out)), ("skipped", len(left_out)), ("running", waiting))
        if number
    })  # fmt: skip


@settings(max_examples=100)
@given(MESSAGES, MINDS, st.integers(0, 15))
def test_the_same_log_gives_the_same_messages_also_over_a_restart(
    messages: dict[str, Any], history: list[Any], reopen_at: int
) -> None:
    flows = (sender("f1", messages), sender("f2", {}))

    def told(reopen: int | None) -> bytes:
        driver = FlowDriver(*flows)
        assert driver.now_ms == START_MS
        for place, given_input in enumerate(history):
            if place == reopen:
                driver = reopened(driver, *flows)
            if isinstance(given_input, float):
                driver.advance(given_input)
            else:
                driver.send(opened(given_input))
        return orjson.dumps([driver.feed, driver.commands])

    assert told(None) == told(None) == told(reopen_at)
