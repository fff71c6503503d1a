"""The outputs of steps, as nodes read them, and how large a value is as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Final

from engine.types import Json, NodeId

SMALL: Final = 256
"""The weight up to which a value is small: about its characters, of which one takes six bytes at the most."""
_NUMBER_WEIGHT: Final = 5

_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class StepOutputs(Mapping[str, Json]):
    """`steps.<ref or id>.output`: outputs by node id, found by ref as well."""

    __slots__ = ("_outputs", "_refs")

    def __init__(self, outputs: Mapping[str, Json], refs: Mapping[str, NodeId]) -> None:
        self._outputs = outputs
        self._refs = refs

    def __getitem__(self, name: str) -> Json:
        return {"output": self._outputs[self._refs.get(name, NodeId(name))]}

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())

    def _names(self) -> dict[str, None]:
        """Return the refs and ids of steps that gave something: a node that has not run is none of them."""
        refs = (ref for ref, node_id in self._refs.items() if node_id in self._outputs)
        return dict.fromkeys((*refs, *self._outputs))

    def __repr__(self) -> str:
        return repr(dict(self))


def json_bytes(value: Json) -> int:
    """Return the size of a value as JSON in UTF-8, in bytes."""
    return len(_ENCODER.encode(value).encode("utf-8", "surrogatepass"))


def is_small(value: Json) -> bool:
    """Whether a value weighs so little that its bytes are not worth a count; only its beginning is looked at."""
    return _left_by(value, SMALL) >= 0


def _left_by(value: Json, left: int) -> int:
    """Return what a value leaves of a weight; less than nothing where it is too much."""
    if isinstance(value, str):
        return left - len(value) - 1
    if isinstance(value, dict):
        for key, item in value.items():
            # The texts of a config: a call for each would be most of the time that this takes.
            left -= len(key) + len(item) + 2 if isinstance(item, str) else len(key) + 1 + left - _left_by(item, left)
            if left < 0:
                break
        return left - 1
    if isinstance(value, (list, tuple)):
        for item in value:
            left = _left_by(item, left)
            if left < 0:
                break
        return left - 1
    return left - _NUMBER_WEIGHT
