"""The keys of settings and options: which are built, which a later version brings, which nobody knows.

What is not built yet is refused by name, never accepted and ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from difflib import get_close_matches

from engine.problems import one_of, shown
from engine.types import Json

Fault = tuple[str, str]
"""A path below the value that was checked, and what is wrong there."""


def key_faults(value: Mapping[str, Json], path: str, built: AbstractSet[str], later: AbstractSet[str]) -> list[Fault]:
    """Return a fault for each key that is not built, naming it and its value."""
    faults: list[Fault] = []
    for key in value:
        where = f"{path}.{key}"
        if key in later:
            faults.append((where, f"{where} is {shown(value[key])}: {key} is not supported yet; leave it out"))
        elif key not in built:
            near = did_you_mean(key, built | later)
            faults.append((where, f"{where}: unknown key {shown(key)}{near}; known: {one_of(built)}"))
    return faults


def did_you_mean(word: str, known: AbstractSet[str]) -> str:
    """Return a hint for a message where a known word is close, else nothing."""
    near = get_close_matches(word[:100], sorted(known), n=1)
    return f", did you mean {near[0]}?" if near else ""
