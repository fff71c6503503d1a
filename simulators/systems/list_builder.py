"""List Builder: keeps each contact's tags and segments, and confirms every change of them with an event."""

from __future__ import annotations

from collections.abc import Mapping

from simulators.events import by_command
from simulators.systems.base import CannotDoError, Done, text_of
from simulators.values import Command, Json, Moment, Publication

NAME = "list_builder"


class ListBuilder:
    """The tags and segments of contacts. A change that changes nothing succeeds and is not announced."""

    name = NAME
    hears = frozenset({"contact_added", "contact_tagged", "contact_untagged", "segment_updated"})

    def __init__(self) -> None:
        self._tags: dict[str, set[str]] = {}
        self._segments: dict[str, set[str]] = {}

    def perform(self, command: Command, now: Moment) -> Done:
        """Tag a contact, or move it into or out of a segment."""
        contact = text_of(command.payload, "contactId")
        if command.type == "tag_contact":
            return self._tag(command, contact, now)
        return self._segment(command, contact, now)

    def _tag(self, command: Command, contact: str, now: Moment) -> Done:
        tag = text_of(command.payload, "tag")
        output = {"contactId": contact, "tag": tag, "changed": _include(self._tags, contact, tag)}
        if not output["changed"]:
            return Done(output)
        payload = {"contactId": contact, "tag": tag}
        return Done(output, (by_command("contact_tagged", NAME, payload, command, at_ms=now.now_ms),))

    def _segment(self, command: Command, contact: str, now: Moment) -> Done:
        segment, action = text_of(command.payload, "segmentId"), command.payload.get("action")
        if action not in {"add", "remove"}:
            raise CannotDoError("invalid_payload", f"payload.action must be add or remove, it is {action!r}")
        change = _include if action == "add" else _exclude
        payload = {"contactId": contact, "segmentId": segment, "action": action}
        output = {**payload, "changed": change(self._segments, contact, segment)}
        if not output["changed"]:
            return Done(output)
        return Done(output, (by_command("segment_updated", NAME, payload, command, at_ms=now.now_ms),))

    def hear(self, event: Mapping[str, Json], now: Moment) -> tuple[Publication, ...]:  # noqa: ARG002 -- the port's shape
        """Keep up with what people do in the lists themselves; what commands did is in the books already."""
        if (event.get("metadata") or {}).get("causedBy"):
            return ()
        payload = event["payload"]
        contact = str(payload.get("contactId"))
        match event["type"]:
            case "contact_added":
                self._tags.setdefault(contact, set()).update(payload.get("tags") or ())
            case "contact_tagged":
                _include(self._tags, contact, payload.get("tag"))
            case "contact_untagged":
                _exclude(self._tags, contact, payload.get("tag"))
            case "segment_updated":
                change = _exclude if payload.get("action") == "remove" else _include
                change(self._segments, contact, payload.get("segmentId"))
            case _:
                pass
        return ()


def _include(members: dict[str, set[str]], contact: str, item: str) -> bool:
    items = members.setdefault(contact, set())
    changed = item not in items
    items.add(item)
    return changed


def _exclude(members: dict[str, set[str]], contact: str, item: str) -> bool:
    items = members.setdefault(contact, set())
    changed = item in items
    items.discard(item)
    return changed
