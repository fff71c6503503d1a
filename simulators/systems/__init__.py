"""The six TAP systems as pure state machines, one file each."""

from __future__ import annotations

from simulators.chance import Chance
from simulators.systems.base import TapSystem
from simulators.systems.campaign_tracker import CampaignTracker
from simulators.systems.cmg import Cmg
from simulators.systems.email_engine import EmailEngine
from simulators.systems.fusion_layer import FusionLayer
from simulators.systems.list_builder import ListBuilder
from simulators.systems.release_planner import ReleasePlanner

__all__ = ["TapSystem", "all_systems"]


def all_systems(chance: Chance, audience: int) -> tuple[TapSystem, ...]:
    """Return the six systems, new.

    Args:
        chance: the dice of the people around them.
        audience: how many contacts a campaign's first mailing reaches, for the tracker's rates.
    """
    return (
        EmailEngine(chance),
        ListBuilder(),
        CampaignTracker(audience),
        ReleasePlanner(chance),
        Cmg(),
        FusionLayer(),
    )
