"""A published version compiled for running: nodes by rank, edges by port, configs and templates ready to use.

Rank, ports and joins are fixed here, at publish; the interpreter only follows them (product.md section 2, Waves).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from engine.config_templates import ConfigTemplate, compile_config
from engine.entry_rules import EntryRule, entry_rule
from engine.exit_rules import Exits, compile_exits
from engine.flow import Edge, FlowVersion, Node
from engine.goals import PlanGoal, compile_goal
from engine.holdout import Holdout
from engine.message_rules import MessageRules
from engine.nodes.base import ERROR, ConditionType, NodeType, TriggerType
from engine.nodes.registry import node_types
from engine.options import Options, read_options
from engine.ranks import rank_nodes, rank_rest
from engine.resuming import OnResume
from engine.setting_models import read_setting
from engine.systems import BY_EVENT_TYPE
from engine.types import FlowId, Json, NodeId, Scope, scope_of


class PlanError(ValueError):
    """A version that is not valid reached the compiler; validation before publish keeps this from happening."""


@dataclass(frozen=True, slots=True)
class PlanEdge:
    """A way out of a node: its place in the flow's order, where it leads, and whether it is a back edge."""

    order: int
    source: int
    target: int
    back: bool


@dataclass(frozen=True, slots=True)
class PlanNode:
    """A reachable node.

    `config` is the validated model and `wire` its JSON for the trail, made once; both are None where templates are
    rendered at each run.
    """

    rank: int
    id: NodeId
    ref: str | None
    type: NodeType
    config: BaseModel | None
    wire: Mapping[str, Json] | None
    template: ConfigTemplate | None
    join_all: bool
    awaits: Options | None
    """How answers to its commands are awaited; None where they are not."""
    ports: Mapping[str, tuple[PlanEdge, ...]]
    default: tuple[PlanEdge, ...]

    def edges(self, port: str) -> tuple[PlanEdge, ...]:
        """Return the edges that a port follows: those with its label, else the unlabelled; `error` only its own."""
        labelled = self.ports.get(port)
        if labelled is not None:
            return labelled
        return () if port == ERROR else self.default


@dataclass(frozen=True, slots=True)
class Plan:
    """A version ready to run. `nodes[r]` is the node of rank r; the trigger has rank 0.

    The first `reachable` nodes are those that the trigger reaches. Only an execution that comes from another version
    can stand at one of the others.
    """

    flow_id: FlowId
    version: int
    name: str
    user_id: str | None
    workspace_id: str | None
    nodes: tuple[PlanNode, ...]
    reachable: int
    by_id: Mapping[str, PlanNode]
    refs: Mapping[str, NodeId]
    """Node ids by ref, for `steps.<ref>`."""
    edge_sources: Mapping[int, int]
    """Edge order → rank of its source, for `previousNode` at a join."""
    entry: EntryRule
    """How often a subject enters."""
    holdout: Holdout | None
    """Who does not."""
    messages: MessageRules | None
    """How often and when people may be written to."""
    on_resume: OnResume | None
    """What becomes of matches that a pause held."""
    reach: tuple[frozenset[int], ...]
    """For each rank, the ranks a branch there can still reach; empty tuples where no node joins `all`."""
    exits: Exits
    """What ends its executions before their time."""
    goal: PlanGoal | None
    """What they are for."""
    hears: frozenset[str]
    """The event types that can move its executions."""

    @property
    def scope(self) -> Scope | None:
        """Whose events reach this flow."""
        return scope_of(self.user_id, self.workspace_id)

    @property
    def names(self) -> frozenset[str]:
        """The ids of the nodes that the trigger reaches."""
        return frozenset(node.id for node in self.nodes[: self.reachable])

    @property
    def trigger(self) -> PlanNode:
        """The trigger."""
        return self.nodes[0]


