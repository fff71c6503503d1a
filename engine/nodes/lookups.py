"""Find the contact, campaign or release that a step is about, and say where it was looked for when it is not there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.context import MISSING, Context
from engine.events import opaque_id
from engine.facts import DAY_MS
from engine.nodes.base import Failed
from engine.types import Json
from engine.wire import rfc3339

CONTACT_FIELD = "event.contactId"
CAMPAIGN_FIELD = "event.campaignId"
RELEASE_FIELD = "event.releaseId"
MISSING_ID: Final = "missing_id"


def required_id(context: Context, path: str, what: str) -> str | Failed:
    """Return the id a path leads to, or the failure that names the path and what was there instead."""
    value = context.resolve(path)
    found = None if value is MISSING else opaque_id(value)
    if found:
        return found
    if value is MISSING:
        context.note_missing(path)
        return Failed(MISSING_ID, f"no {what}: {path} is missing", path)
    return Failed(MISSING_ID, f"no {what}: {path} holds {_short(value)}, which is no id", path, _plain(value))


def optional_id(context: Context, path: str) -> str | None:
    """Return the id a path leads to, or None, which is then noted."""
    found = context.resolve_id(path)
    if found is None:
        context.note_missing(path)
    return found


def contact_facts(context: Context, path: str) -> Mapping[str, Json] | None:
    """Return the facts of the contact a path names; None, noted, where there is none or it is not the subject.

    A contact's facts live with its own shard, so those of another contact can't be read (product.md section 3).
    """
    contact_id = optional_id(context, path)
    if contact_id is None:
        return None
    found = context.facts.contact(contact_id)
    if found is None:
        context.note_seen(path, {"contactId": contact_id, "readable": False, "subject": context.subject.id})
    return found


def in_days(context: Context, days: float) -> str:
    """Write the date so many days from the step's now. Dates in commands are not scaled by MAL_TIME_SCALE."""
    return rfc3339(context.now_ms + round(days * DAY_MS))


def set_only(**payload: Json) -> dict[str, Json]:
    """Return a command's payload without what is not set (contract.md section 3)."""
    return {name: value for name, value in payload.items() if value is not None}


def _short(value: Json) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _plain(value: Json) -> Json:
    return value if isinstance(value, (str, float, bool)) else _short(value)
