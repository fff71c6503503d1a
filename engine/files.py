"""A flow as a file: read and check it, and give its nodes and edges the ids they have in the store.

Pure: takes the decoded YAML or JSON, knows no path and no store. Which flow a file means is for the store to find.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine import ids
from engine.file_fields import FileFlow, read_fields
from engine.flow import Edge, Node
from engine.flow_settings import setting_faults
from engine.keys import did_you_mean
from engine.problems import Problem, Validation, one_of, problem, shown, verdict
from engine.reading import build_graph
from engine.types import FlowId, Json, NodeId
from engine.validation import validate_graph

KEYS: Final = frozenset({"flow", "nodes", "edges"})

Part = Mapping[str, Json]
"""A node or an edge as it stands in the file."""


@dataclass(frozen=True, slots=True)
class FlowFile:
    """A valid flow file: only `read_flow_file` makes one."""

    flow: FileFlow
    nodes: tuple[Part, ...]
    edges: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class FileCheck:
    """What a file is worth: everything that is wrong with it, and the file where nothing is."""

    validation: Validation
    file: FlowFile | None = None


@dataclass(frozen=True, slots=True)
class Drawing:
    """The nodes and edges of a file with their ids, in the file's order."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(slots=True)
class _Ids:
    """Ids of nodes: by themselves, and by ref."""

    by_id: set[str] = field(default_factory=set)
    by_ref: dict[str, str] = field(default_factory=dict)

    def find(self, name: str) -> NodeId:
        """Return the id of the node of this id, else of this ref, as `Graph.find` does."""
        return NodeId(name if name in self.by_id else self.by_ref.get(name, name))


def read_flow_file(document: Json) -> FileCheck:
    """Check a flow file: keys, fields, nodes, edges, and everything that publishing asks (`validate_graph`).

    A YAML boolean as conditionLabel is read as "true" or "false". Never raises: what is wrong is in `validation`.
    """
    if not isinstance(document, Mapping):
        what = f"the file is {shown(document)}, not an object with the keys flow, nodes and edges"
        return FileCheck(verdict([problem("", what)]))
    errors = list(_key_errors(document))
    fields, field_errors = read_fields(document.get("flow"))
    nodes, edges = document.get("nodes", []), _with_text_labels(document.get("edges", []))
    given = document.get("flow")
    given = given if isinstance(given, Mapping) else {}
    checked = _checked_drawing(document, nodes, edges, given)
    errors += [*field_errors, *checked.errors]
    if fields is None or errors:
        return FileCheck(verdict(errors, checked.warnings))
    flow_id = fields.id or ids.flow_id(fields.user_id, fields.workspace_id, fields.name)
    errors += [*_owner_errors("nodes", nodes, flow_id), *_owner_errors("edges", edges, flow_id)]
    if errors:
        return FileCheck(verdict(errors, checked.warnings))
    return FileCheck(verdict((), checked.warnings), FlowFile(fields, tuple(nodes), tuple(edges)))


def draw(file: FlowFile, flow_id: FlowId, known: Mapping[str, str]) -> Drawing:
    """Give the nodes and edges of a file their ids.

    Args:
        file: what was read.
        flow_id: the flow it means.
        known: ids by ref of the nodes the flow has already; a node keeps its id as long as it keeps its ref.
    """
    names = _node_ids(file.nodes, flow_id, known)
    nodes = tuple(
        Node.model_validate({**_without_ids(part), "id": names.find(_name(part)), "flowId": flow_id})
        for part in file.nodes
    )
    edges: list[Edge] = []
    repeats: Counter[tuple[str, str, str | None]] = Counter()
    for part in file.edges:
        drawn = Edge.model_validate({**_without_ids(part), "id": "", "flowId": flow_id})
        source, target, label = (
            names.find(drawn.source_node_id),
            names.find(drawn.target_node_id),
            drawn.condition_label,
        )
        edge_id = part.get("id") or ids.edge_id(flow_id, source, target, label, repeats[source, target, label])
        repeats[source, target, label] += 1
        edges.append(drawn.model_copy(update={"id": edge_id, "source_node_id": source, "target_node_id": target}))
    return Drawing(nodes, tuple(edges))


def _node_ids(parts: tuple[Part, ...], flow_id: FlowId, known: Mapping[str, str]) -> _Ids:
    found = _Ids(by_id={part["id"] for part in parts if part.get("id")})
    for part in parts:
        ref = part.get("ref")
        if ref is None:
            continue
        node_id = part.get("id") or known.get(ref)
        if node_id is None or (not part.get("id") and node_id in found.by_id):
            node_id = ids.node_id(flow_id, ref)
        found.by_ref[ref] = node_id
        found.by_id.add(node_id)
    return found


def _name(part: Part) -> str:
    return str(part.get("id") or part["ref"])


def _without_ids(part: Part) -> dict[str, Any]:
    return {key: value for key, value in part.items() if key not in {"id", "flowId", "flow_id"}}


def _with_text_labels(edges: Json) -> Json:
    if not isinstance(edges, list):
        return edges
    return [_with_text_label(edge) if isinstance(edge, Mapping) else edge for edge in edges]


def _with_text_label(edge: Part) -> Part:
    label = edge.get("conditionLabel")
    return {**edge, "conditionLabel": "true" if label else "false"} if isinstance(label, bool) else edge


def _checked_drawing(document: Part, nodes: Json, edges: Json, flow: Part) -> Validation:
    """Check nodes and edges. Where they cannot be read at all, that is said once, without all that follows from it."""
    settings = flow.get("settings")
    if _is_unreadable(document, "nodes"):
        wrong = () if "nodes" not in document else build_graph(nodes, ()).problems
        return verdict([*wrong, *(problem(path, message) for path, message in setting_faults(settings))])
    graph = build_graph(nodes, edges)
    checked = validate_graph(graph, settings, trigger_type=flow.get("triggerType", "event"))
    return verdict(checked.errors) if _is_unreadable(document, "edges") else checked


def _is_unreadable(document: Part, key: str) -> bool:
    """Whether a list is no list, or stands under a key that looks like a misspelling of its own."""
    if key in document:
        return not isinstance(document[key], list)
    return any(key in did_you_mean(str(one), KEYS) for one in document if one not in KEYS)


def _key_errors(document: Mapping[str, Json]) -> list[Problem]:
    errors = [
        problem(str(key)[:200], f"unknown key {shown(key)}{did_you_mean(str(key), KEYS)}; known: {one_of(KEYS)}")
        for key in document
        if key not in KEYS
    ]
    if "flow" not in document:
        errors.append(problem("flow", "the file has no flow; give it {name, userId}"))
    return errors


def _owner_errors(what: str, parts: Json, flow_id: str) -> list[Problem]:
    found: list[Problem] = []
    for index, part in enumerate(parts):
        owner = part.get("flowId", part.get("flow_id"))
        if owner is not None and owner != flow_id:
            path = f"{what}[{index}].flowId"
            found.append(problem(path, f"{path} is {shown(owner)}, another flow than {flow_id}; leave it out"))
    return found
