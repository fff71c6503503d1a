"""Whether an event is one that somebody listens for: a wait, an exit rule, a goal. Knows no node and no run."""

from __future__ import annotations

from collections.abc import Mapping

from engine.events import Event, opaque_id
from engine.json_values import json_equal
from engine.types import Json


def is_heard(kind: str, match: Mapping[str, Json], event: Event) -> bool:
    """Whether an event has the type, and in its payload every value that is wanted.

    Args:
        kind: the event type.
        match: payload fields and the values they must have. Nothing (null, or a template that found nothing) wants a
            field without a value, so that an opening without a campaign is not answered by the reply to another.
        event: what happened.
    """
    return event.type == kind and all(_agrees(field, wanted, event) for field, wanted in match.items())


def _agrees(field: str, wanted: Json, event: Event) -> bool:
    value = event.payload.get(field)
    if wanted is None or wanted == "":
        return value is None or value == ""
    if field.endswith("Id"):  # an integer is read as its decimal text (contract.md section 2)
        return opaque_id(wanted) is not None and opaque_id(wanted) == opaque_id(value)
    return json_equal(wanted, value)
