"""Trigger: somebody starts the flow by hand."""

from __future__ import annotations

from typing import Final

from engine.events import Event
from engine.nodes.base import Config, TriggerType


class ManualTrigger(Config):
    """Nothing to choose."""


def matches(_config: ManualTrigger, _event: Event) -> bool:
    """Match nothing: a manual start names its flow, and so needs no matching."""
    return False


NODE: Final = TriggerType(
    name="manual_trigger",
    label="Started by hand",
    help="Starts when somebody, or a program, starts this flow by name. No event starts it.",
    config=ManualTrigger,
    example={},
    matches=matches,
    subject_types=(),
    campaigns=lambda _config: frozenset(),
)
