"""Read a drawing, as models or as the objects of the wire, into a graph. Never raises: what is wrong is a problem.

Only the shape is judged here: keys, types, names and ends of edges. What nodes mean is the business of `validation`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError

from engine.drawing import Graph, GraphEdge, GraphNode
from engine.flow import Edge, Node, Position
from engine.json_shape import json_fault
from engine.options import OPTIONS
from engine.problems import Problem, one_of, problem, shown, storable
from engine.types import Json, NodeKind

NODE_KINDS: Final[tuple[str, ...]] = get_args(NodeKind)
MAX_NAME_CHARS: Final = 200
"""Of an id, a ref, a subtype, a label."""

Drawn = Mapping[str, Json]
"""The keys of one drawn node or edge, by their Python names."""


def build_graph(nodes: Iterable[Node | Mapping[str, Any]], edges: Iterable[Edge | Mapping[str, Any]]) -> Graph:
    """Build the graph of a drawing.

    Args:
        nodes: models, or objects of the wire shape (contract.md section 6); a ref stands in for an absent id.
        edges: likewise, in the flow's order; refs may stand where ids stand (contract.md section 7).

    Returns:
        The graph of what could be read. Everything that could not is in its `problems`, which `validate_graph` reports.
    """
    found: list[Problem] = []
    read = _Nodes(found)
    for index, raw in _items(nodes, "nodes", found):
        read.add(index, raw)
    graph = Graph(nodes=tuple(read.nodes))
    ways = _Edges(graph, found)
    for index, raw in _items(edges, "edges", found):
        ways.add(index, raw)
    return Graph(nodes=graph.nodes, edges=tuple(ways.edges), problems=tuple(found))


class _Nodes:
    """The nodes read so far; ids and refs are unique among them."""

    def __init__(self, found: list[Problem]) -> None:
        self.nodes: list[GraphNode] = []
        self._found = found
        self._taken: dict[str, int] = {}

    def add(self, index: int, raw: Json) -> None:
        path = f"nodes[{index}]"
        drawn = _drawn(raw, Node, path, self._found)
        if drawn is None:
            return
        ref = self._name(drawn, "ref", path)
        given = self._name(drawn, "id", path)
        if given is None and ref is None and drawn.get("id") is None and drawn.get("ref") is None:
            self._found.append(problem(path, f"{path} has neither an id nor a ref; give it a ref for edges to name"))
        node_id, ref = self._free(given or ref, index, "id" if given else "ref"), self._free_ref(ref, given, index)
        where = f"node {shown(ref or node_id)}"
        kind = _text(drawn, "type", path, where, self._found, node_id)
        if kind is not None and kind not in NODE_KINDS:
            self._found.append(
                problem(f"{path}.type", f"{where}: type {shown(kind)} is not one of {', '.join(NODE_KINDS)}", node_id)
            )
            kind = None
        self._check_extras(drawn, path, where, node_id)
        self.nodes.append(
            GraphNode(
                index=index,
                id=node_id,
                ref=ref,
                kind=kind,
                subtype=_text(drawn, "subtype", path, where, self._found, node_id),
                config=_object(drawn, "config", path, where, self._found, node_id),
                options=_object(drawn, "options", path, where, self._found, node_id),
            )
        )

    def _name(self, drawn: Drawn, key: str, path: str) -> str | None:
        value = drawn.get(key)
        if value is None:
            return None
        if fault := _name_fault(value):
            self._found.append(problem(f"{path}.{key}", f"{path}: {key} {shown(value)} {fault}"))
            return None
        return str(value)

    def _free(self, name: str | None, index: int, key: str) -> str:
        """Return the name as the node's id, or its place where there is none or another node has it."""
        place = f"nodes[{index}]"
        if name is not None and name in self._taken:
            first = self._taken[name]
            self._found.append(
                problem(f"{place}.{key}", f"{place}: {key} {shown(name)} is taken by nodes[{first}]; rename one", name)
            )
            name = None
        if name is None:
            name = place
            while name in self._taken:
                name += "'"
        self._taken[name] = index
        return name

    def _free_ref(self, ref: str | None, given: str | None, index: int) -> str | None:
        if ref is None or ref == given:
            return ref
        taken_by = self._taken.get(ref, index)
        if taken_by == index:
            self._taken[ref] = index
            return ref
        if given is not None:  # without an id of its own the ref was its id, and `_free` has said so
            self._found.append(
                problem(
                    f"nodes[{index}].ref",
                    f"nodes[{index}]: ref {shown(ref)} is taken by nodes[{taken_by}] as ref or id; rename one",
                    given,
                )
            )
        return None

    def _check_extras(self, drawn: Drawn, path: str, where: str, node_id: str) -> None:
        position = drawn.get("position")
        if "position" in drawn and not _is_position(position):
            self._found.append(
                problem(f"{path}.position", f"{where}: position is {shown(position)}, not {{x, y}} in pixels", node_id)
            )
        _check_flow_id(drawn, path, where, self._found, node_id)


