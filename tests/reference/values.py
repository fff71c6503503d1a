"""Values, times and ids as the product page and the contract describe them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

MISSING = object()
NAMESPACE = UUID("6f0c1f0e-6d5b-5f0a-9a53-3c2f8e0b7a11")


def made_id(*parts: Any) -> str:
    """The uuid5 of a JSON array without spaces."""
    return str(uuid5(NAMESPACE, json.dumps(parts, separators=(",", ":"), ensure_ascii=False)))


def written(ms: int) -> str:
    """A time as it is written."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
    whole = moment.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{ms % 1000:03}Z" if ms % 1000 else f"{whole}Z"


def read(text: Any) -> int | None:
    """A time in milliseconds; None where it is none."""
    if not isinstance(text, str) or len(text) < 10:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def same(one: Any, other: Any) -> bool:
    """JSON equality: 1 = 1.0, "1" is not 1, true is not 1."""
    if is_number(one) and is_number(other):
        return bool(one == other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and bool(one == other)


def compare(operator: str, found: Any, wanted: Any) -> bool:
    """The operators of if_field_match; `found` may be MISSING."""
    if operator == "equals":
        return found is not MISSING and same(found, wanted)
    if operator == "not_equals":
        return found is MISSING or not same(found, wanted)
    if operator == "exists":
        return found is not MISSING and found is not None
    if operator == "not_exists":
        return found is MISSING or found is None
    if operator == "greater_than":
        return is_number(found) and is_number(wanted) and found > wanted
    if operator == "less_than":
        return is_number(found) and is_number(wanted) and found < wanted
    if operator == "contains":
        if isinstance(found, list):
            return any(same(item, wanted) for item in found)
        return isinstance(found, str) and isinstance(wanted, str) and wanted.lower() in found.lower()
    if operator == "in":
        return any(same(found, item) for item in wanted)
    if operator == "starts_with":
        return isinstance(found, str) and found.startswith(wanted)
    raise AssertionError(operator)
