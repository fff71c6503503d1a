"""Write JSON values as YAML that is pleasant to read, and that every YAML reader reads as the same values.

The other half of `cli.flow_yaml`: a string that either YAML 1.2 or the 1.1 of PyYAML would read as something else is
quoted. Keys keep their order. Knows nothing of flows.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

from cli.flow_yaml import CORE_SCALARS

ONE_LINE_CHARS = 100
"""A small object or list of scalars, such as an edge, stands on one line."""
BLOCK_LEVELS = 2
"""The outermost levels never do."""
NEVER_WRAPPED = 2**31
ODD_BREAKS = re.compile("[\r\x85\u2028\u2029]")
"""Ends of lines to YAML 1.1: only escaped they stay what they are."""


class _Dumper(yaml.SafeDumper):
    """A dumper of JSON values; `level` is how deep the value being written lies."""

    level = 0

    def ignore_aliases(self, _data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002 -- PyYAML's
        """Indent lists below their key."""
        return super().increase_indent(flow, False)


def write_yaml(value: Any) -> str:
    """Write a JSON value as one YAML document, ending with a newline."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=NEVER_WRAPPED)
    return text


def _represent_object(dumper: _Dumper, value: dict[str, Any]) -> yaml.Node:
    return _deeper(dumper, value, list(value.values()), lambda: dumper.represent_dict(value))


def _represent_array(dumper: _Dumper, value: list[Any]) -> yaml.Node:
    return _deeper(dumper, value, value, lambda: dumper.represent_list(value))


def _deeper(dumper: _Dumper, value: Any, children: list[Any], represent: Any) -> yaml.Node:
    one_line = dumper.level >= BLOCK_LEVELS and _is_short(value, children)
    dumper.level += 1
    try:
        node: yaml.CollectionNode = represent()
    finally:
        dumper.level -= 1
    node.flow_style = one_line or not children
    return node


def _is_short(value: Any, children: list[Any]) -> bool:
    if any(isinstance(child, (dict, list)) or (isinstance(child, str) and "\n" in child) for child in children):
        return False
    return len(json.dumps(value, ensure_ascii=False)) <= ONE_LINE_CHARS


def _represent_text(dumper: _Dumper, value: str) -> yaml.Node:
    style = None
    if ODD_BREAKS.search(value):
        style = '"'
    elif "\n" in value.strip("\n") and not value[0].isspace():
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


for _name, _pattern, _first in CORE_SCALARS:
    _start = ["" if c == "\0" else c for c in _first]
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(rf"^(?:{_pattern})$"), _start)
_Dumper.add_representer(dict, _represent_object)
_Dumper.add_representer(list, _represent_array)
_Dumper.add_representer(str, _represent_text)
