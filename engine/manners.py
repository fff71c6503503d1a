"""Messages with manners: whether one may be sent now, is held for later, or is left out (product.md section 2).

The rules are a flow's and those of its user or workspace, together: a flow can be stricter, never laxer. They look at
the wall clock of the sending, which of a follow-up is the moment it is scheduled for. Pure: the interpreter asks before
it makes the command, and writes what is answered.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from engine.caps import History, full_until
from engine.chance import fraction
from engine.context import Context
from engine.hours import Closed, closed_by, is_open, next_open
from engine.message_rules import MessageRules, OnHeld
from engine.types import ExecutionId, FlowId, Json
from engine.wire import LAST_MS, rfc3339
from engine.zones import UTC_ZONE, Zone, zone_named

SPREAD_MS: Final = 1_800_000
"""Messages that are released together are spread over so long, each by a hash, and never beyond what is open."""

_FAR_MS: Final = LAST_MS - 400 * 86_400_000
"""No calendar is asked in the last year that can be written."""

_REASONS: Final[Mapping[str, Literal["capped", "quiet_hours"]]] = {
    "cap": "capped", "quiet_hours": "quiet_hours", "send_window": "quiet_hours",
}  # fmt: skip
_STRICTEST: Final[tuple[OnHeld, ...]] = ("exit", "skip", "defer")

WaitsFor = Literal["cap"] | Closed


@dataclass(frozen=True, slots=True)
class Letter:
    """The message that is about to be sent.

    `since_ms` is when it was held first, None where it never was; `lead_ms` how long after its command it goes out;
    `sent_now` when other messages go out that this same input made. `is_counted` says that it is tried again, and caps
    have counted it.
    """

    execution: ExecutionId
    flow_id: FlowId
    visit: int
    since_ms: int | None
    lead_ms: int
    sent_now: tuple[int, ...]
    is_counted: bool = False


@dataclass(frozen=True, slots=True)
class Deferred:
    """It is held, and asked about again then."""

    reason: Literal["capped", "quiet_hours"]
    waits_for: WaitsFor
    until_ms: int
    since_ms: int
    note: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """It is never sent; `ends` where the execution ends with it."""

    reason: Literal["capped", "quiet_hours", "expired"]
    ends: bool
    note: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Manners:
    """The rules for messages of one execution, and what its subject was sent.

    Args:
        own: the flow's rules.
        house: those of its user or workspace.
        history: reads when the subject was sent messages, where a cap asks.
    """

    own: MessageRules | None = None
    house: MessageRules | None = None
    history: Callable[[], History] = dict

    @property
    def rules(self) -> tuple[MessageRules, ...]:
        """Those that are set."""
        return tuple(rules for rules in (self.own, self.house) if rules is not None)

    def judge(self, letter: Letter, context: Context) -> Deferred | LeftOut | None:
        """Return what becomes of a message that must not be sent now; None where it may."""
        rules, lead_ms = self.rules, letter.lead_ms
        now_ms = context.wall_ms + lead_ms  # when it would go out
        if not rules or now_ms > _FAR_MS:
            return None
        since_ms = context.wall_ms if letter.since_ms is None else letter.since_ms
        # A configured duration is scaled; a message held is given up then, also where it could be sent at last.
        scale = context.time_scale
        until_ms = since_ms + lead_ms + round(min(one.expire_after_seconds for one in rules) * 1000 / scale)
        zone = self._zone(context)
        note = {"since": rfc3339(since_ms), "timezone": zone.name}
        if letter.since_ms is not None and now_ms > until_ms:
            return LeftOut("expired", ends=False, note=note)
        holding = {one: found for one in rules if (found := self._held_by(one, letter, zone, now_ms, scale))}
        if not holding:
            return None
        waits_for = min((what for what, _free_ms in holding.values()), key=_ORDER.index)
        on_held = min((one.on_held for one in holding), key=_STRICTEST.index)
        if on_held != "defer":
            return LeftOut(_REASONS[waits_for], ends=on_held == "exit", note=note)
        if now_ms >= until_ms:
            return LeftOut("expired", ends=False, note=note)
        free_ms = next_open(rules, zone, max(free_ms for _what, free_ms in holding.values()))
        if free_ms is not None and free_ms <= until_ms:
            until_ms = free_ms + self._spread(letter, context, zone, free_ms, until_ms)
        until_ms -= lead_ms
        return Deferred(_REASONS[waits_for], waits_for, until_ms, since_ms, {**note, "until": rfc3339(until_ms)})

    def _held_by(
        self, rules: MessageRules, letter: Letter, zone: Zone, now_ms: int, scale: float
    ) -> tuple[WaitsFor, int] | None:
        """Return what of one set of rules holds a message, and until when at least."""
        if rules.caps and not letter.is_counted:
            history = self.history()
            history = {**history, letter.flow_id: [*history.get(letter.flow_id, ()), *letter.sent_now]}
            full = [
                full_until(cap, letter.flow_id, history, zone, now_ms=now_ms, time_scale=scale) for cap in rules.caps
            ]
            if reached := [free_ms for free_ms in full if free_ms is not None]:
                return "cap", max(reached)
        closed = closed_by(rules, zone, now_ms)
        return None if closed is None else (closed, now_ms)

    def _spread(self, letter: Letter, context: Context, zone: Zone, free_ms: int, last_ms: int) -> int:
        """Return how long after its release a message goes out, so that not all go at once."""
        drawn = fraction("spread", letter.execution, context.node_id, letter.visit, free_ms)
        later_ms = int(SPREAD_MS / context.time_scale * drawn)
        while later_ms and (free_ms + later_ms > last_ms or not is_open(self.rules, zone, free_ms + later_ms)):
            later_ms //= 2
        return later_ms

    def _zone(self, context: Context) -> Zone:
        """Return whose clocks count: the flow's where it names a zone, else the contact's, user's, workspace's, UTC."""
        subject = context.subject
        contact = context.facts.contact(subject.id) if subject.type == "contact" else None
        user = context.facts.user(context.flow_user_id) if context.flow_user_id else {}
        names = (
            self.own.timezone if self.own else None,
            (contact or {}).get("timezone"),
            user.get("timezone"),
            self.house.timezone if self.house else None,
        )
        return next((zone for zone in map(zone_named, names) if zone is not None), UTC_ZONE)


_ORDER: Final[tuple[WaitsFor, ...]] = ("cap", "quiet_hours", "send_window")
NO_MANNERS: Final = Manners()
