"""Whether a flow can be published: one function for CLI, stores and builder, which returns every problem.

It puts the checks together: what could not be read, the nodes one by one (`node_checks`), how they hang together
(`wiring_checks`), settings and trigger. The rules are those of product.md section 1. It never raises.
"""

from __future__ import annotations

from typing import Final

from engine.drawing import Graph
from engine.flow_settings import setting_faults
from engine.listening_checks import listening_errors
from engine.node_checks import CheckedNode, check_node
from engine.nodes.base import ActionType
from engine.problems import Problem, Validation, problem, shown, verdict
from engine.types import Json
from engine.wiring_checks import wiring_errors, wiring_warnings

_STARTED_OTHERWISE: Final = {"manual": "manual_trigger", "schedule": "schedule"}
"""The trigger types whose flows no event starts, and their triggers."""


def validate_graph(graph: Graph, settings: Json = None, *, trigger_type: Json = None) -> Validation:
    """Return everything that keeps a flow from being published, and what deserves a second look.

    Args:
        graph: the drawing, from `build_graph`.
        settings: `flow.settings`; None for none.
        trigger_type: `flow.triggerType`; None where the flow does not say.
    """
    checked = {node.id: check_node(node) for node in graph.nodes}
    errors = [
        *graph.problems,
        *_trigger_errors(graph),
        *(found for node in checked.values() for found in node.errors),
        *wiring_errors(graph, checked),
        *listening_errors(graph, checked, settings),
        *(problem(path, message) for path, message in setting_faults(settings)),
        *_trigger_type_errors(graph, trigger_type),
    ]
    warnings = [
        *(found for node in checked.values() for found in node.warnings),
        *wiring_warnings(graph, checked),
        *_trigger_type_warnings(graph, checked, trigger_type),
        *_cap_warnings(checked, settings),
    ]
    return verdict(errors, warnings)


def _trigger_errors(graph: Graph) -> list[Problem]:
    if not graph.triggers:
        return [problem("nodes", "the flow has no trigger; add one node of type trigger")]
    first, *others = graph.triggers
    return [
        problem(
            node.path,
            f"node {shown(node.label)} is a second trigger beside {shown(first.label)}; a flow has one, so remove it "
            "or move it to a flow of its own",
            node.id,
        )
        for node in others
    ]


def _trigger_type_errors(graph: Graph, trigger_type: Json) -> list[Problem]:
    path = "flow.triggerType"
    if trigger_type is None or trigger_type == "event":
        return []
    if not isinstance(trigger_type, str) or trigger_type not in _STARTED_OTHERWISE:
        return [problem(path, f"{path} is {shown(trigger_type)}; use event, manual or schedule")]
    trigger = _STARTED_OTHERWISE[trigger_type]
    return [
        problem(
            path,
            f'{path} is "{trigger_type}", but the trigger {shown(node.label)} is {node.subtype}; '
            f"make it {_type_for(node.subtype)}, or the trigger {trigger}",
            node.id,
        )
        for node in graph.triggers
        if node.subtype not in (None, trigger)
    ]


def _trigger_type_warnings(graph: Graph, checked: dict[str, CheckedNode], trigger_type: Json) -> list[Problem]:
    if trigger_type != "event":
        return []
    return [
        problem(
            "flow.triggerType",
            f'flow.triggerType is "event", but no event starts the trigger {shown(node.label)} ({node.subtype}); '
            f"make it {_type_for(node.subtype)}",
            node.id,
        )
        for node in graph.triggers
        if node.subtype in _STARTED_OTHERWISE.values() and checked[node.id].type is not None
    ]


def _type_for(subtype: str | None) -> str:
    """Return the trigger type of flows with a trigger."""
    return next((kind for kind, trigger in _STARTED_OTHERWISE.items() if trigger == subtype), "event")


def _cap_warnings(checked: dict[str, CheckedNode], settings: Json) -> list[Problem]:
    messages = settings.get("messages") if isinstance(settings, dict) else None
    if not isinstance(messages, dict) or not messages.get("caps"):
        return []
    return [
        problem(
            f"{node.path}.config.{kind.segment_key}",
            f"node {shown(node.label)}: caps hold for the contact the flow is about only, not for each of a segment",
            node.id,
        )
        for node, kind in ((one.node, one.type) for one in checked.values())
        if isinstance(kind, ActionType) and kind.segment_key and (node.config or {}).get(kind.segment_key) is not None
    ]
