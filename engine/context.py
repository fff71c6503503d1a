"""What a node can read (product.md section 3): one lazily built view of event, facts, steps and time.

A context belongs to one step. What a node looked up and did not find, and the facts a condition saw, are noted in it,
so that the trail tells why a step did what it did. It knows no node type and changes nothing but its own notes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final, Protocol

from engine.events import Event, opaque_id
from engine.types import Json, Origin, Subject
from engine.wire import rfc3339


class Missing:
    """The type of `MISSING`: a value that is not there, which is not the same as null."""

    def __repr__(self) -> str:
        return "MISSING"

    def __bool__(self) -> bool:
        return False


MISSING: Final = Missing()

ROOTS: Final = frozenset({
    "event", "trigger", "metadata", "emailContext", "campaignContext", "assetContext", "releaseContext",
    "previousNode", "steps", "contact", "campaign", "release", "user", "engagement", "now",
})  # fmt: skip
"""Every root a template or a field path may start with; any other is refused at publish."""

_EVENT_CONTEXTS: Final[Mapping[str, frozenset[str]]] = {
    "emailContext": frozenset({"email_open", "email_click", "email_reply"}),
    "campaignContext": frozenset({
        "campaign_created", "campaign_status_changed", "campaign_metrics_updated", "success_fingerprint_updated",
    }),
    "assetContext": frozenset({"asset_uploaded"}),
    "releaseContext": frozenset({"release_approaching"}),
}  # fmt: skip

_ENGAGEMENT_WORDS: Final = ("opened", "clicked", "replied")
MAX_NOTED_CHARS: Final = 200
"""Of a text in a note; the trail tells what was seen, it does not keep a copy of it."""
MAX_NOTED_PATHS: Final = 100
"""Of what one step looked for in vain; the rest is not noted."""
_MAX_INDEX_DIGITS: Final = 9
"""No list of ours is longer; Python refuses to read a number of some thousand digits."""


class Facts(Protocol):
    """What the systems said last of the entities of one scope. An unknown entity is an empty mapping."""

    def contact(self, contact_id: str) -> Mapping[str, Json] | None:
        """Return id, name, email, tags, segments and attributes of a contact; None where it is not this subject."""

    def engagement(self, contact_id: str, campaign_id: str | None) -> Mapping[str, Json]:
        """Return opened, clicked, replied, openCount, clickCount, replyCount, lastOpenedAt, … (over all campaigns
        where `campaign_id` is None). What nobody recorded is false and 0, a last time is then absent.
        """

    def counts(self, contact_id: str, since_day: int) -> Mapping[str, int]:
        """Return openCount, clickCount and replyCount over all campaigns, from a day (UTC, since the epoch) on."""

    def campaign(self, campaign_id: str) -> Mapping[str, Json]:
        """Return id, name, campaignType, genre, status, metrics{name: number}, fingerprint."""

    def release(self, release_id: str) -> Mapping[str, Json]:
        """Return id, releaseDate, daysUntilRelease, releaseType, artistName, releaseName."""

    def user(self, user_id: str) -> Mapping[str, Json]:
        """Return id and attributes of a user."""


class Context:
    """One step's view of the world. `resolve` reads dotted paths; `roots` serves the template engine."""

    __slots__ = (
        "_cache", "event", "execution_tags", "facts", "flow_user_id", "node_id", "notes", "now_ms", "origin",
        "previous_output", "step_outputs", "time_scale", "wall_ms",
    )  # fmt: skip

    def __init__(
        self,
        *,
        node_id: str,
        event: Event,
        origin: Origin,
        facts: Facts,
        now_ms: int,
        wall_ms: int,
        time_scale: float,
        flow_user_id: str | None,
        step_outputs: Mapping[str, Json],
        previous_output: Json,
        execution_tags: frozenset[str],
    ) -> None:
        self.node_id = node_id
        self.event = event
        self.origin = origin
        self.facts = facts
        self.now_ms = now_ms
        self.wall_ms = wall_ms
        self.time_scale = time_scale
        self.flow_user_id = flow_user_id
        self.step_outputs = step_outputs
        self.previous_output = previous_output
        self.execution_tags = execution_tags
        self.notes: dict[str, Json] = {}
        self._cache: dict[str, Json] = {}

    @property
    def subject(self) -> Subject:
        """The subject of the event that started this execution."""
        subject = self.event.subject
        if subject is None:
            raise AssertionError("an event without a subject starts no execution")
        return subject

    def note_missing(self, path: str) -> None:
        """Note that a value was looked for and not found."""
        missing: list[str] = self.notes.setdefault("missing", [])
        if len(missing) < MAX_NOTED_PATHS and path not in missing:
            missing.append(path[:MAX_NOTED_CHARS])

    def note_seen(self, path: str, value: Json) -> None:
        """Note the value that a condition saw, cut where it is long."""
        if isinstance(value, str) and len(value) > MAX_NOTED_CHARS:
            value = f"{value[:MAX_NOTED_CHARS]}…"
        elif isinstance(value, (Mapping, list)) and len(text := str(value)) > MAX_NOTED_CHARS:
            value = f"{text[:MAX_NOTED_CHARS]}…"
        self.notes.setdefault("saw", {})[path] = value

    def resolve(self, path: str) -> Json | Missing:
        """Read a dotted path such as `event.campaignId`; list items by number. Absent is MISSING, never an error."""
        first, *rest = path.split(".")
        value: Json | Missing
        if first == "event" and rest:  # most paths: no need to build the root, with its engagement
            value = self.event.payload
            if rest[0] in _ENGAGEMENT_WORDS and rest[0] not in value:
                value = self.engagement
        else:
            value = self.root(first)
        for key in rest:
            value = _child(value, key)
            if value is MISSING:
                return MISSING
        return value

    def resolve_id(self, path: str) -> str | None:
        """Read a dotted path that should hold an id of a TAP system."""
        value = self.resolve(path)
        return None if value is MISSING else opaque_id(value)

    def root(self, name: str) -> Json | Missing:
        """Return one of `ROOTS`, built on first use."""
        if name not in self._cache:
            build = _BUILDERS.get(name)
            self._cache[name] = MISSING if build is None else build(self)
        return self._cache[name]

    @property
    def engagement(self) -> Mapping[str, Json]:
        """What this contact did with the campaign of the event; all false and 0 where the subject is no contact."""
        contact = self.subject.id if self.subject.type == "contact" else ""
        return self.facts.engagement(contact, self.campaign_id)

    @property
    def campaign_id(self) -> str | None:
        """The campaign of the event, if it names one."""
        return opaque_id(self.event.payload.get("campaignId"))

    @property
    def release_id(self) -> str | None:
        """The release of the event: payload, else metadata (contract.md section 2)."""
        return opaque_id(self.event.payload.get("releaseId")) or opaque_id(self.event.metadata.get("releaseId"))


