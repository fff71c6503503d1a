"""Whether an event is the one that a wait, an exit rule or a goal asks for."""

from __future__ import annotations

from typing import Any

from tests.reference.values import same


def hears(kind: str, match: dict[str, Any], event: dict[str, Any]) -> bool:
    """Whether an event has the type and every value; nothing wants a field without a value, ids are texts."""
    return bool(event["type"] == kind) and all(agrees(field, want, event["payload"]) for field, want in match.items())


def agrees(field: str, wanted: Any, payload: dict[str, Any]) -> bool:
    value = payload.get(field)
    if wanted in {None, ""}:
        return value in {None, ""}
    if field.endswith("Id"):
        return value not in {None, ""} and str(value) == str(wanted)
    return same(value, wanted)
