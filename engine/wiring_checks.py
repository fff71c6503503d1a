"""How the nodes of a flow hang together: labels, cycles, joins, and what nothing leads to (product.md section 1)."""

from __future__ import annotations

from collections.abc import Mapping

from engine.circuits import cycles
from engine.drawing import Graph, GraphEdge
from engine.node_checks import CheckedNode
from engine.nodes.base import ERROR
from engine.problems import Problem, problem, shown
from engine.traversal import components_with_cycles, get_reachable_nodes

MAX_NODES_SHOWN = 8
"""Of a cycle, in a message."""

Checked = Mapping[str, CheckedNode]


def wiring_errors(graph: Graph, checked: Checked) -> list[Problem]:
    """Return what is wrong between nodes."""
    edges = [found for edge in graph.edges if (found := _edge_error(graph, edge, checked[edge.source]))]
    return [*edges, *_endless_cycles(graph, checked), *_joins_in_cycles(graph)]


def wiring_warnings(graph: Graph, checked: Checked) -> list[Problem]:
    """Return what is allowed between nodes but seldom meant."""
    return [*_unreachable(graph), *_unused_outcomes(graph, checked)]


def _edge_error(graph: Graph, edge: GraphEdge, checked: CheckedNode) -> Problem | None:
    source, target = graph.by_id[edge.source], graph.by_id[edge.target]
    where = f"{edge.path} from {shown(source.label)} to {shown(target.label)}"
    if target.kind == "trigger":
        message = f"{where}: nothing leads into a trigger; let it lead to the node behind the trigger"
        return problem(f"{edge.path}.targetNodeId", message, target.id)
    kind, ports = checked.type, (*checked.ports, ERROR)
    if edge.label is None or kind is None or checked.node.config is None or edge.label in ports:
        return None
    has = ", ".join(map(shown, ports))
    message = (
        f"{where}: conditionLabel {shown(edge.label)} is no outcome of node {shown(source.label)} ({kind.name}); "
        f"it has {has}, or leave the label out"
    )
    return problem(f"{edge.path}.conditionLabel", message, source.id)


def _endless_cycles(graph: Graph, checked: Checked) -> list[Problem]:
    restless = [node.id for node in graph.nodes if not checked[node.id].waits]
    found: list[Problem] = []
    for component in components_with_cycles(restless, graph.successors):
        cycle = next(cycles(component, graph.successors))
        names = [shown(graph.by_id[node_id].label) for node_id in cycle]
        if len(names) > MAX_NODES_SHOWN:
            names[MAX_NODES_SHOWN - 1 :] = [f"{len(names) - MAX_NODES_SHOWN + 1} more"]
        way = " → ".join([*names, names[0]])
        message = f"cycle without a wait: {way}; put a delay into it, or remove an edge"
        found.append(problem(graph.by_id[cycle[0]].path, message, cycle[0]))
    return found


def _joins_in_cycles(graph: Graph) -> list[Problem]:
    looping = components_with_cycles(list(graph.by_id), graph.successors)
    nodes = [graph.by_id[node_id] for component in looping for node_id in component]
    return [
        problem(
            f"{node.path}.options.join",
            f'node {shown(node.label)}: options.join "all" inside a cycle would wait for itself; use "any"',
            node.id,
        )
        for node in nodes
        if node.options is not None and node.options.get("join") == "all"
    ]


def _unreachable(graph: Graph) -> list[Problem]:
    if len(graph.triggers) != 1:
        return []
    reached = get_reachable_nodes(graph, graph.triggers[0].id)
    return [
        problem(
            node.path,
            f"node {shown(node.label)} is not reachable from the trigger, so it never runs; connect or remove it",
            node.id,
        )
        for node in graph.nodes
        if node.id not in reached
    ]


def _unused_outcomes(graph: Graph, checked: Checked) -> list[Problem]:
    found: list[Problem] = []
    for node in graph.nodes:
        kind = checked[node.id].type
        labels = {edge.label for edge in graph.leaving[node.id]}
        if kind is None or None in labels or labels - {*checked[node.id].ports, ERROR}:
            continue  # unknown, all taken, or a label is an error already: what it was to be is not known
        unused = [shown(port) for port in checked[node.id].ports if port not in labels]
        if unused:
            outcome = "outcome" if len(unused) == 1 else "outcomes"
            message = (
                f"node {shown(node.label)}: nothing follows its {outcome} {', '.join(unused)}; the branch ends there"
            )
            found.append(problem(node.path, message, node.id))
    return found
