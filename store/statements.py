"""The SQL of the store, by name: `statement("flows.get")` is the statement `-- name: get` of `queries/flows.sql`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

_NAME = re.compile(r"^-- name: (\w+)$", re.MULTILINE)


def statement(name: str) -> str:
    """Return a statement by file and name, like `flows.get`."""
    file, _, within = name.partition(".")
    return _statements(file)[within]


@cache
def _statements(file: str) -> Mapping[str, str]:
    text = (files("store") / "queries" / f"{file}.sql").read_text(encoding="utf-8")
    _, *parts = _NAME.split(text)
    return {name: body.strip() for name, body in zip(parts[::2], parts[1::2], strict=True)}
