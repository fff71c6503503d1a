"""What the clock starts: slots of schedules, and days before a release; a version has them while it is in force."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.reference import nodes
from tests.reference.lifecycle import Published, is_skipped
from tests.reference.values import made_id, read, written

QUARTER, DAY, LATE = 900_000, 86_400_000, 60_000
Slot = tuple[int, int, bool]
"""When it is decided, the slot itself, and whether a pause held it."""


class Clock:
    """How far the slots of each flow are done."""

    def __init__(self, shard: Any) -> None:
        self.shard = shard
        self.done: dict[str, int] = {}
        self.held: dict[str, list[int]] = {}
        self.dates: dict[str, tuple[int, int]] = {}
        """The date of each release, and since when it is known."""

    def note_date(self, release: str) -> None:
        """Keep the date of a release, where it is another than before."""
        date = read(self.shard.history.profile("release", release).get("releaseDate"))
        if date is not None and self.dates.get(release, (None, 0))[0] != date:
            self.dates[release] = date, self.shard.now

    def next(self) -> tuple[int, str] | None:
        """When the next slot is decided, and of which flow."""
        slots = [(slot[0], flow.id) for flow in self.shard.flows.values() if (slot := self.next_of(flow))]
        return min(slots, default=None)

    def next_of(self, flow: Published) -> Slot | None:
        held = self.held.get(flow.id)
        if held and flow.status == "published":
            return max(flow.since, held[0]), held[0], True
        if not flow.takes:
            return None
        found = []
        begins = sorted(flow.begins.items())
        for place, (version, begin) in enumerate(begins):
            slot = self.slot_after(flow.versions[version], max(self.done.get(flow.id, 0), begin - 1))
            if slot is not None and (place + 1 == len(begins) or slot < begins[place + 1][1]):
                found.append(slot)
        return (min(found), min(found), False) if found else None

    def slot_after(self, version: dict[str, Any], after: int) -> int | None:
        trigger = nodes.trigger_of(version)
        if trigger["subtype"] == "schedule":
            return next_match(trigger["config"]["cron"], trigger["config"].get("timezone", "UTC"), after)
        days = nodes.days_of(version)
        if days is None:
            return None
        due = [date - days * DAY for date, since in self.dates.values() if date - days * DAY >= since]
        return min((at for at in due if at > after), default=None)

    def decide(self, flow: Published) -> None:
        """Decide the next slot of a flow: a paused one holds it, and a resume decides it then."""
        slot = self.next_of(flow)
        if slot is None:
            return
        due, at, was_held = slot
        version = max((begin, number) for number, begin in flow.begins.items() if begin <= due)[1]
        if was_held:
            self.held[flow.id].pop(0)
        else:
            self.done[flow.id] = at
        if flow.status == "paused":
            self.held.setdefault(flow.id, []).append(at)
            self.tell("held", "paused", flow, version, at)
        elif why := self.not_made_up(flow.versions[version], at, was_held=was_held):
            self.tell("suppressed", why, flow, version, at)
        else:
            self.start(flow, flow.versions[version], at)

    def not_made_up(self, version: dict[str, Any], at: int, *, was_held: bool) -> str | None:
        """Why a slot starts nothing: a resume skips it, or it went by while no worker ran."""
        if was_held:
            skips = is_skipped(version["settings"].get("onResume"), self.shard.now - at, self.shard.scale)
            return "skipped_on_resume" if skips else None
        config = nodes.trigger_of(version)["config"]
        catch_up = config.get("catchUp", "last")
        if "cron" not in config or catch_up == "all" or self.shard.wall - at <= LATE:
            return None
        later = next_match(config["cron"], config.get("timezone", "UTC"), at)
        return "missed_slot" if catch_up == "none" or later <= self.shard.wall else None

    def start(self, flow: Published, version: dict[str, Any], at: int) -> None:
        config = nodes.trigger_of(version)["config"]
        if "cron" not in config:
            for release in self.releases(version, at):
                event = self.countdown(version, release, at)
                if nodes.starts(version, event):
                    self.shard.enter(flow, event, "schedule")
        elif "segmentId" not in config:
            self.shard.enter(flow, self.slot(version, at), "schedule")
        else:
            for contact in sorted(self.shard.history.contacts()):
                if config["segmentId"] in self.shard.history.contact(contact)["segments"]:
                    self.shard.enter(flow, self.slot(version, at, contact, config["segmentId"]), "schedule")

    def tell(self, decision: str, reason: str, flow: Published, number: int, at: int) -> None:
        """What becomes of a slot as a whole is told once, or once for each release."""
        version = flow.versions[number]
        events = [self.countdown(version, release, at) for release in self.releases(version, at)]
        if "cron" in nodes.trigger_of(version)["config"]:
            events = [self.slot(version, at)]
        for event in events:
            self.shard.decide(decision, reason, event, flow.id)

    def releases(self, version: dict[str, Any], at: int) -> list[str]:
        days = nodes.days_of(version) or 0
        return sorted(name for name, (date, since) in self.dates.items() if date - days * DAY == at >= since)

    # ---- the events it makes

    def slot(
        self, version: dict[str, Any], at: int, member: str | None = None, segment: str | None = None
    ) -> dict[str, Any]:
        subject = ("contact", member) if member else ("user", version["userId"])
        more = {"contactId": member, "segmentId": segment} if member else {}
        return {"id": made_id("s", version["flowId"], written(at), member), "type": "schedule", "source": "mal",
                "payload": {"slot": written(at), **more}, "metadata": {"userId": version["userId"]},
                "subject": subject, "at": at, "depth": 0}  # fmt: skip

    def countdown(self, version: dict[str, Any], release: str, at: int) -> dict[str, Any]:
        days, known = nodes.days_of(version), self.shard.history.profile("release", release)
        said = {key: known[key] for key in ("releaseDate", "releaseType", "artistName", "releaseName") if key in known}
        return {"id": made_id("r", version["flowId"], release, days), "type": "release_approaching", "source": "mal",
                "payload": {**said, "releaseId": release, "daysUntilRelease": days},
                "metadata": {"userId": version["userId"]}, "subject": ("release", release), "at": at,
                "depth": 0}  # fmt: skip


@cache
def next_match(cron: str, zone: str, after: int) -> int:
    """The first quarter of an hour after a moment that a cron line names; those of the stories lie on quarters."""
    minute, hour, _day, _month, weekday = cron.split()
    at = (after // QUARTER + 1) * QUARTER
    while True:
        local = datetime.fromtimestamp(at / 1000, ZoneInfo(zone))
        wanted = (minute, hour, weekday)
        shown = (str(local.minute), str(local.hour), local.strftime("%a").upper())
        if all(want in {"*", show} for want, show in zip(wanted, shown, strict=True)):
            return at
        at += QUARTER
