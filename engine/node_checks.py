"""One node on its own: its subtype, config and options (product.md section 1). Knows no other node and no edge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from engine.drawing import GraphNode
from engine.json_values import is_number
from engine.keys import did_you_mean
from engine.nodes.base import ConditionType, NodeType, TriggerType
from engine.nodes.configs import check_config
from engine.nodes.fields import YEAR_SECONDS
from engine.nodes.registry import node_types
from engine.options import option_faults
from engine.problems import Problem, one_of, problem, shown
from engine.types import Json


@dataclass(frozen=True, slots=True)
class CheckedNode:
    """What is known of a node: its type (None where unknown), whether it takes time, its
    outcomes, and what was found.
    """

    node: GraphNode
    type: NodeType | None
    waits: bool
    ports: tuple[str, ...]
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()


def check_node(node: GraphNode) -> CheckedNode:
    """Check a node. One whose type is unknown is taken to wait, so that its cycle gives no second error."""
    kind, wrong = _type_of(node)
    given = node.options or {}
    options = [_at(node, path, message) for path, message in option_faults(given, kind)]
    if kind is None:
        return CheckedNode(node, None, waits=True, ports=(), errors=(*wrong, *options))
    if node.config is None:
        return CheckedNode(node, kind, waits=not isinstance(kind, TriggerType), ports=(), errors=tuple(options))
    config, faults = check_config(kind, dict(node.config))
    errors = (*(_at(node, path, message) for path, message in faults), *options)
    return CheckedNode(
        node=node,
        type=kind,
        waits=given.get("awaitResult") is True or _waits(kind, config, node.config),
        ports=_ports(kind, node.config),
        errors=errors,
        warnings=(*_warnings(node, kind, config), *_option_warnings(node, given)),
    )


def _type_of(node: GraphNode) -> tuple[NodeType | None, tuple[Problem, ...]]:
    if node.subtype is None or node.kind is None:
        return None, ()
    path, where = f"{node.path}.subtype", f"node {shown(node.label)}: subtype {shown(node.subtype)}"
    kind = node_types().get(node.subtype)
    if kind is None:
        known = {name for name, one in node_types().items() if one.kind == node.kind}
        hint = did_you_mean(node.subtype, known)
        return None, (problem(path, f"{where} is unknown{hint}; {node.kind}s are: {one_of(known)}", node.id),)
    if kind.kind != node.kind:
        article = "an" if kind.kind == "action" else "a"
        message = f"{where} is {article} {kind.kind}, not {shown(node.kind)}; make its type {shown(kind.kind)}"
        return None, (problem(f"{node.path}.type", message, node.id),)
    return kind, ()


def _waits(kind: NodeType, config: BaseModel | None, raw: Mapping[str, Json]) -> bool:
    """Whether a node takes time. What a template will say is not known here: its key counts as not set."""
    if isinstance(kind, TriggerType):
        return False
    if config is not None:
        return bool(kind.waits(config))
    plain = {key: value for key, value in raw.items() if "{{" not in str(value) and "{%" not in str(value)}
    try:
        return bool(kind.waits(kind.config.model_construct(**plain)))
    except (AttributeError, TypeError, ValueError):
        return True


def _ports(kind: NodeType, raw: Mapping[str, Json]) -> tuple[str, ...]:
    if isinstance(kind, ConditionType) and kind.outcomes is not None:
        return kind.outcomes(raw)
    return kind.ports


def _warnings(node: GraphNode, kind: NodeType, config: BaseModel | None) -> tuple[Problem, ...]:
    if config is None:
        return ()
    warning = kind.warn(config)
    return (_at(node, "config", warning),) if warning else ()


def _option_warnings(node: GraphNode, options: Mapping[str, Json]) -> Iterator[Problem]:
    seconds = options.get("timeoutSeconds")
    if options.get("awaitResult") is True and seconds is not None and is_number(seconds) and seconds > YEAR_SECONDS:
        path = "options.timeoutSeconds"
        yield _at(node, path, f"{path} is {seconds}, more than a year; is it meant to be?")


def _at(node: GraphNode, path: str, message: str) -> Problem:
    below = path if path.startswith(("config", "options")) else f"config.{path}"
    return problem(f"{node.path}.{below}", f"node {shown(node.label)}: {message}", node.id)
