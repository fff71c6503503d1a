"""Fusion Layer: shows notices to users, and tells what it knows of a user whenever that changes."""

from __future__ import annotations

from collections.abc import Mapping

from engine.wire import rfc3339
from simulators.events import by_command, event_id
from simulators.systems.base import Done, text_of
from simulators.values import Command, Json, Moment, Publication

NAME = "fusion_layer"


class FusionLayer:
    """How many notices each user has."""

    name = NAME
    hears: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self._notices: dict[str, int] = {}

    def perform(self, command: Command, now: Moment) -> Done:
        """Show a user a notice."""
        user, _ = text_of(command.payload, "userId"), text_of(command.payload, "message")
        self._notices[user] = self._notices.get(user, 0) + 1
        attributes = {"notices": self._notices[user], "lastNoticeAt": rfc3339(now.now_ms)}
        payload = {"entityType": "user", "entityId": user, "attributes": attributes}
        changed = by_command("context_updated", NAME, payload, command, at_ms=now.now_ms)
        return Done({"noticeId": f"notice_{event_id('notice', command.id)[:12]}", "userId": user}, (changed,))

    def hear(self, event: Mapping[str, Json], now: Moment) -> tuple[Publication, ...]:  # noqa: ARG002 -- the port's shape
        """Hear nothing: notices are kept by what it is told to show."""
        return ()
