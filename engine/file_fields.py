"""The fields of `flow:` in a flow file: which there are, of what type, and which only the store sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, get_args

from pydantic import Field

from engine.flow import Flow, TriggerKind
from engine.flow_settings import SETTINGS
from engine.json_shape import json_fault
from engine.keys import did_you_mean
from engine.problems import Problem, one_of, problem, shown
from engine.types import FlowId, Json
from engine.wire import Wire

MAX_NAME_CHARS: Final = 200
MAX_DESCRIPTION_CHARS: Final = 10_000

TEXTS: Final[Mapping[str, int]] = {
    "id": MAX_NAME_CHARS, "userId": MAX_NAME_CHARS, "workspaceId": MAX_NAME_CHARS, "name": MAX_NAME_CHARS,
    "description": MAX_DESCRIPTION_CHARS, "triggerType": MAX_NAME_CHARS,
}  # fmt: skip
INFORMATION: Final[Mapping[str, type]] = {
    "isActive": bool, "status": str, "version": int, "createdAt": str, "updatedAt": str,
}  # fmt: skip
"""Keys of a flow that tell of the store it came from; a file may carry them, publishing is what changes them."""
KNOWN: Final = frozenset(str(field.alias) for field in Flow.model_fields.values())


class FileFlow(Wire):
    """What a file says of its flow."""

    id: FlowId | None = None
    user_id: str | None = None
    workspace_id: str | None = None
    name: str
    description: str | None = None
    trigger_type: TriggerKind = "event"
    settings: dict[str, Any] = Field(default_factory=dict)


def read_fields(flow: Json) -> tuple[FileFlow | None, list[Problem]]:
    """Read `flow:`; None where anything is wrong, with all that is. Settings are `validate_graph`'s to judge."""
    if flow is None:
        return None, []
    if not isinstance(flow, Mapping):
        return None, [problem("flow", f"flow is {shown(flow)}, not an object with name and userId")]
    found = [*_unknown(flow), *_texts(flow), *_information(flow)]
    if flow.get("name") is None:
        found.append(problem("flow.name", "flow.name is missing; a flow is found by its name"))
    if flow.get("userId") is None and flow.get("workspaceId") is None:
        found.append(problem("flow.userId", "flow has neither userId nor workspaceId; name whose events reach it"))
    settings = flow.get("settings")
    if found or (settings is not None and not isinstance(settings, dict)) or json_fault(settings):
        return None, found
    if flow.get("triggerType", "event") not in get_args(TriggerKind):
        return None, found
    given = {key: flow[key] for key in TEXTS if flow.get(key) is not None}
    return FileFlow.model_validate({**given, "settings": settings or {}}), found


def _unknown(flow: Mapping[str, Json]) -> list[Problem]:
    return [
        problem(
            f"flow.{str(key)[:MAX_NAME_CHARS]}",
            f"flow has the unknown key {shown(key)}{_where_it_belongs(key)}",
        )
        for key in flow
        if key not in KNOWN
    ]


def _where_it_belongs(key: Json) -> str:
    if key in SETTINGS:
        return "; it belongs under settings"
    return f"{did_you_mean(str(key), KNOWN)}; known: {one_of(KNOWN)}"


def _texts(flow: Mapping[str, Json]) -> list[Problem]:
    found: list[Problem] = []
    for key, longest in TEXTS.items():
        value = flow.get(key)
        if value is not None and (fault := _text_fault(value, longest)):
            found.append(problem(f"flow.{key}", f"flow.{key} is {shown(value)}: {fault}"))
    return found


def _text_fault(value: Json, longest: int) -> str | None:
    if not isinstance(value, str):
        return "it must be text; put it in quotes"
    if not value.strip():
        return "it is empty; fill it in or leave it out"
    if len(value) > longest:
        return f"it is longer than {longest:,} characters; shorten it"
    return f"it {fault}" if (fault := json_fault(value)) else None


def _information(flow: Mapping[str, Json]) -> list[Problem]:
    return [
        problem(f"flow.{key}", f"flow.{key} is {shown(flow[key])}, no {kind.__name__}; leave it out, the store sets it")
        for key, kind in INFORMATION.items()
        if flow.get(key) is not None and type(flow[key]) is not kind
    ]
