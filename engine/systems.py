"""The TAP systems as one table: what each publishes and which commands each takes (contract.md section 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class System:
    """One TAP system: its name in commands (`target`), its `source`s in events, its topics and types."""

    name: str
    sources: tuple[str, ...]
    events_topic: str
    event_types: tuple[str, ...]
    commands_topic: str | None = None
    command_types: tuple[str, ...] = ()


SYSTEMS: tuple[System, ...] = (
    System(
        name="email_engine",
        sources=("email_engine",),
        events_topic="tap.email-engine.events",
        event_types=("email_open", "email_click", "email_reply"),
        commands_topic="tap.email-engine.commands",
        command_types=("send_email_campaign", "schedule_followup"),
    ),
    System(
        name="list_builder",
        sources=("list_builder",),
        events_topic="tap.list-builder.events",
        event_types=("contact_added", "contact_tagged", "contact_untagged", "segment_updated"),
        commands_topic="tap.list-builder.commands",
        command_types=("update_segment", "tag_contact"),
    ),
    System(
        name="tracker",
        sources=("tracker",),
        events_topic="tap.campaign-tracker.events",
        event_types=("campaign_created", "campaign_status_changed", "campaign_metrics_updated"),
    ),
    System(
        name="release_planner",
        sources=("release_planner", "asset_drop"),
        events_topic="tap.release-planner.events",
        event_types=("release_approaching", "asset_uploaded"),
        commands_topic="tap.release-planner.commands",
        command_types=("create_release_task",),
    ),
    System(
        name="cmg",
        sources=("cmg",),
        events_topic="tap.cmg.events",
        event_types=("success_fingerprint_updated",),
        commands_topic="tap.cmg.commands",
        command_types=("update_cmg_node",),
    ),
    System(
        name="fusion_layer",
        sources=("fusion_layer",),
        events_topic="tap.fusion-layer.events",
        event_types=("context_updated",),
        commands_topic="tap.fusion-layer.commands",
        command_types=("notify_user",),
    ),
)

BY_EVENT_TYPE: Mapping[str, System] = MappingProxyType({t: s for s in SYSTEMS for t in s.event_types})
BY_COMMAND_TYPE: Mapping[str, System] = MappingProxyType({t: s for s in SYSTEMS for t in s.command_types})

PEOPLE_EVENT_TYPES = frozenset({"email_open", "email_click", "email_reply"})
"""Opens, clicks and replies are people's doing: their depth starts again at 0 (product.md section 2, Loops)."""