class _Edges:
    """The edges read so far, both ends in the graph."""

    def __init__(self, graph: Graph, found: list[Problem]) -> None:
        self.edges: list[GraphEdge] = []
        self._graph = graph
        self._found = found
        self._ids: dict[str, int] = {}

    def add(self, index: int, raw: Json) -> None:
        path = f"edges[{index}]"
        drawn = _drawn(raw, Edge, path, self._found)
        if drawn is None:
            return
        source = self._end(drawn, "source_node_id", "sourceNodeId", "comes from", path)
        target = self._end(drawn, "target_node_id", "targetNodeId", "leads to", path)
        self._check_id(drawn, index, source)
        _check_flow_id(drawn, path, path, self._found, source)
        label = drawn.get("condition_label")
        if label is not None and (fault := _name_fault(label)):
            message = f"{path}: conditionLabel {shown(label)} {fault}"
            if isinstance(label, bool):
                message = f'{path}: conditionLabel is the boolean {shown(label)}; write it as text, "{shown(label)}"'
            self._found.append(problem(f"{path}.conditionLabel", message, source))
            label = None
        if source is not None and target is not None:
            self.edges.append(GraphEdge(index=index, source=source, target=target, label=label))

    def _end(self, drawn: Drawn, name: str, key: str, verb: str, path: str) -> str | None:
        value = drawn.get(name)
        if value is None:
            self._found.append(problem(f"{path}.{key}", f"{path} has no {key}; name a node by id or ref"))
            return None
        found = self._graph.find(value)
        if found is None:
            message = f"{path} {verb} {shown(value)}, which is no node's id or ref; name a node of this flow"
            self._found.append(problem(f"{path}.{key}", message))
        return found

    def _check_id(self, drawn: Drawn, index: int, source: str | None) -> None:
        value = drawn.get("id")
        if value is None:
            return
        path = f"edges[{index}].id"
        if fault := _name_fault(value):
            self._found.append(problem(path, f"edges[{index}]: id {shown(value)} {fault}", source))
        elif (first := self._ids.setdefault(value, index)) != index:
            message = f"edges[{index}]: id {shown(value)} is taken by edges[{first}]; rename one"
            self._found.append(problem(path, message, source))


def _items(given: Any, what: str, found: list[Problem]) -> Iterable[tuple[int, Json]]:
    if isinstance(given, Iterable) and not isinstance(given, (str, bytes, bytearray, Mapping, BaseModel)):
        return enumerate(given)
    found.append(problem(what, f"{what} is {shown(given)}, not a list"))
    return ()


def _drawn(raw: Json, model: type[BaseModel], path: str, found: list[Problem]) -> Drawn | None:
    """Return the keys by their Python names; both spellings are read, as pydantic reads them."""
    if isinstance(raw, model):
        return dict(raw)
    if not isinstance(raw, Mapping):
        found.append(problem(path, f"{path} is {shown(raw)}, not an object"))
        return None
    spellings = {name: name for name in model.model_fields}
    spellings |= {str(field.alias): name for name, field in model.model_fields.items()}
    drawn: dict[str, Json] = {}
    for key, value in raw.items():
        if isinstance(key, str) and key in spellings:
            drawn[spellings[key]] = value
        else:
            known = f"known: {one_of(str(field.alias) for field in model.model_fields.values())}"
            hint = "it belongs under options" if model is Node and key in OPTIONS else known
            name = key if isinstance(key, str) and len(key) <= MAX_NAME_CHARS else shown(key)
            found.append(problem(f"{path}.{name}", f"{path} has the unknown key {shown(key)}; {hint}"))
    return drawn


def _text(drawn: Drawn, key: str, path: str, where: str, found: list[Problem], node_id: str) -> str | None:
    value = drawn.get(key)
    if value is None:
        found.append(problem(f"{path}.{key}", f"{where} has no {key}; name one", node_id))
        return None
    if fault := _name_fault(value):
        found.append(problem(f"{path}.{key}", f"{where}: {key} {shown(value)} {fault}", node_id))
        return None
    return str(value)


def _object(
    drawn: Drawn, key: str, path: str, where: str, found: list[Problem], node_id: str
) -> Mapping[str, Json] | None:
    value = drawn.get(key, {})
    if not isinstance(value, dict):
        found.append(problem(f"{path}.{key}", f"{where}: {key} is {shown(value)}, not an object of settings", node_id))
        return None
    if fault := json_fault(value):
        found.append(problem(f"{path}.{key}", f"{where}: {key} {fault}", node_id))
        return None
    return value


def _name_fault(value: Json) -> str | None:
    if not isinstance(value, str):
        return "is not text; put it in quotes"
    if not value:
        return "is empty; fill it in or leave it out"
    if len(value) > MAX_NAME_CHARS:
        return f"is longer than {MAX_NAME_CHARS} characters; shorten it"
    if "\0" in value or storable(value) != value:
        return "holds a character that cannot be stored; remove it"
    return None


def _check_flow_id(drawn: Drawn, path: str, where: str, found: list[Problem], node_id: str | None) -> None:
    value = drawn.get("flow_id")
    if value is not None and (fault := _name_fault(value)):
        found.append(problem(f"{path}.flowId", f"{where}: flowId {shown(value)} {fault}", node_id))


def _is_position(value: Json) -> bool:
    try:
        Position.model_validate(value)
    except ValidationError:
        return False
    return True
