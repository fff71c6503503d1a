"""Who of a shard is in a segment: pages of contact ids, beside the facts, so that nobody need look at all contacts.

A page holds the contacts whose ids begin with the same byte when hashed; so a change writes one small row.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Final

from engine.types import Json, Scope

PAGES: Final = 256

MAX_MEMBERS: Final = 16_384
"""On one page, which is four million in a shard."""
MAX_ID_CHARS: Final = 256
"""Of a contact that is kept on a page: a row must fit into its topic, whoever is in it."""

Page = dict[str, Json]


def members_key(scope: Scope, segment_id: str, page: int) -> str:
    """Return the key of a page. No subject's key begins like this."""
    return f"\x1fmembers\x1f{scope.kind[0]}{len(scope.id)}:{scope.id}{page:02x}{segment_id}"


def page_of(contact_id: str) -> int:
    """Return the page that a contact is on."""
    return blake2b(contact_id.encode("utf-8", "surrogatepass"), digest_size=1).digest()[0]


def has_room(page: Page | None, contact_id: str) -> bool:
    """Whether a contact may be added to a page that it is not on."""
    return len(contact_id) <= MAX_ID_CHARS and (not page or len(page["ids"]) < MAX_MEMBERS)


def changed(page: Page | None, contact_id: str, *, is_member: bool) -> Page | None:
    """Return a page in which a contact is, or is not; None where it was so before."""
    ids: list[str] = page["ids"] if page else []
    if (contact_id in ids) == is_member:
        return None
    return {"ids": sorted({*ids, contact_id}) if is_member else [one for one in ids if one != contact_id]}
