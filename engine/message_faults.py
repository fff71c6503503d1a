"""What is wrong with the setting `messages` beyond its keys: hours that leave no moment to send in. Knows no flow."""

from __future__ import annotations

from engine.hours import next_open
from engine.keys import Fault
from engine.message_rules import MessageRules
from engine.setting_models import model_faults
from engine.types import Json
from engine.zones import UTC_ZONE


def message_faults(value: Json, path: str) -> list[Fault]:
    """Return everything that is wrong with the value of `messages`."""
    faults = model_faults(MessageRules, value, path)
    if not faults and next_open([MessageRules.model_validate(value)], UTC_ZONE, 0) is None:
        return [(path, f"{path}: quietHours leave no moment of sendWindow open, so nothing could ever be sent")]
    return faults
