"""What goes into a simulated system and what comes out: commands, moments, events to publish, answers.

Values only. Reads commands by contract.md section 3 with code of its own, so that it checks what the engine writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.wire import parse_rfc3339

Json = Any
Payload = Mapping[str, Json]


class MalformedCommandError(ValueError):
    """A record on a commands topic is no command; the message names the field and the value."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Now, and how fast time runs: people's hours pass `time_scale` times as fast as the clock's."""

    now_ms: int
    time_scale: float = 1.0

    def after(self, seconds: float) -> int:
        """Return when, in milliseconds since the epoch, this many seconds of people's time have passed."""
        return self.now_ms + round(max(0.0, seconds) * 1000 / self.time_scale)


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose an entity is: the user, and the workspace where there is one."""

    user_id: str | None
    workspace_id: str | None = None

    @property
    def metadata(self) -> dict[str, Json]:
        """Return the metadata of an event of this owner."""
        return {"userId": self.user_id, "workspaceId": self.workspace_id}


@dataclass(frozen=True, slots=True)
class Command:
    """One attempt at a command, as far as a system needs it."""

    id: str
    attempt: int
    type: str
    owner: Owner
    depth: int
    issued_at_ms: int
    origin_node: str
    """The node of the flow it comes from: flow and node id."""
    payload: Payload


@dataclass(frozen=True, slots=True)
class Publication:
    """An event that is to be published at a time; its `timestamp` is that time."""

    due_ms: int
    event: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Reaction:
    """What a system does about a command: the events it publishes, now and later, and its answer."""

    answer: Mapping[str, Json]
    publications: tuple[Publication, ...] = ()


def read_command(decoded: Json) -> Command:
    """Make a command of a decoded JSON value.

    Raises:
        MalformedCommandError: it is not of the shape of contract.md section 3.
    """
    if not isinstance(decoded, dict):
        raise MalformedCommandError(f"a command is a JSON object, this is {type(decoded).__name__}")
    cause, payload = _field(decoded, "cause", dict), _field(decoded, "payload", dict)
    issued_at = _field(decoded, "issuedAt", str)
    try:
        issued_at_ms = parse_rfc3339(issued_at)
    except ValueError as error:
        raise MalformedCommandError(f"issuedAt must be RFC 3339, it is {issued_at!r}") from error
    return Command(
        id=_field(decoded, "id", str),
        attempt=_field(decoded, "attempt", int),
        type=_field(decoded, "type", str),
        owner=Owner(decoded.get("userId"), decoded.get("workspaceId")),
        depth=_field(cause, "depth", int),
        issued_at_ms=issued_at_ms,
        origin_node=f"{_field(decoded, 'flowId', str)}/{_field(decoded, 'nodeId', str)}",
        payload=payload,
    )


def _field(holder: Mapping[str, Json], name: str, kind: type) -> Any:
    value = holder.get(name)
    if type(value) is not kind or value == "":
        raise MalformedCommandError(f"{name} must be a {kind.__name__}, it is {value!r}")
    return value
