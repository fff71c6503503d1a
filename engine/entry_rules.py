"""How often a subject enters a flow: the setting `entry` (product.md section 2, Entry rules). Pure, over its entry.

An entry that a rule holds back is recorded with its reason and does not count as one, so the event may still enter
later, by a backfill, where the rule then lets it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field

from engine.context import MISSING, ROOTS, Context
from engine.entered import Entry, ReadPage, WritePage, add_mark, has_mark
from engine.json_values import is_number
from engine.seen import mark_of
from engine.setting_models import Setting, read_setting
from engine.types import Json

MAX_SECONDS: Final = 100 * 366 * 86_400
"""A hundred years, as for waits."""

ENTRY_ROOTS: Final = ROOTS - {"previousNode", "steps"}
"""What can be read before anything ran."""


def _field(path: str) -> str:
    root, *rest = path.split(".")
    if root not in ENTRY_ROOTS or not rest or not all(rest):
        raise ValueError(
            f"write a path such as event.campaignId; it starts with one of {', '.join(sorted(ENTRY_ROOTS))}"
        )
    return path


class EntryRule(Setting):
    """The setting `entry`."""

    rule: Literal["every_event", "once", "after_exit", "cooldown", "once_per"] = "every_event"
    cooldown_seconds: float = Field(default=86_400, alias="cooldownSeconds", ge=0, le=MAX_SECONDS, allow_inf_nan=False)
    field: Annotated[str, AfterValidator(_field)] = "event.campaignId"
    max_running: int | None = Field(default=None, alias="maxRunning", ge=1, le=10_000)


EVERY_EVENT: Final = EntryRule()
"""The rule of most flows, which holds nothing back."""

Held = Literal["already_entered", "cooldown", "max_running"]


def entry_rule(settings: Mapping[str, Json]) -> EntryRule:
    """Return the entry rule of a valid flow's settings, `EVERY_EVENT` itself where it holds nothing back."""
    rule = read_setting(EntryRule, settings, "entry")
    return EVERY_EVENT if rule is None or (rule.rule == "every_event" and rule.max_running is None) else rule


class Entrance:
    """The way into a flow for one event of one subject: `held_by` says what keeps it out, `note` what it leaves behind.

    Args:
        rule: of the flow.
        entry: the subject's with the flow.
        context: reads the event, and facts with the event in them.
        page: reads a page of the entry by name.
        write: writes a page.
    """

    def __init__(
        self,
        rule: EntryRule,
        entry: Entry,
        context: Context,
        page: ReadPage,
        write: WritePage,
    ) -> None:
        self._rule = rule
        self._entry = entry
        self._context = context
        self._page = page
        self._write = write
        self._value = _mark(context, rule.field) if rule.rule == "once_per" else None

    def held_by(self) -> Held | None:
        """Return why the event must not enter, or None where it may."""
        rule, entry, context = self._rule, self._entry, self._context
        if rule.rule == "once" and entry["count"]:
            return "already_entered"
        if rule.rule == "after_exit" and entry["running"]:
            return "already_entered"
        if self._value is not None and has_mark(entry, "values", self._value, self._page):
            return "already_entered"
        if rule.rule == "cooldown" and entry["count"]:
            cooldown_ms = rule.cooldown_seconds * 1000 / context.time_scale
            if context.now_ms - entry["lastMs"] < cooldown_ms:
                return "cooldown"
        if rule.max_running is not None and len(entry["running"]) >= rule.max_running:
            return "max_running"
        return None

    def note(self) -> None:
        """Note in the entry what the rule must know of this event, which enters."""
        if self._value is not None and not has_mark(self._entry, "values", self._value, self._page):
            add_mark(self._entry, "values", self._value, self._page, self._write)


def _mark(context: Context, path: str) -> str:
    """Return the mark of the value that `once_per` counts by; a missing one is null, which is a value as well."""
    value = context.resolve(path)
    return mark_of("value", json.dumps(None if value is MISSING else _plain(value), sort_keys=True))


def _plain(value: Json) -> Json:
    """Write numbers that are equal alike: 1 and 1.0 are one campaign (`json_equal`)."""
    if is_number(value):
        return int(value) if value == value // 1 else value
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
