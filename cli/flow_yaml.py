"""Read YAML as JSON: only what JSON can hold, and nothing that silently means something else.

PyYAML follows YAML 1.1, where `no` is false, 21:00 is 1260 and a date is no string, and ends a plain text in braces at
a question mark. Flow files are read by YAML 1.2 and its core schema instead. A key that stands twice and an alias are
refused, not resolved. Knows nothing of flows.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

CORE_SCALARS: tuple[tuple[str, str, str], ...] = (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", "-+.0123456789"),
)
_BLANKS = "\0 \t\r\n\x85\u2028\u2029"


class YamlError(ValueError):
    """The text is no YAML of the kind we read; the message says where and why."""


class _JsonLoader(yaml.SafeLoader):
    """A YAML loader that yields only JSON values."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 -- PyYAML's own way

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.get_event()  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                None, None, f"the alias *{event.anchor} is not read; write the value out", event.start_mark
            )
        return super().compose_node(parent, index)

    def scan_plain(self) -> yaml.ScalarToken:
        """Read a plain text as PyYAML does, but for the `?`, which is a letter like others: {body: Any thoughts?}."""
        start = end = self.get_mark()
        chunks: list[str] = []
        spaces: list[str] | None = []
        while self.peek() != "#":
            length = 0
            while not self._plain_ends_at(length):
                length += 1
            if not length:
                break
            self.allow_simple_key = False
            chunks += [*(spaces or ()), self.prefix(length)]
            self.forward(length)
            end = self.get_mark()
            spaces = self.scan_plain_spaces(self.indent + 1, start)
            if not spaces or (not self.flow_level and self.column <= self.indent):
                break
        return yaml.ScalarToken("".join(chunks), True, start, end)

    def _plain_ends_at(self, length: int) -> bool:
        ends = _BLANKS + (",[]{}" if self.flow_level else "")
        return (ch := self.peek(length)) in ends or (ch == ":" and self.peek(length + 1) in ends)


def _construct_int(loader: _JsonLoader, node: yaml.ScalarNode) -> int:
    return int(str(loader.construct_scalar(node)))


def _construct_float(loader: _JsonLoader, node: yaml.ScalarNode) -> float:
    return float(str(loader.construct_scalar(node)))


def _construct_object(loader: _JsonLoader, node: yaml.MappingNode) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode) or key_node.tag != "tag:yaml.org,2002:str":
            raise yaml.MarkedYAMLError(None, None, "a key must be a string; put it in quotes", key_node.start_mark)
        key = str(loader.construct_scalar(key_node))
        if key in found:
            raise yaml.MarkedYAMLError(None, None, f"the key {key!r} stands here twice", key_node.start_mark)
        found[key] = loader.construct_object(value_node, deep=True)
    return found


def _construct_array(loader: _JsonLoader, node: yaml.SequenceNode) -> list[Any]:
    return [loader.construct_object(item, deep=True) for item in node.value]


for _name, _pattern, _first in CORE_SCALARS:
    _tag = f"tag:yaml.org,2002:{_name}"
    _JsonLoader.add_implicit_resolver(_tag, re.compile(rf"^(?:{_pattern})$"), ["" if c == "\0" else c for c in _first])
_JsonLoader.yaml_constructors = {
    "tag:yaml.org,2002:null": yaml.SafeLoader.construct_yaml_null,
    "tag:yaml.org,2002:bool": yaml.SafeLoader.construct_yaml_bool,
    "tag:yaml.org,2002:str": yaml.SafeLoader.construct_yaml_str,
    "tag:yaml.org,2002:int": _construct_int,
    "tag:yaml.org,2002:float": _construct_float,
    "tag:yaml.org,2002:map": _construct_object,
    "tag:yaml.org,2002:seq": _construct_array,
    None: yaml.SafeLoader.construct_undefined,
}


def read_yaml(text: str) -> Any:
    """Read one YAML document.

    Raises:
        YamlError: it is no YAML, holds what JSON cannot, or is more than one document.
    """
    try:
        return yaml.load(text, Loader=_JsonLoader)  # noqa: S506 -- a SafeLoader with fewer tags
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise YamlError(f"{where}{error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise YamlError(" ".join(str(error).split())) from error
    except RecursionError as error:
        raise YamlError("nested too deep to be read") from error
    except ValueError as error:  # an integer of more digits than Python reads
        raise YamlError(str(error)) from error
