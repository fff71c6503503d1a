"""Stories of releases: the date comes nearer, day by day; material is uploaded, or only half of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from simulators.systems.release_planner import ASSET_DROP, ASSETS, NAME
from simulators.values import Publication
from simulators.world.population import release_id
from simulators.world.scene import Scene

DAY = 86_400.0
COUNTDOWN = (30, 14, 7, 3, 1, 0)
KINDS = ("single", "ep", "album")

# Of one hundred: releases planned without an id yet, and uploads that nobody filed under a release.
UNFILED_RELEASES = 0.15
UNFILED_ASSETS = 0.35


def countdown(scene: Scene) -> tuple[Publication, ...]:
    """Count down to a release, from a day that is 30, 14 or 7 days before."""
    number = scene.population.any_release(scene.chance, scene.number)
    first = scene.pick(COUNTDOWN[:3], "first")
    day = datetime.fromtimestamp(scene.now.now_ms / 1000, UTC) + timedelta(days=first)
    release = None if scene.happens(UNFILED_RELEASES, "unfiled") else release_id(number)
    return tuple(
        scene.event(
            "release_approaching", NAME, scene.population.owner(number), (first - left) * DAY,
            releaseId=release, releaseDate=day.date().isoformat(), daysUntilRelease=left,
            releaseType=scene.pick(KINDS, "kind"), artistName=f"Artist {number}", releaseName=f"Release {number}",
        )
        for left in COUNTDOWN
        if left <= first
    )  # fmt: skip


def uploaded(scene: Scene) -> tuple[Publication, ...]:
    """Upload an asset."""
    number = scene.population.any_release(scene.chance, scene.number)
    owner = scene.population.owner(number)
    kind, name = scene.pick(ASSETS, "asset")
    return (
        scene.event(
            "asset_uploaded", ASSET_DROP, owner,
            assetId=scene.name("asset"), userId=owner.user_id, assetType=kind, fileName=name, uploadedAt=scene.time(),
            releaseId=None if scene.happens(UNFILED_ASSETS, "unfiled") else release_id(number),
        ),
    )  # fmt: skip
