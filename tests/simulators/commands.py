"""Commands in a line, for tests of the simulators."""

from __future__ import annotations

from typing import Any

from simulators.values import Command, Moment, Owner

NOW = Moment(1_790_000_000_000)
OWNER = Owner("user_001", None)
PAYLOADS: dict[str, dict[str, Any]] = {
    "send_email_campaign": {"subject": "s", "body": "b", "fromEmail": "f", "toContactIds": ["contact_1", "contact_2"]},
    "schedule_followup": {
        "subject": "s", "body": "b", "fromEmail": "f", "scheduleAt": "2026-09-23T14:13:20Z",
        "originalCampaignId": "campaign_1", "toContactIds": ["contact_1"],
    },
    "update_segment": {"contactId": "contact_1", "segmentId": "warm", "action": "add"},
    "tag_contact": {"contactId": "contact_1", "tag": "vip"},
    "create_release_task": {"releaseId": "release_1", "title": "Artwork", "dueDate": "2026-10-01"},
    "notify_user": {"userId": "user_001", "message": "hello", "notificationType": "info"},
    "update_cmg_node": {"outcome": "playlisted", "logType": "success", "campaignId": "campaign_1"},
}  # fmt: skip
"""One that is done, of each type of command."""


def wire(kind: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Write a command as the engine does (contract.md section 3)."""
    return {
        "id": "command-1", "type": kind, "target": "some_system", "issuedAt": "2026-09-21T14:13:20Z", "origin": "live",
        "userId": "user_001", "workspaceId": None, "flowId": "flow-1", "flowVersion": 1, "executionId": "x-1",
        "nodeId": "node-1", "subject": {"type": "contact", "id": "contact_1"}, "attempt": 1,
        "cause": {"eventId": "event-1", "depth": 3}, "payload": payload,
    }  # fmt: skip


def command(kind: str, payload: dict[str, Any], *, identity: str = "command-1", attempt: int = 1) -> Command:
    """Make an attempt at a command of user_001, of depth 3."""
    return Command(identity, attempt, kind, OWNER, 3, NOW.now_ms, "flow-1/node-1", payload)
