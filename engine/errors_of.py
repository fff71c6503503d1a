"""Turn a rendered config that does not fit into the failure of a step."""

from __future__ import annotations

from pydantic import ValidationError

from engine.nodes.base import Failed
from engine.types import Json
from engine.wording import first_fault, plain


def rendered_config_error(error: ValidationError) -> Failed:
    """Return the failure that names the first key that does not fit, and the value it was rendered to."""
    field, first = first_fault(error, "config")
    value: Json = first.get("input")
    shown = repr(value)
    if len(shown) > 80:
        shown = f"{shown[:77]}..."
    return Failed("bad_config", f"{field} was rendered to {shown}: {plain(first)}", field, _plain(value))


def _plain(value: Json) -> Json:
    if value is None or isinstance(value, (int, float, bool)):
        return value
    return (value if isinstance(value, str) else repr(value))[:200]
