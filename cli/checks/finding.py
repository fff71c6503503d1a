"""What a look at something found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

SHOWN: Final = 5


class Finding(NamedTuple):
    """One thing that was looked at: what, whether it is as it must be, and what was seen."""

    check: str
    ok: bool
    detail: str


def some(names: Sequence[object]) -> str:
    """Name the first few."""
    shown = ", ".join(map(str, names[:SHOWN]))
    return f"{shown} and {len(names) - SHOWN:,} more" if len(names) > SHOWN else shown
