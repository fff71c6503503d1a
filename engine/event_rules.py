"""A rule of a flow that an event meets: its type, and what its payload must hold. For exits and goals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import Field

from engine.config_templates import ConfigTemplate, compile_config, template_faults
from engine.context import Context
from engine.events import Event
from engine.keys import Fault
from engine.listening import is_heard
from engine.nodes.fields import EventType
from engine.setting_models import Setting
from engine.types import Json


class EventRule(Setting):
    """Which event."""

    type: EventType
    match: dict[str, Json] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Listener:
    """An event rule, ready to ask."""

    type: str
    match: Mapping[str, Json]
    template: ConfigTemplate | None

    @classmethod
    def of(cls, rule: EventRule) -> Listener:
        """Compile a rule.

        Raises:
            TemplateError: a text in it is no template.
        """
        return cls(rule.type, rule.match, compile_config(rule.match))

    def wanted(self, context: Context) -> Mapping[str, Json]:
        """Return what the payload must hold, with its templates filled in.

        Raises:
            TemplateError: they cannot be rendered.
        """
        return self.match if self.template is None else self.template.render(context)

    def hears(self, event: Event, context: Context) -> bool:
        """Whether an event meets the rule.

        Raises:
            TemplateError: what it wants cannot be rendered.
        """
        return event.type == self.type and is_heard(self.type, self.wanted(context), event)


def match_faults(rule: Json, path: str) -> list[Fault]:
    """Return what is wrong with the templates of a rule as it was drawn."""
    match = rule.get("match") if isinstance(rule, dict) else None
    return [fault for _, fault in template_faults(match, f"{path}.match") if fault]
