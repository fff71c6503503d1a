"""Stories of contacts: a mail is opened, somebody new is added, tags and segments change, what is known of them too."""

from __future__ import annotations

from simulators.systems import people
from simulators.values import Publication
from simulators.world.population import campaign_id, contact_id
from simulators.world.scene import Scene

LIST_BUILDER = "list_builder"
FUSION_LAYER = "fusion_layer"

SEGMENTS = ("warm", "engaged", "press", "radio", "playlist-curators", "new-release-drip", "dormant")
TAGS = ("vip", "high-value", "warm", "curator", "radio", "press", "engaged", "playlist")
ORIGINS = ("csv_import", "website_form", "spotify_playlist", "referral", "event")
NAMES = ("Ada", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gia", "Hal", "Ida", "Jon", "Kim", "Leo", "Mia", "Noa")
ZONES = ("Europe/London", "Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Tokyo")

# A reply written outside of any campaign names none: what needs the campaign fails there.
STRAY_REPLIES = 0.3


def mail(scene: Scene) -> tuple[Publication, ...]:
    """Let somebody open a mail of a campaign, perhaps click in it and answer it."""
    number = scene.population.any_contact(scene.chance, scene.number)
    campaign = scene.population.campaign_of(number, scene.chance, scene.number)
    opened = people.Mail(
        id=scene.name("email"),
        contact_id=contact_id(number),
        campaign_id=campaign_id(campaign),
        owner=scene.population.owner(number),
        sent_at_ms=scene.now.now_ms,
        before=0,
        luck=f"story {scene.number}",
    )
    at_ms = scene.now.now_ms
    return (people.opens(opened, at_ms), *people.after_open(opened, at_ms, scene.chance, scene.now.time_scale))


def reply(scene: Scene) -> tuple[Publication, ...]:
    """Let somebody write back, days after the mail or out of the blue."""
    number = scene.population.any_contact(scene.chance, scene.number)
    campaign = campaign_id(scene.population.campaign_of(number, scene.chance, scene.number))
    return (
        scene.event(
            "email_reply", people.SOURCE, scene.population.owner(number),
            emailId=scene.name("email"), contactId=contact_id(number),
            campaignId=None if scene.happens(STRAY_REPLIES, "stray") else campaign,
            replyText=scene.pick(people.REPLIES, "text"), repliedAt=scene.time(),
        ),
    )  # fmt: skip


def added(scene: Scene) -> tuple[Publication, ...]:
    """Add somebody new."""
    # Beyond those who get mails already: numbers grow, and the owner follows from the number as everywhere.
    number = scene.population.contacts + scene.number
    name = scene.pick(NAMES, "name")
    tags = sorted({scene.pick(TAGS, "tag", i) for i in range(2)}) if scene.happens(0.6, "tagged") else []
    return (
        scene.event(
            "contact_added", LIST_BUILDER, scene.population.owner(number),
            contactId=contact_id(number), name=name, email=f"{name.lower()}.{number}@example.com",
            tags=tags, source=scene.pick(ORIGINS, "origin"),
        ),
    )  # fmt: skip


def tagged(scene: Scene) -> tuple[Publication, ...]:
    """Put a tag on somebody, or take it off."""
    number = scene.population.any_contact(scene.chance, scene.number)
    kind = "contact_tagged" if scene.happens(0.75, "on") else "contact_untagged"
    owner = scene.population.owner(number)
    return (scene.event(kind, LIST_BUILDER, owner, contactId=contact_id(number), tag=scene.pick(TAGS, "tag")),)


def moved(scene: Scene) -> tuple[Publication, ...]:
    """Move somebody into a segment, or out of it."""
    number = scene.population.any_contact(scene.chance, scene.number)
    return (
        scene.event(
            "segment_updated", LIST_BUILDER, scene.population.owner(number),
            contactId=contact_id(number), segmentId=scene.pick(SEGMENTS, "segment"),
            action="add" if scene.happens(0.75, "add") else "remove",
        ),
    )  # fmt: skip


def known(scene: Scene) -> tuple[Publication, ...]:
    """Learn something about a contact or a user."""
    number = scene.population.any_contact(scene.chance, scene.number)
    owner = scene.population.owner(number)
    if owner.user_id and scene.happens(0.15, "user"):
        entity, attributes = ("user", owner.user_id), {"name": f"Artist {owner.user_id}", "timezone": ZONES[0]}
    else:
        attributes = {"name": scene.pick(NAMES, "name"), "timezone": scene.pick(ZONES, "zone")}
        entity = ("contact", contact_id(number))
    return (
        scene.event(
            "context_updated", FUSION_LAYER, owner,
            entityType=entity[0], entityId=entity[1], attributes=attributes,
        ),
    )  # fmt: skip
