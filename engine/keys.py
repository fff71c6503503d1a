"""The keys of settings and options that nobody knows: refused by name, never accepted and ignored."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from difflib import get_close_matches

from engine.problems import one_of, shown
from engine.types import Json

Fault = tuple[str, str]
"""A path below the value that was checked, and what is wrong there."""


def key_faults(value: Mapping[str, Json], path: str, known: AbstractSet[str]) -> list[Fault]:
    """Return a fault for each key that is not known, naming it."""
    faults: list[Fault] = []
    for key in value:
        where = f"{path}.{key}"
        if key not in known:
            near = did_you_mean(key, known)
            faults.append((where, f"{where}: unknown key {shown(key)}{near}; known: {one_of(known)}"))
    return faults


def did_you_mean(word: str, known: AbstractSet[str]) -> str:
    """Return a hint for a message where a known word is close, else nothing."""
    near = get_close_matches(word[:100], sorted(known), n=1)
    return f", did you mean {near[0]}?" if near else ""
