"""`flow.settings`: rules of a whole flow (product.md, Settings and options). The default entry rule is built so far."""

from __future__ import annotations

from typing import Final

from engine.json_shape import json_fault
from engine.keys import Fault, choice_fault, key_faults
from engine.problems import shown
from engine.types import Json

BUILT: Final = frozenset({"entry"})
LATER: Final = frozenset({"exitWhen", "goal", "holdout", "messages", "onResume"})
ENTRY_BUILT: Final = frozenset({"rule"})
ENTRY_LATER: Final = frozenset({"cooldownSeconds", "field", "maxRunning"})
RULES_BUILT: Final = frozenset({"every_event"})
RULES_LATER: Final = frozenset({"once", "after_exit", "cooldown", "once_per"})


def setting_faults(settings: Json, path: str = "flow.settings") -> list[Fault]:
    """Return what is wrong with a flow's settings; None is the same as no settings."""
    if settings is None:
        return []
    if not isinstance(settings, dict):
        return [(path, f"{path} is {shown(settings)}, not an object")]
    if fault := json_fault(settings):
        return [(path, f"{path} {fault}")]
    faults = key_faults(settings, path, BUILT, LATER)
    if "entry" in settings:
        faults += _entry_faults(settings["entry"], f"{path}.entry")
    return faults


def _entry_faults(entry: Json, path: str) -> list[Fault]:
    if not isinstance(entry, dict):
        return [(path, f"{path} is {shown(entry)}, not an object like {{rule: every_event}}")]
    faults = key_faults(entry, path, ENTRY_BUILT, ENTRY_LATER)
    if "rule" in entry:
        faults += choice_fault(entry["rule"], f"{path}.rule", RULES_BUILT, RULES_LATER)
    return faults
