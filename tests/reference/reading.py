"""What a node can read (section 3 of the page), and config with its templates filled in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.reference.facts import History
from tests.reference.values import MISSING, written

Look = Callable[[str], Any]
"""Looks a path up; gives MISSING where nothing is there."""


def looker(
    event: dict[str, Any], history: History, now: int, user: str, outputs: dict[str, Any], previous: Any
) -> Look:
    """What is read of an execution that this event started."""
    contact = event["subject"][1] if event["subject"][0] == "contact" else None
    engagement = history.engagement(contact, event["payload"].get("campaignId"))
    told = {word: engagement[word] for word in ("opened", "clicked", "replied")}
    roots = {
        "event": {**told, **event["payload"]},
        "metadata": event["metadata"],
        "trigger": {"type": event["type"], "source": event["source"], "timestamp": written(event["at"])},
        "engagement": engagement,
        "contact": history.contact(contact) if contact else {},
        "user": history.profile("user", user),
        "previousNode": {"output": previous},
        "steps": {node: {"output": output} for node, output in outputs.items()},
        "now": written(now),
    }

    def look(path: str) -> Any:
        value: Any = roots
        for part in path.split("."):
            if isinstance(value, list) and part.isdigit() and int(part) < len(value):
                value = value[int(part)]
            elif isinstance(value, dict) and part in value:
                value = value[part]
            else:
                return MISSING
        return value

    return look


def rendered(value: Any, look: Look) -> Any:
    """Fill in the templates: one that is all of a text keeps the type of its value."""
    if isinstance(value, dict):
        return {key: rendered(item, look) for key, item in value.items()}
    if not isinstance(value, str) or "{{" not in value:
        return value
    before, _, rest = value.partition("{{")
    path, _, after = rest.partition("}}")
    found = look(path.strip())
    if not before and not after:
        return "" if found is MISSING else found
    return before + ("" if found is MISSING or found is None else str(found)) + after
