"""Read what a person hands in as a file: YAML or JSON, from a path or stdin. Knows nothing of what is inside."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from cli.flow_yaml import YamlError, read_yaml

STDIN = "-"


def name_of(file: str) -> str:
    """Return what a person calls a file that was named so."""
    return "stdin" if file == STDIN else file


class DocumentError(ValueError):
    """A file cannot be read as one YAML or JSON value; the message says why, without the file's name."""


def read_bytes(file: str) -> bytes:
    """Read a file, or stdin where it is `-`.

    Raises:
        DocumentError: it cannot be opened or read.
    """
    try:
        return sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        raise DocumentError(f"cannot be read: {error.strerror or error}") from error


def read_document(file: str) -> Any:
    """Read one value of a file: JSON where its name ends in `.json`, else YAML, which JSON is nearly always too.

    Raises:
        DocumentError: see there.
    """
    try:
        text = read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DocumentError(f"is no UTF-8 text (byte {error.start})") from error
    if file.endswith(".json"):
        return _read_json(text)
    try:
        return read_yaml(text)
    except YamlError as error:
        raise DocumentError(f"is no YAML that can be read: {error}") from error


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise DocumentError(f"is no JSON: line {error.lineno}, column {error.colno}: {error.msg}") from error
    except RecursionError as error:
        raise DocumentError("is nested too deep to be read") from error
    except ValueError as error:
        raise DocumentError(f"is no JSON that can be read: {error}") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON value")
