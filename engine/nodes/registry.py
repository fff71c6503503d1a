"""The set of node types, found by looking into the folders: a new file is a new node type, and nothing else changes."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType, ModuleType

from engine.nodes import actions, conditions, triggers
from engine.nodes.base import NodeType


@cache
def node_types() -> Mapping[str, NodeType]:
    """Return every node type by name, sorted."""
    found = {node.name: node for package in (triggers, conditions, actions) for node in _in(package)}
    return MappingProxyType(dict(sorted(found.items())))


def _in(package: ModuleType) -> Iterator[NodeType]:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        node: NodeType = import_module(module.name).NODE
        yield node
