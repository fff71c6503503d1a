"""What a shard keeps of an event's facts: the entity's own row, and what is looked up by another key.

What an event says of its entity is `facts.py`; here it goes into the row, out to the other shards where all need it,
and into the pages of a segment's members and the dates of releases, from which the clock starts flows.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine import facts, members
from engine.decisions import Decisions
from engine.events import Event, opaque_id
from engine.inputs import Moment
from engine.matching import Index
from engine.shard_tables import Row, Rows
from engine.sink import Sink, Source
from engine.slots import Slots
from engine.types import Scope, Subject


class Folding:
    """Folds events into the facts of a shard.

    Args:
        rows: of the shard.
        sink: takes what every shard has to know.
        slots: hears of the dates that flows count down to.
        decisions: tell what was not kept.
    """

    __slots__ = ("_decisions", "_rows", "_sink", "_slots")

    def __init__(self, rows: Rows, sink: Sink, slots: Slots, decisions: Decisions) -> None:
        self._rows = rows
        self._sink = sink
        self._slots = slots
        self._decisions = decisions

    def fold(
        self, key: str, row: Row, event: Event, source: Source | None, entity: Subject, index: Index, moment: Moment
    ) -> None:
        """Fold an event into the facts of an entity; its row is the caller's to put back.

        Args:
            key: of the row.
            row: of the entity.
            event: what was told.
            source: where it lies, where that is known.
            entity: whom it was told of.
            index: the published flows.
            moment: now.
        """
        folded: Row = row.setdefault("facts", {})
        is_kept = facts.fold(folded, event)
        if entity.type in facts.BROADCAST_TYPES:
            self._sink.broadcast(key, folded)
        if event.type == "segment_updated":
            is_kept &= self._note_member(event.scope, entity, event, folded.get("segments", ()))
        if not is_kept:
            self._decisions.suppress(event, source, "facts_full", moment)
        if entity.type == "release":
            self._slots.note_date(event.scope, entity, folded, index, moment)

    def _note_member(self, scope: Scope | None, contact: Subject, event: Event, segments: Sequence[str]) -> bool:
        """Keep on its page whether a contact is in a segment; return False where the page has no room."""
        segment_id = opaque_id(event.payload.get("segmentId"))
        if scope is None or segment_id is None:
            return True
        key = members.members_key(scope, segment_id, members.page_of(contact.id))
        page, is_member = self._rows.subject(key), segment_id in segments
        after = members.changed(page, contact.id, is_member=is_member)
        if after is None:
            return True
        if is_member and not members.has_room(page, contact.id):
            return False
        self._rows.put_subject(key, after)
        return True