class Roots(Mapping[str, Json]):
    """A context as a mapping of its roots, for the template engine."""

    __slots__ = ("_context",)

    def __init__(self, context: Context) -> None:
        self._context = context

    def __getitem__(self, name: str) -> Json:
        value = self._context.root(name)
        if value is MISSING:
            raise KeyError(name)
        return value

    def __iter__(self) -> Iterator[str]:
        return iter(ROOTS)

    def __len__(self) -> int:
        return len(ROOTS)


def _child(value: Json | Missing, key: str) -> Json | Missing:
    if isinstance(value, Mapping):
        return value.get(key, MISSING)
    if isinstance(value, (list, tuple)) and key.isdecimal() and len(key) <= _MAX_INDEX_DIGITS and int(key) < len(value):
        return value[int(key)]
    return MISSING


def _event_root(context: Context) -> Json:
    payload = context.event.payload
    unsaid = [word for word in _ENGAGEMENT_WORDS if word not in payload]
    if not unsaid:
        return payload
    engagement = context.engagement
    return {**payload, **{word: engagement.get(word, False) for word in unsaid}}


def _subject_contact(context: Context) -> Json:
    if context.subject.type != "contact":
        return {}
    return context.facts.contact(context.subject.id) or {}


def _event_context(name: str) -> Callable[[Context], Json]:
    def build(context: Context) -> Json:
        return context.event.payload if context.event.told_as in _EVENT_CONTEXTS[name] else {}

    return build


_BUILDERS: Final[Mapping[str, Callable[[Context], Json]]] = {
    "event": _event_root,
    "trigger": lambda c: {
        "type": c.event.type, "source": c.event.source, "timestamp": rfc3339(c.event.timestamp_ms),
    },
    "metadata": lambda c: c.event.metadata,
    "previousNode": lambda c: {"output": c.previous_output},
    "steps": lambda c: c.step_outputs,
    "contact": _subject_contact,
    "campaign": lambda c: c.facts.campaign(c.campaign_id) if c.campaign_id else {},
    "release": lambda c: c.facts.release(c.release_id) if c.release_id else {},
    "user": lambda c: c.facts.user(c.flow_user_id) if c.flow_user_id else {},
    "engagement": lambda c: c.engagement,
    "now": lambda c: rfc3339(c.now_ms),
    **{name: _event_context(name) for name in _EVENT_CONTEXTS},
}  # fmt: skip
