"""Whether what a flow listens for can reach its executions: events of the kind of subject that its trigger has.

An execution is about one subject, and hears only that one's events (product.md section 1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from engine.config_templates import is_template
from engine.drawing import Graph
from engine.node_checks import CheckedNode
from engine.nodes.base import ConditionType, TriggerType
from engine.problems import Problem, one_of, problem, shown
from engine.types import Json

SUBJECT_KINDS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys(
        ("email_open", "email_click", "email_reply", "contact_added", "contact_tagged", "contact_untagged",
         "segment_updated"),
        frozenset({"contact"}),
    ),
    **dict.fromkeys(
        ("campaign_created", "campaign_metrics_updated", "success_fingerprint_updated"), frozenset({"campaign"})
    ),
    "campaign_status_changed": frozenset({"contact", "campaign"}),
    "asset_uploaded": frozenset({"release", "asset"}),
    "release_approaching": frozenset({"release"}),
    "context_updated": frozenset({"contact", "campaign", "release", "user"}),
}  # fmt: skip
"""The kinds of subject that the events of a type can have (contract.md section 2)."""


def listening_errors(graph: Graph, checked: Mapping[str, CheckedNode], settings: Json) -> list[Problem]:
    """Return the waits, exits and goals on events that no execution of the flow can hear."""
    return [*_deaf_waits(graph, checked), *_deaf_settings(graph, checked, settings)]


def _deaf_settings(graph: Graph, checked: Mapping[str, CheckedNode], settings: Json) -> Iterator[Problem]:
    for path, heard in _event_types(settings):
        yield from (problem(path, f"{path}{fault}") for fault in _subject_faults(heard, graph, checked))


def _event_types(settings: Json) -> Iterator[tuple[str, str]]:
    """Yield the path of every event type that settings name, whatever else they hold."""
    if not isinstance(settings, Mapping):
        return
    rules = settings.get("exitWhen")
    named = [(f"exitWhen[{place}]", rule) for place, rule in enumerate(rules if isinstance(rules, list) else ())]
    for path, rule in [*named, ("goal", settings.get("goal"))]:
        event = rule.get("event") if isinstance(rule, Mapping) else None
        kind = event.get("type") if isinstance(event, Mapping) else None
        if isinstance(kind, str):
            yield f"flow.settings.{path}.event.type", kind


def _deaf_waits(graph: Graph, checked: Mapping[str, CheckedNode]) -> list[Problem]:
    found: list[Problem] = []
    for node in graph.nodes:
        kind = checked[node.id].type
        heard = kind.hears(node.config) if isinstance(kind, ConditionType) and node.config is not None else None
        if heard is None:
            continue
        path, where = f"{node.path}.config.type", f"node {shown(node.label)}: config.type"
        if is_template(heard):
            message = f"{where} is {shown(heard)}: it takes no template; write the event type itself"
            found.append(problem(path, message, node.id))
        found += (problem(path, f"{where}{fault}", node.id) for fault in _subject_faults(heard, graph, checked))
    return found


def _subject_faults(heard: str, graph: Graph, checked: Mapping[str, CheckedNode]) -> Iterator[str]:
    """Yield what is wrong with listening for an event type behind the flow's trigger, to be put after a name."""
    kinds = SUBJECT_KINDS.get(heard)
    for trigger in graph.triggers:
        kind = checked[trigger.id].type
        if kinds is None or not isinstance(kind, TriggerType) or not kind.subject_types:
            continue
        if not kinds & set(kind.subject_types):
            yield (
                f" is {shown(heard)}, which is about a {one_of(kinds)}; the trigger {kind.name} is about a "
                f"{one_of(kind.subject_types)}, so no execution would hear it"
            )