def compile_plan(version: FlowVersion) -> Plan:
    """Compile a published version.

    Raises:
        PlanError: the version is not valid (no trigger, an unknown subtype, a config that does not fit).
    """
    types = node_types()
    by_id = {node.id: node for node in version.nodes}
    triggers = [node for node in version.nodes if isinstance(types.get(node.subtype), TriggerType)]
    if len(triggers) != 1:
        raise PlanError(f"flow {version.flow_id} version {version.version} has {len(triggers)} triggers, not one")
    edges = [edge for edge in version.edges if edge.source_node_id in by_id and edge.target_node_id in by_id]
    if any(edge.target_node_id == triggers[0].id for edge in edges):
        raise PlanError(f"flow {version.flow_id} version {version.version} has an edge into its trigger")
    try:
        entry = entry_rule(version.settings)
        holdout = read_setting(Holdout, version.settings, "holdout")
        on_resume = read_setting(OnResume, version.settings, "onResume")
        exits = compile_exits(version.settings)
        messages = read_setting(MessageRules, version.settings, "messages")
        goal = compile_goal(version.settings)
    except ValueError as error:
        raise PlanError(f"flow {version.flow_id} version {version.version}: {error}") from error
    ends = [(edge.source_node_id, edge.target_node_id) for edge in edges]
    order, back = rank_nodes(triggers[0].id, ends)
    rest, back_of_rest = rank_rest([node.id for node in version.nodes], order, ends)
    reached = len(order)
    order, back = [*order, *rest], back | back_of_rest
    rank_of = {node_id: rank for rank, node_id in enumerate(order)}
    ways = list(enumerate(edges))
    nodes = tuple(_plan_node(by_id[NodeId(node_id)], rank, ways, rank_of, back) for rank, node_id in enumerate(order))
    return Plan(
        flow_id=version.flow_id,
        version=version.version,
        name=version.name,
        user_id=version.user_id,
        workspace_id=version.workspace_id,
        nodes=nodes,
        reachable=reached,
        by_id={node.id: node for node in nodes},
        refs={node.ref: node.id for node in nodes if node.ref},
        entry=entry,
        holdout=holdout,
        messages=messages,
        on_resume=on_resume,
        edge_sources={index: rank_of[edge.source_node_id] for index, edge in ways},
        reach=_reach(nodes) if any(node.join_all for node in nodes) else (),
        exits=exits,
        goal=goal,
        hears=exits.event_types
        | frozenset({goal.listener.type} if goal else ())
        | frozenset(BY_EVENT_TYPE if exits.has_conditions else ())
        | frozenset(
            heard
            for node in nodes
            if isinstance(node.type, ConditionType) and (heard := node.type.hears(by_id[node.id].config))
        ),
    )


def _plan_node(
    node: Node, rank: int, edges: list[tuple[int, Edge]], rank_of: Mapping[str, int], back: frozenset[int]
) -> PlanNode:
    kind = node_types().get(node.subtype)
    if kind is None:
        raise PlanError(f"node {node.id} has the unknown subtype {node.subtype!r}")
    try:
        template = None if isinstance(kind, TriggerType) else compile_config(node.config)
        config = None if template else kind.config.model_validate(node.config)
        options = read_options(node.options)
    except ValueError as error:
        raise PlanError(f"node {node.id}: {error}") from error
    ports: dict[str, list[PlanEdge]] = {}
    default: list[PlanEdge] = []
    for index, edge in edges:
        if edge.source_node_id == node.id:
            way = PlanEdge(index, rank, rank_of[edge.target_node_id], index in back)
            label = edge.condition_label
            (default if label is None else ports.setdefault(label, [])).append(way)
    return PlanNode(
        rank=rank,
        id=node.id,
        ref=node.ref,
        type=kind,
        config=config,
        wire=config.model_dump(mode="json", by_alias=True, exclude_unset=True) if config else None,
        template=template,
        join_all=options.join == "all",
        awaits=options if options.await_result else None,
        ports={label: tuple(ways) for label, ways in ports.items()},
        default=tuple(default),
    )


def _reach(nodes: tuple[PlanNode, ...]) -> tuple[frozenset[int], ...]:
    targets: list[set[int]] = [
        {way.target for ways in (*node.ports.values(), node.default) for way in ways} for node in nodes
    ]
    reach: list[frozenset[int]] = []
    for start in range(len(nodes)):
        seen: set[int] = set()
        frontier: list[int] = list(targets[start])
        while frontier:
            rank = frontier.pop()
            if rank not in seen:
                seen.add(rank)
                frontier.extend(targets[rank])
        reach.append(frozenset(seen))
    return tuple(reach)


def static_config(node: PlanNode) -> Any:
    """Return the config of a node that has no templates; triggers never have any."""
    if node.config is None:
        raise AssertionError(f"node {node.id} has templates; render them first")
    return node.config
