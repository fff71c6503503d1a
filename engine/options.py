"""`node.options`: how a node takes part in its execution, whatever its type (product.md, Settings and options).

`join` is built. Awaited commands and their retries come with a later version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from engine.keys import Fault, choice_fault, key_faults
from engine.types import Json

BUILT: Final = frozenset({"join"})
LATER: Final = frozenset({"awaitResult", "timeoutSeconds", "retry"})
JOINS: Final = frozenset({"any", "all"})


def option_faults(options: Mapping[str, Json], path: str = "options") -> list[Fault]:
    """Return what is wrong with a node's options.

    `awaitResult: false` is what happens anyway, so it may be written down.
    """
    given = {key: value for key, value in options.items() if not (key == "awaitResult" and value is False)}
    faults = key_faults(given, path, BUILT, LATER)
    if "join" in given:
        faults += choice_fault(given["join"], f"{path}.join", JOINS)
    return faults
