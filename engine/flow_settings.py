"""`flow.settings`: rules of a whole flow (product.md, Settings and options). One table says what each key may hold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from engine.entry_rules import EntryRule
from engine.exit_rules import exit_faults
from engine.goals import goal_faults
from engine.holdout import Holdout
from engine.json_shape import json_fault
from engine.keys import Fault, key_faults
from engine.message_faults import message_faults
from engine.problems import shown
from engine.resuming import OnResume
from engine.setting_models import model_faults
from engine.types import Json

SETTINGS: Final[Mapping[str, Callable[[Json, str], list[Fault]]]] = {
    "entry": partial(model_faults, EntryRule),
    "exitWhen": exit_faults,
    "goal": goal_faults,
    "holdout": partial(model_faults, Holdout),
    "messages": message_faults,
    "onResume": partial(model_faults, OnResume),
}
"""Setting → its faults, of a value and its path."""


def setting_faults(settings: Json, path: str = "flow.settings") -> list[Fault]:
    """Return what is wrong with a flow's settings; None is the same as no settings."""
    if settings is None:
        return []
    if not isinstance(settings, dict):
        return [(path, f"{path} is {shown(settings)}, not an object")]
    if fault := json_fault(settings):
        return [(path, f"{path} {fault}")]
    faults = key_faults(settings, path, SETTINGS.keys())
    for key, check in SETTINGS.items():
        if key in settings:
            faults += check(settings[key], f"{path}.{key}")
    return faults
