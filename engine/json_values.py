"""What makes two JSON values equal, and what counts as a number: the rules of `if_field_match` (product.md, 4)."""

from __future__ import annotations

from collections.abc import Mapping

from engine.types import Json


def is_number(value: Json) -> bool:
    """Whether a value is a JSON number; true and false are none."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def fits_json(number: int) -> bool:
    """Whether an integer is one that our JSON can hold: 64 bits, signed or unsigned."""
    return -(1 << 63) <= number < 1 << 64


def json_equal(left: Json, right: Json) -> bool:
    """Whether two JSON values are equal: 1 = 1.0, "1" ≠ 1, true ≠ 1; arrays in order, objects by key."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if is_number(left) and is_number(right):
        return bool(left == right)
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(json_equal(value, right[key]) for key, value in left.items())
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(json_equal, left, right))
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    return left is None and right is None


def is_member(item: Json, items: Json) -> bool:
    """Whether an item equals one of an array's; nothing is a member of what is no array."""
    return isinstance(items, (list, tuple)) and any(json_equal(item, one) for one in items)
