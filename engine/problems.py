"""What validation says: problems with where they are, and how a value is shown in a message. Knows no rule."""

from __future__ import annotations

import json
from collections.abc import Iterable

from engine.types import Json
from engine.wire import Wire

MAX_SHOWN_CHARS = 80
_MAX_SHOWN_BITS = 256


class Problem(Wire):
    """One thing that is wrong, or worth a second look: where it is, at which node, and what to do about it.

    `path` is of the file's shape (`nodes[2].config.threshold`, `edges[0].conditionLabel`, `flow.settings.goal`).
    """

    path: str
    node_id: str | None = None
    message: str


class Validation(Wire):
    """The answer of `validate_graph`: valid where there are no errors; warnings keep nothing from being published."""

    is_valid: bool
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def problem(path: str, message: str, node_id: str | None = None) -> Problem:
    """Make a problem out of any text: what UTF-8 cannot hold (lone surrogates) is written as an escape."""
    return Problem(
        path=storable(path), message=storable(message), node_id=None if node_id is None else storable(node_id)
    )


def verdict(errors: Iterable[Problem], warnings: Iterable[Problem] = ()) -> Validation:
    """Make the answer of what was found."""
    found = tuple(errors)
    return Validation(is_valid=not found, errors=found, warnings=tuple(warnings))


def storable(text: str) -> str:
    """Write what UTF-8 cannot hold as an escape."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def shown(value: Json) -> str:
    """Show a value in a message: as JSON, and short, whatever it is."""
    if isinstance(value, str):
        text = storable(json.dumps(value[: MAX_SHOWN_CHARS + 1], ensure_ascii=False))
    elif isinstance(value, int) and value.bit_length() > _MAX_SHOWN_BITS:
        return "a very large number"
    elif value is None or isinstance(value, (bool, int, float)):
        text = json.dumps(value)
    elif isinstance(value, (list, tuple)):
        return "an array"
    else:
        return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[: MAX_SHOWN_CHARS - 3]}..."


def kind_of(value: Json) -> str:
    """Say what a value is without showing it: for logs, where the values of records are nobody's to read."""
    if isinstance(value, str):
        return f"a text of {len(value):,} characters"
    if isinstance(value, (bool, type(None))):
        return json.dumps(value)
    return "a number" if isinstance(value, (int, float)) else shown(value)


def one_of(names: Iterable[str]) -> str:
    """List names for a message, sorted."""
    return ", ".join(sorted(names))
