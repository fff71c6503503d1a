"""A command on the way to a TAP system (contract.md section 3): how it is written, and its shape for the description.

Which commands there are and what their payloads hold is the business of the engine's nodes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.types import Json, Origin
from engine.wire import Wire
from streams.codecs import to_json
from streams.unit import Headers


class CommandSubject(Wire):
    """Who or what a command is about."""

    type: str
    id: str


class CommandCause(Wire):
    """The event that led to a command, and how many commands lie before it."""

    event_id: str
    depth: int


class CommandRecord(Wire):
    """The value of a record on a commands topic. Each (id, attempt) appears once to a read_committed reader."""

    id: str
    type: str
    target: str
    issued_at: str
    origin: Origin
    user_id: str | None
    workspace_id: str | None
    flow_id: str
    flow_version: int
    execution_id: str
    node_id: str
    subject: CommandSubject
    attempt: int
    cause: CommandCause
    payload: dict[str, Any]


def encode_command(wire: Mapping[str, Json], trace: Headers = ()) -> tuple[bytes, bytes, Headers]:
    """Return key, value and headers of a command: keyed by its subject, a CloudEvent in binary mode.

    Args:
        wire: the command in the shape of `CommandRecord`, by its JSON names. It is not checked: this is a hot path.
        trace: the headers of the trace that it belongs to.
    """
    headers = (
        ("content-type", b"application/json"),
        ("ce_specversion", b"1.0"),
        ("ce_id", f"{wire['id']}.{wire['attempt']}".encode()),
        ("ce_type", wire["type"].encode()),
        ("ce_source", b"mal"),
        ("ce_time", wire["issuedAt"].encode()),
        *trace,
    )
    return wire["subject"]["id"].encode(), to_json(wire), headers
