"""JSON from and to bytes, by the rules of contract.md section 2. Knows no shape and no topic.

What passes `parse_json` can be encoded again: orjson refuses half surrogate pairs and infinities, and reads a number
beyond 64 bits as a float.
"""

from __future__ import annotations

import json
from typing import Final, Literal

import orjson

from engine.types import Json

MAX_BYTES: Final = 1024 * 1024
MAX_NESTING: Final = 64


Fault = Literal["too_long", "not_json", "too_deep", "wrong_shape"]


class Poison(ValueError):  # noqa: N818 -- what the trade calls a record that cannot be read
    """A record cannot be read, and never will be: it belongs among the dead letters. The message says why.

    Args:
        message: why, with the value.
        fault: why, in one word of a few: by this they are counted.
    """

    def __init__(self, message: str, fault: Fault = "wrong_shape") -> None:
        super().__init__(message)
        self.fault = fault


def parse_json(text: bytes) -> Json:
    """Read JSON that came from outside.

    Raises:
        Poison: it is longer than 1 MiB, no JSON, or nested deeper than 64.
    """
    if len(text) > MAX_BYTES:
        raise Poison(f"is {len(text)} bytes long; {MAX_BYTES} is the most", "too_long")
    try:
        decoded = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Poison(f"is no JSON: {error}", "not_json") from error
    # Brackets are counted first: this is all that ordinary events cost.
    if text.count(b"{") + text.count(b"[") > MAX_NESTING and _nesting(text) > MAX_NESTING:
        raise Poison(f"is nested deeper than {MAX_NESTING}", "too_deep")
    return decoded


def to_json(value: Json) -> bytes:
    """Write a value as JSON in UTF-8, whatever a flow has made of it.

    A number beyond 64 bits is written with all its digits, half a surrogate pair as a question mark.
    """
    try:
        return orjson.dumps(value)
    except TypeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")


def _nesting(text: bytes) -> int:
    """Return how deep the brackets of a valid JSON text nest, not counting those inside strings."""
    deepest = depth = 0
    inside = escaped = False
    for byte in text:
        if inside:
            inside = escaped or byte != 0x22
            escaped = not escaped and byte == 0x5C
        elif byte == 0x22:
            inside = True
        elif byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest
