"""Email Engine: sends campaigns and follow-ups; the people who get them open, click and reply later."""

from __future__ import annotations

from collections.abc import Mapping

from engine.wire import parse_rfc3339
from simulators.chance import Chance
from simulators.events import event_id
from simulators.systems import people
from simulators.systems.base import CannotDoError, Done, text_of
from simulators.values import Command, Json, Moment, Publication

NAME = "email_engine"


class EmailEngine:
    """Knows who is in which segment, and how many mails of automations each contact had."""

    name = NAME
    hears = frozenset({"segment_updated"})

    def __init__(self, chance: Chance) -> None:
        self._chance = chance
        self._members: dict[str, dict[str, None]] = {}
        self._mails: dict[str, int] = {}

    def perform(self, command: Command, now: Moment) -> Done:
        """Send a campaign now, or a follow-up when it is scheduled."""
        if command.type == "send_email_campaign":
            # A mailing of its own: what one node of a flow sends is one campaign in the tracker's books.
            mailing = f"campaign_{event_id('mailing', command.origin_node)[:8]}"
            return self._send(command, mailing, now.now_ms, now)
        original = text_of(command.payload, "originalCampaignId") if "originalCampaignId" in command.payload else None
        scheduled = text_of(command.payload, "scheduleAt")
        try:
            wait_ms = parse_rfc3339(scheduled) - command.issued_at_ms
        except ValueError as error:
            raise CannotDoError(
                "invalid_payload", f"payload.scheduleAt must be RFC 3339, it is {scheduled!r}"
            ) from error
        return self._send(command, original, now.after(wait_ms / 1000), now)

    def hear(self, event: Mapping[str, Json], now: Moment) -> tuple[Publication, ...]:  # noqa: ARG002 -- the port's shape
        """Keep the members of segments, for campaigns that go to one."""
        payload = event["payload"]
        members = self._members.setdefault(str(payload.get("segmentId")), {})
        contact = str(payload.get("contactId"))
        if payload.get("action") == "remove":
            members.pop(contact, None)
        else:
            members[contact] = None
        return ()

    def _send(self, command: Command, campaign: str | None, sent_at_ms: int, now: Moment) -> Done:
        contacts = self._recipients(command)
        publications: list[Publication] = []
        for contact in contacts:
            before = self._mails.get(contact, 0)
            self._mails[contact] = before + 1
            name = event_id("mail", command.id, contact)
            mail = people.Mail(
                id=f"email_{name[:12]}",
                contact_id=contact,
                campaign_id=campaign,
                owner=command.owner,
                sent_at_ms=sent_at_ms,
                before=before,
                luck=name,
            )
            publications.extend(people.react(mail, self._chance, now.time_scale))
        return Done({"campaignId": campaign, "sent": len(contacts)}, tuple(publications))

    def _recipients(self, command: Command) -> list[str]:
        segment, contacts = command.payload.get("toSegmentId"), command.payload.get("toContactIds")
        if isinstance(segment, str) and segment:
            return list(self._members.get(segment, ()))
        if (
            isinstance(contacts, list)
            and contacts
            and all(isinstance(contact, str) and contact for contact in contacts)
        ):
            return contacts
        raise CannotDoError(
            "no_recipients", f"payload needs toSegmentId, or toContactIds with at least one id, it has {contacts!r}"
        )
