"""Whether a free-form value (a config, options, settings) is JSON of a sane size, before anything else looks at it.

Everything after this check may walk such a value by recursion, write it to Kafka and store it in Postgres.
"""

from __future__ import annotations

import math

from engine.json_values import fits_json
from engine.problems import shown, storable
from engine.types import Json

MAX_DEPTH = 64
"""As for events (contract.md section 2)."""
MAX_VALUES = 50_000
MAX_TEXT_CHARS = 900_000
"""Together they keep a version below the 1 MiB of a Kafka record by default."""


def json_fault(value: Json) -> str | None:
    """Say what keeps a value from being stored as JSON, or return None.

    The walk is a loop with a budget: it ends also where a YAML alias makes a value contain itself, or multiply.
    """
    values, chars = 0, 0
    rest: list[tuple[Json, int]] = [(value, 0)]
    while rest:
        item, depth = rest.pop()
        values += 1
        chars += len(item) if isinstance(item, str) else 0
        if values > MAX_VALUES:
            return f"holds more than {MAX_VALUES:,} values; make it smaller"
        if chars > MAX_TEXT_CHARS:
            return f"holds more than {MAX_TEXT_CHARS:,} characters; make it smaller"
        if depth > MAX_DEPTH:
            return f"is nested deeper than {MAX_DEPTH} levels; flatten it"
        if fault := _fault_of_one(item):
            return fault
        if isinstance(item, dict):
            rest.extend((child, depth + 1) for pair in item.items() for child in pair)
        elif isinstance(item, (list, tuple)):
            rest.extend((child, depth + 1) for child in item)
    return None


def _fault_of_one(value: Json) -> str | None:
    if isinstance(value, str):
        return _text_fault(value)
    if isinstance(value, dict):
        odd = [key for key in value if not isinstance(key, str)]
        return f"has the key {shown(odd[0])}, which is no text; put it in quotes" if odd else None
    return None if isinstance(value, (list, tuple)) else _leaf_fault(value)


def _text_fault(text: str) -> str | None:
    if "\0" in text:
        return f"holds the character U+0000 in {shown(text)}, which cannot be stored; remove it"
    if storable(text) != text:
        return f"holds half a surrogate pair in {shown(text)}, which is no Unicode text; remove it"
    return None


def _leaf_fault(value: Json) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if fits_json(value) else "holds a number beyond 64 bits; write it as text"
    if isinstance(value, float):
        return None if math.isfinite(value) else f"holds {value}, which JSON does not have"
    return f"holds {shown(value)}, which is no JSON value; put it in quotes"
