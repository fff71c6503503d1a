"""Messages: caps, quiet hours and send windows, in the contact's own time zone, quarter by quarter."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.reference.chance import fraction

Rules = dict[str, Any]
Sent = list[tuple[str, int]]
"""Of one subject: by which flow, and when in wall time."""
QUARTER, DAY = 900_000, 86_400_000
SPREAD = 1_800_000
DAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
REASONS = {"cap": "capped", "quiet_hours": "quiet_hours", "send_window": "quiet_hours"}


def judge(rules: list[Rules], letter: dict[str, Any], clocks: dict[str, Any], sent: Sent) -> dict[str, Any] | None:
    """What becomes of a message that must not be sent now; None where it may.

    Args:
        rules: the flow's, and those of its user or workspace.
        letter: its flow, since when it is held, how long after its command it goes out, what its spread hangs on.
        clocks: the wall clock, the scale, and the zone that counts.
        sent: what its subject was sent.
    """
    wall, scale, zone, lead = clocks["wall"], clocks["scale"], clocks["zone"], letter["lead"]
    goes_out = wall + lead
    is_held = letter["since"] is not None
    since = letter["since"] if is_held else wall
    gives_up = since + lead + round(min(one.get("expireAfterSeconds", 259_200) for one in rules) * 1000 / scale)
    if is_held and goes_out > gives_up:
        return {"reason": "expired", "for": None, "ends": False}
    if letter.get("is_counted"):  # tried again: caps have counted it
        rules = [{**one, "caps": []} for one in rules]
    holding = [(one, *found) for one in rules if (found := holds(one, letter["flow"], sent, zone, goes_out, scale))]
    if not holding:
        return None
    what = next(what for what in REASONS if what in {found for _, found, _ in holding})
    wishes = {one.get("onHeld", "defer") for one, _, _ in holding}
    if wishes != {"defer"}:
        return {"reason": REASONS[what], "for": None, "ends": "exit" in wishes}
    if goes_out >= gives_up:
        return {"reason": "expired", "for": None, "ends": False}
    free = next_open(rules, zone, max(at for _, _, at in holding))
    until = gives_up
    if free is not None and free <= gives_up:
        later = int(SPREAD / scale * fraction("spread", *letter["spread"], free))
        while later and (free + later > gives_up or not is_open(rules, zone, free + later)):
            later //= 2
        until = free + later
    return {"reason": REASONS[what], "for": what, "until": until - lead}


def holds(rules: Rules, flow: str, sent: Sent, zone: str, at: int, scale: float) -> tuple[str, int] | None:
    """What of one set of rules holds a message, and until when at least."""
    full = [until for cap in rules.get("caps", ()) if (until := full_until(cap, flow, sent, zone, at, scale))]
    if full:
        return "cap", max(full)
    closed = closed_by(rules, zone, at)
    return (closed, at) if closed else None


def full_until(cap: dict[str, Any], flow: str, sent: Sent, zone: str, at: int, scale: float) -> int | None:
    """When a cap that is reached lets the next message through; one that is scheduled counts before it is sent."""
    times = sorted(when for by, when in sent if cap.get("scope", "flow") == "all" or by == flow)
    most: int = cap.get("max", 3)
    if "calendar" not in cap:
        window = round(cap.get("windowSeconds", 604_800) * 1000 / scale)
        times = [when for when in times if abs(at - when) < window]
        return times[-most] + window if len(times) >= most else None
    day = local(at, zone).date()
    first = {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[cap["calendar"]]
    days = {"day": 1, "week": 7, "month": (first.replace(day=28) + timedelta(days=4)).replace(day=1).toordinal()
            - first.toordinal()}[cap["calendar"]]  # fmt: skip
    after = first + timedelta(days=days)
    if sum(first <= local(when, zone).date() < after for when in times) < most:
        return None
    return round(datetime(after.year, after.month, after.day, tzinfo=ZoneInfo(zone)).timestamp() * 1000)


def is_open(rules: list[Rules], zone: str, at: int) -> bool:
    return all(closed_by(one, zone, at) is None for one in rules)


def closed_by(rules: Rules, zone: str, at: int) -> str | None:
    """Whether the clocks there show quiet hours, or no open window."""
    now = local(at, zone)
    clock, day, day_before = now.strftime("%H:%M"), DAYS[now.weekday()], DAYS[now.weekday() - 1]
    if quiet := rules.get("quietHours"):
        start, end = quiet.get("from", "21:00"), quiet.get("to", "08:00")
        if start <= clock < end or (end < start and (clock >= start or clock < end)):
            return "quiet_hours"
    if window := rules.get("sendWindow"):
        start, end, days = window.get("from", "09:00"), window.get("to", "17:00"), window.get("weekdays", DAYS[:5])
        if start < end:
            inside = day in days and start <= clock < end
        else:  # over midnight: it belongs to the day on which it begins
            inside = (day in days and clock >= start) or (day_before in days and clock < end)
        if not inside:
            return "send_window"
    return None


def next_open(rules: list[Rules], zone: str, at: int) -> int | None:
    """The first open moment: hours and zones change on the quarter here, and a window opens once a week at least."""
    if is_open(rules, zone, at):
        return at
    first = (at // QUARTER + 1) * QUARTER
    return next((now for now in range(first, first + 9 * DAY, QUARTER) if is_open(rules, zone, now)), None)


def local(at: int, zone: str) -> datetime:
    return datetime.fromtimestamp(at / 1000, ZoneInfo(zone))
