"""What a node type is made of: its Config, its NODE record, and what its function may answer.

A trigger only matches, a condition names a port, an action returns an outcome; so none of them can forget the trail
or emit on its own. This module knows no node type and nothing of waves or waits beyond their names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Generic, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from engine.context import Context
from engine.events import Event
from engine.types import FlowId, Json

CONDITION_PORTS: Final = ("true", "false")
OUT: Final = "out"
"""The port of a trigger, and of an action that did its work."""
ERROR: Final = "error"
"""The port of a failed step, on any node type; only edges labelled `error` leave it."""
EVENT: Final = "event"
TIMEOUT: Final = "timeout"
"""The ports of a wait for an event."""


class Config(BaseModel):
    """Base of every node's config: frozen, camelCase keys, unknown keys refused. Give each field a description."""

    model_config = ConfigDict(
        alias_generator=to_camel, validate_by_name=True, validate_by_alias=True, frozen=True, extra="forbid",
        # A config says what it means: "5" is no number and 1 is no boolean.
        strict=True,
    )  # fmt: skip

    @classmethod
    def conflict(cls, given: Mapping[str, Json]) -> str | None:
        """Say what is wrong with keys that are fine one by one, or return None.

        Args:
            given: the values that are set, by field name. At publish a templated value is there as its text.
        """
        del given
        return None

    @model_validator(mode="after")
    def _keys_go_together(self) -> Self:
        if wrong := self.conflict({name: getattr(self, name) for name in self.model_fields_set}):
            raise ValueError(wrong)
        return self


@dataclass(frozen=True, slots=True)
class Order:
    """A command that an action asks for; the interpreter gives it id, cause and attempt.

    `contacts` is how many contacts it addresses, for the limit on contact actions (a segment send counts 1). `lead_ms`
    is how long after the command a message goes out, where the other system waits.
    """

    type: str
    payload: Mapping[str, Json]
    contacts: int = 0
    lead_ms: int = 0


@dataclass(frozen=True, slots=True)
class SubFlowOrder:
    """A flow that an action starts: its version (None: the one in force then), and whether its end is awaited."""

    flow_id: FlowId
    version: int | None = None
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """The action did its work: its output, the commands it asks for, tags it gave the subject, a flow it starts."""

    output: Mapping[str, Json] = field(default_factory=dict)
    orders: tuple[Order, ...] = ()
    tags: frozenset[str] = frozenset()
    runs: SubFlowOrder | None = None


@dataclass(frozen=True, slots=True)
class Wait:
    """The action takes time. Give `seconds` (a configured duration, scaled by MAL_TIME_SCALE) or `until_ms` (a date).

    When it is over the node's `wake` is asked, or the node is done where it has none.
    """

    reason: Literal["delay", "answer"]
    seconds: float | None = None
    until_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The step failed: a stable code, a sentence for people, and the field and value it is about."""

    code: str
    message: str
    field: str | None = None
    value: Json = None


@dataclass(frozen=True, slots=True)
class Listen:
    """The branch waits for an event of its subject that matches, `seconds` at most (scaled by MAL_TIME_SCALE).

    It leaves by the port `event`, or by `timeout` when the time is over.
    """

    type: str
    match: Mapping[str, Json]
    seconds: float


ActionOutcome = Done | Wait | Failed
C = TypeVar("C", bound=Config)

Errors = Mapping[str, str]
"""Code → when a step fails with it, as a sentence for people."""
ANY_ERRORS: Final[Errors] = MappingProxyType({
    "bad_config": "A template gave a key a value that it cannot have.",
    "template": "A template cannot be rendered, or would make too much.",
    "state_too_large": "The execution would keep more than 8 MiB: its event, outputs, waits and tags together.",
})  # fmt: skip
"""What any condition or action can fail with."""
COMMAND_ERRORS: Final[Errors] = MappingProxyType({
    "command_too_large": "The command would be larger than 512 KiB.",
    "command_failed": "With `awaitResult`: the system has failed to do it, as often as it is tried.",
    "answer_timeout": "With `awaitResult`: no answer came in time.",
})  # fmt: skip
"""What any action that makes a command can fail with, beside those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerType(Generic[C]):
    """A trigger: which events of its type start an execution."""

    name: str
    label: str
    help: str
    config: type[C]
    example: Mapping[str, Any]
    matches: Callable[[C, Event], bool]
    subject_types: tuple[str, ...]
    """The kinds of subject its events can have; () where any can."""
    campaigns: Callable[[C], frozenset[str] | None] = lambda _config: None
    """The only campaigns it can match, for the index; None where any can."""
    warn: Callable[[C], str | None] = lambda _config: None
    """A warning for a valid config that cannot do what it looks like."""

    kind: Literal["trigger"] = "trigger"
    ports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionType(Generic[C]):
    """A condition: names the port its branch leaves by, or what it waits for before it can."""

    name: str
    label: str
    help: str
    config: type[C]
    example: Mapping[str, Any]
    decide: Callable[[C, Context], str | Listen | Failed]
    waits: Callable[[C], bool] = lambda _config: False
    """Whether this config takes time, so that it may close a cycle."""
    hears: Callable[[Mapping[str, Json]], str | None] = lambda _config: None
    """The event type that a config as it was drawn waits for; None where it waits for none."""
    warn: Callable[[C], str | None] = lambda _config: None

    kind: Literal["condition"] = "condition"
    ports: tuple[str, ...] = CONDITION_PORTS
    outcomes: Callable[[Mapping[str, Json]], tuple[str, ...]] | None = None
    """The ports that a config names, as it was drawn; None where every config has `ports`."""
    errors: Errors = field(default_factory=dict)
    """What its step can fail with, beside `ANY_ERRORS`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionType(Generic[C]):
    """An action: does its work in `act`, or waits there and does it in `wake`."""

    name: str
    label: str
    help: str
    config: type[C]
    example: Mapping[str, Any]
    act: Callable[[C, Context], ActionOutcome]
    wake: Callable[[C, Context], Done | Failed] | None = None
    command: str | None = None
    """The command type it makes, if any."""
    message: bool = False
    """Whether its command is a message, which the setting `messages` may hold back; `wake` then makes it later."""
    segment_key: str | None = None
    """The key of its config that addresses a whole segment, if any."""
    counts: bool = True
    """Whether it counts as an action, for limits and for the status `failed`; only delay does not."""
    waits: Callable[[C], bool] = lambda _config: False
    """Whether this config takes time, so that it may close a cycle."""
    runs: Callable[[Mapping[str, Json]], SubFlowOrder | None] = lambda _config: None
    """The flow of which a config, as it was drawn, needs one certain version; None where it needs none."""
    warn: Callable[[C], str | None] = lambda _config: None
    errors: Errors = field(default_factory=dict)
    """What its step can fail with, beside `ANY_ERRORS` and, where it makes a command, `COMMAND_ERRORS`."""

    kind: Literal["action"] = "action"
    ports: tuple[str, ...] = ()


NodeType = TriggerType[Any] | ConditionType[Any] | ActionType[Any]
