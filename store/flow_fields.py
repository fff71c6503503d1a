"""The fields of a flow that callers may set, and those they may change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic import Field

from engine.flow import Flow, TriggerKind
from engine.json_values import json_equal
from engine.problems import one_of, shown
from engine.types import FlowId, Json
from engine.wire import Wire
from store.errors import InvalidInputError
from store.shapes import read_model

MAX_NAME_CHARS: Final = 200
CHANGEABLE: Final = frozenset({"name", "description", "trigger_type", "settings"})


class NewFlow(Wire):
    """What a new flow can be given."""

    id: FlowId | None = None
    user_id: str | None = Field(default=None, min_length=1, max_length=MAX_NAME_CHARS)
    workspace_id: str | None = Field(default=None, min_length=1, max_length=MAX_NAME_CHARS)
    name: str = Field(min_length=1, max_length=MAX_NAME_CHARS)
    description: str | None = None
    trigger_type: TriggerKind = "event"
    settings: dict[str, Any] = Field(default_factory=dict)
    is_active: bool = False

    def check(self) -> None:
        """Refuse a flow that nothing could reach, or that is to run without nodes.

        Raises:
            InvalidInputError: see there.
        """
        if self.user_id is None and self.workspace_id is None:
            raise InvalidInputError(
                f"the flow {self.name!r} has neither userId nor workspaceId; events reach it by one"
            )
        if self.is_active:
            raise InvalidInputError(f"the flow {self.name!r} has no nodes yet; create it, then publish it")


class _Changed(Wire):
    name: str = Field(default="", min_length=1, max_length=MAX_NAME_CHARS)
    description: str | None = None
    trigger_type: TriggerKind = "event"
    settings: dict[str, Any] = Field(default_factory=dict)
    is_active: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """Fields that become something else, and whether the flow is to be published."""

    values: Mapping[str, Json] = field(default_factory=dict)
    activate: bool = False
    deactivate: bool = False


def changed_fields(flow: Flow, given: Mapping[str, Any]) -> Change:
    """Read what is to be changed of a flow.

    Raises:
        InvalidInputError: a field is unknown, of the wrong type, or not to be changed.
    """
    names = {str(model_field.alias): name for name, model_field in Flow.model_fields.items()}
    asked: dict[str, Json] = {}
    for key, value in given.items():
        name = names.get(key, key)
        if name in CHANGEABLE or name == "is_active":
            asked[name] = value
        elif name not in Flow.model_fields:
            raise InvalidInputError(f"a flow has no {shown(key)}; it has {one_of(names)}")
        elif getattr(flow, name) != value:
            raise InvalidInputError(f"{key} of a flow cannot be changed (it is {shown(getattr(flow, name))})")
    read = read_model(_Changed, asked, what="flow")
    values = {name: getattr(read, name) for name in asked if name != "is_active"}
    values = {name: value for name, value in values.items() if not json_equal(getattr(flow, name), value)}
    deactivate = flow.is_active and "is_active" in asked and not read.is_active
    return Change(values, activate=read.is_active, deactivate=deactivate)
