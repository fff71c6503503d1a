"""What ends an execution before its time: the setting `exitWhen` (product.md section 2, Entry, exit, goal).

Rules are asked before every input of an execution but its start. One that cannot be answered, because its template or
condition fails, ends nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Self, cast

from pydantic import BaseModel, Field, ValidationError, model_validator

from engine.config_templates import ConfigTemplate, compile_config
from engine.context import Context
from engine.event_rules import EventRule, Listener, match_faults
from engine.events import Event
from engine.keys import Fault, did_you_mean
from engine.nodes.base import CONDITION_PORTS, ConditionType
from engine.nodes.configs import check_config
from engine.nodes.fields import RENDERED
from engine.nodes.registry import node_types
from engine.problems import one_of, shown
from engine.rendering import TemplateError
from engine.setting_models import Setting, model_faults
from engine.types import Json

MAX_RULES: Final = 50


class ConditionRule(Setting):
    """A condition node's type and config."""

    subtype: str
    config: dict[str, Json] = Field(default_factory=dict)


class ExitRule(Setting):
    """One rule: an event, or a condition."""

    event: EventRule | None = None
    condition: ConditionRule | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if (self.event is None) == (self.condition is None):
            raise ValueError("an exit rule has either an event or a condition")
        return self


@dataclass(frozen=True, slots=True)
class _Condition:
    type: ConditionType[Any]
    config: BaseModel | None
    template: ConfigTemplate | None

    def is_met(self, context: Context) -> bool:
        config = self.config
        if self.template is not None:
            config = self.type.config.model_validate(self.template.render(context), context=RENDERED)
        return self.type.decide(config, context) == "true"


@dataclass(frozen=True, slots=True)
class Exits:
    """The exit rules of a version, ready to ask."""

    rules: tuple[Listener | _Condition, ...] = ()

    @property
    def event_types(self) -> frozenset[str]:
        """The event types that rules name."""
        return frozenset(rule.type for rule in self.rules if isinstance(rule, Listener))

    @property
    def has_conditions(self) -> bool:
        """Whether any event may end an execution, since a condition may be met after it."""
        return any(isinstance(rule, _Condition) for rule in self.rules)

    def met(self, event: Event | None, context: Context) -> int | None:
        """Return the place of the first rule that ends the execution; None where it goes on.

        Args:
            event: the input, where it is an event.
            context: what the execution can read now.
        """
        return next((place for place, rule in enumerate(self.rules) if _is_met(rule, event, context)), None)


def compile_exits(settings: Mapping[str, Json]) -> Exits:
    """Compile the exit rules of a valid flow.

    Raises:
        ValueError: they are not valid.
    """
    rules = [ExitRule.model_validate(rule) for rule in settings.get("exitWhen") or ()]
    return Exits(tuple(_compile(rule) for rule in rules))


def exit_faults(value: Json, path: str) -> list[Fault]:
    """Return everything that is wrong with the setting `exitWhen`."""
    if not isinstance(value, list):
        return [(path, f"{path} is {shown(value)}, not a list of rules like [{{event: {{type: email_reply}}}}]")]
    if len(value) > MAX_RULES:
        return [(path, f"{path} has {len(value)} rules; {MAX_RULES} is the most")]
    faults: list[Fault] = []
    for place, rule in enumerate(value):
        where = f"{path}[{place}]"
        found = model_faults(ExitRule, rule, where)
        faults += found
        if isinstance(rule, dict):
            faults += match_faults(rule.get("event"), f"{where}.event")
        if not found and rule.get("condition"):
            faults += _condition_faults(rule["condition"], f"{where}.condition")
    return faults


def _condition_faults(rule: Mapping[str, Json], path: str) -> list[Fault]:
    kind = _questions().get(rule["subtype"])
    if kind is None:
        known = _questions().keys()
        where, hint = f"{path}.subtype", did_you_mean(rule["subtype"], known)
        return [(where, f"{where} is {shown(rule['subtype'])}{hint}; use one of {one_of(known)}")]
    _, faults = check_config(kind, rule.get("config", {}))
    return [(f"{path}.{where}", f"{path}.{message}") for where, message in faults]


@cache
def _questions() -> Mapping[str, ConditionType[Any]]:
    """Return the conditions that answer yes or no, at once."""
    return {
        name: kind
        for name, kind in node_types().items()
        if isinstance(kind, ConditionType) and kind.ports == CONDITION_PORTS and kind.outcomes is None
    }


def _compile(rule: ExitRule) -> Listener | _Condition:
    if rule.condition is None:
        return Listener.of(cast(EventRule, rule.event))  # exactly one of the two is there
    kind = _questions().get(rule.condition.subtype)
    if kind is None:
        raise ValueError(f"exitWhen: {rule.condition.subtype!r} is no condition")
    template = compile_config(rule.condition.config)
    return _Condition(kind, None if template else kind.config.model_validate(rule.condition.config), template)


def _is_met(rule: Listener | _Condition, event: Event | None, context: Context) -> bool:
    try:
        if isinstance(rule, Listener):
            return event is not None and rule.hears(event, context)
        return rule.is_met(context)
    except (TemplateError, ValidationError):
        return False
