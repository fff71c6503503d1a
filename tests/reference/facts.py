"""What the systems said: found by reading the whole history again for each question."""

from __future__ import annotations

from typing import Any

from tests.reference.values import written

Event = dict[str, Any]
WORDS = {"email_open": "open", "email_click": "click", "email_reply": "reply"}
RELEASE = ("releaseDate", "daysUntilRelease", "releaseType", "artistName", "releaseName")
METRICS = ("openRate", "clickRate", "replyRate", "totalSent", "totalOpened", "totalClicked", "totalReplied")


class History:
    """All events that were accepted and told a fact, of each entity in their order."""

    def __init__(self) -> None:
        self.told: list[tuple[tuple[str, str], Event]] = []

    def of(self, kind: str, entity: str | None) -> list[Event]:
        return [event for about, event in self.told if about == (kind, entity)]

    def contacts(self) -> set[str]:
        """Everybody of whom something was said."""
        return {about[1] for about, _ in self.told if about[0] == "contact"}

    def engagement(self, contact: str | None, campaign: str | None) -> dict[str, Any]:
        """Of a contact for a campaign; without one, over all campaigns."""
        answer: dict[str, Any] = {}
        for kind, word in WORDS.items():
            times = [
                event["at"]
                for event in self.of("contact", contact)
                if event["type"] == kind and campaign in {None, event["payload"].get("campaignId")}
            ]
            past = {"open": "opened", "click": "clicked", "reply": "replied"}[word]
            answer[past] = bool(times)
            answer[f"{word}Count"] = len(times)
            if times:
                answer[f"last{past.title()}At"] = written(max(times))
        return answer

    def contact(self, contact: str) -> dict[str, Any]:
        """Id, name, tags and segments."""
        known: dict[str, Any] = {**self.profile("contact", contact), "id": contact, "tags": [], "segments": []}
        for event in self.of("contact", contact):
            payload = event["payload"]
            if event["type"] == "contact_added":
                known["tags"] += [tag for tag in payload.get("tags") or [] if tag not in known["tags"]]
            elif event["type"] == "contact_tagged" and payload["tag"] not in known["tags"]:
                known["tags"].append(payload["tag"])
            elif event["type"] == "contact_untagged":
                known["tags"] = [tag for tag in known["tags"] if tag != payload["tag"]]
            elif event["type"] == "segment_updated":
                known["segments"] = [one for one in known["segments"] if one != payload["segmentId"]]
                if payload["action"] == "add":
                    known["segments"].append(payload["segmentId"])
        return known

    def profile(self, kind: str, entity: str) -> dict[str, Any]:
        """What was said of a contact or user, and not taken back: nothing takes a value back, but another value."""
        known: dict[str, Any] = {}
        for event in self.of(kind, entity):
            said: dict[str, Any] = {}
            if event["type"] == "context_updated":
                said = event["payload"]["attributes"]
            elif event["type"] == "contact_added":
                said = {key: event["payload"].get(key) for key in ("name", "email", "source")}
            elif event["type"] == "release_approaching":
                said = {key: event["payload"].get(key) for key in RELEASE}
            known |= {key: value for key, value in said.items() if value is not None}
        return known

    def status(self, campaign: str | None) -> Any:
        """The status of a campaign, as it was said last."""
        said = [event["payload"].get("status") or event["payload"].get("newStatus")
                for event in self.of("campaign", campaign)]  # fmt: skip
        return next((status for status in reversed(said) if status), None)

    def metric(self, campaign: str | None, name: str) -> Any:
        """The metric of a campaign; None where nobody reports such a metric."""
        for event in reversed(self.of("campaign", campaign)):
            if name in event["payload"].get("metrics", {}):
                return event["payload"]["metrics"][name]
        return 0 if name in METRICS else None


def told_of(event: Event) -> tuple[str, str] | None:
    """Whom an event tells a fact of."""
    kind, payload = event["type"], event["payload"]
    if kind in WORDS or kind in {"contact_added", "contact_tagged", "contact_untagged", "segment_updated"}:
        return ("contact", payload["contactId"]) if "contactId" in payload else None
    if kind in {"campaign_created", "campaign_status_changed", "campaign_metrics_updated"}:
        return ("campaign", payload["campaignId"]) if "campaignId" in payload else None
    if kind == "release_approaching":
        return ("release", payload["releaseId"]) if "releaseId" in payload else None
    if kind == "context_updated":
        return payload["entityType"], payload["entityId"]
    return None
