"""Stories of campaigns: launched, moved on, and what CMG learns from them."""

from __future__ import annotations

from simulators.values import Publication
from simulators.world.population import campaign_id, contact_id
from simulators.world.scene import Scene

TRACKER = "tracker"
CMG = "cmg"

KINDS = ("single", "album", "playlist", "radio")
GENRES = ("house", "indie", "jazz", "hip-hop", "techno")
STATUSES = ("draft", "scheduled", "active", "completed", "playlisted")


def created(scene: Scene) -> tuple[Publication, ...]:
    """Create a campaign, as a draft."""
    number = scene.population.any_campaign(scene.chance, scene.number)
    kind, genre = scene.pick(KINDS, "kind"), scene.pick(GENRES, "genre")
    return (
        scene.event(
            "campaign_created", TRACKER, scene.population.owner(number),
            campaignId=campaign_id(number), name=f"{genre} {kind} {number}", campaignType=kind, genre=genre,
            status="draft",
        ),
    )  # fmt: skip


def moved_on(scene: Scene) -> tuple[Publication, ...]:
    """Move a campaign to its next status; at times it is a contact's doing, who then is the subject."""
    contact = scene.population.any_contact(scene.chance, scene.number)
    campaign = scene.population.campaign_of(contact, scene.chance, scene.number)
    step = 1 + int(scene.chance.unit("step", scene.number) * (len(STATUSES) - 1))
    return (
        scene.event(
            "campaign_status_changed", TRACKER, scene.population.owner(campaign),
            campaignId=campaign_id(campaign), oldStatus=STATUSES[step - 1], newStatus=STATUSES[step],
            changedAt=scene.time(), contactId=contact_id(contact) if scene.happens(0.6, "contact") else None,
        ),
    )  # fmt: skip


def learned(scene: Scene) -> tuple[Publication, ...]:
    """Let CMG find what a campaign's successes have in common."""
    number = scene.population.any_campaign(scene.chance, scene.number)
    fingerprint = {"genre": scene.pick(GENRES, "genre"), "score": round(scene.chance.unit("score", scene.number), 4)}
    owner = scene.population.owner(number)
    event = scene.event(
        "success_fingerprint_updated", CMG, owner, campaignId=campaign_id(number), fingerprint=fingerprint
    )
    return (event,)
