"""Makes events of contract.md section 2: what systems publish as the work of a command, and what people do later."""

from __future__ import annotations

from uuid import UUID, uuid5

from engine.wire import rfc3339
from simulators.values import Command, Json, Owner, Payload, Publication

NAMESPACE = UUID("3f0e3c43-7a51-5d0e-8f4b-0c9b8f0a1d55")


def event_id(*words: str | int) -> str:
    """Return the id of an event, made of what names it: done again, the same event has the same id."""
    return str(uuid5(NAMESPACE, "/".join(str(word) for word in words)))


def by_people(
    kind: str, source: str, payload: Payload, owner: Owner, *, at_ms: int, words: tuple[str | int, ...]
) -> Publication:
    """Make an event that nobody's command did: it carries neither `causedBy` nor `depth`.

    Args:
        kind: the event's type.
        source: the system that publishes it.
        payload: its payload; a field that is None is left out.
        owner: whose it is.
        at_ms: when it happens.
        words: what names it, for its id.
    """
    return Publication(at_ms, _event(kind, source, payload, owner.metadata, at_ms, event_id(kind, *words)))


def by_command(kind: str, source: str, payload: Payload, command: Command, *, at_ms: int) -> Publication:
    """Make an event that is the direct work of a command: it names the command and copies its depth and owner."""
    metadata = {**command.owner.metadata, "causedBy": command.id, "depth": command.depth}
    return Publication(at_ms, _event(kind, source, payload, metadata, at_ms, event_id(kind, command.id)))


def _event(
    kind: str, source: str, payload: Payload, metadata: dict[str, Json], at_ms: int, identity: str
) -> dict[str, Json]:
    return {
        "id": identity,
        "type": kind,
        "source": source,
        "timestamp": rfc3339(at_ms),
        "payload": {key: value for key, value in payload.items() if value is not None},
        "metadata": metadata,
    }
