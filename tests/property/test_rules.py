"""Whatever rules for messages there are: caps and hours are never passed, and the sums are right.

That they are kept as they should be is shown by the reference (`test_reference.py`); here what must never happen.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.flow import FlowVersion, LimitsRecord
from engine.hours import is_open
from engine.message_rules import MessageRules
from engine.zones import zone_named
from tests.support.driver import FlowDriver
from tests.support.flows import opened, version

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
