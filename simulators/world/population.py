"""Who and what there is: owners, their contacts, campaigns and releases. Made of numbers, so nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulators.chance import Chance, Word
from simulators.values import Owner

DEFAULT_OWNERS = (Owner("user_001"), Owner("user_002"), Owner("user_003", "workspace_001"))
"""Every owner has an equal part of everything; only flows of the same scope hear of it."""

CONTACTS_PER_CAMPAIGN = 40
CONTACTS_PER_RELEASE = 60


@dataclass(frozen=True, slots=True)
class Population:
    """Owners and how many contacts, campaigns and releases they have together; at least one each.

    Entity number i belongs to owner i modulo the owners, so that a contact gets campaigns of its own owner only.
    """

    owners: Sequence[Owner] = DEFAULT_OWNERS
    contacts: int = 1500

    def __post_init__(self) -> None:
        if not self.owners:
            raise ValueError("a population needs at least one owner")
        if self.contacts < len(self.owners):
            raise ValueError(f"{len(self.owners)} owners need at least as many contacts, there are {self.contacts}")

    @property
    def campaigns(self) -> int:
        """Return how many campaigns there are, a multiple of the owners."""
        return self._share(CONTACTS_PER_CAMPAIGN)

    @property
    def releases(self) -> int:
        """Return how many releases there are, a multiple of the owners."""
        return self._share(CONTACTS_PER_RELEASE)

    @property
    def audience(self) -> int:
        """Return how many contacts a campaign's first mailing reaches."""
        return max(1, self.contacts // len(self.owners) // 4)

    def owner(self, number: int) -> Owner:
        """Return whose entity this is."""
        return self.owners[number % len(self.owners)]

    def any_contact(self, chance: Chance, *words: Word) -> int:
        """Return the number of a contact."""
        return int(chance.unit("contact", *words) * self.contacts)

    def campaign_of(self, contact: int, chance: Chance, *words: Word) -> int:
        """Return the number of a campaign that belongs to the owner of this contact."""
        return self._like(contact, self.campaigns, chance.unit("campaign", *words))

    def any_campaign(self, chance: Chance, *words: Word) -> int:
        """Return the number of a campaign."""
        return int(chance.unit("campaign", *words) * self.campaigns)

    def any_release(self, chance: Chance, *words: Word) -> int:
        """Return the number of a release."""
        return int(chance.unit("release", *words) * self.releases)

    def _share(self, contacts_each: int) -> int:
        return len(self.owners) * max(1, self.contacts // contacts_each // len(self.owners))

    def _like(self, number: int, count: int, unit: float) -> int:
        owners = len(self.owners)
        return number % owners + owners * int(unit * (count // owners))


def contact_id(number: int) -> str:
    """Return the id of a contact."""
    return f"contact_{number:05d}"


def campaign_id(number: int) -> str:
    """Return the id of a campaign."""
    return f"campaign_{number:03d}"


def release_id(number: int) -> str:
    """Return the id of a release."""
    return f"release_{number:03d}"
