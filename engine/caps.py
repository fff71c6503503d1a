"""Frequency caps: whether a subject has had as many messages as a cap allows, and when it lets the next one through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from math import ceil

from engine.message_rules import Cap
from engine.types import FlowId
from engine.zones import Zone

History = Mapping[FlowId, Sequence[int]]
"""When a subject was sent messages, by flow, in wall time; of one that is scheduled, when it will be."""


def full_until(
    cap: Cap, flow_id: FlowId, history: History, zone: Zone, *, now_ms: int, time_scale: float
) -> int | None:
    """Return when a cap that is reached lets the next message through; None where it does now.

    A window that rolls looks both ways, so that a message that is scheduled counts before it is sent.

    Args:
        cap: the cap.
        flow_id: the flow that would send, for a cap of its own.
        history: of the subject.
        zone: whose calendar counts.
        now_ms: when the next message would go out.
        time_scale: divides a window that rolls; the calendar is nobody's to scale.
    """
    lists = history.values() if cap.scope == "all" else (history.get(flow_id, ()),)
    sent = sorted(at_ms for times in lists for at_ms in times)
    if cap.calendar is None:
        window_ms = ceil(cap.rolling_seconds * 1000 / time_scale)
        counted = [at_ms for at_ms in sent if abs(now_ms - at_ms) < window_ms]
        return None if len(counted) < cap.most else counted[-cap.most] + window_ms
    start = _start_of(cap.calendar, zone.local(now_ms))
    end = _start_of_next(cap.calendar, start)
    counted = [at_ms for at_ms in sent if start <= zone.local(at_ms) < end]
    return None if len(counted) < cap.most else zone.moments_of(end)[0]


def _start_of(calendar: str, local: datetime) -> datetime:
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if calendar == "week":
        return midnight - timedelta(days=midnight.weekday())
    return midnight.replace(day=1) if calendar == "month" else midnight


def _start_of_next(calendar: str, start: datetime) -> datetime:
    if calendar == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=7 if calendar == "week" else 1)
