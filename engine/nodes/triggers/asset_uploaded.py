"""Trigger: an asset was uploaded."""

from __future__ import annotations

from typing import Final

from pydantic import Field

from engine.events import Event
from engine.nodes.base import Config, TriggerType
from engine.nodes.fields import Text, agrees


class AssetUploaded(Config):
    """Which assets."""

    asset_type: Text | None = Field(default=None, description="Only assets of this type, such as artwork.")


def matches(config: AssetUploaded, event: Event) -> bool:
    """Whether the asset is of the type that is waited for."""
    return agrees(config.asset_type, event.payload.get("assetType"))


NODE: Final = TriggerType(
    name="asset_uploaded",
    label="Asset uploaded",
    help="Starts when new material is uploaded. Where it is filed under a release, the flow is about that release.",
    config=AssetUploaded,
    example={"assetType": "artwork"},
    matches=matches,
    subject_types=("release", "asset"),
)
