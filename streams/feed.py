"""Records of the execution feed as bytes that Kafka takes, whatever a flow has put into them (contract.md section 4).

A step's input and output beyond 4 KiB are cut, and a record beyond `MAX_RECORD_BYTES` loses, in this order: what steps
read and gave; long values everywhere; the ends of `path`, `waiting` and `steps`. Whatever was cut says
`truncated: true`: the input or output itself (or the object that stands for it, with its size in `bytes` and its
beginning in `head`), its step, and the record where more than that was cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.types import Json
from streams.answers import Answer, parse_answer
from streams.codecs import Poison, to_json
from streams.events import Record

MAX_VALUE_BYTES: Final = 4096
MAX_RECORD_BYTES: Final = 900_000
_MAX_ITEM_BYTES: Final = 1024
_MARK_BYTES: Final = 64
"""Room for the marks themselves."""
_CUT: Final = {"truncated": True}

Fields = dict[str, Json]


def fit_record(record: Mapping[str, Json]) -> bytes:
    """Return a record of the feed as JSON that is small enough."""
    encoded = to_json(record)
    if len(encoded) <= MAX_VALUE_BYTES:
        return encoded  # none of its steps can hold more: the usual case costs one encoding
    fitted: Fields = dict(record)
    if record.get("steps"):
        fitted["steps"] = [_fit_step(step) for step in record["steps"]]
        encoded = to_json(fitted)
    for degrade in _DEGRADATIONS:
        if len(encoded) <= MAX_RECORD_BYTES:
            break
        fitted = {**degrade(fitted), "truncated": True}
        encoded = to_json(fitted)
    return encoded


def read_result(record: Record) -> Answer:
    """Read an answer of a TAP system.

    Raises:
        Poison: it is none.
    """
    if record.value is None:
        raise Poison("is no answer: it has no value")
    return parse_answer(record.value)


# ---- one value


def shorten(value: Json, most_bytes: int) -> Json:
    """Return a value that takes `most_bytes` as JSON at most: itself, with its long strings cut, or its beginning."""
    encoded = to_json(value)
    if len(encoded) <= most_bytes:
        return value
    if isinstance(value, str):
        return _beginning(value, most_bytes - 2)
    if isinstance(value, Mapping):
        for longest in (most_bytes // 4, most_bytes // 16, most_bytes // 64):
            cut: Fields = {**_with_short_strings(value, longest), "truncated": True}
            if len(to_json(cut)) <= most_bytes:
                return cut
    head = _beginning(encoded.decode(), most_bytes - 2 * _MARK_BYTES)
    return {"truncated": True, "bytes": len(encoded), "head": head}


def _with_short_strings(value: Json, longest: int) -> Any:
    if isinstance(value, str):
        return _beginning(value, longest)
    if isinstance(value, Mapping):
        return {key: _with_short_strings(item, longest) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_with_short_strings(item, longest) for item in value]
    return value


def _beginning(text: str, most_bytes: int) -> str:
    """Return the beginning of a text that takes so many bytes inside a JSON string, `…` included where it was cut."""
    if len(to_json(text)) - 2 <= most_bytes:
        return text
    low, high = 0, min(len(text), most_bytes)
    while low < high:
        middle = (low + high + 1) // 2
        if len(to_json(text[:middle])) + 1 <= most_bytes:
            low = middle
        else:
            high = middle - 1
    return text[:low] + "…"


# ---- the record, degraded step by step


def _fit_step(step: Mapping[str, Json]) -> Fields:
    fitted: Fields = dict(step)
    for name in ("input", "output"):
        value = step.get(name)
        short = shorten(value, MAX_VALUE_BYTES)
        if short is not value:
            fitted[name] = short
            fitted["truncated"] = True
    return fitted


def _without_values(record: Fields) -> Fields:
    """Leave out what steps read and gave."""
    if "steps" not in record:
        return record
    steps = [
        {
            **step,
            "input": _CUT if step.get("input") else step.get("input"),
            "output": _CUT if step.get("output") else step.get("output"),
            "truncated": True,
        }
        for step in record["steps"]
    ]
    return {**record, "steps": steps}


def _with_short_values(record: Fields) -> Fields:
    """Shorten every long value, keeping the shape: messages of errors, ids, whatever an event called its cause."""
    return {name: _short_field(value) for name, value in record.items()}


def _short_field(value: Json) -> Json:
    if isinstance(value, (list, tuple)):
        return [_short_fields(item) for item in value]
    return _short_fields(value)


def _short_fields(value: Json) -> Json:
    """Shorten the fields of an object of the feed, and those of an error inside it."""
    if not isinstance(value, Mapping):
        return shorten(value, _MAX_ITEM_BYTES)
    return {
        name: {key: shorten(one, _MAX_ITEM_BYTES) for key, one in field.items()}
        if isinstance(field, Mapping)
        else shorten(field, _MAX_ITEM_BYTES)
        for name, field in value.items()
    }


def _with_short_lists(record: Fields) -> Fields:
    """Cut the ends of the long lists, each to a share of what may be: steps half, path and waiting a quarter."""
    short = dict(record)
    shares = {"steps": MAX_RECORD_BYTES // 2, "path": MAX_RECORD_BYTES // 5, "waiting": MAX_RECORD_BYTES // 5}
    for name, share in shares.items():
        if name in record:
            short[name] = _first_items(record[name], share)
    return short


def _first_items(items: list[Json], most_bytes: int) -> list[Json]:
    kept: list[Json] = []
    for item in items:
        most_bytes -= len(to_json(item)) + 1
        if most_bytes < 0:
            break
        kept.append(item)
    return kept


_DEGRADATIONS: Final[tuple[Callable[[Fields], Fields], ...]] = (_without_values, _with_short_values, _with_short_lists)
