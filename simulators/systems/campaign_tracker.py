"""Campaign Tracker: counts what happens to each campaign's mails and tells the figures. It takes no commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from simulators.events import by_people
from simulators.systems.base import CannotDoError, Done
from simulators.values import Command, Json, Moment, Owner, Publication

NAME = "tracker"
REPORT_EVERY = 20
"""A campaign's figures are told with its first mail event, and then with every twentieth."""

_COUNTS = {"email_open": "opened", "email_click": "clicked", "email_reply": "replied"}


@dataclass(slots=True)
class _Campaign:
    seen: int = 0
    reached: set[str] = field(default_factory=set)
    opened: set[str] = field(default_factory=set)
    clicked: set[str] = field(default_factory=set)
    replied: set[str] = field(default_factory=set)


class CampaignTracker:
    """Counts people, not deeds: who opens a mail twice has opened it.

    Args:
        audience: how many got a campaign's first mailing. The tracker is not told of sends, so it takes this number.
    """

    name = NAME
    hears = frozenset(_COUNTS)

    def __init__(self, audience: int) -> None:
        self._audience = audience
        self._campaigns: dict[str, _Campaign] = {}

    def perform(self, command: Command, now: Moment) -> Done:  # noqa: ARG002 -- the port's shape
        """Refuse: the tracker has no commands."""
        raise CannotDoError("unknown_type", f"the Campaign Tracker takes no commands, this is {command.type}")

    def hear(self, event: Mapping[str, Json], now: Moment) -> tuple[Publication, ...]:
        """Count an open, click or reply."""
        payload, metadata = event["payload"], event.get("metadata") or {}
        campaign_id, contact = payload.get("campaignId"), payload.get("contactId")
        if not campaign_id or not contact:
            return ()
        campaign = self._campaigns.setdefault(campaign_id, _Campaign())
        getattr(campaign, _COUNTS[event["type"]]).add(contact)
        campaign.reached.add(contact)
        campaign.seen += 1
        if campaign.seen % REPORT_EVERY != 1:
            return ()
        owner = Owner(metadata.get("userId"), metadata.get("workspaceId"))
        figures = {"campaignId": campaign_id, "metrics": self._metrics(campaign)}
        words = (campaign_id, event["id"])
        return (by_people("campaign_metrics_updated", NAME, figures, owner, at_ms=now.now_ms, words=words),)

    def _metrics(self, campaign: _Campaign) -> dict[str, float]:
        sent = max(self._audience, len(campaign.reached))
        opened, clicked, replied = len(campaign.opened), len(campaign.clicked), len(campaign.replied)
        return {
            "totalSent": sent, "totalOpened": opened, "totalClicked": clicked, "totalReplied": replied,
            "openRate": round(opened / sent, 4), "clickRate": round(clicked / sent, 4),
            "replyRate": round(replied / sent, 4),
        }  # fmt: skip
